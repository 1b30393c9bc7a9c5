//! `man` and `reference`: pages that are made from the program, so that they say what it does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, CommandFactory as _, ValueEnum as _};
use clap_mangen::Man;
use reconciler_kinds::KINDS;
use reconciler_model::address::ScopeKind;
use reconciler_model::codes::CODES;
use reconciler_model::desired::{self, Explained};
use reconciler_model::kind::Contract;
use serde_json::Value;

use crate::args::{Arguments, Output};
use crate::environment;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::formats::documents::{self, Document};
use crate::screen::Screen;
use crate::settings::Settings;

/// Prints the manual page, or writes that of every command into a folder.
pub(crate) fn man(screen: Screen, dir: Option<&Path>) -> Result<Exit, Failure> {
    let command = Arguments::command();
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("failed to write the manual: {error}"));
    match dir {
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page).map_err(failed)?;
            screen.print(String::from_utf8_lossy(&page))?;
        }
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(failed)?;
            clap_mangen::generate_to(command, dir).map_err(failed)?;
        }
    }
    Ok(Exit::Done)
}

/// Writes the pages of the reference into a folder.
pub(crate) fn reference(dir: &Path) -> Result<Exit, Failure> {
    let pages: [(&str, &str, String); 7] = [
        ("commands.md", "Commands", commands()),
        ("exit-codes.md", "Exit codes", exit_codes()),
        ("codes.md", "Codes", codes()),
        ("kinds.md", "Kinds", kinds()?),
        ("settings.md", "Settings", settings()),
        ("environment.md", "Environment variables", environment()),
        ("formats.md", "Output formats", formats()),
    ];
    let write = |file: &str, text: &str| {
        let path = dir.join(file);
        std::fs::create_dir_all(dir)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| Failure::new(Exit::Failed, format!("failed to write {}: {error}", path.display())))
    };
    let mut index =
        String::from("# Reference\n\nMade from the program by `bedrock-reconciler reference DIR`. Do not edit.\n\n");
    for (file, title, text) in &pages {
        write(file, &format!("# {title}\n\n{}\n", text.trim_end()))?;
        let _ = writeln!(index, "- [{title}]({file})");
    }
    write("README.md", &index)?;
    Ok(Exit::Done)
}

fn commands() -> String {
    let root = Arguments::command();
    let mut text = String::from("Options of every command:\n\n");
    text.push_str(&options(root.get_arguments().filter(|arg| arg.is_global_set())));
    for command in root.get_subcommands() {
        one_command(command, command.get_name(), &mut text);
    }
    text
}

fn one_command(command: &clap::Command, name: &str, text: &mut String) {
    if command.is_hide_set() {
        return;
    }
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let _ = write!(text, "\n## `{name}`\n\n{}\n", ended(prose(&about)));
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        let _ = write!(text, "\nAlso: {}\n", aliases.join(", "));
    }
    let own = options(command.get_arguments());
    if !own.is_empty() {
        let _ = write!(text, "\n{own}");
    }
    if let Some(examples) = command.get_after_help() {
        let _ = write!(text, "\n{}\n", block(&examples.to_string()));
    }
    for below in command.get_subcommands() {
        one_command(below, &format!("{name} {}", below.get_name()), text);
    }
}

/// Examples as a block of code below their head.
fn block(text: &str) -> String {
    let (head, rest) = text.split_once('\n').unwrap_or(("", text));
    let lines: Vec<&str> = rest.lines().map(str::trim).collect();
    format!("{head}\n\n```text\n{}\n```", lines.join("\n"))
}

fn options<'a>(all: impl Iterator<Item = &'a Arg>) -> String {
    let rows: Vec<[String; 3]> = all.filter(|arg| !arg.is_hide_set()).map(option).collect();
    table(["option", "default", "what"], &rows)
}

fn option(arg: &Arg) -> [String; 3] {
    let takes = arg.get_action().takes_values();
    let value: Vec<String> = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let value = if value.is_empty() { arg.get_id().to_string().to_uppercase() } else { value.join(" ") };
    let mut name = match (arg.get_long(), arg.get_short()) {
        (None, _) => value.clone(),
        (Some(long), None) => format!("--{long}"),
        (Some(long), Some(short)) => format!("--{long}, -{short}"),
    };
    if takes && arg.get_long().is_some() {
        let _ = write!(name, " {value}");
    }
    let mut default: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if !takes {
        default.clear();
    }
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut what = sentence(&help);
    let values: Vec<String> = arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if takes && !values.is_empty() {
        let _ = write!(what, " One of {}.", values.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(what, " Environment: `{}`.", variable.to_string_lossy());
    }
    [format!("`{name}`"), default.join(", "), what]
}

fn exit_codes() -> String {
    let rows: Vec<[String; 3]> = exit::every()
        .iter()
        .map(|exit| [exit.code().to_string(), exit.meaning().to_owned(), exit.what_to_do().to_owned()])
        .collect();
    table(["code", "meaning", "what to do"], &rows)
}

fn codes() -> String {
    let mut codes: Vec<_> = CODES.iter().collect();
    codes.sort_by_key(|code| code.id);
    let mut text = String::from("`bedrock-reconciler explain CODE` prints the same.\n");
    for code in codes {
        let _ = write!(text, "\n## {}: {}\n\n{}\n", code.id, prose(code.title), prose(code.explanation));
    }
    text
}

fn kinds() -> Result<String, Failure> {
    let unknown = |unknown: desired::Unknown| Failure::new(Exit::Failed, unknown.detail);
    let mut text = String::from(
        "The members of declarations, as `bedrock-reconciler explain KIND.MEMBER` prints them. A star marks what has to be there. What is \
         the same in every declaration comes first.\n",
    );
    let schema = desired::schema(KINDS);
    let mut kinds: Vec<&Contract> = KINDS.iter().map(|kind| kind.contract()).collect();
    kinds.sort_by_key(|kind| kind.name);
    // All kinds have these members, so that any of them can tell that lives in a region.
    if let Some(first) = kinds.iter().find(|kind| kind.scope == ScopeKind::Region && kind.singleton.is_none()) {
        let members =
            schema["$defs"][first.name]["properties"].as_object().into_iter().flat_map(|members| members.keys());
        let mut rows = vec![["`kind`\\*", "text", "", "One of the kinds below."].map(str::to_owned)];
        for member in members.filter(|member| !["kind", "spec"].contains(&member.as_str())) {
            walk(&format!("{}.{member}", first.name), first.name, &mut rows).map_err(unknown)?;
        }
        let _ = write!(text, "\n## Every declaration\n\n{}", table(HEAD, &rows));
    }
    let mut rows = Vec::new();
    walk("organization", "organization", &mut rows).map_err(unknown)?;
    let _ = write!(text, "\n## `organization.yaml`\n\n{}", table(HEAD, &rows));
    for kind in kinds {
        let mut rows = Vec::new();
        walk(kind.name, kind.name, &mut rows).map_err(unknown)?;
        let _ =
            write!(text, "\n## `{}`\n\n{}\n\n{}\n{}", kind.name, prose(kind.about), facts(kind), table(HEAD, &rows));
    }
    Ok(text)
}

/// The head of the table of members.
const HEAD: [&str; 4] = ["member", "type", "values", "what"];

fn facts(kind: &Contract) -> String {
    let place = match kind.scope {
        ScopeKind::Organization => "the organization",
        ScopeKind::Account => "each account",
        ScopeKind::Region => "each account and region",
    };
    let listed = |all: &[&str]| all.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
    let mut text = format!("- Lives in {place}.\n");
    if let Some(name) = kind.singleton {
        let _ = writeln!(text, "- There is one, and its name is `{name}`.");
    }
    let outputs: Vec<&str> = kind.outputs.iter().map(|output| output.name).collect();
    for (what, names) in [
        ("`${ref:...}` takes", outputs.as_slice()),
        ("To read it takes", kind.to_read),
        ("To restore it takes", kind.to_restore),
    ] {
        if !names.is_empty() {
            let _ = writeln!(text, "- {what} {}.", listed(names));
        }
    }
    text
}

/// The rows of what stands at a path, and of all below it.
fn walk(path: &str, root: &str, rows: &mut Vec<[String; 4]>) -> Result<(), desired::Unknown> {
    let found = desired::explain(KINDS, path)?;
    if path != root {
        rows.push(member(&found, root));
    }
    for below in &found.members {
        let path = format!("{path}.{}", below.name);
        // A type that holds itself is listed once.
        let is_again = path.split('.').filter(|part| *part == below.name).count() > 1 && path.split('.').count() > 8;
        if !is_again {
            walk(&path, root, rows)?;
        }
    }
    Ok(())
}

fn member(found: &Explained, root: &str) -> [String; 4] {
    let name = found.path.strip_prefix(root).unwrap_or(&found.path).trim_start_matches('.');
    let star = if found.required { "\\*" } else { "" };
    let null = if found.nullable { ", or null" } else { "" };
    let shown = |value: &Value| match value.as_str() {
        Some(text) if !text.is_empty() => format!("`{text}`"),
        _ => format!("`{value}`"),
    };
    let mut values: Vec<String> = Vec::new();
    if !found.values.is_empty() {
        values.push(found.values.iter().map(shown).collect::<Vec<_>>().join(", "));
    }
    match (&found.minimum, &found.maximum) {
        (Some(least), Some(most)) => values.push(format!("{least} to {most}")),
        (Some(least), None) => values.push(format!("{least} or more")),
        (None, Some(most)) => values.push(format!("{most} or less")),
        (None, None) => {}
    }
    values.extend(found.default.as_ref().map(|value| format!("left out: {}", shown(value))));
    values.extend(found.aws_default.as_ref().map(|value| format!("default of AWS: {}", shown(value))));
    let mut what = sentence(&found.description);
    if let Some(protects) = &found.protects {
        let _ = write!(what, " Stronger is {}.", prose(protects).trim_end_matches('.'));
    }
    for remark in &found.remarks {
        let mut letters = remark.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        let _ = write!(what, " {}", sentence(&format!("{first}{}", letters.as_str())));
    }
    [format!("`{name}`{star}"), format!("{}{null}", found.r#type), values.join("; "), what]
}

fn settings() -> String {
    let schema = schemars::schema_for!(Settings).to_value();
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut rows = Vec::new();
    of_settings(&schema, &schema["properties"], &defaults, "", &mut rows);
    format!(
        "The file that `--settings` names, in YAML. Options and environment variables win over it. \
         [`settings.example.yaml`](../../../systemd/settings.example.yaml) has all of them with their defaults.\n\n{}",
        table(["setting", "default", "what"], &rows)
    )
}

fn of_settings(schema: &Value, members: &Value, defaults: &Value, above: &str, rows: &mut Vec<[String; 3]>) {
    for (name, member) in members.as_object().into_iter().flatten() {
        let default = &defaults[name];
        let below = member["$ref"].as_str().and_then(|at| schema.pointer(at.trim_start_matches('#')));
        if let Some(below) = below {
            of_settings(schema, &below["properties"], default, &format!("{above}{name}."), rows);
            continue;
        }
        let default = if default.is_null() { String::new() } else { format!("`{default}`") };
        let what = prose(member["description"].as_str().unwrap_or_default());
        rows.push([format!("`{above}{name}`"), default, what]);
    }
}

fn environment() -> String {
    let mut all: BTreeMap<String, String> =
        environment::OTHERS.iter().map(|(name, what)| ((*name).to_owned(), prose(what))).collect();
    let root = Arguments::command();
    let mut of_options = |arg: &Arg, command: &str| {
        let Some((variable, long)) = arg.get_env().zip(arg.get_long()) else { return };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let what = format!("As `--{long}`{command}. {}", sentence(&help));
        all.insert(variable.to_string_lossy().into_owned(), what);
    };
    root.get_arguments().for_each(|arg| of_options(arg, ""));
    for command in root.get_subcommands() {
        command.get_arguments().for_each(|arg| of_options(arg, &format!(" of `{}`", command.get_name())));
    }
    let rows: Vec<[String; 2]> = all.into_iter().map(|(name, what)| [format!("`{name}`"), what]).collect();
    table(["variable", "what"], &rows)
}

fn formats() -> String {
    let named = |value: Option<clap::builder::PossibleValue>| {
        let value = value?;
        Some((value.get_name().to_owned(), sentence(&value.get_help().map(ToString::to_string).unwrap_or_default())))
    };
    let outputs: Vec<[String; 2]> = Output::value_variants()
        .iter()
        .filter_map(|output| named(output.to_possible_value()))
        .map(|(name, what)| [format!("`{name}`"), what])
        .collect();
    let of_documents: Vec<[String; 3]> = Document::value_variants()
        .iter()
        .filter_map(|document| Some((named(document.to_possible_value())?, documents::schema(*document))))
        .map(|((name, what), schema)| {
            let id = schema.as_ref().and_then(|schema| schema["$id"].as_str()).map(|id| format!("`{id}`"));
            [format!("`{name}`"), id.unwrap_or_default(), what]
        })
        .collect();
    format!(
        "What `--output` takes; [more on them](../../../plans/README.md#formats).\n\n{}\n## JSON documents\n\nWhat `schema --of` takes.\n\n{}",
        table(["output", "what"], &outputs),
        table(["document", "id of its schema", "printed by"], &of_documents)
    )
}

/// A table; nothing without rows.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('\n', " ").replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | ").replace("|  |", "| |"));
    }
    text
}

/// Prose in one line, with a full stop.
fn sentence(text: &str) -> String {
    ended(prose(text).replace("\n\n", " "))
}

fn ended(text: String) -> String {
    let is_open = !text.is_empty() && !text.ends_with(['.', '!', '?', ':']);
    if is_open { format!("{text}.") } else { text }
}

/// Prose in Markdown: what stands for itself is not taken for markup.
fn prose(text: &str) -> String {
    let mut shown = String::new();
    let mut is_code = false;
    for letter in text.trim().chars() {
        match letter {
            '`' => {
                is_code = !is_code;
                shown.push('`');
            }
            '<' if !is_code => shown.push_str("&lt;"),
            '*' if !is_code => shown.push_str("\\*"),
            other => shown.push(other),
        }
    }
    shown
}
