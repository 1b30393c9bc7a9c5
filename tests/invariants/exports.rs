//! What is exported may be declared, whatever is live, and a plan of it is empty.

use std::collections::BTreeMap;

use reconciler_model::address::{Address, Scope};
use reconciler_model::desired::{Exported, exported};
use reconciler_model::drift;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Kind, Origin};
use reconciler_tests::declarations::{CONTROLS, small, source};
use reconciler_tests::world::{ACCOUNT, REGION};
use serde_json::{Value, json};

/// What AWS answers and no declaration may hold: kind, name, answer, and the members that are left out; nothing of the whole where
/// that says so.
fn awkward() -> Vec<(&'static str, &'static str, Value, Option<&'static [&'static str]>)> {
    let gone = |action: &str| json!({"Version": "2012-10-17", "Statement": [{"Sid": "Gone", "Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEEXAMPLE123"}, "Action": action, "Resource": "*"}]});
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "AIDAEXAMPLEEXAMPLE123"}, "Action": "sts:AssumeRole"}]});
    let key = |key: &str| json!({"serverSideEncryptionConfiguration": {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyID": key}}]}});
    let flags = json!({"textDataDeliveryEnabled": true, "imageDataDeliveryEnabled": false});
    vec![
        ("log-group", "a", json!({"logGroupClass": "DELIVERY", "retentionInDays": 2}), Some(&[])),
        ("log-group", "a", json!({"logGroupClass": "DELIVERY", "retentionInDays": null}), Some(&["retentionInDays"])),
        ("log-group", "a", json!({"retentionInDays": 13}), Some(&["retentionInDays"])),
        ("kms-key", "alias/a", json!({"policy": gone("kms:*"), "enabled": true}), Some(&["policy"])),
        (
            "kms-key",
            "alias/a",
            json!({"description": "", "keyRotationEnabled": false, "rotationPeriodInDays": 365}),
            Some(&[]),
        ),
        ("kms-key", "alias/a", json!({"enabled": false, "deletionDate": "2027-01-01T00:00:00Z"}), None),
        ("log-bucket", "bucket-a", json!({"policy": gone("s3:GetObject")}), Some(&["policy"])),
        ("log-bucket", "bucket-a", key("alias/aws/s3"), Some(&[])),
        ("log-bucket", "bucket-a", key("arn:aws:kms:eu-west-1:111122223333:alias/aws/s3"), Some(&[])),
        ("log-bucket", "bucket-a", key("alias/mine"), Some(&["serverSideEncryptionConfiguration"])),
        (
            "iam-role",
            "a",
            json!({"assumeRolePolicyDocument": trust, "description": ""}),
            Some(&["assumeRolePolicyDocument"]),
        ),
        ("iam-role", "a", json!({"description": "text with ${aws:username} in it"}), Some(&[])),
        (
            "guardrail",
            "a",
            json!({"description": "", "blockedInputMessaging": "a", "blockedOutputsMessaging": "b"}),
            Some(&[]),
        ),
        ("trail", "abc", json!({"s3BucketName": null, "isLogging": true}), Some(&["s3BucketName"])),
        ("invocation-logging", "default", json!({}), Some(&[])),
        ("invocation-logging", "default", flags, Some(&[])),
    ]
}

fn observed(kind: &dyn Kind, name: &str, answer: &Value) -> ObservedResource {
    let normalised = kind.normalise(answer, Origin::Live);
    assert_eq!(normalised.problems, [], "{name}");
    let scope = Scope { account: "management".into(), account_id: ACCOUNT.into(), region: REGION.into() };
    ObservedResource {
        address: Address::new(&scope, kind.name(), name),
        tree: normalised.tree,
        unknown_fields: BTreeMap::new(),
        external_id: Value::Null,
        private_state: Value::Null,
        settled: true,
        unread: BTreeMap::new(),
        beside: Value::Null,
    }
}

#[test]
fn whatever_is_live_is_exported_as_something_that_validates() {
    for (kind, name, answer, expected) in awkward() {
        let kind = *reconciler_kinds::KINDS.iter().find(|one| one.name() == kind).expect("a kind");
        let live = observed(kind, name, &answer);
        let told = format!("{}: {answer}", kind.name());
        let Exported { spec, left_out } = exported(kind, &live);
        let Some(expected) = expected else {
            assert!(spec.is_none(), "{told}");
            assert!(matches!(&left_out[..], [(None, _)]), "{told}");
            continue;
        };
        // Answers of this test lack what every real one has.
        let members = left_out.iter().filter_map(|(member, _)| member.as_deref());
        let members: Vec<&str> = members.filter(|member| answer.get(member).is_some()).collect();
        assert_eq!(members, expected, "{told}: {left_out:?}");
        let declaration = json!({"kind": kind.name(), "name": name, "spec": spec.expect("a spec")});
        let mut files = small("");
        files[1] = source("exported.yaml", &serde_yaml::to_string(&declaration).expect("YAML"));
        let desired = reconciler_model::desired::load(&files, reconciler_kinds::KINDS, CONTROLS);
        let desired = desired.unwrap_or_else(|problems| panic!("{told}: {problems:#?}"));
        for wanted in desired.wanted() {
            let want = wanted.resolve_known(kind, &BTreeMap::new()).expect("no look-ups").tree;
            let compared = drift::compare(kind, &wanted, &want, Some(&live));
            assert_eq!(compared.drift, None, "{told}");
        }
    }
}
