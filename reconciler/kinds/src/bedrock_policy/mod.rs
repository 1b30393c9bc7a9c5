//! Bedrock policies of AWS Organizations: guardrails that hold for every model call of the accounts below.

mod client;
mod content;
mod effective;
mod spec;

/// The kind `bedrock-policy`.
#[derive(Debug)]
pub struct BedrockPolicy;
