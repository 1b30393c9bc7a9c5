//! The daemon: activations on a schedule and at signals, one at a time, until it is asked to stop.
//!
//! Guarantees: no two activations at a time; a trigger during one is remembered once; one that only reads ends at once when the
//! process is asked to stop, and one that writes ends after the steps in hand; the watchdog is told of progress and of nothing else.

pub(crate) mod log;
mod schedule;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reconciler_engine::event::{All, Event, Sink};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::args::{Filter, Output};
use crate::commands::enforce;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Log;
use crate::screen::Screen;
use crate::settings::{self, Settings};
use crate::setup::Setup;

pub(crate) use schedule::Schedule;

/// What the command line says, which wins over every version of the settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) schedule: Option<String>,
    pub(crate) max_changes: Option<usize>,
    pub(crate) skip_permission_check: bool,
}

impl Overrides {
    /// The settings with what the command line says.
    pub(crate) fn over(&self, mut settings: Settings) -> Settings {
        settings.schedule = self.schedule.clone().unwrap_or(settings.schedule);
        settings.max_changes = self.max_changes.unwrap_or(settings.max_changes);
        settings.permission_check &= !self.skip_permission_check;
        settings
    }
}

/// Runs until the process is asked to stop.
///
/// # Errors
/// Fails when the schedule, the log or the desired state is wrong at the start.
pub(crate) async fn run(mut setup: Setup, overrides: &Overrides, filter: &Filter) -> Result<Exit, Failure> {
    setup.screen = Screen { output: Output::Human, quiet: true, told_elsewhere: true, full: false };
    log::start(setup.settings.log_json)?;
    let ended = scheduled(&mut setup, overrides, filter).await;
    log::flush();
    ended
}

async fn scheduled(setup: &mut Setup, overrides: &Overrides, filter: &Filter) -> Result<Exit, Failure> {
    interrupt::deferred();
    let (trigger, mut triggers) = mpsc::channel::<&'static str>(1);
    let mut bell = schedule::Bell::start(Schedule::parse(&setup.settings.schedule)?, trigger.clone()).await?;
    let mut reload = signal(SignalKind::hangup())?;
    let mut now = signal(SignalKind::user_defined1())?;
    let progress = Arc::new(AtomicU64::new(0));
    let mut watchdog = Watchdog::new(Arc::clone(&progress));
    // What cannot be loaded now is better known at the start than at the first activation.
    setup.desired()?;
    notify(&[NotifyState::Status("looking at everything for the first time")]);
    tracing::info!(schedule = %setup.settings.schedule, desired = %setup.global.desired.display(), "started");
    let _ = trigger.try_send("start");
    let sink = All(vec![Box::new(Log), Box::new(Counting(progress))]);
    let mut is_ready = false;
    loop {
        tokio::select! {
            biased;
            () = interrupt::wait() => break,
            _ = watchdog.timer.tick() => watchdog.idle(),
            _ = reload.recv() => {
                reloaded(setup, overrides, &mut bell, is_ready).await;
                let _ = trigger.try_send("SIGHUP");
            }
            _ = now.recv() => {
                let _ = trigger.try_send("SIGUSR1");
            }
            () = bell.wait() => {
                bell.look().await;
                log::tell_of_lost_lines();
            }
            Some(reason) = triggers.recv() => {
                setup.renew_run();
                tracing::info!(reason, run = %setup.run, "activation");
                notify(&[NotifyState::Status("reconciling")]);
                let Some(ended) = watched(enforce::activate(setup, filter, &sink), &mut watchdog).await else {
                    tracing::info!("asked to stop while reading; nothing was being written");
                    break;
                };
                // What was looked at as a whole, whatever came of it, is what a start promises.
                if ended.is_ok() && !is_ready {
                    notify(&[NotifyState::Ready]);
                    is_ready = true;
                }
                notify(&[NotifyState::Status(&told(ended))]);
            }
        }
    }
    notify(&[NotifyState::Stopping]);
    bell.stop().await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Reads the settings anew. Those that are wrong are told and change nothing.
async fn reloaded(setup: &mut Setup, overrides: &Overrides, bell: &mut schedule::Bell, is_ready: bool) {
    let began = NotifyState::monotonic_usec_now();
    if let (Ok(began), true) = (began, is_ready) {
        notify(&[NotifyState::Reloading, began]);
    }
    let read = settings::read(setup.global.settings.as_deref()).map(|settings| overrides.over(settings));
    let schedule = read.as_ref().ok().map(|settings| Schedule::parse(&settings.schedule));
    match (read, schedule) {
        (Ok(settings), Some(Ok(schedule))) => {
            if let Err(failure) = bell.change(schedule).await {
                tracing::error!("{failure}");
            }
            setup.settings = settings;
            tracing::info!(schedule = %setup.settings.schedule, max_changes = setup.settings.max_changes, "settings read");
        }
        (Err(failure), _) | (_, Some(Err(failure))) => {
            tracing::error!(hint = failure.hint, "{failure}; the settings that were read before stay in force");
        }
        (Ok(_), None) => {}
    }
    // A reload before the first look is over makes nothing ready.
    if is_ready {
        notify(&[NotifyState::Ready]);
    }
}

/// Nobody may listen, and that is no reason to stop.
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
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

/// Runs an activation; `None` when the process was asked to stop before it wrote anything.
async fn watched<T>(work: impl Future<Output = T>, watchdog: &mut Watchdog) -> Option<T> {
    tokio::pin!(work);
    let mut is_asked = false;
    interrupt::reading();
    loop {
        tokio::select! {
            ended = &mut work => return Some(ended),
            _ = watchdog.timer.tick() => watchdog.busy(),
            () = interrupt::wait(), if !is_asked => {
                if !interrupt::is_writing() {
                    return None;
                }
                is_asked = true;
            }
        }
    }
}

/// What tells systemd that the process is not hung.
struct Watchdog {
    timer: tokio::time::Interval,
    progress: Arc<AtomicU64>,
    seen: u64,
}

impl Watchdog {
    fn new(progress: Arc<AtomicU64>) -> Self {
        let period = sd_notify::watchdog_enabled().map_or(Duration::from_secs(3600), |period| period / 3);
        let mut timer = tokio::time::interval(period.max(Duration::from_millis(100)));
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Self { timer, progress, seen: 0 }
    }

    /// That the loop goes round is all that there is to do.
    fn idle(&self) {
        notify(&[NotifyState::Watchdog]);
    }

    /// An activation in which nothing began or ended since the last time is not alive. What waits longest for one thing waits for a
    /// resource to settle, which is said with each read.
    fn busy(&mut self) {
        let now = self.progress.load(Ordering::Relaxed) + reconciler_aws::calls_begun();
        if now != self.seen {
            self.seen = now;
            notify(&[NotifyState::Watchdog]);
        }
    }
}

/// Counts events.
struct Counting(Arc<AtomicU64>);

impl Sink for Counting {
    fn take(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
