//! A plan over more resources than one run may change: the most severe first, and what is left is told.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::alert::Alert;
use crate::codes;
use crate::direction::Direction;
use crate::drift::Drift;
use crate::plan::{Finding, Plan, Severity};

impl Plan {
    /// The plan with the steps of at most `most` addresses, where those of `changed`, which earlier rounds changed, count too.
    ///
    /// The most urgent addresses go first, with what they need; those in `failed` go last. An address is left out as a whole, with
    /// those that need it.
    #[must_use]
    pub fn within(mut self, most: usize, changed: &BTreeSet<Address>, failed: &BTreeSet<Address>) -> Self {
        let touched: BTreeSet<Address> = self.steps.iter().map(|step| step.address.clone()).collect();
        if touched.union(changed).count() <= most {
            return self;
        }
        let needs = self.needs();
        let mut order: Vec<&Address> = touched.iter().collect();
        order.sort_by_key(|address| (failed.contains(*address), self.rank(address), *address));
        let mut taken = changed.clone();
        for address in order {
            let with = closure(address, &needs);
            let more = with.iter().filter(|one| !taken.contains(**one)).count();
            if taken.len() + more <= most {
                taken.extend(with.into_iter().cloned());
            }
        }
        let all = touched.union(changed).count();
        let left = touched.iter().filter(|address| !taken.contains(*address));
        self.findings.extend(left.map(|address| Finding {
            address: address.clone(),
            severity: Severity::Left,
            code: codes::BLAST_RADIUS.to_owned(),
            detail: format!(
                "left for the next run: {all} resources would be changed, {most} may be in one run, and the most severe go first"
            ),
            alerts: Vec::new(),
        }));
        self.findings.sort();
        self.steps.retain(|step| taken.contains(&step.address));
        self.identified()
    }

    /// What each address needs of the others: their steps come before its own.
    fn needs(&self) -> BTreeMap<&Address, BTreeSet<&Address>> {
        let of: BTreeMap<&str, &Address> = self.steps.iter().map(|step| (step.id.as_str(), &step.address)).collect();
        let mut needs: BTreeMap<&Address, BTreeSet<&Address>> = BTreeMap::new();
        for step in &self.steps {
            let others = step.needs.iter().filter_map(|need| of.get(need.as_str()).copied());
            needs.entry(&step.address).or_default().extend(others.filter(|other| **other != step.address));
        }
        needs
    }

    /// What is more severe is less: how urgent its alert is, then how it differs.
    fn rank(&self, address: &Address) -> impl Ord + use<> {
        let drift = self.drift.iter().find(|drift| drift.address == *address);
        let alert: Option<Alert> = drift.and_then(|drift| drift.alerts.first().cloned());
        let direction = match drift.map(|Drift { direction, .. }| direction) {
            Some(Direction::Weakened) => 0,
            Some(Direction::Unknown) => 1,
            _ => 2,
        };
        // Without an alert nobody has to know.
        (alert.is_none(), alert.map(|alert| alert.urgency()), direction)
    }
}

/// An address with all that it needs.
fn closure<'a>(address: &'a Address, needs: &BTreeMap<&'a Address, BTreeSet<&'a Address>>) -> BTreeSet<&'a Address> {
    let mut found = BTreeSet::from([address]);
    let mut open = vec![address];
    while let Some(one) = open.pop() {
        for need in needs.get(one).into_iter().flatten() {
            if found.insert(need) {
                open.push(need);
            }
        }
    }
    found
}
