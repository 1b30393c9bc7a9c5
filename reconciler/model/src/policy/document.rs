//! The document in its canonical form, and the three ways to write it down: tree, JSON text, schema.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::read::{self, PolicyError, Scalars, Strict, kind_of, shape};
use super::{condition, value};
use crate::diagnostic::did_you_mean;
use crate::digest;
use crate::tree::Path;

/// Text that is compared without ASCII case and keeps the spelling in which it was written.
#[derive(Clone)]
pub struct Caseless(String);

impl Caseless {
    /// The text, in this spelling.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as it is compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Caseless {}

impl PartialOrd for Caseless {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Caseless {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.0.bytes(), other.0.bytes());
        one.map(|byte| byte.to_ascii_lowercase()).cmp(two.map(|byte| byte.to_ascii_lowercase()))
    }
}

impl fmt::Debug for Caseless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It allows what no other statement denies.
    Allow,
    /// It denies, whatever else allows.
    Deny,
}

impl Effect {
    /// The word in the document.
    pub fn word(self) -> &'static str {
        match self {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        }
    }
}

/// What a statement says of its actions, resources or principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope<T> {
    /// Nothing: whatever the document is attached to.
    Unsaid,
    /// These: `Action`, `Resource`, `Principal`.
    Only(T),
    /// All but these: `NotAction`, `NotResource`, `NotPrincipal`.
    AllBut(T),
}

impl<T> Scope<T> {
    /// What is listed.
    pub fn listed(&self) -> Option<&T> {
        match self {
            Scope::Unsaid => None,
            Scope::Only(listed) | Scope::AllBut(listed) => Some(listed),
        }
    }

    fn member(&self, positive: &'static str, negative: &'static str) -> Option<(&'static str, &T)> {
        match self {
            Scope::Unsaid => None,
            Scope::Only(listed) => Some((positive, listed)),
            Scope::AllBut(listed) => Some((negative, listed)),
        }
    }
}

/// The versions of the policy language.
const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

/// The types of principals.
const PRINCIPAL_TYPES: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

/// What each of them names.
const PRINCIPALS: [&str; 4] = [
    "Accounts, roles and users, by ARN or account id; `*` is everybody.",
    "AWS services, such as bedrock.amazonaws.com.",
    "Identity providers of users from outside.",
    "Accounts by their canonical ids, which S3 knows.",
];

/// Principals by their type (`AWS`, `Service`, `Federated`, `CanonicalUser`).
pub type Principals = BTreeMap<String, BTreeSet<String>>;

/// Conditions: operator, key, values.
pub(super) type Conditions = BTreeMap<Caseless, BTreeMap<Caseless, BTreeSet<String>>>;

/// One statement in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its name; `None` when absent, empty or numeric.
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// Who.
    pub principal: Scope<Principals>,
    /// What.
    pub action: Scope<BTreeSet<Caseless>>,
    /// On which resources.
    pub resource: Scope<BTreeSet<String>>,
    /// When: operator, key, values. All of them must hold.
    pub condition: BTreeMap<Caseless, BTreeMap<Caseless, BTreeSet<String>>>,
    /// Members that the grammar does not have.
    pub unknown_fields: BTreeMap<String, Value>,
}

impl Statement {
    /// The canonical text of what it says: without its name, and in one spelling.
    fn said(&self) -> String {
        let mut tree = self.tree(true);
        tree.remove("Sid");
        digest::canonical(&Value::Object(tree))
    }

    /// Whether both say the same: equality without the name.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        let Self { sid: _, effect, principal, action, resource, condition, unknown_fields } = self;
        *effect == other.effect
            && *principal == other.principal
            && *action == other.action
            && *resource == other.resource
            && *condition == other.condition
            && *unknown_fields == other.unknown_fields
    }

    fn read(at: &Path, value: &Value) -> Result<Self, PolicyError> {
        let Value::Object(members) = value else {
            return Err(shape(at, format!("expected a statement, found {}", kind_of(value))));
        };
        let mut statement = Self {
            sid: None,
            effect: Effect::Deny,
            principal: Scope::Unsaid,
            action: Scope::Unsaid,
            resource: Scope::Unsaid,
            condition: Conditions::new(),
            unknown_fields: BTreeMap::new(),
        };
        let mut effect = None;
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let at = at.child(name);
            match name.as_str() {
                "Sid" => {
                    statement.sid = match value {
                        Value::String(text) => Some(text.clone()),
                        Value::Number(_) => None,
                        other => return Err(shape(&at, format!("expected text, found {}", kind_of(other)))),
                    }
                    .filter(|sid| !sid.bytes().all(|byte| byte.is_ascii_digit()));
                }
                "Effect" => {
                    effect = match value.as_str() {
                        Some("Allow") => Some(Effect::Allow),
                        Some("Deny") => Some(Effect::Deny),
                        _ => return Err(shape(&at, "expected `Allow` or `Deny`, in this spelling")),
                    };
                }
                "Principal" | "NotPrincipal" => {
                    let listed = principals(&at, value)?;
                    once(&at, &mut statement.principal, name.starts_with("Not"), listed)?;
                }
                "Action" | "NotAction" => {
                    let listed = read::texts(&at, value, Scalars::Text)?.into_iter().map(Caseless);
                    once(&at, &mut statement.action, name.starts_with("Not"), caseless_set(listed))?;
                }
                "Resource" | "NotResource" => {
                    let listed = read::texts(&at, value, Scalars::Text)?.into_iter().collect();
                    once(&at, &mut statement.resource, name.starts_with("Not"), listed)?;
                }
                "Condition" => statement.condition = conditions(&at, value)?,
                _ => {
                    statement.unknown_fields.insert(name.clone(), value.clone());
                }
            }
        }
        statement.effect = effect.ok_or_else(|| shape(at, "a statement needs `Effect`"))?;
        if statement.action == Scope::Unsaid {
            return Err(shape(at, "a statement needs `Action` or `NotAction`"));
        }
        Ok(statement)
    }

    /// The statement as a tree; `folded` makes every spelling of it the same.
    pub(super) fn tree(&self, folded: bool) -> Map<String, Value> {
        let spelled = |text: &Caseless| if folded { text.folded() } else { text.0.clone() };
        let mut members: Map<String, Value> =
            self.unknown_fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(sid) = &self.sid {
            members.insert("Sid".to_owned(), Value::from(sid.as_str()));
        }
        members.insert("Effect".to_owned(), Value::from(self.effect.word()));
        if let Some((name, listed)) = self.principal.member("Principal", "NotPrincipal") {
            members.insert(name.to_owned(), json!(listed));
        }
        if let Some((name, listed)) = self.action.member("Action", "NotAction") {
            let mut listed: Vec<String> = listed.iter().map(spelled).collect();
            listed.sort();
            members.insert(name.to_owned(), Value::from(listed));
        }
        if let Some((name, listed)) = self.resource.member("Resource", "NotResource") {
            members.insert(name.to_owned(), json!(listed));
        }
        if !self.condition.is_empty() {
            let keys = |keys: &BTreeMap<Caseless, BTreeSet<String>>| -> Map<String, Value> {
                keys.iter().map(|(key, values)| (spelled(key), json!(values))).collect()
            };
            let operators: Map<String, Value> =
                self.condition.iter().map(|(operator, tests)| (spelled(operator), keys(tests).into())).collect();
            members.insert("Condition".to_owned(), operators.into());
        }
        members
    }

    /// The statements in canonical order: by what they say, then by the name, then by the spelling.
    fn in_order(statements: Vec<Self>) -> Vec<Self> {
        if statements.len() < 2 {
            return statements;
        }
        let spelled = |one: &Self| digest::canonical(&Value::Object(one.tree(false)));
        let mut ranked: Vec<(String, Self)> = statements.into_iter().map(|one| (one.said(), one)).collect();
        ranked.sort_by(|(said, one), (other, two)| {
            said.cmp(other).then_with(|| one.sid.cmp(&two.sid)).then_with(|| spelled(one).cmp(&spelled(two)))
        });
        ranked.into_iter().map(|(_, one)| one).collect()
    }
}

fn once<T>(at: &Path, scope: &mut Scope<T>, negative: bool, listed: T) -> Result<(), PolicyError> {
    if !matches!(scope, Scope::Unsaid) {
        return Err(shape(at, "a statement may not have both this member and its opposite"));
    }
    *scope = if negative { Scope::AllBut(listed) } else { Scope::Only(listed) };
    Ok(())
}

/// Of spellings that differ in case only, the first in order stays.
fn caseless_set(texts: impl IntoIterator<Item = Caseless>) -> BTreeSet<Caseless> {
    let mut set = BTreeSet::new();
    for text in texts {
        if !set.contains(&text) {
            set.insert(text);
        }
    }
    set
}

fn principals(at: &Path, value: &Value) -> Result<Principals, PolicyError> {
    match value {
        Value::String(text) if text == "*" => {
            Ok(Principals::from([("AWS".to_owned(), BTreeSet::from(["*".to_owned()]))]))
        }
        Value::String(text) => Err(shape(at, format!("{text:?} needs its type: write `AWS: {text:?}`"))),
        Value::Object(types) => types
            .iter()
            .filter(|(_, listed)| !listed.is_null())
            .map(|(name, listed)| {
                let listed = read::texts(&at.child(name), listed, Scalars::Numbers)?;
                let listed = listed.into_iter().map(|text| if name == "AWS" { account_of_root(text) } else { text });
                Ok((name.clone(), listed.collect()))
            })
            .collect(),
        other => Err(shape(at, format!("expected `*` or principals by type, found {}", kind_of(other)))),
    }
}

/// `arn:aws:iam::111122223333:root` as `111122223333`; anything else as it is.
fn account_of_root(text: String) -> String {
    match text.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "iam", "", account, "root"] if is_account(account) => account.to_owned(),
        _ => text,
    }
}

/// Whether this is the number of an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn conditions(at: &Path, value: &Value) -> Result<Conditions, PolicyError> {
    let Value::Object(operators) = value else {
        return Err(shape(at, format!("expected conditions by operator, found {}", kind_of(value))));
    };
    let mut found = Conditions::new();
    for (operator, tests) in operators.iter().filter(|(_, tests)| !tests.is_null()) {
        let at = at.child(operator);
        let Value::Object(tests) = tests else {
            return Err(shape(&at, format!("expected values by condition key, found {}", kind_of(tests))));
        };
        let spelled = Caseless(condition::spelling(operator));
        let mut keys = BTreeMap::new();
        for (key, values) in tests {
            let at = at.child(key);
            let values = read::texts(&at, values, Scalars::All)?.into_iter();
            let values = values.map(|text| match condition::operator(&spelled) {
                Some(operator) => value::canonical(operator, &text),
                None => text,
            });
            let values = values.collect();
            if keys.insert(Caseless::new(key), values).is_some() {
                return Err(shape(&at, "the key appears more than once, in different case"));
            }
        }
        if !keys.is_empty() && found.insert(spelled, keys).is_some() {
            return Err(shape(&at, "the operator appears more than once, in different case"));
        }
    }
    Ok(found)
}

/// A principal that is the unique id of a user or role: the one it was written for is gone, whatever now has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The key of the statement in the tree.
    pub statement: String,
    /// The unique id.
    pub principal: String,
}

/// A policy document in canonical form.
///
/// It deserialises from the IAM grammar, from JSON text of it, and from the tree that it serialises to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    version: Option<String>,
    id: Option<String>,
    statements: Vec<Statement>,
    unknown_fields: BTreeMap<String, Value>,
}

impl Policy {
    /// Reads JSON text; it may be percent-encoded and begin with a byte order mark.
    ///
    /// # Errors
    /// Fails when the text is not JSON, repeats a member, or does not follow the grammar of policies.
    pub fn from_text(text: &str) -> Result<Self, PolicyError> {
        Self::of_object(&read::text(text)?)
    }

    /// Reads a document in the IAM grammar, its tree, or, from a string, JSON text.
    ///
    /// # Errors
    /// Fails as [`Policy::from_text`] does. A value cannot show repeated members: deserialise a `Policy` to find them.
    pub fn from_value(value: &Value) -> Result<Self, PolicyError> {
        match value {
            Value::String(text) => Self::from_text(text),
            value => Self::of_object(value),
        }
    }

    fn of_object(value: &Value) -> Result<Self, PolicyError> {
        let root = Path::root();
        let Value::Object(members) = value else {
            return Err(shape(&root, format!("expected a policy document, found {}", kind_of(value))));
        };
        let mut policy = Self { version: None, id: None, statements: Vec::new(), unknown_fields: BTreeMap::new() };
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let at = root.child(name);
            let text = || match value {
                Value::String(text) => Ok(text.clone()),
                other => Err(shape(&at, format!("expected text, found {}", kind_of(other)))),
            };
            match name.as_str() {
                "Version" => policy.version = Some(text()?).filter(|version| version != "2008-10-17"),
                "Id" => policy.id = Some(text()?),
                "Statement" => policy.statements = statements(&at, value)?,
                _ => {
                    policy.unknown_fields.insert(name.clone(), value.clone());
                }
            }
        }
        policy.statements = Statement::in_order(policy.statements);
        policy.statements.dedup();
        Ok(policy)
    }

    /// The version of the language; `None` is the first, `2008-10-17`, which expands no variables.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The statements, in canonical order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether both say the same: equality without the cosmetic `Sid` and `Id`.
    ///
    /// Documents that are not equal may still mean the same, for instance when one statement is written as two:
    /// [`direction`](super::direction) proves that where it can.
    pub fn is_equal(&self, other: &Self) -> bool {
        let Self { version, id: _, statements, unknown_fields } = self;
        let said = |one: &Self, two: &[Statement]| {
            one.statements.iter().all(|one| two.iter().any(|two| one.says_the_same_as(two)))
        };
        *version == other.version
            && *unknown_fields == other.unknown_fields
            && said(self, &other.statements)
            && said(other, statements)
    }

    /// The digest of what it says: documents that are equal but for `Sid` and `Id` have the same one.
    pub fn digest(&self) -> String {
        let statements: BTreeSet<String> = self.statements.iter().map(Statement::said).collect();
        digest::of(&(&self.version, statements, &self.unknown_fields))
    }

    /// The key of each statement in the tree: its `Sid` where no other has it, else one made of its content.
    pub(super) fn keys(&self) -> Vec<String> {
        let named = |name: &str| self.statements.iter().filter(|one| one.sid.as_deref() == Some(name)).count();
        let mut keys: Vec<String> = Vec::new();
        for statement in &self.statements {
            let key = match &statement.sid {
                Some(sid) if named(sid) == 1 => sid.clone(),
                _ => {
                    let digest = digest::of_tree(&Value::Object(statement.tree(true)));
                    let digits = digest.trim_start_matches("sha256:");
                    // Eight digits will do, unless a `Sid` happens to be spelled so.
                    let name = |length| format!("{}+{}", statement.effect.word(), &digits[..length]);
                    (8..=digits.len()).map(name).find(|key| named(key) == 0 && !keys.contains(key)).unwrap_or(digest)
                }
            };
            keys.push(key);
        }
        keys
    }

    /// The tree that is compared: lists are sorted, statements are a map by key.
    pub fn tree(&self) -> Value {
        let statements: Map<String, Value> = self
            .keys()
            .into_iter()
            .zip(&self.statements)
            .map(|(key, statement)| (key, statement.tree(false).into()))
            .collect();
        let mut members: Map<String, Value> =
            self.unknown_fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, text) in [("Version", &self.version), ("Id", &self.id)] {
            if let Some(text) = text {
                members.insert(name.to_owned(), Value::from(text.as_str()));
            }
        }
        members.insert("Statement".to_owned(), statements.into());
        members.into()
    }

    /// The document as it is written: minified, in a stable order, with single elements instead of lists of one.
    pub fn to_minified_json(&self) -> String {
        let statements: Vec<String> = self.statements.iter().map(written_statement).collect();
        let text = |text: &String| Value::from(text.as_str()).to_string();
        let mut members = vec![
            ("Version".to_owned(), self.version.as_ref().map(text)),
            ("Id".to_owned(), self.id.as_ref().map(text)),
            ("Statement".to_owned(), Some(format!("[{}]", statements.join(",")))),
        ];
        members.extend(self.unknown_fields.iter().map(|(name, value)| (name.clone(), Some(digest::canonical(value)))));
        written(members)
    }

    /// The length of [`Policy::to_minified_json`] in characters, as quotas count.
    pub fn minified_len(&self) -> usize {
        self.to_minified_json().chars().count()
    }

    /// Members that the grammar does not have: path in the tree, and value.
    pub fn unknown(&self) -> Vec<(Path, Value)> {
        let of = |at: &Path, unknown_fields: &BTreeMap<String, Value>| -> Vec<(Path, Value)> {
            unknown_fields.iter().map(|(name, value)| (at.child(name), value.clone())).collect()
        };
        let mut found = of(&Path::root(), &self.unknown_fields);
        for (key, statement) in self.keys().iter().zip(&self.statements) {
            found.extend(of(&Path::of(["Statement", key]), &statement.unknown_fields));
        }
        found
    }

    /// Words that the grammar does not have, and values that mean nothing to their operator: path in the tree, what is wrong,
    /// and what to do.
    ///
    /// IAM refuses some of them and never matches others, so that a statement is in force always, or never.
    pub fn nonsense(&self) -> Vec<(Path, String, String)> {
        let mut found = Vec::new();
        if let Some(version) = self.version.as_deref().filter(|version| !VERSIONS.contains(version)) {
            let detail = format!("`{version}` is not a version of the policy language");
            found.push((Path::of(["Version"]), detail, format!("write \"{}\"", VERSIONS[0])));
        }
        for (key, statement) in self.keys().iter().zip(&self.statements) {
            if let Some((member, types)) = statement.principal.member("Principal", "NotPrincipal") {
                for name in types.keys().filter(|name| !PRINCIPAL_TYPES.contains(&name.as_str())) {
                    let remedy = match did_you_mean(name, PRINCIPAL_TYPES) {
                        Some(nearest) => format!("did you mean `{nearest}`?"),
                        None => format!("write one of {}", PRINCIPAL_TYPES.join(", ")),
                    };
                    let at = Path::of(["Statement", key, member, name.as_str()]);
                    found.push((at, format!("`{name}` is not a type of principal"), remedy));
                }
            }
            for (name, tests) in &statement.condition {
                let at = Path::of(["Statement", key, "Condition", name.as_str()]);
                let Some(operator) = condition::operator(name) else {
                    let remedy = match condition::nearest(name.as_str()) {
                        Some(nearest) => format!("did you mean `{nearest}`?"),
                        None => "write one of the condition operators of IAM".to_owned(),
                    };
                    found.push((at, format!("`{}` is not a condition operator", name.as_str()), remedy));
                    continue;
                };
                for (key, values) in tests {
                    let wrong = values.iter().filter_map(|text| value::problem(operator, text));
                    let remedy = format!("write a value that {} can compare", name.as_str());
                    found.extend(wrong.map(|detail| (at.child(key.as_str()), detail, remedy.clone())));
                }
            }
        }
        found
    }

    /// Principals that are unique ids of users and roles: what AWS shows once the user or role is deleted.
    ///
    /// Whoever has the name since is somebody else, so the document has to be written again even if its text was right.
    pub fn dangling_principals(&self) -> Vec<Dangling> {
        let mut found = Vec::new();
        for (key, statement) in self.keys().iter().zip(&self.statements) {
            let listed = statement.principal.listed().and_then(|types| types.get("AWS"));
            for principal in listed.into_iter().flatten().filter(|text| is_unique_id(text)) {
                found.push(Dangling { statement: key.clone(), principal: principal.clone() });
            }
        }
        found
    }

    /// Whether any text of the document holds a policy variable.
    pub(super) fn has_variables(&self) -> bool {
        self.statements.iter().any(|statement| digest::canonical(&statement.tree(false).into()).contains("${"))
    }

    /// Members of the document itself that the grammar does not have.
    pub(super) fn unknown_fields(&self) -> &BTreeMap<String, Value> {
        &self.unknown_fields
    }
}

/// Whether this is the unique id of a role (`AROA`) or a user (`AIDA`).
pub(super) fn is_unique_id(text: &str) -> bool {
    let rest = text.strip_prefix("AROA").or_else(|| text.strip_prefix("AIDA"));
    rest.is_some_and(|rest| rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn statements(at: &Path, value: &Value) -> Result<Vec<Statement>, PolicyError> {
    let read = |(key, value): (String, &Value)| Statement::read(&at.child(key), value);
    match value {
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| read((index.to_string(), item))).collect(),
        // One statement has an effect that is text; in a tree, even a statement that is called `Effect` is an object.
        Value::Object(members) if members.values().any(|member| !member.is_object() && !member.is_null()) => {
            Ok(vec![Statement::read(at, value)?])
        }
        Value::Object(members) => members
            .iter()
            .filter(|(_, member)| !is_hollow(member))
            .map(|(key, member)| read((key.clone(), member)))
            .collect(),
        other => Err(shape(at, format!("expected statements, found {}", kind_of(other)))),
    }
}

/// Whether nothing is left of a statement of a tree: each of its leaves was taken away, and empty objects remain.
fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().all(is_hollow),
        _ => false,
    }
}

fn written(members: Vec<(String, Option<String>)>) -> String {
    let members: Vec<String> =
        members.into_iter().filter_map(|(name, text)| Some(format!("{}:{}", Value::from(name), text?))).collect();
    format!("{{{}}}", members.join(","))
}

fn written_statement(statement: &Statement) -> String {
    let mut tree = statement.tree(false);
    for name in ["Principal", "NotPrincipal"] {
        if let Some(principals) = tree.get_mut(name) {
            let everyone = *principals == json!({"AWS": ["*"]});
            *principals = if everyone { Value::from("*") } else { single(principals) };
        }
    }
    for name in ["Action", "NotAction", "Resource", "NotResource"] {
        if let Some(listed) = tree.get_mut(name) {
            *listed = single(listed);
        }
    }
    if let Some(Value::Object(operators)) = tree.get_mut("Condition") {
        operators.values_mut().for_each(|tests| *tests = single(tests));
    }
    let known =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    let mut members: Vec<(String, Option<String>)> =
        known.map(|name| (name.to_owned(), tree.remove(name).as_ref().map(digest::canonical))).into();
    members.extend(tree.iter().map(|(name, value)| (name.clone(), Some(digest::canonical(value)))));
    written(members)
}

/// Lists of one as their element, here and in the members of an object.
fn single(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => items[0].clone(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), single(member))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tree().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(value) = Strict::deserialize(deserializer)?;
        Self::from_value(&value).map_err(|error| serde::de::Error::custom(error.in_one_line()))
    }
}

impl JsonSchema for Policy {
    fn schema_name() -> Cow<'static, str> {
        "Policy".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let statement = generator.subschema_for::<StatementSchema>();
        let document = json!({
            "type": "object",
            "description": "A policy document in the IAM grammar.",
            "properties": {
                "Version": {"enum": [VERSIONS[0], VERSIONS[1], null], "description": "The version of the policy language. Only 2012-10-17 expands policy variables such as ${aws:username}; left out, it is 2008-10-17."},
                "Id": {"type": ["string", "null"], "description": "A name of the document, for people."},
                "Statement": {"description": "The statements; lists are sets.", "anyOf": [{"type": "array", "items": statement}, statement], "x-list-key": "Sid"},
            },
            "required": ["Statement"],
            "additionalProperties": false,
        });
        let schema = json!({
            "description": "A policy document in the IAM grammar, or its JSON text.",
            "anyOf": [document, {"type": "string", "pattern": JSON_TEXT}],
            "x-policy-document": true,
        });
        Schema::try_from(schema).unwrap_or_default()
    }
}

/// Begins like JSON text of an object, percent-encoded or not, or is a placeholder.
const JSON_TEXT: &str = r"^[\s\ufeff]*(\{|%7[Bb]|\$\{)";

/// One statement, in the schema.
struct StatementSchema;

impl JsonSchema for StatementSchema {
    fn schema_name() -> Cow<'static, str> {
        "Statement".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let texts =
            |about: &str| json!({"description": about, "type": ["string", "array"], "items": {"type": "string"}});
        let resources = |about: &str| json!({"description": about, "type": ["string", "array", "null"], "items": {"type": "string"}});
        let names = |about: &str| {
            json!({
                "description": about,
                "type": ["string", "integer", "array", "null"],
                "minimum": 0,
                "items": {"type": ["string", "integer"], "minimum": 0},
            })
        };
        let types: Map<String, Value> =
            PRINCIPAL_TYPES.iter().zip(PRINCIPALS).map(|(name, about)| ((*name).to_owned(), names(about))).collect();
        let principal = |about: &str| {
            json!({
                "description": about,
                "anyOf": [
                    {"const": "*"},
                    {"type": "object", "properties": types, "additionalProperties": false},
                    {"type": "null"},
                ],
            })
        };
        let values = json!({
            "type": ["string", "boolean", "number", "array"],
            "items": {"type": ["string", "boolean", "number"]},
        });
        let tests = json!({
            "type": ["object", "null"],
            "description": "Values by condition key, such as aws:SourceAccount.",
            "additionalProperties": values,
        });
        // For completion; the pattern has every spelling, with its prefixes and endings.
        let operators: Map<String, Value> =
            condition::names().map(|name| (name.to_owned(), Value::Bool(true))).collect();
        let schema = json!({
            "type": "object",
            "description": "One statement: who may, or may not, do what on which resources, and when.",
            "properties": {
                "Sid": {"type": ["string", "number", "null"], "description": "The statement's name; by it, drift finds its counterpart."},
                "Effect": {"enum": ["Allow", "Deny"], "description": "Deny wins over every Allow."},
                "Principal": principal("Who: `*` for everybody, or principals by type."),
                "NotPrincipal": principal("Everybody but these."),
                "Action": texts("The actions, such as bedrock:InvokeModel; `*` and `?` stand for any text and any letter."),
                "NotAction": texts("Every action but these."),
                "Resource": resources("The ARNs of the resources, with `*` and `?`."),
                "NotResource": resources("Every resource but these."),
                "Condition": {
                    "description": "When: values by condition key, by operator. All of them must hold.",
                    "type": ["object", "null"],
                    "properties": operators,
                    "patternProperties": {condition::pattern(): tests},
                    "additionalProperties": false,
                },
            },
            "required": ["Effect"],
            "anyOf": [{"required": ["Action"]}, {"required": ["NotAction"]}],
            "additionalProperties": false,
        });
        Schema::try_from(schema).unwrap_or_default()
    }
}
