//! One value of a manifest together with where it stands: what the readers of declarations and settings work on.

use serde_json::Value;

use super::located::{Entry, Node, Shape};
use crate::codes;
use crate::diagnostic::{Diagnostic, Place, did_you_mean};

/// A value, how it is written, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) file: &'a str,
    pub(super) node: &'a Node,
    pub(super) value: &'a Value,
}

impl<'a> Item<'a> {
    pub(super) fn place(&self) -> Place {
        self.node.place(self.file)
    }

    pub(super) fn problem(&self, code: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Some(self.place()), detail, remedy)
    }

    /// The value of a key that is there and not empty.
    pub(super) fn get(&self, key: &str) -> Option<Item<'a>> {
        let node = &*self.node.entry(key)?.value;
        let value = self.value.get(key)?;
        (!value.is_null()).then_some(Item { file: self.file, node, value })
    }

    /// The elements of a list.
    pub(super) fn elements(&self) -> Option<Vec<Item<'a>>> {
        let (Shape::Sequence(items), Value::Array(values)) = (&self.node.shape, self.value) else { return None };
        Some(items.iter().zip(values).map(|(node, value)| Item { file: self.file, node, value }).collect())
    }

    /// The members of a mapping.
    pub(super) fn members(&self) -> Option<Vec<(&'a Entry, Item<'a>)>> {
        let (Shape::Mapping(entries), Value::Object(values)) = (&self.node.shape, self.value) else { return None };
        let member = |entry: &'a Entry| {
            let value = values.get(&entry.key)?;
            Some((entry, Item { file: self.file, node: &entry.value, value }))
        };
        Some(entries.iter().filter_map(member).collect())
    }

    /// The text of a scalar as it is written, whatever a YAML reader takes it for; `None` for lists, mappings and nothing.
    pub(super) fn raw(&self) -> Option<&'a str> {
        self.node.raw().filter(|_| !self.value.is_null())
    }

    /// The text of a value that must be text; reports anything else.
    pub(super) fn text(&self, what: &str, problems: &mut Vec<Diagnostic>) -> Option<&'a str> {
        if let Value::String(text) = self.value
            && !text.is_empty()
        {
            return Some(text);
        }
        let (found, remedy) = match self.value {
            Value::String(_) => ("empty".to_owned(), "write it, or remove the key".to_owned()),
            Value::Array(_) => ("a list".to_owned(), "write one text".to_owned()),
            Value::Object(_) => ("a mapping".to_owned(), "write one text".to_owned()),
            Value::Null => ("empty".to_owned(), "write it".to_owned()),
            other => (
                format!("`{other}`, which is not text"),
                format!("quote it: {:?}", self.node.raw().unwrap_or_default()),
            ),
        };
        problems.push(self.problem(codes::WRONG_SHAPE, format!("{what} is {found}"), remedy));
        None
    }

    /// The value of a key that must be there.
    pub(super) fn required(&self, key: &str, what: &str, problems: &mut Vec<Diagnostic>) -> Option<Item<'a>> {
        let item = self.get(key);
        if item.is_none() {
            match self.node.entry(key) {
                Some(entry) => {
                    let place = Place { file: self.file.to_owned(), line: entry.line, column: entry.column };
                    let detail = format!("`{key}` has no value");
                    problems.push(Diagnostic::new(
                        codes::WRONG_SHAPE,
                        Some(place),
                        detail,
                        format!("write {what} after it"),
                    ));
                }
                None => {
                    let detail = format!("the key `{key}` is missing");
                    problems.push(self.problem(codes::WRONG_SHAPE, detail, format!("add `{key}:` with {what}")));
                }
            }
        }
        item
    }

    /// Reports keys that are not in `known`. `elsewhere` may name the place that an unknown key belongs to.
    pub(super) fn only(
        &self,
        known: &[&str],
        elsewhere: impl Fn(&str) -> Option<String>,
        problems: &mut Vec<Diagnostic>,
    ) {
        let Some(members) = self.members() else {
            let detail = format!("a mapping with the keys {} is needed here", known.join(", "));
            problems.push(self.problem(codes::WRONG_SHAPE, detail, "write `key: value` lines"));
            return;
        };
        for (entry, _) in members {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let place = Place { file: self.file.to_owned(), line: entry.line, column: entry.column };
            let detail = format!("`{}` is not one of {}", entry.key, known.join(", "));
            let remedy = elsewhere(&entry.key)
                .or_else(|| {
                    did_you_mean(&entry.key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"))
                })
                .unwrap_or_else(|| "remove it, or write one of the known keys".to_owned());
            problems.push(Diagnostic::new(codes::UNKNOWN_MEMBER, Some(place), detail, remedy));
        }
    }
}
