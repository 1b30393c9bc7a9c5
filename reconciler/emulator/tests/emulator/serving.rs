//! The socket: loopback only, and the admin endpoints.

use reconciler_emulator::{Emulator, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::clients::TestResult;

#[tokio::test]
async fn nothing_but_loopback_is_served() -> TestResult {
    let listener = TcpListener::bind("0.0.0.0:0").await?;
    let served = Emulator::new(Options::default()).serve(listener, std::future::pending()).await;
    assert!(served.is_err());
    Ok(())
}

async fn exchange(address: std::net::SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_script_and_a_fault_arrive_by_socket() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let emulator = Emulator::scenario("in-sync", Options::default())?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(emulator.clone().serve(listener, async {
        let _ = stopped.await;
    }));
    let post = |path: &str, body: &str| {
        format!(
            "POST /_emulator/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let script = "steps: [{as: 'arn:aws:iam::1:user/m', accounts: [prod], regions: [us-east-1], service: bedrock, operation: DeleteGuardrail, body: {guardrailIdentifier: 'guardrail:payments'}}]";
    assert!(exchange(address, &post("script", script)).await?.starts_with("HTTP/1.1 200"));
    // The second time there is nothing to delete, and the answer says so.
    assert!(exchange(address, &post("script", script)).await?.contains("nothing is named guardrail:payments"));
    assert!(exchange(address, &post("faults", "{then: DropRequest, times: forever}")).await?.contains("ok"));
    let signed = "GET /guardrails HTTP/1.1\r\nhost: x\r\nauthorization: AWS4-HMAC-SHA256 Credential=222233334444/20261120/us-east-1/bedrock/aws4_request\r\n\r\n";
    assert_eq!(exchange(address, signed).await.unwrap_or_default(), "");
    let calls = exchange(address, "GET /_emulator/calls HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
    assert!(calls.contains("ListGuardrails"), "{calls}");
    drop(stop);
    serving.await??;
    Ok(())
}
