//! Desired states: that of the repository, and small ones that a test writes down.

use std::path::{Path, PathBuf};

use reconciler_model::desired::{Desired, Source, load};
use reconciler_model::diagnostic::Diagnostic;

/// One account and one region: enough for most stories.
pub const ORGANIZATION: &str = r#"
partition: aws
managementAccount: management
role: bedrock-reconciler
regions: [eu-west-1]
accounts:
  - {id: "111122223333", name: management, tags: {env: shared}}
"#;

/// The controls that declarations may name.
pub const CONTROLS: &[&str] =
    &["aws-genai-01", "aws-genai-02", "aws-genai-03", "aws-genai-04", "aws-genai-05", "aws-genai-06", "aws-genai-09"];

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// A file of the desired state from its text.
pub fn source(file: &str, text: &str) -> Source {
    Source::new(file, Ok(text.as_bytes().to_vec()))
}

/// The small organization with these declarations.
pub fn small(declarations: &str) -> Vec<Source> {
    vec![source("organization.yaml", ORGANIZATION), source("declarations.yaml", declarations)]
}

/// The files below a folder that are YAML, sorted.
pub fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, &["yaml", "yml"])
}

/// The files below a folder with one of these extensions, sorted.
pub fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
            if path.is_dir() {
                folders.push(path);
            } else if extensions.contains(&extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The desired state of the repository, with its pins.
pub fn of_the_repository() -> Vec<Source> {
    let folder = repository().join("desired-state");
    files(&folder, &["yaml", "yml", "lock"])
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a file");
            source(&path.strip_prefix(&folder).expect("a path below").to_string_lossy(), &text)
        })
        .collect()
}

/// Loads a desired state.
///
/// # Errors
/// Everything that is wrong with it.
pub fn loaded(sources: &[Source]) -> Result<Desired, Vec<Diagnostic>> {
    load(sources, reconciler_kinds::KINDS, CONTROLS)
}

/// The codes and details of what is wrong with the small organization and these declarations.
pub fn wrong_with(declarations: &str) -> Vec<(String, String)> {
    match loaded(&small(declarations)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| (problem.code, problem.detail)).collect(),
    }
}
