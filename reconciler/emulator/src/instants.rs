//! How services write instants.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Seconds since the epoch, as awsJson1.1 writes an instant.
pub(crate) fn epoch(at: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch fit a double for thousands of years")]
    let seconds = at.as_millisecond() as f64 / 1000.0;
    json!(seconds)
}

/// ISO text with microseconds, as restJson1 writes an instant.
pub(crate) fn iso(at: Timestamp) -> Value {
    Value::String(at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}
