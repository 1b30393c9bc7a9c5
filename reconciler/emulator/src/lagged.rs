//! A value that some reads still see as it was before the last write.

/// What is, and what the next reads see.
#[derive(Clone)]
pub(crate) struct Lagged<T> {
    now: T,
    before: Option<(T, u32)>,
}

impl<T: Clone> Lagged<T> {
    /// A value that every read sees.
    pub(crate) fn new(value: T) -> Self {
        Self { now: value, before: None }
    }

    /// The value itself, which writes start from.
    pub(crate) fn now(&self) -> &T {
        &self.now
    }

    /// A write that this many reads do not see.
    pub(crate) fn write(&mut self, value: T, reads: u32) {
        let before = std::mem::replace(&mut self.now, value);
        self.before = (reads > 0).then_some((before, reads));
    }

    /// What this read sees; time passes by reading.
    pub(crate) fn read(&mut self) -> T {
        match self.before.take() {
            Some((before, reads_left)) => {
                self.before = (reads_left > 1).then(|| (before.clone(), reads_left - 1));
                before
            }
            None => self.now.clone(),
        }
    }

    /// The next read sees what is.
    pub(crate) fn settle(&mut self) {
        self.before = None;
    }
}
