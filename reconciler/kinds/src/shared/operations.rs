//! The write operations of a kind, by the names that AWS gives them.

use reconciler_aws::client::not_sent;
use reconciler_aws::{CallError, Session};
use reconciler_model::plan::Call;

/// Defines an enum of write operations with their names.
macro_rules! operations {
    ($(#[$about:meta])* $access:vis enum $name:ident { $($operation:ident),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $access enum $name { $($operation),+ }

        impl $name {
            /// The name that AWS gives it.
            $access fn name(self) -> &'static str {
                match self { $(Self::$operation => stringify!($operation)),+ }
            }

            /// The operation of this name.
            $access fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($operation) => Some(Self::$operation),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use operations;

/// The error of a call that the kind does not make. No plan of this build has one.
pub(crate) fn unknown_call(session: &Session, service: &'static str, call: &Call) -> CallError {
    not_sent(session, service, "Plan", format!("this build does not make the call {}", call.action()))
}
