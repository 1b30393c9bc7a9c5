//! Amazon S3.
pub(crate) mod s3control;
pub(crate) mod wire;
use crate::input::Input;
use crate::protocol::Answer;
use crate::world::Turn;
pub(crate) const OPERATIONS: &[(&str, bool)] = &[];
#[derive(Clone, Default)]
pub(crate) struct S3State {}

/// Nothing yet.
pub(crate) fn call(_turn: &mut Turn<'_>, _operation: &str, _input: &Input) -> Option<Answer> {
    None
}
