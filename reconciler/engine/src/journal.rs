//! The append-only record of what was about to be done, what the API answered, and what read-back showed.
//!
//! Expected flow: [`Journal::open`] reads what is there; every record is one line of JSON, on disk before the call
//! returns, with the digest of the line before it.
//!
//! Guarantees: a write is never made without its intent on disk; a line that a crash cut off is set aside, not lost and not
//! read as a record; a record that could not be appended leaves nothing behind, and nothing is appended after it in this run, so
//! that nothing more is written to AWS; records hold digests, ids, names and what AWS said of a failure, never values of resources. The end of the chain is kept in
//! [`crate::head`], so that a journal whose last lines are gone is not taken for a whole one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use reconciler_aws::client::ANY;
use reconciler_model::address::Address;
use reconciler_model::alert::Alert;
use reconciler_model::digest;
use reconciler_model::first_seen::Witness;
use reconciler_model::flapping::RestoredField;
use reconciler_model::incident::Outcome;
use reconciler_model::permit::{Approval, Mode};
use reconciler_model::verdict::Ruling;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::flapping::FlapHistory;
use crate::head::{self, Fit, Head, HeadFile};
use crate::private;

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
    /// An earlier record of this run could not be appended.
    #[error("use journal {0}: an earlier record of this run could not be written")]
    Stopped(PathBuf),
    /// Somebody else wrote to the file, removed it or put another one in its place.
    #[error("use journal {0}: another process wrote to it, removed it or replaced it while this run had it")]
    Taken(PathBuf),
    /// The journal does not end where its head says.
    #[error("read journal {file}: {reason}")]
    Head {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        reason: String,
    },
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "record")]
pub enum Entry {
    /// A run that may write began.
    RunStarted {
        /// What it was for.
        mode: Mode,
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
        /// The digest of the call and its expected state.
        op: String,
        /// The idempotency token.
        token: String,
        /// The fingerprint of the resource just before; `None` when it was absent.
        before: Option<String>,
        /// What the steps of the address restore; of its first step alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        restores: Vec<RestoredField>,
        /// The most urgent alert of what is restored; of its first step alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alerts: Vec<Alert>,
        /// The version that callers could name before, where the step publishes another one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
        /// Whether each try uses up something of which there is little.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        spends: bool,
    },
    /// The service answered.
    #[serde(rename = "receipt")]
    WriteResult {
        /// The sequence number of the intent.
        intent: u64,
        /// AWS's id of the request.
        request_id: Option<String>,
        /// The AWS error code, when the call failed.
        error: Option<String>,
        /// What AWS said with it, shortened and without a canonical request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// What names a resource that the call made, so that it is known for ours later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<String>,
    },
    /// Read-back was done, or the intent was given up.
    Verdict {
        /// The sequence number of the intent.
        intent: u64,
        /// What became of the write.
        verdict: Ruling,
        /// Where read-back differs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differs: Vec<String>,
        /// What names a resource that the call made, where its answer was lost and it was found afterwards.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<String>,
    },
    /// A run ended.
    RunEnded {
        /// Steps that were verified.
        verified: usize,
        /// Steps that were not.
        not_verified: usize,
    },
    /// An incident was opened, or one that is open was taken up again.
    IncidentOpened {
        /// Its id.
        incident: String,
        /// What was asked for: control ids and address patterns, sorted.
        targets: Vec<String>,
        /// The accounts that it is limited to, sorted; none when to all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accounts: Vec<String>,
        /// The beginning of the time that is looked at, where it was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
        /// Who asked: the user of the operating system.
        by: String,
        /// Whether an earlier run left it open.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// A piece of evidence is on disk.
    Evidence {
        /// The incident.
        incident: String,
        /// `plan`, `before`, `after` or another word for what it is.
        what: String,
        /// The resource that it shows, where it shows one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Address>,
        /// The digest of the file, which is also its name.
        sha256: String,
        /// Its length.
        bytes: u64,
    },
    /// The files of an incident that stays open were written.
    IncidentSaved {
        /// The incident.
        incident: String,
        /// How it stands.
        outcome: Outcome,
        /// The digests of its files, by name.
        files: BTreeMap<String, String>,
    },
    /// An incident is over, and its files were written for the last time.
    IncidentClosed {
        /// The incident.
        incident: String,
        /// How it ended.
        outcome: Outcome,
        /// The digests of its files, by name.
        files: BTreeMap<String, String>,
    },
    /// What this build cannot read, because a newer one wrote it: kept as it is.
    #[serde(untagged)]
    Newer(serde_json::Map<String, serde_json::Value>),
}

/// The format of the records that this build writes. It is raised where an older build could mistake one for damage.
pub const FORMAT: u32 = 1;

fn first_format() -> u32 {
    1
}

/// One line.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Record {
    /// From 1, without holes.
    pub seq: u64,
    /// The digest of the line before; the empty text in the first.
    pub prev: String,
    /// When, in UTC.
    pub at: Timestamp,
    /// The run that wrote it.
    pub run: String,
    /// Its format; that of the first builds where it does not say.
    #[serde(default = "first_format")]
    pub format: u32,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}

impl Record {
    /// Reads a line. What cannot be read is damage, unless the line says that a newer build wrote it.
    ///
    /// # Errors
    /// It is no record.
    pub fn of_line(line: &[u8]) -> Result<Self, serde_json::Error> {
        let record: Self = serde_json::from_slice(line)?;
        match record.entry {
            Entry::Newer(_) if record.format <= FORMAT => {
                Err(serde::de::Error::custom("it is no record of this format"))
            }
            _ => Ok(record),
        }
    }

    /// Whether a newer build wrote it, so that it may say more than this one can tell.
    pub fn is_newer(&self) -> bool {
        self.format > FORMAT
    }

    /// A text member of a record that this build cannot read.
    pub fn unread(&self, member: &str) -> Option<&str> {
        match &self.entry {
            Entry::Newer(members) => members.get(member)?.as_str(),
            _ => None,
        }
    }
}

/// A record with all that its line has.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What this build reads of it.
    pub record: Record,
    /// Every member as it was written, those too that this build does not know, and the format where the line does not say.
    pub written: serde_json::Map<String, serde_json::Value>,
}

/// An intent whose outcome is not on record: the process died, or it could not be read back.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIntent {
    /// The record's sequence number.
    pub seq: u64,
    /// The resource.
    pub address: Address,
    /// The digest of the call and its expected state.
    pub op: String,
    /// The idempotency token, to be used again.
    pub token: String,
    /// Whether there was nothing when it was written.
    pub creates: bool,
}

/// An incident that is not closed.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIncident {
    /// Its id.
    pub id: String,
    /// What was asked for, sorted.
    pub targets: Vec<String>,
    /// The accounts that it is limited to, sorted.
    pub accounts: Vec<String>,
    /// The beginning of the time that is looked at, where it was given.
    pub since: Option<Timestamp>,
    /// When it was opened.
    pub at: Timestamp,
}

/// The journal of one state folder, open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of the file, all of which are whole records.
    length: u64,
    /// Whether a record could not be appended.
    stopped: bool,
    head_file: HeadFile,
    run: String,
    head: Option<String>,
    next: u64,
    open: BTreeMap<u64, OpenIntent>,
    flaps: FlapHistory,
    incidents: BTreeMap<String, OpenIncident>,
    made: Made,
    observer: Option<Observer>,
}

/// What this tool made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// The ids that this tool made, by address, the newest last. They are the successors of a pin whose resource is
    /// gone.
    pub ids: BTreeMap<Address, Vec<String>>,
    /// The versions that it published another one after, each with the resource that it is of.
    pub replaced: BTreeMap<Address, BTreeSet<String>>,
    /// What it changed, or made, or may have made: that was there.
    known: BTreeSet<Address>,
    /// Whether the journal could not be read, so that nothing of the former is the whole.
    is_unread: bool,
    /// What was begun and is not over, by the sequence number of its intent.
    begun: BTreeMap<u64, Begun>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Begun {
    address: Address,
    creates: bool,
    replaces: Option<String>,
    /// Whether an error was answered.
    failed: bool,
}

impl Made {
    /// What the records say.
    pub fn of(records: &[Record]) -> Self {
        let mut made = Self::default();
        records.iter().for_each(|record| made.note(record));
        made.with_what_may_be()
    }

    /// What a journal says that is not open for writing; a journal that is not there says that nothing was made.
    pub fn at(journal: &Path) -> Self {
        let Ok(records) = records(journal) else { return Self { is_unread: true, ..Self::default() } };
        let mut made = Self::of(&records);
        // One record more may be about to be written. Of more, or of a head that is no head, records are gone.
        let is_whole = match head::read(journal) {
            Ok(Some(head)) => head.seq <= records.len() as u64 + u64::from(head.writing),
            Ok(None) => true,
            Err(_) => false,
        };
        made.is_unread |= !is_whole;
        made
    }

    /// What the journal says of an address having been there. A journal that is not there says that it was not.
    pub fn witness(&self, address: &Address) -> Witness {
        match (self.known.contains(address), self.is_unread) {
            (true, _) => Witness::Knows,
            (false, true) => Witness::Unheard("the journal could not be read".to_owned()),
            (false, false) => Witness::Silent,
        }
    }

    fn note(&mut self, record: &Record) {
        // What a newer build wrote may be about any address.
        self.is_unread |= record.is_newer();
        match &record.entry {
            Entry::Intent { address, before, replaces, .. } => {
                // A create that is refused makes nothing known.
                if before.is_some() {
                    self.known.insert(address.clone());
                }
                let (address, replaces) = (address.clone(), replaces.clone());
                let begun = Begun { address, creates: before.is_none(), replaces, failed: false };
                self.begun.insert(record.seq, begun);
            }
            Entry::WriteResult { intent, error, made, .. } => {
                let Some(begun) = self.begun.get_mut(intent) else { return };
                begun.failed = error.is_some();
                let begun = begun.clone();
                self.keep(&begun, made.as_ref(), !begun.failed);
            }
            Entry::Verdict { intent, verdict, made, .. } => {
                let is_over = *verdict != Ruling::Inconclusive;
                let Some(begun) = self.begun.get(intent).cloned() else { return };
                if !begun.failed {
                    self.known.insert(begun.address.clone());
                }
                if is_over {
                    self.begun.remove(intent);
                }
                let is_done = *verdict == Ruling::Verified || (*verdict == Ruling::Superseded && !begun.failed);
                self.keep(&begun, made.as_ref(), is_done);
            }
            _ => {}
        }
    }

    fn keep(&mut self, begun: &Begun, made: Option<&String>, is_done: bool) {
        if made.is_some() || is_done {
            self.known.insert(begun.address.clone());
        }
        if let Some(id) = made {
            self.ids.entry(begun.address.clone()).or_default().push(id.clone());
        }
        if let Some(version) = begun.replaces.as_ref().filter(|_| is_done) {
            self.replaced.entry(begun.address.clone()).or_default().insert(version.clone());
        }
    }

    /// Adds what may have been made: a create without a recorded answer is repeated with its token.
    fn with_what_may_be(mut self) -> Self {
        for begun in std::mem::take(&mut self.begun).into_values() {
            if begun.creates {
                self.ids.entry(begun.address.clone()).or_default().push(ANY.to_owned());
            }
            // It was told, and may be there: a crash is no drift.
            self.keep(&begun, None, !begun.failed);
        }
        self
    }
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

/// Every record with all that its line has, in order.
///
/// # Errors
/// Fails when the journal cannot be read, or is damaged.
pub fn lines(path: &Path) -> Result<Vec<Line>, JournalError> {
    let bytes = bytes_of(path)?;
    let content = parse(path, &bytes)?;
    let mut lines = Vec::new();
    for (record, line) in content.records.into_iter().zip(bytes.split(|byte| *byte == b'\n')) {
        let damaged = |_| JournalError::Damaged { file: path.to_owned(), line: lines.len() + 1 };
        let mut written: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).map_err(damaged)?;
        written.entry("format").or_insert_with(|| record.format.into());
        lines.push(Line { record, written });
    }
    Ok(lines)
}

struct Content {
    records: Vec<Record>,
    head: Option<String>,
    /// Bytes of whole lines; what follows was cut off by a crash.
    whole: usize,
    torn: Vec<u8>,
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, JournalError> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(JournalError::Io(path.to_owned(), error)),
    }
}

fn read(path: &Path) -> Result<Content, JournalError> {
    parse(path, &bytes_of(path)?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Content, JournalError> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut records = Vec::new();
    let mut head = None;
    for (index, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let damaged = || JournalError::Damaged { file: path.to_owned(), line: index + 1 };
        let record = Record::of_line(line).map_err(|_| damaged())?;
        if record.prev != head.clone().unwrap_or_default() || record.seq != index as u64 + 1 {
            return Err(JournalError::Broken { file: path.to_owned(), line: index + 1 });
        }
        head = Some(digest::of_bytes(line));
        records.push(record);
    }
    Ok(Content { records, head, whole, torn: bytes[whole..].to_vec() })
}

/// Keeps what is no record in a file beside the journal, which is named by its content: a change of it is found.
pub(crate) fn set_aside(journal: &Path, record: u64, bytes: &[u8]) -> io::Result<PathBuf> {
    let aside = journal.with_extension(aside_name(record, bytes));
    private::replace(&aside, bytes)?;
    Ok(aside)
}

/// The ending of such a file: the record that it was found before, and the beginning of the digest of its content.
pub(crate) fn aside_name(record: u64, bytes: &[u8]) -> String {
    let digest = digest::of_bytes(bytes);
    let hex = digest.rsplit(':').next().unwrap_or_default();
    format!("torn-{record}-{}", &hex[..hex.len().min(16)])
}

impl Journal {
    /// Opens the journal at `path` for the run `run`, and reads what is there.
    ///
    /// A last line that a crash cut off is moved to a file beside the journal. A journal without a head, as older builds wrote
    /// it, gets one.
    ///
    /// # Errors
    /// Fails when it cannot be read or written, or when a line was changed, removed or added.
    pub fn open(path: &Path, run: &str) -> Result<Self, JournalError> {
        let io = |error| JournalError::Io(path.to_owned(), error);
        let content = read(path)?;
        let (records, last) = (content.records.len() as u64, content.head.clone().unwrap_or_default());
        let prev = content.records.last().map(|record| record.prev.clone()).unwrap_or_default();
        let wrong = |reason: String| JournalError::Head { file: path.to_owned(), reason };
        match head::read(path)
            .map_err(|error| wrong(format!("its head cannot be read: {error}")))?
            .map(|head| head.fit(records, &last, &prev))
        {
            Some(Fit::Not(reason)) => return Err(wrong(reason)),
            Some(Fit::Whole | Fit::CutShort) | None => {}
        }
        let file = private::to_append(path).map_err(io)?;
        if !content.torn.is_empty() {
            set_aside(path, content.records.len() as u64 + 1, &content.torn).map_err(io)?;
            file.set_len(content.whole as u64).map_err(io)?;
        }
        file.sync_all().map_err(io)?;
        private::sync_folder(path).map_err(io)?;
        let mut head_file = HeadFile::open(path).map_err(io)?;
        let head = Head { seq: records, digest: last, prev, writing: false, format: head::FORMAT };
        head_file.write(&head, true).map_err(io)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            length: content.whole as u64,
            stopped: false,
            head_file,
            run: run.to_owned(),
            head: content.head,
            next: content.records.len() as u64 + 1,
            open: BTreeMap::new(),
            flaps: FlapHistory::default(),
            incidents: BTreeMap::new(),
            made: Made::default(),
            observer: None,
        };
        for record in &content.records {
            journal.note(record);
        }
        Ok(journal)
    }

    fn note(&mut self, record: &Record) {
        self.flaps.note(record);
        self.made.note(record);
        match &record.entry {
            Entry::Intent { address, op, token, before, .. } => {
                let (seq, creates) = (record.seq, before.is_none());
                let (address, op, token) = (address.clone(), op.clone(), token.clone());
                let intent = OpenIntent { seq, address, op, token, creates };
                self.open.insert(record.seq, intent);
            }
            Entry::Verdict { intent, verdict, .. } if *verdict != Ruling::Inconclusive => {
                self.open.remove(intent);
            }
            Entry::IncidentOpened { incident, targets, accounts, since, again: false, .. } => {
                let open = OpenIncident {
                    id: incident.clone(),
                    targets: targets.clone(),
                    accounts: accounts.clone(),
                    since: *since,
                    at: record.at,
                };
                self.incidents.insert(incident.clone(), open);
            }
            Entry::IncidentClosed { incident, .. } => {
                self.incidents.remove(incident);
            }
            _ => {}
        }
    }

    /// Appends a record and waits until it is on disk; returns its sequence number.
    ///
    /// # Errors
    /// Fails when it is not on disk, and from then on: what was begun of the record is taken back, and nothing may be written to
    /// AWS any more. A disk that has room again must not let one chain of steps go on where another one could not.
    pub fn append(&mut self, at: Timestamp, entry: Entry) -> Result<u64, JournalError> {
        if self.stopped {
            return Err(JournalError::Stopped(self.path.clone()));
        }
        let appended = self.append_record(at, entry);
        self.stopped = appended.is_err();
        appended
    }

    fn append_record(&mut self, at: Timestamp, entry: Entry) -> Result<u64, JournalError> {
        let path = self.path.clone();
        let io = |error| JournalError::Io(path.clone(), error);
        if self.file.metadata().map_err(io)?.len() != self.length || !private::is_still(&self.file, &self.path) {
            return Err(JournalError::Taken(path));
        }
        let seq = self.next;
        let (prev, run) = (self.head.clone().unwrap_or_default(), self.run.clone());
        let record = Record { seq, prev, at, run, format: FORMAT, entry };
        let mut line = serde_json::to_vec(&record).map_err(|error| io(io::Error::other(error)))?;
        let digest = digest::of_bytes(&line);
        line.push(b'\n');
        let (prev, format) = (record.prev.clone(), head::FORMAT);
        let mut head = Head { seq, digest: digest.clone(), prev, writing: true, format };
        self.head_file.write(&head, true).map_err(io)?;
        if let Err(error) = self.file.write_all(&line).and_then(|()| self.file.sync_data()) {
            // Where it cannot be taken back, half a line is left, as after a crash: the next run sets it aside.
            let _ = self.file.set_len(self.length).and_then(|()| self.file.sync_data());
            return Err(io(error));
        }
        self.length += line.len() as u64;
        self.head = Some(digest);
        self.next += 1;
        self.note(&record);
        if let Some(Observer(tell)) = &mut self.observer {
            tell(&record);
        }
        // It need not be on disk: that the record was being written is true of it as well.
        head.writing = false;
        self.head_file.write(&head, false).map_err(io)?;
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

    /// The incident that was opened for these targets and accounts and is not closed; both sorted. Of several, the newest.
    pub fn open_incident(&self, targets: &[String], accounts: &[String]) -> Option<&OpenIncident> {
        let open = self.incidents.values().filter(|open| open.targets == targets && open.accounts == accounts);
        open.max_by_key(|open| open.at)
    }

    /// What this tool made, and what it may have made.
    pub fn made(&self) -> Made {
        self.made.clone().with_what_may_be()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What others changed back.
    pub fn flaps(&self) -> &FlapHistory {
        &self.flaps
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
            restores: Vec::new(),
            alerts: Vec::new(),
            replaces: None,
            spends: false,
        }
    }

    fn ended(intent: u64, verdict: Ruling) -> Entry {
        Entry::Verdict { intent, verdict, differs: Vec::new(), made: None }
    }

    /// A record of a newer build is kept as it is and is no damage. The same record of this build's format is damage.
    #[test]
    fn a_record_of_a_newer_build_is_kept_and_is_no_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path, "run-1").expect("opened");
        journal.append(Timestamp::UNIX_EPOCH, entry("1")).expect("written");
        let prev = journal.head().expect("a head").to_owned();
        drop(journal);
        let text = fs::read_to_string(&path).expect("readable");
        for (format, what) in [(FORMAT + 1, "waived"), (FORMAT + 1, "intent"), (FORMAT, "waived"), (FORMAT, "intent")] {
            let line = format!(
                r#"{{"seq":2,"prev":"{prev}","at":"1970-01-01T00:00:00Z","run":"r","format":{format},"record":"{what}","until":[1]}}"#
            );
            fs::write(&path, format!("{text}{line}\n")).expect("written");
            fs::remove_file(crate::head::path_of(&path)).ok();
            let read = records(&path);
            if format == FORMAT {
                assert!(matches!(read, Err(JournalError::Damaged { line: 2, .. })), "{what}: {read:?}");
                continue;
            }
            let read = read.expect("no damage");
            assert!(read[1].is_newer() && !read[0].is_newer(), "{read:?}");
            let mut journal = Journal::open(&path, "run-2").expect("opened");
            assert_eq!(journal.append(Timestamp::UNIX_EPOCH, ended(1, Ruling::Verified)).expect("written"), 3);
            assert!(fs::read_to_string(&path).expect("readable").contains(&line), "kept as it is");
            assert_eq!(records(&path).expect("no damage").len(), 3);
        }
    }

    /// What this build does not know of a record is there for programs, in a record of a known kind too.
    #[test]
    fn a_line_has_all_that_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let first = r#"{"seq":1,"prev":"","at":"1970-01-01T00:00:00Z","run":"r","record":"run_ended","verified":1,"not_verified":0}"#;
        let prev = digest::of_bytes(first.as_bytes());
        let next = FORMAT + 1;
        let second = format!(
            r#"{{"seq":2,"prev":"{prev}","at":"1970-01-01T00:00:00Z","run":"r","format":{next},"record":"run_ended","verified":1,"not_verified":0,"waived":{{"steps":[3]}}}}"#
        );
        fs::write(&path, format!("{first}\n{second}\n{{\"seq\":3")).expect("written");
        let lines = lines(&path).expect("no damage");
        assert_eq!(lines.iter().map(|line| line.record.is_newer()).collect::<Vec<_>>(), [false, true]);
        assert_eq!(lines[0].written["format"], 1, "the first builds did not say");
        assert_eq!(lines[1].written["waived"], serde_json::json!({ "steps": [3] }));
        assert_eq!(lines[1].record.entry, Entry::RunEnded { verified: 1, not_verified: 0 });
    }

    /// After a newer build was taken back: its head is replaced by one of this build, however long it was.
    #[test]
    fn a_journal_with_the_head_of_a_newer_build_is_gone_on_with() {
        for more in [String::new(), "x".repeat(300)] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("journal.jsonl");
            let mut journal = Journal::open(&path, "run-1").expect("opened");
            journal.append(Timestamp::UNIX_EPOCH, entry("1")).expect("written");
            let text = fs::read_to_string(head::path_of(&path)).expect("read");
            let newer =
                format!(r#"{},"format":{},"more":"{more}"}}"#, text.trim_end().trim_end_matches('}'), head::FORMAT + 1);
            fs::write(head::path_of(&path), format!("{newer}\n")).expect("written");
            let mut journal = Journal::open(&path, "run-2").expect("opened");
            assert_eq!(journal.append(Timestamp::UNIX_EPOCH, ended(1, Ruling::Verified)).expect("written"), 2);
            drop(journal);
            let head = head::read(&path).expect("as it was written").expect("a head");
            assert_eq!((head.seq, head.format), (2, head::FORMAT));
            Journal::open(&path, "run-3").expect("opened");
        }
    }

    /// Words that this build does not know are kept: a verdict or a mode of a later one is no damage.
    #[test]
    fn unknown_words_are_kept() {
        let line = r#"{"seq":1,"prev":"","at":"1970-01-01T00:00:00Z","run":"r","record":"verdict","intent":1,"verdict":"waived"}"#;
        let record = Record::of_line(line.as_bytes()).expect("a record");
        assert_eq!(record.format, 1, "the first builds did not say");
        let Entry::Verdict { verdict, .. } = &record.entry else { panic!("{record:?}") };
        assert_eq!(*verdict, Ruling::Other("waived".to_owned()));
        assert!(serde_json::to_string(&record).expect("JSON").contains(r#""verdict":"waived""#));
    }

    #[test]
    fn an_intent_is_open_until_its_verdict() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path, "run-1").expect("opened");
        let one = journal.append(Timestamp::UNIX_EPOCH, entry("1")).expect("written");
        let two = journal.append(Timestamp::UNIX_EPOCH, entry("2")).expect("written");
        journal.append(Timestamp::UNIX_EPOCH, ended(one, Ruling::Verified)).expect("written");
        journal.append(Timestamp::UNIX_EPOCH, ended(two, Ruling::Inconclusive)).expect("written");
        let again = Journal::open(&path, "run-2").expect("opened");
        assert_eq!(again.open_intents().map(|open| open.token.as_str()).collect::<Vec<_>>(), ["token-2"]);
        assert_eq!(again.head(), journal.head());
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
        let writing = head::read(&path).expect("read").map(|head| Head { writing: true, ..head }).expect("a head");
        for length in first..all.len() {
            fs::write(&path, &all[..length]).expect("torn");
            HeadFile::open(&path).expect("opened").write(&writing, false).expect("written");
            let again = Journal::open(&path, "run-2").expect("opened");
            assert_eq!(again.open_intents().count(), 1, "cut at {length}");
            assert_eq!(fs::read(&path).expect("read").len(), first);
        }
    }

    /// As a disk that is full for a moment: what was begun of the record is taken back, nothing is appended in this run even when there is
    /// room again, and the next run goes on.
    #[test]
    fn a_record_that_cannot_be_written_ends_the_run_and_leaves_a_whole_journal() {
        for part in ["record", "head"] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("journal.jsonl");
            let mut journal = Journal::open(&path, "run-1").expect("opened");
            journal.append(Timestamp::UNIX_EPOCH, entry("1")).expect("written");
            let before = fs::read(&path).expect("read");
            let full = File::open(&path).expect("opened for reading alone");
            let writable = match part {
                "record" => std::mem::replace(&mut journal.file, full),
                _ => journal.head_file.break_off(full),
            };
            let failed = journal.append(Timestamp::UNIX_EPOCH, entry("2"));
            assert!(matches!(failed, Err(JournalError::Io(..))), "{part}: {failed:?}");
            match part {
                "record" => journal.file = writable,
                _ => drop(journal.head_file.break_off(writable)),
            }
            let stopped = journal.append(Timestamp::UNIX_EPOCH, entry("3"));
            assert!(matches!(stopped, Err(JournalError::Stopped(_))), "{part}: {stopped:?}");
            assert_eq!(fs::read(&path).expect("read"), before, "{part}");
            let mut again = Journal::open(&path, "run-2").expect("whole");
            assert_eq!(again.append(Timestamp::UNIX_EPOCH, entry("4")).expect("written"), 2);
            assert_eq!(records(&path).expect("whole").len(), 2);
        }
    }

    /// Two processes cannot both append, even where the lock's file was removed: the one that finds what it did not write stops.
    #[test]
    fn a_journal_that_another_process_wrote_to_or_replaced_is_not_appended_to() {
        let takes: [fn(&Path); 3] = [
            |path| {
                drop(Journal::open(path, "other").and_then(|mut other| other.append(Timestamp::UNIX_EPOCH, entry("x"))))
            },
            |path| fs::remove_file(path).expect("removed"),
            |path| {
                let copy = path.with_extension("copy");
                fs::copy(path, &copy).expect("copied");
                fs::rename(&copy, path).expect("replaced");
            },
        ];
        for take in takes {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("journal.jsonl");
            let mut journal = Journal::open(&path, "run-1").expect("opened");
            journal.append(Timestamp::UNIX_EPOCH, entry("1")).expect("written");
            take(&path);
            assert!(matches!(journal.append(Timestamp::UNIX_EPOCH, entry("2")), Err(JournalError::Taken(_))));
            assert!(matches!(journal.append(Timestamp::UNIX_EPOCH, entry("2")), Err(JournalError::Stopped(_))));
        }
    }

    #[test]
    fn a_link_is_not_followed_and_nobody_else_may_read() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("journal.jsonl"), folder.path().join("other"));
        fs::write(&other, "").expect("written");
        symlink(&other, &path).expect("a link");
        assert!(matches!(Journal::open(&path, "run-1"), Err(JournalError::Io(..))));
        assert_eq!(fs::read(&other).expect("read"), b"");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        Journal::open(&path, "run-1").expect("opened");
        for file in [path.clone(), head::path_of(&path)] {
            let mode = fs::metadata(&file).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
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

    #[test]
    fn a_journal_whose_end_is_gone_or_that_has_grown_is_not_written_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path, "run-1").expect("opened");
        journal.append(Timestamp::UNIX_EPOCH, entry("1")).expect("written");
        let shorter = fs::read(&path).expect("read");
        journal.append(Timestamp::UNIX_EPOCH, entry("2")).expect("written");
        let whole = fs::read(&path).expect("read");
        let before = fs::read(head::path_of(&path)).expect("read");
        fs::write(&path, &shorter).expect("written");
        assert!(matches!(Journal::open(&path, "run-2"), Err(JournalError::Head { .. })), "its end is gone");
        fs::write(&path, &whole).expect("written");
        let mut journal = Journal::open(&path, "run-2").expect("opened");
        journal.append(Timestamp::UNIX_EPOCH, entry("3")).expect("written");
        fs::write(head::path_of(&path), before).expect("written");
        assert!(matches!(Journal::open(&path, "run-3"), Err(JournalError::Head { .. })), "a line was added");
        fs::remove_file(head::path_of(&path)).expect("removed");
        Journal::open(&path, "run-3").expect("a journal of an older build has no head");
        assert!(head::read(&path).expect("read").is_some());
    }

    #[test]
    fn an_incident_is_open_until_it_is_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path, "run-1").expect("opened");
        let (targets, none) = (vec!["aws-genai-04".to_owned()], Vec::new());
        let opened = |again| Entry::IncidentOpened {
            incident: "inc-1".into(),
            targets: targets.clone(),
            accounts: Vec::new(),
            since: None,
            by: "root".into(),
            again,
        };
        let (outcome, files) = (Outcome::Restored, BTreeMap::new());
        journal.append(Timestamp::UNIX_EPOCH, opened(false)).expect("written");
        let saved = Entry::IncidentSaved { incident: "inc-1".into(), outcome, files: files.clone() };
        journal.append(Timestamp::UNIX_EPOCH, saved).expect("written");
        let mut again = Journal::open(&path, "run-2").expect("opened");
        assert_eq!(again.open_incident(&targets, &none).map(|open| open.id.as_str()), Some("inc-1"));
        assert_eq!(again.open_incident(&targets, &targets), None);
        again.append(Timestamp::UNIX_EPOCH, opened(true)).expect("written");
        let closed = Entry::IncidentClosed { incident: "inc-1".into(), outcome, files };
        again.append(Timestamp::UNIX_EPOCH, closed).expect("written");
        assert_eq!(Journal::open(&path, "run-3").expect("opened").open_incident(&targets, &none), None);
    }
}
