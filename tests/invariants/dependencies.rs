//! The dependency direction: the pure core knows nobody, the engine knows no kind, the emulator knows nobody of us.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use reconciler_tests::declarations::{files, repository};
use serde_json::Value;

/// What cargo knows of the packages of the workspace.
pub(crate) fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(repository())
        .output()
        .expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The direct dependencies of each package of the workspace that are compiled into it (not those of its tests).
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies").iter();
            let own = all.filter(|dependency| dependency["kind"].is_null()).map(|dependency| text(&dependency["name"]));
            (text(&package["name"]), own.collect())
        })
        .collect()
}

fn ours(of: &BTreeSet<String>) -> Vec<&str> {
    of.iter().map(String::as_str).filter(|name| name.starts_with("reconciler-")).collect()
}

/// The arrows of the design, and no arrow back.
#[test]
fn no_crate_depends_on_one_above_it() {
    let all = dependencies();
    assert_eq!(ours(&all["reconciler-model"]), Vec::<&str>::new());
    assert_eq!(ours(&all["reconciler-emulator"]), Vec::<&str>::new());
    assert_eq!(ours(&all["reconciler-aws"]), ["reconciler-model"]);
    assert_eq!(ours(&all["reconciler-kinds"]), ["reconciler-aws", "reconciler-model"]);
    assert_eq!(ours(&all["reconciler-engine"]), ["reconciler-aws", "reconciler-model"]);
}

/// The pure core is pure: no runtime, no SDK, no network, no file, no environment, no clock of its own. Threads that share the work
/// of one function are its own affair.
#[test]
fn the_model_is_pure() {
    let model = &dependencies()["reconciler-model"];
    let impure = |name: &&String| {
        let name = name.as_str();
        name.starts_with("aws-")
            || matches!(name, "tokio" | "futures" | "hyper" | "http" | "rand" | "tempfile" | "async-trait")
    };
    assert_eq!(model.iter().filter(impure).collect::<Vec<_>>(), Vec::<&String>::new());
    for path in files(&repository().join("reconciler/model/src"), &["rs"]) {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for word in [
            "std::fs",
            "std::env",
            "TcpStream",
            "UdpSocket",
            "ToSocketAddrs",
            "std::process",
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
        ] {
            assert!(
                path.components().any(|part| part.as_os_str() == "tests") || !code.contains(word),
                "{} in {}",
                word,
                path.display()
            );
        }
    }
}

/// A resource SDK is depended on by the kinds alone, and named in their resource clients alone. `aws` may name that of
/// STS, which is how a session is opened, and one more in its own tests.
#[test]
fn an_sdk_is_named_in_the_clients_only() {
    for (package, dependencies) in dependencies() {
        let sdks: Vec<&String> = dependencies.iter().filter(|name| name.starts_with("aws-sdk-")).collect();
        match package.as_str() {
            "reconciler-kinds" => assert!(!sdks.is_empty()),
            "reconciler-aws" => assert!(sdks.iter().all(|name| *name == "aws-sdk-sts"), "{sdks:?}"),
            _ => assert!(sdks.is_empty(), "{package} depends on {sdks:?}"),
        }
    }
    for folder in ["reconciler", "tests"] {
        for path in files(&repository().join(folder), &["rs"]) {
            let place = path.strip_prefix(repository()).expect("below").to_string_lossy().replace('\\', "/");
            let may = place.starts_with("reconciler/aws/")
                || ["reconciler/kinds/src/sources/lookups.rs", "reconciler/kinds/src/shared/guardrails.rs"].contains(&place.as_str())
                || (place.starts_with("reconciler/kinds/src/") && place.ends_with("/client.rs"))
                || place == "tests/invariants/dependencies.rs"
                // The emulator's own tests speak to it with the SDK: that is what they are for.
                || place.starts_with("reconciler/emulator/tests/");
            let text = std::fs::read_to_string(&path).expect("a source file");
            let names_one = text.contains("aws_sdk_");
            assert!(may || !names_one, "{place} names an SDK");
        }
    }
}

/// The worked example of the architecture page: the files are there, all of them, and are about as long as it says.
#[test]
fn the_worked_example_is_true() {
    let page = std::fs::read_to_string(repository().join("reconciler/README.md")).expect("the page");
    let example =
        page.split("### A worked example").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("an example");
    let mut told = BTreeSet::new();
    for row in example.lines().filter_map(|line| line.strip_prefix("| `")) {
        let mut cells = row.split('|').map(str::trim);
        let path = cells.next().expect("a path").trim_end_matches('`');
        let lines: usize = cells.next().and_then(|cell| cell.parse().ok()).expect("a number of lines");
        let text = std::fs::read_to_string(repository().join(path)).expect(path);
        let now = text.lines().count();
        assert!(now.abs_diff(lines) <= 5 + lines / 10, "{path} has {now} lines, and the page says {lines}");
        told.insert(repository().join(path));
    }
    let folder: BTreeSet<_> =
        files(&repository().join("reconciler/kinds/src/log_group"), &["rs", "md"]).into_iter().collect();
    assert_eq!(folder.difference(&told).collect::<Vec<_>>(), Vec::<&std::path::PathBuf>::new());
    // Beside its folder and the registry, no code of the product names the kind.
    for path in ["model", "aws", "kinds", "engine", "cli"]
        .iter()
        .flat_map(|name| files(&repository().join("reconciler").join(name).join("src"), &["rs"]))
    {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        let may = path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
            || path.ends_with("kinds/src/lib.rs")
            || folder.contains(&path);
        let names =
            ["\"log-group\"", "LogGroup.", "LogGroup::", "log_group::"].iter().find(|name| code.contains(**name));
        assert!(may || names.is_none(), "{} has {names:?}", path.display());
    }
}

/// Steps, limits and directions name a member by the field of the typed spec (`member!`), so that a misspelt one does not compile.
#[test]
fn members_are_named_by_the_fields_of_their_spec() {
    let by_text = ["differs_in(\"", "want(\"", "target.get(\"", "target[\"", "live.tree.get(\"", "live.tree[\""];
    let mut named = 0;
    for path in files(&repository().join("reconciler/kinds/src"), &["rs"]) {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        named += code.matches("member!(").count();
        for (number, line) in code.lines().enumerate() {
            let found = by_text.iter().find(|way| line.contains(**way));
            assert_eq!(found, None, "{}:{}: {line}", path.display(), number + 1);
        }
    }
    assert!(named > 40, "{named} members are named by their fields");
}

/// One kind never imports another.
#[test]
fn one_kind_never_imports_another() {
    let kinds: Vec<String> = reconciler_kinds::KINDS.iter().map(|kind| kind.name().replace('-', "_")).collect();
    for kind in &kinds {
        for path in files(&repository().join("reconciler/kinds/src").join(kind), &["rs"]) {
            let text = std::fs::read_to_string(&path).expect("a source file");
            for other in kinds.iter().filter(|other| *other != kind) {
                assert!(!text.contains(&format!("crate::{other}::")), "{} imports {other}", path.display());
            }
        }
    }
}

/// The texts of the sources below a folder, without their tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = repository().join(folder);
    let files = files(&root, &["rs"]);
    assert!(files.len() > 5, "{folder}");
    let without_tests = |text: String| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source file");
        (path.display().to_string(), without_tests(text))
    };
    files.into_iter().map(read).collect()
}

/// A command parses, calls one operation and prints. Who may be told what a run came to, which steps go ahead and what a verdict
/// means is decided in the engine, so that every command and every other front end says the same.
#[test]
fn a_command_decides_nothing_that_the_engine_decides() {
    const OF_THE_ENGINE: &[&str] = &[
        "ApprovedPlan",
        "Authority",
        "Severity::",
        "StepOutcome::",
        "Verdict::Mismatch",
        "Verdict::Verified",
        "Ruling",
        "Why::",
        "case::Case",
        "is_to_restore",
        "std::io::stdin",
    ];
    for (path, text) in sources("reconciler/cli/src/commands") {
        for word in OF_THE_ENGINE {
            assert!(!text.contains(word), "{path} has `{word}`");
        }
    }
    // Exit codes are derived from outcomes in one place.
    for (path, text) in sources("reconciler/cli/src") {
        let derives = text.contains("Outcome::Drift") || text.contains("Outcome::Refused");
        assert!(!derives || path.ends_with("/exit.rs"), "{path} weighs outcomes");
    }
}

/// Codes and action words are for people. What the engine goes by has a type.
#[test]
fn the_engine_goes_by_no_code_and_no_word() {
    for (path, text) in sources("reconciler/engine/src") {
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let compares =
                ["code == ", "code != ", "contains(code)", "contains(&code)"].iter().any(|one| line.contains(one));
            let by_word =
                line.contains("action == \"") || line.contains("kind == \"") || line.contains("verdict == \"");
            assert!(!compares && !by_word, "{path}: {line}");
        }
    }
}

/// A dependency that no source names is maintained and compiled for nothing.
#[test]
fn every_dependency_is_used() {
    let root = repository();
    for (package, dependencies) in dependencies() {
        let folder = match package.as_str() {
            "bedrock-reconciler" => "reconciler/cli",
            "reconciler-tests" => "tests",
            "reconciler-bench" => "tests/bench",
            other => &format!("reconciler/{}", other.trim_start_matches("reconciler-")),
        };
        let texts: Vec<String> =
            files(&root.join(folder), &["rs"]).iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
        for name in dependencies {
            let name = name.replace('-', "_").replace("yaml_serde", "serde_yaml");
            let is_named =
                texts.iter().any(|text| text.contains(&format!("{name}::")) || text.contains(&format!("use {name};")));
            assert!(is_named, "{package} does not use {name}");
        }
    }
}

/// What must not be written is refused in the plan, where people see it. A resource client sends what it is given, or says
/// that the call cannot be one of this build's.
#[test]
fn clients_refuse_nothing() {
    let mut clients = 0;
    for (path, text) in sources("reconciler/kinds/src").into_iter().filter(|(path, _)| path.ends_with("client.rs")) {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (at, _) in flat.match_indices("not_sent(") {
            let call = flat.get(at..flat.len().min(at + 60)).unwrap_or_default();
            assert!(call.contains("SERVICE, \"Plan\""), "{path} refuses: {call}");
        }
        for word in ["Refused", "refusals", "Refusal"] {
            assert!(!text.contains(word), "{path} has `{word}`");
        }
        clients += 1;
    }
    assert!(clients > 12, "{clients}");
}
