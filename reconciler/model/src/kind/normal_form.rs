//! From a spec to its normal form: one typed structure for declarations and for answers.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Fields;
use crate::codes;
use crate::diagnostic::Problem;
use crate::open_enum;
use crate::tree::{self, Path};

/// Where a spec comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A declaration: only the top-level members that it mentions are managed; unknown members are errors.
    Declared,
    /// An answer of AWS: unknown members are kept as unknown fields.
    Live,
}

/// A spec in normal form.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Normalised {
    /// The tree, with keyed lists as maps. A declared tree holds the managed top-level members only, `null` meaning
    /// "must be absent"; a live tree holds them all.
    pub tree: Value,
    /// Members that the normal form does not know, with their values: path in the source, by member name and index.
    pub unknown: Vec<(Path, Value)>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// Deserialises `spec` into `S` and serialises it into the tree; collects every unknown member and unknown word.
///
/// `S` has an `Option` for each top-level member and none elsewhere unless absence is a state of its own.
pub fn normalise_as<S: DeserializeOwned + Serialize>(spec: &Value, origin: Origin, fields: &Fields) -> Normalised {
    let mut source = Cow::Borrowed(spec);
    let mut normalised = Normalised::default();
    let typed: S = loop {
        let mut unknown = Vec::new();
        let quick = serde_ignored::deserialize(&*source, |path| unknown.push(plain_path(&path)));
        // Once more for the place of what is wrong: to keep track of it costs a copy of the name of each member.
        let mut track = serde_path_to_error::Track::new();
        let outcome: Result<S, serde_json::Error> =
            quick.or_else(|_| S::deserialize(serde_path_to_error::Deserializer::new(&*source, &mut track)));
        let error = match outcome {
            Ok(typed) => {
                normalised.unknown = unknown
                    .into_iter()
                    .map(|path| {
                        let value = at(&source, &path).cloned().unwrap_or(Value::Null);
                        (path, value)
                    })
                    .collect();
                break typed;
            }
            Err(error) => error.to_string(),
        };
        let steps: Vec<Step> = track.path().iter().filter_map(Step::of).collect();
        let path = Path::of(steps.iter().map(|step| step.segment.clone()));
        let unknown_word = open_enum::parse_unknown_word(&error);
        let is_there = at(&source, &path).is_some();
        match unknown_word {
            // Mark the word and read on, so that all of them are found in one run; and with it those of its list, so that the
            // whole is not read again for each of them.
            Some((_, known)) if is_there => {
                let mut marked = Vec::new();
                mark(source.to_mut(), &steps, &known, &Path::root(), &mut marked);
                let marked = marked.into_iter().filter(|_| origin == Origin::Declared);
                normalised.problems.extend(marked.map(|(path, word)| unknown_word_problem(path, &word, &known)));
            }
            _ => {
                normalised.problems.push(Problem {
                    code: codes::WRONG_SHAPE,
                    path,
                    detail: error,
                    remedy: "see `bedrock-reconciler schema` for the keys and types of each kind".to_owned(),
                });
                return normalised;
            }
        }
    };
    let tree = serde_json::to_value(&typed).unwrap_or(Value::Null);
    let keyed = match origin {
        Origin::Declared => tree::keyed(tree, fields.list_keys()),
        // What is there twice differs from what is declared; an error would hide all the rest of it.
        Origin::Live => Ok(tree::keyed_apart(tree, fields.list_keys())),
    };
    match keyed {
        Ok(tree) => {
            normalised.tree = tree;
            fields.write_defaults(&mut normalised.tree);
        }
        Err(repeated) => normalised.problems.push(Problem {
            code: codes::REPEATED_ELEMENT,
            detail: repeated.to_string(),
            remedy: "remove one of the two".to_owned(),
            path: repeated.list.child(repeated.key),
        }),
    }
    if origin == Origin::Declared {
        normalised.tree = mentioned(normalised.tree, spec);
    }
    normalised
}

/// The top-level members of `tree` that the declaration mentions.
fn mentioned(tree: Value, declared: &Value) -> Value {
    let (Value::Object(mut members), Value::Object(declared)) = (tree, declared) else {
        return Value::Object(Map::new());
    };
    members.retain(|name, _| declared.contains_key(name));
    Value::Object(members)
}

fn unknown_word_problem(path: Path, word: &str, known: &[String]) -> Problem {
    let nearest = crate::diagnostic::did_you_mean(word, known.iter().map(String::as_str));
    Problem {
        code: codes::UNKNOWN_WORD,
        detail: format!("`{word}` is not one of {}", known.join(", ")),
        remedy: match nearest {
            Some(nearest) => {
                format!("did you mean `{nearest}`? If AWS added the value after this build, write `other:{word}`")
            }
            None => format!("choose one of them; if AWS added the value after this build, write `other:{word}`"),
        },
        path,
    }
}

fn plain_path(path: &serde_ignored::Path<'_>) -> Path {
    fn walk(path: &serde_ignored::Path<'_>, segments: &mut Vec<String>) {
        use serde_ignored::Path as P;
        match path {
            P::Root => {}
            P::Seq { parent, index } => {
                walk(parent, segments);
                segments.push(index.to_string());
            }
            P::Map { parent, key } => {
                walk(parent, segments);
                segments.push(key.clone());
            }
            P::Some { parent } | P::NewtypeStruct { parent } | P::NewtypeVariant { parent } => walk(parent, segments),
        }
    }
    let mut segments = Vec::new();
    walk(path, &mut segments);
    Path::of(segments)
}

/// The value at a path of member names and list indexes.
pub fn at<'a>(source: &'a Value, path: &Path) -> Option<&'a Value> {
    path.segments().iter().try_fold(source, |node, segment| match node {
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        node => node.get(segment),
    })
}

/// A step of the way to a value: the name of a member, or a place in a list.
struct Step {
    segment: String,
    is_index: bool,
}

impl Step {
    fn of(segment: &serde_path_to_error::Segment) -> Option<Self> {
        use serde_path_to_error::Segment as S;
        let (segment, is_index) = match segment {
            S::Seq { index } => (index.to_string(), true),
            S::Map { key } => (key.clone(), false),
            S::Enum { variant } => (variant.clone(), false),
            S::Unknown => return None,
        };
        Some(Self { segment, is_index })
    }
}

/// Marks the words at `way`, in all elements of the lists on it, that are not among the known ones; tells where and which. The
/// elements of a list have one type, so their words have one vocabulary.
fn mark(node: &mut Value, way: &[Step], known: &[String], path: &Path, marked: &mut Vec<(Path, String)>) {
    match (way.split_first(), node) {
        (None, Value::String(word)) => {
            if !word.starts_with(open_enum::OTHER) && !known.iter().any(|one| one == word) {
                marked.push((path.clone(), word.clone()));
                *word = format!("{}{word}", open_enum::OTHER);
            }
        }
        (Some((Step { is_index: true, .. }, rest)), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                mark(item, rest, known, &path.child(index.to_string()), marked);
            }
        }
        (Some((Step { segment, .. }, rest)), node) => {
            if let Some(member) = node.get_mut(segment.as_str()) {
                mark(member, rest, known, &path.child(segment), marked);
            }
        }
        (None, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    struct Strength;

    impl open_enum::Vocabulary for Strength {
        const NAME: &'static str = "Strength";
        const KNOWN: &'static [&'static str] = &["LOW", "HIGH"];
    }

    #[derive(Serialize, Deserialize, schemars::JsonSchema)]
    struct Filter {
        name: String,
        strength: open_enum::Word<Strength>,
        #[serde(default)]
        levels: Vec<open_enum::Word<Strength>>,
    }

    #[derive(Serialize, Deserialize, schemars::JsonSchema)]
    struct Spec {
        #[schemars(extend("x-list-key" = "name"))]
        filters: Vec<Filter>,
    }

    /// Every word is told at its own place, and reading thousands of them takes no longer than a few reads of the whole.
    #[test]
    fn many_unknown_words_are_read_at_once() {
        let filter = |index: usize| json!({"name": format!("f{index}"), "strength": if index & 1 == 0 { "HIGH" } else { "EXTREME" }, "levels": ["LOW", "NO"]});
        let count = 4000;
        let spec = json!({"filters": (0..count).map(filter).collect::<Vec<_>>()});
        let began = std::time::Instant::now();
        let fields = Fields::of(&schemars::schema_for!(Spec));
        let normalised = normalise_as::<Spec>(&spec, Origin::Declared, &fields);
        // One by one it takes minutes.
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!(normalised.problems.len(), count / 2 + count);
        let paths: Vec<String> = normalised.problems.iter().map(|problem| problem.path.to_string()).collect();
        assert!(paths.contains(&"filters.1.strength".to_owned()) && paths.contains(&"filters.7.levels.1".to_owned()));
        assert!(!paths.contains(&"filters.2.strength".to_owned()));
        let live = normalise_as::<Spec>(&spec, Origin::Live, &fields);
        assert_eq!(live.tree["filters"]["f1"]["strength"], "other:EXTREME");
        assert!(live.problems.is_empty());
    }
}
