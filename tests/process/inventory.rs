//! A test file that nobody runs proves nothing.

use std::fs;

use crate::harness::repository;

#[test]
fn no_test_file_is_forgotten() {
    let folder = repository().join("tests/process");
    let main = fs::read_to_string(folder.join("main.rs")).expect("read");
    for entry in fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(name == "main" || main.contains(&format!("mod {name};")), "tests/process/main.rs does not name {name}");
    }
}

#[test]
fn no_scenario_is_forgotten() {
    let list = fs::read_to_string(repository().join("tests/process/scenarios.rs")).expect("read");
    for entry in fs::read_dir(repository().join("tests/scenarios")).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(list.contains(&format!("\"{name}\"")), "tests/process/scenarios.rs does not name {name}");
    }
}
