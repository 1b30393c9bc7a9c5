//! The timeline as a picture: what happened to each address, from the event that weakened it to the read that confirmed its
//! restore.
//!
//! It is made of rows of HTML, and not of one drawing: text has the size of the page's at every width, on paper too.
//!
//! Caveat: an exposure may last for days and another one for minutes. Then the axis is logarithmic, and says so.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::html::{breakable, esc, whole};
use super::words::{count, exposed, span, time};
use super::{Affected, Incident};

/// Rows that are drawn; the tables below have all of them.
const MOST_ROWS: usize = 40;
/// Ages at which a logarithmic axis may have a tick, in seconds.
const AGES: [u64; 10] =
    [60, 600, 3_600, 6 * 3_600, 86_400, 3 * 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400, 90 * 86_400];
/// Seconds between two ticks of a linear axis.
const STEPS: [i64; 17] =
    [1, 5, 10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 7 * 86_400, 30 * 86_400];
/// Ticks that a linear axis has at most.
const MOST_TICKS: f64 = 6.0;
/// How near to each other two ticks may be, in hundredths of the axis: on a wide page, and on a phone.
const BETWEEN: (f64, f64) = (12.0, 24.0);
/// How much farther from the ends of the axis: labels there stand beside their tick.
const AT_AN_END: f64 = 1.5;
/// How many times longer than the shortest exposure the axis may be before it is logarithmic.
const TOO_LONG: f64 = 20.0;
/// Seconds below which a logarithmic axis is linear: a restore takes as long, and is not what the picture is about.
const FINE: f64 = 60.0;

/// Where times are in the picture.
struct Axis {
    first: Timestamp,
    end: Timestamp,
    /// Seconds from the first time to the end.
    oldest: f64,
    is_logarithmic: bool,
}

struct Tick {
    at: f64,
    label: String,
    /// Whether there is room for it on a phone.
    is_main: bool,
}

impl Axis {
    fn of(times: impl Iterator<Item = Timestamp>, shortest: Option<f64>) -> Option<Self> {
        let (mut first, mut end) = (None::<Timestamp>, None::<Timestamp>);
        for at in times {
            first = Some(first.map_or(at, |known| known.min(at)));
            end = Some(end.map_or(at, |known| known.max(at)));
        }
        let (first, end) = (first?, end?);
        let oldest = end.duration_since(first).as_secs_f64().max(1.0);
        let is_logarithmic =
            oldest > 10.0 * FINE && shortest.is_some_and(|shortest| oldest > TOO_LONG * shortest.max(1.0));
        Some(Self { first, end, oldest, is_logarithmic })
    }

    /// Hundredths from the left.
    fn at_age(&self, seconds: f64) -> f64 {
        let share = match self.is_logarithmic {
            true => (seconds.max(0.0) / FINE).ln_1p() / (self.oldest / FINE).ln_1p(),
            false => seconds.max(0.0) / self.oldest,
        };
        100.0 * (1.0 - share.min(1.0))
    }

    fn at(&self, at: Timestamp) -> f64 {
        self.at_age(self.end.duration_since(at).as_secs_f64())
    }

    /// A time of day, with the day where the axis is longer than one: within a day no time is there twice.
    fn clock(&self, at: Timestamp, with_seconds: bool) -> String {
        let day = if self.oldest < 86_400.0 { "" } else { "%m-%d " };
        at.strftime(&format!("{day}{}", if with_seconds { "%H:%M:%S" } else { "%H:%M" })).to_string()
    }

    /// The ticks, from the end to the beginning.
    fn ticks(&self) -> Vec<Tick> {
        let mut marks: Vec<(f64, String)> = Vec::new();
        if self.is_logarithmic {
            let ages = std::iter::once(0).chain(AGES).filter(|age| (*age as f64) < self.oldest);
            for age in ages.chain([self.oldest as u64]) {
                let back = jiff::SignedDuration::from_secs(i64::try_from(age).unwrap_or(i64::MAX));
                let Ok(at) = self.end.checked_sub(back) else { continue };
                let before = if age == 0 { "end".to_owned() } else { format!("{} before", span(age)) };
                marks.push((self.at_age(age as f64), format!("{before}<br>{}", whole(&self.clock(at, false)))));
            }
        } else {
            let step = STEPS.into_iter().find(|step| self.oldest / (*step as f64) <= MOST_TICKS);
            let step = step.unwrap_or(90 * 86_400);
            let mut second = self.end.as_second() - self.end.as_second().rem_euclid(step);
            while second >= self.first.as_second() && marks.len() < 2 * MOST_TICKS as usize {
                if let Ok(at) = Timestamp::from_second(second) {
                    marks.push((self.at(at), whole(&self.clock(at, step < 60))));
                }
                second -= step;
            }
        }
        let leftmost = marks.last().map_or(0.0, |(at, _)| *at);
        let (mut last, mut last_main) = (f64::INFINITY, f64::INFINITY);
        let mut ticks = Vec::new();
        for (at, label) in marks {
            // The beginning of a logarithmic axis is always told, so there is room for it: its label stands right of it.
            let is_first = at <= leftmost;
            let has_room = |last: f64, between: f64| {
                let beside = if last >= 100.0 { AT_AN_END * between } else { between };
                let is_free = last - at >= if last.is_finite() { beside } else { between };
                is_free && (is_first || !self.is_logarithmic || at - leftmost >= AT_AN_END * between)
            };
            if !has_room(last, BETWEEN.0) {
                continue;
            }
            last = at;
            let is_main = has_room(last_main, BETWEEN.1);
            if is_main {
                last_main = at;
            }
            ticks.push(Tick { at, label, is_main });
        }
        ticks
    }
}

fn read(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The picture; nothing when no time is known.
pub(super) fn render(incident: &Incident) -> String {
    let of_address = |one: &Affected| {
        let mut times: Vec<Timestamp> = one.proofs.iter().filter_map(|proof| read(&proof.at)).collect();
        times.extend(one.weakenings().filter_map(|field| read(field.exposure.since.as_deref()?)));
        times.extend(one.perhaps_since().and_then(read));
        times.extend(one.culprits().iter().filter_map(|(culprit, _)| read(&culprit.at)));
        times
    };
    let own = [&incident.detected, &incident.opened, &incident.written];
    let times = own.into_iter().filter_map(|text| read(text)).chain(incident.addresses.iter().flat_map(of_address));
    let exposures = incident.addresses.iter().filter_map(|one| Some(one.exposure()?.seconds? as f64));
    let Some(axis) = Axis::of(times, exposures.reduce(f64::min)) else { return String::new() };
    let ticks = axis.ticks();
    let seen = read(&incident.detected).map(|detected| axis.at(detected));
    let rows = incident.addresses.len().min(MOST_ROWS);
    let scale = if axis.is_logarithmic { "Logarithmic time axis" } else { "Time axis" };
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "<p class=\"faint\">{scale}, from {} to {}; first seen by this program at {}.</p>",
        whole(&time(&axis.first.to_string())),
        whole(&time(&axis.end.to_string())),
        whole(&time(&incident.detected))
    );
    legend(&mut text);
    text.push_str("<div class=\"plot\">\n");
    labels(&mut text, &ticks);
    for one in incident.addresses.iter().take(MOST_ROWS) {
        row(&mut text, &axis, &ticks, seen, one);
    }
    labels(&mut text, &ticks);
    text.push_str("</div>\n");
    if incident.addresses.len() > rows {
        let more = count(incident.addresses.len() - rows, "more resource is", "more resources are");
        let _ = writeln!(text, "<p class=\"faint\">{more} in the tables below.</p>");
    }
    text
}

/// What the ticks say, above and below the rows.
fn labels(text: &mut String, ticks: &[Tick]) {
    text.push_str("<div class=\"row axis\"><div class=\"name\"></div><div class=\"track\">");
    for Tick { at, label, is_main } in ticks {
        let class = match (is_main, *at) {
            (_, at) if at > 88.0 => " end",
            (_, at) if at < 12.0 => " start",
            _ => "",
        };
        let more = if *is_main { "" } else { " more" };
        let _ = write!(text, "<span class=\"label{class}{more}\" style=\"left:{at:.2}%\">{label}</span>");
    }
    text.push_str("</div></div>\n");
}

fn row(text: &mut String, axis: &Axis, ticks: &[Tick], seen: Option<f64>, one: &Affected) {
    let address = one.address();
    let told = exposed(one);
    let _ = write!(
        text,
        "<div class=\"row\"><div class=\"name\"><strong>{}</strong> <span class=\"faint\">{}</span><br>\
         <span class=\"faint\">{}</span></div><div class=\"track\" role=\"img\" aria-label=\"{}: {}, exposed {}\">",
        breakable(&format!("{}/{}", address.kind, address.name)),
        breakable(&format!("{}/{}", address.account, address.region)),
        breakable(&told),
        esc(&address.to_string()),
        one.status.words(),
        esc(&told),
    );
    for Tick { at, is_main, .. } in ticks {
        let more = if *is_main { "" } else { " more" };
        let _ = write!(text, "<i class=\"tick{more}\" style=\"left:{at:.2}%\"></i>");
    }
    let from = one.exposure().and_then(|exposure| read(exposure.since.as_deref()?)).map(|from| axis.at(from));
    let until = one.restored_at().and_then(read).map_or(100.0, |until| axis.at(until));
    let mut bar = |class: &str, from: f64, until: f64| {
        let width = (until - from).max(0.4);
        let _ = write!(text, "<i class=\"bar{class}\" style=\"left:{from:.2}%;width:{width:.2}%\"></i>");
    };
    if one.weakenings().next().is_some() {
        let perhaps = one.perhaps_since().and_then(read).map(|perhaps| axis.at(perhaps));
        let is_open = if one.status.is_restored() { "" } else { " open" };
        match from {
            Some(from) => {
                if let Some(perhaps) = perhaps {
                    bar(" unknown", perhaps, from);
                }
                bar(is_open, from, until);
            }
            None => bar(" unknown", perhaps.unwrap_or(0.0), until),
        }
    }
    if let Some(seen) = seen {
        let _ = write!(text, "<i class=\"seen\" style=\"left:{seen:.2}%\"></i>");
    }
    for at in one.culprits().iter().filter_map(|(culprit, _)| read(&culprit.at)) {
        let _ = write!(text, "<i class=\"event\" style=\"left:{:.2}%\"></i>", axis.at(at));
    }
    if let Some(at) = one.restored_at().and_then(read) {
        let _ = write!(text, "<i class=\"proof\" style=\"left:{:.2}%\"></i>", axis.at(at));
    }
    text.push_str("</div></div>\n");
}

fn legend(text: &mut String) {
    let keys = [
        ("event", "event that weakened it"),
        ("bar", "exposed"),
        ("bar open", "still exposed"),
        ("bar unknown", "since when is not known"),
        ("seen", "first seen"),
        ("proof", "confirmed as declared"),
    ];
    let keys: String = keys
        .iter()
        .map(|(class, told)| {
            format!("<span class=\"key\"><span class=\"sign\"><i class=\"{class}\"></i></span>{told}</span> ")
        })
        .collect();
    let _ = writeln!(text, "<p class=\"legend\">{keys}</p>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("an instant")
    }

    #[test]
    fn a_restore_of_seconds_takes_little_of_an_axis_of_days() {
        let axis = Axis::of([at(0), at(31 * 86_400)].into_iter(), Some(7_000.0)).expect("an axis");
        assert!(axis.is_logarithmic);
        let restore = axis.at(at(31 * 86_400 - 13));
        let exposure = axis.at(at(31 * 86_400 - 7_000));
        assert!(restore > 97.0 && (40.0..80.0).contains(&exposure), "{restore} {exposure}");
    }

    #[test]
    fn what_is_alike_is_on_a_linear_axis() {
        let axis = Axis::of([at(0), at(7_200)].into_iter(), Some(5_000.0)).expect("an axis");
        assert!(!axis.is_logarithmic);
        assert!((axis.at(at(3_600)) - 50.0).abs() < 0.01);
    }

    #[test]
    fn ticks_have_times_and_room_on_a_phone() {
        for (oldest, shortest) in [(5, 1.0), (900, 800.0), (7_200, 5_000.0), (31 * 86_400, 7_000.0), (90 * 86_400, 1.0)]
        {
            let axis = Axis::of([at(0), at(oldest)].into_iter(), Some(shortest)).expect("an axis");
            let ticks = axis.ticks();
            assert!((2..=9).contains(&ticks.len()), "{oldest}: {}", ticks.len());
            assert!(ticks.iter().all(|tick| tick.label.contains(':')), "{oldest}");
            let main: Vec<f64> = ticks.iter().filter(|tick| tick.is_main).map(|tick| tick.at).collect();
            assert!(!main.is_empty() && main.windows(2).all(|two| two[0] - two[1] >= BETWEEN.1), "{oldest}: {main:?}");
        }
    }
}
