//! The append-only record of what was about to be done, what the API answered, and what read-back showed.
//!
//! Expected flow: [`Journal::open`] reads what is there; every record is one line of JSON, on disk before the call
//! returns, with the digest of the line before it.
//!
//! Guarantees: a write is never made without its intent on disk; a line that a crash cut off is set aside, not lost and not
//! read as a record; records hold digests, ids and names, never values of resources.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use reconciler_model::address::Address;
use reconciler_model::digest;
use reconciler_model::warrant::Approval;
use serde::{Deserialize, Serialize};

/// The journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("use journal {0}")]
    Io(PathBuf, #[source] io::Error),
    /// A line in the middle is not a record.
    #[error("read journal {file}: line {line} is not a record")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A line does not follow the one before it.
    #[error("read journal {file}: line {line} does not follow the line before it, so a line was changed or removed")]
    Broken {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "record")]
pub enum Entry {
    /// A run that may write began.
    RunStarted {
        /// `apply`, `enforce`, `restore` or `drill`.
        mode: String,
        /// The plan.
        plan_id: String,
        /// Who allowed it.
        approval: Approval,
    },
    /// A write is about to be made.
    Intent {
        /// The step's number in the plan.
        step: String,
        /// The resource.
        address: Address,
        /// What the step does.
        action: String,
        /// The digest of the op and its promise.
        op: String,
        /// The idempotency token.
        token: String,
        /// The fingerprint of the resource just before; `None` when it was absent.
        before: Option<String>,
    },
    /// The service answered.
    Receipt {
        /// The sequence number of the intent.
        intent: u64,
        /// AWS's id of the request.
        request_id: Option<String>,
        /// The AWS error code, when the call failed.
        error: Option<String>,
    },
    /// Read-back was done, or the intent was given up.
    Verdict {
        /// The sequence number of the intent.
        intent: u64,
        /// `verified`, `broken`, `unverified`, `failed` or `superseded`.
        verdict: String,
        /// Where read-back differs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differs: Vec<String>,
    },
    /// A run ended.
    RunEnded {
        /// Steps that were verified.
        verified: usize,
        /// Steps that were not.
        not_verified: usize,
    },
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// From 1, without holes.
    pub seq: u64,
    /// The digest of the line before; the empty text in the first.
    pub prev: String,
    /// When, in UTC.
    pub at: Timestamp,
    /// The run that wrote it.
    pub run: String,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}

/// An intent whose outcome is not on record: the process died, or it could not be read back.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIntent {
    /// The record's sequence number.
    pub seq: u64,
    /// The resource.
    pub address: Address,
    /// The digest of the op and its promise.
    pub op: String,
    /// The idempotency token, to be used again.
    pub token: String,
}

/// The journal of one state folder, open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    run: String,
    head: Option<String>,
    next: u64,
    open: BTreeMap<u64, OpenIntent>,
    /// Verified intents: address, op, when.
    verified: Vec<(Address, String, Timestamp)>,
    observer: Option<Observer>,
}

/// Told of every record that is on disk.
struct Observer(Box<dyn FnMut(&Record) + Send>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// The digest of the last record, without opening the journal for writing; `None` when there is no record.
///
/// # Errors
/// Fails when the journal cannot be read, or is damaged.
pub fn head(path: &Path) -> Result<Option<String>, JournalError> {
    Ok(read(path)?.head)
}

/// Every record, in order.
///
/// # Errors
/// Fails when the journal cannot be read, or is damaged.
pub fn records(path: &Path) -> Result<Vec<Record>, JournalError> {
    Ok(read(path)?.records)
}

struct Content {
    records: Vec<Record>,
    head: Option<String>,
    /// Bytes of whole lines; what follows was cut off by a crash.
    whole: usize,
    torn: Vec<u8>,
}

fn read(path: &Path) -> Result<Content, JournalError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(JournalError::Io(path.to_owned(), error)),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut records = Vec::new();
    let mut head = None;
    for (index, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let damaged = || JournalError::Damaged { file: path.to_owned(), line: index + 1 };
        let record: Record = serde_json::from_slice(line).map_err(|_| damaged())?;
        if record.prev != head.clone().unwrap_or_default() || record.seq != index as u64 + 1 {
            return Err(JournalError::Broken { file: path.to_owned(), line: index + 1 });
        }
        head = Some(digest::of_bytes(line));
        records.push(record);
    }
    Ok(Content { records, head, whole, torn: bytes[whole..].to_vec() })
}

impl Journal {
    /// Opens the journal at `path` for the run `run`, and reads what is there.
    ///
    /// A last line that a crash cut off is moved to a file beside the journal.
    ///
    /// # Errors
    /// Fails when it cannot be read or written, or when a line was changed or removed.
    pub fn open(path: &Path, run: &str) -> Result<Self, JournalError> {
        let io = |error| JournalError::Io(path.to_owned(), error);
        let content = read(path)?;
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(io)?;
        if !content.torn.is_empty() {
            let aside = path.with_extension(format!("torn-{}", content.records.len() + 1));
            fs::write(&aside, &content.torn).map_err(io)?;
            file.set_len(content.whole as u64).map_err(io)?;
        }
        file.seek(io::SeekFrom::End(0)).map_err(io)?;
        file.sync_all().map_err(io)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            run: run.to_owned(),
            head: content.head,
            next: content.records.len() as u64 + 1,
            open: BTreeMap::new(),
            verified: Vec::new(),
            observer: None,
        };
        for record in &content.records {
            journal.note(record);
        }
        Ok(journal)
    }

    fn note(&mut self, record: &Record) {
        match &record.entry {
            Entry::Intent { address, op, token, .. } => {
                let intent =
                    OpenIntent { seq: record.seq, address: address.clone(), op: op.clone(), token: token.clone() };
                self.open.insert(record.seq, intent);
            }
            Entry::Verdict { intent, verdict, .. } if verdict != "unverified" => {
                if let Some(closed) = self.open.remove(intent)
                    && verdict == "verified"
                {
                    self.verified.push((closed.address, closed.op, record.at));
                }
            }
            _ => {}
        }
    }

    /// Appends a record and waits until it is on disk; returns its sequence number.
    ///
    /// # Errors
    /// Fails when it is not on disk. Nothing may then be written to AWS.
    pub fn append(&mut self, at: Timestamp, entry: Entry) -> Result<u64, JournalError> {
        let io = |error| JournalError::Io(self.path.clone(), error);
        let seq = self.next;
        let record = Record { seq, prev: self.head.clone().unwrap_or_default(), at, run: self.run.clone(), entry };
        let mut line = serde_json::to_vec(&record).map_err(|error| io(io::Error::other(error)))?;
        let head = digest::of_bytes(&line);
        line.push(b'\n');
        self.file.write_all(&line).map_err(io)?;
        self.file.sync_data().map_err(io)?;
        self.head = Some(head);
        self.next += 1;
        self.note(&record);
        if let Some(Observer(tell)) = &mut self.observer {
            tell(&record);
        }
        Ok(seq)
    }

    /// Tells `observer` of every record from now on, right after it is on disk and before anything else happens.
    pub fn on_record(&mut self, observer: impl FnMut(&Record) + Send + 'static) {
        self.observer = Some(Observer(Box::new(observer)));
    }

    /// The digest of the last record.
    pub fn head(&self) -> Option<&str> {
        self.head.as_deref()
    }

    /// The sequence number that the next record will have.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Intents whose outcome is not on record, oldest first.
    pub fn open_intents(&self) -> impl Iterator<Item = &OpenIntent> {
        self.open.values()
    }

    /// How often the same op of the same address was verified since `since`.
    pub fn times_verified(&self, address: &Address, op: &str, since: Timestamp) -> usize {
        self.verified.iter().filter(|(of, what, at)| of == address && what == op && *at >= since).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: &str) -> Entry {
        Entry::Intent {
            step: step.into(),
            address: "prod/eu-west-1/guardrail/payments".parse().expect("an address"),
            action: "update".into(),
            op: "sha256:op".into(),
            token: format!("token-{step}"),
            before: None,
        }
    }

    fn ended(intent: u64, verdict: &str) -> Entry {
        Entry::Verdict { intent, verdict: verdict.into(), differs: Vec::new() }
    }

    #[test]
    fn an_intent_is_open_until_its_verdict() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path, "run-1").expect("opened");
        let one = journal.append(Timestamp::UNIX_EPOCH, entry("1")).expect("written");
        let two = journal.append(Timestamp::UNIX_EPOCH, entry("2")).expect("written");
        journal.append(Timestamp::UNIX_EPOCH, ended(one, "verified")).expect("written");
        journal.append(Timestamp::UNIX_EPOCH, ended(two, "unverified")).expect("written");
        let again = Journal::open(&path, "run-2").expect("opened");
        assert_eq!(again.open_intents().map(|open| open.token.as_str()).collect::<Vec<_>>(), ["token-2"]);
        assert_eq!(again.head(), journal.head());
        let address = "prod/eu-west-1/guardrail/payments".parse().expect("an address");
        assert_eq!(again.times_verified(&address, "sha256:op", Timestamp::UNIX_EPOCH), 1);
    }

    #[test]
    fn a_torn_last_line_is_set_aside_at_every_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path, "run-1").expect("opened");
        journal.append(Timestamp::UNIX_EPOCH, entry("1")).expect("written");
        let first = fs::read(&path).expect("read").len();
        journal.append(Timestamp::UNIX_EPOCH, entry("2")).expect("written");
        let all = fs::read(&path).expect("read");
        for length in first..all.len() {
            fs::write(&path, &all[..length]).expect("torn");
            let again = Journal::open(&path, "run-2").expect("opened");
            assert_eq!(again.open_intents().count(), 1, "cut at {length}");
            assert_eq!(fs::read(&path).expect("read").len(), first);
        }
    }

    #[test]
    fn a_changed_or_removed_line_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path, "run-1").expect("opened");
        for step in ["1", "2", "3"] {
            journal.append(Timestamp::UNIX_EPOCH, entry(step)).expect("written");
        }
        let text = fs::read_to_string(&path).expect("read");
        fs::write(&path, text.replace("token-1", "token-X")).expect("written");
        assert!(matches!(records(&path), Err(JournalError::Broken { line: 2, .. })));
        let without: Vec<&str> =
            text.lines().enumerate().filter(|(index, _)| *index != 1).map(|(_, line)| line).collect();
        fs::write(&path, without.join("\n") + "\n").expect("written");
        assert!(matches!(records(&path), Err(JournalError::Broken { line: 2, .. })));
        fs::write(&path, text.replacen("seq", "sqe", 1)).expect("written");
        assert!(matches!(records(&path), Err(JournalError::Damaged { line: 1, .. })));
    }
}
