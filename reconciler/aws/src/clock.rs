//! The clock of this machine against that of AWS, by the Date header of an answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

/// By how many seconds the clock here is ahead of AWS; behind it where that is negative. The header has whole seconds, and the answer
/// was on its way for some time.
pub type SignedSkew = i64;

/// Keeps the difference of the last answer that has a date.
#[derive(Debug, Clone, Default)]
pub(crate) struct DateTap(Arc<Mutex<Option<SignedSkew>>>);

impl DateTap {
    pub(crate) fn skew(&self) -> Option<SignedSkew> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a clock that shows `here` is ahead of a Date header.
fn ahead(date: &str, here: SystemTime) -> Option<SignedSkew> {
    let there = DateTime::from_str(date, Format::HttpDate).ok()?.secs();
    Some(DateTime::from(here).secs() - there)
}

impl Intercept for DateTap {
    fn name(&self) -> &'static str {
        "DateTap"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(ahead) = date.and_then(|date| ahead(date, SystemTime::now())) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_difference_has_a_sign() {
        let date = "Tue, 20 Nov 2001 00:00:00 GMT";
        let there = SystemTime::UNIX_EPOCH + Duration::from_secs(1_006_214_400);
        assert_eq!(ahead(date, there), Some(0));
        assert_eq!(ahead(date, there + Duration::from_secs(90)), Some(90));
        assert_eq!(ahead(date, there - Duration::from_secs(90)), Some(-90));
        assert_eq!(ahead("yesterday", there), None);
    }
}
