//! The register of other tools' defects is the table of `register.md`; and what comments cite stands in the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reconciler_tests::declarations::{files, repository};

/// The rows of the table: the id, and what holds it.
fn rows() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(repository().join("tests/invariants/register.md")).expect("the register");
    let mut rows = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| h")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 7, "a row has five cells: {line}");
        rows.push((cells[1].to_owned(), cells[5].to_owned()));
    }
    rows
}

/// The names of the test functions in the sources.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["tests", "reconciler"] {
        for path in files(&repository().join(folder), &["rs"]) {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                    is_test = false;
                    found.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
                }
            }
        }
    }
    found
}

/// The row that a test is named after.
fn row_of(test: &str) -> Option<&str> {
    let (row, _) = test.split_once('_')?;
    let number = row.strip_prefix('h')?;
    (number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(row)
}

/// A row without a test is a promise that nobody keeps; a test that is named after a row that there is not is a slip.
#[test]
fn every_row_is_held_or_says_what_it_waits_for() {
    let (rows, tests) = (rows(), tests());
    let ids: Vec<String> = rows.iter().map(|(id, _)| id.clone()).collect();
    let all: Vec<String> = (1..=51).map(|number| format!("h{number:02}")).collect();
    assert_eq!(ids, all, "each row is there once, in order");
    for test in &tests {
        let row = row_of(test).unwrap_or("h01");
        assert!(ids.iter().any(|id| id == row), "{test} is named after a row that there is not");
    }
    for (id, held_by) in &rows {
        let named: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        for name in &named {
            let is_there = match name.strip_suffix('*') {
                Some(beginning) => tests.iter().any(|test| test.starts_with(beginning)),
                None if name.contains('/') => repository().join("tests").join(name).is_file(),
                None => tests.contains(*name),
            };
            assert!(is_there, "{id}: there is no `{name}`");
        }
        let waits = held_by.starts_with("waits for ");
        assert!(waits == named.is_empty(), "{id} names what holds it, or else what it waits for: {held_by}");
        let of_its_name = format!("{id}_*");
        let has_own = tests.iter().any(|test| row_of(test) == Some(id.as_str()));
        assert!(
            has_own == named.contains(&of_its_name.as_str()),
            "{id} has tests of its name, or names `{of_its_name}`"
        );
    }
}

/// Documents that are not in the repository help nobody who has only the repository.
#[test]
fn nothing_points_outside_of_the_repository() {
    const TEXTS: &[&str] =
        &["rs", "md", "yaml", "json", "toml", "txt", "tsv", "py", "lock", "conf", "service", "example"];
    let outside = [["AWS", ".md"], ["AWS", "-additions"], ["FALSE", "-DRIFT"]].map(|parts| parts.concat());
    for folder in ["reconciler", "tests", "desired-state", "plans", "systemd"] {
        for path in files(&repository().join(folder), TEXTS) {
            let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
            for name in &outside {
                assert!(!text.contains(name.as_str()), "{} cites {name}", path.display());
            }
        }
    }
}

/// The page that a citation in a file means, as `reconciler/README.md` says under "Facts about AWS".
fn page(file: &Path, cited: &str) -> PathBuf {
    if cited == "README.md" {
        let near = file.ancestors().skip(1).map(|folder| folder.join(cited)).find(|page| page.is_file());
        return near.expect("the README of the repository");
    }
    let crates = repository().join("reconciler");
    match cited.split_once('/') {
        Some((name, rest)) if rest.contains('/') => crates.join(name).join("src").join(rest),
        _ => crates.join(cited),
    }
}

/// A comment that sends somebody to a heading which is not there sends him nowhere.
#[test]
fn every_citation_names_a_heading_that_is_there() {
    let mut citations = 0;
    for folder in ["reconciler", "tests"] {
        for path in files(&repository().join(folder), &["rs"]) {
            let text = std::fs::read_to_string(&path).expect("a source file");
            for line in text.lines().filter(|line| line.trim_start().starts_with("//")) {
                assert!(!line.ends_with(".md,"), "{}: a citation is on one line: {line}", path.display());
                for part in line.split('(').skip(1) {
                    let Some((cited, rest)) = part.split_once(", ") else { continue };
                    if !cited.ends_with("README.md") {
                        continue;
                    }
                    let heading = rest.split([')', ';', ':']).next().unwrap_or(rest).trim();
                    let page = page(&path, cited);
                    let found = std::fs::read_to_string(&page).unwrap_or_default();
                    let is_there = found.lines().any(|line| line.strip_prefix("## ") == Some(heading));
                    assert!(is_there, "{}: {} has no heading `{heading}`", path.display(), page.display());
                    citations += 1;
                }
            }
        }
    }
    assert!(citations > 100, "{citations} citations: they are written in another way");
}

/// Every kind has a page, and so has what is beside them.
#[test]
fn every_folder_of_the_kinds_has_a_page() {
    let kinds = repository().join("reconciler/kinds/src");
    let rooms = ["sources", "shared"].map(|room| kinds.join(room));
    for folder in [&kinds].into_iter().chain(&rooms) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let page = std::fs::read_to_string(path.join("README.md")).unwrap_or_default();
            let is_room = !path.is_dir() || rooms.contains(&path);
            assert!(is_room || page.contains("\n## Hypotheses\n"), "{} has no page", path.display());
        }
    }
}

/// The walks name files in the order in which one reads them: each of them is there.
#[test]
fn the_walks_lead_through_files_that_are_there() {
    let page = std::fs::read_to_string(repository().join("reconciler/README.md")).expect("the page");
    let (_, walks) = page.split_once("\n## Four walks\n").expect("the walks");
    let walks = walks.split("\n## ").next().unwrap_or_default();
    let named: Vec<&str> = walks.split('`').skip(1).step_by(2).filter(|word| word.contains("/src/")).collect();
    assert!(named.len() > 35, "{}", named.len());
    for path in named.iter().filter(|path| !path.starts_with("kinds/src")) {
        assert!(repository().join("reconciler").join(path).exists(), "{path}");
    }
    for kind in reconciler_kinds::KINDS {
        let folder = repository().join("reconciler/kinds/src").join(kind.name().replace('-', "_"));
        for file in ["client.rs", "spec.rs", "steps.rs"] {
            let shared = ["service-control-policy", "bedrock-policy"].contains(&kind.name()) && file == "steps.rs";
            assert!(shared || folder.join(file).is_file(), "{}: {file}", kind.name());
        }
    }
}

/// A page that sends somebody to a page which is not there sends him nowhere.
#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let mut links = 0;
    let folders = ["reconciler", "tests", "desired-state", "plans", "systemd"];
    let pages = folders.iter().flat_map(|folder| files(&repository().join(folder), &["md"]));
    let of_ours = |path: &PathBuf| !path.components().any(|part| part.as_os_str() == ".venv");
    for path in pages.chain([repository().join("README.md")]).filter(of_ours) {
        let text = std::fs::read_to_string(&path).expect("a page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.contains(' ') {
                continue;
            }
            assert!(path.parent().expect("a folder").join(file).exists(), "{}: {link}", path.display());
            links += 1;
        }
    }
    assert!(links > 40, "{links} links: they are written in another way");
}
