//! Reading the accounts of AWS Organizations: the only place of discovery that makes calls (README.md, Who may ask).
//!
//! Expected flow: DescribeOrganization, which every member may call, says which account is the management account;
//! ListAccounts is asked with the caller's own credentials, which are often those of a delegated administrator, and in the
//! management account where that is denied. Units and tags are asked for where selectors use them.
//!
//! # Guarantees
//! - Every page is read; a page may be empty although there is more.
//! - It is all or an error: an account whose place is not known is not an account without a place.
//!
//! # Assumptions
//! - `State` is read, and `Status` where an answer has no `State`: AWS retires the latter.
//! - `Paths` of an account holds the ids of its units, from the organization down. Where an answer has no `Paths`, the
//!   accounts of each unit are listed.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::future::{join_all, try_join, try_join_all};
use futures::stream;
use reconciler_aws::client::odd_answer;
use reconciler_aws::{CallError, ErrorClass, Session, Sessions};
use reconciler_model::desired::{Account, Directory, Needs, Unit};
use serde_json::{Value, json};

use crate::shared::organizations::client as organizations;

const SERVICE: &str = "organizations";

/// Tags that are asked for at a time; the session bounds the calls further.
const TAGS_AT_ONCE: usize = 16;

/// The accounts of the caller's organization. `home` is the region of Organizations.
///
/// # Errors
/// The first call that failed. There is no part of a directory.
pub async fn discover(sessions: &Sessions, home: &str, needs: Needs) -> Result<Directory, CallError> {
    let own = sessions.session(&sessions.identity().await?.account, home);
    let answer = organizations::ask(&own, "DescribeOrganization", &json!({})).await?;
    let management = answer.body.pointer("/Organization/MasterAccountId").and_then(Value::as_str);
    let Some(management) = management.map(str::to_owned) else {
        return Err(odd_answer(&own, SERVICE, "DescribeOrganization", "the answer has no MasterAccountId"));
    };
    match read(&own, needs).await {
        Err(error) if error.class == ErrorClass::Denied && own.account() != management => {
            let there = sessions.session(&management, home);
            let accounts = read(&there, needs).await?;
            Ok(Directory { management, accounts, unread: None })
        }
        read => Ok(Directory { management, accounts: read?, unread: None }),
    }
}

pub(super) async fn read(session: &Session, needs: Needs) -> Result<Vec<Account>, CallError> {
    let listing = organizations::rows(session, "ListAccounts", json!({}), "Accounts");
    let (listed, tree) = try_join(listing, tree(session, needs.units)).await?;
    let mut rows: BTreeMap<String, Value> = BTreeMap::new();
    for row in listed {
        let Some(id) = row.get("Id").and_then(Value::as_str).map(str::to_owned) else {
            return Err(odd_answer(session, SERVICE, "ListAccounts", "an account has no Id"));
        };
        rows.insert(id, row);
    }
    let places = match &tree {
        Some(tree) => tree.places(session, &rows).await?,
        None => BTreeMap::new(),
    };
    let tagged = |id: String, row: Value, units: Vec<Unit>| async move {
        let tags = if needs.tags { tags(session, &id).await? } else { BTreeMap::new() };
        account(session, id, &row, units, tags)
    };
    let reading = rows.into_iter().map(|(id, row)| {
        let units = places.get(&id).cloned().unwrap_or_default();
        tagged(id, row, units)
    });
    let accounts: Vec<Result<Account, CallError>> = stream::iter(reading).buffered(TAGS_AT_ONCE).collect().await;
    accounts.into_iter().collect()
}

fn account(
    session: &Session,
    id: String,
    row: &Value,
    units: Vec<Unit>,
    tags: BTreeMap<String, String>,
) -> Result<Account, CallError> {
    let text = |member: &str| row.get(member).and_then(Value::as_str);
    let Some(state) = text("State").or_else(|| text("Status")) else {
        let message = format!("account {id} has neither State nor Status");
        return Err(odd_answer(session, SERVICE, "ListAccounts", message));
    };
    let state = (state != "ACTIVE").then(|| state.to_owned());
    Ok(Account { name: text("Name").unwrap_or_default().to_owned(), id, tags, units, state })
}

async fn tags(session: &Session, id: &str) -> Result<BTreeMap<String, String>, CallError> {
    let request = json!({ "ResourceId": id });
    let rows = organizations::rows(session, "ListTagsForResource", request, "Tags");
    let text = |row: &Value, member: &str| row.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(rows.await?.iter().map(|row| (text(row, "Key"), text(row, "Value"))).collect())
}

/// The units of an organization.
struct Tree {
    root: String,
    /// By id: the unit and the id of its parent.
    units: BTreeMap<String, (Unit, String)>,
}

/// The tree, level by level; `None` when it is not asked for.
async fn tree(session: &Session, wanted: bool) -> Result<Option<Tree>, CallError> {
    if !wanted {
        return Ok(None);
    }
    let roots = organizations::rows(session, "ListRoots", json!({}), "Roots");
    let roots = roots.await?;
    let [root] = roots.as_slice() else {
        return Err(odd_answer(session, SERVICE, "ListRoots", format!("{} roots instead of one", roots.len())));
    };
    let root = root.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut tree = Tree { root: root.clone(), units: BTreeMap::new() };
    let mut parents = vec![root];
    while !parents.is_empty() {
        let levels = join_all(parents.iter().map(|parent| units_of(session, parent))).await;
        let mut next = Vec::new();
        for (parent, units) in parents.iter().zip(levels) {
            for unit in units? {
                // A unit that is moved while the tree is read must not send us in circles.
                if tree.units.insert(unit.id.clone(), (unit.clone(), parent.clone())).is_none() {
                    next.push(unit.id);
                }
            }
        }
        parents = next;
    }
    Ok(Some(tree))
}

async fn units_of(session: &Session, parent: &str) -> Result<Vec<Unit>, CallError> {
    const OPERATION: &str = "ListOrganizationalUnitsForParent";
    let request = json!({ "ParentId": parent });
    let rows = organizations::rows(session, OPERATION, request, "OrganizationalUnits");
    let unit = |row: &Value| {
        let text = |member: &str| row.get(member).and_then(Value::as_str).map(str::to_owned);
        let (Some(id), Some(name)) = (text("Id"), text("Name")) else {
            return Err(odd_answer(session, SERVICE, OPERATION, "a unit has no Id or no Name"));
        };
        Ok(Unit { id, name })
    };
    rows.await?.iter().map(unit).collect()
}

impl Tree {
    /// The units of each account, from the top.
    async fn places(
        &self,
        session: &Session,
        rows: &BTreeMap<String, Value>,
    ) -> Result<BTreeMap<String, Vec<Unit>>, CallError> {
        let path = |row: &Value| row.pointer("/Paths/0").and_then(Value::as_str).map(str::to_owned);
        let parents: BTreeMap<String, String> = match rows.values().all(|row| path(row).is_some()) {
            true => rows
                .iter()
                .filter_map(|(id, row)| {
                    let path = path(row)?;
                    let parent = path.split('/').rfind(|part| part.starts_with("ou-") || part.starts_with("r-"))?;
                    Some((id.clone(), parent.to_owned()))
                })
                .collect(),
            false => self.parents_by_listing(session).await?,
        };
        let place = |id: &String| {
            let lineage = parents.get(id).and_then(|parent| self.lineage(parent));
            let moved = || {
                let message = format!("account {id} is in no unit that was listed; it may have been moved meanwhile");
                odd_answer(session, SERVICE, "ListAccountsForParent", message)
            };
            Ok((id.clone(), lineage.ok_or_else(moved)?))
        };
        rows.keys().map(place).collect()
    }

    /// The parent of each account.
    async fn parents_by_listing(&self, session: &Session) -> Result<BTreeMap<String, String>, CallError> {
        let parents = self.units.keys().chain([&self.root]);
        let of = parents.map(|parent| async move {
            let request = json!({ "ParentId": parent });
            let rows = organizations::rows(session, "ListAccountsForParent", request, "Accounts");
            let id = |row: &Value| row.get("Id").and_then(Value::as_str).map(str::to_owned);
            Ok::<_, CallError>(rows.await?.iter().filter_map(id).map(|id| (id, parent.clone())).collect::<Vec<_>>())
        });
        Ok(try_join_all(of).await?.into_iter().flatten().collect())
    }

    /// The units from the top to this one; `None` when one of them is not known.
    fn lineage(&self, parent: &str) -> Option<Vec<Unit>> {
        let mut units = Vec::new();
        let mut next = parent;
        while next != self.root {
            let (unit, parent) = self.units.get(next)?;
            if units.len() > self.units.len() {
                return None;
            }
            units.push(unit.clone());
            next = parent;
        }
        units.reverse();
        Some(units)
    }
}
