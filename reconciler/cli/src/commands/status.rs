//! `status`: how things stand, according to the state folder alone.

use jiff::{SignedDuration, Timestamp};
use reconciler_engine::flapping::FlapHistory;
use reconciler_engine::journal;
use reconciler_engine::state::{self, StateFolder};
use serde_json::json;

use crate::commands::history::{self, Row};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::screen::{BAD, DOUBT, FAINT, GOOD, STRONG, paint};
use crate::setup::Setup;
use crate::text::counted;

/// How many runs are shown.
const RUNS: usize = 5;

pub(crate) fn run(setup: &Setup) -> Result<Exit, Failure> {
    let Some(folder) = setup.state_to_read() else {
        setup.screen.json(&documents::named(documents::STATUS, json!({ "state": null })))?;
        setup.screen.say("there is no state folder yet: nothing was restored from here, and no daemon has run")?;
        return Ok(Exit::Done);
    };
    let now = Timestamp::now();
    let journal = StateFolder::journal_in(&folder);
    let records = journal::records(&journal)?;
    let head = journal::head(&journal)?;
    let flapping = FlapHistory::of(&records).open(setup.settings.undone_at_most, now);
    let last_read = setup.last_read();
    let paused = StateFolder::open(&folder)?.paused();
    let holder = state::holder(&folder);
    let rows = history::rows(&journal::lines(&journal)?);
    let incidents: Vec<&Row> = rows.iter().filter(|row| row.is_open_incident()).collect();
    let of_runs: Vec<&Row> = rows.iter().filter(|row| row.is_run()).collect();
    let last: Vec<&&Row> = of_runs.iter().rev().take(RUNS).collect();
    let told = json!({
        "state": folder,
        "now": now,
        "running": holder,
        "last_complete_look": last_read.as_ref().map(|last| json!({"at": last.at(), "unread": last.unread()})),
        "paused": paused,
        "open_incidents": incidents,
        "flapping": flapping,
        "last_runs": last,
        "runs": of_runs.len(),
        "head": head,
    });
    setup.screen.json(&documents::named(documents::STATUS, told))?;
    let say = |label: &str, text: String| {
        setup.screen.line(format_args!("{}  {text}", paint(STRONG, format_args!("{label:<9}"))))
    };
    say("state", folder.display().to_string())?;
    say(
        "running",
        match &holder {
            Some(holder) => format!("{holder} holds the state folder"),
            None => "nobody holds the state folder".to_owned(),
        },
    )?;
    say(
        "look",
        match &last_read {
            None => paint(FAINT, "no look at the whole desired state is on record: the daemon keeps it"),
            Some(last) if last.unread() == 0 => {
                paint(GOOD, format_args!("everything was read {}", ago(last.at(), now)))
            }
            Some(last) => paint(
                DOUBT,
                format_args!("looked {}: {} could not be read", ago(last.at(), now), counted(last.unread(), "thing")),
            ),
        },
    )?;
    say(
        "brakes",
        match &paused {
            None => "not paused".to_owned(),
            Some(reason) => paint(BAD, format_args!("paused: {reason}")),
        },
    )?;
    if incidents.is_empty() {
        say("incidents", "none is open".to_owned())?;
    }
    for row in incidents {
        say("incident", paint(BAD, format_args!("{}  {}, since {}", row.id(), row.outcome(), ago(row.at(), now))))?;
    }
    for one in &flapping {
        say("contested", paint(BAD, format_args!("{}  {}", one.address, one.in_words())))?;
    }
    match last.as_slice() {
        [] => say("runs", "no run has written anything".to_owned())?,
        last => {
            for row in last {
                say(
                    "run",
                    format!("{}  {} {}  {}", ago(row.at(), now), row.mode(), row.outcome(), paint(FAINT, row.id())),
                )?;
            }
        }
    }
    Ok(Exit::Done)
}

/// How long ago, in the two largest units.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let past = now.duration_since(at);
    if past < SignedDuration::ZERO {
        return format!("at {at}, which is in the future");
    }
    let (minutes, seconds) = (past.as_mins(), past.as_secs());
    let text = match (minutes / 1440, minutes / 60, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    };
    format!("{text} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_two_units() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100);
        let told = |seconds: i64| ago(now - SignedDuration::from_secs(seconds), now);
        assert_eq!(told(41), "41 s ago");
        assert_eq!(told(125), "2 min 5 s ago");
        assert_eq!(told(3 * 3600 + 60), "3 h 1 min ago");
        assert_eq!(told(50 * 3600), "2 d 2 h ago");
        assert!(told(-5).contains("in the future"));
    }
}
