//! The emulator in a process of its own, on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Outcome, measure};

/// The emulator. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
}

/// One call of the emulator's log.
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) status: u64,
}

impl Server {
    /// Serves a scenario; ready when this returns.
    pub(crate) fn start(binary: &Path, scenario: &Path, latency: Duration) -> Outcome<Self> {
        let mut child = Command::new(binary)
            .env_clear()
            .args(["emulator", "--listen", "127.0.0.1:0", "--latency", &latency.as_millis().to_string(), "--scenario"])
            .arg(scenario)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        let server = Self { child, address: address.unwrap_or_default() };
        if server.address.is_empty() {
            return Err(format!("the emulator does not serve {}: run it by hand to see why", scenario.display()).into());
        }
        Ok(server)
    }

    /// What a client needs to find it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "111122223333".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
        ]
    }

    /// The processor time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        measure::cpu_of(self.child.id()).map(|(_, used)| used).unwrap_or_default()
    }

    /// How long one answer takes, on a connection that is open: the best of several.
    pub(crate) fn answer_time(&self) -> Outcome<Duration> {
        let mut stream = BufReader::new(TcpStream::connect(&self.address)?);
        let mut best = Duration::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            // An unsigned request takes as long as any other; its refusal is the answer.
            write!(stream.get_mut(), "GET /guardrails HTTP/1.1\r\nhost: {}\r\n\r\n", self.address)?;
            read_answer(&mut stream)?;
            best = best.min(start.elapsed());
        }
        Ok(best)
    }

    pub(crate) fn set_latency(&self, latency: Duration) -> Outcome<()> {
        self.admin("POST", "options", &json!({ "latency_ms": latency.as_millis() as u64 })).map(drop)
    }

    /// From now on every second call is throttled, by chance.
    pub(crate) fn throttle_half(&self) -> Outcome<()> {
        let fault = json!({ "times": "forever", "probability": 0.5, "then": "Throttle" });
        self.admin("POST", "faults", &fault).map(drop)
    }

    pub(crate) fn no_faults(&self) -> Outcome<()> {
        self.admin("DELETE", "faults", &Value::Null).map(drop)
    }

    pub(crate) fn forget_calls(&self) -> Outcome<()> {
        self.admin("DELETE", "calls", &Value::Null).map(drop)
    }

    pub(crate) fn calls(&self) -> Outcome<Vec<Call>> {
        let log = self.admin("GET", "calls", &Value::Null)?;
        let calls = log.as_array().ok_or("the call log is not a list")?;
        let call = |call: &Value| {
            let operation = call["operation"].as_str().unwrap_or_default().to_owned();
            Call { operation, status: call["status"].as_u64().unwrap_or_default() }
        };
        Ok(calls.iter().map(call).collect())
    }

    fn admin(&self, method: &str, endpoint: &str, body: &Value) -> Outcome<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = BufReader::new(TcpStream::connect(&self.address)?);
        write!(
            stream.get_mut(),
            "{method} /_emulator/{endpoint} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        Ok(serde_json::from_slice(&read_answer(&mut stream)?)?)
    }
}

/// The body of one HTTP answer, which has a content-length.
fn read_answer(stream: &mut BufReader<TcpStream>) -> Outcome<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err("the emulator closed the connection".into());
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many calls of each operation.
pub(crate) fn by_operation(calls: &[Call]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.operation.as_str()).or_default() += 1;
    }
    counts
}
