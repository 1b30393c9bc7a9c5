//! Serves a scenario on loopback: `serve 127.0.0.1:PORT [SCENARIO] [OPTIONS_JSON]`.

use std::io::Write;

use reconciler_emulator::{Emulator, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:4599".to_owned());
    let scenario = arguments.next().unwrap_or_else(|| "in-sync".to_owned());
    let options: Options = match arguments.next() {
        Some(json) => serde_json::from_str(&json)?,
        None => Options::default(),
    };
    let emulator = Emulator::scenario(&scenario, options)?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    writeln!(std::io::stderr(), "listening on {}", listener.local_addr()?)?;
    let interrupted = async {
        // When signals cannot be watched, it runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    emulator.serve(listener, interrupted).await?;
    Ok(())
}
