//! The normal form of event selectors, and what one of them records that another does not (README.md, Selectors).
//!
//! Advanced selectors are alternatives: an event is recorded when any of them selects it, and a selector selects what meets
//! all of its fields. They are kept by what they are about, such as `Management` or `Data/AWS::Bedrock::AgentAlias`; what is
//! below such a key is one value: the alternatives for it, in a canonical order. Nothing depends on the names of selectors.

use reconciler_model::tree::Path;
use serde_json::{Map, Value, json};

use super::coverage::{self, ANY_OF, NONE_OF};

/// The member of the tree with the advanced selectors.
pub(super) const ADVANCED: &str = super::spec::ADVANCED_MEMBER;
/// The member of the tree with the basic selectors; `null` where the trail has advanced ones.
pub(super) const BASIC: &str = super::spec::BASIC_MEMBER;
/// The key of the selectors of management events.
pub(super) const MANAGEMENT: &str = "Management";

/// The selectors of a trail that nobody configured: every management event, and nothing else (README.md, Selectors).
pub(super) fn default_basic() -> Value {
    json!([{
        "readWriteType": "All", "includeManagementEvents": true, "dataResources": [], "excludeManagementEventSources": [],
    }])
}

/// One selector in normal form: its name, and its fields by name, each with its operators and their values as sets.
fn normal(selector: &Value) -> Value {
    let mut fields = Map::new();
    for field in selector.get("fieldSelectors").and_then(Value::as_array).into_iter().flatten() {
        let name = field.get("field").and_then(Value::as_str).unwrap_or("");
        let Some(operators) = fields.entry(name).or_insert_with(|| json!({})).as_object_mut() else { continue };
        for operator in ANY_OF.iter().copied().chain(NONE_OF.iter().map(|(name, _)| *name)) {
            let values = field.get(operator).and_then(Value::as_array).filter(|values| !values.is_empty());
            let Some(values) = values else { continue };
            if let Some(all) = operators.entry(operator).or_insert_with(|| json!([])).as_array_mut() {
                all.extend(values.iter().cloned());
                as_set(all);
            }
        }
    }
    json!({ "name": selector.get("name").cloned().unwrap_or_else(|| json!("")), "fieldSelectors": fields })
}

pub(super) fn as_set(values: &mut Vec<Value>) {
    values.sort_by_cached_key(Value::to_string);
    values.dedup();
}

/// The values of a field that must equal one of them, joined.
fn equals(selector: &Value, field: &str) -> Option<String> {
    let values = selector.get("fieldSelectors")?.get(field)?.get("equals")?.as_array()?;
    Some(values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("+"))
}

/// What a selector in normal form is about.
fn about(selector: &Value) -> String {
    let category = equals(selector, "eventCategory").unwrap_or_default();
    let of = match category.as_str() {
        "Data" => equals(selector, "resources.type"),
        "NetworkActivity" => equals(selector, "eventSource"),
        _ => None,
    };
    of.map_or_else(|| category.clone(), |of| format!("{category}/{of}"))
}

/// The selectors of a list by what they are about, alternatives in a canonical order.
pub(super) fn keyed(list: &Value) -> Value {
    by_what_they_are_about(list.as_array().into_iter().flatten().map(normal))
}

/// Selectors in normal form by what they are about.
pub(super) fn by_what_they_are_about(selectors: impl Iterator<Item = Value>) -> Value {
    let mut found: Map<String, Value> = Map::new();
    for selector in selectors {
        let same = found.entry(about(&selector)).or_insert_with(|| json!([]));
        if let Some(same) = same.as_array_mut() {
            same.push(selector);
            sort(same);
        }
    }
    Value::Object(found)
}

fn sort(alternatives: &mut Vec<Value>) {
    alternatives.sort_by_cached_key(|one| (one["fieldSelectors"].to_string(), one["name"].to_string()));
    alternatives.dedup();
}

/// The selectors as a list again, in the order of what they are about: management events first, as people expect them.
pub(super) fn listed(keyed: &Value) -> Value {
    let mut all: Vec<(&String, &Value)> = keyed.as_object().into_iter().flatten().collect();
    all.sort_by_key(|(about, _)| (*about != MANAGEMENT, *about));
    let selectors = all.into_iter().flat_map(|(_, same)| same.as_array().into_iter().flatten()).map(as_listed);
    Value::Array(selectors.collect())
}

/// One selector as declarations and answers have it. A name that nobody gave is not sent.
pub(super) fn as_listed(selector: &Value) -> Value {
    let fields = selector.get("fieldSelectors").and_then(Value::as_object).into_iter().flatten();
    let fields = fields.map(|(field, operators)| {
        let mut one = Map::from_iter([("field".to_owned(), json!(field))]);
        one.extend(operators.as_object().cloned().unwrap_or_default());
        Value::Object(one)
    });
    let mut listed = Map::new();
    if let Some(name) = selector.get("name").filter(|name| *name != "") {
        listed.insert("name".into(), name.clone());
    }
    listed.insert("fieldSelectors".into(), fields.collect());
    Value::Object(listed)
}

/// The number of values in all selectors, of which the service takes 500.
pub(super) fn values(keyed: &Value) -> usize {
    match keyed {
        Value::Object(members) => {
            members.iter().filter(|(name, _)| *name != "name").map(|(_, value)| values(value)).sum()
        }
        Value::Array(items) => items.iter().map(values).sum(),
        _ => 1,
    }
}

fn is_same_but_for_names(one: &Value, two: &Value) -> bool {
    let fields = |selectors: &Value| {
        let all = selectors.as_array().into_iter().flatten();
        all.map(|selector| selector["fieldSelectors"].clone()).collect::<Vec<_>>()
    };
    fields(one) == fields(two)
}

/// Takes out of the managed part of a live tree how its selectors are written: what they record is compared. Basic selectors
/// stand beside declared advanced ones as the advanced ones that record the same, and the other way round.
pub(super) fn align(managed: &mut Value, live: &Value, want: &Value) {
    let Some(members) = managed.as_object_mut() else { return };
    let recorded = coverage::recorded(live);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    if let Some(wanted) = want.get(ADVANCED).and_then(Value::as_object).filter(|wanted| !wanted.is_empty()) {
        let is_basic = live[BASIC].is_array();
        let own = if is_basic { by_what_they_are_about(recorded.iter().cloned()) } else { live[ADVANCED].clone() };
        let mut aligned = Map::new();
        for (about, wanted) in wanted {
            let found = own.get(about);
            let takes_more = found.is_some_and(|found| !coverage::covers(&list(wanted), &list(found)));
            // A name is put back; nothing else is to be said of selectors that record the same.
            let is_renamed = !is_basic && found.is_some_and(|found| is_same_but_for_names(found, wanted));
            if !is_renamed && !takes_more && coverage::covers(&recorded, &list(wanted)) {
                aligned.insert(about.clone(), wanted.clone());
            } else if let Some(found) = found {
                aligned.insert(about.clone(), found.clone());
            }
        }
        members.insert(ADVANCED.into(), Value::Object(aligned));
        // Which form they have says nothing.
        members.entry(BASIC).and_modify(|basic| *basic = want[BASIC].clone());
    } else if let Some(basic @ Value::Array(_)) = want.get(BASIC) {
        let wanted = coverage::of_basic(basic);
        let is_same = coverage::covers(&recorded, &wanted) && coverage::covers(&wanted, &recorded);
        if is_same {
            members.insert(BASIC.into(), basic.clone());
        } else if live[BASIC].is_null() {
            members.insert(BASIC.into(), Value::Array(recorded));
        }
        members.entry(ADVANCED).and_modify(|advanced| *advanced = want[ADVANCED].clone());
    }
}

/// The path of an unknown member of a live selector, by what the selector is about, the place among its alternatives, and
/// the names of fields: the order of a live list is random.
pub(super) fn by_key(list: &Value, path: &Path) -> Option<Path> {
    let parts = path.parts();
    let [ADVANCED, index, rest @ ..] = &parts[..] else { return None };
    let selector = list.get(index.parse::<usize>().ok()?)?;
    let own = normal(selector);
    let about = about(&own);
    let place = keyed(list).get(&about)?.as_array()?.iter().position(|one| *one == own)?;
    let mut named = Path::of([ADVANCED.to_owned(), about, place.to_string()]);
    match rest {
        ["fieldSelectors", index, rest @ ..] => {
            let field = selector.get("fieldSelectors")?.get(index.parse::<usize>().ok()?)?.get("field")?.as_str()?;
            named = named.child("fieldSelectors").child(field);
            rest.iter().for_each(|segment| named = named.child(*segment));
        }
        rest => rest.iter().for_each(|segment| named = named.child(*segment)),
    }
    Some(named)
}
