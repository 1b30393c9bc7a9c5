//! Which accounts a target of an organization policy reaches: what a policy on a unit protects is whoever is in that unit.
//!
//! Asked only for targets that are pinned, and by `pin`: it costs the list of accounts, and that of units where an account
//! does not say its place (AWS Organizations, ListAccounts).

use async_trait::async_trait;
use reconciler_aws::edge::{LookedUp, LookupSource};
use reconciler_aws::{CallError, Session};
use reconciler_model::desired::{Account, Needs, REACH, set_of};

use super::edge;
use crate::organizations::targets::{ROOT, canonical, path_of, segment};

/// The accounts that a target reaches, as a set ([`set_of`]).
#[derive(Debug)]
pub struct Reach;

#[async_trait]
impl LookupSource for Reach {
    fn source(&self) -> &'static str {
        REACH
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        let accounts = edge::read(session, Needs { units: true, tags: false }).await;
        let reached = |accounts: &Vec<Account>, key: &String| {
            let ids = accounts.iter().filter(|account| account.state.is_none() && reaches(key, account));
            LookedUp::Is(set_of(ids.map(|account| account.id.as_str())))
        };
        keys.iter().map(|key| accounts.as_ref().map(|all| reached(all, key)).map_err(CallError::clone)).collect()
    }
}

/// Whether a policy that is attached to `target` applies to an account.
fn reaches(target: &str, account: &Account) -> bool {
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
        // A unit that is called like the root is another one.
        assert!(reaches("/Root", &account(&["Root"])) && !reaches("/Root", &account(&["Workloads"])));
    }
}
