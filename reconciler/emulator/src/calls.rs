//! The call log: what the emulator was asked, in order, and what it answered.

use serde::Serialize;
use serde_json::Value;

/// One API call that reached the emulator.
///
/// Calls of scripts and scenarios are not in the log; CloudTrail has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// Position in the log since the emulator was made; it does not restart when the log is cleared.
    pub seq: u64,
    /// Account of the caller, or empty when the request named none.
    pub account: String,
    /// Region of the credential scope.
    pub region: String,
    /// Signing name of the service.
    pub service: String,
    /// Operation name, or what the request said where it names no operation that is known.
    pub operation: String,
    /// Whether the operation changes nothing. An unknown operation counts as a write.
    pub read_only: bool,
    /// HTTP status of the answer; 0 where the connection was dropped before the request was processed.
    pub status: u16,
    /// Error code of the answer; or the name of the fault, where there was no answer. The status then says whether the
    /// request was processed.
    pub error_code: Option<String>,
    /// ARN of the caller.
    pub principal: String,
    /// Input of the operation as one JSON tree (path and query members included), of writes only.
    pub body: Option<Value>,
    /// Access key of the credential scope.
    pub access_key: String,
}
