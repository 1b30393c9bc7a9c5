//! Guardrails: what is carried through a replacing write, versions, and random drift.

mod carried;
mod convergence;
mod versions;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use reconciler_tests::generate::{self, Generator};
use serde_json::{Map, Value, json};

/// Random guardrails.
pub(crate) const GENERATOR: Generator = Generator { kind: "guardrail", name: "payments", weight: 4, specs };

/// `inputAction`, `outputAction`, `inputEnabled` and `outputEnabled`, each of which may be left out.
fn sides(actions: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let action = move || proptest::option::of(select(actions));
    let enabled = || proptest::option::of(any::<bool>());
    (action(), action(), enabled(), enabled()).prop_map(|(input, output, reads, writes)| {
        json!({"inputAction": input, "outputAction": output, "inputEnabled": reads, "outputEnabled": writes})
    })
}

fn tier(standard: bool) -> BoxedStrategy<Value> {
    let names: &'static [&'static str] = if standard { &["CLASSIC", "STANDARD"] } else { &["CLASSIC"] };
    generate::maybe(select(names).prop_map(|name| json!({ "tierName": name })))
}

fn content_filters() -> BoxedStrategy<Value> {
    const BLOCK: &[&str] = &["BLOCK", "NONE"];
    let strength = || select(&["NONE", "LOW", "MEDIUM", "HIGH"][..]);
    let modalities = || generate::maybe(subsequence(vec!["TEXT", "IMAGE"], 1..=2).prop_map(|found| json!(found)));
    generate::elements("type", &["HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK", "SEXUAL", "VIOLENCE"], move || {
        (strength(), strength(), modalities(), modalities(), sides(BLOCK)).prop_map(|(input, output, reads, writes, sides)| {
            let own = json!({
                "inputStrength": input, "outputStrength": output, "inputModalities": reads, "outputModalities": writes,
            });
            generate::merged(own, sides)
        })
    })
    .prop_map(|mut filters| {
        // The service takes nothing but this.
        for filter in filters.as_array_mut().into_iter().flatten().filter(|filter| filter["type"] == "PROMPT_ATTACK") {
            filter["outputStrength"] = json!("NONE");
            for member in ["outputAction", "outputEnabled", "outputModalities"] {
                filter.as_object_mut().map(|filter| filter.remove(member));
            }
        }
        filters
    })
    .boxed()
}

fn topics() -> BoxedStrategy<Value> {
    generate::elements("name", &["Investment advice", "Legal advice?", "Medicine."], || {
        let examples = subsequence(vec!["What shall I buy?", "May I sue?", "Is it safe?"], 0..=3);
        let definition = select(&["Advice.", "Recommendations of any kind."][..]);
        let kind = proptest::option::of(Just("DENY"));
        (definition, generate::maybe(examples.prop_map(|found| json!(found))), kind, sides(&["BLOCK", "NONE"]))
            .prop_map(|(definition, examples, kind, sides)| {
                generate::merged(json!({"definition": definition, "examples": examples, "type": kind}), sides)
            })
    })
}

fn sensitive(key: &'static str, names: &'static [&'static str], regex: bool) -> BoxedStrategy<Value> {
    const ACTIONS: &[&str] = &["BLOCK", "ANONYMIZE", "NONE"];
    generate::elements(key, names, move || {
        let pattern = if regex { Just(json!("[A-Z]{3}-[0-9]+")).boxed() } else { Just(Value::Null).boxed() };
        let description = if regex { generate::maybe(Just(json!("Numbers."))) } else { Just(Value::Null).boxed() };
        (select(ACTIONS), pattern, description, sides(ACTIONS)).prop_map(|(action, pattern, description, sides)| {
            generate::merged(json!({"action": action, "pattern": pattern, "description": description}), sides)
        })
    })
}

fn grounding() -> BoxedStrategy<Value> {
    generate::elements("type", &["GROUNDING", "RELEVANCE"], || {
        let threshold = select(&[0.0, 0.25, 0.5, 0.7001, 0.75, 0.99][..]);
        let action = proptest::option::of(select(&["BLOCK", "NONE"][..]));
        (threshold, action, proptest::option::of(any::<bool>()))
            .prop_map(|(threshold, action, on)| json!({"threshold": threshold, "action": action, "enabled": on}))
    })
}

/// The spec of a guardrail that the service accepts, with every policy, default and list left out now and then.
pub(crate) fn specs() -> BoxedStrategy<Value> {
    any::<bool>().prop_flat_map(specs_with).boxed()
}

fn specs_with(profile: bool) -> BoxedStrategy<Value> {
    let policy = |lists: BoxedStrategy<Value>| generate::maybe(lists);
    let content = (content_filters(), tier(profile))
        .prop_map(|(filters, tier)| generate::object(json!({"filters": filters, "tier": tier})));
    let topic =
        (topics(), tier(profile)).prop_map(|(topics, tier)| generate::object(json!({"topics": topics, "tier": tier})));
    let words = generate::elements("text", &["falcon", "wo\u{308}rd", "two words", "dot.ted \"quoted\""], || {
        sides(&["BLOCK", "NONE"])
    });
    let managed = generate::elements("type", &["PROFANITY"], || sides(&["BLOCK", "NONE"]));
    let word = (generate::maybe(words), generate::maybe(managed))
        .prop_map(|(words, managed)| generate::object(json!({"words": words, "managedWordLists": managed})));
    let pii = sensitive("type", &["EMAIL", "NAME", "AWS_ACCESS_KEY", "PIN"], false);
    let regexes = sensitive("name", &["invoice", "order number"], true);
    let secret = (generate::maybe(pii), generate::maybe(regexes))
        .prop_map(|(pii, regexes)| generate::object(json!({"piiEntities": pii, "regexes": regexes})));
    let ground = grounding().prop_map(|filters| json!({ "filters": filters }));
    let top = (
        generate::maybe(select(&["Protection.", "Other."][..]).prop_map(Value::from)),
        select(&["No.", "Not this."][..]),
        select(&["Withheld.", "Not that."][..]),
        generate::tags(),
        proptest::collection::vec(any::<bool>(), 5),
    );
    (
        top,
        policy(content.boxed()),
        policy(topic.boxed()),
        policy(word.boxed()),
        policy(secret.boxed()),
        policy(ground.boxed()),
    )
        .prop_map(move |((description, input, output, tags, nulls), content, topic, word, secret, ground)| {
            let profile = if profile { json!({"guardrailProfileId": "eu.guardrail.v1:0"}) } else { Value::Null };
            let mut spec = generate::object(json!({
                "description": description,
                "blockedInputMessaging": input,
                "blockedOutputsMessaging": output,
                "crossRegionDetails": profile,
                "contentPolicy": content,
                "topicPolicy": topic,
                "wordPolicy": word,
                "sensitiveInformationPolicy": secret,
                "contextualGroundingPolicy": ground,
                "tags": tags,
            }));
            // A policy that is left out is not managed; one that is `null` must be absent.
            for ((policy, _), null) in POLICIES.iter().zip(nulls) {
                if null && spec.get(*policy).is_none() {
                    spec[*policy] = Value::Null;
                }
            }
            spec
        })
        .boxed()
}

/// What an absent member of an element means, by the list that the element is in (kinds/guardrail/README.md, Defaults).
fn defaults(list: &str, element: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let mut found = vec![("inputEnabled", json!(true)), ("outputEnabled", json!(true))];
    match list {
        "piiEntities" | "regexes" => {
            found.extend(["inputAction", "outputAction"].map(|side| (side, element["action"].clone())));
        }
        "grounding" => found = vec![("action", json!("BLOCK")), ("enabled", json!(true))],
        "tags" => found.clear(),
        _ => found.extend(["inputAction", "outputAction"].map(|side| (side, json!("BLOCK")))),
    }
    match list {
        "filters" => found.extend(["inputModalities", "outputModalities"].map(|side| (side, json!(["TEXT"])))),
        "topics" => found.extend([("examples", json!([])), ("type", json!("DENY"))]),
        _ => {}
    }
    found
}

/// The same with defaults of elements and policies written out, or left out, as the seed has it.
pub(crate) fn with_other_defaults(spec: &Value, seed: u64) -> Value {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut spec = spec.clone();
    for (policy, lists) in POLICIES {
        let Some(section) = spec.get_mut(*policy).and_then(Value::as_object_mut) else { continue };
        for (list, _) in *lists {
            let elements = section.get_mut(*list).and_then(Value::as_array_mut);
            for element in elements.into_iter().flatten().filter_map(Value::as_object_mut) {
                let what = if *policy == "contextualGroundingPolicy" { "grounding" } else { list };
                for (member, default) in defaults(what, element) {
                    match element.get(member) {
                        None if random.random() => drop(element.insert(member.to_owned(), default)),
                        Some(value) if *value == default && random.random() => drop(element.remove(member)),
                        _ => {}
                    }
                }
            }
            if section.get(*list).is_none() && random.random() {
                section.insert((*list).to_owned(), json!([]));
            }
        }
        if *policy != "wordPolicy" && *policy != "sensitiveInformationPolicy" {
            match section.get("tier").cloned() {
                None if random.random() => drop(section.insert("tier".into(), json!({"tierName": "CLASSIC"}))),
                Some(tier) if tier["tierName"] == "CLASSIC" && random.random() => drop(section.remove("tier")),
                _ => {}
            }
        }
    }
    spec
}

/// GET-side policy, its lists, and the request-side names of both: written down here a second time, on purpose.
const POLICIES: &[(&str, &[(&str, &str)])] = &[
    ("contentPolicy", &[("filters", "filtersConfig")]),
    ("topicPolicy", &[("topics", "topicsConfig")]),
    ("wordPolicy", &[("words", "wordsConfig"), ("managedWordLists", "managedWordListsConfig")]),
    ("sensitiveInformationPolicy", &[("piiEntities", "piiEntitiesConfig"), ("regexes", "regexesConfig")]),
    ("contextualGroundingPolicy", &[("filters", "filtersConfig")]),
];

/// The body of UpdateGuardrail that makes a guardrail look like `spec`, as an attacker would send it.
fn request(name: &str, spec: &Value) -> Value {
    let mut body = json!({ "guardrailIdentifier": format!("guardrail:{name}"), "name": name });
    for member in ["description", "blockedInputMessaging", "blockedOutputsMessaging"] {
        if let Some(value) = spec.get(member) {
            body[member] = value.clone();
        }
    }
    if let Some(profile) = spec.pointer("/crossRegionDetails/guardrailProfileId") {
        body["crossRegionConfig"] = json!({ "guardrailProfileIdentifier": profile });
    }
    for (policy, lists) in POLICIES {
        let Some(section) = spec.get(*policy).filter(|section| section.is_object()) else { continue };
        let mut config = Map::new();
        for (list, request_list) in *lists {
            if let Some(elements) = section.get(*list).and_then(Value::as_array).filter(|list| !list.is_empty()) {
                let mut elements = elements.clone();
                for topic in elements.iter_mut().filter(|_| *list == "topics") {
                    // The request requires what the answer always has.
                    topic["type"] = json!("DENY");
                }
                config.insert((*request_list).to_owned(), json!(elements));
            }
        }
        if config.is_empty() {
            continue;
        }
        if let Some(tier) = section.get("tier") {
            config.insert("tierConfig".into(), tier.clone());
        }
        body[format!("{policy}Config")] = Value::Object(config);
    }
    body
}
