//! From the drift of a trail to calls (README.md, Settings): settings, selectors, logging, tags, in this order.

use std::collections::BTreeMap;

use reconciler_model::codes;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Situation;
use reconciler_model::open_enum::on_the_wire;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use reconciler_model::tree::{self, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::coverage;
use super::pascal::raised;
use super::selectors::{self, ADVANCED, BASIC};
use super::spec::{BUCKET, EVERY_REGION, GLOBAL_EVENTS, IS_LOGGING, SETTINGS, TAGS};
use super::validation::{MOST_VALUES, unproven};
use crate::shared::operations::operations;

operations! {
    /// The write operations of CloudTrail that restore a trail.
    pub(super) enum Operation {
        CreateTrail,
        UpdateTrail,
        PutEventSelectors,
        StartLogging,
        StopLogging,
        AddTags,
    }
}

/// What the resource client knows beyond the normal form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrivateState {
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

fn step(
    action: &'static str,
    summary: &str,
    operation: Operation,
    request: Value,
    expected_state: ExpectedState,
) -> ProposedStep {
    ProposedStep {
        action,
        summary: summary.to_owned(),
        call: Call::new("cloudtrail", operation.name(), request),
        expected_state,
        ..ProposedStep::default()
    }
}

fn expected(tree: Value) -> ExpectedState {
    ExpectedState { tree, ..ExpectedState::default() }
}

/// The settings of `tree` that `which` takes, as an expected state has them.
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
    let mut expected_state = target.clone();
    if let Some(members) = expected_state.as_object_mut() {
        members.retain(|member, _| ![ADVANCED, BASIC, "isLogging"].contains(&member.as_str()));
    }
    let summary = format!("create trail {}", situation.name);
    proposal.steps.push(step(
        "create",
        &summary,
        Operation::CreateTrail,
        Value::Object(request),
        expected(expected_state),
    ));
    let advanced = target.get(ADVANCED).filter(|advanced| **advanced != json!({}));
    let basic = target.get(BASIC).filter(|basic| !basic.is_null() && **basic != selectors::default_basic());
    match (advanced, basic) {
        (Some(advanced), _) => put_advanced(situation.name, advanced.clone(), BTreeMap::new(), None, &mut proposal),
        (None, Some(basic)) => put_basic(situation.name, basic, None, &mut proposal),
        (None, None) => {}
    }
    // CreateTrail does not start logging. The new trail is started, unless the declaration says otherwise.
    if target.get(IS_LOGGING) != Some(&json!(false)) {
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
    step("update", summary, operation, json!({ "Name": name }), expected(json!({ "isLogging": on })))
}

fn restore(situation: &Situation<'_>, live: &ObservedResource) -> Proposal {
    let mut proposal = Proposal::default();
    let target = situation.target;
    update(situation, live, &mut proposal);
    if situation.differs_in(ADVANCED) || situation.differs_in(BASIC) {
        restore_selectors(situation, live, &mut proposal);
    }
    if situation.differs_in(IS_LOGGING) {
        let on = target[IS_LOGGING] == true;
        proposal.steps.push(ProposedStep { alone: on, ..logging(situation.name, on) });
    }
    if situation.differs_in(TAGS) {
        let differs = |(key, tag): &(&String, &Value)| live.tree[TAGS].get(key.as_str()) != Some(*tag);
        let changed: BTreeMap<&String, &Value> = elements(target, "tags").filter(differs).collect();
        let request = json!({
            "ResourceId": live.external_id["trailARN"],
            "TagsList": tags_for_request(changed.values().copied()),
        });
        let summary = "put the declared tags back; other tags are left alone";
        proposal.steps.push(step("tag", summary, Operation::AddTags, request, expected(json!({ "tags": changed }))));
    }
    let private_state: PrivateState = serde_json::from_value(live.private_state.clone()).unwrap_or_default();
    if let Some(error) = private_state.delivery_error {
        let detail = format!("the last delivery to {} failed: {error}; see the bucket's policy", live.tree[BUCKET]);
        proposal.notes.push((codes::DELIVERY_FAILS, detail));
    }
    let unknown_fields = live.unknown_fields.keys().filter(|path| !is_of_selector(path));
    proposal
        .notes
        .extend(unknown_fields.map(|path| (codes::EXTRA_CARRIED, format!("{path} is present, and not managed"))));
    proposal
}

fn is_of_selector(path: &str) -> bool {
    let Ok(path) = path.parse::<Path>();
    path.head() == Some(ADVANCED) || path.head() == Some(BASIC)
}

/// UpdateTrail with what differs: what it does not mention stays.
fn update(situation: &Situation<'_>, live: &ObservedResource, proposal: &mut Proposal) {
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
    if own.get(EVERY_REGION) == Some(&json!(true)) && live.tree[GLOBAL_EVENTS] == false {
        // One needs the other; the service rejects a trail of all regions without them.
        own.insert("includeGlobalServiceEvents".into(), json!(true));
    }
    if own.is_empty() {
        return;
    }
    let request = Value::Object(request(situation.name, &own));
    let summary = "put the declared settings back; the others stay as they are";
    proposal.steps.push(step("update", summary, Operation::UpdateTrail, request, expected(Value::Object(own))));
}

fn restore_selectors(situation: &Situation<'_>, live: &ObservedResource, proposal: &mut Proposal) {
    let target = situation.target;
    if let Some(advanced) = target.get(ADVANCED).filter(|advanced| **advanced != json!({})) {
        restore_advanced(situation.name, advanced, live, proposal);
    } else if let Some(basic) = target.get(BASIC).filter(|basic| basic.is_array()) {
        restore_basic(situation.name, basic, live, proposal);
    }
}

fn restore_advanced(name: &str, advanced: &Value, live: &ObservedResource, proposal: &mut Proposal) {
    let recorded = coverage::recorded(&live.tree);
    let wanted = coverage::recorded(&json!({ ADVANCED: advanced }));
    let mut whole = live.tree[ADVANCED].clone();
    let mut replaced = None;
    if live.tree[BASIC].is_array() {
        // What nobody configured is not somebody's.
        let is_default = live.tree[BASIC] == selectors::default_basic();
        let others =
            recorded.iter().filter(|one| !is_default && !coverage::covers(&wanted, std::slice::from_ref(*one)));
        whole = selectors::by_what_they_are_about(others.cloned());
        let was = coverage::in_words(&recorded);
        let detail = format!("the trail has basic selectors; they are replaced by the declared advanced ones: {was}");
        proposal.notes.push((codes::SELECTOR_FORM, detail));
        proposal.notes.extend(basic_extras(live).map(|(path, _)| {
            (
                codes::SELECTOR_FORM,
                format!("{path} goes with the basic selector, of which an advanced one has no such member"),
            )
        }));
        replaced = Some(format!("they replace the basic selectors, which recorded {was}"));
    }
    for (about, wanted) in advanced.as_object().into_iter().flatten() {
        let found = whole[about].as_array().cloned().unwrap_or_default();
        let list = wanted.as_array().cloned().unwrap_or_default();
        if !coverage::covers(&list, &found) {
            let found = Value::Array(found);
            let detail = format!("the selectors of {about} become exactly what is declared; now they are {found}");
            proposal.notes.push((codes::SELECTOR_REPLACED, detail));
        }
        whole[about] = wanted.clone();
    }
    let is_lost = !coverage::covers(&recorded, &wanted);
    fit(&mut whole, |about| advanced.get(about).is_some(), is_lost, proposal);
    let Some(unknown_fields) = carried(live, &whole, proposal) else { return };
    put_advanced(name, whole, unknown_fields, replaced, proposal);
}

/// Declared basic selectors over advanced ones: what these record beside is kept, in the form that can say both. Where
/// nothing declared is lost, the basic ones are put back as they are declared.
fn restore_basic(name: &str, basic: &Value, live: &ObservedResource, proposal: &mut Proposal) {
    if live.tree[BASIC].is_array() {
        return put_basic(name, basic, Some(live), proposal);
    }
    let recorded = coverage::recorded(&live.tree);
    let wanted = coverage::of_basic(basic);
    let others: Vec<Value> =
        recorded.iter().filter(|one| !coverage::covers(&wanted, std::slice::from_ref(*one))).cloned().collect();
    if others.is_empty() || coverage::covers(&recorded, &wanted) {
        let was = coverage::in_words(&recorded);
        let detail = format!("the trail has advanced selectors; they are replaced by the declared basic ones: {was}");
        proposal.notes.push((codes::SELECTOR_FORM, detail));
        return put_basic(name, basic, Some(live), proposal);
    }
    let declared = selectors::by_what_they_are_about(wanted.iter().cloned());
    let mut whole = live.tree[ADVANCED].clone();
    for (about, wanted) in declared.as_object().into_iter().flatten() {
        let beside = others.iter().filter(|other| whole[about].as_array().is_some_and(|all| all.contains(other)));
        let all = wanted.as_array().into_iter().flatten().chain(beside).cloned();
        let all = selectors::by_what_they_are_about(all);
        whole[about] = all[about].clone();
    }
    let detail = format!(
        "the trail has advanced selectors, which record more: {}; the declared basic ones are written as advanced ones beside them",
        coverage::in_words(&others)
    );
    proposal.notes.push((codes::SELECTOR_FORM, detail));
    fit(&mut whole, |about| declared.get(about).is_some(), true, proposal);
    let Some(unknown_fields) = carried(live, &whole, proposal) else { return };
    let summary = "as advanced ones, because others are there that basic ones cannot say".to_owned();
    put_advanced(name, whole, unknown_fields, Some(summary), proposal);
}

/// Removes undeclared selectors that do not fit, the largest first. Where nothing declared is lost, nothing is removed.
fn fit(whole: &mut Value, is_declared: impl Fn(&str) -> bool, is_lost: bool, proposal: &mut Proposal) {
    while is_lost && selectors::values(whole) > MOST_VALUES {
        let others = elements_of(whole).filter(|(about, _)| !is_declared(about));
        let each = others.flat_map(|(about, same)| {
            let same = same.as_array().into_iter().flatten().enumerate();
            same.map(|(place, one)| (selectors::values(one), about.clone(), place))
        });
        let Some((values, about, place)) = each.max() else { return };
        let Some(same) = whole[&about].as_array_mut() else { return };
        let dropped = same.remove(place);
        let detail = format!(
            "a selector of {about} with {values} values is not declared, and does not fit beside what is: the service takes              {MOST_VALUES} values. It is not written back: {}",
            shortened(&coverage::in_words(&[dropped]))
        );
        proposal.notes.push((codes::SELECTOR_REPLACED, detail));
        if same.is_empty()
            && let Some(whole) = whole.as_object_mut()
        {
            whole.remove(&about);
        }
    }
}

/// The beginning of a long text.
fn shortened(text: &str) -> String {
    const ENOUGH: usize = 300;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{} ..", &text[..end]),
        None => text.to_owned(),
    }
}

fn elements_of(tree: &Value) -> impl Iterator<Item = (&String, &Value)> {
    tree.as_object().into_iter().flatten()
}

/// The unknown members of basic selectors.
fn basic_extras(live: &ObservedResource) -> impl Iterator<Item = (&String, &Value)> {
    live.unknown_fields.iter().filter(|(path, _)| {
        let Ok(path) = path.parse::<Path>();
        path.head() == Some(BASIC)
    })
}

/// The unknown members of selectors that the write has to carry; `None` when one of them cannot be, which is refused.
fn carried(live: &ObservedResource, whole: &Value, proposal: &mut Proposal) -> Option<BTreeMap<String, Value>> {
    let mut kept = BTreeMap::new();
    for (text, value) in live.unknown_fields.iter().filter(|(path, _)| is_of_selector(path)) {
        let Ok(path) = text.parse::<Path>();
        let parts = path.parts();
        let [ADVANCED, about, place, rest @ ..] = &parts[..] else { continue };
        let (was, is) = (&live.tree[ADVANCED][about], &whole[about]);
        if is.is_null() {
            continue;
        }
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
fn put_advanced(
    name: &str,
    whole: Value,
    unknown_fields: BTreeMap<String, Value>,
    how: Option<String>,
    proposal: &mut Proposal,
) {
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
    let request = json!({ "TrailName": name, "AdvancedEventSelectors": raised(&with_extras(&whole, &unknown_fields)) });
    let expected_state =
        ExpectedState { tree: json!({ ADVANCED: whole, BASIC: null }), unknown_fields, ..ExpectedState::default() };
    let how = how.unwrap_or_else(|| "the call replaces all of them, the others are carried over".to_owned());
    let summary = format!("put the declared selectors back; {how}");
    proposal.steps.push(step("update", &summary, Operation::PutEventSelectors, request, expected_state));
}

/// The selectors as a list, with the carried members where they were.
fn with_extras(whole: &Value, unknown_fields: &BTreeMap<String, Value>) -> Value {
    if unknown_fields.is_empty() {
        return selectors::listed(whole);
    }
    let mut list = Vec::new();
    for (about, same) in whole.as_object().into_iter().flatten() {
        for (place, selector) in same.as_array().into_iter().flatten().enumerate() {
            let mut listed = selectors::as_listed(selector);
            for (text, value) in unknown_fields {
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

/// PutEventSelectors with the declared basic selectors. An unknown member goes along where it is plain whose it is.
fn put_basic(name: &str, basic: &Value, live: Option<&ObservedResource>, proposal: &mut Proposal) {
    let mut list = basic.clone();
    for selector in list.as_array_mut().into_iter().flatten() {
        let word = selector["readWriteType"].as_str().map(on_the_wire).map(str::to_owned);
        selector["readWriteType"] = json!(word);
    }
    let alone = |list: &Value| list.as_array().is_some_and(|list| list.len() == 1);
    let mut unknown_fields = BTreeMap::new();
    for (text, value) in live.into_iter().flat_map(basic_extras) {
        if !alone(basic) || !live.is_some_and(|live| alone(&live.tree[BASIC])) {
            let detail = format!(
                "PutEventSelectors replaces every selector, and it cannot be told which of the declared ones {text} belongs to"
            );
            proposal.refusals.push((codes::EXTRA_REFUSED, detail));
            return;
        }
        let Ok(path) = text.parse::<Path>();
        if let ([_, _, rest @ ..], Some(only)) = (&path.parts()[..], list.get_mut(0)) {
            tree::set(only, &Path::of(rest.iter().copied()), Some(value.clone()));
        }
        proposal.notes.push((codes::EXTRA_CARRIED, format!("{text} is kept as it is")));
        unknown_fields.insert(text.clone(), value.clone());
    }
    let request = json!({ "TrailName": name, "EventSelectors": raised(&list) });
    let expected_state = ExpectedState { unknown_fields, ..expected(json!({ BASIC: basic })) };
    let summary = "put the declared basic selectors back; the call replaces all of them";
    proposal.steps.push(step("update", summary, Operation::PutEventSelectors, request, expected_state));
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

    fn proposed(live: &[Value], unknown_fields: &[(&str, Value)], want: &[Value]) -> Proposal {
        let target = json!({ ADVANCED: selectors::keyed(&json!(want)) });
        of(&json!({ "isLogging": true, ADVANCED: live }), unknown_fields, &target, ADVANCED)
    }

    fn of(live: &Value, unknown_fields: &[(&str, Value)], target: &Value, member: &str) -> Proposal {
        let live = Trail.normalise(live, Origin::Live).tree;
        let live = ObservedResource {
            address: Address { account: "a".into(), region: "r".into(), kind: "trail".into(), name: "main".into() },
            tree: live,
            unknown_fields: unknown_fields.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect(),
            external_id: json!({"trailARN": "arn"}),
            private_state: Value::Null,
            settled: true,
            unread: Default::default(),
            beside: Value::Null,
        };
        let differs = [Path::of([member, "any"])];
        propose(&Situation {
            live: Some(&live),
            target,
            differs: &differs,
            name: "main",
            region: "r",
            may_delete_versions: false,
            scope_context: &Value::Null,
        })
    }

    fn sent(proposal: &Proposal) -> &Value {
        &proposal.steps[0].call.request["AdvancedEventSelectors"]
    }

    /// Members that this build does not know are sent back where they were: on selectors of others, on one that is narrowed,
    /// and on a field.
    #[test]
    fn unknown_members_of_selectors_are_carried() {
        let (agents, buckets) = ("AWS::Bedrock::AgentAlias", "AWS::S3::Object");
        let narrowed = selector(agents, json!([{"field": "readOnly", "equals": ["true"]}]));
        let unknown_fields = [
            ("advancedEventSelectors.Data/AWS::Bedrock::AgentAlias.0.sampling", json!(1)),
            ("advancedEventSelectors.Data/AWS::S3::Object.0.fieldSelectors.\"resources.type\".contains", json!(["x"])),
            ("advancedEventSelectors.Data/AWS::Bedrock::AgentAlias.0.fieldSelectors.readOnly.new", json!(2)),
        ];
        let proposal =
            proposed(&[narrowed, selector(buckets, json!([]))], &unknown_fields, &[selector(agents, json!([]))]);
        let expected = json!([
            {"Name": agents, "sampling": 1, "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": [agents]}]},
            {"Name": buckets, "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": [buckets], "contains": ["x"]}]},
        ]);
        assert_eq!(sent(&proposal), &raised(&expected));
        assert_eq!(proposal.steps[0].expected_state.unknown_fields.len(), 2);
    }

    /// Where it cannot be told which selector an unknown member belongs to, nothing is written.
    #[test]
    fn an_unknown_member_that_cannot_be_carried_refuses_the_write() {
        let read_only = |value: &str| selector("AWS::S3::Object", json!([{"field": "readOnly", "equals": [value]}]));
        let unknown_fields = [("advancedEventSelectors.Data/AWS::S3::Object.1.sampling", json!(1))];
        let live = [read_only("false"), read_only("true")];
        let proposal = proposed(&live, &unknown_fields, &[selector("AWS::S3::Object", json!([]))]);
        assert!(proposal.steps.is_empty());
        assert_eq!(proposal.refusals[0].0, codes::EXTRA_REFUSED);
    }

    /// The limit of values counts the selectors of others too. What is declared is restored, and what is not gives way; but for
    /// what is not lost nothing of others is taken away.
    #[test]
    fn what_is_not_declared_and_does_not_fit_gives_way() {
        let values: Vec<String> = (0..499).map(|number| format!("arn:aws:s3:::{number}/")).collect();
        let stuffed = selector("AWS::S3::Object", json!([{"field": "resources.ARN", "startsWith": values}]));
        let (tables, guardrails) = ("AWS::DynamoDB::Table", "AWS::Bedrock::Guardrail");
        let live = [stuffed, selector(tables, json!([]))];
        let proposal = proposed(&live, &[], &[selector(guardrails, json!([]))]);
        let names: Vec<&Value> = sent(&proposal).as_array().into_iter().flatten().map(|one| &one["Name"]).collect();
        assert_eq!(names, [guardrails, tables]);
        assert!(proposal.refusals.is_empty());
        assert!(
            proposal
                .notes
                .iter()
                .any(|(code, detail)| *code == codes::SELECTOR_REPLACED && detail.contains("AWS::S3::Object"))
        );

        let mut renamed = selector(tables, json!([]));
        renamed["name"] = json!("a longer name");
        renamed["fieldSelectors"] = json!([{"field": "eventCategory", "equals": ["Data"]}, {"field": "resources.type", "equals": [tables]},
            {"field": "readOnly", "equals": ["true", "false"]}]);
        let proposal = proposed(&live, &[], &[renamed]);
        assert!(proposal.steps.is_empty());
        assert_eq!(proposal.refusals[0].0, codes::LIMIT);
    }

    /// h11, E8. A member of a basic selector that this build does not know goes along, or nothing is written.
    #[test]
    fn unknown_members_of_basic_selectors_are_carried_or_named() {
        let unknown_fields = [("eventSelectors.0.sampling", json!(1))];
        let want = json!([{"readWriteType": "All"}]);
        let basic = |live: Value| {
            let live = json!({"isLogging": true, BASIC: live});
            of(&live, &unknown_fields, &Trail.normalise(&json!({ BASIC: want }), Origin::Declared).tree, BASIC)
        };
        let proposal = basic(json!([{"readWriteType": "ReadOnly"}]));
        assert_eq!(proposal.steps[0].call.request["EventSelectors"][0]["Sampling"], 1);
        assert_eq!(proposal.steps[0].expected_state.unknown_fields.len(), 1);
        let proposal =
            basic(json!([{"readWriteType": "ReadOnly"}, {"dataResources": [], "includeManagementEvents": false}]));
        assert!(proposal.steps.is_empty() && proposal.refusals[0].1.contains("eventSelectors.0.sampling"));
    }
}
