//! Endpoint statements that principals outside the trusted accounts may use.

use std::fmt;

use super::condition::{self, Family, Operator, Quantifier};
use super::document::{Effect, Policy, Scope, Statement, is_account};
use super::words;

/// Condition keys that tie a request to an organisation, to accounts or to a network, when they are tested so that an
/// absent key does not pass.
const TIES: &[&str] = &[
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:resourceorgid",
    "aws:sourcevpc",
    "aws:sourcevpce",
];

/// Who is no outsider.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trusted<'a> {
    /// The ids of accounts.
    pub accounts: &'a [&'a str],
    /// The ids of organizations. Where some are known, `accounts` are all that is trusted, and a condition ties a statement only
    /// if it names none but these; where none is known, a condition on any one does.
    pub organizations: &'a [&'a str],
}

impl Trusted<'_> {
    /// Whether the value of a condition key leads to somebody who is not known to be trusted.
    fn is_elsewhere(&self, key: &str, value: &str) -> bool {
        let is_own = |account: &str| self.accounts.contains(&account);
        !self.organizations.is_empty()
            && match key {
                "aws:principalorgid" | "aws:resourceorgid" => !self.organizations.contains(&value),
                "aws:principalorgpaths" => !value.split('/').next().is_some_and(|id| self.organizations.contains(&id)),
                "aws:principalaccount" => !is_own(value),
                "aws:principalarn" => !value.split(':').nth(4).is_some_and(is_own),
                // Networks are nobody's by their ids.
                _ => false,
            }
    }
}

/// Why a statement is wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It allows everyone.
    Everyone,
    /// It allows everyone but a few.
    EveryoneBut,
    /// It allows an account that is not trusted.
    Foreign {
        /// The principal.
        principal: String,
        /// Its account.
        account: String,
    },
}

/// A statement of an endpoint policy that lets principals from elsewhere in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widening {
    /// The key of the statement in the tree.
    pub statement: String,
    /// What it is called: its name, or what it says.
    pub called: String,
    /// Why.
    pub reason: Reason,
    /// Conditions that look like a tie and are none, as an absent key or any value passes them: `Operator key`.
    pub idle: Vec<String>,
}

impl fmt::Display for Widening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the statement {} allows ", self.called)?;
        match &self.reason {
            Reason::Everyone => f.write_str("every principal")?,
            Reason::EveryoneBut => f.write_str("every principal but those that it lists")?,
            Reason::Foreign { principal, account } => {
                write!(f, "{principal} of the account {account}, which is not trusted")?;
            }
        }
        f.write_str(", without a condition on the organisation, the account or the VPC")?;
        if !self.idle.is_empty() {
            write!(f, " that an absent key or any value would fail ({})", self.idle.join(", "))?;
        }
        Ok(())
    }
}

/// The statements of an endpoint policy that let principals of other accounts than `trusted` in: `Allow`, for everyone
/// or for a foreign account, without a condition on `aws:PrincipalOrgID`, `aws:PrincipalOrgPaths`,
/// `aws:PrincipalAccount`, `aws:PrincipalArn`, `aws:ResourceOrgID`, `aws:SourceVpc` or `aws:SourceVpce`.
///
/// A condition that an absent key passes (`IfExists`, `ForAllValues`, negated operators) ties nothing, nor does one
/// that any value passes, or that ties it to somebody else.
pub fn widening(policy: &Policy, trusted: &Trusted<'_>) -> Vec<Widening> {
    let mut found = Vec::new();
    for (key, statement) in policy.keys().into_iter().zip(policy.statements()) {
        let (tied, idle) = ties(statement, trusted);
        if statement.effect != Effect::Allow || tied {
            continue;
        }
        let reasons = match &statement.principal {
            Scope::Unsaid => vec![Reason::Everyone],
            Scope::AllBut(_) => vec![Reason::EveryoneBut],
            Scope::Only(types) => match types.get("AWS") {
                Some(listed) if listed.contains("*") => vec![Reason::Everyone],
                listed => listed.into_iter().flatten().filter_map(|text| foreign(text, trusted.accounts)).collect(),
            },
        };
        let called = match &statement.sid {
            Some(sid) if *sid == key => sid.clone(),
            _ => {
                words::statement(&statement.tree(false).into()).map_or_else(|| key.clone(), |said| format!("`{said}`"))
            }
        };
        let wide = |reason| Widening { statement: key.clone(), called: called.clone(), reason, idle: idle.clone() };
        found.extend(reasons.into_iter().map(wide));
    }
    found
}

fn foreign(principal: &str, trusted: &[&str]) -> Option<Reason> {
    let account = if is_account(principal) { Some(principal) } else { principal.split(':').nth(4) };
    let account = account.filter(|account| is_account(account) && !trusted.contains(account))?;
    Some(Reason::Foreign { principal: principal.to_owned(), account: account.to_owned() })
}

/// Whether some condition ties the statement, and those that only look like it.
fn ties(statement: &Statement, trusted: &Trusted<'_>) -> (bool, Vec<String>) {
    let mut idle = Vec::new();
    let (mut is_tied, mut is_elsewhere) = (false, false);
    for (operator, tests) in &statement.condition {
        for (key, values) in tests.iter().filter(|(key, _)| TIES.contains(&key.folded().as_str())) {
            let demands = match condition::operator(operator) {
                Some(Operator { family, negated: false, if_exists: false, quantifier }) => {
                    quantifier != Quantifier::All
                        && matches!(family, Family::Text | Family::CaselessText | Family::Pattern | Family::Arn)
                        && !values.iter().any(|value| value.chars().all(|c| matches!(c, '*' | '?' | ':')))
                }
                _ => false,
            };
            // What is for others is not made ours by the network that it comes through.
            is_elsewhere |= demands && values.iter().any(|value| trusted.is_elsewhere(&key.folded(), value));
            is_tied |= demands;
            if !demands {
                idle.push(format!("{} {}", operator.as_str(), key.as_str()));
            }
        }
    }
    match is_tied && !is_elsewhere {
        true => (true, Vec::new()),
        false => (false, idle),
    }
}
