//! The order of the steps: by stages and by who needs whom.

use std::collections::{BTreeMap, BTreeSet};

use super::{ProposedStep, Step};
use crate::address::Address;
use crate::desired::Wanted;

/// When something is done: the stage of its kind, and within a stage after what it needs.
pub type Turn = (u8, usize);

/// The steps of one address, before numbering.
pub(super) struct Proposed<'a> {
    pub(super) stage: u8,
    pub(super) wanted: &'a Wanted,
    pub(super) planned_for: Option<String>,
    pub(super) steps: Vec<ProposedStep>,
    /// What its steps come after, and are not tried without.
    pub(super) needs: Vec<&'a Address>,
}

/// The turn of something of `stage` after others that it needs.
fn turn_after(stage: u8, needs: impl Iterator<Item = Turn>) -> Turn {
    needs.map(|(stage, turn)| (stage, turn + 1)).fold((stage, 0), Turn::max)
}

/// The turn of each address that has steps.
fn turns(proposed: &[Proposed<'_>]) -> BTreeMap<Address, Turn> {
    fn visit<'a>(
        one: &'a Proposed<'a>,
        all: &BTreeMap<&'a Address, &'a Proposed<'a>>,
        open: &mut BTreeSet<&'a Address>,
        turns: &mut BTreeMap<Address, Turn>,
    ) -> Turn {
        let address = &one.wanted.address;
        if let Some(turn) = turns.get(address) {
            return *turn;
        }
        // Of addresses that need each other, the one that is met again goes first.
        if !open.insert(address) {
            return (0, 0);
        }
        let needs: Vec<Turn> = one
            .wanted
            .needs
            .iter()
            .filter_map(|need| all.get(need))
            .map(|need| visit(need, all, open, turns))
            .collect();
        let turn = turn_after(one.stage, needs.into_iter());
        turns.insert(address.clone(), turn);
        turn
    }
    let all: BTreeMap<&Address, &Proposed<'_>> = proposed.iter().map(|one| (&one.wanted.address, one)).collect();
    let mut turns = BTreeMap::new();
    for one in proposed {
        visit(one, &all, &mut BTreeSet::new(), &mut turns);
    }
    turns
}

pub(super) fn numbered(mut proposed: Vec<Proposed<'_>>) -> Vec<Step> {
    let turns = turns(&proposed);
    let turn = |one: &Proposed<'_>| turns.get(&one.wanted.address).copied().unwrap_or((one.stage, 0));
    proposed.sort_by(|one, two| (turn(one), &one.wanted.address).cmp(&(turn(two), &two.wanted.address)));
    let mut steps: Vec<Step> = Vec::new();
    // The steps that verify an address: its last step, and the earlier ones that the last does not need.
    let mut last_of: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for Proposed { wanted, planned_for, steps: mut proposals, needs: own_needs, .. } in proposed {
        let turn = turns.get(&wanted.address).copied().unwrap_or_default();
        let mut others: Vec<String> =
            own_needs.iter().filter_map(|need| last_of.get(*need)).flatten().cloned().collect();
        if !others.is_empty() {
            proposals.sort_by_key(|proposal| !proposal.alone);
        }
        for proposal in proposals {
            let id = format!("{}", steps.len() + 1);
            let last = last_of.entry(wanted.address.clone()).or_default();
            let own = if proposal.apart { Vec::new() } else { std::mem::take(last) };
            last.push(id.clone());
            // The first that is not safe by itself waits for the others, and what follows waits for it.
            let others = match (proposal.alone, proposal.apart) {
                (true, _) => Vec::new(),
                (false, true) => others.clone(),
                (false, false) => std::mem::take(&mut others),
            };
            let needs = own.into_iter().chain(others).collect();
            steps.push(Step {
                id,
                address: wanted.address.clone(),
                action: proposal.action.to_owned(),
                summary: proposal.summary,
                call: proposal.call,
                needs,
                turn,
                expected_state: proposal.expected_state,
                lag: proposal.lag,
                spends: proposal.spends,
                planned_for: planned_for.clone(),
            });
        }
    }
    steps
}
