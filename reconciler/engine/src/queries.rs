//! The inventory of an incident: a control's queries, asked for the time of the exposure.
//!
//! # Guarantees
//! - A query is bounded in time, in rows and in how many run at once; one that takes too long is stopped.
//! - What cannot be asked has a reason in the answer: no log group, no permission, not in time.
//! - No prompt and no answer of a model is kept: fields that hold one are left out, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use reconciler_aws::client::LogQuery;
use reconciler_model::address::Scope;
use reconciler_model::attribution::history::Event;
use reconciler_model::attribution::seconds;
use reconciler_model::control::{Answered, Control, Query, QuerySource, ResponseStep};
use reconciler_model::inventory::Inventory;
use reconciler_model::plan::Plan;

use crate::attribution::reason;
use crate::reconciler::Reconciler;

/// How long one query of logs may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows of one query that are kept.
const MOST_ROWS: usize = 1000;

/// Queries under way in one account and region. Services have a quota for these which is not documented
/// (kinds/sources/insights/README.md, Hypotheses).
const AT_ONCE: usize = 4;

/// Places that are asked side by side.
const PLACES_AT_ONCE: usize = 16;

/// Characters of one value that are kept.
const MOST_OF_A_VALUE: usize = 1000;

/// Where records are written to: the log groups of trails and of model invocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    groups: BTreeSet<(QuerySource, Scope, String)>,
}

impl Places {
    /// Those that the live resources name, and those that the steps of the plan are about to name again.
    pub fn of(
        reconciler: &Reconciler<'_>,
        plan: &Plan,
        inventory: &Inventory,
        account_ids: &BTreeMap<String, String>,
    ) -> Self {
        let live = inventory.resources.values().map(|observed| (&observed.address, &observed.tree));
        let expected = plan.steps.iter().map(|step| (&step.address, &step.expected_state.tree));
        let mut places = Self::default();
        for (address, tree) in live.chain(expected) {
            let Some(client) = reconciler.client(&address.kind) else { continue };
            let Some((source, group)) = client.kind().contract().log_group_of(tree) else { continue };
            let Some(account_id) = account_ids.get(&address.account) else { continue };
            let own = Scope {
                account: address.account.clone(),
                account_id: account_id.clone(),
                region: address.region.clone(),
            };
            let place = match group.strip_prefix("arn:") {
                None => Some((own, group)),
                Some(rest) => of_arn(rest, account_ids),
            };
            places.groups.extend(place.map(|(scope, group)| (source, scope, group)));
        }
        places
    }

    fn of_source(&self, source: QuerySource) -> impl Iterator<Item = (&Scope, &str)> {
        let of_source = self.groups.iter().filter(move |(of, ..)| *of == source);
        of_source.map(|(_, scope, group)| (scope, group.as_str()))
    }
}

/// The place and name of a log group in an ARN, without its first member; the account's name where it is one of ours.
fn of_arn(rest: &str, account_ids: &BTreeMap<String, String>) -> Option<(Scope, String)> {
    let parts: Vec<&str> = rest.splitn(5, ':').collect();
    let [_, "logs", region, id, group] = parts[..] else { return None };
    let group = group.strip_prefix("log-group:")?.trim_end_matches(":*").to_owned();
    let name = account_ids.iter().find(|(_, known)| *known == id).map_or(id, |(name, _)| name).to_owned();
    Some((Scope { account: name, account_id: id.to_owned(), region: region.to_owned() }, group))
}

/// One query of a control.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The control.
    pub control: &'a str,
    /// The step of its response.
    pub step: &'a str,
    /// The query.
    pub query: &'a Query,
}

impl<'a> Question<'a> {
    /// Every query of these controls, in their order.
    pub fn of(controls: impl IntoIterator<Item = &'a Control>) -> Vec<Self> {
        let steps = controls.into_iter().flat_map(|control| control.response.iter().map(move |step| (control, step)));
        let of_step = |(control, step): (&'a Control, &'a ResponseStep)| {
            step.queries.iter().map(move |query| Self { control: &control.id, step: &step.id, query })
        };
        steps.flat_map(of_step).collect()
    }
}

/// One query in one place.
struct Asked<'a> {
    question: &'a Question<'a>,
    scope: Scope,
    log_group: Option<String>,
}

impl Reconciler<'_> {
    /// Asks `questions` for the time from `from` until `until`: of event histories in each of `scopes`, of logs
    /// where they are. Gives an answer, or why there is none, for every query in every place. Reads only.
    pub async fn ask(
        &self,
        questions: &[Question<'_>],
        scopes: &[Scope],
        (from, until): (Timestamp, Timestamp),
        places: &Places,
    ) -> Vec<Answered> {
        let mut by_place: BTreeMap<Scope, Vec<(usize, Asked<'_>)>> = BTreeMap::new();
        let mut answers = Vec::new();
        let mut count = 0;
        for question in questions {
            let asked = |scope, log_group| Asked { question, scope, log_group };
            let places = placed(question.query, scopes, places);
            for scope in without_place(question.query, scopes, &places) {
                let why = "no log group is known that these records are written to".to_owned();
                answers.push((count, unanswered(&asked(scope, None), (from, until), why)));
                count += 1;
            }
            for (scope, log_group) in places {
                by_place.entry(scope.clone()).or_default().push((count, asked(scope, log_group)));
                count += 1;
            }
        }
        let in_places = by_place.into_values().map(|asked| async move {
            let each =
                asked.into_iter().map(|(number, one)| async move { (number, self.ask_one(&one, (from, until)).await) });
            stream::iter(each).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await
        });
        let found: Vec<Vec<_>> = stream::iter(in_places).buffer_unordered(PLACES_AT_ONCE).collect().await;
        answers.extend(found.into_iter().flatten());
        answers.sort_by_key(|(number, _)| *number);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    async fn ask_one(&self, asked: &Asked<'_>, window: (Timestamp, Timestamp)) -> Answered {
        match &asked.log_group {
            None => self.ask_history(asked, window).await,
            Some(group) => self.ask_logs(asked, group, window).await,
        }
    }

    async fn ask_history(&self, asked: &Asked<'_>, (from, until): (Timestamp, Timestamp)) -> Answered {
        let session = self.sessions.session(&asked.scope.account_id, &asked.scope.region);
        let mut answer = blank(asked, (from, until));
        let mut counted: BTreeMap<BTreeMap<String, String>, Count> = BTreeMap::new();
        for name in asked.question.query.text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let past = match self.history.past(&session, name, from, until).await {
                Ok(past) => past,
                Err(error) => {
                    answer.unanswered = Some(reason(&error, &asked.scope.account, &asked.scope.region));
                    break;
                }
            };
            answer.truncated |= past.cut_at.is_some();
            past.events.iter().for_each(|event| counted.entry(key_of(event)).or_default().add(event));
        }
        answer.row_count = counted.len();
        answer.rows = counted.into_iter().map(|(key, count)| count.row(key)).collect();
        answer.truncated |= answer.rows.len() > MOST_ROWS;
        answer.rows.truncate(MOST_ROWS);
        answer
    }

    async fn ask_logs(&self, asked: &Asked<'_>, group: &str, (from, until): (Timestamp, Timestamp)) -> Answered {
        let session = self.sessions.session(&asked.scope.account_id, &asked.scope.region);
        let mut answer = blank(asked, (from, until));
        let query = LogQuery {
            log_group: group.to_owned(),
            text: asked.question.query.text.clone(),
            from,
            until,
            most_rows: MOST_ROWS,
            patience: PATIENCE,
        };
        match self.logs.ask(&session, &query).await {
            Err(error) => answer.unanswered = Some(reason(&error, &asked.scope.account, &asked.scope.region)),
            Ok(found) => {
                answer.truncated = found.rows.len() > MOST_ROWS || found.ended_early.is_some();
                answer.row_count = found.rows.len();
                answer.bytes_scanned = found.bytes_scanned;
                answer.unanswered = found.ended_early;
                let mut left_out = BTreeSet::new();
                let rows = found.rows.into_iter().take(MOST_ROWS);
                answer.rows = rows.map(|row| without_content(row, &mut left_out)).collect();
                answer.left_out = left_out.into_iter().collect();
            }
        }
        answer
    }
}

/// Where a query is asked, with the log group.
fn placed(query: &Query, scopes: &[Scope], places: &Places) -> Vec<(Scope, Option<String>)> {
    match query.source {
        QuerySource::EventHistory => scopes.iter().map(|scope| (scope.clone(), None)).collect(),
        // A trail may bring the records of many accounts together in one place.
        QuerySource::TrailLogs => {
            places.of_source(query.source).map(|(scope, group)| (scope.clone(), Some(group.to_owned()))).collect()
        }
        QuerySource::InvocationLogs => {
            let of_scopes = places.of_source(query.source).filter(|(scope, _)| scopes.contains(scope));
            of_scopes.map(|(scope, group)| (scope.clone(), Some(group.to_owned()))).collect()
        }
    }
}

/// The scopes that a query tells nothing of, because no place is known in which to ask it.
fn without_place(query: &Query, scopes: &[Scope], places: &[(Scope, Option<String>)]) -> Vec<Scope> {
    match query.source {
        QuerySource::InvocationLogs => {
            scopes.iter().filter(|scope| !places.iter().any(|(place, _)| place == *scope)).cloned().collect()
        }
        _ if places.is_empty() => vec![scopes.first().cloned().unwrap_or_else(nowhere)],
        _ => Vec::new(),
    }
}

fn nowhere() -> Scope {
    Scope { account: String::new(), account_id: String::new(), region: String::new() }
}

fn blank(asked: &Asked<'_>, (from, until): (Timestamp, Timestamp)) -> Answered {
    Answered {
        control: asked.question.control.to_owned(),
        step: asked.question.step.to_owned(),
        query: asked.question.query.clone(),
        account: asked.scope.account.clone(),
        region: asked.scope.region.clone(),
        log_group: asked.log_group.clone(),
        from: seconds(from),
        until: seconds(until),
        row_count: 0,
        truncated: false,
        rows: Vec::new(),
        left_out: Vec::new(),
        bytes_scanned: None,
        unanswered: None,
    }
}

fn unanswered(asked: &Asked<'_>, window: (Timestamp, Timestamp), why: String) -> Answered {
    Answered { unanswered: Some(why), ..blank(asked, window) }
}

/// What events are counted by.
fn key_of(event: &Event) -> BTreeMap<String, String> {
    let text = |pointer: &str| event.at(pointer).and_then(serde_json::Value::as_str).map(str::to_owned);
    let mut key = BTreeMap::from([
        ("eventName".to_owned(), event.culprit.event_name.clone()),
        ("principal".to_owned(), event.culprit.principal.clone()),
        ("region".to_owned(), event.culprit.region.clone()),
    ]);
    key.extend(text("/requestParameters/modelId").map(|model| ("modelId".to_owned(), model)));
    if event.failed {
        key.insert("failed".to_owned(), "true".to_owned());
    }
    key
}

#[derive(Default)]
struct Count {
    events: usize,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Count {
    fn add(&mut self, event: &Event) {
        self.events += 1;
        self.first = Some(self.first.map_or(event.at, |first| first.min(event.at)));
        self.last = self.last.max(Some(event.at));
    }

    fn row(self, mut key: BTreeMap<String, String>) -> BTreeMap<String, String> {
        key.insert("count".to_owned(), self.events.to_string());
        key.extend(self.first.map(|first| ("first".to_owned(), seconds(first))));
        key.extend(self.last.map(|last| ("last".to_owned(), seconds(last))));
        key
    }
}

/// A row without what may hold a prompt or an answer, and with no value longer than it has to be.
fn without_content(row: BTreeMap<String, String>, left_out: &mut BTreeSet<String>) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for (field, value) in row {
        if may_hold_content(&field) {
            left_out.insert(field);
        } else {
            kept.insert(field, value.chars().take(MOST_OF_A_VALUE).collect());
        }
    }
    kept
}

/// Whether a field of a log may hold what somebody asked a model, or what it answered. The verdict of a guardrail does not.
fn may_hold_content(field: &str) -> bool {
    let field = field.replace('`', "").to_ascii_lowercase();
    if field.ends_with("guardrailaction") || field.starts_with("count(") {
        return false;
    }
    let words = [
        "@message",
        "@rawmessage",
        "bodyjson",
        "prompt",
        "messages",
        "completion",
        "content",
        "outputtext",
        "inputtext",
    ];
    words.iter().any(|word| field.contains(word)) && !field.ends_with("contenttype")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_with_prompts_or_answers_is_kept() {
        let row = |field: &str| BTreeMap::from([(field.to_owned(), "text".to_owned())]);
        let mut left_out = BTreeSet::new();
        for field in
            ["@message", "input.inputBodyJson", "output.outputBodyJson.content.0.text", "requestParameters.prompt"]
        {
            assert!(without_content(row(field), &mut left_out).is_empty(), "{field}");
        }
        assert_eq!(left_out.len(), 4);
        for field in [
            "identity.arn",
            "output.outputBodyJson.amazon-bedrock-guardrailAction",
            "count(*)",
            "input.inputContentType",
        ] {
            assert_eq!(without_content(row(field), &mut left_out), row(field));
        }
    }

    /// One region that logs says nothing of another one that does not.
    #[test]
    fn a_scope_that_cannot_be_asked_about_is_told() {
        let scope = |region: &str| Scope { region: region.to_owned(), ..nowhere() };
        let scopes = [scope("a"), scope("b")];
        let query = |source| Query { name: "one".into(), about: String::new(), source, text: String::new() };
        let one = [(scope("a"), Some("group".to_owned()))];
        let without = |source, places: &[_]| without_place(&query(source), &scopes, places);
        assert_eq!(without(QuerySource::InvocationLogs, &one), [scope("b")]);
        assert_eq!(without(QuerySource::InvocationLogs, &[]), scopes);
        // A trail may bring the records of all of them together.
        assert_eq!(without(QuerySource::TrailLogs, &one), []);
        assert_eq!(without(QuerySource::TrailLogs, &[]), [scope("a")]);
    }

    #[test]
    fn a_log_group_is_found_by_its_arn() {
        let ids = BTreeMap::from([("prod".to_owned(), "111122223333".to_owned())]);
        let (scope, group) = of_arn("aws:logs:eu-west-1:111122223333:log-group:/trail/logs:*", &ids).expect("a place");
        assert_eq!(
            (scope.account.as_str(), scope.region.as_str(), group.as_str()),
            ("prod", "eu-west-1", "/trail/logs")
        );
        assert_eq!(of_arn("aws:s3:::bucket", &ids), None);
    }
}
