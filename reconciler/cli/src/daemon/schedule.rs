//! When the daemon activates: after a time that has passed, or at a time of the calendar.
//!
//! Guarantees: an interval is measured by the monotonic clock, so that no clock that is set can silence it; a calendar schedule is
//! reckoned anew when the clock jumps, and the jump is told.

use std::time::{Duration, Instant, SystemTime};

use croner::parser::{CronParser, Seconds};
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler};

use crate::exit::Exit;
use crate::failure::Failure;

/// How often the clock is held against the monotonic one.
const LOOK: Duration = Duration::from_secs(2);

/// How much they may differ from one look to the next: more is a clock that was set, or a machine that slept.
const JUMP: Duration = Duration::from_secs(2);

/// The shortest interval. A plan of a large organization takes longer, and AWS's quotas are for all who call.
const SHORTEST: Duration = Duration::from_secs(1);

/// A schedule that is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// So long after the last activation began.
    Every(Duration),
    /// Six cron fields, seconds first, in UTC.
    Calendar(String),
}

impl Schedule {
    /// Reads `every 45s`, or a cron expression of five or six fields.
    ///
    /// # Errors
    /// Fails when it is neither, and when it never comes.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::new(Exit::Usage, format!("`{text}` is not a schedule: {why}")).hint(
                "write `every 45s`, `every 5m`, or five fields as in a crontab, or six with the seconds first, in UTC: \
                 `*/5 * * * *` is every five minutes",
            )
        };
        if let Some(interval) = text.trim().strip_prefix("every ") {
            let span: jiff::Span = interval.trim().parse().map_err(|error: jiff::Error| wrong(error.to_string()))?;
            let interval = jiff::SignedDuration::try_from(span).map_err(|error| wrong(error.to_string()))?;
            return match Duration::try_from(interval) {
                Ok(interval) if interval >= SHORTEST => Ok(Self::Every(interval)),
                _ => Err(wrong("an interval is a second or longer".to_owned())),
            };
        }
        // Five fields are what crontabs have: the seconds are left out.
        let fields = match text.split_whitespace().count() {
            5 => format!("0 {}", text.trim()),
            _ => text.trim().to_owned(),
        };
        let calendar = CronParser::builder()
            .seconds(Seconds::Required)
            .dom_and_dow(true)
            .build()
            .parse(&fields)
            .map_err(|error| wrong(error.to_string()))?;
        match calendar.find_next_occurrence(&chrono::Utc::now(), false) {
            Ok(_) => Ok(Self::Calendar(fields)),
            Err(_) => Err(wrong("it never comes".to_owned())),
        }
    }
}

/// A schedule that is under way.
pub(crate) struct Bell {
    trigger: mpsc::Sender<&'static str>,
    schedule: Schedule,
    calendar: Option<JobScheduler>,
    /// When the next interval is over.
    due: tokio::time::Instant,
    seen: (Instant, SystemTime),
}

impl Bell {
    /// Begins.
    ///
    /// # Errors
    /// Fails when the scheduler does not start.
    pub(crate) async fn start(schedule: Schedule, trigger: mpsc::Sender<&'static str>) -> Result<Self, Failure> {
        let due = tokio::time::Instant::now();
        let seen = (Instant::now(), SystemTime::now());
        let mut bell = Self { trigger, schedule, calendar: None, due, seen };
        bell.arm().await?;
        Ok(bell)
    }

    async fn arm(&mut self) -> Result<(), Failure> {
        if let Some(mut old) = self.calendar.take() {
            let _ = old.shutdown().await;
        }
        match &self.schedule {
            Schedule::Every(interval) => self.due = tokio::time::Instant::now() + *interval,
            Schedule::Calendar(fields) => {
                let wrong = |error: tokio_cron_scheduler::JobSchedulerError| {
                    Failure::new(Exit::Usage, format!("`{fields}` is not a schedule: {error}"))
                };
                let trigger = self.trigger.clone();
                let job = Job::new(fields.as_str(), move |_, _| {
                    // The channel holds one: triggers during an activation cause one more activation.
                    let _ = trigger.try_send("schedule");
                })
                .map_err(wrong)?;
                let scheduler = JobScheduler::new().await.map_err(wrong)?;
                scheduler.add(job).await.map_err(wrong)?;
                scheduler.start().await.map_err(wrong)?;
                self.calendar = Some(scheduler);
            }
        }
        Ok(())
    }

    /// Goes on with another schedule.
    ///
    /// # Errors
    /// As [`Bell::start`].
    pub(crate) async fn change(&mut self, schedule: Schedule) -> Result<(), Failure> {
        if schedule == self.schedule {
            return Ok(());
        }
        self.schedule = schedule;
        self.arm().await
    }

    /// Waits for what is next to do: the end of an interval, or the next look at the clock.
    pub(crate) async fn wait(&self) {
        let look = tokio::time::Instant::now() + LOOK;
        let next = match self.schedule {
            Schedule::Every(_) => look.min(self.due),
            Schedule::Calendar(_) => look,
        };
        tokio::time::sleep_until(next).await;
    }

    /// Does what is due.
    pub(crate) async fn look(&mut self) {
        let (before, wall) = std::mem::replace(&mut self.seen, (Instant::now(), SystemTime::now()));
        let passed = self.seen.0.saturating_duration_since(before);
        let jumped = match self.seen.1.duration_since(wall) {
            Ok(forward) => forward.abs_diff(passed),
            Err(back) => back.duration() + passed,
        };
        if jumped > JUMP {
            let is_back = self.seen.1 < wall;
            tracing::warn!(
                seconds = jumped.as_secs(),
                back = is_back,
                "the clock jumped; calendar schedules are reckoned anew"
            );
            if let Err(failure) = self.arm().await {
                tracing::error!("{failure}");
            }
            let _ = self.trigger.try_send("clock");
            return;
        }
        if let Schedule::Every(interval) = self.schedule {
            let now = tokio::time::Instant::now();
            if now >= self.due {
                // What was missed during a long activation is one activation.
                self.due = now + jittered(interval);
                let _ = self.trigger.try_send("schedule");
            }
        }
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        if let Some(mut calendar) = self.calendar.take() {
            let _ = calendar.shutdown().await;
        }
    }
}

/// An interval that is up to a tenth shorter, so that many daemons do not call at the same moment, and none is late.
fn jittered(interval: Duration) -> Duration {
    let noise = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos() % 100);
    interval.mul_f64(1.0 - f64::from(noise) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that is set, either way, is seen by the next look and causes an activation; one that goes on as it should causes none.
    #[tokio::test]
    async fn a_clock_that_jumps_activates() {
        let (trigger, mut triggers) = mpsc::channel(1);
        let never = Schedule::parse("0 0 0 1 1 *").expect("valid");
        let mut bell = Bell::start(never, trigger).await.expect("started");
        bell.look().await;
        assert!(triggers.try_recv().is_err(), "nothing happened");
        for (hours, is_back) in [(2, true), (5, false)] {
            let jump = Duration::from_secs(hours * 3600);
            let wall = if is_back { bell.seen.1 + jump } else { bell.seen.1 - jump };
            bell.seen = (bell.seen.0, wall);
            bell.look().await;
            assert_eq!(triggers.try_recv().ok(), Some("clock"), "{hours} h, back: {is_back}");
        }
        bell.look().await;
        assert!(triggers.try_recv().is_err(), "it was told once");
        bell.stop().await;
    }

    #[test]
    fn an_interval_and_a_calendar_are_told_apart_and_what_never_comes_is_refused() {
        assert_eq!(Schedule::parse("every 45s").expect("valid"), Schedule::Every(Duration::from_secs(45)));
        assert_eq!(Schedule::parse("every 1h 30m").expect("valid"), Schedule::Every(Duration::from_secs(5400)));
        assert_eq!(Schedule::parse("*/5 * * * *").expect("valid"), Schedule::Calendar("0 */5 * * * *".to_owned()));
        for wrong in [
            "",
            "every",
            "every 0s",
            "every 2 years",
            "every -5s",
            "* * *",
            "61 * * * * *",
            "0 0 0 30 2 *",
            "0 0 0 1 1 * 2020",
        ] {
            let failure = Schedule::parse(wrong).expect_err(wrong);
            assert!(failure.text.contains("is not a schedule"), "{wrong}: {failure}");
        }
    }
}
