//! The registry has a generator and a file of stories for every kind, so that the invariants run over all of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use reconciler_kinds::KINDS;
use reconciler_model::kind::Origin;
use reconciler_tests::declarations::repository;
use serde_json::Value;

use crate::kinds::GENERATORS;

/// Specs that are drawn from each generator.
const DRAWN: usize = 64;

fn kinds() -> BTreeSet<String> {
    KINDS.iter().map(|kind| kind.name().to_owned()).collect()
}

#[test]
fn every_kind_has_one_generator() {
    let all: Vec<String> = GENERATORS.iter().map(|one| one.kind.to_owned()).collect();
    assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), kinds());
    assert_eq!(all.len(), KINDS.len(), "no kind has two: {all:?}");
    assert!(GENERATORS.iter().all(|one| one.weight > 0), "a weight of nothing takes a kind out of every law");
}

/// Each kind has its file in `tests/kinds`, with tests in it, and each file and folder there is that of a kind.
#[test]
fn every_kind_has_its_file_of_stories() {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(repository().join("tests/kinds")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let kind = path.file_stem().expect("a name").to_string_lossy().replace('_', "-");
        if kind == "mod" {
            continue;
        }
        assert!(kinds().contains(&kind), "{} names no kind", path.display());
        if path.is_file() {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let with_its_folder = std::fs::read_dir(path.with_extension("")).into_iter().flatten();
            let below = with_its_folder.map(|entry| std::fs::read_to_string(entry.expect("an entry").path()));
            let all = below.fold(text, |all, one| all + &one.expect("a source file"));
            assert!(all.contains("#[test]") || all.contains("#[tokio::test]"), "{} has no test", path.display());
            found.insert(kind);
        }
    }
    assert_eq!(found, kinds());
}

/// An invariant about two states shows nothing where both are the same: those that a generator makes differ, in the normal form,
/// and not in one member alone.
#[test]
fn generators_make_states_that_really_differ() {
    for generator in GENERATORS {
        let kind = KINDS.iter().find(|kind| kind.name() == generator.kind).expect("a kind");
        let mut runner = TestRunner::deterministic();
        let specs = (generator.specs)();
        let mut draw = || {
            let spec = specs.new_tree(&mut runner).expect("a spec").current();
            let normalised = kind.normalise(&spec, Origin::Live);
            assert!(normalised.problems.is_empty() && normalised.unknown.is_empty(), "{normalised:?} in {spec}");
            normalised.tree
        };
        let mut unequal = 0;
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for _ in 0..DRAWN {
            let (one, two) = (draw(), draw());
            unequal += usize::from(one != two);
            for (member, value) in [one, two].iter().filter_map(Value::as_object).flatten() {
                values.entry(member.clone()).or_default().insert(value.to_string());
            }
        }
        assert!(unequal * 4 > DRAWN * 3, "{}: {unequal} of {DRAWN} pairs differ", generator.kind);
        let vary = values.values().filter(|values| values.len() > 1).count();
        assert!(vary > 1 || values.len() == 1, "{}: only {vary} of {:?} vary", generator.kind, values.keys());
    }
}
