//! Scenarios: scripts with a name, and how a script is played.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::Emulator;
use crate::directory::Directory;
use crate::emulator::Operation;
use crate::fault::{insert_at, remove_at};
use crate::options::{AccountSeed, Options};
use crate::principal::Principal;
use crate::script::{Edit, Script, Step};
use crate::service::{Form, Name, Service};
use crate::services::{self, SERVICES};
use crate::world::{Place, Scope, World, lock};

/// Names and one-line descriptions of what is built in.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("empty", "three accounts and nothing in them but KMS keys and their aliases"),
    ("bare", "three accounts with keys, buckets and networks as they are made, and no control on them"),
    ("in-sync", "exactly what the desired state wants, built by a deployer thirty days ago"),
    ("drifted", "in-sync, then attacked in every account by one developer"),
    ("aws-genai-02", "in-sync, then content filters and PII masking weakened"),
    ("aws-genai-03", "in-sync, then the endpoints of Bedrock deleted, opened to everybody, and taken out of the DNS"),
    ("aws-genai-04", "in-sync, then invocation logging and its log groups weakened"),
    (
        "aws-genai-05",
        "in-sync, then the selectors of the organization trail emptied, half restored, and logging stopped",
    ),
    ("aws-genai-06", "in-sync, then the prompt-attack filter weakened"),
    ("aws-genai-09", "in-sync, then the service control policy weakened and detached"),
    ("guardrail-deleted", "in-sync, then guardrails deleted"),
    ("filter-lowered", "in-sync, then content filters lowered, switched off and removed"),
    ("flags-disabled", "in-sync, then kinds of data left out of the invocation log"),
    ("logging-deleted", "in-sync, then invocation logging deleted"),
    ("delivery-broken", "in-sync, then the delivery of invocation logs broken without touching its configuration"),
    ("selectors-emptied", "in-sync, then the selectors of the organization trail emptied"),
    (
        "selectors-reduced",
        "in-sync, then the selectors for agents and knowledge bases taken from the organization trail",
    ),
    ("trail-stopped", "in-sync, then the organization trail stopped"),
    ("trail-deleted", "in-sync, then the organization trail deleted"),
    ("endpoint-deleted", "in-sync, then endpoints of Bedrock deleted"),
    ("endpoint-widened", "in-sync, then the policy of an endpoint opened to everybody"),
    ("scp-weakened", "in-sync, then the service control policy weakened"),
    ("scp-detached", "in-sync, then the service control policy detached"),
    ("version-deleted", "in-sync, then published versions deleted that are still referred to"),
    ("enforcement-removed", "in-sync, then the enforced guardrail configuration deleted"),
    ("campaign", "in-sync, then a campaign over every control in three accounts, with an innocent change in between"),
    ("insider", "in-sync, then an insider who repoints, renames, hides and jams"),
];

fn embedded(name: &str) -> Option<&'static str> {
    Some(match name {
        "empty" => include_str!("../scenarios/empty.yaml"),
        "bare" => include_str!("../scenarios/bare.yaml"),
        "in-sync" => include_str!("../scenarios/in-sync.yaml"),
        "drifted" => include_str!("../scenarios/drifted.yaml"),
        "aws-genai-02" => include_str!("../scenarios/aws-genai-02.yaml"),
        "aws-genai-03" => include_str!("../scenarios/aws-genai-03.yaml"),
        "aws-genai-04" => include_str!("../scenarios/aws-genai-04.yaml"),
        "aws-genai-05" => include_str!("../scenarios/aws-genai-05.yaml"),
        "aws-genai-06" => include_str!("../scenarios/aws-genai-06.yaml"),
        "aws-genai-09" => include_str!("../scenarios/aws-genai-09.yaml"),
        "guardrail-deleted" => include_str!("../scenarios/guardrail-deleted.yaml"),
        "filter-lowered" => include_str!("../scenarios/filter-lowered.yaml"),
        "flags-disabled" => include_str!("../scenarios/flags-disabled.yaml"),
        "logging-deleted" => include_str!("../scenarios/logging-deleted.yaml"),
        "delivery-broken" => include_str!("../scenarios/delivery-broken.yaml"),
        "selectors-emptied" => include_str!("../scenarios/selectors-emptied.yaml"),
        "selectors-reduced" => include_str!("../scenarios/selectors-reduced.yaml"),
        "trail-stopped" => include_str!("../scenarios/trail-stopped.yaml"),
        "trail-deleted" => include_str!("../scenarios/trail-deleted.yaml"),
        "endpoint-deleted" => include_str!("../scenarios/endpoint-deleted.yaml"),
        "endpoint-widened" => include_str!("../scenarios/endpoint-widened.yaml"),
        "insider" => include_str!("../scenarios/insider.yaml"),
        "scp-weakened" => include_str!("../scenarios/scp-weakened.yaml"),
        "scp-detached" => include_str!("../scenarios/scp-detached.yaml"),
        "version-deleted" => include_str!("../scenarios/version-deleted.yaml"),
        "enforcement-removed" => include_str!("../scenarios/enforcement-removed.yaml"),
        "campaign" => include_str!("../scenarios/campaign.yaml"),
        _ => return None,
    })
}

/// A scenario or script that cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Neither a scenario nor a file.
    #[error("no scenario and no file is named {name}; scenarios are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A script file that cannot be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Text that is not YAML.
    #[error("failed to parse the script as YAML")]
    Yaml(#[source] serde_yaml::Error),
    /// YAML that is not a script.
    #[error("failed to read the script")]
    Script(#[source] serde_json::Error),
    /// A scenario that includes itself.
    #[error("scenarios include one another too deeply at {name}")]
    TooDeep {
        /// The innermost.
        name: String,
    },
    /// A step that cannot be turned into a call.
    #[error("step {step} ({operation}) is invalid: {reason}")]
    Step {
        /// Position in the script, from 1.
        step: usize,
        /// Operation of the step.
        operation: String,
        /// What is wrong.
        reason: String,
    },
    /// A call that did not end as the script says.
    #[error("step {step} ({operation} in {place}) ended with {ending}")]
    Outcome {
        /// Position in the script, from 1.
        step: usize,
        /// Operation of the step.
        operation: String,
        /// Account and region of the call.
        place: String,
        /// What happened, and what was to happen.
        ending: String,
    },
}

/// The world of a scenario.
pub(crate) fn build(name_or_path: &str, mut options: Options) -> Result<Emulator, ScenarioError> {
    let scripts = load(name_or_path, 0)?;
    let mut accounts: Vec<AccountSeed> = Vec::new();
    for account in scripts.iter().flat_map(|script| &script.accounts).chain(&options.accounts) {
        if !accounts.iter().any(|known| known.id == account.id) {
            accounts.push(account.clone());
        }
    }
    options.accounts = accounts;
    if options.regions.is_empty() {
        options.regions = scripts
            .iter()
            .map(|script| &script.regions)
            .find(|regions| !regions.is_empty())
            .cloned()
            .unwrap_or_default();
    }
    if options.organization.is_none() {
        options.organization = scripts.iter().rev().find_map(|script| script.organization.clone());
    }
    let emulator = Emulator::new(options);
    let start = emulator.world().start();
    for script in &scripts {
        play(&emulator, script, start)?;
    }
    if let Some(own) = scripts.last().filter(|script| script.include.is_some()) {
        let first = own.steps.iter().filter_map(|step| moment(start, step.at.as_deref()).ok()).min();
        emulator.world().keep_beginning(first);
    }
    emulator.settle();
    emulator.clear_calls();
    Ok(emulator)
}

/// A script, after those that it includes.
fn load(name_or_path: &str, depth: usize) -> Result<Vec<Script>, ScenarioError> {
    if depth > 8 {
        return Err(ScenarioError::TooDeep { name: name_or_path.to_owned() });
    }
    let script = match embedded(name_or_path) {
        Some(text) => Script::parse(text)?,
        None if Path::new(name_or_path).is_file() => {
            let text = std::fs::read_to_string(name_or_path)
                .map_err(|source| ScenarioError::Read { path: name_or_path.to_owned(), source })?;
            Script::parse(&text)?
        }
        None => {
            let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            return Err(ScenarioError::Unknown { name: name_or_path.to_owned(), known: known.join(", ") });
        }
    };
    let mut scripts = match &script.include {
        Some(included) => load(included, depth + 1)?,
        None => Vec::new(),
    };
    scripts.push(script);
    Ok(scripts)
}

/// Plays the steps of one script; times are relative to `base`.
pub(crate) fn play(emulator: &Emulator, script: &Script, base: Timestamp) -> Result<(), ScenarioError> {
    let world = emulator.world();
    let mut saved: HashMap<(String, String), BTreeMap<String, Value>> = HashMap::new();
    let default_regions = if world.options.regions.is_empty() { &script.regions } else { &world.options.regions };
    for (index, step) in script.steps.iter().enumerate() {
        let invalid =
            |reason: String| ScenarioError::Step { step: index + 1, operation: step.operation.clone(), reason };
        let at = moment(base, step.at.as_deref()).map_err(invalid)?;
        let regions = step.regions.as_ref().unwrap_or(default_regions);
        let mut somewhere = false;
        for account in world.accounts.values().filter(|account| step.accounts.include(account)) {
            for region in regions {
                somewhere = true;
                let names = saved.entry((account.id.clone(), region.clone())).or_default();
                play_step(emulator, index + 1, step, account, region, at, names)?;
            }
        }
        if !somewhere {
            return Err(invalid("it selects no account or no region".to_owned()));
        }
    }
    emulator.inject(script.faults.clone());
    Ok(())
}

fn play_step(
    emulator: &Emulator,
    number: usize,
    step: &Step,
    account: &AccountSeed,
    region: &str,
    at: Timestamp,
    names: &mut BTreeMap<String, Value>,
) -> Result<(), ScenarioError> {
    let invalid = |reason: String| ScenarioError::Step { step: number, operation: step.operation.clone(), reason };
    let place = emulator.world().place(&account.id, region);
    let (caller, input) = {
        let place = lock(&place);
        let resolver = Resolver { world: emulator.world(), place: &place, account, names };
        let caller = Principal::from_arn(&resolver.text(&step.principal).map_err(invalid)?, at);
        (caller, resolver.input(step).map_err(invalid)?)
    };
    let asked = Operation {
        caller: &caller,
        service: &step.service,
        operation: &step.operation,
        input: &input,
        at,
        user_agent: step.user_agent.as_deref().unwrap_or("aws-cli/2.31.5"),
        source_ip: step.source_ip.as_deref().unwrap_or("198.51.100.23"),
    };
    let answer = emulator.play(&account.id, region, &asked);
    let ended = answer.as_ref().err().map(|error| error.code.as_ref());
    if ended != step.error.as_deref() {
        let outcome = answer
            .as_ref()
            .err()
            .map_or_else(|| "success".to_owned(), |error| format!("{}: {}", error.code, error.message));
        let expected = step.error.as_deref().unwrap_or("success");
        return Err(ScenarioError::Outcome {
            step: number,
            operation: step.operation.clone(),
            place: format!("{}/{region}", account.id),
            ending: format!("{outcome}, expected {expected}"),
        });
    }
    for (name, pointer) in &step.save {
        let value = answer.as_ref().ok().and_then(|answer| answer.pointer(pointer)).cloned();
        names.insert(name.clone(), value.ok_or_else(|| invalid(format!("the answer has no member {pointer}")))?);
    }
    Ok(())
}

/// `-2h`, `-30d`, `-90m`, `-10s` from a base.
fn moment(base: Timestamp, offset: Option<&str>) -> Result<Timestamp, String> {
    let Some(offset) = offset else {
        return Ok(base);
    };
    let invalid = || format!("`{offset}` is not an offset such as -2h");
    let mut characters = offset.chars();
    let unit = match characters.next_back() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(invalid()),
    };
    let count: i64 = characters.as_str().parse().map_err(|_| invalid())?;
    let seconds = count.checked_mul(unit).ok_or_else(invalid)?;
    base.checked_add(SignedDuration::from_secs(seconds)).map_err(|_| invalid())
}

/// Turns the texts of a step into those of one place.
struct Resolver<'a> {
    world: &'a World,
    place: &'a Place,
    account: &'a AccountSeed,
    names: &'a BTreeMap<String, Value>,
}

impl Resolver<'_> {
    /// The input of the call.
    fn input(&self, step: &Step) -> Result<Map<String, Value>, String> {
        let mut input = match self.value(&step.body)? {
            Value::Object(input) => input,
            Value::Null => Map::new(),
            _ => return Err("its body is no object".to_owned()),
        };
        if step.edits.is_empty() {
            return Ok(input);
        }
        let mut live = self.live(step, &input)?;
        for edit in &step.edits {
            match edit {
                Edit::Set(members) => {
                    for (pointer, value) in members {
                        if !insert_at(&mut live, pointer, &self.value(value)?) {
                            return Err(format!("the live object has no place for {pointer}"));
                        }
                    }
                }
                Edit::Remove(pointers) => {
                    for pointer in pointers {
                        if !remove_at(&mut live, pointer) {
                            return Err(format!("the live object has no {pointer}"));
                        }
                    }
                }
            }
        }
        if let Value::Object(live) = live {
            for (name, value) in live {
                input.entry(name).or_insert(value);
            }
        }
        Ok(input)
    }

    /// The live object as a request.
    fn live(&self, step: &Step, input: &Map<String, Value>) -> Result<Value, String> {
        let live = services::find(&step.service).action(&step.operation).and_then(|action| action.live);
        let live = live.ok_or_else(|| format!("{} has no live object that can be edited", step.operation))?;
        live(&self.place.state, input)
    }

    fn value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?,
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.value(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    fn text(&self, text: &str) -> Result<String, String> {
        if named(text).is_some_and(|(_, name, _)| name.form == Form::NamedOrBare) {
            return self.name(text);
        }
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}` has no closing brace"))?;
            resolved.push_str(before);
            resolved.push_str(&self.name(name)?);
            rest = after;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    /// The account and region of `ACCOUNT/REGION`, the account by id or name.
    fn elsewhere<'a>(&'a self, place: &'a str) -> Option<(&'a str, &'a str)> {
        let (account, region) = place.split_once('/')?;
        let account = self.world.accounts.values().find(|one| one.id == account || one.name == account)?;
        Some((&account.id, region))
    }

    /// What a service has of that name, here or elsewhere.
    fn find(&self, service: &Service, name: &Name, wanted: &str) -> Option<String> {
        let directory = Directory::new(self.world);
        let Scope { account, region, .. } = &self.place.scope;
        let here = (account.as_str(), region.as_str());
        let (wanted, asked) = match wanted.rsplit_once('@').map(|(wanted, place)| (wanted, self.elsewhere(place))) {
            Some((wanted, Some(place))) => (wanted, place),
            _ => (wanted, here),
        };
        let nothing = Map::new();
        let home = service.home.place(&self.world.management, ("", &nothing), asked);
        if home == here {
            return (name.find)(&directory, self.place, wanted);
        }
        let place = self.world.place(home.0, home.1);
        let place = lock(&place);
        (name.find)(&directory, &place, wanted)
    }

    fn name(&self, name: &str) -> Result<String, String> {
        let Scope { partition, account, region } = &self.place.scope;
        let found = match (named(name), name) {
            (Some((service, known, wanted)), _) => self.find(service, known, wanted),
            (None, "account") => Some(account.clone()),
            (None, "account.name") => Some(self.account.name.clone()),
            (None, "region") => Some(region.clone()),
            (None, "partition") => Some((*partition).to_owned()),
            (None, "geography") => Some(geography(region).to_owned()),
            (None, saved) => {
                self.names.get(saved).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            }
        };
        found.ok_or_else(|| format!("nothing is named {name} in {account}/{region}"))
    }
}

/// The service that knows a name, and what it is the name of.
fn named(text: &str) -> Option<(&'static Service, &'static Name, &str)> {
    let (label, wanted) = text.split_once(':').map_or((text, None), |(label, wanted)| (label, Some(wanted)));
    let fits = |name: &&Name| name.label == label && (name.form == Form::One) == wanted.is_none();
    SERVICES.iter().find_map(|service| Some((*service, service.names.iter().find(fits)?, wanted.unwrap_or_default())))
}

/// Prefix of the guardrail profile that serves a region (README.md, Guardrail profiles).
fn geography(region: &str) -> &str {
    match region {
        "il-central-1" => "eu",
        "ca-central-1" => "ca",
        _ if region.starts_with("us-gov-") => "us-gov",
        _ if region.starts_with("ap-") => "apac",
        _ => region.split('-').next().unwrap_or(region),
    }
}
