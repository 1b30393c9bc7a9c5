//! `enforce`: hold the desired state, once or on a schedule.
//!
//! An activation takes no input: it loads the desired state, plans, restores under the standing policy, and plans again.
//! The next activation is the retry. Activations never overlap: a trigger during one is remembered once.

use std::io;
use std::time::Duration;

use reconciler_engine::event::{All, Sink};
use reconciler_engine::rounds::Activation;
use reconciler_model::permit::{Approval, Mode};
use reconciler_model::plan::Plan;
use reconciler_model::text;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::approval;
use crate::args::{Filter, Output};
use crate::crash_point;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::{Log, Progress};
use crate::render;
use crate::report;
use crate::screen::Screen;
use crate::setup::{Setup, select};

pub(crate) async fn once(setup: &Setup, filter: &Filter) -> Result<Exit, Failure> {
    activate(setup, filter, &Progress::new(setup.screen)).await
}

/// One activation.
async fn activate(setup: &Setup, filter: &Filter, sink: &dyn Sink) -> Result<Exit, Failure> {
    let (desired, sessions) = setup.desired_and_sessions().await?;
    let selected = select(&desired, filter)?;
    setup.tell_of_missing_pins(&desired, &selected.wanted);
    let state = setup.state()?;
    let _lock = state.lock()?;
    let mut journal = crash_point::journal(&state, &setup.run)?;
    let reconciler = setup.reconciler(sessions.clone(), sink);
    let mut target = setup.target_to_write(&desired, &selected);
    target.undone_at_most = Some(setup.settings.undone_at_most);
    target.brakes = true;
    let look = setup.look(&desired, &selected.wanted);
    let policy = Approval::StandingPolicy { max_changes: setup.settings.max_changes };
    let approve = |plan: &Plan| {
        setup.screen.say(render::plan(plan, &look))?;
        approval::refuse_when_paused(&state)?;
        interrupt::writing();
        Ok(policy)
    };
    let activation = Activation {
        mode: Mode::Enforce,
        target,
        account_ids: &desired.organization().account_ids(),
        at_most: Some(setup.settings.max_changes),
        is_whole: filter.is_whole(),
        state: &state,
        stop: &interrupt::is_requested,
    };
    let converged = reconciler.converge(&activation, &mut journal, |_, _| Ok(()), approve).await?;
    report::ended(setup, &look, &converged, None)
}

/// The daemon.
pub(crate) async fn daemon(mut setup: Setup, filter: &Filter) -> Result<Exit, Failure> {
    setup.screen = Screen { output: Output::Human, quiet: true, told_elsewhere: true, full: false };
    start_log(setup.settings.log_json);
    interrupt::writing();
    let (trigger, mut triggers) = mpsc::channel::<&'static str>(1);
    let scheduler = schedule(&setup.settings.schedule, trigger.clone()).await?;
    let mut reload = signal(SignalKind::hangup())?;
    let mut check = tokio::time::interval(Duration::from_millis(200));
    let mut watchdog = tokio::time::interval(watchdog_period());
    // What cannot be loaded now is better known at the start than at the first activation.
    setup.desired()?;
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status("waiting for the next activation")]);
    tracing::info!(schedule = %setup.settings.schedule, desired = %setup.global.desired.display(), "started");
    let _ = trigger.try_send("start");
    let sink = All(vec![Box::new(Log)]);
    loop {
        tokio::select! {
            biased;
            _ = check.tick() => {
                if interrupt::requested().is_some() {
                    break;
                }
            }
            _ = watchdog.tick() => {
                let _ = sd_notify::notify(&[NotifyState::Watchdog]);
            }
            _ = reload.recv() => {
                let _ = trigger.try_send("SIGHUP");
            }
            Some(reason) = triggers.recv() => {
                tracing::info!(reason, "activation");
                let _ = sd_notify::notify(&[NotifyState::Status("reconciling")]);
                let ended = with_watchdog(activate(&setup, filter, &sink), &mut watchdog).await;
                let text = told(ended);
                let _ = sd_notify::notify(&[NotifyState::Status(&text)]);
            }
        }
    }
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    let mut scheduler = scheduler;
    let _ = scheduler.shutdown().await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

fn told(ended: Result<Exit, Failure>) -> String {
    match ended {
        Ok(exit) if exit.is_done() => {
            tracing::info!("in sync");
            "in sync".to_owned()
        }
        Ok(exit) => {
            tracing::warn!(exit = exit.code(), "not in sync");
            format!("not in sync (exit {})", exit.code())
        }
        Err(failure) => {
            tracing::error!(code = failure.code, hint = failure.hint, exit = failure.exit.code(), "{failure}");
            failure.text
        }
    }
}

/// A long activation is not a hung process.
async fn with_watchdog<T>(work: impl Future<Output = T>, watchdog: &mut tokio::time::Interval) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            _ = watchdog.tick() => {
                let _ = sd_notify::notify(&[NotifyState::Watchdog]);
            }
        }
    }
}

fn watchdog_period() -> Duration {
    sd_notify::watchdog_enabled().map_or(Duration::from_secs(3600), |period| period / 3).max(Duration::from_millis(100))
}

async fn schedule(cron: &str, trigger: mpsc::Sender<&'static str>) -> Result<JobScheduler, Failure> {
    let wrong = |error: tokio_cron_scheduler::JobSchedulerError| {
        Failure::new(Exit::Usage, format!("`{cron}` is not a schedule: {error}")).hint(
            "five fields as in a crontab, or six with the seconds first, in UTC: `*/5 * * * *` is every five minutes",
        )
    };
    // Five fields are what crontabs have: the seconds are left out.
    let with_seconds = match cron.split_whitespace().count() {
        5 => format!("0 {cron}"),
        _ => cron.to_owned(),
    };
    // A wrong schedule is found before there is a scheduler, which would log its own end.
    let job = Job::new(with_seconds.as_str(), move |_, _| {
        // The channel holds one: triggers during an activation cause one more activation.
        let _ = trigger.try_send("schedule");
    })
    .map_err(wrong)?;
    let scheduler = JobScheduler::new().await.map_err(wrong)?;
    scheduler.add(job).await.map_err(wrong)?;
    scheduler.start().await.map_err(wrong)?;
    Ok(scheduler)
}

fn start_log(json: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("BEDROCK_RECONCILER_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,bedrock_reconciler=info"));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || OneEvent { json }).with_target(false);
    let for_journald = std::env::var_os("JOURNAL_STREAM").is_some();
    let started = match (json, for_journald) {
        (true, false) => builder.json().try_init(),
        (false, false) => builder.with_ansi(false).try_init(),
        (true, true) => builder.json().map_event_format(WithPriority).try_init(),
        (false, true) => builder.with_ansi(false).map_event_format(WithPriority).try_init(),
    };
    // Another subscriber can only be there in a test.
    drop(started);
}

/// Standard error, on which an event is one line whatever is in its fields: they are what somebody wrote in AWS.
struct OneEvent {
    json: bool,
}

impl io::Write for OneEvent {
    /// An event comes whole, with the end of its line.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let shown = if self.json { text::in_json(line) } else { text::one_line(line) };
        let mut stderr = io::stderr().lock();
        stderr.write_all(shown.as_bytes())?;
        stderr.write_all(b"\n")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Lines that begin with the priority that journald reads from them (sd-daemon(3)), so that what pages can be told from the
/// rest by `journalctl -p err` and by what watches the journal.
struct WithPriority<F>(F);

impl<S, N, F> FormatEvent<S, N> for WithPriority<F>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> std::fmt::Result {
        let priority = match *event.metadata().level() {
            tracing::Level::ERROR => 3,
            tracing::Level::WARN => 4,
            tracing::Level::INFO => 6,
            _ => 7,
        };
        write!(writer, "<{priority}>")?;
        self.0.format_event(context, writer, event)
    }
}
