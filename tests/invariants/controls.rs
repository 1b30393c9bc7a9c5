//! The controls as data: each of them is complete, and holds every step and signal of the sources.
//!
//! `steps_of_the_sources.tsv` lists what the sources say; the controls are held against it both ways, so that neither a
//! step can be left out nor one be made up without a row that says where it is from.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_kinds::KINDS;
use reconciler_model::alert::SeenIn;
use reconciler_model::control::{self, AlertClass, Control, FRAMEWORKS, QuerySource, ResponseStep, StepType};
use reconciler_model::kind::Kind;
use reconciler_model::tree::Path;

/// One row of the table.
struct Row {
    control: &'static str,
    source: &'static str,
    ours: Vec<&'static str>,
    /// The class and the minutes of a signal; `None` for a step.
    told: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let lines = include_str!("steps_of_the_sources.tsv").lines().filter(|line| !line.starts_with('#')).skip(1);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [control, source, _, ours, told] = cells[..] else { panic!("five cells: {line}") };
            let told = Some(told).filter(|told| *told != "-");
            Row { control, source, ours: ours.split(',').collect(), told }
        })
        .collect()
}

fn controls() -> &'static [Control] {
    control::load().expect("controls")
}

fn kind_named(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

#[test]
fn every_step_and_signal_of_the_sources_is_in_its_control() {
    for Row { control: id, source, ours, told } in rows() {
        let control = control::find(id).expect(id);
        for one in ours {
            let Some(told) = told else {
                assert!(control.response.iter().any(|step| step.id == one), "{id} has no step {one} for {source}");
                continue;
            };
            let signal = control.signals.iter().find(|signal| signal.id == one).expect(source);
            let minutes = signal.within_minutes.map_or_else(|| "-".to_owned(), |minutes| minutes.to_string());
            assert_eq!(format!("{} {minutes}", signal.class.word()), told, "{id} {source}");
            assert!(!signal.ours, "{id} {one}: the sources have it");
        }
    }
}

#[test]
fn every_step_and_signal_of_a_control_is_from_the_sources_or_says_that_it_is_ours() {
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows() {
        named.entry(row.control).or_default().extend(row.ours);
    }
    for control in controls() {
        let named = &named[control.id.as_str()];
        for step in &control.response {
            assert!(named.contains(step.id.as_str()), "{} {} is in no row of the table", control.id, step.id);
        }
        for signal in control.signals.iter().filter(|signal| !signal.ours) {
            assert!(named.contains(signal.id.as_str()), "{} {} is in no row of the table", control.id, signal.id);
        }
    }
}

#[test]
fn controls_are_ten_and_their_ids_signals_steps_and_queries_are_unique() {
    let ids: Vec<String> = (1..=10).map(|number| format!("aws-genai-{number:02}")).collect();
    assert_eq!(controls().iter().map(|control| &control.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    for control in controls() {
        let unique = |names: Vec<&str>| {
            let count = names.len();
            assert_eq!(names.into_iter().collect::<BTreeSet<_>>().len(), count, "{}", control.id);
        };
        unique(control.signals.iter().map(|signal| signal.id.as_str()).collect());
        unique(control.response.iter().map(|step| step.id.as_str()).collect());
        unique(control.response.iter().flat_map(|step| &step.queries).map(|query| query.name.as_str()).collect());
        for framework in control.compliance.keys() {
            assert!(FRAMEWORKS.contains(&framework.as_str()), "{}: {framework}", control.id);
        }
        assert!(control.compliance.values().all(|references| !references.is_empty()));
    }
}

#[test]
fn kinds_are_known_or_waited_for() {
    for control in controls() {
        assert!(control.kinds.iter().all(|name| kind_named(name).is_some()), "{}", control.id);
        for name in &control.waits_for {
            assert!(kind_named(name).is_none(), "{}: {name} is there, so nothing waits for it", control.id);
        }
        for step in &control.response {
            let known = step.kinds.iter().all(|name| control.kinds.contains(name));
            let waits = step.waits_for.iter().all(|name| control.waits_for.contains(name));
            assert!(known && waits, "{} {}", control.id, step.id);
        }
        let restored: BTreeSet<&String> = control.response.iter().flat_map(|step| &step.kinds).collect();
        let open: Vec<&String> =
            control.kinds.iter().filter(|name| !restored.contains(name) && *name != "kms-key").collect();
        assert!(open.is_empty(), "{}: no step is about {open:?}", control.id);
    }
}

/// Whether a kind's tree has this member; the published versions are no part of what is declared, nor is what overrules it.
fn has_member(kind: &dyn Kind, name: &str) -> bool {
    let schema = kind.contract().schema();
    let declared = schema.as_value().pointer("/properties").and_then(|members| members.get(name));
    let beside = [
        ("guardrail", "publishedVersion"),
        ("guardrail", "olderVersions"),
        ("iam-role", "overruled"),
        ("bedrock-policy", "overruled"),
    ];
    declared.is_some() || beside.contains(&(kind.name(), name))
}

#[test]
fn conditions_are_about_what_the_kinds_have() {
    for control in controls() {
        for signal in &control.signals {
            assert_eq!(signal.seen_in == SeenIn::State, !signal.when.is_empty(), "{} {}", control.id, signal.id);
            let in_time = signal.class != AlertClass::Page || signal.within_minutes.is_some();
            assert!(in_time, "{} {}: a page has a deadline", control.id, signal.id);
            for condition in &signal.when {
                assert!(!condition.kinds.is_empty(), "{} {}", control.id, signal.id);
                for name in &condition.kinds {
                    assert!(control.kinds.contains(name), "{} {}: {name}", control.id, signal.id);
                    let kind = kind_named(name).expect("a kind");
                    for path in &condition.paths {
                        let head = path.head().expect("a segment");
                        assert!(has_member(kind, head), "{} {}: {path}", control.id, signal.id);
                    }
                }
            }
        }
    }
}

/// What a published version may not be weaker in pages in an older one too: whoever covers it with a good one gains nothing.
#[test]
fn older_versions_alert_as_the_newest_does() {
    let mut paths = 0;
    for control in controls() {
        for (id, condition) in control.signals.iter().flat_map(|one| one.when.iter().map(move |when| (&one.id, when))) {
            let tails = |heads: &[&str]| -> BTreeSet<Vec<String>> {
                let of = |path: &Path| {
                    let segments = path.segments();
                    let is_so = heads.iter().zip(segments).all(|(head, segment)| head == segment);
                    (is_so && segments.len() > heads.len()).then(|| segments[heads.len()..].to_vec())
                };
                condition.paths.iter().filter_map(of).collect()
            };
            let newest = tails(&["publishedVersion"]);
            assert_eq!(newest, tails(&["olderVersions", "*"]), "{} {id}", control.id);
            paths += newest.len();
        }
    }
    assert!(paths > 15, "{paths}");
}

fn check_step(place: &str, step: &ResponseStep) {
    let has_reason = step.why.as_ref().is_some_and(|why| why.len() > 20);
    match step.does {
        StepType::Manual => assert!(has_reason, "{place}: people do it, and nobody says why"),
        StepType::Contain => {
            assert!(step.undo.is_some() && has_reason, "{place}: no way back");
            let expires = step.expires.as_deref().expect(place);
            let span: jiff::Span = expires.parse().expect(place);
            assert!(span.get_hours() > 0, "{place}");
        }
        StepType::Inventory => assert!(!step.queries.is_empty() || has_reason, "{place}: it asks nothing"),
        StepType::Restore | StepType::Verify => {
            assert!(!step.kinds.is_empty() || !step.waits_for.is_empty(), "{place}: of what?");
        }
        StepType::Incident => {}
    }
    assert!(step.waits_for.is_empty() || has_reason, "{place}: it waits, and nobody says for what");
    assert!(step.does == StepType::Inventory || step.queries.is_empty(), "{place}");
}

#[test]
fn steps_have_what_their_type_needs() {
    for control in controls() {
        for step in &control.response {
            check_step(&format!("{} {}", control.id, step.id), step);
        }
        let types: BTreeSet<&str> = control.response.iter().map(|step| step.does.word()).collect();
        for does in ["restore", "verify", "inventory", "incident", "manual"] {
            assert!(types.contains(does), "{}: no step is {does}", control.id);
        }
    }
}

#[test]
fn no_query_reads_a_prompt_or_an_answer() {
    let bodies = ["inputBodyJson", "outputBodyJson", "@message"];
    for query in controls().iter().flat_map(|control| &control.response).flat_map(|step| &step.queries) {
        match query.source {
            QuerySource::EventHistory => {
                let names: Vec<&str> = query.text.split(", ").collect();
                assert!(names.iter().all(|name| name.chars().all(char::is_alphanumeric)), "{}", query.name);
            }
            QuerySource::TrailLogs | QuerySource::InvocationLogs => {
                for command in query.text.lines().map(|line| line.trim_start_matches("| ")) {
                    let looks_only = command.starts_with("filter ");
                    assert!(looks_only || !bodies.iter().any(|body| command.contains(body)), "{command}");
                }
                let projects = query.text.contains("stats count(*)") || query.text.contains("fields ");
                assert!(projects, "{}: without a projection the whole record would be read", query.name);
                assert!(query.text.contains("| limit 1000"), "{}: unbounded", query.name);
            }
        }
    }
}

/// What a control rests on and nobody holds is said, of each kind that has such parts.
#[test]
fn controls_say_what_they_rest_on_and_what_is_not_held() {
    let in_part = ["kms-key", "log-bucket", "log-group", "trail", "vpc-endpoint"];
    for control in controls() {
        let said: BTreeSet<&str> = control.not_held.iter().map(|one| one.kind.as_str()).collect();
        let due: BTreeSet<&str> =
            control.kinds.iter().map(String::as_str).filter(|kind| in_part.contains(kind)).collect();
        assert_eq!(said, due, "{}", control.id);
        for one in &control.not_held {
            assert!(one.about.ends_with('.') && one.look.starts_with("aws "), "{}: {one:?}", control.id);
        }
    }
}
