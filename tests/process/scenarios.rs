//! The scenarios: one test for each transcript in `tests/scenarios`.
//!
//! `SNAPSHOTS=overwrite cargo test -p bedrock-reconciler --test process scenarios` writes them anew.

use crate::transcript;

macro_rules! scenarios {
    ($($test:ident: $file:literal,)+) => {
        $(#[test]
        fn $test() {
            transcript::check($file);
        })+
    };
}

scenarios! {
    blast_radius: "blast-radius.md",
    drifted: "drifted.md",
    export: "export.md",
    in_sync: "in-sync.md",
    moved: "moved.md",
    paused: "paused.md",
    pins: "pins.md",
    policies: "policies.md",
    restore: "restore.md",
    saved_plan: "saved-plan.md",
    stale_plan: "stale-plan.md",
    stronger: "stronger.md",
    first_roll_out: "first-roll-out.md",
    waivers: "waivers.md",
}
