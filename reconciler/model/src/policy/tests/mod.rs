//! Tests of policy documents.

use serde_json::Value;

use super::Policy;

mod canonical;
mod fuzz;
mod leaves;
mod oracle;
mod way;
mod wide;
mod written;

fn policy(value: Value) -> Policy {
    Policy::from_value(&value).expect("a policy document")
}
