//! Knowledge is per member: a part that cannot be read hides itself, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_emulator::{Accounts, Effect, Fault, Match, Options, Script, Step};
use reconciler_model::codes;
use reconciler_model::control::AlertClass;
use reconciler_model::desired::PINS_FILE;
use reconciler_model::inventory::Gap;
use reconciler_model::permit::Approval;
use reconciler_model::plan::{Plan, Severity};
use reconciler_tests::declarations::of_the_repository;
use reconciler_tests::world::{World, on, paths, refusals, step, told};
use serde_json::{Value, json};

type Part = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// Every call that reads a part of a resource, and the members that it reads.
const PARTS: &[Part] = &[
    ("s3", "GetPublicAccessBlock", "log-bucket", &["publicAccessBlockConfiguration"]),
    ("s3", "GetBucketEncryption", "log-bucket", &["serverSideEncryptionConfiguration"]),
    ("s3", "GetBucketOwnershipControls", "log-bucket", &["ownershipControls"]),
    ("s3", "GetBucketPolicy", "log-bucket", &["policy"]),
    ("s3", "GetBucketLifecycleConfiguration", "log-bucket", &["lifecycleConfiguration"]),
    ("s3", "GetBucketVersioning", "log-bucket", &["versioningConfiguration"]),
    ("s3", "GetBucketTagging", "log-bucket", &["tags"]),
    ("cloudtrail", "GetTrailStatus", "trail", &["isLogging"]),
    ("cloudtrail", "GetEventSelectors", "trail", &["advancedEventSelectors", "eventSelectors"]),
    ("cloudtrail", "ListTags", "trail", &["tags"]),
    ("kms", "GetKeyPolicy", "kms-key", &["policy"]),
    ("kms", "GetKeyRotationStatus", "kms-key", &["keyRotationEnabled", "rotationPeriodInDays"]),
    ("iam", "ListRolePolicies", "iam-role", &["rolePolicyList"]),
    ("iam", "GetRolePolicy", "iam-role", &["rolePolicyList"]),
    ("iam", "ListAttachedRolePolicies", "iam-role", &["attachedManagedPolicies"]),
    ("bedrock", "ListTagsForResource", "guardrail", &["tags"]),
    ("organizations", "DescribePolicy", "service-control-policy", &["content"]),
    ("organizations", "ListTargetsForPolicy", "service-control-policy", &["targets"]),
    ("organizations", "ListTagsForResource", "service-control-policy", &["tags"]),
];

const BUCKET: &str = "bedrock-logs-222233334444-us-east-1";

/// Something is weakened in each of those members.
fn attack(world: &World) {
    let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]});
    let granted = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let denied =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "gamelift:*", "Resource": "*"}]});
    let key = "key:alias/bedrock-logs";
    let role = "bedrock-invocation-logging";
    let guardrail = "arn:aws:bedrock:${region}:${account}:guardrail/${guardrail:baseline}";
    let calls = [
        ("prod", "s3", "DeletePublicAccessBlock", json!({"Bucket": BUCKET})),
        (
            "prod",
            "s3",
            "PutBucketOwnershipControls",
            json!({"Bucket": BUCKET, "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}}),
        ),
        (
            "prod",
            "s3",
            "PutBucketEncryption",
            json!({"Bucket": BUCKET, "ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}}),
        ),
        (
            "prod",
            "s3",
            "PutBucketPolicy",
            json!({"Bucket": BUCKET, "Policy": json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{BUCKET}/*")}]}).to_string()}),
        ),
        ("prod", "s3", "DeleteBucketLifecycle", json!({"Bucket": BUCKET})),
        (
            "prod",
            "s3",
            "PutBucketVersioning",
            json!({"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Suspended"}}),
        ),
        ("prod", "s3", "DeleteBucketTagging", json!({"Bucket": BUCKET})),
        ("management", "cloudtrail", "StopLogging", json!({"Name": "org-bedrock-trail"})),
        (
            "management",
            "cloudtrail",
            "UpdateTrail",
            json!({"Name": "org-bedrock-trail", "EnableLogFileValidation": false}),
        ),
        (
            "management",
            "cloudtrail",
            "PutEventSelectors",
            json!({"TrailName": "org-bedrock-trail", "AdvancedEventSelectors": [{"Name": "Management events selector", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]}),
        ),
        (
            "management",
            "cloudtrail",
            "RemoveTags",
            json!({"ResourceId": "arn:aws:cloudtrail:us-east-1:${account}:trail/org-bedrock-trail", "TagsList": [{"Key": "managed-by"}]}),
        ),
        ("prod", "kms", "DisableKeyRotation", json!({"KeyId": key})),
        ("prod", "kms", "PutKeyPolicy", json!({"KeyId": key, "PolicyName": "default", "Policy": open.to_string()})),
        ("prod", "kms", "UpdateKeyDescription", json!({"KeyId": key, "Description": "mine"})),
        (
            "prod",
            "iam",
            "UpdateAssumeRolePolicy",
            json!({"RoleName": role, "PolicyDocument": json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "sts:AssumeRole"}]}).to_string()}),
        ),
        (
            "prod",
            "iam",
            "PutRolePolicy",
            json!({"RoleName": role, "PolicyName": "deliver-logs", "PolicyDocument": granted.to_string()}),
        ),
        (
            "prod",
            "iam",
            "AttachRolePolicy",
            json!({"RoleName": role, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ),
        ("prod", "iam", "UntagRole", json!({"RoleName": role, "TagKeys": ["managed-by"]})),
        (
            "management",
            "organizations",
            "DetachPolicy",
            json!({"PolicyId": "${policy:bedrock-guardrails}", "TargetId": "${ou:Workloads}"}),
        ),
        (
            "management",
            "organizations",
            "UpdatePolicy",
            json!({"PolicyId": "${policy:bedrock-guardrails}", "Content": denied.to_string()}),
        ),
        (
            "management",
            "organizations",
            "UntagResource",
            json!({"ResourceId": "${policy:bedrock-guardrails}", "TagKeys": ["managed-by"]}),
        ),
        ("prod", "bedrock", "UntagResource", json!({"resourceARN": guardrail, "tagKeys": ["cost-center"]})),
        (
            "prod",
            "bedrock",
            "UpdateGuardrail",
            json!({"guardrailIdentifier": "guardrail:baseline", "name": "baseline", "blockedInputMessaging": "a", "blockedOutputsMessaging": "b", "contentPolicyConfig": {"filtersConfig": [{"type": "HATE", "inputStrength": "NONE", "outputStrength": "NONE"}]}}),
        ),
    ];
    let steps = calls.map(|(account, service, operation, body)| {
        let step = json!({
            "as": "arn:${partition}:sts::${account}:assumed-role/Developer/mallory", "accounts": [account],
            "regions": ["us-east-1"], "service": service, "operation": operation, "body": body,
        });
        serde_json::from_value::<Step>(step).expect("a step")
    });
    world.emulator.run(&Script { steps: steps.to_vec(), ..Script::default() }).expect("the attack");
}

/// What differs, by address and top-level member, with its live value.
fn differs(plan: &Plan) -> BTreeMap<(String, String), Value> {
    let mut found: BTreeMap<(String, String), Value> = BTreeMap::new();
    for drift in &plan.drift {
        for field in &drift.fields {
            let member = field.path.head().unwrap_or_default().to_owned();
            let all = found.entry((drift.address.to_string(), member)).or_insert_with(|| json!({}));
            all[field.path.to_string()] = field.live.clone();
        }
    }
    found
}

/// What is behind an unreadable neighbour is found, told and restored; the gap names what was not read and nothing else;
/// nothing is written to that.
#[tokio::test]
async fn a_part_that_cannot_be_read_hides_nothing_else() {
    let world = World::whole("in-sync").await;
    attack(&world);
    let everything = differs(&world.plan().await.plan);
    for (_, operation, kind, members) in PARTS {
        let hit = everything
            .keys()
            .filter(|(address, member)| address.contains(&format!("/{kind}/")) && members.contains(&member.as_str()));
        assert!(hit.count() > 0, "nothing is weakened in what {operation} reads: {:?}", everything.keys());
    }
    // One part of each kind at a time: the first of each, the second of each, and so on.
    let mut turns: Vec<Vec<&Part>> = Vec::new();
    for part in PARTS {
        match turns.iter_mut().find(|turn| turn.iter().all(|other| other.2 != part.2)) {
            Some(turn) => turn.push(part),
            None => turns.push(vec![part]),
        }
    }
    for turn in turns {
        let denied: Vec<&str> = turn.iter().map(|part| part.1).collect();
        let world = World::whole("in-sync").await;
        attack(&world);
        let faults = turn.iter().map(|(service, operation, ..)| {
            let (service, operation) = (Some((*service).to_owned()), Some((*operation).to_owned()));
            Fault::always(Match { service, operation, ..Match::default() }, Effect::Deny)
        });
        world.inject(faults.collect());
        let plan = world.plan().await.plan;
        let is_hidden = |(address, member): &(String, String)| {
            turn.iter().any(|(_, _, kind, members)| is_of(address, kind) && members.contains(&member.as_str()))
        };
        let seen: BTreeMap<_, _> = everything.iter().filter(|(place, _)| !is_hidden(place)).collect();
        assert_eq!(differs(&plan).iter().collect::<BTreeMap<_, _>>(), seen, "{denied:?}: {}", told(&plan));
        for (_, operation, kind, members) in &turn {
            let mut gaps = plan.gaps.iter().filter(|gap| gap.kind == *kind).peekable();
            assert!(gaps.peek().is_some(), "{operation}: {}", told(&plan));
            for gap in gaps {
                let is_named = !gap.fields.is_empty() && gap.fields.iter().all(|one| members.contains(&one.as_str()));
                assert!(is_named && !gap.alerts.is_empty(), "{operation}: {gap:?}");
            }
        }
        assert!(plan.drift.iter().all(|drift| !drift.alerts.is_empty()), "{denied:?}: {}", told(&plan));

        let converged = world.converge(Approval::Operator).await.expect("approved");
        let failed: usize = converged.rounds.iter().map(|round| round.applied.not_verified()).sum();
        assert_eq!(failed, 0, "{denied:?}");
        world.emulator.clear_faults();
        let left = world.plan().await.plan;
        let hidden: BTreeMap<_, _> = everything.iter().filter(|(place, _)| is_hidden(place)).collect();
        assert_eq!(differs(&left).iter().collect::<BTreeMap<_, _>>(), hidden, "{denied:?}: {}", told(&left));
        world.converge(Approval::Operator).await.expect("approved");
        world.plan_again_nothing().await;
    }
}

/// What is looked at again before and after a write is looked at by the calls that it was observed with: whoever denies another
/// one keeps nothing from being restored.
#[tokio::test]
async fn a_call_that_only_a_second_look_makes_keeps_nothing_from_being_restored() {
    let reads = |world: &World| -> BTreeSet<(String, String)> {
        let calls = world.emulator.calls().into_iter().filter(|call| call.read_only);
        calls.map(|call| (call.service, call.operation)).collect()
    };
    let world = World::whole("in-sync").await;
    attack(&world);
    world.emulator.clear_calls();
    world.plan().await;
    let observed = reads(&world);
    world.emulator.clear_calls();
    world.converge(Approval::Operator).await.expect("approved");
    let mut later: BTreeSet<(String, String)> = reads(&world).difference(&observed).cloned().collect();
    // What was once asked for, and what is asked for by services beside the kinds.
    later.insert(("cloudtrail".to_owned(), "GetTrail".to_owned()));
    for (service, operation) in later {
        let world = World::whole("in-sync").await;
        attack(&world);
        let on = Match { service: Some(service), operation: Some(operation.clone()), ..Match::default() };
        world.inject(vec![Fault::always(on, Effect::Deny)]);
        let converged = world.converge(Approval::Operator).await.expect("approved");
        let failed: usize = converged.rounds.iter().map(|round| round.applied.not_verified()).sum();
        assert_eq!(failed, 0, "{operation}");
        let plan = world.plan().await.plan;
        assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{operation}: {}", told(&plan));
    }
}

/// A policy that is attached nowhere is restored while the root cannot be asked for the state of its type.
#[tokio::test]
async fn a_detached_policy_is_restored_while_the_root_cannot_be_read() {
    let world = World::whole("in-sync").await;
    attack(&world);
    world.inject(vec![Fault::always(on("ListRoots"), Effect::Deny)]);
    let converged = world.converge(Approval::Operator).await.expect("approved");
    assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0));
    let plan = world.plan().await.plan;
    assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{}", told(&plan));
    assert!(plan.gaps.iter().all(|gap| gap.kind == "pin" && !gap.alerts.is_empty()), "{:?}", plan.gaps);
}

/// What a guardrail holds is compared and restored, whatever word its status is; a word that is not known is a gap of the status,
/// and FAILED without reasons says so.
#[tokio::test]
async fn a_status_that_is_not_ready_hides_nothing_of_a_guardrail() {
    for (status, gaps) in [("RESTING", 1), ("FAILED", 0)] {
        let world = World::whole("in-sync").await;
        world.set_guardrail("baseline", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
        let on = Match {
            operation: Some("GetGuardrail".to_owned()),
            account: Some("111122223333".to_owned()),
            region: Some("eu-west-1".to_owned()),
            ..Match::default()
        };
        let then = Effect::UnknownField { pointer: "/status".to_owned(), value: json!(status) };
        world.inject(vec![Fault::always(on, then)]);
        let plan = world.plan().await.plan;
        assert!(paths(&plan).contains(&"contentPolicy.filters.HATE.inputStrength".to_owned()), "{}", told(&plan));
        let of_status = plan.gaps.iter().filter(|gap| gap.kind == "guardrail" && gap.fields == ["status"]);
        assert_eq!((of_status.count(), plan.gaps.len()), (gaps, gaps), "{}", told(&plan));
        assert!(plan.gaps.iter().all(|gap| gap.reason.contains(status) && !gap.alerts.is_empty()), "{:?}", plan.gaps);
        let failed = plan.findings.iter().filter(|one| one.code == codes::AWS_ERROR);
        assert!(failed.clone().all(|one| one.detail.ends_with("it gives no reason")), "{:?}", plan.findings);
        assert_eq!(failed.count(), 1 - gaps, "{}", told(&plan));
        if gaps == 1 {
            let converged = world.converge(Approval::Operator).await.expect("approved");
            assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0));
            let plan = world.plan().await.plan;
            assert!(plan.drift.is_empty() && plan.gaps.len() == 1, "{}", told(&plan));
            continue;
        }
        world.emulator.clear_faults();
        world.converge(Approval::Operator).await.expect("approved");
        world.plan_again_nothing().await;
    }
}

fn is_of(address: &str, kind: &str) -> bool {
    address.contains(&format!("/{kind}/"))
}

/// What is pinned is known by its id, so that nothing of a policy waits for the tree of units.
#[tokio::test]
async fn a_policy_is_attached_to_pinned_units_that_cannot_be_read() {
    for denied in [&["ListOrganizationalUnitsForParent"][..], &["ListRoots", "ListOrganizationalUnitsForParent"]] {
        let world = World::whole("in-sync").await;
        attack(&world);
        world.inject(denied.iter().map(|operation| Fault::always(on(operation), Effect::Deny)).collect());
        let converged = world.converge(Approval::Operator).await.expect("approved");
        assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0));
        let plan = world.plan().await.plan;
        assert!(plan.drift.is_empty() && refusals(&plan).is_empty(), "{}", told(&plan));
        let pins: BTreeSet<&str> = plan.gaps.iter().filter_map(|gap| gap.name.as_deref()).collect();
        assert_eq!(pins, ["accounts:Workloads", "unit:Workloads"].into(), "{}", told(&plan));
        let is_paged = |gap: &Gap| gap.kind == "pin" && gap.alerts.iter().any(|one| one.class == AlertClass::Page);
        assert!(plan.gaps.iter().all(is_paged), "{}", told(&plan));
        world.emulator.clear_faults();
        world.plan_again_nothing().await;
    }
}

/// A policy that is not there is not made without what it refers to. What could not be read is not called undeclared.
#[tokio::test]
async fn what_is_not_known_is_not_called_undeclared() {
    let unpinned: Vec<_> = of_the_repository().into_iter().filter(|source| source.file != PINS_FILE).collect();
    let world = World::open("in-sync", Options::default(), &unpinned).await;
    let policy = "${policy:bedrock-guardrails}";
    for (operation, body) in [
        ("DetachPolicy", json!({"PolicyId": policy, "TargetId": "${ou:Workloads}"})),
        ("DeletePolicy", json!({ "PolicyId": policy })),
    ] {
        let home = Accounts::Named(vec!["management".to_owned()]);
        let call = step("organizations", operation, body, Vec::new());
        world.play(Step { accounts: home, regions: Some(vec!["us-east-1".to_owned()]), ..call });
    }
    world.inject(vec![Fault::always(
        Match { account: Some("222233334444".to_owned()), ..on("GetGuardrail") },
        Effect::Deny,
    )]);
    let plan = world.plan().await.plan;
    let refused: Vec<_> = plan.findings.iter().filter(|one| one.severity == Severity::Refused).collect();
    let [refused] = &refused[..] else { panic!("{}", told(&plan)) };
    assert_eq!(refused.code, codes::NOT_ALL_KNOWN);
    assert!(refused.detail.contains("before content is known"), "{refused:?}");
    world.emulator.clear_faults();
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
}

/// Without the tree of units, and without pins, it is not known where a unit is, which keeps nothing else of a policy from being
/// restored.
#[tokio::test]
async fn a_policy_is_restored_while_the_units_cannot_be_read() {
    let unpinned: Vec<_> = of_the_repository().into_iter().filter(|source| source.file != PINS_FILE).collect();
    let world = World::open("in-sync", Options::default(), &unpinned).await;
    attack(&world);
    world.inject(vec![Fault::always(on("ListOrganizationalUnitsForParent"), Effect::Deny)]);
    let converged = world.converge(Approval::Operator).await.expect("approved");
    assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0));
    let plan = world.plan().await.plan;
    assert_eq!(paths(&plan), ["targets.Workloads"], "{}", told(&plan));
    let refused = plan.findings.iter().find(|one| one.severity == Severity::Refused).expect("a refusal");
    assert!(refused.detail.contains("organizations:ListOrganizationalUnitsForParent"), "{refused:?}");
    assert!(plan.drift[0].alerts.iter().any(|alert| alert.class == AlertClass::Page), "{:?}", plan.drift[0].alerts);
    world.emulator.clear_faults();
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
    // What is attached to a unit whose path cannot be told is a gap of the targets alone.
    world.inject(vec![Fault::always(on("ListOrganizationalUnitsForParent"), Effect::Deny)]);
    let plan = world.plan().await.plan;
    let of_policies = plan.gaps.iter().filter(|gap| gap.kind == "service-control-policy");
    assert_eq!(of_policies.map(|gap| gap.fields.clone()).collect::<Vec<_>>(), [["targets"]], "{}", told(&plan));
}

const EVERYWHERE: &str = r#"
kind: bedrock-policy
name: everywhere
controls: [aws-genai-09]
spec:
  content:
    bedrock:
      guardrail_inference:
        eu-west-1:
          config_1:
            identifier: {"@@assign": "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123def456:1"}
  targets: [Workloads]
"#;

fn second_policy(world: &World, target: &str) {
    let content = json!({"bedrock": {"guardrail_inference": {"eu-west-1": {"config_1": {
        "identifier": {"@@assign": "arn:aws:bedrock:eu-west-1:111122223333:guardrail/weak00000000:1"}}}}}});
    let create = json!({"Type": "BEDROCK_POLICY", "Name": "second", "Description": "", "Content": content.to_string()});
    world.attack("organizations", "CreatePolicy", create);
    world.attack("organizations", "AttachPolicy", json!({"PolicyId": "${policy:second}", "TargetId": target}));
}

/// A policy further down replaces what a declared one enforces there. It touches neither that policy nor its targets.
#[tokio::test]
async fn a_second_bedrock_policy_that_overrules_the_declared_one_is_paged() {
    for (target, account) in [("${ou:Workloads/Production}", "222233334444"), ("333344445555", "333344445555")] {
        let world = World::small("empty", EVERYWHERE).await;
        world.converge(Approval::Operator).await.expect("approved");
        world.plan_again_nothing().await;
        second_policy(&world, target);
        for _ in 0..2 {
            let plan = world.plan_again_no_steps().await;
            assert_eq!(of_the_declared(&plan), [format!("overruled.{account}")], "{}", told(&plan));
            let alerts = plan.drift.iter().filter(|drift| drift.name == "everywhere").flat_map(|drift| &drift.alerts);
            assert!(alerts.clone().any(|alert| alert.class == AlertClass::Page), "{}", told(&plan));
            assert_eq!(refusals(&plan), [codes::OVERRULED]);
            world.converge(Approval::Operator).await.expect("approved");
        }
        // The text of the declared one is put right beside it.
        let weak =
            json!({"bedrock": {"guardrail_inference": {"eu-west-1": {"config_1": {"identifier": {"@@assign": "x"}}}}}});
        let update = json!({"PolicyId": "${policy:everywhere}", "Content": weak.to_string()});
        world.attack("organizations", "UpdatePolicy", update);
        let converged = world.converge(Approval::Operator).await.expect("approved");
        assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0));
        assert_eq!(of_the_declared(&world.plan().await.plan), [format!("overruled.{account}")]);
        world.attack("organizations", "DetachPolicy", json!({"PolicyId": "${policy:second}", "TargetId": target}));
        let plan = world.plan_again_no_steps().await;
        assert_eq!(of_the_declared(&plan), Vec::<String>::new(), "{}", told(&plan));
    }
    // What is effective is known, or it is a gap; and it hides nothing else.
    let world = World::small("empty", EVERYWHERE).await;
    world.converge(Approval::Operator).await.expect("approved");
    world.inject(vec![Fault::always(on("DescribeEffectivePolicy"), Effect::Deny)]);
    let plan = world.plan_again_no_steps().await;
    assert_eq!(plan.gaps.iter().map(|gap| gap.fields.clone()).collect::<Vec<_>>(), [["overruled"]], "{}", told(&plan));
    assert!(plan.drift.is_empty() && !plan.gaps[0].alerts.is_empty());
    // One that says the same, or speaks of another region, overrules nothing.
    let world = World::small("empty", &EVERYWHERE.replace("eu-west-1", "us-east-1")).await;
    world.converge(Approval::Operator).await.expect("approved");
    second_policy(&world, "${ou:Workloads/Production}");
    let plan = world.plan_again_no_steps().await;
    assert_eq!(of_the_declared(&plan), Vec::<String>::new(), "{}", told(&plan));
}

/// What differs at the declared policy; the second one is told of beside it.
fn of_the_declared(plan: &Plan) -> Vec<String> {
    let own = plan.drift.iter().filter(|drift| drift.name == "everywhere").flat_map(|drift| &drift.fields);
    own.map(|field| field.path.to_string()).collect()
}
