//! What it costs to begin. Run with `--ignored --nocapture` to see the numbers.

use std::time::Instant;

use aws_sdk_bedrock::Client as Bedrock;
use reconciler_aws::Connection;

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
