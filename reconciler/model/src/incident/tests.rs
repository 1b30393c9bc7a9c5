//! One incident with everything in it, whose names were chosen by whoever attacked.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::control::{Query, QuerySource, ResponseStep, StepType};
use crate::direction::Direction;
use crate::drift::{Change, FieldDrift};

/// A name that would be a script, a heading, a picture and a cell if it could.
pub(crate) const HOSTILE: &str =
    "x\"><script>alert(1)</script><img src=x onerror=\"alert(1)\">'| `a` \n# pwned ![](http://evil) \u{202e}gpj";

fn affected(name: &str, status: Status) -> Affected {
    let address: Address = format!("prod/eu-west-1/guardrail/{}", name.replace('\n', " ")).parse().expect("an address");
    let drift = Drift {
        address: address.clone(),
        kind: address.kind.clone(),
        account: address.account.clone(),
        region: address.region.clone(),
        name: address.name.clone(),
        change: Change::Changed,
        direction: Direction::Weakened,
        controls: vec!["aws-genai-02".into()],
        fields: vec![FieldDrift {
            path: Path::of(["contentPolicy", HOSTILE]),
            live: json!(HOSTILE),
            want: json!("HIGH"),
            direction: Direction::Weakened,
            declared_at: None,
            kept: false,
            stays: false,
            waived: None,
        }],
        declared_at: None,
        alerts: Vec::new(),
        context: crate::drift::Context::default(),
    };
    let proof = |at: &str| Proof { by: format!("read {HOSTILE}"), at: at.into() };
    let restored = status.is_restored();
    Affected {
        drift,
        status,
        why: (!restored).then(|| HOSTILE.into()),
        still_used_by: vec![HOSTILE.into()],
        proofs: if restored { vec![proof("2026-11-20T03:15:04Z"), proof("2026-11-20T03:15:05Z")] } else { Vec::new() },
        attribution: attribution(restored),
        handle: json!({"guardrailId": HOSTILE}),
        before: Some("sha256:before".into()),
        after: restored.then(|| "sha256:after".into()),
    }
}

fn attribution(restored: bool) -> Vec<FieldAttribution> {
    let known = json!([{
        "path": "contentPolicy",
        "by": {"is": "known", "event": {
            "at": "2026-11-20T01:15:00Z", "event_id": HOSTILE, "event_name": HOSTILE, "event_source": "bedrock.amazonaws.com",
            "region": "eu-west-1", "principal": HOSTILE, "session": HOSTILE, "source_address": "198.51.100.7", "user_agent": HOSTILE,
        }},
        "exposure": {
            "since": "2026-11-20T01:15:00Z",
            "until": restored.then_some("2026-11-20T03:15:04Z"),
            "seconds": restored.then_some(7204),
        },
    }, {
        "path": "topicPolicy",
        "by": {"is": "unknown", "reason": HOSTILE},
        "exposure": {"since": null, "until": null, "seconds": null},
    }]);
    serde_json::from_value(known).expect("blame")
}

fn step(id: &str, does: StepType) -> ResponseStep {
    let text = json!({"id": id, "type": does.word(), "text": HOSTILE, "kinds": if does == StepType::Restore { vec!["guardrail"] } else { vec![] }});
    serde_json::from_value(text).expect("a step")
}

/// The incident: one address is restored, one is not.
pub(crate) fn sample() -> Incident {
    let addresses = vec![affected(HOSTILE, Status::NotRestored), affected("payments", Status::Restored)];
    let query = Query {
        name: HOSTILE.into(),
        about: HOSTILE.into(),
        source: QuerySource::InvocationLogs,
        text: HOSTILE.into(),
    };
    let answer = Answered {
        control: "aws-genai-02".into(),
        step: "F1".into(),
        query,
        account: HOSTILE.into(),
        region: "eu-west-1".into(),
        log_group: Some(HOSTILE.into()),
        from: "2026-11-20T01:15:00Z".into(),
        until: "2026-11-20T03:15:04Z".into(),
        row_count: 1,
        truncated: true,
        rows: vec![BTreeMap::from([(HOSTILE.to_owned(), HOSTILE.to_owned())])],
        bytes_scanned: Some(7),
        unanswered: None,
        left_out: Default::default(),
    };
    let response = [step("R1", StepType::Restore), step("V1", StepType::Verify), step("M1", StepType::Manual)];
    let item = |what: &str, sha256: &str, address: Option<Address>| EvidenceItem {
        what: what.into(),
        address,
        sha256: sha256.into(),
        path: format!("evidence/{sha256}.json"),
        bytes: 1,
        at: "2026-11-20T03:15:01Z".into(),
        record: 2,
    };
    Incident {
        format: FORMAT,
        id: "inc-20261120T031500Z-1f0a2b3c".into(),
        tool_version: "0.1.0".into(),
        outcome: outcome(&addresses, 0, Ending::Whole),
        opened: "2026-11-20T03:15:00Z".into(),
        written: "2026-11-20T03:15:07Z".into(),
        closed: None,
        mode: crate::permit::Mode::Restore,
        runs: vec![HOSTILE.into()],
        operator: Operator { user: HOSTILE.into(), caller: Some(HOSTILE.into()) },
        targets: vec![HOSTILE.into()],
        accounts: vec![HOSTILE.into()],
        since: None,
        desired_digest: "sha256:desired".into(),
        detected: "2026-11-20T03:15:00Z".into(),
        steps: vec![StepDone {
            lag: None,
            run: HOSTILE.into(),
            step: "1".into(),
            address: addresses[0].address().clone(),
            action: "update".into(),
            summary: HOSTILE.into(),
            calls: vec!["bedrock:UpdateGuardrail".into()],
            intent: 3,
            begun: "2026-11-20T03:15:02Z".into(),
            request_ids: vec![HOSTILE.into()],
            error: Some(HOSTILE.into()),
            message: Some(HOSTILE.into()),
            verdict: Some(crate::verdict::Ruling::Mismatch),
            differs: vec![HOSTILE.into()],
            ended: Some("2026-11-20T03:15:03Z".into()),
        }],
        gaps: Vec::new(),
        findings: Vec::new(),
        controls: vec![Concerned {
            id: "aws-genai-02".into(),
            title: HOSTILE.into(),
            severity: Severity::High,
            compliance: BTreeMap::from([(HOSTILE.to_owned(), vec![HOSTILE.to_owned()])]),
        }],
        checklist: checklist::of("aws-genai-02", &response, &addresses, std::slice::from_ref(&answer)),
        answers: vec![answer],
        evidence: vec![
            item("plan", "sha256:plan", None),
            item("before", "sha256:before", Some(addresses[0].address().clone())),
            item("after", "sha256:after", Some(addresses[1].address().clone())),
        ],
        addresses,
        troubles: Vec::new(),
    }
}

#[test]
fn the_outcome_is_never_better_than_the_worst_address() {
    let of = |statuses: &[Status], unseen, ending| {
        let addresses: Vec<Affected> = statuses.iter().map(|status| affected("payments", *status)).collect();
        outcome(&addresses, unseen, ending)
    };
    use Status::*;
    assert_eq!(of(&[Restored, Restored], 0, Ending::Whole), Outcome::Restored);
    assert_eq!(of(&[Restored, NotEffective], 0, Ending::Whole), Outcome::NotEffective);
    assert_eq!(of(&[Restored], 1, Ending::Whole), Outcome::NotAllSeen);
    for other in [NotRestored, Refused, Unknown, NotTried] {
        assert_eq!(of(&[Restored, other], 0, Ending::Whole), Outcome::PartlyRestored);
        assert_eq!(of(&[other], 0, Ending::Whole), Outcome::NotRestored);
        assert_eq!(of(&[Restored, other], 0, Ending::Interrupted), Outcome::Interrupted);
        assert_eq!(of(&[other], 0, Ending::NotApproved), Outcome::NotApproved);
    }
    // All done before the signal came: it is done.
    assert_eq!(of(&[Restored], 0, Ending::Interrupted), Outcome::Restored);
}

#[test]
fn the_checklist_says_what_is_proved_and_leaves_the_rest_to_people() {
    let incident = sample();
    let states: Vec<_> = incident.checklist.iter().map(|item| (item.step.as_str(), item.state)).collect();
    assert_eq!(states, [("R1", CheckState::Partly), ("V1", CheckState::Partly), ("M1", CheckState::Manual)]);
    assert!(
        incident.checklist[0].how.starts_with("1 of 2 restored; not restored: prod/"),
        "{}",
        incident.checklist[0].how
    );
    let none = checklist::of("aws-genai-02", &[step("R1", StepType::Restore)], &[], &[]);
    assert_eq!(none[0].state, CheckState::NotNeeded);
}

#[test]
fn a_complete_file_lacks_nothing_and_the_record_is_read_back() {
    let mut incident = sample();
    assert_eq!(incident.lacks(), Vec::<String>::new());
    incident.addresses[1].proofs.pop();
    incident.evidence.remove(0);
    assert_eq!(incident.lacks().len(), 2, "{:?}", incident.lacks());
    let text = serde_json::to_string(&incident).expect("written");
    assert_eq!(serde_json::from_str::<Incident>(&text).expect("read"), incident);
}

#[test]
fn who_only_strengthened_is_not_among_the_culprits_and_begins_no_exposure() {
    let mut incident = sample();
    for one in &mut incident.addresses {
        let field = FieldDrift { path: Path::of(["contentPolicy"]), ..one.drift.fields[0].clone() };
        let other = FieldDrift { path: Path::of(["topicPolicy"]), ..field.clone() };
        one.drift.fields = vec![FieldDrift { direction: Direction::Strengthened, ..field }, other];
    }
    // What is known is who strengthened; who weakened is not.
    assert!(incident.addresses.iter().all(|one| one.culprits().is_empty() && one.exposure().is_none()));
    assert_eq!(incident.addresses[0].unknown().len(), 1);
    assert!(incident.facts().contains(&("exposed", "not known since when".to_owned())), "{:?}", incident.facts());
    for one in &mut incident.addresses {
        one.drift.fields.iter_mut().for_each(|field| field.direction = Direction::Strengthened);
    }
    assert!(incident.facts().contains(&("by", "nobody: nothing was weakened".to_owned())), "{:?}", incident.facts());
    assert!(!html::render(&incident).contains("class=\"bar\" style"), "a bar of no exposure");
}

#[test]
fn a_headline_says_that_others_may_be_longer() {
    let mut incident = sample();
    for one in &mut incident.addresses {
        one.attribution.truncate(1);
    }
    incident.addresses[0].attribution[0].exposure =
        Exposure { since: None, perhaps_since: None, until: None, seconds: None };
    let exposed = incident.facts()[1].1.clone();
    assert!(exposed.starts_with("at least 2 h (since ") && exposed.contains("; one of unknown start, "), "{exposed}");
}

/// What people paste into a shell is a word of it, whatever a resource is called.
#[test]
fn commands_name_the_resources_and_are_quoted() {
    let hostile = "x'; touch /tmp/pwned; $(id) \n`id`";
    let mut step = step("M1", StepType::Manual);
    step.how = Some("aws bedrock delete-guardrail --guardrail-identifier ID --guardrail-version N".to_owned());
    step.fills = BTreeMap::from([("ID".to_owned(), "guardrail.guardrailId".to_owned())]);
    let mut one = affected("payments", Status::Restored);
    for (id, word) in [("abc1", "abc1".to_owned()), (hostile, format!("'{}'", hostile.replace('\'', "'\\''")))] {
        one.handle = json!({"guardrailId": id});
        let items = checklist::of("aws-genai-02", std::slice::from_ref(&step), std::slice::from_ref(&one), &[]);
        let command = &items[0].commands[0];
        let expected = format!(
            "aws bedrock delete-guardrail --guardrail-identifier {word} --guardrail-version N --region eu-west-1"
        );
        assert_eq!((command.text.as_str(), command.address.as_ref()), (&*expected, Some(one.address())));
    }
    one.handle = Value::Null;
    let items = checklist::of("aws-genai-02", std::slice::from_ref(&step), std::slice::from_ref(&one), &[]);
    assert_eq!((items[0].commands.len(), items[0].commands[0].text.contains(" ID ")), (1, true));
}
