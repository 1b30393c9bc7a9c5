//! How late a write settles: a busy status for some reads, then READY, which can come and go once more.

use rand::Rng;

use crate::options::Rules;

/// Where a write is on its way to READY.
#[derive(Clone, Copy)]
pub(super) enum Progress {
    /// READY for good.
    Settled,
    /// That many reads still see the busy status; after a first READY it may come back once.
    Busy { status: &'static str, reads_left: u32, flaps: bool },
    /// READY was seen once, the next read sees the busy status again.
    AboutToFlap { status: &'static str },
}

impl Progress {
    pub(super) fn begin(status: &'static str, rules: &Rules, rng: &mut impl Rng) -> Self {
        let flaps = rules.flap_probability > 0.0 && rng.random_bool(rules.flap_probability);
        Self::Busy { status, reads_left: rules.settle_reads, flaps }
    }

    /// The status that this read sees; time passes by reading.
    pub(super) fn read(&mut self) -> &'static str {
        let (seen, next) = match *self {
            Self::Settled => ("READY", Self::Settled),
            Self::Busy { status, reads_left: 0, flaps: true } => ("READY", Self::AboutToFlap { status }),
            Self::Busy { reads_left: 0, flaps: false, .. } => ("READY", Self::Settled),
            Self::Busy { status, reads_left, flaps } => {
                (status, Self::Busy { status, reads_left: reads_left - 1, flaps })
            }
            Self::AboutToFlap { status } => (status, Self::Settled),
        };
        *self = next;
        seen
    }

    pub(super) fn is_settled(self) -> bool {
        matches!(self, Self::Settled)
    }
}
