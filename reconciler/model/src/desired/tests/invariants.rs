//! What holds for every input.

use proptest::prelude::*;

use super::*;
use crate::desired::Lookup;

/// A manifest, its keys and its lists in an order that a seed decides.
fn declaration(number: usize, filters: &[(&str, &str)], words: &[String], order: &[usize]) -> String {
    let shuffled = |mut lines: Vec<String>| {
        for (index, other) in order.iter().enumerate() {
            let length = lines.len();
            if length > 0 {
                lines.swap(index % length, other % length);
            }
        }
        lines
    };
    let filters: Vec<String> =
        filters.iter().map(|(kind, strength)| format!("{{type: {kind}, strength: {strength}}}")).collect();
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    let spec = shuffled(vec![
        format!("  words: [{}]\n", shuffled(words).join(", ")),
        format!("  contentPolicy: {{filters: [{}]}}\n", shuffled(filters).join(", ")),
        "  message: in ${region}\n".to_owned(),
        "  keyArn: ${kms:alias/a}\n".to_owned(),
    ]);
    let accounts = shuffled(vec!["env=prod".to_owned(), "staging".to_owned()]).join(", ");
    let controls = shuffled(vec!["aws-genai-02".to_owned(), "aws-genai-04".to_owned()]).join(", ");
    shuffled(vec![
        "kind: filter-set # a comment\n".to_owned(),
        format!("name: n{number}\n"),
        format!("where: {{accounts: [{accounts}], regions: all}}\n"),
        format!("controls: [{controls}]\n"),
        format!("spec:\n{}", spec.concat()),
    ])
    .concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_documents_keys_and_lists_does_not_change_the_digest(
        words in proptest::collection::btree_set("[a-z]{1,5}", 0..5),
        strengths in proptest::collection::vec(prop_oneof![Just("LOW"), Just("HIGH")], 3),
        order in proptest::collection::vec(0_usize..100, 0..12),
    ) {
        let words: Vec<String> = words.into_iter().collect();
        let types = ["HATE", "INSULTS", "PROMPT_ATTACK"];
        let filters: Vec<(&str, &str)> = types.into_iter().zip(strengths.iter().copied()).collect();
        let manifests = |order: &[usize]| -> Vec<String> {
            (0..3).map(|number| declaration(number, &filters, &words, order)).collect()
        };
        let plain = load_files(&[("a.yaml", &manifests(&[]).join("---\n"))]).expect("valid");
        let mut shuffled = manifests(&order);
        shuffled.rotate_left(order.len() % 3);
        let other = load_files(&[("z/b.yaml", &shuffled[0]), ("c.yml", &shuffled[1..].join("\n--- # next\n"))]).expect("valid");
        prop_assert_eq!(&plain.digest, &other.digest);
        let addresses = |desired: &Desired| desired.wanted().iter().map(|one| one.address.to_string()).collect::<Vec<_>>();
        prop_assert_eq!(addresses(&plain), addresses(&other));
    }

    #[test]
    fn changing_a_word_changes_the_digest(word in "[a-z]{1,8}", other in "[a-z]{1,8}") {
        prop_assume!(word != other);
        let with = |word: &str| load_files(&[("a.yaml", &declaration(0, &[], &[word.to_owned()], &[]))]).expect("valid").digest;
        prop_assert_ne!(with(&word), with(&other));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = load(&[source("organization.yaml", &bytes), source("a.yaml", &bytes)], KINDS, CONTROLS);
    }

    /// Text made of what means something in YAML gets further than arbitrary bytes do.
    #[test]
    fn hostile_yaml_never_panics_and_every_problem_has_a_listed_code(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("kind: filter-set\n"), Just("name: a\n"), Just("spec:\n"), Just("  message: "), Just("${"), Just("}"), Just("{"),
                Just("["), Just("]"), Just(", "), Just("- "), Just(": "), Just("\n"), Just("  "), Just("\t"), Just("---\n"), Just("...\n"),
                Just("&a "), Just("*a "), Just("!!str "), Just("\""), Just("'"), Just("|\n"), Just(">-\n"), Just("? "), Just("# "), Just("\r"),
                Just("%YAML 1.2\n"), Just("\u{85}"), Just("\u{2028}"), Just("\u{feff}"), Just("\0"), Just("é"), Just("1e999"), Just("0x1F"), Just("~"),
                Just("<<"), Just("${ref:filter-set/a.message}"), Just("${kms:x}"), Just("where: {accounts: all}\n"), Just("accounts:\n"),
            ],
            0..40,
        )
    ) {
        let text = pieces.concat();
        let sources = [source("organization.yaml", ORGANIZATION), source("a.yaml", &text)];
        for problem in load(&sources, KINDS, CONTROLS).err().unwrap_or_default() {
            prop_assert!(codes::find(&problem.code).is_some(), "{}", problem.code);
            prop_assert!(!problem.remedy.is_empty());
            if let Some(at) = &problem.at {
                prop_assert!(at.line >= 1 && at.column >= 1);
            }
            let _ = crate::diagnostic::render(&problem, Some(&text));
        }
        let _ = load(&[source("organization.yaml", &text)], KINDS, CONTROLS);
    }
}

/// Run with `cargo test --release -p reconciler-model -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "the numbers are the result")]
fn speed() {
    let filters = [("HATE", "HIGH"), ("INSULTS", "LOW"), ("PROMPT_ATTACK", "HIGH")];
    let words: Vec<String> = (0..40).map(|number| format!("word-{number}")).collect();
    for placeholder in ["in ${partition}", "in ${region}"] {
        let manifests: Vec<String> = (0..1000)
            .map(|number| {
                declaration(number, &filters, &words, &[])
                    .replace("in ${region}", placeholder)
                    .replace("where: {accounts: [env=prod, staging], regions: all}\n", "")
            })
            .collect();
        let text = manifests.join("---\n");
        let started = std::time::Instant::now();
        let desired = load_files(&[("a.yaml", &text)]).expect("valid");
        let loaded = started.elapsed();
        let wanted = desired.wanted();
        let fanned_out = started.elapsed() - loaded;
        let answer = Lookup { source: "kms".to_owned(), key: "alias/a".to_owned() };
        let answers = std::collections::BTreeMap::from([(answer, Ok("arn:a".to_owned()))]);
        let resolved = wanted.iter().filter(|one| one.resolve(&FilterSetKind, &answers).is_ok()).count();
        let took = started.elapsed() - loaded - fanned_out;
        eprintln!(
            "{placeholder}: {} KiB, load {loaded:?}, wanted {fanned_out:?}, resolve {took:?} of {resolved}",
            text.len() >> 10
        );
    }
}
