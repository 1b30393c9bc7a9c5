//! What is known of each address, once: the base of every format but Markdown, which has the order of the screen.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_model::address::Address;
use reconciler_model::alert::{self, Alert};
use reconciler_model::codes;
use reconciler_model::control::{self, AlertClass, Control, Severity};
use reconciler_model::direction::Direction;
use reconciler_model::drift::{Change, Drift};
use reconciler_model::flapping::Flapping;
use reconciler_model::inventory::Gap;
use reconciler_model::plan::{Finding, Plan, Step};
use reconciler_model::text::one_line;

use super::{Declared, Found};
use crate::view::changes::{self, Depth, Line, Sign};

/// How an address stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As declared, or stronger and kept, or waived.
    Passed,
    /// Not as declared, or somebody has to look at it.
    Failed,
    /// Not evaluated, or not all of it, and nothing worse is known.
    NotEvaluated,
}

impl Standing {
    /// The word for programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotEvaluated => "not_evaluated",
        }
    }
}

/// One address, or one kind in one scope that could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Subject<'a> {
    /// The address; the name is `*` where a whole kind could not be read.
    pub(crate) address: Address,
    /// How it stands.
    pub(crate) standing: Standing,
    /// Who has to know, the most urgent first.
    pub(crate) alerts: Vec<&'a Alert>,
    /// The controls that it serves.
    pub(crate) controls: Vec<&'a str>,
    /// How it differs.
    pub(crate) drift: Option<&'a Drift>,
    /// What could not be read of it.
    pub(crate) gaps: Vec<&'a Gap>,
    /// What others change back.
    pub(crate) flapping: Vec<&'a Flapping>,
    /// What stands in the way, and what should be known.
    pub(crate) findings: Vec<&'a Finding>,
    /// What would be done.
    pub(crate) steps: Vec<&'a Step>,
    /// `file:line:column` of its declaration.
    pub(crate) at: Option<&'a str>,
}

/// Every address that is declared or that the plan speaks of, in their order.
pub(crate) fn of<'a>(found: &Found<'a>) -> Vec<Subject<'a>> {
    let plan: &'a Plan = found.plan;
    let declared: &'a [Declared] = &found.look.declared;
    let mut all: BTreeMap<Address, Subject<'a>> = BTreeMap::new();
    for one in declared {
        let subject = at(&mut all, &one.address);
        subject.controls = one.controls.iter().map(String::as_str).collect();
        subject.at = Some(&one.at);
    }
    for drift in &plan.drift {
        let subject = at(&mut all, &drift.address);
        subject.drift = Some(drift);
        subject.alerts.extend(&drift.alerts);
        subject.controls.extend(drift.controls.iter().map(String::as_str));
        subject.at = drift.declared_at.as_deref().or(subject.at);
    }
    for flapping in &plan.flapping {
        let subject = at(&mut all, &flapping.address);
        subject.flapping.push(flapping);
        subject.alerts.extend(&flapping.alerts);
    }
    for finding in &plan.findings {
        let subject = at(&mut all, &finding.address);
        subject.findings.push(finding);
        subject.alerts.extend(&finding.alerts);
    }
    for gap in &plan.gaps {
        let covered: Vec<Address> = all.keys().filter(|address| gap.covers(address)).cloned().collect();
        let of_nobody = || Address::new(&gap.scope, &gap.kind, gap.name.as_deref().unwrap_or("*"));
        let covered = if covered.is_empty() { vec![of_nobody()] } else { covered };
        for address in covered {
            let subject = at(&mut all, &address);
            subject.gaps.push(gap);
            subject.alerts.extend(&gap.alerts);
        }
    }
    for step in &plan.steps {
        at(&mut all, &step.address).steps.push(step);
    }
    all.into_values().map(Subject::settled).collect()
}

fn at<'m, 'a>(all: &'m mut BTreeMap<Address, Subject<'a>>, address: &Address) -> &'m mut Subject<'a> {
    all.entry(address.clone()).or_insert_with(|| Subject {
        address: address.clone(),
        standing: Standing::Passed,
        alerts: Vec::new(),
        controls: Vec::new(),
        drift: None,
        gaps: Vec::new(),
        flapping: Vec::new(),
        findings: Vec::new(),
        steps: Vec::new(),
        at: None,
    })
}

impl<'a> Subject<'a> {
    fn settled(mut self) -> Self {
        self.alerts.sort_by_key(|alert| (alert.class, alert.deadline_minutes.unwrap_or(u32::MAX), *alert));
        self.alerts.dedup();
        self.controls.extend(self.alerts.iter().map(|alert| alert.control.as_str()));
        self.controls = self.controls.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let differs = self.drift.is_some_and(|drift| !drift.is_kept());
        // What is kept can lock everybody out, and what is as declared can have a weak version beside it: people are told.
        let is_told = self.alerts.first().is_some_and(|alert| alert.class != AlertClass::Inform);
        let waits = self.findings.iter().any(|finding| finding.is_waiting());
        self.standing = match (differs || !self.flapping.is_empty(), self.gaps.is_empty() && !waits) {
            (true, _) => Standing::Failed,
            (false, false) => Standing::NotEvaluated,
            (false, true) if is_told => Standing::Failed,
            (false, true) => Standing::Passed,
        };
        self
    }

    /// Whether the control of which this is the alert holds here, as far as is known: one control is told of a weak version beside
    /// what is as declared, and the others are not concerned.
    pub(crate) fn passes(&self, alert: Option<&Alert>) -> bool {
        let differs = self.drift.is_some_and(|drift| !drift.is_kept()) || !self.flapping.is_empty();
        match self.standing {
            Standing::Passed => true,
            Standing::NotEvaluated => false,
            Standing::Failed => !differs && alert.is_none() && !self.controls.is_empty(),
        }
    }

    /// Where the difference that weighs most is declared: file, line and column.
    pub(crate) fn place(&self) -> Option<(&'a str, usize, usize)> {
        let fields = || self.drift.iter().flat_map(|drift| &drift.fields);
        let whole = self.drift.map(|drift| drift.direction);
        let field = fields().find(|field| Some(field.direction) == whole).or_else(|| fields().next());
        let at = field.and_then(|field| field.declared_at.as_deref()).or(self.at)?;
        let mut parts = at.rsplitn(3, ':');
        let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((parts.next()?, line, column))
    }

    /// `prod us-east-1`, on one line.
    pub(crate) fn scope(&self) -> String {
        one_line(&format!("{} {}", self.address.account, self.address.region)).into_owned()
    }

    /// What the matter is, in a few words.
    pub(crate) fn matter(&self) -> String {
        match (self.drift, self.standing) {
            (Some(drift), _) => match drift.change {
                Change::Missing => "is missing".to_owned(),
                Change::New => "is new: never seen before".to_owned(),
                Change::Unexpected => "is undeclared and below the floor of a control".to_owned(),
                Change::Changed if drift.is_kept() && drift.is_waived_in_part() => {
                    "is not as declared, and waived".to_owned()
                }
                Change::Changed if drift.is_kept() => "is stronger than declared and kept".to_owned(),
                Change::Changed => match drift.direction {
                    Direction::Weakened => "is weaker than declared".to_owned(),
                    Direction::Strengthened => "is stronger than declared".to_owned(),
                    Direction::Neutral => "is not as declared".to_owned(),
                    Direction::Unknown => "is not as declared, in a direction that is not clear".to_owned(),
                },
            },
            (None, _) if !self.flapping.is_empty() => "is changed back again and again".to_owned(),
            (None, Standing::NotEvaluated) => "was not evaluated".to_owned(),
            (None, Standing::Passed) => "is as declared".to_owned(),
            (None, Standing::Failed) => "is as declared, and has to be looked at".to_owned(),
        }
    }

    /// The same with the address, as a sentence of one line.
    pub(crate) fn title(&self) -> String {
        let Address { kind, name, .. } = &self.address;
        one_line(&format!("{kind} {name} in {} {}", self.scope(), self.matter())).into_owned()
    }

    /// The differences and all that is to be known, each on a line of its own.
    pub(crate) fn details(&self, depth: Depth) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(drift) = self.drift {
            let lines = match drift.change {
                Change::Missing | Change::New => {
                    told.push(match drift.change {
                        Change::New => "declared, and never seen before".to_owned(),
                        _ => "declared, and not there".to_owned(),
                    });
                    changes::whole(&drift.context.declared, depth)
                }
                _ => changes::of(drift, depth),
            };
            told.extend(lines.iter().map(written));
        }
        told.extend(self.flapping.iter().map(|one| format!("[{}] {}", codes::FLAPPING, one.in_words())));
        for gap in &self.gaps {
            let members = if gap.fields.is_empty() { String::new() } else { format!("{}: ", gap.fields.join(", ")) };
            told.push(format!("not evaluated [{}] {members}{}", gap.code, gap.why()));
        }
        told.extend(self.findings.iter().map(|finding| format!("[{}] {}", finding.code, finding.detail)));
        told.iter().map(|one| one_line(one).into_owned()).collect()
    }

    /// What one does about it, in a sentence or two.
    pub(crate) fn remedy(&self) -> String {
        let mut told: Vec<String> =
            self.gaps.iter().map(|gap| gap.remedy.clone()).filter(|one| !one.is_empty()).collect();
        told.dedup();
        if !self.steps.is_empty() {
            let calls: Vec<String> = self.steps.iter().map(|step| step.call.action()).collect();
            let address = crate::args::in_shell(&self.address.to_string());
            told.push(format!("bedrock-reconciler restore {address} puts back what is declared: {}", calls.join(", ")));
        } else if told.is_empty() && self.standing == Standing::Failed {
            told.push("No call puts it back: people decide.".to_owned());
        }
        one_line(&told.join(" ")).into_owned()
    }

    /// Whom it wakes, such as `page now`; empty where nobody is told.
    pub(crate) fn urgency(&self) -> String {
        self.alerts.first().map(|alert| alert.in_words()).unwrap_or_default()
    }

    /// What is said of one control that it serves: the most urgent alert of it.
    pub(crate) fn alert_of(&self, control: &str) -> Option<&'a Alert> {
        self.alerts.iter().copied().find(|alert| alert.control == control)
    }
}

/// A line of a difference, as text.
pub(crate) fn written(line: &Line) -> String {
    let indent = "  ".repeat(line.depth);
    let sign = if line.sign == Sign::None { String::new() } else { format!("{} ", line.sign.text()) };
    let parts = [&line.label, &line.text].into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>();
    let remark = if line.remark.is_empty() { String::new() } else { format!("  ({})", line.remark) };
    format!("{indent}{sign}{}{remark}", parts.join("  "))
}

/// What a signal of a control is about.
pub(crate) fn about(control: &Control, signal: &str) -> String {
    let told = control.signals.iter().find(|one| one.id == signal).map(|one| one.about.clone());
    told.unwrap_or_else(|| match signal {
        alert::OTHERWISE => control.otherwise.about.clone(),
        alert::HARMLESS => "Something is not as declared, and nothing protects less.".to_owned(),
        alert::REPOINTED => "A pinned name, tag or alias leads elsewhere.".to_owned(),
        alert::WEAK_VERSION => "An older version that callers can name protects less than declared.".to_owned(),
        alert::NEW => "Something is declared that never was there.".to_owned(),
        alert::WAIVED => "Somebody answers for what is not as declared.".to_owned(),
        alert::WAIVER_EXPIRED => "The last day of a waiver is over, and it is still not as declared.".to_owned(),
        alert::SHUT => "What protects more than declared may keep everybody out.".to_owned(),
        alert::UNEXPECTED => "Something that nobody declared is below the floor of the control.".to_owned(),
        other => format!("The signal {other} of the control."),
    })
}

/// The control with this id, as this build knows it.
pub(crate) fn control_of(id: &str) -> Option<&'static Control> {
    control::find(id)
}

/// How grave something is, from 1 to 4: nobody waits for what is only told.
pub(crate) fn gravity(alert: Option<&Alert>) -> u8 {
    match alert {
        None => 2,
        Some(Alert { class: AlertClass::Inform, .. }) => 1,
        Some(Alert { class: AlertClass::Ticket, severity, .. }) => {
            if *severity == Severity::Medium {
                2
            } else {
                3
            }
        }
        Some(Alert { class: AlertClass::Page, severity, .. }) => {
            if *severity == Severity::Critical {
                4
            } else {
                3
            }
        }
    }
}
