//! Runs the cases of every kind: `KIND/cases/NAME/` holds what AWS answered, what is declared, and what differs.
//!
//! `live.json` is the content of the answer, `published.json` that of the newest version (as `live.json` when it is left
//! out), `desired.yaml` the spec of a declaration, and `expect.txt` one line for each difference: path, live, desired,
//! direction. An empty `expect.txt` says that nothing differs.

use std::fs;
use std::path::Path;

use reconciler_model::kind::{Kind, Origin};
use reconciler_model::{documents, drift};
use serde_json::Value;

use crate::KINDS;

fn normal(kind: &dyn Kind, spec: &Value, origin: Origin, place: &Path) -> Value {
    let normalised = kind.normalise(spec, origin);
    assert_eq!(normalised.problems, [], "{}", place.display());
    let unknown: Vec<String> = normalised.unknown.iter().map(|(path, _)| path.to_string()).collect();
    let may_be_unknown = origin == Origin::Live;
    assert!(may_be_unknown || unknown.is_empty(), "{}: {unknown:?}", place.display());
    normalised.tree
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
}

fn differences(kind: &dyn Kind, case: &Path) -> String {
    let mut live = normal(kind, &json(&case.join("live.json")), Origin::Live, case);
    let desired = fs::read_to_string(case.join("desired.yaml")).expect("desired.yaml");
    let desired: Value = serde_yaml::from_str(&desired).expect("YAML");
    let want = normal(kind, &desired, Origin::Declared, case);
    if want.get("publishedVersion").is_some() {
        let published = case.join("published.json");
        let answer = if published.exists() { json(&published) } else { json(&case.join("live.json")) };
        live["publishedVersion"] = normal(kind, &answer, Origin::Live, case);
    }
    let managed = drift::managed_part(kind, &live, &want);
    let mut lines = String::new();
    let compared = documents::compare(kind, managed, &want);
    for (one, direction) in compared.differences.iter().zip(compared.directions(kind)) {
        let text = |value: &Option<Value>| value.as_ref().map_or("absent".to_owned(), Value::to_string);
        let word = match kind.contract().unobservable(&one.path, one.left.as_ref(), one.right.as_ref()) {
            Some(_) => "unobservable".to_owned(),
            None => direction.to_string(),
        };
        lines += &format!("{}: {} -> {} {word}\n", one.path, text(&one.left), text(&one.right));
    }
    lines
}

/// Every case of every kind. A kind without a case is a kind that nobody looked at.
#[test]
fn every_case_differs_as_expected() {
    for kind in KINDS {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(kind.name().replace('-', "_")).join("cases");
        let mut cases: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        cases.sort();
        assert!(!cases.is_empty(), "{} has no case", kind.name());
        for case in cases {
            let expected = fs::read_to_string(case.join("expect.txt")).expect("expect.txt");
            assert_eq!(differences(*kind, &case), expected, "{}", case.display());
        }
    }
}
