//! S3 Control.
use crate::input::Input;
use crate::protocol::Answer;
use crate::world::Turn;
pub(crate) const OPERATIONS: &[(&str, bool)] = &[];

/// Nothing yet.
pub(crate) fn call(_turn: &mut Turn<'_>, _operation: &str, _input: &Input) -> Option<Answer> {
    None
}
