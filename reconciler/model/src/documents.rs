//! Policy documents inside the trees of kinds: where they sit, how they are compared, and which way their leaves point.
//!
//! Expected flow: [`compare`] takes the managed part of a live tree and a wanted tree, gives the statements of each document
//! common names, and lists the differences with their directions. What lies outside documents is compared member by member,
//! and its direction is the kind's.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::codes;
use crate::diagnostic::Problem;
use crate::direction::Direction;
use crate::kind::Kind;
use crate::policy::{self, Policy};
use crate::tree::{self, ANY, Difference, Path, Pattern};

/// Two trees, comparable, with what differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The left tree, its statements named as in the right one.
    pub left: Value,
    /// The right tree, its documents in canonical form.
    pub right: Value,
    /// Where they differ, in the order of the paths.
    pub differences: Vec<Difference>,
}

/// Compares two trees of one kind. A document, a statement, or an element that holds a document is one difference where one
/// side lacks it.
pub fn compare(kind: &dyn Kind, left: Value, right: &Value) -> Compared {
    let mut compared = Compared { left, right: right.clone(), differences: Vec::new() };
    for path in places(kind, right) {
        if let (Some(one), Some(two)) = (tree::get(&compared.left, &path), tree::get(right, &path)) {
            let (one, two) = if one == two { policy::align_equal(one) } else { policy::align(one, two) };
            tree::set(&mut compared.left, &path, Some(one));
            tree::set(&mut compared.right, &path, Some(two));
        }
    }
    compared.differences =
        tree::differences_where(&compared.left, &compared.right, &|path| is_in_one_piece(kind, path));
    join(kind, &mut compared);
    compared
}

/// Makes one difference of what means nothing apart: members of which the spec says so (`x-whole`), and a statement in which a
/// member became its opposite, because `Action` and `NotAction` are one.
fn join(kind: &dyn Kind, compared: &mut Compared) {
    let Compared { left, right, differences } = compared;
    let flipped = |path: &Path| {
        let statement = statement_above(kind, path).filter(|statement| statement != path)?;
        let (one, two) = (tree::get(left, &statement)?, tree::get(right, &statement)?);
        policy::is_flipped(one, two).then_some(statement)
    };
    let mut joined: Vec<Difference> = Vec::new();
    for difference in differences.drain(..) {
        match kind.contract().fields().whole_above(&difference.path).or_else(|| flipped(&difference.path)) {
            Some(path) if joined.last().is_some_and(|last| last.path == path) => {}
            Some(path) => {
                let [one, two] = [&*left, &*right].map(|side| tree::get(side, &path).cloned());
                joined.push(Difference { path, left: one, right: two });
            }
            None => joined.push(difference),
        }
    }
    *differences = joined;
}

/// The path of the statement that `path` is or lies in.
fn statement_above(kind: &dyn Kind, path: &Path) -> Option<Path> {
    let length = above(kind, path)?.segments().len();
    let statement = path.segments().get(..length + 2)?;
    (statement[length] == "Statement").then(|| Path::of(statement.iter().cloned()))
}

/// What the statements say that have no name of their own and in which something differs, by their path.
pub(crate) fn unnamed(kind: &dyn Kind, compared: &Compared) -> BTreeMap<Path, String> {
    let paths = compared.differences.iter().filter_map(|difference| statement_above(kind, &difference.path));
    let says = paths.filter_map(|path| {
        let statement = tree::get(&compared.left, &path).or_else(|| tree::get(&compared.right, &path))?;
        // Of two statements with one name neither has it as its key.
        let is_named = statement.get("Sid").and_then(Value::as_str) == path.segments().last().map(String::as_str);
        Some((path, policy::words::statement(statement).filter(|_| !is_named)?))
    });
    says.collect()
}

impl Compared {
    /// The direction of each difference, with the left side as live and the right side as wanted.
    ///
    /// Inside a document that both sides have it is what the policy module proves or witnesses, as the kind sees it
    /// ([`Contract::documents_grant`](crate::kind::Contract::documents_grant)); everywhere else it is the kind's. Where
    /// two elements have one name, it is unknown which one applies.
    pub fn directions(&self, kind: &dyn Kind) -> Vec<Direction> {
        let mut leaves: BTreeMap<Path, Vec<(Path, Direction)>> = BTreeMap::new();
        self.differences
            .iter()
            .map(|Difference { path, left, right }| {
                let document = above(kind, path).filter(|document| {
                    document != path && [&self.left, &self.right].iter().all(|tree| tree::get(tree, document).is_some())
                });
                let Some(document) = document else {
                    if tree::is_repeated(path) {
                        return Direction::Unknown;
                    }
                    return kind.direction(path, left.as_ref(), right.as_ref());
                };
                let inside = Path::of(path.segments()[document.segments().len()..].iter().cloned());
                let leaves = leaves.entry(document.clone()).or_insert_with(|| {
                    let side = |tree| tree::get(tree, &document).cloned().unwrap_or(Value::Null);
                    policy::directions(&side(&self.left), &side(&self.right))
                });
                let below = leaves.iter().filter(|(leaf, _)| leaf.segments().starts_with(inside.segments()));
                let proved = Direction::of_all(below.map(|(_, direction)| *direction));
                as_granted(kind, proved)
            })
            .collect()
    }
}

/// What is proved of a document, as the kind sees it: where a control depends on what is granted, less is not stronger.
fn as_granted(kind: &dyn Kind, proved: Direction) -> Direction {
    match proved {
        Direction::Strengthened if kind.contract().documents_grant => Direction::Unknown,
        proved => proved,
    }
}

/// The patterns of a kind's documents.
fn patterns(kind: &dyn Kind) -> &'static [Pattern] {
    kind.contract().fields().policies()
}

/// What is wrong with the documents of a declared tree: members that the grammar does not have, and conditions that compare
/// nothing.
pub fn problems(kind: &dyn Kind, tree: &Value) -> Vec<Problem> {
    let mut problems = unreadable(kind, tree);
    let read = |place: Path| {
        let policy = Policy::from_value(tree::get(tree, &place)?).ok()?;
        Some((place, policy))
    };
    let documents: Vec<(Path, Policy)> = places(kind, tree).into_iter().filter_map(read).collect();
    problems.extend(documents.iter().flat_map(|(place, policy)| unknown_members(place, policy)));
    problems.extend(documents.iter().flat_map(|(place, policy)| nonsense(place, policy)));
    problems
}

/// Text that is no document: see [`policy::Document`].
fn unreadable(kind: &dyn Kind, tree: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for path in places_of(kind, tree, Value::is_string) {
        let error = tree::get(tree, &path).and_then(|text| Policy::from_value(text).err());
        let remedy = "see `bedrock-reconciler schema` for the keys and types of each kind".to_owned();
        problems.extend(error.map(|error| Problem {
            code: codes::WRONG_SHAPE,
            path,
            detail: error.in_one_line(),
            remedy,
        }));
    }
    problems
}

/// A path in a document that is at `place`.
fn below(place: &Path, path: &Path) -> Path {
    Path::of(place.segments().iter().chain(path.segments()).cloned())
}

fn nonsense(place: &Path, policy: &Policy) -> impl Iterator<Item = Problem> {
    policy.nonsense().into_iter().map(|(path, detail, remedy)| Problem {
        code: codes::CONTRADICTION,
        path: below(place, &path),
        detail,
        remedy,
    })
}

fn unknown_members(place: &Path, policy: &Policy) -> impl Iterator<Item = Problem> {
    policy.unknown().into_iter().map(|(path, _)| {
        let name = path.segments().last().cloned().unwrap_or_default();
        Problem {
            code: codes::UNKNOWN_MEMBER,
            path: below(place, &path),
            detail: format!("the grammar of policy documents has no `{name}` here"),
            remedy:
                "write it as the IAM grammar does: Version, Id, Statement; and in a statement Sid, Effect, Principal, \
                     NotPrincipal, Action, NotAction, Resource, NotResource and Condition"
                    .to_owned(),
        }
    })
}

/// The paths of the documents that `tree` has.
pub fn places(kind: &dyn Kind, tree: &Value) -> Vec<Path> {
    places_of(kind, tree, Value::is_object)
}

fn places_of(kind: &dyn Kind, tree: &Value, is_meant: fn(&Value) -> bool) -> Vec<Path> {
    let mut found = Vec::new();
    for pattern in patterns(kind) {
        let mut paths = vec![Path::root()];
        for segment in pattern.segments() {
            paths = paths
                .into_iter()
                .flat_map(|path| match segment.as_str() {
                    ANY => {
                        let members = tree::get(tree, &path).and_then(Value::as_object);
                        members.into_iter().flat_map(|members| members.keys()).map(|name| path.child(name)).collect()
                    }
                    name => vec![path.child(name)],
                })
                .collect();
        }
        found.extend(paths.into_iter().filter(|path| tree::get(tree, path).is_some_and(is_meant)));
    }
    found
}

/// The path of the document that `path` is or lies in.
pub fn above(kind: &dyn Kind, path: &Path) -> Option<Path> {
    let segments = path.segments();
    let pattern = patterns(kind).iter().find(|pattern| pattern.is_above(segments))?;
    Some(Path::of(segments[..pattern.len()].iter().cloned()))
}

fn is_in_one_piece(kind: &dyn Kind, path: &Path) -> bool {
    if kind.contract().fields().is_atomic(path) {
        return true;
    }
    let segments = path.segments();
    patterns(kind).iter().any(|pattern| {
        let parts = pattern.segments();
        let element = parts.iter().rposition(|part| part == ANY).map_or(parts.len(), |last| last + 1);
        let is_element =
            || segments.len() == element && parts.iter().zip(segments).all(|(one, name)| one == ANY || one == name);
        let is_statement =
            || pattern.is_above(segments) && matches!(&segments[parts.len()..], [list, _] if list == "Statement");
        pattern.matches(segments) || is_element() || is_statement()
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use schemars::JsonSchema;
    use serde_json::json;

    use super::*;
    use crate::kind::{Contract, Normalised, Origin, Situation};
    use crate::plan::Proposal;

    /// A kind with documents at `policy` and in `inline`, and room for 10 `words`.
    pub(crate) struct Holder;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Spec {
        policy: Policy,
        inline: std::collections::BTreeMap<String, Inline>,
        #[schemars(extend("x-whole" = true))]
        cipher: Cipher,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Cipher {
        name: String,
        key: Option<String>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Inline {
        document: Policy,
    }

    impl Kind for Holder {
        fn contract(&self) -> &'static Contract {
            static CONTRACT: Contract = Contract {
                name: "holder",
                about: "Holds documents.",
                spec: crate::typed_spec!(Spec),
                ..Contract::DEFAULT
            };
            &CONTRACT
        }
        fn normalise(&self, _: &Value, _: Origin) -> Normalised {
            Normalised::default()
        }
        fn check(&self, tree: &Value) -> Vec<Problem> {
            let full = tree["words"].as_object().is_some_and(|words| words.len() > 10);
            let problem = Problem {
                code: codes::LIMIT,
                path: Path::of(["words"]),
                detail: "at most 10 words".to_owned(),
                remedy: String::new(),
            };
            full.then_some(problem).into_iter().collect()
        }
        fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
            match path.head() {
                Some("words" | "filters") => crate::direction::of_presence(live, want),
                _ => Direction::Neutral,
            }
        }
        fn steps(&self, _: &Situation<'_>) -> Proposal {
            Proposal::default()
        }
    }

    fn tree(document: &Value) -> Value {
        let canonical = Policy::from_value(document).expect("a policy").tree();
        json!({"policy": canonical, "inline": {"a": {"name": "a", "document": canonical}}, "other": 1})
    }

    fn drift(live: &Value, want: &Value) -> Vec<(String, Direction)> {
        let compared = compare(&Holder, live.clone(), want);
        let directions = compared.directions(&Holder);
        compared.differences.iter().map(|one| one.path.to_string()).zip(directions).collect()
    }

    fn guarded() -> Value {
        json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Trust", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
        }]})
    }

    #[test]
    fn a_lost_condition_is_weakened_at_its_leaf_wherever_the_document_is() {
        let mut open = guarded();
        open["Statement"][0].as_object_mut().expect("a statement").remove("Condition");
        // Another name for the statement changes nothing.
        open["Statement"][0]["Sid"] = json!("Other");
        let found = drift(&tree(&open), &tree(&guarded()));
        let weakened: Vec<&str> = found
            .iter()
            .filter(|(_, direction)| *direction == Direction::Weakened)
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(
            weakened,
            [
                "inline.a.document.Statement.Trust.Condition.StringEquals",
                "policy.Statement.Trust.Condition.StringEquals"
            ],
            "{found:?}"
        );
        assert!(found.iter().all(|(_, direction)| matches!(direction, Direction::Weakened | Direction::Neutral)));
    }

    #[test]
    fn a_statement_a_document_and_its_element_are_one_difference() {
        let mut wider = guarded();
        let mut another = wider["Statement"][0].clone();
        another["Sid"] = json!("Another");
        another["Principal"] = json!({"AWS": "*"});
        wider["Statement"].as_array_mut().expect("statements").push(another);
        let mut live = tree(&wider);
        live["inline"]["b"] = live["inline"]["a"].clone();
        live["inline"]["a"] = Value::Null;
        assert_eq!(
            drift(&live, &tree(&guarded())),
            [
                ("inline.a".to_owned(), Direction::Neutral),
                ("inline.b".to_owned(), Direction::Neutral),
                ("policy.Statement.Another".to_owned(), Direction::Weakened)
            ]
        );
        live["policy"] = Value::Null;
        assert_eq!(drift(&live, &tree(&guarded()))[2], ("policy".to_owned(), Direction::Neutral));
    }

    #[test]
    fn members_that_mean_nothing_apart_are_one_difference() {
        let cipher = |name: &str, key: Value| json!({"cipher": {"name": name, "key": key}, "other": 1});
        let (live, want) = (cipher("strong", json!("theirs")), cipher("weak", json!("ours")));
        let mut found = compare(&Holder, live.clone(), &want).differences;
        let one = found.pop().expect("a difference");
        assert_eq!((one.path, found.len()), (Path::of(["cipher"]), 0));
        assert_eq!((one.left.as_ref(), one.right.as_ref()), (live.get("cipher"), want.get("cipher")));
        // Where one side lacks it, it is one already.
        assert_eq!(drift(&json!({"other": 2}), &want).len(), 2);
        assert_eq!(drift(&want, &want), []);
    }

    #[test]
    fn members_that_the_grammar_lacks_are_named() {
        let mut odd = guarded();
        odd["Statement"][0]["Actions"] = json!(["sts:TagSession"]);
        let found: Vec<String> =
            problems(&Holder, &tree(&odd)).into_iter().map(|problem| problem.path.to_string()).collect();
        assert_eq!(found, ["inline.a.document.Statement.Trust.Actions", "policy.Statement.Trust.Actions"]);
    }
}
