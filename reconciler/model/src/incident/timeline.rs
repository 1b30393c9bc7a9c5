//! The timeline as a picture: what happened to each address, from the event that caused it to the read that proved its
//! restore.
//!
//! Caveat: an exposure may last for days and a restore takes seconds, so distances are not times: the further back, the
//! denser. The marks along the bottom say how long before the end they are.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::html::esc;
use super::words::{exposed, span, time};
use super::{Affected, Incident};
use crate::attribution::Attribution;

const WIDTH: f64 = 1120.0;
/// Where the picture begins, right of the names.
const LEFT: f64 = 330.0;
const RIGHT: f64 = WIDTH - 30.0;
const TOP: f64 = 34.0;
const ROW: f64 = 34.0;
/// Rows that are drawn; the table below has all of them.
const MOST_ROWS: usize = 40;
/// Characters of a name that are shown.
const MOST_NAME: usize = 44;
/// Ages at which there may be a mark, in seconds.
const AGES: [u64; 13] = [
    1,
    10,
    60,
    600,
    3_600,
    6 * 3_600,
    86_400,
    3 * 86_400,
    7 * 86_400,
    14 * 86_400,
    30 * 86_400,
    60 * 86_400,
    90 * 86_400,
];
/// How near to each other two marks may be.
const BETWEEN_MARKS: f64 = 82.0;

/// Where times are in the picture.
struct Axis {
    end: Timestamp,
    /// Seconds from the first time to the end.
    oldest: f64,
}

impl Axis {
    fn of(times: impl Iterator<Item = Timestamp>) -> Option<Self> {
        let (mut first, mut end) = (None::<Timestamp>, None::<Timestamp>);
        for at in times {
            first = Some(first.map_or(at, |known| known.min(at)));
            end = Some(end.map_or(at, |known| known.max(at)));
        }
        let (first, end) = (first?, end?);
        Some(Self { end, oldest: end.duration_since(first).as_secs_f64().max(1.0) })
    }

    fn at_age(&self, seconds: f64) -> f64 {
        let share = seconds.max(0.0).ln_1p() / self.oldest.ln_1p();
        RIGHT - (RIGHT - LEFT) * share.min(1.0)
    }

    fn at(&self, at: Timestamp) -> f64 {
        self.at_age(self.end.duration_since(at).as_secs_f64())
    }
}

fn read(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The picture; nothing when no time is known.
pub(super) fn render(incident: &Incident) -> String {
    let of_address = |one: &Affected| {
        let mut times: Vec<Timestamp> = one.proofs.iter().filter_map(|proof| read(&proof.at)).collect();
        times.extend(one.attribution.iter().filter_map(|field| read(field.exposure.since.as_deref()?)));
        times.extend(one.perhaps_since().and_then(read));
        times.extend(one.culprits().iter().filter_map(|(culprit, _)| read(&culprit.at)));
        times
    };
    let own = [&incident.detected, &incident.opened, &incident.written];
    let times = own.into_iter().filter_map(|text| read(text)).chain(incident.addresses.iter().flat_map(of_address));
    let Some(axis) = Axis::of(times) else { return String::new() };
    let rows = incident.addresses.len().min(MOST_ROWS);
    let bottom = TOP + ROW * rows as f64;
    let height = bottom + 62.0;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Timeline of the incident\" xmlns=\"http://www.w3.org/2000/svg\">"
    );
    marks(&mut text, &axis, bottom);
    if let Some(detected) = read(&incident.detected) {
        let x = axis.at(detected);
        let _ = writeln!(
            text,
            "<line class=\"seen\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"><title>first seen {}</title></line>\
             <text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\">first seen</text>",
            TOP - 8.0,
            esc(&time(&incident.detected)),
            x,
            TOP - 14.0,
            if x > RIGHT - 60.0 { "end" } else { "middle" }
        );
    }
    for (index, one) in incident.addresses.iter().take(MOST_ROWS).enumerate() {
        row(&mut text, &axis, one, TOP + ROW * index as f64);
    }
    legend(&mut text, bottom + 50.0, incident.addresses.len() - rows);
    text.push_str("</svg>\n");
    text
}

/// The marks along the bottom.
fn marks(text: &mut String, axis: &Axis, bottom: f64) {
    let mut last = f64::INFINITY;
    let ages = std::iter::once(0).chain(AGES).filter(|age| (*age as f64) < axis.oldest);
    for age in ages.chain([axis.oldest as u64]) {
        let x = axis.at_age(age as f64);
        let is_first = age == axis.oldest as u64;
        if last - x < BETWEEN_MARKS || (!is_first && x - LEFT < BETWEEN_MARKS) {
            continue;
        }
        last = x;
        let label =
            if age == 0 { axis.end.strftime("%H:%M:%S UTC").to_string() } else { format!("{} before", span(age)) };
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\
             <text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{}\">{label}</text>",
            bottom + 18.0,
            if age == 0 { "end" } else { "middle" }
        );
    }
}

fn row(text: &mut String, axis: &Axis, one: &Affected, top: f64) {
    let address = one.address();
    let name = shortened(&format!("{}/{}", address.kind, address.name));
    let middle = top + ROW / 2.0;
    let (from, until) =
        (one.exposure().and_then(|exposure| read(exposure.since.as_deref()?)), one.restored_at().and_then(read));
    let (x, end) = (from.map_or(LEFT, |from| axis.at(from)), until.map_or(RIGHT, |until| axis.at(until)));
    let class = match (from, one.status.is_restored()) {
        (None, _) => "bar unknown",
        (_, true) => "bar",
        (_, false) => "bar open",
    };
    let _ = writeln!(
        text,
        "<g><title>{}: {}, exposed {}</title>\
         <text x=\"0\" y=\"{:.1}\">{}</text><text class=\"small\" x=\"0\" y=\"{:.1}\">{}</text>\
         <rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" rx=\"3\"/>",
        esc(&address.to_string()),
        one.status.words(),
        esc(&exposed(one)),
        middle - 1.0,
        esc(&name),
        middle + 12.0,
        esc(&shortened(&format!("{}/{}", address.account, address.region))),
        middle - 5.0,
        (end - x).max(4.0)
    );
    if let Some(perhaps) = one.perhaps_since().and_then(read) {
        let _ = write!(
            text,
            "<rect class=\"bar unknown\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" rx=\"3\"/>",
            axis.at(perhaps),
            middle - 5.0,
            (x - axis.at(perhaps)).max(0.0)
        );
    }
    for field in &one.attribution {
        let Attribution::Known { event, .. } = &field.by else { continue };
        let Some(at) = read(&event.at) else { continue };
        let _ = write!(
            text,
            "<path class=\"event\" d=\"M{:.1} {:.1}l6 -11h-12z\"><title>{} {} by {}</title></path>",
            axis.at(at),
            middle - 1.0,
            esc(&time(&event.at)),
            esc(&event.event_name),
            esc(&event.principal)
        );
    }
    for proof in one.proofs.iter().filter(|_| one.status.is_restored()) {
        let Some(at) = read(&proof.at) else { continue };
        let _ = write!(
            text,
            "<circle class=\"proof\" cx=\"{:.1}\" cy=\"{middle:.1}\" r=\"6\"><title>shown as declared by {} at {}</title></circle>",
            axis.at(at),
            esc(&proof.by),
            esc(&time(&proof.at))
        );
    }
    text.push_str("</g>\n");
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(MOST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn legend(text: &mut String, y: f64, left_out: usize) {
    let more = if left_out > 0 { format!(" · {left_out} more are in the tables below") } else { String::new() };
    let _ = writeln!(
        text,
        "<g class=\"small\"><path class=\"event\" d=\"M6 {:.1}l6 -11h-12z\"/><text x=\"18\" y=\"{y:.1}\">event that caused it</text>\
         <rect class=\"bar\" x=\"150\" y=\"{:.1}\" width=\"24\" height=\"10\" rx=\"3\"/><text x=\"180\" y=\"{y:.1}\">exposed</text>\
         <rect class=\"bar open\" x=\"240\" y=\"{:.1}\" width=\"24\" height=\"10\" rx=\"3\"/><text x=\"270\" y=\"{y:.1}\">still exposed</text>\
         <rect class=\"bar unknown\" x=\"362\" y=\"{:.1}\" width=\"24\" height=\"10\" rx=\"3\"/><text x=\"392\" y=\"{y:.1}\">since when is not known</text>\
         <circle class=\"proof\" cx=\"552\" cy=\"{:.1}\" r=\"6\"/><text x=\"564\" y=\"{y:.1}\">shown as declared</text>\
         <text x=\"{RIGHT:.1}\" y=\"{y:.1}\" text-anchor=\"end\">distances are not times: the further back, the denser{more}</text></g>",
        y,
        y - 9.0,
        y - 9.0,
        y - 9.0,
        y - 4.0
    );
}
