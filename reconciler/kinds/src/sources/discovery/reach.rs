//! Which unit a target of an organization policy names, and which accounts it reaches. A policy protects the accounts in the unit,
//! whatever the unit is called.
//!
//! Asked only for targets that are pinned, and by `pin`: it costs the list of accounts, that of units where an account does not
//! say its place (AWS Organizations, ListAccounts), and the units on the way to each target.

use std::collections::BTreeMap;

use async_trait::async_trait;
use reconciler_aws::client::{LookedUp, LookupSource};
use reconciler_aws::{CallError, Session};
use reconciler_model::desired::{Account, Needs, REACH, UNIT, set_of};

use super::client;
use crate::shared::organizations::targets::{ROOT, canonical, is_generated_id, path_of, segment};
use crate::shared::organizations::tree::ids_of_targets;

/// The accounts that a target reaches, as a set ([`set_of`]).
#[derive(Debug)]
pub struct Reach;

#[async_trait]
impl LookupSource for Reach {
    fn source(&self) -> &'static str {
        REACH
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        let accounts = client::read(session, Needs { units: true, tags: false }).await;
        let reached = |accounts: &Vec<Account>, key: &String| {
            let ids = accounts.iter().filter(|account| account.state.is_none() && reaches(key, account));
            LookedUp::Is(set_of(ids.map(|account| account.id.as_str())))
        };
        keys.iter().map(|key| accounts.as_ref().map(|all| reached(all, key)).map_err(CallError::clone)).collect()
    }
}

/// The unit, or the root, that a target names.
#[derive(Debug)]
pub struct Units;

#[async_trait]
impl LookupSource for Units {
    fn source(&self) -> &'static str {
        UNIT
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        let targets: Vec<Option<String>> = keys.iter().map(|key| canonical(key).ok()).collect();
        let ids = ids_of_targets(session, targets.iter().flatten()).await;
        let led = |found: &BTreeMap<String, Vec<String>>, target: &String| match &found.get(target).map(Vec::as_slice) {
            None | Some([]) => LookedUp::Nothing,
            Some([one]) => LookedUp::Is(one.clone()),
            Some(several) => LookedUp::Several(several.to_vec()),
        };
        let leads = |target: &Option<String>| match (&ids, target) {
            (Err(error), _) => Err(CallError::clone(error)),
            (Ok(_), None) => Ok(LookedUp::Nothing),
            (Ok(found), Some(target)) => Ok(led(found, target)),
        };
        targets.iter().map(leads).collect()
    }
}

/// Whether a policy that is attached to `target` applies to an account. A target is the id of a unit where that is pinned.
fn reaches(target: &str, account: &Account) -> bool {
    if is_generated_id(target) {
        return target.starts_with("r-") || account.units.iter().any(|unit| unit.id == target);
    }
    let Ok(target) = canonical(target) else { return false };
    let mut path: Option<String> = None;
    target == ROOT
        || target == account.id
        || account.units.iter().any(|unit| {
            let here = path_of(path.as_deref(), &segment(&unit.name));
            let is_it = here == target;
            path = Some(here);
            is_it
        })
}

#[cfg(test)]
mod tests {
    use reconciler_model::desired::Unit;

    use super::*;

    #[test]
    fn a_target_reaches_what_is_below_it() {
        let unit = |name: &str| Unit { id: format!("ou-{name}"), name: name.to_owned() };
        let account = |units: &[&str]| Account {
            id: "222233334444".to_owned(),
            units: units.iter().map(|name| unit(name)).collect(),
            ..Account::default()
        };
        let prod = account(&["Workloads", "Production"]);
        for target in ["Root", "/", "Workloads", "/Workloads/", "Workloads/Production", "222233334444"] {
            assert!(reaches(target, &prod), "{target}");
        }
        for target in ["Production", "Workloads/Staging", "Other", "111122223333", "Workloads/Production/Inner"] {
            assert!(!reaches(target, &prod), "{target}");
        }
        // The unit that a target is pinned to, whatever it is called.
        for (target, is_reached) in [("r-ab12", true), ("ou-ab12-11111111", true), ("ou-ab12-22222222", false)] {
            let unit = |id: &str, name: &str| Unit { id: id.to_owned(), name: name.to_owned() };
            let units = vec![unit("ou-ab12-00000000", "Workloads"), unit("ou-ab12-11111111", "Staging")];
            assert_eq!(reaches(target, &Account { units, ..Account::default() }), is_reached, "{target}");
        }
        // A unit that is called like the root is another one.
        assert!(reaches("/Root", &account(&["Root"])) && !reaches("/Root", &account(&["Workloads"])));
    }
}
