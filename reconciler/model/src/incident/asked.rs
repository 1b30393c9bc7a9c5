//! What was asked about the time in between, put together: one question that was asked in many places is one question.

use super::Incident;
use super::words::count;
use crate::control::Answered;

/// One question, with its answers from every place.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// The steps that ask it, such as `aws-genai-02 F1`: each once.
    pub(super) steps: Vec<(&'a str, &'a str)>,
    /// One answer of each place.
    pub(super) answers: Vec<&'a Answered>,
}

/// The questions, by what became of them.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    /// Those that found something, with the answers that have rows.
    pub(super) found: Vec<Question<'a>>,
    /// Those that found nothing, with the places where they did.
    pub(super) nothing: Vec<Question<'a>>,
    /// Those that were not answered.
    pub(super) unanswered: Vec<Question<'a>>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(incident: &'a Incident) -> Self {
        let mut asked = Self::default();
        for answer in &incident.answers {
            let (is_unanswered, is_empty) = (answer.unanswered.is_some(), answer.row_count == 0);
            let questions = match (is_unanswered, is_empty) {
                (true, _) => &mut asked.unanswered,
                (_, true) => &mut asked.nothing,
                (_, false) => &mut asked.found,
            };
            let step = (answer.control.as_str(), answer.step.as_str());
            let known = questions.iter_mut().find(|one| {
                one.answers.first().is_some_and(|known| {
                    known.query.text == answer.query.text && known.query.source == answer.query.source
                })
            });
            match known {
                Some(question) => question.take(answer, step),
                None => questions.push(Question { steps: vec![step], answers: vec![answer] }),
            }
        }
        asked
    }

    /// One line that says how many found something.
    pub(super) fn in_words(&self) -> String {
        let places = |questions: &[Question<'_>]| questions.iter().map(|one| one.answers.len()).sum::<usize>();
        let (found, nothing, unanswered) = (places(&self.found), places(&self.nothing), places(&self.unanswered));
        let asked = count(found + nothing + unanswered, "query was", "queries were");
        let unanswered = if unanswered > 0 { format!(", {unanswered} got no answer") } else { String::new() };
        format!("{asked} asked: {found} found something, {nothing} found nothing{unanswered}.")
    }
}

impl<'a> Question<'a> {
    fn take(&mut self, answer: &'a Answered, step: (&'a str, &'a str)) {
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
        let is_same = |known: &&Answered| known.account == answer.account && known.region == answer.region;
        if !self.answers.iter().any(is_same) {
            self.answers.push(answer);
        }
    }

    /// What it tells.
    pub(super) fn about(&self) -> &'a str {
        self.answers.first().map_or("", |answer| &answer.query.about)
    }

    /// What is asked.
    pub(super) fn text(&self) -> &'a str {
        self.answers.first().map_or("", |answer| &answer.query.text)
    }

    /// For which steps.
    pub(super) fn asked_for(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(|(control, step)| format!("step {step} of {control}")).collect();
        steps.join(", ")
    }

    /// Where.
    pub(super) fn places(&self) -> String {
        let places: Vec<String> =
            self.answers.iter().map(|answer| format!("{}/{}", answer.account, answer.region)).collect();
        places.join(", ")
    }

    /// How many rows there are, and whether these are all.
    pub(super) fn rows(&self) -> String {
        let rows = self.answers.iter().map(|answer| answer.row_count).sum();
        let more = if self.answers.iter().any(|answer| answer.truncated) { ", not all of them" } else { "" };
        format!("{}{more}", count(rows, "row", "rows"))
    }
}
