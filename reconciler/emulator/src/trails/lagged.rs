//! A value that some reads still see as it was before the last write.

use crate::options::Rules;

/// What is, and what the next reads see.
#[derive(Clone)]
pub(super) struct Lagged<T> {
    now: T,
    before: Option<(T, u32)>,
}

impl<T: Clone> Lagged<T> {
    pub(super) fn new(value: T) -> Self {
        Self { now: value, before: None }
    }

    /// The value itself, which writes start from.
    pub(super) fn now(&self) -> &T {
        &self.now
    }

    pub(super) fn write(&mut self, value: T, rules: &Rules) {
        let before = std::mem::replace(&mut self.now, value);
        self.before = (rules.trail_lag_reads > 0).then_some((before, rules.trail_lag_reads));
    }

    /// What this read sees; time passes by reading.
    pub(super) fn read(&mut self) -> T {
        match self.before.take() {
            Some((before, reads_left)) => {
                self.before = (reads_left > 1).then(|| (before.clone(), reads_left - 1));
                before
            }
            None => self.now.clone(),
        }
    }

    pub(super) fn settle(&mut self) {
        self.before = None;
    }
}
