//! StartQuery, GetQueryResults until it is over, StopQuery when it takes too long (README.md, Queries).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client;
use reconciler_aws::client::{LogQuery, LogRows, LogSource, odd_answer};
use reconciler_aws::{CallError, Session, call_with_body};
use serde_json::{Value, json};

use super::LogsInsights;

const SERVICE: &str = "logs";

/// The first pause before asking whether a query is over; each one is half as long again, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

fn rows(answer: &Value) -> Option<Vec<BTreeMap<String, String>>> {
    let row = |row: &Value| {
        let cell =
            |cell: &Value| Some((cell.get("field")?.as_str()?.to_owned(), cell.get("value")?.as_str()?.to_owned()));
        row.as_array().map(|cells| cells.iter().filter_map(cell).filter(|(field, _)| field != "@ptr").collect())
    };
    answer.get("results")?.as_array()?.iter().map(row).collect()
}

/// A number of the statistics, which are floating-point numbers on the wire.
fn statistic(answer: &Value, name: &str) -> Option<u64> {
    let number = answer.get("statistics")?.get(name)?.as_f64()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count that is checked to be one")]
    (number.is_finite() && number >= 0.0).then_some(number as u64)
}

#[async_trait]
impl LogSource for LogsInsights {
    async fn ask(&self, session: &Session, query: &LogQuery) -> Result<LogRows, CallError> {
        let logs = session.client(Client::new);
        let request = json!({
            "logGroupName": query.log_group,
            "queryString": query.text,
            // Seconds, not milliseconds as elsewhere in this service; both ends belong to it.
            "startTime": query.from.as_second(),
            "endTime": query.until.as_second(),
            "limit": query.most_rows.saturating_add(1),
        });
        let started = call_with_body!(session, SERVICE, "StartQuery", logs.start_query(), &request).await?;
        let Some(id) = started.body.get("queryId").and_then(Value::as_str) else {
            return Err(odd_answer(session, SERVICE, "StartQuery", "the answer has no queryId"));
        };
        let by_id = json!({ "queryId": id });
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let answer =
                call_with_body!(session, SERVICE, "GetQueryResults", logs.get_query_results(), &by_id).await?.body;
            let status = answer.get("status").and_then(Value::as_str).unwrap_or("Unknown");
            let is_over = !matches!(status, "Scheduled" | "Running" | "Unknown");
            let is_late = begun.elapsed() >= query.patience;
            if is_late && !is_over {
                // It costs what it scans for as long as it runs. That it is over already is no failure.
                let _ = call_with_body!(session, SERVICE, "StopQuery", logs.stop_query(), &by_id).await;
            }
            if is_over || is_late {
                let rows = rows(&answer)
                    .ok_or_else(|| odd_answer(session, SERVICE, "GetQueryResults", "the answer has no results"))?;
                let ended_early = match status {
                    "Complete" => None,
                    _ if is_late && !is_over => Some(format!("it was stopped after {} s", query.patience.as_secs())),
                    other => Some(format!("it ended as {other}")),
                };
                return Ok(LogRows {
                    rows,
                    matched: statistic(&answer, "recordsMatched"),
                    bytes_scanned: statistic(&answer, "bytesScanned"),
                    ended_early,
                });
            }
            tokio::time::sleep(pause).await;
            pause = pause.mul_f32(1.5).min(LONGEST_PAUSE);
        }
    }
}
