//! The normal form of event selectors, and what one of them records that another does not (AWS.md 1.7.2).
//!
//! Advanced selectors are alternatives: an event is recorded when any of them selects it, and a selector selects what meets
//! all of its fields. They are kept by what they are about, such as `Management` or `Data/AWS::Bedrock::AgentAlias`; what is
//! below such a key is one value: the alternatives for it, in a canonical order. Nothing depends on the names of selectors.

use reconciler_model::tree::Path;
use serde_json::{Map, Value, json};

/// The member of the tree with the advanced selectors.
pub(super) const ADVANCED: &str = "advancedEventSelectors";
/// The member of the tree with the basic selectors; `null` where the trail has advanced ones.
pub(super) const BASIC: &str = "eventSelectors";
/// The key of the selectors of management events.
pub(super) const MANAGEMENT: &str = "Management";

/// The operators of which one value is enough to meet them.
const ANY_OF: &[&str] = &["equals", "startsWith", "endsWith"];
/// The operators that no value may meet.
const NONE_OF: &[&str] = &["notEquals", "notStartsWith", "notEndsWith"];

/// The selectors of a trail that nobody configured: every management event, and nothing else (AWS.md 1.7.2).
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
        for operator in ANY_OF.iter().chain(NONE_OF) {
            let values = field.get(*operator).and_then(Value::as_array).filter(|values| !values.is_empty());
            let Some(values) = values else { continue };
            if let Some(all) = operators.entry(*operator).or_insert_with(|| json!([])).as_array_mut() {
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
    let mut found: Map<String, Value> = Map::new();
    for selector in list.as_array().into_iter().flatten().map(normal) {
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

/// Whether every event that `narrow` selects is selected by one of the `wide` selectors. `false` when it cannot be told.
pub(super) fn cover(wide: &Value, narrow: &Value) -> bool {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(narrow).iter().all(|narrow| list(wide).iter().any(|wide| covers(wide, narrow)))
}

fn covers(wide: &Value, narrow: &Value) -> bool {
    let fields =
        |selector: &Value| selector.get("fieldSelectors").and_then(Value::as_object).cloned().unwrap_or_default();
    let (wide, narrow) = (fields(wide), fields(narrow));
    wide.iter().all(|(field, asked)| narrow.get(field).is_some_and(|given| asks_no_more(asked, given)))
}

/// Whether a value that meets `given` always meets `asked`; both are operators with their values.
fn asks_no_more(asked: &Value, given: &Value) -> bool {
    if asked == given {
        return true;
    }
    let operators = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (asked, given) = (operators(asked), operators(given));
    let within = |few: &Value, many: &Value| {
        let many = many.as_array().cloned().unwrap_or_default();
        few.as_array().into_iter().flatten().all(|value| many.contains(value))
    };
    let only = |operators: &Map<String, Value>, of: &[&str]| operators.keys().all(|name| of.contains(&name.as_str()));
    if only(&asked, ANY_OF) && only(&given, ANY_OF) {
        // One value is enough, so fewer values select less.
        given.iter().all(|(name, few)| asked.get(name).is_some_and(|many| within(few, many)))
    } else if only(&asked, NONE_OF) && only(&given, NONE_OF) {
        // No value may be met, so more values select less.
        asked.iter().all(|(name, few)| given.get(name).is_some_and(|many| within(few, many)))
    } else {
        false
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

#[cfg(test)]
mod tests {
    use super::*;

    fn data(fields: &[(&str, &str, &[&str])]) -> Value {
        let mut all = vec![
            json!({"field": "eventCategory", "equals": ["Data"]}),
            json!({"field": "resources.type", "equals": ["AWS::S3::Object"]}),
        ];
        all.extend(fields.iter().map(|(field, operator, values)| json!({"field": field, *operator: values})));
        json!([normal(&json!({ "fieldSelectors": all }))])
    }

    #[test]
    fn every_further_field_selects_less() {
        let all = data(&[]);
        for narrow in [
            data(&[("readOnly", "equals", &["true"])]),
            data(&[("eventName", "notEquals", &["GetObject"])]),
            data(&[("resources.ARN", "startsWith", &["arn:aws:s3:::one/"])]),
            data(&[("userIdentity.arn", "notStartsWith", &["arn:aws:sts::111122223333:"])]),
        ] {
            assert!(cover(&all, &narrow) && !cover(&narrow, &all), "{narrow}");
        }
    }

    #[test]
    fn more_values_select_more_or_less_by_their_operator() {
        let (one, two) = (data(&[("eventName", "equals", &["A"])]), data(&[("eventName", "equals", &["A", "B"])]));
        assert!(cover(&two, &one) && !cover(&one, &two));
        let (one, two) =
            (data(&[("eventName", "notEquals", &["A"])]), data(&[("eventName", "notEquals", &["A", "B"])]));
        assert!(cover(&one, &two) && !cover(&two, &one));
        let (is, is_not) = (data(&[("eventName", "equals", &["A"])]), data(&[("eventName", "notEquals", &["A"])]));
        assert!(!cover(&is, &is_not) && !cover(&is_not, &is));
    }
}
