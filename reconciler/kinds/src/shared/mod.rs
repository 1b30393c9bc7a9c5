//! What kinds share. One kind never imports another: what two of them need is here.

pub(crate) mod arns;
pub(crate) mod guardrails;
pub(crate) mod normal;
pub(crate) mod operations;
pub(crate) mod organizations;
pub(crate) mod statements;
pub(crate) mod tags;
