//! The daemon's log on standard error: one event, one line.
//!
//! Guarantees: a log that nobody reads, that is full or that is closed stops and delays nothing. What does not fit is counted, and
//! the count is logged as soon as there is room again. Whatever somebody wrote in AWS stays within its line.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use reconciler_model::text;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::exit::Exit;
use crate::failure::Failure;

/// The variable that says what is logged.
const VARIABLE: &str = "BEDROCK_RECONCILER_LOG";

/// What is logged where nothing was asked for.
const DEFAULT: &str = "warn,bedrock_reconciler=info";

/// Lines that may wait for a reader. At some hundred bytes a line this is a few megabytes at most.
const WAITING: usize = 10_000;

/// How long the last lines of a process may take.
const LAST: Duration = Duration::from_secs(1);

/// The lines on their way to standard error.
///
/// tracing-appender does the same, but prints to standard output when the end of its queue is not reached in time, which ends the process
/// where that is closed.
static LINES: OnceLock<Lines> = OnceLock::new();

struct Lines {
    sender: SyncSender<Vec<u8>>,
    /// Lines that are not written yet.
    waiting: &'static AtomicUsize,
    /// Lines that did not fit since that was logged.
    lost: AtomicU64,
}

/// Starts the log.
///
/// # Errors
/// Fails when the environment asks for something that is no filter. An empty one would silence everything.
pub(crate) fn start(json: bool) -> Result<(), Failure> {
    let asked = std::env::var(VARIABLE);
    let wrong = |why: String| {
        Failure::new(Exit::Usage, format!("{VARIABLE} is no filter of the log: {why}"))
            .hint(format!("leave it out for the default ({DEFAULT}), or write `info`, `debug` or `off`"))
    };
    let filter = match asked {
        Ok(text) if text.trim().is_empty() => return Err(wrong("it is empty".to_owned())),
        Ok(text) => EnvFilter::try_new(text).map_err(|error| wrong(error.to_string()))?,
        Err(std::env::VarError::NotPresent) => EnvFilter::new(DEFAULT),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || OneEvent { json }).with_target(false);
    let started = match (json, is_for_journald()) {
        (true, false) => builder.json().try_init(),
        (false, false) => builder.with_ansi(false).try_init(),
        (true, true) => builder.json().map_event_format(WithPriority).try_init(),
        (false, true) => builder.with_ansi(false).map_event_format(WithPriority).try_init(),
    };
    // Another subscriber can only be there in a test.
    drop(started);
    Ok(())
}

/// Whether standard error is the stream that systemd made: the variable is inherited, the stream need not be.
fn is_for_journald() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr = io::stderr();
    let Ok(seen) = nix::sys::stat::fstat(stderr.as_fd()) else { return false };
    named == format!("{}:{}", seen.st_dev, seen.st_ino)
}

fn lines() -> &'static Lines {
    LINES.get_or_init(|| {
        static WAITING_NOW: AtomicUsize = AtomicUsize::new(0);
        let (sender, lines) = sync_channel::<Vec<u8>>(WAITING);
        let write = move || {
            while let Ok(line) = lines.recv() {
                // A stream that is full or closed takes nothing; the next line tries again.
                let _ = io::stderr().lock().write_all(&line);
                WAITING_NOW.fetch_sub(1, Ordering::SeqCst);
            }
        };
        // Without the thread the queue fills up, and lines are lost instead of work.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(write);
        Lines { sender, waiting: &WAITING_NOW, lost: AtomicU64::new(0) }
    })
}

impl Lines {
    fn send(&self, line: Vec<u8>) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.sender.try_send(line) {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            self.lost.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Tells of lines that were lost, when there is room for that.
pub(crate) fn tell_of_lost_lines() {
    let lines = lines();
    if lines.lost.load(Ordering::SeqCst) > 0 && lines.waiting.load(Ordering::SeqCst) < WAITING / 2 {
        let lost = lines.lost.swap(0, Ordering::SeqCst);
        tracing::warn!(lost, "the log was not read fast enough, and lines were lost");
    }
}

/// Waits until all lines are written, but no longer than a second.
pub(crate) fn flush() {
    let began = Instant::now();
    while lines().waiting.load(Ordering::SeqCst) > 0 && began.elapsed() < LAST {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An event, which is one line whatever is in its fields: they are what somebody wrote in AWS.
struct OneEvent {
    json: bool,
}

impl io::Write for OneEvent {
    /// An event comes whole, with the end of its line.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let shown = if self.json { text::in_json(line) } else { text::one_line(line) };
        lines().send(format!("{shown}\n").into_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
