//! The emulated AWS of one test: in the test's process, on a loopback port of its own, so that it survives its clients.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reconciler_emulator::{Call, Effect, Emulator, Fault, Match, Options, Script, Times};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// The management account, which is the caller's own.
pub(crate) const MANAGEMENT: &str = "111122223333";

/// An emulated AWS.
pub(crate) struct Aws {
    pub(crate) emulator: Emulator,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Aws {
    /// Serves a scenario, or the script in a file.
    pub(crate) fn scenario(name_or_path: &str) -> Self {
        Self::with(name_or_path, Options::default())
    }

    /// Serves a scenario with other manners.
    pub(crate) fn with(name_or_path: &str, options: Options) -> Self {
        let emulator = Emulator::scenario(name_or_path, options).expect("a scenario");
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let served = emulator.clone().serve(listener, async {
            let _ = stopped.await;
        });
        drop(RUNTIME.spawn(served));
        Self { emulator, address, _stop: stop }
    }

    /// What `AWS_ENDPOINT_URL` is to be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Calls that changed something, or were meant to.
    pub(crate) fn writes(&self) -> Vec<Call> {
        // To begin a query of logs changes nothing.
        let asks =
            |call: &Call| call.service == "logs" && ["StartQuery", "StopQuery"].contains(&call.operation.as_str());
        let reads = |call: &Call| call.read_only || call.service == "sts" || asks(call);
        self.emulator.calls().into_iter().filter(|call| !reads(call)).collect()
    }

    /// Successful calls of one operation.
    pub(crate) fn successes(&self, operation: &str) -> usize {
        let calls = self.emulator.calls();
        calls.iter().filter(|call| call.operation == operation && (200..300).contains(&call.status)).count()
    }

    /// Plays API calls of somebody else now.
    pub(crate) fn attack(&self, script: &str) {
        self.emulator.run(&Script::parse(script).expect("a script")).expect("a script that plays");
    }

    /// Injects one fault at every call that matches.
    pub(crate) fn always(&self, matching: Match, then: Effect) {
        self.emulator.inject(vec![Fault::always(matching, then)]);
    }

    /// Injects a fault at one call in a number of them, by chance.
    pub(crate) fn sometimes(&self, matching: Match, probability: f64, then: Effect) {
        let fault = Fault { matching, skip: 0, times: Times::Forever, probability: Some(probability), then };
        self.emulator.inject(vec![fault]);
    }

    /// Waits until the call log shows what is looked for.
    pub(crate) fn wait_for(&self, what: &str, seen: impl Fn(&[Call]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !seen(&self.emulator.calls()) {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Runs something of the emulator that is asynchronous.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}
