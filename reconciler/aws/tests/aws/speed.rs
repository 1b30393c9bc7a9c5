//! What it costs to begin. Run with `--ignored --nocapture` to see the numbers.

use std::time::Instant;

use aws_sdk_bedrock::Client as Bedrock;
use reconciler_aws::{Connection, call};

use crate::wire::{Wire, reply};

#[tokio::test]
#[ignore = "a measurement"]
async fn four_hundred_sessions_with_a_client_each() {
    let start = Instant::now();
    let sessions = Connection::live().role("reader").open().await;
    println!("open: {:?}", start.elapsed());
    let start = Instant::now();
    for account in 0..100 {
        for region in ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2"] {
            let session = sessions.session(&format!("{account:012}"), region);
            session.client(Bedrock::new);
        }
    }
    println!("400 sessions and clients: {:?}", start.elapsed());
    assert_eq!(reconciler_aws::network_clients(), 1);
}

/// What clients cost in memory, before and after their first call.
#[tokio::test]
#[ignore = "a measurement"]
async fn four_hundred_sessions_in_memory() {
    let resident = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    };
    let wire = Wire::new(|_| reply(200, "{}"));
    let sessions = wire.open().await;
    let begin = resident();
    let all: Vec<_> = (0..400).map(|number| sessions.session(&format!("{number:012}"), "eu-west-1")).collect();
    let made = resident();
    let clients: Vec<_> = all.iter().map(|session| session.client(Bedrock::new)).collect();
    let built = resident();
    for (session, client) in all.iter().zip(&clients) {
        call!(session, "bedrock", "ListGuardrails", client.list_guardrails()).await.unwrap();
    }
    let called = resident();
    let client = &clients[0];
    let future = async { call!(all[0], "bedrock", "ListGuardrails", client.list_guardrails()).await };
    println!(
        "a session {} KiB, a client {} KiB, its first call {} KiB; the future of a call {} bytes",
        (made - begin) / 400,
        (built - made) / 400,
        (called - built) / 400,
        std::mem::size_of_val(&future)
    );
}
