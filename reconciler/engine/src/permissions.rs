//! Before anything is written: whether the caller may.
//!
//! Guarantees: only a certain denial blocks a write. It blocks all writes to the address, so that nothing is left half
//! restored. A question that cannot be asked is reported and blocks nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use reconciler_aws::CallError;
use reconciler_aws::client::Permissions;
use reconciler_model::address::{Address, Scope};
use reconciler_model::codes;
use reconciler_model::desired::Wanted;
use reconciler_model::inventory::Inventory;
use reconciler_model::kind::Place;
use reconciler_model::plan::Step;
use tokio::time::Instant;

use crate::event::Event;
use crate::reconciler::Reconciler;

/// How long the check may take for one plan. No restore waits longer for IAM.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many ARNs are asked about in one call: the answer has a row for each of them and each action.
const ARNS_A_CALL: usize = 25;

/// A call of a step: its action, and the ARNs that it may be known by.
type Ask = (String, Vec<String>);

/// An account with its id, and a region.
type At<'a> = (&'a str, &'a str, &'a str);

/// What is denied in one place: the principal and IAM's word for it, by action and ARN.
type Denied = BTreeMap<(String, String), (String, String)>;

/// What may be needed of resources of one kind in one place, before anything is known of what is live.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The account and region.
    pub scope: Scope,
    /// The actions.
    pub actions: BTreeSet<String>,
    /// ARNs by which policies may name the resources; empty where that is not known.
    pub arns: BTreeSet<String>,
}

/// What IAM says of a [`Question`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Who was asked about.
    pub principal: String,
    /// Actions that are denied under every name, and how IAM calls that.
    pub denied: BTreeMap<String, String>,
    /// Actions that are not allowed on everything, where it is not known on what they would have to be.
    pub unsure: BTreeSet<String>,
}

/// Stands for everything in a policy.
const EVERYTHING: &str = "*";

impl Doubts {
    fn of(question: &Question, said: &Permissions) -> Self {
        let mut doubts = Self { principal: said.principal.clone(), ..Self::default() };
        for action in &question.actions {
            let word = |arn: &str| said.denied.get(&(action.clone(), arn.to_owned()));
            let Some(of_all) = word(EVERYTHING) else { continue };
            if !question.arns.iter().all(|arn| word(arn).is_some()) {
                continue;
            }
            if of_all == "explicitDeny" || !question.arns.is_empty() {
                doubts.denied.insert(action.clone(), of_all.clone());
            } else {
                doubts.unsure.insert(action.clone());
            }
        }
        doubts
    }
}

impl Reconciler<'_> {
    /// Asks IAM's simulation of each question, in their order. What could not be asked in time says why.
    ///
    /// # Errors
    /// Fails when the caller is not known.
    pub async fn doubts(&self, questions: &[Question]) -> Result<Vec<Result<Doubts, String>>, CallError> {
        let own = self.sessions.identity().await?;
        let deadline = Instant::now() + PATIENCE;
        let asking = questions.iter().map(|question| {
            let own = &own;
            async move {
                let session = self.sessions.session(&question.scope.account_id, &question.scope.region);
                let caller = self.sessions.role_in(&question.scope.account_id).unwrap_or_else(|| own.arn.clone());
                let mut arns: BTreeSet<String> = question.arns.iter().take(ARNS_A_CALL).cloned().collect();
                arns.insert(EVERYTHING.to_owned());
                let asking = self.permissions.permissions(&session, &caller, &question.actions, &arns);
                match tokio::time::timeout_at(deadline, asking).await {
                    Ok(Ok(said)) => Ok(Doubts::of(question, &said)),
                    Ok(Err(error)) => Err(format!("failed to {error}")),
                    Err(_) => Err(format!("IAM has not answered within {} seconds", PATIENCE.as_secs())),
                }
            }
        });
        Ok(stream::iter(asking).buffered(self.pace.side_by_side.max(1)).collect().await)
    }

    /// The addresses of the steps that the caller may surely not restore, with the code and the reason.
    ///
    /// # Errors
    /// Fails when the caller is not known; whatever else cannot be asked is told to the sink.
    pub(crate) async fn not_allowed(
        &self,
        steps: &[Step],
        inventory: &Inventory,
        wanted: &[Wanted],
    ) -> Result<BTreeMap<Address, (&'static str, String)>, CallError> {
        let own = self.sessions.identity().await?;
        let partition = own.arn.split(':').nth(1).unwrap_or("aws");
        let account_ids: BTreeMap<&Address, &str> =
            wanted.iter().map(|one| (&one.address, one.account_id.as_str())).collect();
        let mut asks: BTreeMap<&Address, Vec<Ask>> = BTreeMap::new();
        for step in steps {
            let Some(account_id) = account_ids.get(&step.address) else { continue };
            let place = Place { partition, region: &step.address.region, account_id };
            asks.entry(&step.address).or_default().extend(self.asks(step, &place, inventory));
        }
        // Addresses of which the same actions of a service are asked are asked about together.
        let mut together: BTreeMap<(At<'_>, BTreeSet<String>), BTreeSet<String>> = BTreeMap::new();
        for (address, asks) in &asks {
            let Some(account_id) = account_ids.get(address) else { continue };
            let at = (address.account.as_str(), *account_id, address.region.as_str());
            let mut of_service: BTreeMap<Option<&str>, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
            for (action, arns) in asks.iter().filter(|(_, arns)| !arns.is_empty()) {
                let (actions, all) = of_service.entry(action.split(':').next()).or_default();
                actions.insert(action.clone());
                all.extend(arns.iter().cloned());
            }
            for (actions, arns) in of_service.into_values() {
                together.entry((at, actions)).or_default().extend(arns);
            }
        }
        let questions: Vec<(At<'_>, &BTreeSet<String>, BTreeSet<String>)> = together
            .iter()
            .flat_map(|((at, actions), arns)| {
                let arns: Vec<&String> = arns.iter().collect();
                let chunks: Vec<BTreeSet<String>> =
                    arns.chunks(ARNS_A_CALL).map(|chunk| chunk.iter().copied().cloned().collect()).collect();
                chunks.into_iter().map(move |chunk| (*at, actions, chunk))
            })
            .collect();
        let deadline = Instant::now() + PATIENCE;
        let late = || format!("IAM has not answered within {} seconds", PATIENCE.as_secs());
        let asking = questions.iter().map(|(at, actions, arns)| async {
            let (_, account_id, region) = at;
            let session = self.sessions.session(account_id, region);
            let caller = self.sessions.role_in(account_id).unwrap_or_else(|| own.arn.clone());
            let asking = self.permissions.permissions(&session, &caller, actions, arns);
            let answer = tokio::time::timeout_at(deadline, asking).await;
            (*at, answer.map_err(|_| late()).and_then(|answer| answer.map_err(|error| format!("failed to {error}"))))
        });
        let answers: Vec<_> = stream::iter(asking).buffer_unordered(self.pace.side_by_side.max(1)).collect().await;
        let mut denied: BTreeMap<(&str, &str), Denied> = BTreeMap::new();
        let mut not_asked: BTreeMap<&str, String> = BTreeMap::new();
        for ((account, _, region), answer) in answers {
            match answer {
                Ok(said) => {
                    let by = said.denied.into_iter().map(|(what, word)| (what, (said.principal.clone(), word)));
                    denied.entry((account, region)).or_default().extend(by);
                }
                Err(reason) => _ = not_asked.entry(account).or_insert(reason),
            }
        }
        for (account, reason) in &not_asked {
            self.sink.take(&Event::PermissionsNotKnown { account, reason });
        }
        Ok(asks
            .into_iter()
            .filter_map(|(address, asks)| {
                let denied = denied.get(&(address.account.as_str(), address.region.as_str()))?;
                let reason = asks.iter().find_map(|ask| reason(ask, denied))?;
                Some((address.clone(), (codes::MAY_NOT_WRITE, reason)))
            })
            .collect())
    }

    fn asks(&self, step: &Step, place: &Place<'_>, inventory: &Inventory) -> Vec<Ask> {
        let Some(client) = self.client(&step.address.kind) else { return Vec::new() };
        let live = inventory.resources.get(&step.address);
        let arns = client.kind().arns(&step.call, place, &step.address.name, live);
        let passes = client
            .kind()
            .contract()
            .passed_role(&step.call.request)
            .map(|role| ("iam:PassRole".to_owned(), vec![role.to_owned()]));
        [Some((step.call.action(), arns)), passes].into_iter().flatten().collect()
    }
}

/// Why a call is not allowed: it is denied under every name that its resource has.
fn reason((action, arns): &Ask, denied: &Denied) -> Option<String> {
    let mut said = arns.iter().map(|arn| denied.get(&(action.clone(), arn.clone())));
    let (principal, word) = said.next().flatten()?;
    let on = arns.first()?;
    said.all(|one| one.is_some()).then(|| {
        format!("{principal} may not call {action} on {on}: IAM's simulation of its policies says {word}; nothing of it is changed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_under_some_name_is_no_doubt() {
        let question = |arns: &[&str]| Question {
            actions: ["a:B".to_owned()].into(),
            arns: arns.iter().map(|arn| (*arn).to_owned()).collect(),
            ..Question::default()
        };
        let said = |arns: &[&str], word: &str| Permissions {
            denied: arns.iter().map(|arn| (("a:B".to_owned(), (*arn).to_owned()), word.to_owned())).collect(),
            ..Permissions::default()
        };
        let doubts = |asked: &[&str], denied: &[&str], word| Doubts::of(&question(asked), &said(denied, word));
        assert_eq!(doubts(&["x"], &["*"], "implicitDeny"), Doubts::default(), "it is allowed on x");
        assert_eq!(doubts(&["x"], &["x"], "implicitDeny"), Doubts::default(), "it is allowed on everything else");
        assert_eq!(doubts(&["x"], &["x", "*"], "implicitDeny").denied.len(), 1);
        assert_eq!(doubts(&[], &["*"], "implicitDeny").unsure.len(), 1, "a policy may name what is not known yet");
        assert_eq!(doubts(&[], &["*"], "explicitDeny").denied.len(), 1);
    }

    #[test]
    fn a_call_is_denied_when_it_is_under_every_name() {
        let denied = |arns: &[&str]| -> Denied {
            let entry =
                |arn: &&str| (("a:B".to_owned(), (*arn).to_owned()), ("role".to_owned(), "implicitDeny".to_owned()));
            arns.iter().map(entry).collect()
        };
        let ask = |arns: &[&str]| ("a:B".to_owned(), arns.iter().map(|arn| (*arn).to_owned()).collect());
        assert_eq!(reason(&ask(&[]), &denied(&["x"])), None, "nothing is said of what was not asked");
        assert_eq!(reason(&ask(&["x", "y"]), &denied(&["x"])), None);
        assert_eq!(reason(&ask(&["y", "x"]), &denied(&["x"])), None);
        let told = reason(&ask(&["x", "y"]), &denied(&["y", "x"])).expect("denied");
        assert!(told.contains("role may not call a:B on x") && told.contains("implicitDeny"), "{told}");
    }
}
