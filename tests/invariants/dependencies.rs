//! The dependency direction: the pure core knows nobody, the engine knows no kind, the emulator knows nobody of us.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use reconciler_tests::declarations::{files, repository};
use reconciler_tests::sources::{below, called, functions};
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
    for (path, code) in below("reconciler/model/src") {
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
            assert!(!code.contains(word), "{word} in {path}");
        }
    }
}

/// Whether a text has a word, and not as a part of a longer one or of what `before` and `after` do not allow.
fn places<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = (char, char)> + 't {
    text.match_indices(word).map(move |(at, _)| {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let after = text[at + word.len()..].chars().next().unwrap_or(' ');
        (before, after)
    })
}

/// Where the core may say the name of a kind: file, what the line has, and why.
const MAY_NAME_A_KIND: &[(&str, &str, &str)] = &[
    ("address.rs", "The address of one resource: `prod/", "documentation: what an address looks like"),
    ("address.rs", "is not an address: write ACCOUNT/REGION/KIND/NAME", "an example for people of what to write"),
    ("codes.rs", "NOT_ENFORCEABLE", "what a code means is explained in one table, whoever uses it"),
];

/// The core and the engine go by what the contract of a kind says, and never by its name.
#[test]
fn neither_the_model_nor_the_engine_names_a_kind() {
    let kinds: Vec<&str> = reconciler_kinds::KINDS.iter().map(|kind| kind.name()).collect();
    let mut excused = BTreeSet::new();
    for (path, code) in ["reconciler/model/src", "reconciler/engine/src"].into_iter().flat_map(below) {
        for (number, line) in code.lines().enumerate() {
            let names = kinds.iter().find(|kind| {
                let is_part = |character: char| character.is_alphanumeric() || "-_".contains(character);
                places(line, kind).any(|around| match around {
                    ('"', '"') => true,
                    (before, '/') => !is_part(before),
                    _ => false,
                })
            });
            let Some(name) = names else { continue };
            let excuse = MAY_NAME_A_KIND.iter().find(|(file, has, _)| *file == path && line.contains(has));
            assert!(excuse.is_some(), "{path}:{} names {name}: {line}", number + 1);
            excused.extend(excuse);
        }
    }
    assert_eq!(excused, MAY_NAME_A_KIND.iter().copied().collect(), "an exception that nothing needs");
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
    // Beside its folder and the registry, nothing of the product names the kind: not in a text and not in a comment. Before a
    // colon the word is AWS's own, in an ARN.
    for folder in ["model", "aws", "kinds", "engine", "cli"] {
        for (path, code) in below(&format!("reconciler/{folder}/src")) {
            let may = folder == "kinds" && (path == "lib.rs" || path.starts_with("log_group/"));
            let is_named = places(&code, "log-group").any(|(_, after)| after != ':');
            let names = ["LogGroup.", "LogGroup::", "log_group::"].iter().find(|name| code.contains(**name));
            assert!(may || (!is_named && names.is_none()), "{folder}/{path} names the kind");
        }
    }
}

/// Steps, limits and directions name a member by the field of the typed spec (`member!`), so that a misspelt one does not compile.
#[test]
fn members_are_named_by_the_fields_of_their_spec() {
    let by_text = ["differs_in(\"", "want(\"", "target.get(\"", "target[\"", "live.tree.get(\"", "live.tree[\""];
    let mut named = 0;
    for (path, code) in below("reconciler/kinds/src") {
        named += code.matches("member!(").count();
        for (number, line) in code.lines().enumerate() {
            let found = by_text.iter().find(|way| line.contains(**way));
            assert_eq!(found, None, "{path}:{}: {line}", number + 1);
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
    for (path, text) in below("reconciler/cli/src/commands") {
        for word in OF_THE_ENGINE {
            assert!(!text.contains(word), "{path} has `{word}`");
        }
    }
}

/// How a run ended is weighed in `engine/outcome.rs` and nowhere else; `exit.rs` gives each outcome its code.
///
/// A command may name an exit itself in two places only: as what a [`Failure`] that it raises ends with, which is never drift
/// and never a gap, and as `Ok(Exit::Done)` at the end of a function that has nothing to weigh, where the work was to print or to
/// serve. A function that has an outcome gives the exit of that, whatever it is.
#[test]
fn a_command_weighs_no_outcome() {
    const RAISED: &[&str] = &["Usage", "Failed", "Refused", "Invalid"];
    let word = |text: &str| text.chars().take_while(|character| character.is_alphanumeric()).collect::<String>();
    let is_variant = |name: &str| name.chars().next().is_some_and(char::is_uppercase);
    let mut raised = 0;
    for (path, text) in below("reconciler/cli/src/commands") {
        for (function, body) in functions(&text) {
            let body = body.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_weighed = ["Outcome::of_", "Exit::of_run(", "Exit::from("].iter().any(|way| body.contains(way));
            for (at, _) in body.match_indices("Exit::") {
                let name = word(&body[at + "Exit::".len()..]);
                let rest = &body[at + "Exit::".len() + name.len()..];
                if !is_variant(&name) {
                    continue;
                }
                let is_raised = body[..at].trim_end().ends_with("Failure::new(") && RAISED.contains(&name.as_str());
                let is_end =
                    body[..at].ends_with("Ok(") && name == "Done" && rest.starts_with(')') && !rest.starts_with(") =>");
                raised += usize::from(is_raised);
                assert!(is_raised || (is_end && !is_weighed), "{path}: `{function}` decides for Exit::{name}");
            }
        }
    }
    assert!(raised > 5, "{raised}");
    // What is told of an outcome may depend on whether all is done. Nothing else may be made of it.
    for (path, text) in below("reconciler/cli/src").into_iter().filter(|(path, _)| path != "exit.rs") {
        for (at, _) in text.match_indices("Outcome::") {
            let before = &text[..at];
            let name = word(&text[at + "Outcome::".len()..]);
            let is_ours = !before.ends_with("incident::") && !before.ends_with("Step");
            let is_told = name == "Done" && before.ends_with("== ") && !path.starts_with("commands/");
            assert!(!is_ours || !is_variant(&name) || is_told, "{path} weighs an outcome: Outcome::{name}");
        }
    }
}

/// Codes and action words are for people. What the engine goes by has a type.
#[test]
fn the_engine_goes_by_no_code_and_no_word() {
    for (path, text) in below("reconciler/engine/src") {
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

/// Where a resource client answers by itself while it carries out a call: the function that `perform` comes to, how often, and
/// why it is no refusal, or a justified one.
const ANSWERS_BY_ITSELF: &[(&str, usize, &str)] = &[
    ("enforced_guardrail/client.rs list", 1, "reads after AWS answered that there is a configuration already"),
    ("enforced_guardrail/client.rs read_one", 3, "the same read: what it answers cannot be made out"),
    ("guardrail/client.rs perform", 1, "AWS took the call, and its answer does not say what it made"),
    ("iam_role/client.rs tags", 1, "tags that cannot be in a request: no plan of this build has them"),
    ("invocation_logging/client.rs diagnose", 2, "puts into words what a read after a refusal of AWS was answered"),
    ("invocation_logging/client.rs perform", 1, "the refusal of AWS, with what the role lacks added to its message"),
    (
        "kms_key/client.rs created_before",
        1,
        "CreateKey has no token: of several keys none can be gone on with (README.md, Writes)",
    ),
    ("kms_key/client.rs pages", 1, "the lists that created_before asks for, where an answer lacks its member"),
    (
        "kms_key/client.rs perform",
        1,
        "CreateKey has no token: a key that was made before is gone on with (README.md, Writes)",
    ),
    ("shared/operations.rs unknown_call", 1, "the call is none of this build's"),
    ("shared/organizations/client.rs ask", 1, "the call is none of this build's"),
    ("vpc_endpoint/client.rs create", 1, "AWS took the call, and its answer does not say what it made"),
];

/// What must not be written is refused in the plan, where people see it. A resource client sends what it is given, or says
/// that the call cannot be one of this build's.
#[test]
fn clients_refuse_nothing() {
    let all = below("reconciler/kinds/src");
    let mut clients = 0;
    for (path, text) in all.iter().filter(|(path, _)| path.ends_with("client.rs")) {
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

/// The same of every answer that a client makes up while it carries out a call: an error of its own, or a success without a request.
/// All of them are in the table.
#[test]
fn what_a_client_answers_by_itself_is_listed_with_its_reason() {
    let all: Vec<(String, Vec<(String, String)>)> =
        below("reconciler/kinds/src").into_iter().map(|(path, text)| (path, functions(&text))).collect();
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    // The functions of this name that a file means: its own, those of its folder, or those that kinds share.
    let meant = |from: &str, name: &str| -> Vec<(&str, &str, &str)> {
        let named = |may: &dyn Fn(&str) -> bool| -> Vec<(&str, &str, &str)> {
            all.iter()
                .filter(|(path, _)| may(path))
                .flat_map(|(path, functions)| functions.iter().map(move |(name, body)| (path, name, body)))
                .filter(|(_, own, _)| *own == name)
                .map(|(path, name, body)| (path.as_str(), name.as_str(), body.as_str()))
                .collect()
        };
        let ways: [&dyn Fn(&str) -> bool; 3] =
            [&|path| path == from, &|path| folder(path) == folder(from), &|path| path.starts_with("shared/")];
        ways.into_iter().map(named).find(|found| !found.is_empty()).unwrap_or_default()
    };
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut performers = 0;
    for (path, functions) in all.iter().filter(|(path, _)| path.ends_with("client.rs")) {
        let Some((name, body)) = functions.iter().find(|(name, _)| name == "perform") else { continue };
        performers += 1;
        let mut seen = BTreeSet::new();
        let mut reached = vec![(path.as_str(), name.as_str(), body.as_str())];
        while let Some((path, name, body)) = reached.pop() {
            if !seen.insert((path, name, body)) {
                continue;
            }
            let body_alone = body.split_once('{').map_or(body, |(_, body)| body);
            let count = |word: &str| body_alone.matches(word).count();
            let answers = count("odd_answer(")
                + count("not_sent(")
                + count("CallError::from(").max(count("CallFacts {"))
                + count("request_id: None");
            if answers > 0 {
                found.insert(format!("{path} {name}"), answers);
            }
            reached.extend(called(body_alone).into_iter().flat_map(|called| meant(path, called)));
        }
    }
    let listed: BTreeMap<String, usize> =
        ANSWERS_BY_ITSELF.iter().map(|(place, count, _)| ((*place).to_owned(), *count)).collect();
    assert_eq!(found, listed);
    assert!(performers > 9, "{performers}");
}
