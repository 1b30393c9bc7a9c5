//! `init`: the organization file and the schema for editors, so that the first command has something to read.

use std::io;
use std::path::{Path, PathBuf};

use reconciler_aws::{CallError, ErrorClass, Sessions};
use reconciler_kinds::KINDS;
use reconciler_kinds::sources::discovery;
use reconciler_model::desired::{self, Needs, ORGANIZATION_FILE, Organization, Source};
use serde_json::json;

use crate::args::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::formats::documents;
use crate::next;
use crate::prompt::{self, ask};
use crate::screen::{GOOD, paint};
use crate::setup::Setup;
use crate::text::counted;
use crate::yaml;

/// The schema's file, beside the declarations.
pub(crate) const SCHEMA_FILE: &str = "schema.json";

/// The role where nothing else is said.
const ROLE: &str = "bedrock-reconciler";

/// The line by which editors find the schema, for a file in the same folder.
pub(crate) fn schema_line() -> String {
    format!("# yaml-language-server: $schema={SCHEMA_FILE}\n")
}

/// What the command line says.
pub(crate) struct Asked {
    /// `ID` or `NAME=ID`.
    pub(crate) accounts: Vec<String>,
    pub(crate) regions: Vec<String>,
    pub(crate) organization: bool,
    pub(crate) role: Option<String>,
    pub(crate) dir: Option<PathBuf>,
}

/// What is written.
struct Answers {
    partition: String,
    regions: Vec<String>,
    /// Id and name of each; none where they are discovered.
    accounts: Vec<(String, String)>,
    role: Option<String>,
    management: Option<String>,
}

pub(crate) async fn run(mut global: Global, asked: Asked) -> Result<Exit, Failure> {
    if let Some(dir) = &asked.dir {
        global.desired.clone_from(dir);
    }
    let setup = Setup::new(global)?;
    let folder = setup.global.desired.clone();
    let file = folder.join(ORGANIZATION_FILE);
    if file.exists() {
        return Err(Failure::new(Exit::Refused, format!("{} is there, and is not overwritten", file.display()))
            .hint("edit it, or name another folder with --dir"));
    }
    let sessions = setup.connect(&Organization::default()).await;
    let own = sessions.identity().await;
    let answers = answers(&setup, &asked, &sessions, own.as_ref().map(|own| (&*own.account, &*own.arn))).await?;
    let text = organization_text(&answers);
    check(&file, &text)?;
    write_new(&file, &text)?;
    let schema = folder.join(SCHEMA_FILE);
    let wrote_schema = !schema.exists();
    if wrote_schema {
        write_new(&schema, &format!("{:#}\n", desired::schema(KINDS)))?;
    }
    let written: Vec<String> = [Some(&file), wrote_schema.then_some(&schema)]
        .into_iter()
        .flatten()
        .map(|path| path.display().to_string())
        .collect();
    let told = json!({
        "written": written,
        "accounts": answers.accounts.iter().map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>(),
        "discover": answers.accounts.is_empty(),
        "regions": answers.regions,
        "role": answers.role,
        "managementAccount": answers.management,
    });
    setup.screen.json(&documents::named(documents::INIT, told))?;
    for path in &written {
        setup.screen.line(format_args!("{} {path}", paint(GOOD, "wrote")))?;
    }
    if !wrote_schema {
        setup.screen.line(format_args!("kept  {}", schema.display()))?;
    }
    for line in texts(&answers) {
        setup.screen.line(line)?;
    }
    next::say(setup.screen, &next::after_init(&setup.global, own.is_ok()))?;
    Ok(Exit::Done)
}

/// What the options say, then what the credentials tell, then what is asked at the terminal.
async fn answers(
    setup: &Setup,
    asked: &Asked,
    sessions: &Sessions,
    own: Result<(&str, &str), &CallError>,
) -> Result<Answers, Failure> {
    let at_terminal = prompt::is_possible();
    let is_told = asked.organization || !asked.accounts.is_empty();
    let unknown = |error: &CallError| match error.class {
        ErrorClass::NoCredentials => "there are no credentials to ask with".to_owned(),
        _ => format!("the credentials do not tell: failed to {error}"),
    };
    let mut accounts: Vec<(String, String)> = Vec::new();
    for written in &asked.accounts {
        let (name, id) = written.split_once('=').unwrap_or(("", written));
        let name = if name.is_empty() && asked.accounts.len() == 1 {
            "main"
        } else if name.is_empty() {
            id
        } else {
            name
        };
        if name == id {
            return Err(Failure::new(Exit::Usage, format!("account {id} has no name"))
                .hint("write --account NAME=ID for each of several accounts"));
        }
        accounts.push((id.to_owned(), name.to_owned()));
    }
    let mut organization = asked.organization;
    if !is_told && at_terminal {
        organization =
            ask("One account, or every account of your AWS organization? [one/all]", "one")?.starts_with('a');
    }
    if !organization && accounts.is_empty() {
        let found = match own {
            Ok((account, arn)) => {
                setup.screen.remark(format_args!("the credentials are of account {account} ({arn})"));
                Some(account.to_owned())
            }
            Err(_) => None,
        };
        let id = match (found, at_terminal) {
            (Some(id), false) => id,
            (found, true) => ask("Account id?", found.as_deref().unwrap_or_default())?,
            (None, false) => {
                let why = own.err().map(unknown).unwrap_or_default();
                return Err(Failure::new(Exit::Usage, format!("the account is not known: {why}"))
                    .hint("name it with --account ID, or give credentials, for instance with AWS_PROFILE"));
            }
        };
        let name = if at_terminal { ask("What to call it?", "main")? } else { "main".to_owned() };
        accounts.push((id, name));
    }
    let mut regions = asked.regions.clone();
    if regions.is_empty() {
        let home = sessions.home_region().unwrap_or_else(|| "us-east-1".to_owned());
        regions = match at_terminal {
            true => ask("Regions, with commas?", &home)?.split([',', ' ']).map(str::to_owned).collect(),
            false => {
                setup.screen.remark(format_args!("the region is {home}; name others with --region"));
                vec![home]
            }
        };
        regions.retain(|region| !region.is_empty());
    }
    let several = organization || accounts.len() > 1;
    let role = match (&asked.role, several) {
        (Some(role), _) => Some(role.clone()),
        (None, false) => None,
        (None, true) if at_terminal => Some(ask("The role to assume in each account?", ROLE)?),
        (None, true) => Some(ROLE.to_owned()),
    };
    let partition = match own {
        Ok((_, arn)) => arn.split(':').nth(1).unwrap_or("aws").to_owned(),
        Err(_) => partition_of(&regions).to_owned(),
    };
    let management =
        if organization { Some(management(setup, sessions, &partition, own.map_err(unknown)).await?) } else { None };
    Ok(Answers { partition, regions, accounts, role, management })
}

/// The id of the management account, as Organizations says.
async fn management(
    setup: &Setup,
    sessions: &Sessions,
    partition: &str,
    own: Result<(&str, &str), String>,
) -> Result<String, Failure> {
    if let Err(why) = own {
        return Err(Failure::new(Exit::Failed, format!("the organization is not known: {why}"))
            .hint("give credentials of an account of the organization, or list the accounts with --account NAME=ID"));
    }
    let of_partition = Organization { partition: partition.to_owned(), ..Organization::default() };
    let home = of_partition.home_region(reconciler_model::address::ScopeKind::Organization);
    let directory = discovery::discover(sessions, home, Needs::default()).await?;
    setup.screen.remark(format_args!(
        "Organizations lists {} accounts; the management account is {}",
        directory.accounts.len(),
        directory.management
    ));
    Ok(directory.management)
}

fn partition_of(regions: &[String]) -> &'static str {
    let first = regions.first().map(String::as_str).unwrap_or_default();
    desired::partition_of(first)
}

fn organization_text(answers: &Answers) -> String {
    let Answers { partition, regions, accounts, role, management } = answers;
    let word = |text: &str| yaml::text(&json!(text)).unwrap_or_default().trim_end().to_owned();
    let mut text = schema_line();
    text.push_str(&format!("partition: {}\n", word(partition)));
    if let Some(management) = management {
        text.push_str(&format!("managementAccount: {}\n", word(management)));
    }
    if let Some(role) = role {
        text.push_str(&format!("role: {}\n", word(role)));
    }
    text.push_str("regions:\n");
    regions.iter().for_each(|region| text.push_str(&format!("  - {}\n", word(region))));
    match accounts.as_slice() {
        [] => text.push_str("accounts: discover\n"),
        accounts => {
            text.push_str("accounts:\n");
            for (id, name) in accounts {
                text.push_str(&format!(
                    "  - id: \"{}\"\n    name: {}\n",
                    id.replace(['"', '\\', '\n'], "?"),
                    word(name)
                ));
            }
        }
    }
    text
}

/// What is wrong with the answers is said before anything is written.
fn check(file: &Path, text: &str) -> Result<(), Failure> {
    let source = Source::new(file.display().to_string(), Ok(text.as_bytes().to_vec()));
    desired::load_organization(&[source]).map(drop).map_err(|problems| {
        let first = problems.first();
        let text = first.map(|problem| problem.detail.clone()).unwrap_or_default();
        Failure::new(Exit::Usage, text).hint(first.map(|problem| problem.remedy.clone()).unwrap_or_default())
    })
}

/// What the file means, for people.
fn texts(answers: &Answers) -> Vec<String> {
    let Answers { regions, accounts, role, management, .. } = answers;
    let regions = regions.join(", ");
    match (role, management) {
        (None, _) => vec![format!(
            "it looks at {} in {regions}, with the credentials that it is run with",
            accounts.iter().map(|(id, name)| format!("{name} ({id})")).collect::<Vec<_>>().join(", ")
        )],
        (Some(role), Some(management)) => vec![
            format!(
                "it looks at every account of the organization in {regions}, and assumes the role {role} in each but your own"
            ),
            format!("the management account is {management}"),
        ],
        (Some(role), None) => vec![
            format!(
                "it looks at {} in {regions}, and assumes the role {role} in each but your own",
                counted(accounts.len(), "account")
            ),
            "for policies of an organization, add `managementAccount:` with the name of one of the accounts".to_owned(),
        ],
    }
}

/// Writes a file that must not be there, whole or not at all: half of a declaration can be a valid one that holds less.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Refused, format!("{} is there, and is not overwritten", path.display()))
        }
        _ => Failure::new(Exit::Failed, format!("failed to write {}: {error}", path.display())),
    };
    files::write_new(path, text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_valid_whatever_it_is_called() {
        for name in ["main", "yes", "007", "a: b", "#"] {
            let answers = Answers {
                partition: "aws".to_owned(),
                regions: vec!["us-east-1".to_owned()],
                accounts: vec![("011122223333".to_owned(), name.to_owned())],
                role: None,
                management: None,
            };
            let text = organization_text(&answers);
            assert!(check(Path::new("organization.yaml"), &text).is_ok(), "{text}");
            let source = Source::new("organization.yaml", Ok(text.into_bytes()));
            let organization = desired::load_organization(&[source]).expect("valid");
            assert_eq!(organization.accounts[0].name, name);
        }
    }
}
