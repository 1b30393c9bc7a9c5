//! What holds of every row of the table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Request;
use serde_json::Map;

use super::*;
use crate::emulator::Operation;
use crate::principal::Principal;
use crate::{Emulator, Options};

#[test]
fn every_service_has_operations_and_no_two_are_taken_for_one_another() {
    let mut names = BTreeSet::new();
    let mut doors = BTreeSet::new();
    let mut labels = BTreeSet::new();
    for service in SERVICES {
        assert!(names.insert(service.name), "{} is there twice", service.name);
        assert!(!service.operations.is_empty(), "{} has no operations", service.name);
        let mut operations = BTreeSet::new();
        for action in service.operations {
            assert!(operations.insert(action.name), "{} is there twice in {}", action.name, service.name);
        }
        let routes: Vec<_> = service.operations.iter().filter_map(|action| action.route).collect();
        assert!(routes.is_empty() || routes.len() == service.operations.len(), "{} has other ways too", service.name);
        assert_eq!(routes.iter().collect::<BTreeSet<_>>().len(), routes.len(), "{} has a route twice", service.name);
        for path in service.endpoint.iter().flat_map(|endpoint| endpoint.paths) {
            let door = (service.endpoint.map(|endpoint| endpoint.signing_name), path);
            assert!(doors.insert(door), "{} is taken for another service", service.name);
        }
        for name in service.names {
            assert!(labels.insert(name.label), "${{{}}} is the name of two things", name.label);
        }
    }
}

/// However wrong its input is, an operation answers with what it thinks of it.
#[test]
fn every_operation_is_dispatched() {
    let emulator = Emulator::new(Options::default());
    let caller = Principal::from_arn("arn:aws:iam::111122223333:user/operator", emulator.now());
    for service in SERVICES {
        for action in service.operations.iter().map(|action| action.name).chain(["Unheard"]) {
            let asked = Operation {
                caller: &caller,
                service: service.name,
                operation: action,
                input: &Map::new(),
                at: emulator.now(),
                user_agent: "",
                source_ip: "",
            };
            let answer = emulator.play("111122223333", "us-east-1", &asked);
            let unknown = answer.is_err_and(|error| error.message.starts_with("The emulator has no operation"));
            assert_eq!(unknown, action == "Unheard", "{action} of {}", service.name);
        }
    }
}

/// The path of a route leads to its operation and to no earlier one.
#[test]
fn every_route_leads_to_its_operation() {
    for service in SERVICES {
        for action in service.operations {
            let Some((method, template)) = action.route else { continue };
            let path = template.replace(['{', '}', '+'], "");
            let request = Request::builder().method(method).uri(path).body(Bytes::new()).unwrap();
            let found = addressed(service.endpoint.unwrap().signing_name, &request).unwrap();
            let asked = (found.wire.asked)(found, &request).ok().map(|asked| asked.operation);
            assert_eq!((found.name, asked.as_deref()), (service.name, Some(action.name)));
        }
    }
}

/// A source of the emulator without its tests, and the folder of the service that it belongs to.
struct Source {
    path: PathBuf,
    text: String,
    folder: Option<String>,
}

fn sources() -> Vec<Source> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table = root.join("services");
    let mut paths = Vec::new();
    below(&root, &mut paths);
    let of_the_table = |path: &PathBuf| path.parent() == Some(table.as_path());
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests are told apart by their module, and what follows one that is a file of its own is code.
        let text = text.replace("#[cfg(test)]\nmod tests;", "");
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let folder = path.strip_prefix(&table).ok().and_then(|rest| rest.iter().next());
        Source {
            text: text.lines().filter(is_code).collect::<Vec<_>>().join("\n"),
            folder: folder.map(|folder| folder.to_string_lossy().into_owned()),
            path,
        }
    };
    paths.into_iter().filter(|path| !of_the_table(path)).map(source).collect()
}

/// The fields of a [`RegionState`], each with the folder of its service.
fn states() -> Vec<(String, String)> {
    let table = include_str!("mod.rs").split("services! {").nth(1).unwrap().split('}').next().unwrap();
    let row = |line: &str| {
        let (state, module) = line.trim().trim_end_matches(',').split_once(": ")?;
        Some((state.to_owned(), module.split("::").next()?.to_owned()))
    };
    table.lines().filter_map(row).collect()
}

/// Names that are those of services, and mean something else: endpoint services, and a member of a Bedrock policy.
const NO_SERVICES: &[&str] = &["services/ec2/catalog.rs", "services/organizations/policies.rs"];

/// What depends on the service is in its row. An ARN may be made of what another service has, and two may share a signing name
/// or an event source.
#[test]
fn only_the_folder_of_a_service_names_it() {
    let mut sources = sources();
    assert!(sources.len() > 60, "{}", sources.len());
    sources.retain(|source| !NO_SERVICES.iter().any(|file| source.path.ends_with(file)));
    for service in SERVICES {
        let row = format!(" name: \"{}\",", service.name);
        let home = sources.iter().find(|source| source.folder.is_some() && source.text.contains(&row));
        let home = &home.unwrap_or_else(|| panic!("no folder has {row}")).folder;
        let literal = format!("\"{}\"", service.name);
        let shared = ["signing_name: ", "source: Some("].map(|member| format!("{member}{literal}"));
        let allowed = [format!(".arn({literal}")].into_iter().chain(shared);
        for Source { path, text, .. } in sources.iter().filter(|source| source.folder != *home) {
            let others: usize = allowed.clone().map(|allowed| text.matches(&allowed).count()).sum();
            assert_eq!(text.matches(&literal).count(), others, "{} names {literal}", path.display());
        }
    }
}

/// A service reaches another one through the directory alone.
#[test]
fn no_service_looks_into_another() {
    let states = states();
    assert_eq!(states.len(), SERVICES.len());
    for Source { path, text, folder } in sources() {
        if path.ends_with("directory.rs") {
            continue;
        }
        // A chain of calls may be on many lines.
        let chains: String = text.split_whitespace().collect();
        for (state, of) in &states {
            let looks = chains.match_indices(&format!("state.{state}")).any(|(at, found)| {
                let next = chains[at + found.len()..].chars().next().unwrap_or(' ');
                !next.is_alphanumeric() && next != '_'
            });
            assert!(!looks || folder.as_ref() == Some(of), "{} looks into {state}", path.display());
        }
        if folder.is_some() {
            let others = text.split("services::").skip(1).any(|rest| !rest.starts_with("RegionState"));
            assert!(!others, "{} imports another service", path.display());
            let world = text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "World");
            assert!(!world, "{} has the world without the directory", path.display());
        }
    }
}
