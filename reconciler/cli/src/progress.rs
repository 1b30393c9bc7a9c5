//! Sinks of events: a progress line for people at a terminal, the log for the daemon.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use reconciler_engine::event::{Event, Sink, StepOutcome};
use reconciler_model::alert::Alert;
use reconciler_model::codes;
use reconciler_model::control::AlertClass;
use reconciler_model::drift::Drift;
use reconciler_model::flapping::Flapping;
use reconciler_model::inventory::Gap;
use reconciler_model::plan::Severity;
use reconciler_model::verdict::Verdict;

use crate::render::{self, Look};
use crate::screen::{BAD, DO, FAINT, GOOD, Screen, line, paint};
use crate::text::counted;

/// Progress on standard error: a moving line while reading, one line for each step.
pub(crate) struct Progress {
    screen: Screen,
    bar: ProgressBar,
    /// Accounts that were read as a whole, and all of them.
    accounts: [AtomicUsize; 2],
    /// The reads that are not over, and when each began.
    awaited: Arc<Mutex<BTreeMap<String, Instant>>>,
}

/// A read that takes longer than this is named.
const NOTICEABLE: Duration = Duration::from_secs(2);

/// What is awaited, and for how long: the read that began first, and how many others.
fn awaited(reads: &BTreeMap<String, Instant>, now: Instant) -> String {
    let Some((what, began)) = reads.iter().min_by_key(|(_, began)| **began) else { return String::new() };
    let waiting = now.saturating_duration_since(*began);
    if waiting < NOTICEABLE {
        return String::new();
    }
    let more = if reads.len() > 1 { format!(" and {} more", reads.len() - 1) } else { String::new() };
    line(format_args!(" · waiting {} s: {what}{more}", waiting.as_secs()))
}

impl Progress {
    pub(crate) fn new(screen: Screen) -> Self {
        let bar =
            if screen.quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let reads: Arc<Mutex<BTreeMap<String, Instant>>> = Arc::default();
        let shown = Arc::clone(&reads);
        if let Ok(style) = ProgressStyle::with_template("{spinner} reading {pos}/{len} · {elapsed} · {msg}{awaited}")
        {
            let draw = move |_: &ProgressState, text: &mut dyn fmt::Write| {
                let reads = shown.lock().unwrap_or_else(PoisonError::into_inner);
                // A line that cannot be written is not missed.
                let _ = text.write_str(&awaited(&reads, Instant::now()));
            };
            bar.set_style(style.with_key("awaited", draw));
        }
        Self { screen, bar, accounts: Default::default(), awaited: reads }
    }
}

/// How a step ended, in words.
pub(crate) fn outcome_in_words(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Read(Verdict::Verified) => paint(GOOD, "verified by read-back"),
        StepOutcome::Read(Verdict::Mismatch { differs }) => {
            let paths: Vec<String> = differs.iter().map(|part| part.path.to_string()).collect();
            let paths = paths.join(", ");
            let code = codes::READ_BACK_MISMATCH;
            paint(
                BAD,
                format_args!("NOT restored [{code}]: the call answered success, but read-back differs at {paths}"),
            )
        }
        StepOutcome::Read(Verdict::Inconclusive { reason }) => {
            paint(BAD, format_args!("not verified [{}]: {reason}", codes::NOT_SETTLED))
        }
        StepOutcome::Failed { code, error, hint } => {
            let hint = hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            paint(BAD, format_args!("failed [{code}] to {error}{hint}"))
        }
        StepOutcome::NotTried { code, reason, .. } => paint(BAD, format_args!("not tried [{code}]: {reason}")),
    }
}

impl Sink for Progress {
    fn take(&self, event: &Event<'_>) {
        match event {
            Event::ObservationStarted { reads, accounts } => {
                let [done, all] = &self.accounts;
                done.store(0, Ordering::Relaxed);
                all.store(*accounts, Ordering::Relaxed);
                self.bar.reset();
                self.bar.set_length(*reads as u64);
                self.bar.enable_steady_tick(Duration::from_millis(120));
            }
            Event::ReadStarted { scope, kind } => {
                let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
                awaited.insert(format!("{scope}/{kind}"), Instant::now());
            }
            Event::ReadEnded { scope, kind, account_done } => {
                let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
                awaited.remove(&format!("{scope}/{kind}"));
                drop(awaited);
                let [done, all] = &self.accounts;
                let done = done.fetch_add(usize::from(*account_done), Ordering::Relaxed) + usize::from(*account_done);
                self.bar.inc(1);
                let message = format!("{done} of {}", counted(all.load(Ordering::Relaxed), "account"));
                self.bar.set_message(line(message));
            }
            Event::ObservationEnded => {
                self.awaited.lock().unwrap_or_else(PoisonError::into_inner).clear();
                self.bar.finish_and_clear();
            }
            Event::PermissionsNotKnown { account, reason } => self.screen.remark(format_args!(
                "[{}] {account}: could not check the role's permissions ({reason}); continuing",
                codes::NOT_CHECKED
            )),
            // A closed standard output is no reason to stop a restore.
            Event::NextRound { number, plan } => {
                let look = Look::new(self.screen.full, BTreeMap::new(), Path::new(""));
                let _ = self.screen.say(format_args!("round {number}\n\n{}", render::plan(plan, &look).trim_end()));
            }
            Event::IncidentOpened { id, again, folder } => {
                let what = if *again { "is taken up again" } else { "is opened" };
                self.screen.remark(format_args!("incident {id} {what}; evidence in {}", folder.display()));
            }
            Event::StepStarted(step) => self.screen.remark(format_args!(
                "{} {}  {}",
                paint(DO, format_args!("step {} {}", step.id, step.action)),
                step.address,
                paint(FAINT, &step.summary)
            )),
            Event::StepEnded { step, outcome } => {
                self.screen.remark(format_args!("step {} {}: {}", step.id, step.action, outcome_in_words(outcome)));
            }
            _ => {}
        }
    }
}

/// The daemon's log: one event, one line, with fields.
pub(crate) struct Log;

impl Sink for Log {
    fn take(&self, event: &Event<'_>) {
        match event {
            Event::Planned(plan) => {
                let summary = plan.summary;
                tracing::info!(
                    plan = %plan.plan_id, addresses = summary.addresses, in_sync = summary.in_sync, drifted = summary.drifted,
                    gaps = summary.gaps, refused = summary.refused, "planned"
                );
                plan.drift.iter().for_each(log_drift);
                plan.gaps.iter().filter(|gap| gap.alerts.is_empty()).for_each(log_gap);
                plan.unseen().into_iter().for_each(log_unseen);
                for finding in plan.findings.iter().filter(|finding| !finding.alerts.is_empty()) {
                    tracing::warn!(address = %finding.address, code = %finding.code, reason = %finding.detail, "ticket");
                }
                plan.flapping.iter().for_each(log_flapping);
                for finding in &plan.findings {
                    let told = match finding.severity {
                        Severity::Refused => "refused",
                        Severity::Left => "left",
                        Severity::Note => continue,
                    };
                    tracing::warn!(address = %finding.address, code = %finding.code, reason = %finding.detail, "{told}");
                }
            }
            // The plan has them with their alerts.
            Event::GapFound(gap) => {
                tracing::debug!(scope = %gap.scope, kind = %gap.kind, code = %gap.code, reason = %gap.reason, "not evaluated");
            }
            Event::PermissionsNotKnown { account, reason } => {
                tracing::warn!(account, code = codes::NOT_CHECKED, reason, "permissions not asked beforehand");
            }
            Event::Skipped { address, code, reason } => tracing::warn!(%address, code, reason, "skipped"),
            Event::StepStarted(step) => {
                tracing::info!(step = %step.id, address = %step.address, action = %step.action, "writing")
            }
            Event::StepEnded { step, outcome } if outcome.is_verified() => {
                tracing::info!(step = %step.id, address = %step.address, action = %step.action, "verified");
            }
            // Why is told where it began, and the drift is told with the plan.
            Event::StepEnded { step, outcome: StepOutcome::NotTried { code, reason, .. } } => {
                tracing::info!(step = %step.id, address = %step.address, action = %step.action, code, reason, "not begun");
            }
            Event::StepEnded { step, outcome } => {
                let text = anstream::adapter::strip_str(&outcome_in_words(outcome)).to_string();
                tracing::error!(step = %step.id, address = %step.address, action = %step.action, outcome = text, "not verified");
            }
            _ => {}
        }
    }
}

/// A gap that serves no control.
fn log_gap(gap: &Gap) {
    tracing::warn!(scope = %gap.scope, kind = %gap.kind, code = %gap.code, reason = %gap.reason, "not evaluated");
}

/// What could not be seen for one cause in one place, at the level of what it may hide.
fn log_unseen((alert, gap, count): (&Alert, &Gap, usize)) {
    macro_rules! at {
        ($level:ident) => {
            tracing::$level!(
                scope = %gap.scope, kind = %gap.kind, name = gap.name, fields = gap.fields.join(","), code = %gap.code,
                reason = %gap.reason, alert = alert.in_words(), control = alert.control, signal = alert.signal, gaps = count,
                "not evaluated"
            )
        };
    }
    match alert.class {
        AlertClass::Page => at!(error),
        AlertClass::Inform => at!(info),
        AlertClass::Ticket => at!(warn),
    }
}

/// What others go on changing back, at the level of what it is about.
fn log_flapping(one: &Flapping) {
    let alert = one.alerts.first().map(Alert::in_words).unwrap_or_default();
    let (times, reason) = (one.times, one.in_words());
    match one.pages() {
        true => tracing::error!(address = %one.address, code = codes::FLAPPING, reason, times, alert, "contested"),
        false => tracing::warn!(address = %one.address, code = codes::FLAPPING, reason, times, alert, "contested"),
    }
}

/// A drift in the log, at the level of its most urgent alert: what pages is an error, what opens a ticket a warning.
fn log_drift(drift: &Drift) {
    let first = drift.alerts.first();
    let alert = first.map(Alert::in_words).unwrap_or_default();
    let control = first.map(|alert| alert.control.as_str()).unwrap_or_default();
    let signal = first.map(|alert| alert.signal.as_str()).unwrap_or_default();
    macro_rules! at {
        ($level:ident) => {
            tracing::$level!(
                address = %drift.address, change = ?drift.change, direction = %drift.direction, alert, control, signal,
                controls = drift.controls.join(","), fields = drift.fields.len(), "drift"
            )
        };
    }
    match first.map(|alert| alert.class) {
        Some(AlertClass::Page) => at!(error),
        Some(AlertClass::Inform) => at!(info),
        Some(AlertClass::Ticket) | None => at!(warn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_read_that_began_first_is_named_with_its_time() {
        let now = Instant::now();
        let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap_or(now);
        let mut reads = BTreeMap::from([("prod/us-east-1/trail".to_owned(), ago(1))]);
        assert_eq!(awaited(&reads, now), "");
        reads.insert("staging/eu-west-1/guardrail".to_owned(), ago(34));
        assert_eq!(awaited(&reads, now), " · waiting 34 s: staging/eu-west-1/guardrail and 1 more");
    }
}
