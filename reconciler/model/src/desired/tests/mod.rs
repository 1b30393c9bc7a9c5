//! The desired state, told with small kinds: `filter-set` with every shape that matters, `log`, of which a scope has one
//! named `default`, and `bucket`, whose names differ from scope to scope.

#![expect(unreachable_pub, reason = "`vocabulary!` makes public types, for kinds")]

mod declarations;
mod discovery;
mod files;
mod invariants;
mod organization;
mod pins;
mod placeholders;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Desired, Source, load};
use crate::codes;
use crate::diagnostic::{Diagnostic, Problem};
use crate::direction::Direction;
use crate::kind::{Contract, Kind, Normalised, Origin, Output, Situation, normalise_as};
use crate::open_enum::Word;
use crate::plan::Proposal;
use crate::tree::Path;
use crate::{typed_spec, vocabulary};

vocabulary!(FilterType, "HATE", "INSULTS", "PROMPT_ATTACK");
vocabulary!(Strength, "NONE", "LOW", "HIGH");

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FilterSet {
    message: Option<String>,
    key_arn: Option<String>,
    retention: Option<u32>,
    words: Option<BTreeSet<String>>,
    content_policy: Option<ContentPolicy>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ContentPolicy {
    #[schemars(extend("x-list-key" = "type"))]
    filters: Vec<Filter>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Filter {
    r#type: Word<FilterType>,
    strength: Word<Strength>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Log {
    target: Option<String>,
    days: Option<u32>,
}

struct FilterSetKind;
struct LogKind;

impl Kind for FilterSetKind {
    fn contract(&self) -> &'static Contract {
        static CONTRACT: Contract = Contract {
            name: "filter-set",
            about: "A set of filters.",
            stage: 2,
            check_name: |name| name.contains(' ').then(|| "spaces are not allowed".to_owned()),
            spec: typed_spec!(FilterSet),
            request_side_names: &[("contentPolicyConfig", "contentPolicy"), ("filtersConfig", "filters")],
            outputs: &[Output::new("setArn")],
            published: Some("publishedVersion"),
            ..Contract::DEFAULT
        };
        &CONTRACT
    }
    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        normalise_as::<FilterSet>(spec, origin, self.contract().fields())
    }
    fn check(&self, tree: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut limit = |path: &[&str], detail: &str| {
            let path = Path::of(path.iter().copied());
            problems.push(Problem {
                code: codes::LIMIT,
                path,
                detail: detail.to_owned(),
                remedy: "shorten it".to_owned(),
            });
        };
        if tree["message"].as_str().is_some_and(|message| message.len() > 30) {
            limit(&["message"], "longer than 30 bytes");
        }
        if tree["keyArn"].as_str().is_some_and(|arn| !arn.starts_with("arn:")) {
            limit(&["keyArn"], "not an ARN");
        }
        if tree["contentPolicy"]["filters"]["PROMPT_ATTACK"]["strength"] == "NONE" {
            limit(&["contentPolicy", "filters", "PROMPT_ATTACK", "strength"], "must not be NONE");
        }
        problems
    }
    fn direction(&self, _: &Path, _: Option<&Value>, _: Option<&Value>) -> Direction {
        Direction::Neutral
    }
    fn steps(&self, _: &Situation<'_>) -> Proposal {
        Proposal::default()
    }
}

impl Kind for LogKind {
    fn contract(&self) -> &'static Contract {
        static CONTRACT: Contract = Contract {
            name: "log",
            about: "The log of a region.",
            stage: 1,
            singleton: Some("default"),
            spec: typed_spec!(Log),
            ..Contract::DEFAULT
        };
        &CONTRACT
    }
    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        normalise_as::<Log>(spec, origin, self.contract().fields())
    }
    fn check(&self, _: &Value) -> Vec<Problem> {
        Vec::new()
    }
    fn direction(&self, _: &Path, _: Option<&Value>, _: Option<&Value>) -> Direction {
        Direction::Neutral
    }
    fn steps(&self, _: &Situation<'_>) -> Proposal {
        Proposal::default()
    }
}

/// A kind whose names differ from scope to scope.
struct BucketKind;

impl Kind for BucketKind {
    fn contract(&self) -> &'static Contract {
        static CONTRACT: Contract = Contract {
            name: "bucket",
            about: "A bucket.",
            stage: 1,
            name_varies: true,
            check_name: |name| (name.len() > 24).then(|| "more than 24 characters".to_owned()),
            spec: typed_spec!(Log),
            outputs: &[Output::new("arn")],
            ..Contract::DEFAULT
        };
        &CONTRACT
    }
    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        normalise_as::<Log>(spec, origin, self.contract().fields())
    }
    fn check(&self, _: &Value) -> Vec<Problem> {
        Vec::new()
    }
    fn direction(&self, _: &Path, _: Option<&Value>, _: Option<&Value>) -> Direction {
        Direction::Neutral
    }
    fn steps(&self, _: &Situation<'_>) -> Proposal {
        Proposal::default()
    }
}

const KINDS: &[&dyn Kind] = &[&FilterSetKind, &LogKind, &BucketKind];
const CONTROLS: &[&str] = &["aws-genai-02", "aws-genai-04"];

const ORGANIZATION: &str = "\
partition: aws
managementAccount: management
role: reconciler
regions: [us-east-1, eu-west-1]
accounts:
  - {id: \"111122223333\", name: management, tags: {env: shared}}
  - {id: 222233334444, name: prod, tags: {env: prod}}
  - {id: \"033344445555\", name: staging, tags: {env: staging}}
";

fn source(file: &str, content: impl AsRef<[u8]>) -> Source {
    Source::new(file, Ok(content.as_ref().to_vec()))
}

/// Loads these files beside the organization.
fn load_files(files: &[(&str, &str)]) -> Result<Desired, Vec<Diagnostic>> {
    let mut sources = vec![source("organization.yaml", ORGANIZATION)];
    sources.extend(files.iter().map(|(file, text)| source(file, text)));
    load(&sources, KINDS, CONTROLS)
}

fn desired(text: &str) -> Desired {
    match load_files(&[("a.yaml", text)]) {
        Ok(desired) => desired,
        Err(problems) => panic!("{}", listed(&problems)),
    }
}

/// One line for each diagnostic: place, code, detail; and the remedy below.
fn listed(problems: &[Diagnostic]) -> String {
    let line = |problem: &Diagnostic| {
        let place = problem.at.as_ref().map_or("-".to_owned(), ToString::to_string);
        format!("{place} {} {}\n    {}", problem.code, problem.detail, problem.remedy)
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is wrong with a file beside the organization.
fn problems(text: &str) -> String {
    match load_files(&[("a.yaml", text)]) {
        Ok(_) => "nothing".to_owned(),
        Err(problems) => listed(&problems),
    }
}
