//! The file of pins: read strictly, written as a function of what it holds, and no declaration.

use super::*;
use crate::desired::{PINS_FILE, Pins};
use crate::kind::PinnedAs;

/// Kinds of which names are pinned, by what their contracts say.
struct Pinning(&'static Contract);

static PROMPT: Contract = Contract { name: "prompt", pinned_as: Some(PinnedAs::Name("prompt/")), ..Contract::DEFAULT };
static FLOW: Contract =
    Contract { name: "flow", pinned_as: Some(PinnedAs::NameAndVersions("flow/")), ..Contract::DEFAULT };
static KEY: Contract = Contract { name: "key", pinned_as: Some(PinnedAs::Name("kms:")), ..Contract::DEFAULT };
static NAMING: &[&dyn Kind] = &[&Pinning(&PROMPT), &Pinning(&FLOW), &Pinning(&KEY)];

impl Kind for Pinning {
    fn contract(&self) -> &'static Contract {
        self.0
    }
    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        LogKind.normalise(spec, origin)
    }
    fn check(&self, _: &Value) -> Vec<Problem> {
        Vec::new()
    }
    fn direction(&self, _: &Path, _: Option<&Value>, _: Option<&Value>) -> Direction {
        Direction::Neutral
    }
    fn steps(&self, _: &Situation<'_>) -> Proposal {
        Proposal::default()
    }
}

/// The pins that a file has, and what is wrong with it, where these kinds are known.
fn read(text: &str, kinds: &[&dyn Kind]) -> (Pins, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let manifests = crate::desired::manifest::read(&source(PINS_FILE, text), &mut problems);
    let pins = crate::desired::pins::read(&manifests, kinds, &mut problems);
    (pins, problems)
}

/// A kind that pins names has its pins read, and no other name is taken for one.
#[test]
fn what_a_pin_of_a_name_begins_with_comes_from_the_contracts_of_the_kinds() {
    let block =
        |key: &str| format!("version: 1\npins:\n  prod/eu-west-1:\n    account: \"222233334444\"\n    {key}: id1\n");
    for key in ["prompt/greeting", "flow/a/b", "kms:alias/k"] {
        let (pins, problems) = read(&block(key), NAMING);
        assert!(problems.is_empty(), "{}", listed(&problems));
        assert!(pins.get("prod", "222233334444", "eu-west-1", key).is_some(), "{key}");
    }
    for (key, near) in [("prompt/", "prompt"), ("promt/a", "prompt"), ("prompt:a", "prompt"), ("flo/a", "flow")] {
        let (_, problems) = read(&block(key), NAMING);
        assert!(problems[0].detail.ends_with("or `flow/NAME`, or `prompt/NAME`"), "{}", problems[0].detail);
        assert_eq!(problems[0].remedy, format!("did you mean `{near}`?"), "{key}");
    }
    assert_eq!(read(&block("prompt/greeting"), KINDS).1[0].code, codes::UNKNOWN_MEMBER, "no kind pins it");
}

const DECLARATION: &str = "kind: guardrail\nname: g\nspec: {}\n";

fn wrong(text: &str) -> String {
    match load_files(&[("a.yaml", DECLARATION), (PINS_FILE, text)]) {
        Ok(_) => "nothing".to_owned(),
        Err(problems) => {
            let pins = problems.iter().filter(|one| one.at.as_ref().is_some_and(|at| at.file == PINS_FILE));
            pins.map(|one| format!("{} {}\n", one.at.as_ref().expect("a place"), one.code)).collect()
        }
    }
}

#[test]
fn what_was_written_is_read_back_and_written_alike() {
    let mut pins = Pins::default();
    pins.set("prod", "222233334444", "eu-west-1", "kms:alias/k", "arn:aws:kms:eu-west-1:222233334444:key/1".to_owned());
    pins.set("prod", "222233334444", "eu-west-1", "prompt/a: b", "abc123".to_owned());
    pins.set("management", "111122223333", "eu-west-1", "subnet:a", "subnet-1".to_owned());
    let text = pins.to_text().expect("YAML");
    let (read, problems) = read(&text, NAMING);
    assert!(problems.is_empty(), "{}", listed(&problems));
    assert_eq!(read.to_text().expect("YAML"), text);
    assert!(text.find("management/eu-west-1") < text.find("prod/eu-west-1"), "{text}");
    let pin = read.get("prod", "222233334444", "eu-west-1", "prompt/a: b").expect("a pin");
    assert_eq!((pin.value.as_str(), pin.at.is_some()), ("abc123", true));
    // A name that belongs to another account by now has no pins.
    assert_eq!(read.get("prod", "999999999999", "eu-west-1", "kms:alias/k"), None);
    // That is told, for nothing is held to them.
    let sources = [
        ("a.yaml", "kind: filter-set\nname: g\nspec: {}\n"),
        (PINS_FILE, &text.replace("'222233334444'", "'999999999999'").replace("prompt/a: b", "subnet:b")),
    ];
    let desired = load_files(&sources).unwrap_or_else(|problems| panic!("{}", listed(&problems)));
    let told: Vec<String> = desired.coverage.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(told, ["prod/eu-west-1/pin/account"]);
}

#[test]
fn mistakes_are_told_at_their_places() {
    let block =
        |line: &str| format!("version: 1\npins:\n  prod/eu-west-1:\n    account: \"222233334444\"\n    {line}\n");
    for (text, expected) in [
        ("version: 1\npins: {}\nmore: 1\n".to_owned(), "pins.lock:3:1 BRX0201\n"),
        ("version: 3\npins: {}\n".to_owned(), "pins.lock:1:10 BRX0204\n"),
        ("pins: {}\n".to_owned(), "pins.lock:1:1 BRX0204\n"),
        ("version: 1\npins: {prod: {}}\n".to_owned(), "pins.lock:2:14 BRX0204\n"),
        ("version: 1\npins: {}\n---\nversion: 1\n".to_owned(), "pins.lock:4:1 BRX0204\n"),
        ("version: [\n".to_owned(), "pins.lock:2:1 BRX0105\n"),
        (block("kmz:alias/k: x"), "pins.lock:5:5 BRX0201\n"),
        (block("kms:alias/k: 1"), "pins.lock:5:18 BRX0204\n"),
        (block("where:all: ['1']"), "pins.lock:5:17 BRX0301\n"),
        (block("where:all: '222233334444'"), "pins.lock:5:16 BRX0204\n"),
        (block("kms:alias/k: x\n    kms:alias/k: y"), "pins.lock:6:5 BRX0106\n"),
        (block("kms:alias/k: x").replace("\"222233334444\"", "\"22\""), "pins.lock:4:14 BRX0301\n"),
    ] {
        assert_eq!(wrong(&text), expected, "{text}");
    }
}
