//! From the drift of a trail to calls (AWS.md 1.7): settings, selectors, logging, tags, in this order.

use std::collections::BTreeMap;

use reconciler_model::codes;
use reconciler_model::inventory::Sighting;
use reconciler_model::kind::Situation;
use reconciler_model::open_enum::on_the_wire;
use reconciler_model::plan::{Call, Promise, Proposal, ProposedStep};
use reconciler_model::tree::{self, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::limits::{MOST_VALUES, unproven};
use super::pascal::raised;
use super::selectors::{self, ADVANCED, BASIC, MANAGEMENT};
use super::spec::SETTINGS;

/// One call on a trail: the operation and its exact request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Op {
    /// What to call.
    pub(super) operation: Operation,
    /// The request.
    pub(super) request: Value,
}

/// The write operations of CloudTrail that restore a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Operation {
    CreateTrail,
    UpdateTrail,
    PutEventSelectors,
    StartLogging,
    StopLogging,
    AddTags,
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CreateTrail => "CreateTrail",
            Self::UpdateTrail => "UpdateTrail",
            Self::PutEventSelectors => "PutEventSelectors",
            Self::StartLogging => "StartLogging",
            Self::StopLogging => "StopLogging",
            Self::AddTags => "AddTags",
        }
    }
}

/// What the edge knows beyond the normal form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts {
    /// What S3 answered to the last delivery, when it failed.
    #[serde(default)]
    pub(super) delivery_error: Option<String>,
}

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    match situation.live {
        None => create(situation),
        Some(live) => restore(situation, live),
    }
}

fn step(action: &'static str, summary: &str, operation: Operation, request: Value, promise: Promise) -> ProposedStep {
    ProposedStep {
        action,
        summary: summary.to_owned(),
        calls: vec![Call {
            service: "cloudtrail".into(),
            operation: operation.name().into(),
            request: request.clone(),
        }],
        op: serde_json::to_value(Op { operation, request }).unwrap_or(Value::Null),
        promise,
    }
}

fn promised(tree: Value) -> Promise {
    Promise { tree, ..Promise::default() }
}

/// The members of `tree` that are settings and that `which` takes, as a promise has them.
fn settings(tree: &Value, which: impl Fn(&str) -> bool) -> Map<String, Value> {
    let known = SETTINGS.iter().filter(|(member, _)| which(member));
    known.filter_map(|(member, _)| Some(((*member).to_owned(), tree.get(*member)?.clone()))).collect()
}

/// Settings as the request has them. An empty text removes what was set.
fn request(name: &str, settings: &Map<String, Value>) -> Map<String, Value> {
    let mut request = Map::from_iter([("Name".to_owned(), json!(name))]);
    for (member, wire) in SETTINGS {
        if let Some(value) = settings.get(*member) {
            request.insert((*wire).to_owned(), if value.is_null() { json!("") } else { value.clone() });
        }
    }
    request
}

fn tags_for_request<'a>(tags: impl Iterator<Item = &'a Value>) -> Value {
    // The model allows no empty value; a tag without one is a key alone.
    let without_empty = |tag: &Value| match tag.get("value") {
        Some(value) if value != "" => json!({ "Key": tag.get("key"), "Value": value }),
        _ => json!({ "Key": tag.get("key") }),
    };
    tags.map(without_empty).collect()
}

fn elements<'a>(tree: &'a Value, member: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    tree.get(member).and_then(Value::as_object).into_iter().flatten()
}

fn create(situation: &Situation<'_>) -> Proposal {
    let mut proposal = Proposal::default();
    let target = situation.target;
    let own = settings(target, |member| !target[member].is_null());
    if !own.contains_key("s3BucketName") {
        let detail = "the trail does not exist, and cannot be created because s3BucketName is not declared";
        proposal.refusals.push((codes::CONTRADICTION, detail.into()));
        return proposal;
    }
    let mut request = request(situation.name, &own);
    let tags = tags_for_request(elements(target, "tags").map(|(_, tag)| tag));
    if tags != json!([]) {
        request.insert("TagsList".into(), tags);
    }
    let mut promise = target.clone();
    if let Some(members) = promise.as_object_mut() {
        members.retain(|member, _| ![ADVANCED, BASIC, "isLogging"].contains(&member.as_str()));
    }
    let summary = format!("create trail {}", situation.name);
    proposal.steps.push(step("create", &summary, Operation::CreateTrail, Value::Object(request), promised(promise)));
    let advanced = target.get(ADVANCED).filter(|advanced| **advanced != json!({}));
    let basic = target.get(BASIC).filter(|basic| !basic.is_null() && **basic != selectors::default_basic());
    match (advanced, basic) {
        (Some(advanced), _) => put_advanced(situation.name, advanced.clone(), BTreeMap::new(), &mut proposal),
        (None, Some(basic)) => put_basic(situation.name, basic, &mut proposal),
        (None, None) => {}
    }
    // CreateTrail starts nothing, and a trail that was there logged, unless the declaration says that it does not.
    if target.get("isLogging") != Some(&json!(false)) {
        proposal.steps.push(logging(situation.name, true));
    }
    proposal
        .notes
        .push((codes::IMMUTABLE, "the events of the time without the trail were never recorded by it".into()));
    let quota = "CloudTrail takes at most 5 trails in a region, shadows of trails of other regions included, and the quota \
                 cannot be raised";
    proposal.notes.push((codes::LIMIT, quota.into()));
    proposal
}

fn logging(name: &str, on: bool) -> ProposedStep {
    let (operation, summary) = match on {
        true => (Operation::StartLogging, "start logging"),
        false => (Operation::StopLogging, "stop logging"),
    };
    step("update", summary, operation, json!({ "Name": name }), promised(json!({ "isLogging": on })))
}

fn restore(situation: &Situation<'_>, live: &Sighting) -> Proposal {
    let mut proposal = Proposal::default();
    let target = situation.target;
    update(situation, live, &mut proposal);
    if situation.differs_in(ADVANCED) || situation.differs_in(BASIC) {
        restore_selectors(situation, live, &mut proposal);
    }
    if situation.differs_in("isLogging") {
        proposal.steps.push(logging(situation.name, target["isLogging"] == true));
    }
    if situation.differs_in("tags") {
        let differs = |(key, tag): &(&String, &Value)| live.tree["tags"].get(key.as_str()) != Some(*tag);
        let changed: BTreeMap<&String, &Value> = elements(target, "tags").filter(differs).collect();
        let request = json!({
            "ResourceId": live.handle["trailARN"],
            "TagsList": tags_for_request(changed.values().copied()),
        });
        let summary = "put the declared tags back; other tags are left alone";
        proposal.steps.push(step("tag", summary, Operation::AddTags, request, promised(json!({ "tags": changed }))));
    }
    let facts: Facts = serde_json::from_value(live.facts.clone()).unwrap_or_default();
    if let Some(error) = facts.delivery_error {
        let detail =
            format!("the last delivery to {} failed: {error}; see the bucket's policy", live.tree["s3BucketName"]);
        proposal.notes.push((codes::DELIVERY_FAILS, detail));
    }
    let extras = live.extras.keys().filter(|path| !is_of_selector(path));
    proposal.notes.extend(extras.map(|path| (codes::EXTRA_CARRIED, format!("{path} is present, and not managed"))));
    proposal
}

fn is_of_selector(path: &str) -> bool {
    let Ok(path) = path.parse::<Path>();
    path.head() == Some(ADVANCED) || path.head() == Some(BASIC)
}

/// UpdateTrail with what differs: what it does not mention stays.
fn update(situation: &Situation<'_>, live: &Sighting, proposal: &mut Proposal) {
    const DELIVERY: [&str; 2] = ["cloudWatchLogsLogGroupArn", "cloudWatchLogsRoleArn"];
    let mut own = settings(situation.target, |member| situation.differs_in(member));
    if own.is_empty() {
        return;
    }
    if DELIVERY.iter().any(|member| own.contains_key(*member)) {
        // Group and role go together.
        for member in DELIVERY {
            let other = situation.target.get(member).unwrap_or(&live.tree[member]);
            own.entry(member).or_insert_with(|| other.clone());
        }
        if own[DELIVERY[0]].is_null() != own[DELIVERY[1]].is_null() {
            let detail = "delivery to a log group needs both cloudWatchLogsLogGroupArn and cloudWatchLogsRoleArn";
            proposal.refusals.push((codes::CONTRADICTION, detail.into()));
            own.retain(|member, _| !DELIVERY.contains(&member.as_str()));
        }
    }
    if own.get("isMultiRegionTrail") == Some(&json!(true)) && live.tree["includeGlobalServiceEvents"] == false {
        // One needs the other; the service rejects a trail of all regions without them.
        own.insert("includeGlobalServiceEvents".into(), json!(true));
    }
    if own.is_empty() {
        return;
    }
    let request = Value::Object(request(situation.name, &own));
    let summary = "put the declared settings back; the others stay as they are";
    proposal.steps.push(step("update", summary, Operation::UpdateTrail, request, promised(Value::Object(own))));
}

fn restore_selectors(situation: &Situation<'_>, live: &Sighting, proposal: &mut Proposal) {
    let target = situation.target;
    let live_advanced = &live.tree[ADVANCED];
    let live_basic = Some(&live.tree[BASIC]).filter(|basic| !basic.is_null());
    let Some(advanced) = target.get(ADVANCED).filter(|advanced| **advanced != json!({})) else {
        let Some(basic) = target.get(BASIC).filter(|basic| !basic.is_null()) else { return };
        let lost: Vec<&str> = elements(&live.tree, ADVANCED)
            .map(|(about, _)| about.as_str())
            .filter(|about| *about != MANAGEMENT)
            .collect();
        if !lost.is_empty() {
            let detail = format!(
                "the trail has advanced selectors, which the declared basic ones would replace: {}; declare them as \
                 advancedEventSelectors",
                lost.join(", ")
            );
            proposal.refusals.push((codes::SELECTOR_FORM, detail));
            return;
        }
        if live_basic.is_none() {
            let detail = "the trail has advanced selectors; they are replaced by the declared basic ones";
            proposal.notes.push((codes::SELECTOR_FORM, detail.into()));
        }
        return put_basic(situation.name, basic, proposal);
    };
    if let Some(basic) = live_basic {
        let converts = target.get(BASIC).is_some_and(Value::is_null);
        if *basic != selectors::default_basic() && !converts {
            let detail = "the trail has basic selectors, which the declared advanced ones would replace; declare `eventSelectors: \
                          null` to allow it";
            proposal.refusals.push((codes::SELECTOR_FORM, detail.into()));
            return;
        }
        let detail = format!("the trail has basic selectors; they are replaced by the declared advanced ones: {basic}");
        proposal.notes.push((codes::SELECTOR_FORM, detail));
    }
    let mut whole = live_advanced.clone();
    for (about, wanted) in advanced.as_object().into_iter().flatten() {
        let found = &live_advanced[about];
        if found != wanted && found.is_array() && !selectors::cover(wanted, found) {
            let detail = format!("the selectors of {about} become exactly what is declared; now they are {found}");
            proposal.notes.push((codes::SELECTOR_REPLACED, detail));
        }
        whole[about] = wanted.clone();
    }
    let Some(extras) = carried(live, &whole, proposal) else { return };
    put_advanced(situation.name, whole, extras, proposal);
}

/// The unknown members of selectors that the write has to carry; `None` when one of them cannot be, which is refused.
fn carried(live: &Sighting, whole: &Value, proposal: &mut Proposal) -> Option<BTreeMap<String, Value>> {
    let mut kept = BTreeMap::new();
    for (text, value) in live.extras.iter().filter(|(path, _)| is_of_selector(path)) {
        let Ok(path) = text.parse::<Path>();
        let parts = path.parts();
        let [ADVANCED, about, place, rest @ ..] = &parts[..] else { continue };
        let (was, is) = (&live.tree[ADVANCED][about], &whole[about]);
        let alone = |selectors: &Value| selectors.as_array().is_some_and(|selectors| selectors.len() == 1);
        if was != is && !(alone(was) && alone(is)) {
            let detail = format!(
                "PutEventSelectors replaces every selector, and it cannot be told which of the declared ones {path} belongs to"
            );
            proposal.refusals.push((codes::EXTRA_REFUSED, detail));
            return None;
        }
        let selector = place.parse::<usize>().ok().and_then(|place| is.get(place));
        let field_is_gone = match rest {
            ["fieldSelectors", field, ..] => selector.and_then(|one| one["fieldSelectors"].get(field)).is_none(),
            _ => selector.is_none(),
        };
        // A field that the restore removes takes its unknown members with it.
        if !field_is_gone {
            proposal.notes.push((codes::EXTRA_CARRIED, format!("{path} is kept as it is")));
            kept.insert(text.clone(), value.clone());
        }
    }
    Some(kept)
}

/// PutEventSelectors with every selector, because it replaces all.
fn put_advanced(name: &str, whole: Value, extras: BTreeMap<String, Value>, proposal: &mut Proposal) {
    let values = selectors::values(&whole);
    if values > MOST_VALUES {
        let detail = format!(
            "{values} values in the declared and the other selectors together; the service takes {MOST_VALUES}"
        );
        proposal.refusals.push((codes::LIMIT, detail));
        return;
    }
    let unproven = unproven(&whole);
    if !unproven.is_empty() {
        let detail = format!(
            "documented, and not shown to be accepted everywhere: {}; should the service reject one, no selector changes",
            unproven.join(", ")
        );
        proposal.notes.push((codes::DATA_TYPE, detail));
    }
    let request = json!({ "TrailName": name, "AdvancedEventSelectors": raised(&with_extras(&whole, &extras)) });
    let promise = Promise { tree: json!({ ADVANCED: whole, BASIC: null }), extras, ..Promise::default() };
    let summary = "put the declared selectors back; the call replaces all of them, the others are carried over";
    proposal.steps.push(step("update", summary, Operation::PutEventSelectors, request, promise));
}

/// The selectors as a list, with the carried members where they were.
fn with_extras(whole: &Value, extras: &BTreeMap<String, Value>) -> Value {
    if extras.is_empty() {
        return selectors::listed(whole);
    }
    let mut list = Vec::new();
    for (about, same) in whole.as_object().into_iter().flatten() {
        for (place, selector) in same.as_array().into_iter().flatten().enumerate() {
            let mut listed = selectors::as_listed(selector);
            for (text, value) in extras {
                let Ok(path) = text.parse::<Path>();
                let parts = path.parts();
                let [_, of, at, rest @ ..] = &parts[..] else { continue };
                if of != about || *at != place.to_string() {
                    continue;
                }
                match rest {
                    ["fieldSelectors", field, rest @ ..] => {
                        let fields = listed["fieldSelectors"].as_array_mut().into_iter().flatten();
                        for element in fields.filter(|element| element["field"] == *field) {
                            tree::set(element, &Path::of(rest.iter().copied()), Some(value.clone()));
                        }
                    }
                    rest => tree::set(&mut listed, &Path::of(rest.iter().copied()), Some(value.clone())),
                }
            }
            list.push(listed);
        }
    }
    Value::Array(list)
}

fn put_basic(name: &str, basic: &Value, proposal: &mut Proposal) {
    let mut list = basic.clone();
    for selector in list.as_array_mut().into_iter().flatten() {
        let word = selector["readWriteType"].as_str().map(on_the_wire).map(str::to_owned);
        selector["readWriteType"] = json!(word);
    }
    let request = json!({ "TrailName": name, "EventSelectors": raised(&list) });
    let promise = promised(json!({ BASIC: basic }));
    let summary = "put the declared basic selectors back; the call replaces all of them";
    proposal.steps.push(step("update", summary, Operation::PutEventSelectors, request, promise));
}

#[cfg(test)]
mod tests {
    use reconciler_model::address::Address;
    use reconciler_model::kind::{Kind, Origin};

    use super::*;
    use crate::trail::Trail;

    fn selector(kind: &str, further: Value) -> Value {
        let mut fields = vec![
            json!({"field": "eventCategory", "equals": ["Data"]}),
            json!({"field": "resources.type", "equals": [kind]}),
        ];
        fields.extend(further.as_array().cloned().unwrap_or_default());
        json!({"name": kind, "fieldSelectors": fields})
    }

    fn proposed(live: &[Value], extras: &[(&str, Value)], want: &[Value]) -> Proposal {
        let live = Trail.normalise(&json!({ "isLogging": true, ADVANCED: live }), Origin::Live).tree;
        let target = json!({ ADVANCED: selectors::keyed(&json!(want)) });
        let live = Sighting {
            address: Address { account: "a".into(), region: "r".into(), kind: "trail".into(), name: "main".into() },
            tree: live,
            extras: extras.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect(),
            handle: json!({"trailARN": "arn"}),
            facts: Value::Null,
            settled: true,
            unread: Default::default(),
        };
        let differs = [Path::of([ADVANCED, "any"])];
        propose(&Situation {
            live: Some(&live),
            target: &target,
            differs: &differs,
            name: "main",
            may_delete_versions: false,
            surroundings: &Value::Null,
        })
    }

    fn sent(proposal: &Proposal) -> &Value {
        &proposal.steps[0].calls[0].request["AdvancedEventSelectors"]
    }

    /// Members that this build does not know are sent back where they were: on selectors of others, on one that is narrowed,
    /// and on a field.
    #[test]
    fn unknown_members_of_selectors_are_carried() {
        let (agents, buckets) = ("AWS::Bedrock::AgentAlias", "AWS::S3::Object");
        let narrowed = selector(agents, json!([{"field": "readOnly", "equals": ["true"]}]));
        let extras = [
            ("advancedEventSelectors.Data/AWS::Bedrock::AgentAlias.0.sampling", json!(1)),
            ("advancedEventSelectors.Data/AWS::S3::Object.0.fieldSelectors.\"resources.type\".contains", json!(["x"])),
            ("advancedEventSelectors.Data/AWS::Bedrock::AgentAlias.0.fieldSelectors.readOnly.new", json!(2)),
        ];
        let proposal = proposed(&[narrowed, selector(buckets, json!([]))], &extras, &[selector(agents, json!([]))]);
        let expected = json!([
            {"Name": agents, "sampling": 1, "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": [agents]}]},
            {"Name": buckets, "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": [buckets], "contains": ["x"]}]},
        ]);
        assert_eq!(sent(&proposal), &raised(&expected));
        assert_eq!(proposal.steps[0].promise.extras.len(), 2);
    }

    /// Where it cannot be told which selector an unknown member belongs to, nothing is written.
    #[test]
    fn an_unknown_member_that_cannot_be_carried_refuses_the_write() {
        let read_only = |value: &str| selector("AWS::S3::Object", json!([{"field": "readOnly", "equals": [value]}]));
        let extras = [("advancedEventSelectors.Data/AWS::S3::Object.1.sampling", json!(1))];
        let live = [read_only("false"), read_only("true")];
        let proposal = proposed(&live, &extras, &[selector("AWS::S3::Object", json!([]))]);
        assert!(proposal.steps.is_empty());
        assert_eq!(proposal.refusals[0].0, codes::EXTRA_REFUSED);
    }

    /// The limit of values counts the selectors of others too.
    #[test]
    fn too_many_values_together_are_refused() {
        let values: Vec<String> = (0..499).map(|number| format!("arn:aws:s3:::{number}/")).collect();
        let live = selector("AWS::S3::Object", json!([{"field": "resources.ARN", "startsWith": values}]));
        let proposal = proposed(&[live], &[], &[selector("AWS::Bedrock::Guardrail", json!([]))]);
        assert!(proposal.steps.is_empty());
        assert_eq!(proposal.refusals[0].0, codes::LIMIT);
    }
}
