//! Who calls: the identity behind an access key.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The identity of a caller, as CloudTrail describes it.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) access_key: String,
    /// When the session began.
    pub(crate) since: Timestamp,
    pub(crate) source_identity: Option<String>,
}

impl Principal {
    /// The IAM user that every long-term key stands for.
    pub(crate) fn user(partition: &str, account: &str, access_key: &str, since: Timestamp) -> Self {
        Self {
            arn: format!("arn:{partition}:iam::{account}:user/operator"),
            account: account.to_owned(),
            access_key: access_key.to_owned(),
            since,
            source_identity: None,
        }
    }

    /// The caller that an ARN names; the account is the ARN's, or empty when it has none.
    pub(crate) fn from_arn(arn: &str, since: Timestamp) -> Self {
        let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
        let access_key = format!("ASIA{}", stable_id(arn));
        Self { arn: arn.to_owned(), account, access_key, since, source_identity: None }
    }

    /// Role and session name of an assumed role.
    pub(crate) fn role_session(&self) -> Option<(&str, &str)> {
        let rest = self.arn.split(':').nth(5)?.strip_prefix("assumed-role/")?;
        rest.rsplit_once('/')
    }

    /// What LookupEvents calls the user name: the session of a role, else the name of the user.
    pub(crate) fn user_name(&self) -> &str {
        match self.role_session() {
            Some((_, session)) => session,
            None => self.arn.rsplit(['/', ':']).next().unwrap_or_default(),
        }
    }

    /// The unique id that GetCallerIdentity and CloudTrail show.
    pub(crate) fn unique_id(&self) -> String {
        match self.role_session() {
            Some((role, session)) => format!("AROA{}:{session}", stable_id(&format!("{}/{role}", self.account))),
            None => format!("AIDA{}", stable_id(&self.arn)),
        }
    }

    /// The `userIdentity` member of a CloudTrail record.
    pub(crate) fn user_identity(&self) -> Value {
        let partition = self.arn.split(':').nth(1).unwrap_or("aws");
        match self.role_session() {
            Some((role, _)) => {
                let name = role.rsplit('/').next().unwrap_or(role);
                let mut context = json!({
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": format!("AROA{}", stable_id(&format!("{}/{role}", self.account))),
                        "arn": format!("arn:{partition}:iam::{}:role/{role}", self.account),
                        "accountId": self.account,
                        "userName": name,
                    },
                    "attributes": {"creationDate": seconds(self.since), "mfaAuthenticated": "false"},
                });
                if let Some(source) = &self.source_identity {
                    context["sourceIdentity"] = json!(source);
                }
                json!({
                    "type": "AssumedRole",
                    "principalId": self.unique_id(),
                    "arn": self.arn,
                    "accountId": self.account,
                    "accessKeyId": self.access_key,
                    "sessionContext": context,
                })
            }
            None => json!({
                "type": "IAMUser",
                "principalId": self.unique_id(),
                "arn": self.arn,
                "accountId": self.account,
                "accessKeyId": self.access_key,
                "userName": self.user_name(),
            }),
        }
    }
}

/// An ISO instant with whole seconds, as CloudTrail writes it.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Sixteen upper-case characters that depend on nothing but the text.
pub(crate) fn stable_id(text: &str) -> String {
    use sha2::{Digest, Sha256};
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}
