//! Bedrock policies of AWS Organizations: guardrails that hold for every model call of the accounts below.

mod content;
mod edge;
mod effective;
mod spec;

/// The kind `bedrock-policy`.
#[derive(Debug)]
pub struct BedrockPolicy;
