//! Directions against brute force: every request of a small world is put to both documents.
//!
//! The judge below shares no code with what it judges: it reads the IAM grammar as plain JSON and answers one request at
//! a time. The world holds every value that the documents can spell, and values that none can.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::policy;
use crate::direction::Direction;
use crate::policy::{Policy, align, direction, directions};
use crate::tree::{self, Path};

const ACTIONS: &[&str] = &["s:a", "s:b", "s:ab", "s:az", "s:zq7", "s:", "s:azq7", "s:zq7b", "s:z", "t:a", "zq7:zq7"];
const RESOURCES: &[&str] = &[
    "arn:aws:s::1:x",
    "arn:aws:s::1:xy",
    "arn:aws:s::1:xzq7",
    "arn:aws:s::2:xz",
    "arn:aws:s:::xz",
    "arn:aws:s::zq7:xz",
    "arn:aws:t::1:y",
    "arn:zq7:zq7:zq7:000000000000:zq7",
];
/// Type, id, account.
const PRINCIPALS: &[(&str, &str, &str)] = &[
    ("AWS", "111111111111", "111111111111"),
    ("AWS", "arn:aws:iam::111111111111:role/r", "111111111111"),
    ("AWS", "222222222222", "222222222222"),
    ("AWS", "arn:aws:iam::222222222222:role/r", "222222222222"),
    ("AWS", "arn:aws:iam::333333333333:user/outsider", "333333333333"),
    ("Service", "b.amazonaws.com", ""),
    ("Service", "other.amazonaws.com", ""),
];
const TAGS: &[Option<&str>] = &[None, Some("a"), Some("ab"), Some("b"), Some("zq7"), Some("azq7"), Some("z")];
const SECURE: &[Option<&str>] = &[None, Some("true"), Some("false")];
const ADDRESSES: &[Option<&str>] = &[None, Some("10.1.0.0"), Some("10.0.0.0"), Some("9.9.9.9"), Some("203.0.113.77")];

/// The answer to each request: 0 denied, 1 nothing, 2 allowed.
pub(super) struct Judge {
    /// Whether the principal `*` includes services, which nobody documents: claims must hold either way.
    everyone_serves: bool,
    /// Whether a wildcard in a resource reaches over a colon: likewise.
    across: bool,
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if like(rest, text) => true,
        (Some((b'*', _)), Some((_, tail))) => like(pattern, tail),
        (Some((p, rest)), Some((t, tail))) => (*p == b'?' || p == t) && like(rest, tail),
        _ => false,
    }
}

impl Judge {
    fn resource(&self, pattern: &str, text: &str) -> bool {
        if self.across || pattern == "*" {
            return like(pattern.as_bytes(), text.as_bytes());
        }
        let parts = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
        let (pattern, text) = (parts(pattern), parts(text));
        pattern.len() == text.len() && pattern.iter().zip(&text).all(|(p, t)| like(p.as_bytes(), t.as_bytes()))
    }

    fn principal(&self, value: &Value, (kind, id, account): (&str, &str, &str)) -> bool {
        let types = if *value == json!("*") { json!({"AWS": "*"}) } else { value.clone() };
        types.as_object().expect("types").iter().any(|(other, listed)| {
            texts(listed).iter().any(|text| match (other.as_str(), text.as_str()) {
                ("AWS", "*") => kind == "AWS" || self.everyone_serves,
                ("AWS", text) => {
                    kind == "AWS" && (text == id || text == account || text == format!("arn:aws:iam::{account}:root"))
                }
                (other, text) => other == kind && text == id,
            })
        })
    }

    /// For each principal, action and resource in turn: which keys of the request make the statement match, as bits.
    fn matches(&self, statement: &Value, bits: u128) -> Vec<u128> {
        let says =
            |name: &str, hit: &dyn Fn(&Value) -> bool| match (statement.get(name), statement.get(format!("Not{name}")))
            {
                (Some(value), _) => hit(value),
                (_, Some(value)) => !hit(value),
                _ => true,
            };
        let action = |action: &str, value: &Value| {
            texts(value).iter().any(|one| like(one.to_lowercase().as_bytes(), action.as_bytes()))
        };
        let resource = |resource: &str, value: &Value| texts(value).iter().any(|one| self.resource(one, resource));
        let who: Vec<bool> =
            PRINCIPALS.iter().map(|one| says("Principal", &|value| self.principal(value, *one))).collect();
        let what: Vec<bool> = ACTIONS.iter().map(|one| says("Action", &|value| action(one, value))).collect();
        let place: Vec<bool> = RESOURCES.iter().map(|one| says("Resource", &|value| resource(one, value))).collect();
        let mut found = Vec::new();
        for who in &who {
            for what in &what {
                found.extend(place.iter().map(|place| if *who && *what && *place { bits } else { 0 }));
            }
        }
        found
    }

    fn answers(&self, document: &Value) -> Vec<(u128, u128)> {
        let mut answers = vec![(0, 0); PRINCIPALS.len() * ACTIONS.len() * RESOURCES.len()];
        for statement in document["Statement"].as_array().expect("a list") {
            let matches = self.matches(statement, context_bits(statement));
            for ((denied, allowed), bits) in answers.iter_mut().zip(matches) {
                *(if statement["Effect"] == "Deny" { denied } else { allowed }) |= bits;
            }
        }
        answers
    }

    /// Whether `one` answers some request higher than `two`.
    pub(super) fn higher(&self, one: &Value, two: &Value) -> bool {
        self.answers(one).iter().zip(self.answers(two)).any(|((denied, allowed), (other_denied, other_allowed))| {
            (other_denied & !denied) | ((allowed & !denied) & !(other_allowed & !other_denied)) != 0
        })
    }
}

/// Which combinations of keys satisfy the conditions of a statement.
fn context_bits(statement: &Value) -> u128 {
    let mut bits = 0;
    let mut index = 0;
    for tag in TAGS {
        for secure in SECURE {
            for address in ADDRESSES {
                let get = |key: &str| match key.to_lowercase().as_str() {
                    "k" => *tag,
                    "aws:securetransport" => *secure,
                    "aws:sourceip" => *address,
                    other => panic!("{other}"),
                };
                let holds = statement.get("Condition").and_then(Value::as_object).into_iter().flatten().all(
                    |(operator, tests)| {
                        tests
                            .as_object()
                            .expect("tests")
                            .iter()
                            .all(|(key, values)| test(operator, get(key), &texts(values)))
                    },
                );
                bits |= u128::from(holds) << index;
                index += 1;
            }
        }
    }
    assert!(index <= 128);
    bits
}

fn test(operator: &str, value: Option<&str>, values: &[String]) -> bool {
    let number = |address: &str| {
        address.split('.').fold(0_u32, |bits, part| (bits << 8) | part.parse::<u32>().expect("a number"))
    };
    let within = |network: &str, address: &str| match network.split_once('/') {
        None => network == address,
        Some((network, "0")) => !network.is_empty(),
        Some((network, fixed)) => {
            let shift = 32 - fixed.parse::<u32>().expect("a number");
            number(network) >> shift == number(address) >> shift
        }
    };
    let any = |matches: &dyn Fn(&str, &str) -> bool, value: &str| values.iter().any(|one| matches(one, value));
    let text: &dyn Fn(&str, &str) -> bool = &|one, value| one == value;
    let pattern: &dyn Fn(&str, &str) -> bool = &|one, value| like(one.as_bytes(), value.as_bytes());
    match (operator.to_lowercase().as_str(), value) {
        ("null", value) => values.contains(&value.is_none().to_string()),
        ("stringequals" | "bool" | "foranyvalue:stringlike" | "stringlike" | "ipaddress", None) => false,
        (_, None) => true,
        ("stringequals" | "stringequalsifexists" | "forallvalues:stringequals" | "bool", Some(value)) => {
            any(text, value)
        }
        ("stringnotequals" | "stringnotequalsifexists", Some(value)) => !any(text, value),
        ("stringlike" | "foranyvalue:stringlike", Some(value)) => any(pattern, value),
        ("stringnotlike", Some(value)) => !any(pattern, value),
        ("ipaddress", Some(value)) => any(&within, value),
        ("notipaddress", Some(value)) => !any(&within, value),
        (other, _) => panic!("{other}"),
    }
}

fn some_of(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Value> {
    (subsequence(words, 1..=most), any::<bool>()).prop_map(|(words, scalar)| match words[..] {
        [word] if scalar => json!(word),
        _ => json!(words),
    })
}

/// A member and its value, or its opposite.
fn either(
    positive: &'static str,
    value: impl Strategy<Value = Value> + Clone + 'static,
) -> impl Strategy<Value = (String, Value)> {
    (prop::bool::weighted(0.15), value)
        .prop_map(move |(not, value)| (if not { format!("Not{positive}") } else { positive.to_owned() }, value))
}

fn condition() -> impl Strategy<Value = Value> {
    let text = select(vec![
        "StringEquals",
        "StringLike",
        "StringNotEquals",
        "StringNotLike",
        "StringEqualsIfExists",
        "StringNotEqualsIfExists",
        "ForAnyValue:StringLike",
        "ForAllValues:StringEquals",
        "stringequals",
    ]);
    let tag = (text, some_of(&["a", "ab", "b", "a*", "?", "*"], 3)).prop_map(|(operator, values)| {
        // Patterns are text to operators that do not take them; the world need not hold such values.
        let values = if operator.to_lowercase().contains("like") {
            values
        } else {
            let plain: Vec<String> = texts(&values).into_iter().filter(|one| !one.contains(['*', '?'])).collect();
            if plain.is_empty() { json!("a") } else { json!(plain) }
        };
        json!({operator: {"k": values}})
    });
    let null = select(vec![json!(true), json!("false")]).prop_map(|value| json!({"Null": {"K": value}}));
    let secure =
        select(vec![json!(true), json!("false")]).prop_map(|value| json!({"Bool": {"aws:SecureTransport": value}}));
    let address =
        (select(vec!["IpAddress", "NotIpAddress"]), some_of(&["10.0.0.0/8", "10.1.0.0/16", "9.9.9.9", "0.0.0.0/0"], 2))
            .prop_map(|(operator, values)| json!({operator: {"aws:SourceIp": values}}));
    let one = prop_oneof![5 => tag, 1 => null, 2 => secure, 2 => address];
    vec(one, 0..3).prop_map(|parts| {
        let mut all = json!({});
        for (operator, tests) in parts.iter().flat_map(|part| part.as_object().expect("one operator")) {
            let known = all.as_object().expect("operators").keys().any(|name| name.eq_ignore_ascii_case(operator));
            if !known {
                all[operator] = tests.clone();
            }
        }
        all
    })
}

fn principal() -> impl Strategy<Value = Value> + Clone {
    select(vec![
        json!("*"),
        json!({"AWS": "*"}),
        json!({"AWS": "111111111111"}),
        json!({"AWS": ["arn:aws:iam::111111111111:role/r"]}),
        json!({"AWS": ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:role/r"]}),
        json!({"AWS": ["222222222222", "arn:aws:iam::111111111111:role/r"], "Service": "b.amazonaws.com"}),
        json!({"Service": ["b.amazonaws.com"]}),
    ])
}

/// The parts of a statement, each of which a mutation may exchange.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) sid: Value,
    pub(super) effect: &'static str,
    pub(super) principal: Option<(String, Value)>,
    pub(super) action: (String, Value),
    pub(super) resource: Option<(String, Value)>,
    pub(super) condition: Value,
}

impl Parts {
    pub(super) fn value(&self) -> Value {
        let mut value = json!({"Sid": self.sid, "Effect": self.effect, "Condition": self.condition});
        let members = [Some(self.action.clone()), self.principal.clone(), self.resource.clone()];
        for (name, member) in members.into_iter().flatten() {
            value[name] = member;
        }
        value
    }
}

pub(super) fn parts() -> impl Strategy<Value = Parts> {
    (
        select(vec![json!("A"), json!("B"), json!(""), json!("1"), json!(null)]),
        select(vec!["Allow", "Allow", "Deny"]),
        proptest::option::weighted(0.7, either("Principal", principal())),
        either("Action", some_of(&["s:a", "s:b", "s:ab", "s:*", "s:a*", "s:?", "s:*b", "*", "S:A"], 3).boxed()),
        proptest::option::weighted(
            0.8,
            either(
                "Resource",
                some_of(
                    &["*", "arn:aws:s::1:x", "arn:aws:s::1:xy", "arn:aws:s::1:x*", "arn:aws:s::*:x?", "arn:aws:*::1:y"],
                    3,
                )
                .boxed(),
            ),
        ),
        condition(),
    )
        .prop_map(|(sid, effect, principal, action, resource, condition)| Parts {
            sid,
            effect,
            principal,
            action,
            resource,
            condition,
        })
}

pub(super) fn document(statements: &[Parts]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements.iter().map(Parts::value).collect::<Vec<_>>()})
}

/// Two documents: mostly the second is the first with a few changes, as sabotage makes them.
pub(super) fn pair() -> impl Strategy<Value = (Value, Value)> {
    (vec(parts(), 1..4), vec((0..14_u8, parts()), 4), any::<bool>()).prop_map(|(want, changes, exchange)| {
        let mut live = Vec::new();
        for (statement, (change, other)) in want.iter().zip(&changes) {
            let mut statement = statement.clone();
            match change {
                0 => continue,
                1 => statement = other.clone(),
                2 => statement.effect = other.effect,
                3 => statement.action = other.action.clone(),
                4 => statement.resource = other.resource.clone(),
                5 => statement.principal = other.principal.clone(),
                6 => statement.condition = other.condition.clone(),
                7 => statement.condition = json!({}),
                8 => statement.sid = other.sid.clone(),
                9 => {
                    statement.condition = other.condition.clone();
                    statement.action = other.action.clone();
                }
                _ => {}
            }
            live.push(statement);
        }
        if changes[3].0 < 4 {
            live.push(changes[3].1.clone());
        }
        let (live, want) = (document(&live), document(&want));
        if exchange { (want, live) } else { (live, want) }
    })
}

pub(super) fn judges() -> [Judge; 2] {
    [Judge { everyone_serves: true, across: true }, Judge { everyone_serves: false, across: false }]
}

/// `target`, when nothing in it is decided by leaves that were taken apart.
pub(super) fn written(target: &Value) -> Value {
    let policy = Policy::from_value(target).expect("a document");
    serde_json::from_str(&policy.to_minified_json()).expect("JSON")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn directions_hold_for_every_request((live, want) in pair()) {
        let (live_policy, want_policy) = (policy(live.clone()), policy(want.clone()));
        let claimed = direction(&live_policy, &want_policy);
        for judge in judges() {
            let (above, below) = (judge.higher(&live, &want), judge.higher(&want, &live));
            match claimed {
                Direction::Weakened => prop_assert!(above, "weakened, but never above"),
                Direction::Strengthened => prop_assert!(!above, "strengthened, but above"),
                Direction::Neutral => prop_assert!(!above && !below, "neutral, but different"),
                Direction::Unknown => {}
            }
            // What is written is what was read.
            prop_assert!(judge.answers(&written(&want_policy.tree())) == judge.answers(&want));
        }
    }

    #[test]
    fn directions_of_leaves_hold_for_every_request((live, want) in pair()) {
        let (live_policy, want_policy) = (policy(live.clone()), policy(want.clone()));
        let whole = direction(&live_policy, &want_policy);
        let (live_tree, want_tree) = align(&live_policy.tree(), &want_policy.tree());
        let leaves = directions(&live_tree, &want_tree);
        let all = Direction::of_all(leaves.iter().map(|leaf| leaf.1));
        match whole {
            Direction::Weakened => prop_assert_eq!(all, Direction::Weakened),
            Direction::Neutral => prop_assert_eq!(all, Direction::Neutral),
            Direction::Strengthened => prop_assert!(matches!(all, Direction::Strengthened | Direction::Neutral)),
            Direction::Unknown => {}
        }
        // What the engine makes of it: desired, with what is stronger as it is in live, leaf by leaf.
        let keep = |directions: &[Direction]| {
            let mut target = want_tree.clone();
            for (path, _) in leaves.iter().filter(|leaf| directions.contains(&leaf.1)) {
                tree::set(&mut target, path, tree::get(&live_tree, path).cloned());
            }
            written(&target)
        };
        for kept in [keep(&[Direction::Strengthened]), keep(&[Direction::Strengthened, Direction::Neutral])] {
            for judge in judges() {
                prop_assert!(!judge.higher(&kept, &want), "what was kept opens something: {kept}");
            }
        }
    }

    #[test]
    fn aligned_trees_say_what_the_documents_say((live, want) in pair()) {
        let (live, want) = (policy(live), policy(want));
        let (live_tree, want_tree) = align(&live.tree(), &want.tree());
        prop_assert_eq!(&want_tree, &want.tree());
        prop_assert!(policy(live_tree.clone()).is_equal(&live));
        let repeats = |policy: &Policy| {
            let mut names: Vec<&String> = policy.statements().iter().filter_map(|one| one.sid.as_ref()).collect();
            names.sort();
            names.windows(2).any(|pair| pair[0] == pair[1])
        };
        if !repeats(&live) && !repeats(&want) {
            prop_assert_eq!(align(&live_tree, &want_tree), (live_tree.clone(), want_tree.clone()));
        }
        let names_only = tree::differences(&live_tree, &want_tree, &[])
            .iter()
            .all(|one| matches!(one.path.parts()[..], ["Statement", _, "Sid"]));
        prop_assert_eq!(live.is_equal(&want), names_only);
    }

    #[test]
    fn containment_of_patterns_is_exact_in_a_small_alphabet(outer in "[ab*?]{0,4}", inner in "[ab*?]{0,3}") {
        // `c` is what neither spells; texts longer than both patterns together add nothing.
        let mut texts = vec![String::new()];
        for length in 0..7 {
            let longest: Vec<String> = texts.iter().filter(|text| text.len() == length).cloned().collect();
            texts.extend(longest.iter().flat_map(|text| ["a", "b", "c"].map(|c| format!("{text}{c}"))));
        }
        let hit = |pattern: &str, text: &str| like(pattern.as_bytes(), text.as_bytes());
        let contained = texts.iter().all(|text| !hit(&inner, text) || hit(&outer, text));
        let disjoint = !texts.iter().any(|text| hit(&inner, text) && hit(&outer, text));
        prop_assert_eq!(crate::policy::glob::contains(&outer, &inner), contained);
        prop_assert_eq!(crate::policy::glob::disjoint(&outer, &inner), disjoint);
        for text in &texts {
            prop_assert_eq!(crate::policy::glob::matches(&outer, text), hit(&outer, text));
        }
    }
}

/// `Unknown` is safe, and useless if it is all there is: most of what can be decided is.
#[test]
fn most_pairs_are_decided() {
    let mut runner = TestRunner::deterministic();
    let (mut open, mut found, mut shut, mut proven) = (0, 0, 0, 0);
    for _ in 0..600 {
        let (live, want) = pair().new_tree(&mut runner).expect("a pair").current();
        let claimed = direction(&policy(live.clone()), &policy(want.clone()));
        match judges().map(|judge| judge.higher(&live, &want)) {
            [true, true] => {
                open += 1;
                found += usize::from(claimed == Direction::Weakened);
            }
            [false, false] => {
                shut += 1;
                proven += usize::from(matches!(claimed, Direction::Strengthened | Direction::Neutral));
            }
            _ => {}
        }
    }
    assert!(found * 100 >= open * 90, "{found} of {open} openings are found");
    assert!(proven * 100 >= shut * 80, "{proven} of {shut} closings are proven");
}

#[test]
fn the_judge_knows_the_paths_of_the_world() {
    // A path that the engine would use, against a change of the world that would make the tests above empty.
    let path: Path = "Statement.A.Action".parse().expect("a path");
    let of = |action: &str| json!({"Statement": [{"Sid": "A", "Effect": "Allow", "Action": action, "Resource": "*"}]});
    let (live, want) = align(&policy(of("s:*")).tree(), &policy(of("s:a")).tree());
    assert_eq!(directions(&live, &want), [(path, Direction::Weakened)]);
    assert!(judges().iter().all(|judge| judge.higher(&of("s:*"), &of("s:a")) && !judge.higher(&of("s:a"), &of("s:*"))));
}
