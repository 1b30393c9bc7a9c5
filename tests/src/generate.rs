//! What the generators of kinds have in common: random specs in the shape of answers, and what a service may do to them without
//! changing their meaning.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Random specs of one kind: the invariants that hold for every kind take them from here.
#[derive(Debug, Clone, Copy)]
pub struct Generator {
    /// The kind.
    pub kind: &'static str,
    /// A name that a resource of the kind may have.
    pub name: &'static str,
    /// How often the kind is chosen, compared with the others: one with more members needs more.
    pub weight: u32,
    /// Specs that the service accepts.
    pub specs: fn() -> BoxedStrategy<Value>,
}

/// An object without the members that are `null`.
pub fn object(members: Value) -> Value {
    let Value::Object(members) = members else { return members };
    Value::Object(members.into_iter().filter(|(_, member)| !member.is_null()).collect())
}

/// The members of both objects, without those that are `null`.
pub fn merged(one: Value, two: Value) -> Value {
    let (Value::Object(mut one), Value::Object(two)) = (one, two) else { return Value::Null };
    one.extend(two);
    object(Value::Object(one))
}

/// A value, or now and then `null`.
pub fn maybe(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![3 => strategy, 1 => Just(Value::Null)].boxed()
}

/// One element for each of some of the `names`, under the natural key `key`.
pub fn elements<S>(
    key: &'static str,
    names: &'static [&'static str],
    rest: impl Fn() -> S + 'static,
) -> BoxedStrategy<Value>
where
    S: Strategy<Value = Value> + 'static,
{
    subsequence(names.to_vec(), 0..=names.len())
        .prop_flat_map(move |names| {
            let each: Vec<_> = names.into_iter().map(|name| (Just(name), rest()).boxed()).collect();
            each.prop_map(move |elements| {
                elements.into_iter().map(|(name, rest)| merged(json!({ key: name }), rest)).collect::<Vec<_>>().into()
            })
        })
        .boxed()
}

/// Some tags.
pub fn tags() -> BoxedStrategy<Value> {
    elements("key", &["owner", "cost-center", "team/unit"], || {
        select(&["one", "two", ""][..]).prop_map(|value| json!({ "value": value }))
    })
}

/// Some targets of a policy of the organization.
pub fn targets() -> BoxedStrategy<Value> {
    subsequence(vec!["Root", "Workloads", "Workloads/Production", "222233334444"], 0..=4)
        .prop_map(|targets| json!(targets))
        .boxed()
}

/// Some of these statements, at least one; each under its own name.
pub fn policy(statements: Vec<Value>) -> BoxedStrategy<Value> {
    let most = statements.len();
    subsequence(statements, 1..=most)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
        .boxed()
}

/// The same with every list in another order.
pub fn shuffled(spec: &Value, seed: u64) -> Value {
    fn walk(value: &mut Value, random: &mut ChaCha8Rng) {
        match value {
            Value::Array(items) => {
                items.shuffle(random);
                items.iter_mut().for_each(|item| walk(item, random));
            }
            Value::Object(members) => members.values_mut().for_each(|member| walk(member, random)),
            _ => {}
        }
    }
    let mut spec = spec.clone();
    walk(&mut spec, &mut ChaCha8Rng::seed_from_u64(seed));
    spec
}

/// A declaration as text. JSON is YAML.
pub fn declaration(kind: &str, name: &str, spec: &Value, when_stronger: &str) -> String {
    json!({"kind": kind, "name": name, "whenStronger": when_stronger, "spec": spec}).to_string()
}
