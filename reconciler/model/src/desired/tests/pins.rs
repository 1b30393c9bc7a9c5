//! The file of pins: read strictly, written as a function of what it holds, and no declaration.

use super::*;
use crate::desired::{PINS_FILE, Pins};

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
    pins.set("prod", "222233334444", "eu-west-1", "guardrail/a: b", "abc123".to_owned());
    pins.set("management", "111122223333", "eu-west-1", "subnet:a", "subnet-1".to_owned());
    let text = pins.to_text().expect("YAML");
    let problems = &mut Vec::new();
    let manifests = crate::desired::manifest::read(&source(PINS_FILE, &text), problems);
    let read = crate::desired::pins::read(&manifests, problems);
    assert!(problems.is_empty(), "{}", listed(problems));
    assert_eq!(read.to_text().expect("YAML"), text);
    assert!(text.find("management/eu-west-1") < text.find("prod/eu-west-1"), "{text}");
    let pin = read.get("prod", "222233334444", "eu-west-1", "guardrail/a: b").expect("a pin");
    assert_eq!((pin.value.as_str(), pin.at.is_some()), ("abc123", true));
    // A name that belongs to another account by now has no pins.
    assert_eq!(read.get("prod", "999999999999", "eu-west-1", "kms:alias/k"), None);
    // That is told, for nothing is held to them.
    let sources = [
        ("a.yaml", "kind: filter-set\nname: g\nspec: {}\n"),
        (PINS_FILE, &text.replace("'222233334444'", "'999999999999'")),
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
        ("version: 2\npins: {}\n".to_owned(), "pins.lock:1:10 BRX0204\n"),
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
