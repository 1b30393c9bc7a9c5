//! `journal.head`: what the last record of the journal is, kept beside it, so that a journal whose end was cut off is found.
//!
//! Expected flow: before a record is appended the head says that it is about to be written, and is on disk before it; after
//! that it says that the record is written. So a process that dies leaves a head that fits what it left, at every point.
//!
//! Guarantees: a journal that fits its head ends where the program ended it, or one record earlier where the head says that
//! this record was being written. Who may write to the folder can write another head as well: only a digest that is kept
//! elsewhere tells then.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::private;

/// Bytes of the file, always the same, so that it is replaced by one small write.
const WIDTH: usize = 256;

/// The format of the heads that this build writes. It is raised with every member that is added, so that an older build tells
/// a head of a newer one from a damaged one.
pub const FORMAT: u32 = 1;

fn first_format() -> u32 {
    1
}

fn is_first(format: &u32) -> bool {
    *format == first_format()
}

/// What the last record is. One line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its format. The first is not said, as builds before it was counted did not say it.
    #[serde(default = "first_format", skip_serializing_if = "is_first")]
    pub format: u32,
    /// The number of the last record; 0 when there is none.
    pub seq: u64,
    /// Its digest; the empty text when there is none.
    pub digest: String,
    /// The digest of the record before it.
    pub prev: String,
    /// Whether the record is still being written.
    pub writing: bool,
}

/// How a journal fits its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It ends as the head says.
    Whole,
    /// It ends one record earlier, and the head says that this record was being written: the process died there.
    CutShort,
    /// It does not: lines were changed, removed or added.
    Not(String),
}

impl Head {
    /// Whether a newer build wrote it, so that it may say more than this one can tell.
    pub fn is_newer(&self) -> bool {
        self.format > FORMAT
    }

    /// How a journal of so many records fits, the last of which has this digest and names this one before it.
    pub fn fit(&self, records: u64, last: &str, prev: &str) -> Fit {
        if records == self.seq && last == self.digest && prev == self.prev {
            return Fit::Whole;
        }
        if self.writing && records + 1 == self.seq && last == self.prev {
            return Fit::CutShort;
        }
        Fit::Not(match records.cmp(&self.seq) {
            std::cmp::Ordering::Less => {
                format!("the journal has {records} records, and its head names record {}: lines were removed", self.seq)
            }
            std::cmp::Ordering::Greater => {
                format!("the journal has {records} records, and its head names record {}: lines were added", self.seq)
            }
            std::cmp::Ordering::Equal => {
                format!("line {records} is not the record that the head names: one of the two was changed")
            }
        })
    }
}

/// Where the head of a journal is.
pub fn path_of(journal: &Path) -> PathBuf {
    journal.with_extension("head")
}

/// The head of a journal; `None` when there is no such file, or nothing in it: a disk was full when an older build made it.
///
/// # Errors
/// Fails when it cannot be read, or is none.
pub fn read(journal: &Path) -> io::Result<Option<Head>> {
    let bytes = match fs::read(path_of(journal)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if bytes.is_empty() {
        return Ok(None);
    }
    let head: Head = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
    // Every byte counts: what was written is what is there. Of a newer build's head the journal tells whether what is known of
    // it is right, and its rest counts for nothing here.
    let is_as_written = match head.is_newer() {
        true => bytes.iter().position(|byte| *byte == b'\n') == Some(bytes.len() - 1),
        false => bytes == line_of(&head)?,
    };
    match is_as_written {
        true => Ok(Some(head)),
        false => Err(io::Error::other("it is not as it was written")),
    }
}

fn line_of(head: &Head) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(head).map_err(io::Error::other)?;
    line.resize(WIDTH.max(line.len() + 1) - 1, b' ');
    line.push(b'\n');
    Ok(line)
}

/// The file, open for replacing.
#[derive(Debug)]
pub(crate) struct HeadFile {
    /// `None` where it is not there, or not as long as what is written here.
    file: Option<File>,
    path: PathBuf,
}

impl HeadFile {
    /// Opens it. One that is missing is made with its first head, so that it is never there without one.
    pub(crate) fn open(journal: &Path) -> io::Result<Self> {
        let path = path_of(journal);
        let file = match private::to_rewrite(&path) {
            Ok(file) => (file.metadata()?.len() == WIDTH as u64).then_some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { file, path })
    }

    /// Goes on with another file, and gives the one before.
    #[cfg(test)]
    pub(crate) fn break_off(&mut self, file: File) -> File {
        self.file.replace(file).expect("a file")
    }

    /// Replaces what it says; waits until that is on disk where `durable`.
    pub(crate) fn write(&mut self, head: &Head, durable: bool) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            private::replace(&self.path, &line_of(head)?)?;
            self.file = Some(private::to_rewrite(&self.path)?);
            return Ok(());
        };
        file.rewind()?;
        file.write_all(&line_of(head)?)?;
        if durable { file.sync_data() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(seq: u64, writing: bool) -> Head {
        let (digest, prev) = (format!("sha256:{seq}"), format!("sha256:{}", seq - 1));
        Head { format: FORMAT, seq, digest, prev, writing }
    }

    #[test]
    fn a_process_may_die_between_the_head_and_its_record_and_nothing_else_may_differ() {
        assert_eq!(head(3, false).fit(3, "sha256:3", "sha256:2"), Fit::Whole);
        assert_eq!(head(3, true).fit(3, "sha256:3", "sha256:2"), Fit::Whole);
        assert_eq!(head(3, true).fit(2, "sha256:2", "sha256:1"), Fit::CutShort);
        for (head, records, last) in [
            (head(3, false), 2, "sha256:2"),
            (head(3, true), 2, "sha256:other"),
            (head(3, true), 1, "sha256:1"),
            (head(3, false), 3, "sha256:other"),
            (head(3, false), 4, "sha256:4"),
        ] {
            assert!(matches!(head.fit(records, last, "sha256:2"), Fit::Not(_)), "{head:?} {records}");
        }
    }

    #[test]
    fn every_byte_of_the_file_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("journal.jsonl");
        assert_eq!(read(&journal).expect("read"), None);
        let head = head(7, false);
        HeadFile::open(&journal).expect("opened").write(&head, true).expect("written");
        assert_eq!(read(&journal).expect("read"), Some(head.clone()));
        let bytes = fs::read(path_of(&journal)).expect("read");
        assert_eq!(bytes.len(), WIDTH);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(path_of(&journal), &changed).expect("written");
            assert!(!matches!(read(&journal), Ok(Some(read)) if read == head), "byte {at}");
        }
    }

    #[test]
    fn of_a_newer_builds_head_counts_what_is_known_and_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("journal.jsonl");
        let read = |text: &str| {
            fs::write(path_of(&journal), text).expect("written");
            read(&journal).ok().flatten()
        };
        let known = r#""seq":7,"digest":"sha256:7","prev":"sha256:6","writing":false"#;
        for newer in [
            format!("{{{known},\"format\":2,\"check\":[1]}}\n"),
            format!("{{\"format\":3,\"signed\":{{\"by\":\"x\"}},{known}}}{}\n", " ".repeat(700)),
        ] {
            assert_eq!(read(&newer).map(|head| Head { format: FORMAT, ..head }), Some(head(7, false)), "{newer}");
            for damaged in [
                newer.trim_end().to_owned(),
                format!("{newer}\n"),
                format!("{newer}{newer}"),
                newer.replace("\"writing\":false", "\"writing\":0"),
                newer.replace("\"seq\":7,", ""),
                newer.replacen('{', "(", 1),
            ] {
                assert_eq!(read(&damaged), None, "{damaged}");
            }
        }
        // A member more is damage where no newer build says that it wrote it.
        for format in [String::new(), ",\"format\":1".to_owned(), ",\"format\":0".to_owned()] {
            let mut text = format!("{{{known}{format},\"check\":[1]}}");
            text.push_str(&" ".repeat(WIDTH - 1 - text.len()));
            assert_eq!(read(&format!("{text}\n")), None, "{text}");
        }
    }
}
