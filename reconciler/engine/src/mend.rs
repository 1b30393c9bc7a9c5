//! Mends a journal that a disk damaged, without losing a record.
//!
//! Expected flow: [`mend`] looks for the chain in what is there. Where all that is between and behind its records is no record, the
//! whole file is kept beside the journal and the records alone take its place.
//!
//! Guarantees: every record stays as it was written, byte by byte, so that a digest that was noted elsewhere is still in the
//! chain; nothing is removed, because the damaged file is kept; a journal whose chain is not whole is not mended, because that
//! could hide an alteration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reconciler_model::digest;

use crate::head::{self, Fit, Head, HeadFile};
use crate::journal::{self, Record};
use crate::private;

/// What became of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// There was nothing to mend.
    Whole,
    /// The records took its place.
    Done {
        /// Records, all of those that there were.
        records: u64,
        /// Bytes that are no record.
        removed: usize,
        /// Where the file as it was is.
        kept: PathBuf,
    },
    /// It was not mended.
    Not {
        /// The line that does not follow, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
}

/// The records that a damaged journal still holds as a whole chain.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Salvaged {
    /// Their lines, each with its end.
    pub(crate) lines: Vec<u8>,
    /// How many there are.
    pub(crate) records: u64,
    /// The lines, from 1, that held something else as well.
    pub(crate) damaged: Vec<usize>,
    last: String,
    prev: String,
}

impl Salvaged {
    /// How it fits a head.
    pub(crate) fn fit(&self, head: &Head) -> Fit {
        head.fit(self.records, &self.last, &self.prev)
    }
}

/// Finds the chain, or the line at which it is broken.
pub(crate) fn salvage(bytes: &[u8]) -> Result<Salvaged, (usize, &'static str)> {
    let mut found = Salvaged::default();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        // Half a last line is what a crash leaves.
        let Some(line) = line.strip_suffix(b"\n") else {
            found.damaged.push(number);
            break;
        };
        match tail_that_follows(line, &found) {
            Some((record, tail)) => {
                if tail.len() < line.len() {
                    found.damaged.push(number);
                }
                found.prev = record.prev;
                found.last = digest::of_bytes(tail);
                found.records += 1;
                found.lines.extend_from_slice(tail);
                found.lines.push(b'\n');
            }
            None if holds_a_record(line) => {
                return Err((number, "it holds a record that does not follow the one before it"));
            }
            None => found.damaged.push(number),
        }
    }
    Ok(found)
}

/// The end of a line that is the next record. A record that was written after half of another one has it before it.
fn tail_that_follows<'a>(line: &'a [u8], so_far: &Salvaged) -> Option<(Record, &'a [u8])> {
    starts(line).find_map(|start| {
        let tail = &line[start..];
        let record = Record::of_line(tail).ok()?;
        (record.seq == so_far.records + 1 && record.prev == so_far.last).then_some((record, tail))
    })
}

fn holds_a_record(line: &[u8]) -> bool {
    starts(line).any(|start| Record::of_line(&line[start..]).is_ok())
}

/// Where a record may begin in a line.
fn starts(line: &[u8]) -> impl Iterator<Item = usize> {
    const BEGINNING: &[u8] = b"{\"seq\":";
    line.windows(BEGINNING.len()).enumerate().filter(|(_, window)| *window == BEGINNING).map(|(at, _)| at)
}

/// Mends the journal at `path`. The caller holds the lock of its folder.
///
/// # Errors
/// Fails when a file cannot be read or written; the journal is as it was then.
pub fn mend(path: &Path) -> io::Result<Mended> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Mended::Whole),
        Err(error) => return Err(error),
    };
    let found = match salvage(&bytes) {
        Ok(found) => found,
        Err((line, reason)) => return Ok(Mended::Not { line, reason: reason.to_owned() }),
    };
    let read = head::read(path);
    let fits = match &read {
        // A head that is no head is damage as well: the chain tells what belongs there.
        Err(_) | Ok(None) => true,
        Ok(Some(head)) => match found.fit(head) {
            Fit::Whole | Fit::CutShort => true,
            Fit::Not(reason) => {
                let line = usize::try_from(found.records).unwrap_or(usize::MAX).max(1);
                return Ok(Mended::Not { line, reason });
            }
        },
    };
    if found.damaged.is_empty() && fits && matches!(read, Ok(Some(_))) {
        return Ok(Mended::Whole);
    }
    let removed = bytes.len() - found.lines.len();
    let kept = journal::set_aside(path, found.records + 1, &bytes)?;
    private::replace(path, &found.lines)?;
    let Salvaged { records: seq, last: digest, prev, .. } = found;
    HeadFile::open(path)?.write(&Head { format: head::FORMAT, seq, digest, prev, writing: false }, true)?;
    Ok(Mended::Done { records: seq, removed, kept })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::journal::{Entry, Journal, records};

    fn journal(folder: &Path, count: usize) -> PathBuf {
        let path = folder.join("journal.jsonl");
        let mut journal = Journal::open(&path, "run").expect("opened");
        for verified in 0..count {
            let entry = Entry::RunEnded { verified, not_verified: 0 };
            journal.append(Timestamp::UNIX_EPOCH, entry).expect("written");
        }
        path
    }

    #[test]
    fn what_a_disk_adds_between_records_is_removed_and_kept() {
        let half = br#"{"seq":2,"prev":"sha256:0"#;
        for (at, more) in
            [(0, &half[..]), (1, half), (2, half), (3, half), (1, b"\0\0\0\0"), (2, b"\n"), (3, b"\0\n\0\n")]
        {
            let folder = tempfile::tempdir().expect("a folder");
            let path = journal(folder.path(), 3);
            let text = fs::read(&path).expect("read");
            let whole = records(&path).expect("whole");
            let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            lines.push(Vec::new());
            lines[at].splice(0..0, more.iter().copied());
            let damaged = lines.concat();
            fs::write(&path, &damaged).expect("written");
            let Mended::Done { records: 3, kept, .. } = mend(&path).expect("mended") else { panic!("{at} {more:?}") };
            assert_eq!(fs::read(&kept).expect("kept"), damaged);
            assert_eq!(fs::read(&path).expect("read"), text);
            assert_eq!(records(&path).expect("whole"), whole);
            assert_eq!(mend(&path).expect("read"), Mended::Whole);
            Journal::open(&path, "next").expect("opened");
        }
    }

    #[test]
    fn a_chain_that_is_not_whole_is_left_alone() {
        let changes: [fn(&str) -> String; 4] = [
            |text| text.replacen("\"verified\":0", "\"verified\":7", 1),
            |text| text.lines().skip(1).map(|line| format!("{line}\n")).collect(),
            |text| text.lines().take(1).map(|line| format!("{line}\n")).collect(),
            |text| text.replacen("{\"seq\":2", "{\"sex\":2", 1),
        ];
        for change in changes {
            let folder = tempfile::tempdir().expect("a folder");
            let path = journal(folder.path(), 3);
            let changed = change(&fs::read_to_string(&path).expect("read"));
            fs::write(&path, &changed).expect("written");
            assert!(matches!(mend(&path).expect("read"), Mended::Not { .. }), "{changed}");
            assert_eq!(fs::read_to_string(&path).expect("read"), changed);
        }
    }

    #[test]
    fn a_head_that_is_empty_or_none_is_made_again() {
        for head in ["", "{}", "\0\0\0"] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = journal(folder.path(), 2);
            fs::write(head::path_of(&path), head).expect("written");
            assert!(matches!(mend(&path).expect("mended"), Mended::Done { records: 2, removed: 0, .. }), "{head:?}");
            Journal::open(&path, "next").expect("opened");
        }
    }
}
