//! `emulator`: the embedded AWS on loopback.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use reconciler_emulator::{Emulator, Fault, Options};
use tokio::net::TcpListener;

use crate::exit::Exit;
use crate::failure::{Failure, chain};
use crate::screen::Screen;
use crate::setup::open_emulator;

pub(crate) async fn run(
    screen: Screen,
    listen: SocketAddr,
    scenario: &str,
    faults: Option<PathBuf>,
    latency: u64,
    seed: u64,
) -> Result<Exit, Failure> {
    let emulator: Emulator =
        open_emulator(scenario, Options { seed, latency: Duration::from_millis(latency), ..Options::default() })?;
    if let Some(file) = faults {
        let wrong =
            |why: String| Failure::new(Exit::Usage, format!("failed to read the faults {}: {why}", file.display()));
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        // By way of JSON, so that an effect with members is written the same in both formats.
        let tree: serde_json::Value = serde_yaml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let faults: Vec<Fault> = serde_json::from_value(tree).map_err(|error| wrong(error.to_string()))?;
        emulator.inject(faults);
    }
    if !listen.ip().is_loopback() {
        return Err(Failure::new(Exit::Usage, format!("{listen} is not a loopback address")).hint(
            "the emulator checks no signatures, so it must not be reachable from elsewhere: use 127.0.0.1:PORT",
        ));
    }
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure::new(Exit::Failed, format!("failed to listen on {listen}: {error}"))
            .hint("choose another port, or 0 for a free one")
    })?;
    let address = listener.local_addr()?;
    screen.print(format_args!("listening on http://{address}\n"))?;
    screen.remarks(format_args!(
        "scenario {scenario}; for any AWS client:\n  export AWS_ENDPOINT_URL=http://{address} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=111122223333 AWS_SECRET_ACCESS_KEY=any"
    ));
    // Nothing ends it but a signal, which ends the process.
    emulator
        .serve(listener, std::future::pending())
        .await
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to serve: {}", chain(&error))))?;
    Ok(Exit::Done)
}
