//! A test that nobody runs proves nothing: every file of a test, a case or a scenario is named by what runs it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reconciler_tests::declarations::{files, repository};

use crate::dependencies::metadata;

/// Files of a folder that something reads by their names.
struct Folder {
    path: &'static str,
    extension: &'static str,
    /// The file that names each of them.
    named_in: &'static str,
    /// How it does: `STEM` is the name of the file without its extension.
    named_as: &'static str,
}

const FOLDERS: &[Folder] = &[
    Folder {
        path: "tests/scenarios",
        extension: "md",
        named_in: "tests/process/scenarios.rs",
        named_as: "\"STEM.md\"",
    },
    Folder {
        path: "tests/adversary/rows",
        extension: "yaml",
        named_in: "tests/adversary/row.rs",
        named_as: "\"STEM\"",
    },
    Folder {
        path: "reconciler/emulator/scenarios",
        extension: "yaml",
        named_in: "reconciler/emulator/src/scenario.rs",
        named_as: "/STEM.yaml\"",
    },
    Folder {
        path: "tests/conformance",
        extension: "py",
        named_in: "tests/conformance/README.md",
        named_as: "`STEM.py`",
    },
];

/// What a case of a kind is made of.
const CASE: &[&str] = &["live.json", "published.json", "desired.yaml", "expect.txt"];

/// The files where rustc begins: each library, binary, test, example and bench of the workspace.
fn roots() -> Vec<PathBuf> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().expect("targets"));
    targets.map(|target| PathBuf::from(target["src_path"].as_str().expect("a path"))).collect()
}

/// Adds the file and the files of its modules, and theirs.
fn reach(file: &Path, is_root: bool, reached: &mut BTreeSet<PathBuf>) {
    let file = file.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(&file).expect("a source file");
    let folder = file.parent().expect("a folder");
    let below = if is_root || file.ends_with("mod.rs") { folder.to_owned() } else { file.with_extension("") };
    if !reached.insert(file.clone()) {
        return;
    }
    let mut path = None;
    for line in text.lines().map(str::trim) {
        let after_visibility = line.split_once("mod ").filter(|(before, _)| {
            before.is_empty() || before.starts_with("pub") && before.ends_with(' ') && !before.contains(['{', '/'])
        });
        if let Some((_, rest)) = line.split_once("#[path = \"") {
            path = rest.split('"').next().map(|path| folder.join(path));
        } else if let Some(name) = after_visibility.and_then(|(_, rest)| rest.strip_suffix(';')) {
            let near = below.join(name).with_extension("rs");
            let named = path.take().unwrap_or(if near.is_file() { near } else { below.join(name).join("mod.rs") });
            reach(&named, false, reached);
        } else if !line.starts_with('#') {
            path = None;
        }
    }
}

/// What is forgotten in a repository that begins at these files, a sentence each.
fn forgotten(repository: &Path, roots: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let mut say = |path: &Path, what: &str| {
        let place = path.strip_prefix(repository).unwrap_or(path).display().to_string();
        found.push(format!("{place}: {what}"));
    };

    let mut reached = BTreeSet::new();
    for root in roots {
        reach(root, true, &mut reached);
    }
    for folder in ["reconciler", "tests"] {
        for file in files(&repository.join(folder), &["rs"]).iter().filter(|file| !reached.contains(*file)) {
            say(file, "no `mod` names it");
        }
    }

    for folder in FOLDERS {
        let list = read(&repository.join(folder.named_in));
        for file in files(&repository.join(folder.path), &[folder.extension]) {
            let stem = file.file_stem().expect("a name").to_string_lossy().into_owned();
            if !list.contains(&folder.named_as.replace("STEM", &stem)) {
                say(&file, &format!("{} does not name it", folder.named_in));
            }
        }
    }

    for file in files(&repository.join("tests/conformance"), &["py"]) {
        let (text, is_collected) = (read(&file), name(&file).starts_with("test_"));
        let mut seen = BTreeSet::new();
        for line in text.lines() {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ");
            let Some((test, _)) = function.and_then(|rest| rest.split_once('(')) else { continue };
            if test.starts_with("test") && !is_collected {
                say(&file, &format!("pytest does not look for {test} in a file of this name"));
            }
            if !seen.insert(test.to_owned()) {
                say(&file, &format!("the second {test} takes the place of the first"));
            }
        }
        if is_collected && !seen.iter().any(|function| function.starts_with("test_")) {
            say(&file, "it has no test");
        }
    }

    let kinds: BTreeSet<String> = reconciler_kinds::KINDS.iter().map(|kind| kind.name().replace('-', "_")).collect();
    for file in files(&repository.join("reconciler"), &["json", "yaml", "txt", "md"]) {
        let parts: Vec<String> = file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let Some(at) = parts.iter().rposition(|part| part == "cases") else { continue };
        let is_of_a_kind = kinds.contains(&parts[at - 1]) && parts[at - 2] == "src" && parts[at - 3] == "kinds";
        let is_of_a_case = parts.len() == at + 3 && CASE.contains(&parts[at + 2].as_str());
        if !is_of_a_kind || !is_of_a_case {
            say(&file, "it belongs to no case of a kind");
        }
    }
    found
}

#[test]
fn no_file_is_forgotten() {
    let found = forgotten(&repository(), &roots());
    assert!(found.is_empty(), "{found:#?}");
}

/// The check is able to fail: of each sort of file that may be forgotten, one is found.
#[test]
fn what_is_forgotten_is_found() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path().canonicalize().expect("a path");
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    };
    write("tests/invariants/main.rs", "mod named;\n#[path = \"../kinds/mod.rs\"]\nmod kinds;\n// mod commented;\n");
    write("tests/invariants/named.rs", "pub(crate) mod below;\n");
    write("tests/invariants/named/below.rs", "");
    write("tests/invariants/commented.rs", "");
    write("tests/kinds/mod.rs", "mod trail;\n");
    write("tests/kinds/trail.rs", "");
    write("tests/kinds/forgotten.rs", "");
    write("tests/process/scenarios.rs", "\"told.md\"");
    write("tests/scenarios/told.md", "");
    write("tests/scenarios/untold.md", "");
    write("tests/adversary/row.rs", "");
    write("tests/adversary/rows/unplayed.yaml", "");
    write("tests/conformance/README.md", "`test_twice.py` `helper.py` `test_nothing.py`");
    write("tests/conformance/test_twice.py", "def test_one():\n    pass\n\n\ndef test_one():\n    pass\n");
    write("tests/conformance/helper.py", "def test_two(serve):\n    pass\n");
    write("tests/conformance/test_nothing.py", "");
    write("reconciler/emulator/src/scenario.rs", "");
    write("reconciler/emulator/scenarios/unplayed.yaml", "");
    write("reconciler/kinds/src/trail/cases/one/live.json", "");
    write("reconciler/kinds/src/trail/cases/one/lives.json", "");
    write("reconciler/kinds/src/shared/cases/one/live.json", "");
    let roots = ["tests/invariants/main.rs", "tests/process/scenarios.rs", "tests/adversary/row.rs"];
    let roots: Vec<PathBuf> =
        roots.iter().chain(&["reconciler/emulator/src/scenario.rs"]).map(|path| root.join(path)).collect();
    assert_eq!(
        forgotten(&root, &roots),
        [
            "tests/invariants/commented.rs: no `mod` names it",
            "tests/kinds/forgotten.rs: no `mod` names it",
            "tests/scenarios/untold.md: tests/process/scenarios.rs does not name it",
            "tests/adversary/rows/unplayed.yaml: tests/adversary/row.rs does not name it",
            "reconciler/emulator/scenarios/unplayed.yaml: reconciler/emulator/src/scenario.rs does not name it",
            "tests/conformance/helper.py: pytest does not look for test_two in a file of this name",
            "tests/conformance/test_nothing.py: it has no test",
            "tests/conformance/test_twice.py: the second test_one takes the place of the first",
            "reconciler/kinds/src/shared/cases/one/live.json: it belongs to no case of a kind",
            "reconciler/kinds/src/trail/cases/one/lives.json: it belongs to no case of a kind",
        ]
    );
}
