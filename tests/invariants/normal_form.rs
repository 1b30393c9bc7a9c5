//! One normal form for what is declared and for what AWS answers: equal resources have equal trees.

use proptest::prelude::*;
use proptest::strategy::Union;
use reconciler_kinds::KINDS;
use reconciler_model::desired::Wanted;
use reconciler_model::direction::Direction;
use reconciler_model::documents;
use reconciler_model::drift::{self, Comparison};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Kind, Normalised, Origin, Situation};
use reconciler_model::tree::{Difference, Path};
use reconciler_tests::declarations::{loaded, small};
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::World;
use serde_json::{Value, json};

use crate::kinds::{GENERATORS, guardrail};

fn kind(name: &str) -> &'static dyn Kind {
    *KINDS.iter().find(|kind| kind.name() == name).expect("a kind")
}

/// A spec in normal form, with nothing unknown and nothing wrong.
fn clean(kind: &dyn Kind, spec: &Value, origin: Origin) -> Value {
    let Normalised { tree, unknown, problems } = kind.normalise(spec, origin);
    assert!(unknown.is_empty() && problems.is_empty(), "{unknown:?} {problems:?} in {spec}");
    tree
}

/// What a live answer with this content and nothing published looks like; with `published`, the same content is published.
fn live_tree(kind: &dyn Kind, spec: &Value, published: bool) -> Value {
    let mut tree = clean(kind, spec, Origin::Live);
    if kind.name() == "guardrail" {
        let mut body = tree.clone();
        body.as_object_mut().expect("a tree").remove("tags");
        tree["publishedVersion"] = if published { body } else { Value::Null };
    }
    tree
}

fn wanted(kind: &dyn Kind, spec: &Value, when_stronger: &str) -> Wanted {
    let generator = GENERATORS.iter().find(|one| one.kind == kind.name()).expect("a generator");
    let text = generate::declaration(kind.name(), generator.name, spec, when_stronger);
    let desired = loaded(&small(&text)).unwrap_or_else(|problems| panic!("{text}: {problems:#?}"));
    desired.wanted().remove(0)
}

fn compared(
    kind: &dyn Kind,
    live: &Value,
    declared: &Value,
    when_stronger: &str,
) -> (Comparison<'static>, ObservedResource) {
    let wanted = wanted(kind, declared, when_stronger);
    let want = wanted.resolve(kind, &Default::default()).expect("nothing to look up");
    let observed = ObservedResource {
        address: wanted.address.clone(),
        tree: live.clone(),
        unknown_fields: Default::default(),
        external_id: Value::Null,
        private_state: Value::Null,
        settled: true,
        unread: Default::default(),
        beside: Value::Null,
    };
    (drift::compare(kind, &wanted, &want, Some(&observed)).into_owned(), observed)
}

/// A kind, as often as its generator says, with what that makes of it.
fn each<T: std::fmt::Debug + Clone + 'static>(
    of_kind: impl Fn(fn() -> BoxedStrategy<Value>) -> BoxedStrategy<T>,
) -> impl Strategy<Value = (&'static str, T)> {
    let each = |one: &Generator| {
        let kind = one.kind;
        (one.weight, of_kind(one.specs).prop_map(move |made| (kind, made)).boxed())
    };
    Union::new_weighted(GENERATORS.iter().map(each).collect())
}

fn specs() -> impl Strategy<Value = (&'static str, Value)> {
    each(|specs| specs())
}

fn pairs() -> impl Strategy<Value = (&'static str, Value, Value)> {
    each(|specs| (specs(), specs()).boxed()).prop_map(|(kind, (one, two))| (kind, one, two))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 216, failure_persistence: None, ..ProptestConfig::default() })]

    /// What `export` prints is what may be declared: YAML to normal form, to declaration, to YAML, and back, is nothing at all.
    #[test]
    fn declaring_a_normal_form_gives_that_normal_form((name, spec) in specs()) {
        let kind = kind(name);
        let live = live_tree(kind, &spec, true);
        let printed = serde_yaml::to_string(&kind.declare(&live).expect("a spec")).expect("YAML");
        let read: Value = serde_yaml::from_str(&printed).expect("YAML");
        prop_assert_eq!(live_tree(kind, &read, true), live.clone(), "{}", printed);
        let declared = clean(kind, &read, Origin::Declared);
        let differences = documents::compare(kind, drift::managed_part(kind, &live, &declared), &declared).differences;
        prop_assert!(differences.is_empty(), "{:?}", differences);
    }

    /// h01. TF-aws PR#48772, cdkrd PR#283: lists came back in another order and the plan was not empty. Filters,
    /// modalities, topics, words, PII entities, expressions and tags in any order are one and the same.
    #[test]
    fn h01_lists_in_any_order_are_equal((name, spec) in specs(), seed in any::<u64>()) {
        let kind = kind(name);
        let other = generate::shuffled(&spec, seed);
        let (comparison, _) = compared(kind, &live_tree(kind, &other, true), &spec, "report");
        prop_assert!(comparison.drift.is_none(), "{:?}", comparison.drift);
    }

    /// h02, h03. TF-aws #46158, PR#44224, genai-cdk #1138: read-back adds `tier: CLASSIC`, empty lists and enabled flags,
    /// or leaves out what was written. Whichever side writes the defaults out, nothing differs.
    #[test]
    fn h02_defaults_on_either_side_are_equal(spec in guardrail::specs(), one in any::<u64>(), two in any::<u64>()) {
        let kind = kind("guardrail");
        let live = live_tree(kind, &guardrail::with_other_defaults(&spec, one), true);
        let (comparison, _) = compared(kind, &live, &guardrail::with_other_defaults(&spec, two), "report");
        prop_assert!(comparison.drift.is_none(), "{:?}", comparison.drift);
    }

    /// What is equal needs no step, and what needs no step is not talked about.
    #[test]
    fn an_equal_pair_has_no_steps((name, spec) in specs()) {
        let kind = kind(name);
        let (comparison, observed) = compared(kind, &live_tree(kind, &spec, true), &spec, "report");
        prop_assert!(comparison.drift.is_none() && comparison.differs.is_empty(), "{:?}", comparison);
        let proposal = kind.steps(&Situation {
            live: Some(&observed),
            target: &comparison.target,
            differs: &comparison.differs,
            name: "payments",
            region: "eu-west-1",
            may_delete_versions: true,
            scope_context: &Value::Null,
        });
        prop_assert!(proposal.steps.is_empty() && proposal.refusals.is_empty(), "{:?}", proposal);
    }

    /// Two resources that differ have drift, and every difference is a step, a refusal, or kept.
    #[test]
    fn an_unequal_pair_has_drift_and_a_way_back((name, live, want) in pairs()) {
        let kind = kind(name);
        let live = live_tree(kind, &live, true);
        let (comparison, observed) = compared(kind, &live, &want, "undo");
        let declared = clean(kind, &want, Origin::Declared);
        let managed = drift::managed_part(kind, &live, &declared);
        let differs = !documents::compare(kind, managed, &declared).differences.is_empty();
        prop_assert_eq!(comparison.drift.is_some() || !comparison.unobservable.is_empty(), differs);
        let proposal = kind.steps(&Situation {
            live: Some(&observed),
            target: &comparison.target,
            differs: &comparison.differs,
            name: "payments",
            region: "eu-west-1",
            may_delete_versions: false,
            scope_context: &Value::Null,
        });
        let acts = !proposal.steps.is_empty() || !proposal.refusals.is_empty();
        prop_assert_eq!(acts, !comparison.differs.is_empty(), "{:?}", comparison.differs);
    }

    /// Swapping live and desired swaps weakened and strengthened, and leaves neutral and unknown as they are. Sets are the
    /// exception: one that both loses and gains elements has weakened either way.
    #[test]
    fn direction_is_antisymmetric((name, live, want) in pairs()) {
        use Direction::*;
        let kind = kind(name);
        let (live, want) = (live_tree(kind, &live, true), live_tree(kind, &want, true));
        // Inside documents, directions are proofs and witnesses, of which there may be one way only.
        let outside = |one: &Difference| documents::above(kind, &one.path).is_none();
        for one in documents::compare(kind, live, &want).differences.into_iter().filter(outside) {
            let there = kind.direction(&one.path, one.left.as_ref(), one.right.as_ref());
            let back = kind.direction(&one.path, one.right.as_ref(), one.left.as_ref());
            let is_set = one.left.as_ref().is_some_and(Value::is_array) && one.right.as_ref().is_some_and(Value::is_array);
            let fits = match (there, back) {
                (Weakened, Strengthened) | (Strengthened, Weakened) | (Neutral, Neutral) | (Unknown, Unknown) => true,
                // Records that go where nobody declared leave, as records that go nowhere are lost.
                (Weakened, Weakened) => is_set || name == "invocation-logging"
                    // Each of two keys is not the other.
                    || (name == "log-bucket" && one.path.head() == Some("serverSideEncryptionConfiguration"))
                    // Each of two selectors may lack what the other records, and each of two buckets is not the other.
                    || (name == "trail" && matches!(one.path.head(), Some("advancedEventSelectors" | "s3BucketName"))),
                // A role that may do less does not protect more: its control depends on what it is granted.
                (Weakened, Unknown) | (Unknown, Weakened) if name == "iam-role" => true,
                // The policy of the declared bucket need not let in what is recorded of other accounts.
                (Weakened, Unknown) | (Unknown, Weakened) if name == "trail" => one.path.head() == Some("isOrganizationTrail"),
                // A key that is declared to be out of use.
                (Weakened, Unknown) | (Unknown, Weakened) if name == "kms-key" => one.path.head() == Some("enabled"),
                // What STANDARD gains it has evaluated in other regions; a key that nobody declared can be taken away.
                (Weakened, Unknown) | (Unknown, Weakened)
                    if matches!(name, "guardrail" | "log-group")
                        && one.path.parts().iter().any(|part| matches!(*part, "tier" | "tierName" | "kmsKeyArn" | "kmsKeyId")) =>
                {
                    true
                }
                // A rule that is lost keeps what was to be deleted; another key, or one that nobody declared, is somebody's.
                (Weakened, Unknown) | (Unknown, Weakened) if name == "log-bucket" => {
                    matches!(one.path.head(), Some("lifecycleConfiguration" | "serverSideEncryptionConfiguration"))
                }
                // A profile that is lost takes the STANDARD tier with it; one that is gained moves prompts elsewhere.
                (Weakened, Unknown) | (Unknown, Weakened) => one.path.head() == Some("crossRegionDetails")
                    || one.path.parts().get(1) == Some(&"crossRegionDetails")
                    // A group more lets others in, and one less no more than shuts clients out; a subnet likewise.
                    || (name == "vpc-endpoint" && matches!(one.path.head(), Some("groups" | "subnetIds"))),
                _ => false,
            };
            prop_assert!(fits, "{}: {:?} there and {:?} back ({:?} / {:?})", one.path, there, back, one.left, one.right);
        }
    }

    /// Paths are written into plans and read back: a word of a word list is a segment, whatever characters it has, letters
    /// with separate accents, invisible ones and control characters included.
    #[test]
    fn a_path_is_read_as_it_was_written(
        segments in proptest::collection::vec(
            prop_oneof![any::<String>(), "[ -~\u{e9}\u{4e2d}]{0,6}", "[a\".\\\\\u{301}\u{200b}\u{7f}\n\u{0}]{0,6}"], 1..4
        )
    ) {
        let path = Path::of(segments);
        prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
    }
}

const H03: &str = r#"
kind: guardrail
name: payments
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "No."
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
  sensitiveInformationPolicy:
    piiEntities:
      - {type: EMAIL, action: BLOCK}
"#;

/// h03. TF-aws #46158, prowler PR#12663: a filter at strength HIGH that is switched off on the input side blocks nothing,
/// and was called compliant; the other way round, a flag that AWS leaves out was called drift. Here the defaults are no
/// drift, what is in effect off is drift and weakened, and it is put back.
#[tokio::test]
async fn h03_an_absent_flag_is_its_default_and_an_effective_off_is_drift() {
    let world = World::small("empty", H03).await;
    world.restore().await;
    world.plan_again_nothing().await;
    let flags = [
        (
            "/contentPolicyConfig/filtersConfig/type=HATE/inputEnabled",
            json!(false),
            "contentPolicy.filters.HATE.inputEnabled",
        ),
        (
            "/contentPolicyConfig/filtersConfig/type=HATE/inputAction",
            json!("NONE"),
            "contentPolicy.filters.HATE.inputAction",
        ),
        (
            "/sensitiveInformationPolicyConfig/piiEntitiesConfig/type=EMAIL/outputEnabled",
            json!(false),
            "sensitiveInformationPolicy.piiEntities.EMAIL.outputEnabled",
        ),
        (
            "/sensitiveInformationPolicyConfig/piiEntitiesConfig/type=EMAIL/inputAction",
            json!("ANONYMIZE"),
            "sensitiveInformationPolicy.piiEntities.EMAIL.inputAction",
        ),
    ];
    for (pointer, value, path) in flags {
        // Writing a default out is no drift.
        world.set_guardrail("payments", pointer, if value.is_boolean() { json!(true) } else { json!("BLOCK") });
        world.plan_again_nothing().await;
        world.set_guardrail("payments", pointer, value);
        let plan = world.plan().await.plan;
        assert_eq!(reconciler_tests::world::paths(&plan), [path]);
        assert_eq!(reconciler_tests::world::field(&plan, path).direction, Direction::Weakened);
        world.restore().await;
    }
    world.plan_again_nothing().await;
}

/// h01, through the API: the emulated AWS answers every list in a random order, read after read.
#[tokio::test]
async fn h01_random_order_from_the_service_is_no_drift() {
    let world = World::whole("in-sync").await;
    for _ in 0..5 {
        world.plan_again_nothing().await;
    }
}

/// h31. TF-aws #45885 (open): `{}`, `null` and absent compared as three things. A policy that is declared as nothing, in
/// any of the ways to write nothing, equals one that the service leaves out or answers empty.
#[test]
fn h31_empty_null_and_absent_policies_are_equal() {
    let guardrail = kind("guardrail");
    let base = json!({"blockedInputMessaging": "No.", "blockedOutputsMessaging": "No."});
    let policies = [
        ("contentPolicy", "filters"),
        ("topicPolicy", "topics"),
        ("wordPolicy", "words"),
        ("sensitiveInformationPolicy", "regexes"),
        ("contextualGroundingPolicy", "filters"),
        ("automatedReasoningPolicy", "policies"),
        ("tags", ""),
    ];
    for (policy, list) in policies {
        let nothings = match policy {
            "tags" => vec![json!(null), json!([])],
            _ => vec![json!(null), json!({}), json!({ list: [] })],
        };
        for nothing in nothings.iter().chain([&Value::String("absent".into())]) {
            for declared in &nothings {
                let with = |value: &Value| {
                    let mut spec = base.clone();
                    if *value != "absent" {
                        spec[policy] = value.clone();
                    }
                    spec
                };
                let live = live_tree(guardrail, &with(nothing), true);
                let (comparison, _) = compared(guardrail, &live, &with(declared), "report");
                assert!(
                    comparison.drift.is_none(),
                    "{policy}: live {nothing}, declared {declared}: {:?}",
                    comparison.drift
                );
            }
        }
    }
}

/// h31 for logging: an empty key prefix and none are one thing to the service.
#[test]
fn h31_an_empty_prefix_is_no_prefix() {
    let logging = kind("invocation-logging");
    let with = |prefix: Value| json!({"s3Config": {"bucketName": "logs", "keyPrefix": prefix}});
    let without = json!({"s3Config": {"bucketName": "logs"}});
    for (live, want) in [(&without, &with(json!(""))), (&with(json!("")), &without)] {
        let (comparison, _) = compared(logging, &live_tree(logging, live, true), want, "report");
        assert!(comparison.drift.is_none(), "{:?}", comparison.drift);
    }
}
