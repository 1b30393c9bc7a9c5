//! The rows of the false-drift register that this milestone covers, and the tests that carry their names.

use std::collections::BTreeMap;

use reconciler_tests::declarations::{files, repository};

/// Rows of the register that have a test; a milestone that covers more rows adds them here first, and fails.
const COVERED: &[&str] = &[
    "h01", "h02", "h03", "h04", "h05", "h09", "h10", "h11", "h12", "h13", "h14", "h15", "h16", "h17", "h18", "h19",
    "h20", "h21", "h22", "h23", "h24", "h27", "h29", "h31", "h32", "h33", "h35", "h36", "h44",
];

/// The test functions in the sources, by the row that they are named after.
fn tests() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["tests", "reconciler/kinds/src"] {
        for path in files(&repository().join(folder), &["rs"]) {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                    is_test = false;
                    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let row = name.get(..3).unwrap_or("");
                    if row.starts_with('h') && row[1..].chars().all(|c| c.is_ascii_digit()) {
                        found.entry(row.to_owned()).or_default().push(name.clone());
                    }
                }
            }
        }
    }
    found
}

/// A row without a test is a promise that nobody keeps; a test that is named after a row that there is not is a slip.
#[test]
fn every_covered_row_has_a_test_of_its_name() {
    let tests = tests();
    let missing: Vec<&&str> = COVERED.iter().filter(|row| !tests.contains_key(**row)).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
    let beyond: Vec<&String> = tests.keys().filter(|row| row.as_str() < "h01" || row.as_str() > "h51").collect();
    assert!(beyond.is_empty(), "the register has no row {beyond:?}");
}

/// A file that no binary includes is a test that never runs: every module here is named in `main.rs`.
#[test]
fn every_file_of_laws_is_a_module() {
    let folder = repository().join("tests/laws");
    let main = std::fs::read_to_string(folder.join("main.rs")).expect("main.rs");
    for path in files(&folder, &["rs"]) {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        assert!(name == "main" || main.contains(&format!("mod {name};")), "{name} is not a module");
    }
}
