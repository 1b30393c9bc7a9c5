//! Whether anything in the journal or in the evidence was altered, removed or added; and where.
//!
//! Expected flow: [`verify`] reads every line of the journal and goes on after one that is wrong, holds the end of the chain
//! against its head, and every file of every incident against the digests in the chain.
//!
//! Caveats: somebody who can write to the folder can replace all of it consistently. Only a digest that was noted elsewhere,
//! such as the `--head` of an earlier audit, shows that. A file that a run was writing when it died is a note.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reconciler_model::digest;
use schemars::JsonSchema;
use serde::Serialize;

use crate::evidence::{CaseFolder, INCIDENTS, PARTIAL, file_of};
use crate::head::{self, Fit};
use crate::journal::{self, Entry, Record};
use crate::mend;
use crate::state::StateFolder;

/// Something that was altered, removed or added.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Finding {
    /// The file, below the state folder.
    pub file: PathBuf,
    /// The line, from 1, where one is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong, in one sentence.
    pub what: String,
    /// Whether it looks like damage: `audit mend` repairs it without losing a record.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub damage: bool,
}

/// What an audit gave.
#[derive(Debug, Default, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Audit {
    /// Records of the journal.
    pub records: usize,
    /// Incidents that the journal tells of.
    pub incidents: usize,
    /// Files of incidents that are as the journal has them.
    pub files: usize,
    /// The digest of the last record: to be noted elsewhere.
    pub head: Option<String>,
    /// What was altered, removed or added.
    pub findings: Vec<Finding>,
    /// What a run that died left.
    pub notes: Vec<Finding>,
    #[serde(skip)]
    digests: BTreeSet<String>,
}

impl Audit {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Holds the chain to a digest that was noted elsewhere: one that no record has is a finding.
    pub fn hold_to(&mut self, noted: &str) {
        if !self.has(noted) {
            let what = format!("no record has the digest {noted}: the journal was written anew, or lines are gone");
            self.found(StateFolder::journal_in(Path::new("")), None, what);
        }
    }

    /// Whether the chain has a record with this digest: one that was the head at some time.
    pub fn has(&self, digest: &str) -> bool {
        self.digests.contains(digest)
    }

    fn found(&mut self, file: impl Into<PathBuf>, line: Option<usize>, what: impl Into<String>) {
        self.findings.push(Finding { file: file.into(), line, what: what.into(), damage: false });
    }

    fn noted(&mut self, file: impl Into<PathBuf>, line: Option<usize>, what: impl Into<String>) {
        self.notes.push(Finding { file: file.into(), line, what: what.into(), damage: false });
    }
}

/// Audits a state folder. Reads only.
///
/// # Errors
/// Fails when a folder or file cannot be read, which is not the same as one that is gone.
pub fn verify(state: &Path) -> io::Result<Audit> {
    let mut audit = Audit::default();
    let entries = chain(state, &mut audit)?;
    set_aside(state, &mut audit)?;
    let kept = Kept::of(entries);
    kept.compare(state, &mut audit)?;
    Ok(audit)
}

/// Holds what runs set aside to its name, which has the digest of the content.
fn set_aside(state: &Path, audit: &mut Audit) -> io::Result<()> {
    let journal = StateFolder::journal_in(state);
    let stem = journal.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let entries = match fs::read_dir(state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(ending) = name.strip_prefix(&format!("{stem}.torn-")) else { continue };
        let mut words = ending.split('-');
        // Older builds did not name the content.
        let (Some(Ok(record)), Some(_)) = (words.next().map(str::parse), words.next()) else { continue };
        match fs::read(entry.path()) {
            Ok(bytes) if name == format!("{stem}.{}", journal::aside_name(record, &bytes)) => {}
            Ok(_) => audit.found(name, None, "it was changed: its name has another digest"),
            Err(error) => audit.found(name, None, format!("it cannot be read: {error}")),
        }
    }
    Ok(())
}

/// Whether all that is wrong with a journal is what a disk leaves: every record is there, and in order.
fn is_damaged_only(bytes: &[u8], path: &Path) -> Option<Vec<usize>> {
    let found = mend::salvage(bytes).ok()?;
    match head::read(path) {
        Ok(Some(head)) if matches!(found.fit(&head), Fit::Not(_)) => None,
        _ => Some(found.damaged),
    }
}

/// Reads the chain; gives the entries of every line that is a record, whether it follows or not.
fn chain(state: &Path, audit: &mut Audit) -> io::Result<Vec<Record>> {
    let path = StateFolder::journal_in(state);
    let file = PathBuf::from(path.file_name().unwrap_or_default());
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    // A line that a disk damaged is told once, and the chain is read without what is no record.
    let salvaged = mend::salvage(&bytes).ok().filter(|found| !found.damaged.is_empty());
    let damaged = salvaged.is_some().then(|| is_damaged_only(&bytes, &path)).flatten();
    let bytes = match (salvaged, damaged) {
        (Some(found), Some(lines)) => {
            let torn = !bytes.ends_with(b"\n");
            let count = bytes.split_inclusive(|byte| *byte == b'\n').count();
            for line in lines.into_iter().filter(|line| !torn || *line != count) {
                let what =
                    "it holds something that is no record, and every record is there: a disk or a crash damaged it";
                audit.findings.push(Finding {
                    file: file.clone(),
                    line: Some(line),
                    what: what.to_owned(),
                    damage: true,
                });
            }
            let rest = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            [&found.lines[..], &bytes[rest..]].concat()
        }
        _ => bytes,
    };
    let mut records = Vec::new();
    let (mut before, mut last) = (String::new(), String::new());
    let mut is_record = true;
    let mut lines = 0;
    let mut torn = false;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let Some(line) = line.strip_suffix(b"\n") else {
            torn = true;
            break;
        };
        lines = number;
        let read = Record::of_line(line);
        is_record = read.is_ok();
        match read {
            Err(_) => audit.found(&file, Some(number), "the line is not a record"),
            Ok(record) => {
                if record.prev != last {
                    let what = "the line does not follow the one before it: one of the two was changed, or lines were removed or \
                                added between them";
                    audit.found(&file, Some(number), what);
                } else if record.seq != number as u64 {
                    audit.found(&file, Some(number), format!("the line says that it is record {}", record.seq));
                }
                if record.is_newer() {
                    let told = match record.entry {
                        Entry::Newer(_) => "that it follows is all that this build can tell",
                        _ => "what this build knows of it is taken into account",
                    };
                    let what = format!("a newer build wrote it (format {}): {told}", record.format);
                    audit.noted(&file, Some(number), &what);
                }
                records.push(record);
            }
        }
        before = std::mem::replace(&mut last, digest::of_bytes(line));
        audit.digests.insert(last.clone());
    }
    audit.records = lines;
    audit.head = (lines > 0).then(|| last.clone());
    let fit = match head::read(&path) {
        Ok(None) if lines == 0 && !torn => None,
        Ok(None) if head::path_of(&path).exists() => {
            let what = "nothing is in it, so lines may be gone from the end of the journal; a disk may have been full";
            audit.findings.push(Finding {
                file: head::path_of(&file),
                line: None,
                what: what.to_owned(),
                damage: true,
            });
            None
        }
        Ok(None) => {
            let what = "it is missing, so lines may be gone from the end of the journal; an older build, or nobody, may have \
                        written the journal without it";
            audit.found(head::path_of(&file), None, what);
            None
        }
        Ok(Some(head)) => {
            if head.is_newer() {
                let what =
                    format!("a newer build wrote it (format {}): what this build knows of it is held", head.format);
                audit.noted(head::path_of(&file), None, what);
            }
            // That the last line was changed is told already where it is no record: the head has nothing to add to that.
            let is_told = !is_record && head.seq == lines as u64 && head.prev == before;
            (!is_told).then(|| head.fit(lines as u64, &last, &before))
        }
        Err(error) => {
            audit.found(head::path_of(&file), None, format!("it is not as it was written: {error}"));
            None
        }
    };
    match fit {
        Some(Fit::Not(reason)) => audit.found(&file, Some(lines.max(1)), reason),
        Some(Fit::CutShort) => {
            audit.noted(
                &file,
                Some(lines + 1),
                "the run died while it wrote this record; the next run goes on after it",
            );
        }
        Some(Fit::Whole) if torn => audit.found(&file, Some(lines + 1), "half a line was added"),
        _ => {}
    }
    Ok(records)
}

/// What the journal says of the files of incidents.
#[derive(Default)]
struct Kept {
    /// The evidence: file below the state folder, digest, length, and the line that says so.
    evidence: BTreeMap<PathBuf, (String, u64, u64)>,
    /// The reports as the last record of the incident has them.
    reports: BTreeMap<PathBuf, (String, u64)>,
    /// Incidents, and whether a run may have died while it wrote their files.
    incidents: BTreeMap<String, bool>,
}

impl Kept {
    fn of(records: Vec<Record>) -> Self {
        let mut kept = Self::default();
        for Record { seq, entry, .. } in records {
            match entry {
                Entry::IncidentOpened { incident, .. } => {
                    kept.incidents.insert(incident, true);
                }
                Entry::Evidence { incident, sha256, bytes, .. } => {
                    let file = Path::new(INCIDENTS).join(&incident).join(file_of(&sha256));
                    kept.evidence.insert(file, (sha256, bytes, seq));
                    kept.incidents.insert(incident, true);
                }
                Entry::IncidentSaved { incident, files, .. } | Entry::IncidentClosed { incident, files, .. } => {
                    let folder = Path::new(INCIDENTS).join(&incident);
                    kept.reports.retain(|file, _| !file.starts_with(&folder));
                    kept.reports.extend(files.into_iter().map(|(name, digest)| (folder.join(name), (digest, seq))));
                    kept.incidents.insert(incident, false);
                }
                Entry::RunStarted { .. }
                | Entry::Intent { .. }
                | Entry::WriteResult { .. }
                | Entry::Verdict { .. }
                | Entry::RunEnded { .. }
                | Entry::Newer(_) => {}
            }
        }
        kept
    }

    fn compare(&self, state: &Path, audit: &mut Audit) -> io::Result<()> {
        audit.incidents = self.incidents.len();
        let mut there = BTreeSet::new();
        list(state, Path::new(INCIDENTS), &mut there)?;
        for (file, (digest, bytes, seq)) in &self.evidence {
            match fs::read(state.join(file)) {
                Ok(content) if digest::of_bytes(&content) == *digest && content.len() as u64 == *bytes => {
                    audit.files += 1
                }
                Ok(_) => audit.found(file, None, format!("it was changed: record {seq} has another digest or length")),
                Err(error) => audit.found(file, None, format!("record {seq} names it, and it cannot be read: {error}")),
            }
        }
        for (file, (digest, seq)) in &self.reports {
            let dying = self.may_have_died(file);
            match fs::read(state.join(file)) {
                Ok(content) if digest::of_bytes(&content) == *digest => audit.files += 1,
                Ok(_) if dying => audit.noted(file, None, "the run died after it had written it anew"),
                Ok(_) => audit.found(file, None, format!("it was changed: record {seq} has another digest")),
                Err(error) => audit.found(file, None, format!("record {seq} names it, and it cannot be read: {error}")),
            }
        }
        for file in there {
            if self.evidence.contains_key(&file) || self.reports.contains_key(&file) {
                continue;
            }
            let own = file.extension().is_some_and(|ending| ending == &PARTIAL[1..])
                || fs::read(state.join(&file)).is_ok_and(|content| named_by_content(&file, &content))
                || file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("incident."));
            match own && self.may_have_died(&file) {
                true => audit.noted(file, None, "the run died before it could record it"),
                false => audit.found(file, None, "it was added: no record names it"),
            }
        }
        Ok(())
    }

    /// Whether a run may have died while it wrote the incident of `file`: the journal's last record of the incident is no
    /// report.
    fn may_have_died(&self, file: &Path) -> bool {
        let of = |incident: &str| CaseFolder::path_in(Path::new(""), incident);
        self.incidents.iter().any(|(incident, open)| *open && file.starts_with(of(incident)))
    }
}

fn named_by_content(file: &Path, content: &[u8]) -> bool {
    file.ends_with(file_of(&digest::of_bytes(content)))
}

/// Every file below `folder`, relative to `state`. What is neither file nor folder is listed as a file.
fn list(state: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(state.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(state, &path, found)?;
        } else {
            found.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
