//! The root and the units of an organization, level by level: the documented rates are low (aws/README.md, Rates).

use std::collections::BTreeMap;

use futures::future::join_all;
use reconciler_aws::client::odd_answer;
use reconciler_aws::{CallError, Session};
use serde_json::{Value, json};

use super::PolicyType;
use super::client::{SERVICE, rows, text};
use super::steps::OrganizationContext;
use super::targets::{ROOT, is_account, path_of, segment};

const ROWS_A_PAGE: u32 = 20;

/// The status of a policy type that the root does not list.
const DISABLED: &str = "DISABLED";

/// The root without the units.
pub(super) async fn root(session: &Session, of: &PolicyType) -> Result<OrganizationContext, CallError> {
    let roots = rows(session, "ListRoots", json!({}), "Roots").await?;
    let [root] = &roots[..] else {
        let text = format!("the organization has {} roots", roots.len());
        return Err(odd_answer(session, SERVICE, "ListRoots", text));
    };
    let types = root.get("PolicyTypes").and_then(Value::as_array).into_iter().flatten();
    let status = types.filter(|one| text(one, "Type") == of.wire).map(|one| text(one, "Status")).next();
    Ok(OrganizationContext {
        root: text(root, "Id").to_owned(),
        // arn:aws:organizations::MANAGEMENT:root/o-.../r-...
        management_account: text(root, "Arn").split(':').nth(4).unwrap_or("").to_owned(),
        policy_type: status.unwrap_or(DISABLED).to_owned(),
        ..OrganizationContext::default()
    })
}

/// The root with every unit below it.
pub(super) async fn organization(session: &Session, of: &PolicyType) -> Result<OrganizationContext, CallError> {
    let mut found = root(session, of).await?;
    let mut level = vec![(None, found.root.clone())];
    while !level.is_empty() {
        level = below(session, level).await?;
        for (path, id) in level.iter().filter_map(|(path, id)| Some((path.as_ref()?, id))) {
            let taken = found.units.contains_key(path);
            found.units.insert(path.clone(), if taken { Value::Null } else { json!(id) });
        }
    }
    Ok(found)
}

/// The units right below these parents, with their paths.
async fn below(
    session: &Session,
    level: Vec<(Option<String>, String)>,
) -> Result<Vec<(Option<String>, String)>, CallError> {
    let below = level.iter().map(|(path, id)| async move {
        let request = json!({ "ParentId": id, "MaxResults": ROWS_A_PAGE });
        let units = rows(session, "ListOrganizationalUnitsForParent", request, "OrganizationalUnits").await?;
        Ok::<_, CallError>(units.into_iter().map(move |unit| {
            (Some(path_of(path.as_deref(), &segment(text(&unit, "Name")))), text(&unit, "Id").to_owned())
        }))
    });
    let mut next = Vec::new();
    for units in join_all(below).await {
        next.extend(units?);
    }
    Ok(next)
}

/// The ids of these targets, by target; only what is on the way to one is asked about.
pub(crate) async fn ids_of_targets(
    session: &Session,
    targets: impl Iterator<Item = &String>,
) -> Result<BTreeMap<String, Vec<String>>, CallError> {
    let mut found: BTreeMap<String, Vec<String>> = targets.map(|target| (target.clone(), Vec::new())).collect();
    let roots = rows(session, "ListRoots", json!({}), "Roots").await?;
    let roots: Vec<String> = roots.iter().map(|root| text(root, "Id").to_owned()).collect();
    let mut level: Vec<(Option<String>, String)> = roots.iter().map(|id| (None, id.clone())).collect();
    if let Some(ids) = found.get_mut(ROOT) {
        *ids = roots;
    }
    loop {
        level.retain(|(path, _)| {
            let is_on_the_way = |target: &String| match path {
                None => target != ROOT && !is_account(target),
                Some(path) => target.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/')),
            };
            found.keys().any(is_on_the_way)
        });
        if level.is_empty() {
            return Ok(found);
        }
        level = below(session, level).await?;
        for (path, id) in level.iter().filter_map(|(path, id)| Some((path.as_ref()?, id))) {
            if let Some(ids) = found.get_mut(path) {
                ids.push(id.clone());
            }
        }
    }
}
