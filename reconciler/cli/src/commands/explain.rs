//! `explain`: what a code means, and what may stand in a declaration.

use reconciler_kinds::KINDS;
use reconciler_model::codes::{self, CODES};
use reconciler_model::desired::{self, Explained};
use reconciler_model::diagnostic::did_you_mean;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::screen::{FAINT, STRONG, Screen, paint};
use crate::view::layout::{padded, width, wrapped};

pub(crate) fn run(screen: Screen, of: Option<&str>) -> Result<Exit, Failure> {
    let Some(of) = of else { return list(screen) };
    // Whatever begins like a code was meant as one.
    if of.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("brx")) {
        return code(screen, of);
    }
    let unknown = match desired::explain(KINDS, of) {
        Ok(found) => {
            screen.json(&documents::named(documents::EXPLANATION, json!(found)))?;
            screen.say(member(&found).trim_end())?;
            return Ok(Exit::Done);
        }
        Err(unknown) => unknown,
    };
    let end = if unknown.remedy.ends_with('?') { "" } else { ";" };
    let hint = format!("{}{end} `bedrock-reconciler explain` lists them", unknown.remedy);
    Err(Failure::new(Exit::Usage, unknown.detail).hint(hint))
}

fn list(screen: Screen) -> Result<Exit, Failure> {
    let mut codes: Vec<_> = CODES.iter().collect();
    codes.sort_by_key(|code| code.id);
    let listed: Vec<Value> = codes.iter().map(|code| json!({"code": code.id, "title": code.title})).collect();
    let mut kinds: Vec<_> = KINDS.iter().map(|kind| kind.contract()).collect();
    kinds.sort_by_key(|kind| kind.name);
    let kinds_listed: Vec<Value> = kinds.iter().map(|kind| json!({"kind": kind.name, "about": kind.about})).collect();
    screen.json(&documents::named(documents::CODES, json!({"codes": listed, "kinds": kinds_listed})))?;
    screen.say("Kinds, and the members of each: `explain KIND`, `explain KIND.MEMBER.MEMBER`\n")?;
    let longest = kinds.iter().map(|kind| kind.name.len()).max().unwrap_or_default();
    for kind in kinds {
        screen.say(row("  ", kind.name, longest, kind.about).trim_end())?;
    }
    screen.say("\nCodes: `explain CODE`\n")?;
    for code in codes {
        screen.say(format_args!("  {}  {}", code.id, code.title))?;
    }
    Ok(Exit::Done)
}

fn code(screen: Screen, code: &str) -> Result<Exit, Failure> {
    let Some(found) = codes::find(code) else {
        let near = did_you_mean(code, CODES.iter().map(|code| code.id));
        let failure = Failure::new(Exit::Usage, format!("no code `{code}`"));
        return Err(match near {
            Some(near) => failure.hint(format!("did you mean `{near}`? `explain` without a code lists them")),
            None => failure.hint("`bedrock-reconciler explain` lists them"),
        });
    };
    let told = json!({"code": found.id, "title": found.title, "explanation": found.explanation});
    screen.json(&documents::named(documents::CODE, told))?;
    screen.say(format_args!("{}: {}\n\n{}", paint(STRONG, found.id), found.title, found.explanation))?;
    Ok(Exit::Done)
}

/// A member as people read it.
fn member(found: &Explained) -> String {
    let mut text = format!("{}  {}", paint(STRONG, &found.path), found.r#type);
    if found.required {
        text.push_str(", required");
    }
    if found.nullable {
        text.push_str(", or null");
    }
    text.push_str("\n\n");
    if !found.description.is_empty() {
        text.push_str(&format!("{}\n", wrapped(&found.description, "  ", "  ", width())));
    }
    let mut facts: Vec<(&str, String)> = Vec::new();
    let values: Vec<String> = found.values.iter().map(shown).collect();
    if !values.is_empty() {
        let more = if found.other_values { "; `other:VALUE` for one that AWS added after this build" } else { "" };
        facts.push(("values", format!("{}{more}", values.join(", "))));
    }
    match (&found.minimum, &found.maximum) {
        (Some(least), Some(most)) => facts.push(("range", format!("{least} to {most}"))),
        (Some(least), None) => facts.push(("range", format!("{least} or more"))),
        (None, Some(most)) => facts.push(("range", format!("{most} or less"))),
        (None, None) => {}
    }
    facts.extend(found.default.as_ref().map(|default| ("left out", shown(default))));
    facts.extend(found.aws_default.as_ref().map(|default| ("default of AWS", shown(default))));
    facts.extend(found.protects.as_ref().map(|protects| ("stronger is", protects.clone())));
    facts.extend(found.list_key.as_ref().map(|key| ("elements are known by", key.clone())));
    facts.extend(found.remarks.iter().map(|remark| ("note", remark.clone())));
    let longest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, fact) in &facts {
        text.push_str(&row("  ", name, longest, fact));
    }
    if !found.members.is_empty() {
        let gap = if facts.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}  members{}\n", paint(FAINT, " (`*` has to be there)")));
        let named: Vec<(String, String)> = found
            .members
            .iter()
            .map(|one| {
                let mark = if one.required { "*" } else { "" };
                let about =
                    if one.about.is_empty() { one.r#type.clone() } else { format!("{}: {}", one.r#type, one.about) };
                (format!("{}{mark}", one.name), about)
            })
            .collect();
        let longest = named.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, about) in &named {
            text.push_str(&row("    ", name, longest, about));
        }
    }
    text
}

/// A name and what is said of it, beside it.
fn row(margin: &str, name: &str, longest: usize, text: &str) -> String {
    let first = format!("{margin}{}  ", padded(name, longest));
    wrapped(text, &first, &" ".repeat(first.len()), width())
}

/// A value as it is written in a declaration.
fn shown(value: &Value) -> String {
    value.as_str().filter(|text| !text.is_empty()).map_or_else(|| value.to_string(), str::to_owned)
}
