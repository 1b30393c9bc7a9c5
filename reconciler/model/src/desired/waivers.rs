//! Waivers: differences that somebody answers for, each at one path of one address, up to one value, until one day.
//!
//! Expected flow: [`read`] takes them from `waivers.yaml`; loading checks that their addresses are declared; [`Desired::as_of`] says
//! what day it is; [`Waiver::covers`] decides of one difference.
//!
//! Guarantees: a waiver covers the value that it names and what is proved to protect at least as much, at its path alone; anything
//! else at that path is drift as if there were none. It never covers a missing resource, and nothing that could not be read.
//!
//! [`Desired::as_of`]: super::Desired::as_of

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::explain::{Explained, explain};
use super::item::Item;
use super::manifest::Manifest;
use crate::address::Address;
use crate::codes;
use crate::diagnostic::{Diagnostic, Place};
use crate::direction::Direction;
use crate::documents;
use crate::inventory::ObservedResource;
use crate::kind::Kind;
use crate::tree::{Difference, Path};

/// The file that waivers are in.
pub const WAIVERS_FILE: &str = "waivers.yaml";

/// The keys of a waiver.
const KEYS: &[&str] = &["address", "path", "tolerate", "owner", "reason", "ticket", "expires"];

/// One waiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiver {
    /// The address that it is for.
    pub address: Address,
    /// The member that may differ, as plans call it.
    pub path: Path,
    /// The value that is tolerated; `null` is absent.
    pub tolerate: Value,
    /// Who answers for it, and until when.
    pub terms: Terms,
    /// The last day on which it holds, in UTC.
    pub expires: Date,
    /// Whether that day is over.
    pub is_expired: bool,
    /// Where it is written.
    pub at: Place,
}

/// Who answers for a waiver, why, and until when. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Terms {
    /// Who answers for it.
    pub owner: String,
    /// Why the difference is tolerated.
    pub reason: String,
    /// Where it was decided.
    pub ticket: String,
    /// The last day on which it holds, `YYYY-MM-DD` in UTC.
    pub expires: String,
}

impl Terms {
    /// As people read it: `waived by OWNER until DAY (TICKET): REASON`.
    pub fn in_words(&self) -> String {
        format!("waived by {} until {} ({}): {}", self.owner, self.expires, self.ticket, self.reason)
    }
}

impl Waiver {
    /// Whether it is about the member at `path`: of the resource, or of what is published of it.
    pub fn is_at(&self, kind: &dyn Kind, path: &Path) -> bool {
        let of_published = || {
            let (head, rest) = path.segments().split_first()?;
            (kind.contract().published == Some(head.as_str())).then_some(rest)
        };
        self.path == *path || of_published().is_some_and(|rest| rest == self.path.segments())
    }

    /// Whether it covers a live value at its path: the tolerated one, or one that is proved to protect as much. Within a policy
    /// document a value proves nothing without the rest, so that there only the tolerated one is covered.
    pub fn covers(&self, kind: &dyn Kind, observed: &ObservedResource, live: Option<&Value>) -> bool {
        let live = live.filter(|value| !value.is_null());
        let bound = Some(&self.tolerate).filter(|value| !value.is_null());
        let same = match (live, bound) {
            (Some(Value::Array(live)), Some(Value::Array(bound))) => {
                live.len() == bound.len() && live.iter().all(|one| bound.contains(one))
            }
            (live, bound) => live == bound,
        };
        if same || documents::above(kind, &self.path).is_some() {
            return same;
        }
        let difference = Difference { path: self.path.clone(), left: live.cloned(), right: bound.cloned() };
        let direction = kind.direction_of(observed, &difference, kind.direction(&self.path, live, bound));
        direction == Direction::Strengthened && kind.protects(observed, &self.path)
    }
}

/// The JSON Schema of the file.
pub(super) fn schema() -> Value {
    let text = |about: &str| json!({"type": "string", "minLength": 1, "description": about});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["waivers"],
        "properties": {"waivers": {
            "type": "array",
            "description": "Differences that somebody answers for.",
            "items": {
                "type": "object",
                "additionalProperties": false,
                "required": KEYS,
                "properties": {
                    "address": {
                        "type": "string",
                        "pattern": "^[^*?/]+/[^*?/]+/[^*?/]+/[^*?]+$",
                        "description": "ACCOUNT/REGION/KIND/NAME, without wildcards.",
                    },
                    "path": text("The member that may differ, as plans call it."),
                    "tolerate": {"description": "The tolerated value; what protects more is covered too. `null` is absent."},
                    "owner": text("Who answers for it."),
                    "reason": text("Why it is tolerated."),
                    "ticket": text("Where it was decided."),
                    "expires": {
                        "type": "string",
                        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                        "description": "The last day on which it holds, in UTC.",
                    },
                },
            },
        }},
    })
}

/// Reads the waivers of their files.
pub(super) fn read(manifests: &[Manifest], problems: &mut Vec<Diagnostic>) -> Vec<Waiver> {
    let mut waivers: Vec<Waiver> = Vec::new();
    for manifest in manifests {
        let item = Item { file: &manifest.file, node: &manifest.node, value: &manifest.value };
        item.only(&["waivers"], |_| None, problems);
        let Some(list) = item.required("waivers", "a list of waivers", problems) else { continue };
        let Some(elements) = list.elements() else {
            problems.push(list.problem(
                codes::WRONG_SHAPE,
                "`waivers` is not a list",
                "write `- address: …` lines below it",
            ));
            continue;
        };
        for element in elements {
            let Some(waiver) = one(&element, problems) else { continue };
            if let Some(other) =
                waivers.iter().find(|other| (&other.address, &other.path) == (&waiver.address, &waiver.path))
            {
                let detail = format!("{} of {} is waived at {} and again here", waiver.path, waiver.address, other.at);
                problems.push(element.problem(codes::WAIVER, detail, "remove one of the two"));
                continue;
            }
            waivers.push(waiver);
        }
    }
    waivers
}

fn one(item: &Item<'_>, problems: &mut Vec<Diagnostic>) -> Option<Waiver> {
    item.only(KEYS, |_| None, problems);
    item.members()?;
    let before = problems.len();
    let mut text = |key: &str, what: &str| {
        item.required(key, what, problems).and_then(|found| found.text(&format!("`{key}`"), problems))
    };
    let address = text("address", "ACCOUNT/REGION/KIND/NAME");
    let path = text("path", "the member that may differ, as plans call it");
    let owner = text("owner", "who answers for it");
    let reason = text("reason", "why it is tolerated");
    let ticket = text("ticket", "where it was decided");
    // A YAML reader may take a day for something else than text.
    let day = item.required("expires", "the last day on which it holds, such as 2027-01-31", problems);
    let expires = day.and_then(|day| match day.raw().and_then(day_of) {
        Some(date) => Some(date),
        None => {
            let remedy = "write the last day on which it holds, such as 2027-01-31";
            problems.push(day.problem(
                codes::WAIVER,
                format!("`{}` is not a day", day.raw().unwrap_or_default()),
                remedy,
            ));
            None
        }
    });
    if item.node.entry("tolerate").is_none() {
        let remedy = "add `tolerate:` with the value that is tolerated; `null` says that the member may be absent";
        problems.push(item.problem(codes::WAIVER, "the key `tolerate` is missing: a waiver covers one value", remedy));
    }
    let address = address.and_then(|text| address_of(item, text, problems))?;
    let (path, owner, reason, ticket, expires) = (path?, owner?, reason?, ticket?, expires?);
    if problems.len() > before {
        return None;
    }
    let Ok(path) = path.parse::<Path>();
    let terms = Terms {
        owner: owner.to_owned(),
        reason: reason.to_owned(),
        ticket: ticket.to_owned(),
        expires: expires.to_string(),
    };
    let tolerate = item.value.get("tolerate").cloned().unwrap_or_default();
    Some(Waiver { address, path, tolerate, terms, expires, is_expired: false, at: item.place() })
}

/// A day in its one form. A reader of dates takes others too, and forgets a time that somebody meant.
fn day_of(text: &str) -> Option<Date> {
    text.parse::<Date>().ok().filter(|day| day.to_string() == text)
}

fn address_of(item: &Item<'_>, text: &str, problems: &mut Vec<Diagnostic>) -> Option<Address> {
    let address = item.get("address")?;
    if text.contains(['*', '?']) {
        let detail = format!("`{text}` has a wildcard: a waiver is for one address");
        problems.push(address.problem(codes::WAIVER, detail, "write one waiver for each address that it is to be for"));
        return None;
    }
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let detail = format!("`{text}` is not an address");
            problems.push(address.problem(codes::WAIVER, detail, "write ACCOUNT/REGION/KIND/NAME, as plans do"));
            None
        }
    }
}

/// Checks waivers against the kinds: one that can never cover anything was meant for something else.
pub(super) fn check_members(waivers: &[Waiver], kinds: &[&dyn Kind], problems: &mut Vec<Diagnostic>) {
    for waiver in waivers {
        let Some(kind) = kinds.iter().find(|kind| kind.name() == waiver.address.kind) else { continue };
        let Some((head, rest)) = waiver.path.segments().split_first() else { continue };
        if kind.contract().published == Some(head.as_str()) {
            continue;
        }
        let mut tell = |detail: String, remedy: String| {
            problems.push(Diagnostic::new(codes::WAIVER, Some(waiver.at.clone()), detail, remedy));
        };
        let path = Path::of([kind.name(), "spec", head.as_str()]);
        let member = match explain(kinds, &path.to_string()) {
            Ok(member) => member,
            Err(unknown) => {
                let detail = format!("`{}` waives nothing: {}", waiver.path, unknown.detail);
                tell(detail, format!("{}; write the path as a plan shows it", unknown.remedy));
                continue;
            }
        };
        if rest.is_empty() && !is_possible(&member, &waiver.tolerate) {
            let detail = format!(
                "`{}` cannot be tolerated: `{}` of {} is {}",
                waiver.tolerate,
                waiver.path,
                kind.name(),
                if member.r#type == "text" && !member.values.is_empty() {
                    listed(&member.values)
                } else {
                    member.r#type.clone()
                }
            );
            tell(detail, "write the value as a plan shows it".to_owned());
        }
    }
}

/// Whether a member may have a value, as far as its type tells. `null` is absent.
fn is_possible(member: &Explained, value: &Value) -> bool {
    if value.is_null() {
        return true;
    }
    let is_listed = member.values.is_empty() || member.other_values || member.values.contains(value);
    match member.r#type.as_str() {
        "whole number" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "true or false" => value.is_boolean(),
        "text" => value.is_string() && is_listed,
        "mapping" => value.is_object(),
        list if list.starts_with("list of ") && !list.contains(" or ") => value.is_array(),
        _ => true,
    }
}

fn listed(values: &[Value]) -> String {
    let words: Vec<String> = values.iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect();
    format!("one of {}", words.join(", "))
}

/// Checks waivers against the addresses that are declared.
pub(super) fn check<'a>(
    waivers: &[Waiver],
    declared: impl Fn(&Address) -> bool,
    all: impl Fn() -> Vec<String> + 'a,
    problems: &mut Vec<Diagnostic>,
) {
    for waiver in waivers.iter().filter(|waiver| !declared(&waiver.address)) {
        let address = waiver.address.to_string();
        let known = all();
        let remedy = match crate::diagnostic::did_you_mean(&address, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove the waiver, or declare the resource".to_owned(),
        };
        let detail = format!("nothing is declared at {address}, so there is nothing to waive");
        problems.push(Diagnostic::new(codes::WAIVER, Some(waiver.at.clone()), detail, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::tests::Holder;
    use crate::kind::{Contract, Normalised, Origin, Situation};
    use crate::plan::Proposal;

    /// A kind that takes every difference for stronger.
    struct Eager;

    impl Kind for Eager {
        fn contract(&self) -> &'static Contract {
            Holder.contract()
        }
        fn normalise(&self, _: &Value, _: Origin) -> Normalised {
            Normalised::default()
        }
        fn check(&self, _: &Value) -> Vec<crate::diagnostic::Problem> {
            Vec::new()
        }
        fn direction(&self, _: &Path, _: Option<&Value>, _: Option<&Value>) -> Direction {
            Direction::Strengthened
        }
        fn steps(&self, _: &Situation<'_>) -> Proposal {
            Proposal::default()
        }
    }

    fn covers(path: &[&str], tolerate: Value, live: &Value) -> bool {
        let address: Address = "prod/eu-west-1/holder/one".parse().expect("an address");
        let observed = ObservedResource {
            address: address.clone(),
            tree: Value::Null,
            unknown_fields: Default::default(),
            external_id: Value::Null,
            private_state: Value::Null,
            settled: true,
            unread: Default::default(),
            beside: Value::Null,
        };
        let text = String::new;
        let terms = Terms { owner: text(), reason: text(), ticket: text(), expires: text() };
        let at = Place { file: text(), line: 1, column: 1 };
        let path = Path::of(path.iter().copied());
        let expires = Date::constant(2027, 1, 31);
        let waiver = Waiver { address, path, tolerate, terms, expires, is_expired: false, at };
        waiver.covers(&Eager, &observed, Some(live))
    }

    #[test]
    fn what_is_within_a_policy_is_covered_as_it_is_tolerated_and_not_otherwise() {
        let statement = |action: &str| json!({"Effect": "Allow", "Action": [action], "Resource": ["*"]});
        let path = ["policy", "Statement", "Readers"];
        assert!(covers(&path, statement("s3:GetObject"), &statement("s3:GetObject")));
        assert!(!covers(&path, statement("s3:GetObject"), &statement("s3:*")));
        assert!(!covers(&path, Value::Null, &statement("s3:*")), "that it may be absent says nothing of what is there");
        assert!(covers(&["other"], json!(60), &json!(90)), "elsewhere what is proved to be stronger is covered");
        assert!(covers(&["words"], json!(["a", "b"]), &json!(["b", "a"])), "sets have no order");
    }
}
