//! AWS IAM.
use crate::input::Input;
use crate::protocol::Answer;
use crate::world::Turn;
pub(crate) const OPERATIONS: &[(&str, bool)] = &[];
#[derive(Clone, Default)]
pub(crate) struct IamState {}
impl IamState {
    /// Nothing yet.
    pub(crate) fn settle(&mut self) {}
}

/// Nothing yet.
pub(crate) fn call(_turn: &mut Turn<'_>, _operation: &str, _input: &Input) -> Option<Answer> {
    None
}
