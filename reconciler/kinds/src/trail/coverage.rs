//! What selectors record, and whether some of them record all that others do (README.md, Selectors).
//!
//! Basic selectors are read as the advanced ones that record the same, so that the two forms can be compared.
//!
//! Guarantees: what is said to be covered is; where it cannot be told within a bounded number of steps, it is said not to be.

use serde_json::{Map, Value, json};

use super::selectors::{ADVANCED, BASIC};

/// The operators of which one value is enough to meet them.
pub(super) const ANY_OF: &[&str] = &["equals", "startsWith", "endsWith"];
/// The operators that no value may meet, beside what each of them denies.
pub(super) const NONE_OF: &[(&str, &str)] =
    &[("notEquals", "equals"), ("notStartsWith", "startsWith"), ("notEndsWith", "endsWith")];

/// Selectors that are looked at before it is said that nobody can tell.
const PATIENCE: usize = 2000;

/// The name of advanced selectors that are made of basic ones.
const CONVERTED: &str = "converted from basic selectors";

/// The advanced selectors, in normal form, that record what basic ones do.
pub(super) fn of_basic(basic: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    for selector in basic.as_array().into_iter().flatten() {
        // A list that stands for advanced selectors beside declared basic ones.
        if selector.get("fieldSelectors").is_some() {
            found.push(selector.clone());
            continue;
        }
        let mut push = |further: Value| {
            let mut fields = further;
            match selector.get("readWriteType").and_then(Value::as_str) {
                Some("ReadOnly") => fields["readOnly"] = json!({"equals": ["true"]}),
                Some("WriteOnly") => fields["readOnly"] = json!({"equals": ["false"]}),
                _ => {}
            }
            found.push(json!({"name": CONVERTED, "fieldSelectors": fields}));
        };
        if selector.get("includeManagementEvents") != Some(&json!(false)) {
            let mut fields = json!({"eventCategory": {"equals": ["Management"]}});
            let excluded = selector.get("excludeManagementEventSources").filter(|sources| **sources != json!([]));
            if let Some(excluded) = excluded.filter(|sources| sources.is_array()) {
                fields["eventSource"] = json!({ "notEquals": excluded });
            }
            push(fields);
        }
        for resource in selector.get("dataResources").and_then(Value::as_array).into_iter().flatten() {
            let kind = resource.get("type").and_then(Value::as_str).unwrap_or("");
            let values = resource.get("values").and_then(Value::as_array).into_iter().flatten();
            let (all, some): (Vec<&str>, Vec<&str>) = values.filter_map(Value::as_str).partition(|arn| is_any(arn));
            let mut fields = json!({"eventCategory": {"equals": ["Data"]}, "resources.type": {"equals": [kind]}});
            if all.is_empty() {
                if some.is_empty() {
                    continue;
                }
                // Objects are named by the beginning of their ARN, functions and tables by all of it.
                let operator = if kind == "AWS::S3::Object" { "startsWith" } else { "equals" };
                fields["resources.ARN"] = json!({ operator: some });
            }
            push(fields);
        }
    }
    found
}

/// Whether a value of a basic selector takes every resource of its type, such as `arn:aws:s3` and `arn:aws:lambda`.
fn is_any(arn: &str) -> bool {
    arn.trim_end_matches(':').split(':').count() == 3
}

/// Everything that the selectors of a tree record, as advanced selectors in normal form.
pub(super) fn recorded(tree: &Value) -> Vec<Value> {
    match tree.get(BASIC) {
        Some(basic @ Value::Array(_)) => of_basic(basic),
        _ => {
            let all = tree.get(ADVANCED).and_then(Value::as_object).into_iter().flatten();
            all.flat_map(|(_, same)| same.as_array().into_iter().flatten()).cloned().collect()
        }
    }
}

/// Whether every event that one of the `narrow` selectors records is recorded by one of the `wide` ones.
pub(super) fn covers(wide: &[Value], narrow: &[Value]) -> bool {
    let wide: Vec<Fields> = wide.iter().map(Fields::of).collect();
    let mut patience = PATIENCE;
    narrow.iter().all(|narrow| covered(&wide, &Fields::of(narrow), &mut patience))
}

/// What the values of one field have to meet: one of these, and none of those. Nothing to meet is everything.
#[derive(Debug, Clone, Default, PartialEq)]
struct Test {
    any_of: Vec<Pattern>,
    none_of: Vec<Pattern>,
}

/// An operator of [`ANY_OF`] with one value.
#[derive(Debug, Clone, PartialEq)]
struct Pattern {
    operator: &'static str,
    value: String,
}

impl Pattern {
    /// Whether all that this takes is taken by the other.
    fn is_within(&self, other: &Self) -> bool {
        match (self.operator, other.operator) {
            ("equals", "equals") => self.value == other.value,
            ("equals" | "startsWith", "startsWith") => self.value.starts_with(&other.value),
            ("equals" | "endsWith", "endsWith") => self.value.ends_with(&other.value),
            _ => false,
        }
    }

    /// Whether nothing is taken by both.
    fn is_apart_from(&self, other: &Self) -> bool {
        let neither = self.is_within(other) || other.is_within(self);
        match (self.operator, other.operator) {
            ("startsWith", "endsWith") | ("endsWith", "startsWith") => false,
            _ => !neither,
        }
    }
}

impl Test {
    fn of(operators: &Value) -> Self {
        let patterns = |name: &str, operator: &'static str| -> Vec<Pattern> {
            let values = operators.get(name).and_then(Value::as_array).into_iter().flatten();
            values.filter_map(|value| Some(Pattern { operator, value: value.as_str()?.to_owned() })).collect()
        };
        Self {
            any_of: ANY_OF.iter().flat_map(|operator| patterns(operator, operator)).collect(),
            none_of: NONE_OF.iter().flat_map(|(name, denied)| patterns(name, denied)).collect(),
        }
    }

    /// Whether nothing meets it.
    fn takes_nothing(&self) -> bool {
        let denied = |one: &Pattern| self.none_of.iter().any(|none| one.is_within(none));
        !self.any_of.is_empty() && self.any_of.iter().all(denied)
    }

    /// Whether whatever meets this meets the other.
    fn is_within(&self, other: &Self) -> bool {
        let taken = |one: &Pattern| other.any_of.iter().any(|wide| one.is_within(wide));
        let is_denied = |none: &Pattern| {
            self.none_of.iter().any(|own| none.is_within(own))
                || !self.any_of.is_empty() && self.any_of.iter().all(|one| one.is_apart_from(none))
        };
        (other.any_of.is_empty() || !self.any_of.is_empty() && self.any_of.iter().all(taken))
            && other.none_of.iter().all(is_denied)
    }

    /// Whether nothing meets both.
    fn is_apart_from(&self, other: &Self) -> bool {
        let apart = |one: &Pattern| {
            other.none_of.iter().any(|none| one.is_within(none))
                || !other.any_of.is_empty() && other.any_of.iter().all(|two| one.is_apart_from(two))
        };
        !self.any_of.is_empty() && self.any_of.iter().all(apart)
    }

    /// What meets this and the pattern, and what meets this and not the pattern; `None` where that divides nothing.
    fn divided(&self, field: &str, by: &Pattern) -> Option<[Self; 2]> {
        let inside = match self.any_of.as_slice() {
            [] => true,
            [own] => by.is_within(own) && by != own,
            _ => false,
        };
        if !inside || self.none_of.iter().any(|none| by.is_within(none)) {
            return None;
        }
        let mut with = self.clone();
        with.any_of = vec![by.clone()];
        let mut without = self.clone();
        without.none_of.push(by.clone());
        Some([with, without.settled(field)])
    }

    /// A field of two values that is not the one is the other.
    fn settled(mut self, field: &str) -> Self {
        if field == "readOnly" && self.any_of.is_empty() {
            let is = |none: &Pattern, value: &str| none.operator == "equals" && none.value == value;
            let left: Vec<&str> = ["true", "false"]
                .into_iter()
                .filter(|value| !self.none_of.iter().any(|none| is(none, value)))
                .collect();
            if let [value] = left[..] {
                self = Self { any_of: vec![Pattern { operator: "equals", value: value.to_owned() }], none_of: vec![] };
            }
        }
        self
    }
}

/// A selector: what each of its fields has to meet.
#[derive(Debug, Clone)]
struct Fields(Vec<(String, Test)>);

impl Fields {
    fn of(selector: &Value) -> Self {
        let none = Map::new();
        let fields = selector.get("fieldSelectors").and_then(Value::as_object).unwrap_or(&none);
        Self(fields.iter().map(|(name, operators)| (name.clone(), Test::of(operators).settled(name))).collect())
    }

    fn get(&self, field: &str) -> Option<&Test> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, test)| test)
    }

    fn with(&self, field: &str, test: Test) -> Self {
        let mut fields = self.clone();
        match fields.0.iter_mut().find(|(name, _)| name == field) {
            Some((_, own)) => *own = test,
            None => fields.0.push((field.to_owned(), test)),
        }
        fields
    }

    fn is_within(&self, wide: &Self) -> bool {
        wide.0.iter().all(|(field, test)| self.get(field).is_some_and(|own| own.is_within(test)))
    }

    fn is_apart_from(&self, other: &Self) -> bool {
        other.0.iter().any(|(field, test)| self.get(field).is_some_and(|own| own.is_apart_from(test)))
    }
}

/// Whether the wide selectors take together what the narrow one does: in one piece, or in parts.
fn covered(wide: &[Fields], narrow: &Fields, patience: &mut usize) -> bool {
    if narrow.0.iter().any(|(_, test)| test.takes_nothing()) || wide.iter().any(|wide| narrow.is_within(wide)) {
        return true;
    }
    if *patience == 0 {
        return false;
    }
    *patience -= 1;
    let near: Vec<Fields> = wide.iter().filter(|wide| !narrow.is_apart_from(wide)).cloned().collect();
    // One value after the other.
    if let Some((field, test)) = narrow.0.iter().find(|(_, test)| test.any_of.len() > 1) {
        let each = test.any_of.iter().map(|one| Test { any_of: vec![one.clone()], none_of: test.none_of.clone() });
        return each.into_iter().all(|one| covered(&near, &narrow.with(field, one), patience));
    }
    // What one of the wide ones asks for, and what it does not.
    for (field, asked) in near.iter().flat_map(|wide| &wide.0) {
        let own = narrow.get(field).cloned().unwrap_or_default();
        let parts = asked.any_of.iter().chain(&asked.none_of).find_map(|by| own.divided(field, by));
        if let Some(parts) = parts {
            return parts.into_iter().all(|part| covered(&near, &narrow.with(field, part), patience));
        }
    }
    false
}

/// What selectors record, for people.
pub(super) fn in_words(selectors: &[Value]) -> String {
    let list = |operators: &Value| {
        let operators = operators.as_object().into_iter().flatten();
        let each = operators.map(|(operator, values)| {
            let values = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
            let word = if operator == "equals" { String::new() } else { format!("{operator} ") };
            format!("{word}{}", values.join(", "))
        });
        each.collect::<Vec<_>>().join(" and ")
    };
    let one = |selector: &Value| {
        let fields = selector.get("fieldSelectors").and_then(Value::as_object).into_iter().flatten();
        let (mut of, mut further) = (Vec::new(), Vec::new());
        for (field, operators) in fields {
            match field.as_str() {
                "eventCategory" => of.insert(0, format!("{} events", list(operators))),
                "resources.type" => of.push(format!("of {}", list(operators))),
                field => further.push(format!("{field} {}", list(operators))),
            }
        }
        let further = if further.is_empty() { String::new() } else { format!(" ({})", further.join("; ")) };
        format!("{}{further}", of.join(" "))
    };
    match selectors {
        [] => "nothing".to_owned(),
        selectors => selectors.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(fields: Value) -> Vec<Value> {
        let mut all = json!({"eventCategory": {"equals": ["Data"]}, "resources.type": {"equals": ["AWS::S3::Object"]}});
        for (field, operators) in fields.as_object().into_iter().flatten() {
            all[field] = operators.clone();
        }
        vec![json!({"name": "", "fieldSelectors": all})]
    }

    fn basic(selectors: Value) -> Vec<Value> {
        of_basic(&selectors)
    }

    #[test]
    fn every_further_field_selects_less() {
        let all = data(json!({}));
        for narrow in [
            data(json!({"readOnly": {"equals": ["true"]}})),
            data(json!({"eventName": {"notEquals": ["GetObject"]}})),
            data(json!({"resources.ARN": {"startsWith": ["arn:aws:s3:::one/"]}})),
            data(json!({"userIdentity.arn": {"notStartsWith": ["arn:aws:sts::111122223333:"]}})),
        ] {
            assert!(covers(&all, &narrow) && !covers(&narrow, &all), "{narrow:?}");
        }
    }

    #[test]
    fn more_values_select_more_or_less_by_their_operator() {
        let (one, two) =
            (data(json!({"eventName": {"equals": ["A"]}})), data(json!({"eventName": {"equals": ["A", "B"]}})));
        assert!(covers(&two, &one) && !covers(&one, &two));
        let (is, is_not) =
            (data(json!({"eventName": {"equals": ["A"]}})), data(json!({"eventName": {"notEquals": ["A"]}})));
        assert!(!covers(&is, &is_not) && !covers(&is_not, &is));
        let two_less = data(json!({"eventName": {"notEquals": ["A", "B"]}}));
        assert!(covers(&is_not, &two_less) && !covers(&two_less, &is_not));
        let (inside, folder) = (
            data(json!({"resources.ARN": {"startsWith": ["arn:aws:s3:::one/in/"]}})),
            data(json!({"resources.ARN": {"startsWith": ["arn:aws:s3:::one/"]}})),
        );
        assert!(covers(&folder, &inside) && !covers(&inside, &folder));
        let outside = data(json!({"resources.ARN": {"notStartsWith": ["arn:aws:s3:::two/"]}}));
        assert!(covers(&outside, &folder) && !covers(&folder, &outside));
    }

    /// What is split is the same as what is whole.
    #[test]
    fn parts_cover_the_whole_together() {
        let all = data(json!({}));
        let both = |one: Value, two: Value| [data(one), data(two)].concat();
        for parts in [
            both(json!({"readOnly": {"equals": ["true"]}}), json!({"readOnly": {"equals": ["false"]}})),
            both(json!({"readOnly": {"notEquals": ["true"]}}), json!({"readOnly": {"equals": ["true"]}})),
            both(json!({"eventName": {"equals": ["A", "B"]}}), json!({"eventName": {"notEquals": ["A", "B"]}})),
            both(
                json!({"resources.ARN": {"startsWith": ["arn:aws:s3:::one/"]}}),
                json!({"resources.ARN": {"notStartsWith": ["arn:aws:s3:::one/"]}}),
            ),
        ] {
            assert!(covers(&parts, &all) && covers(&all, &parts), "{parts:?}");
            assert!(!covers(&parts[..1], &all) && !covers(&parts[1..], &all), "{parts:?}");
        }
        let crossed =
            both(json!({"readOnly": {"equals": ["true"]}}), json!({"eventName": {"notEquals": ["GetObject"]}}));
        assert!(!covers(&crossed, &all), "GetObject that writes is missing");
        let several = json!({"name": "", "fieldSelectors": {
            "eventCategory": {"equals": ["Data"]}, "resources.type": {"equals": ["AWS::S3::Object", "AWS::Lambda::Function"]}}});
        assert!(covers(std::slice::from_ref(&several), &all) && !covers(&all, &[several]));
    }

    /// h44. What basic selectors record, and not how they are written.
    #[test]
    fn basic_selectors_are_compared_by_what_they_record() {
        let all = basic(json!([{"readWriteType": "All"}]));
        let halves = basic(json!([{"readWriteType": "ReadOnly"}, {"readWriteType": "WriteOnly"}]));
        let advanced =
            vec![json!({"name": "management", "fieldSelectors": {"eventCategory": {"equals": ["Management"]}}})];
        for equal in [&halves, &advanced] {
            assert!(covers(equal, &all) && covers(&all, equal), "{equal:?}");
        }
        for weaker in [
            json!([{"readWriteType": "WriteOnly"}]),
            json!([{"excludeManagementEventSources": ["kms.amazonaws.com"]}]),
            json!([{"includeManagementEvents": false, "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]}]),
            json!([]),
        ] {
            assert!(!covers(&basic(weaker.clone()), &all), "{weaker}");
        }
        let buckets = json!([{"dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3:::one/", "arn:aws:s3:::two/"]}]}]);
        let one = data(json!({"resources.ARN": {"startsWith": ["arn:aws:s3:::one/"]}}));
        assert!(covers(&basic(buckets.clone()), &one) && !covers(&one, &basic(buckets)));
        let every = json!([{"dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3:::"]}]}]);
        assert!(covers(&basic(every), &data(json!({}))));
    }

    /// Many values that have to be told apart end: nothing is said to be covered then.
    #[test]
    fn what_cannot_be_told_in_time_is_not_covered() {
        let names: Vec<String> = (0..24).map(|number| format!("E{number}")).collect();
        let fields = |number: usize| json!({(format!("field{number}")): {"equals": [names[number]]}, (format!("field{}", (number + 1) % 24)): {"notEquals": ["x"]}});
        let wide: Vec<Value> = (0..24).flat_map(|number| data(fields(number))).collect();
        assert!(!covers(&wide, &data(json!({}))));
    }
}
