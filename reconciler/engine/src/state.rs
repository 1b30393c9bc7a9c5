//! The state folder: the journal, the lock that lets one run write at a time, and the pause.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use reconciler_model::last_read::LastRead;

/// The file that says when everything was read the last time.
const LAST_READ: &str = "last-read.json";

/// When everything was read the last time, according to a state folder that need not exist.
pub fn last_read(folder: &Path) -> Option<LastRead> {
    let text = fs::read(folder.join(LAST_READ)).ok()?;
    let last: LastRead = serde_json::from_slice(&text).ok()?;
    last.is_readable().then_some(last)
}

/// The process that holds a state folder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its name, where the system tells.
    pub command: Option<String>,
}

/// The process that holds a state folder, as the kernel says. The lock is not touched: to try it could keep a run from taking it.
/// `None` where nobody does, or the system does not tell.
pub fn holder(folder: &Path) -> Option<Holder> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(folder.join("lock")).ok()?);
    let pid = holder_in(&locks, inode)?;
    let command = fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned());
    Some(Holder { pid, command })
}

/// The process that has locked the file with this inode, in the text of /proc/locks.
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (lock, _, mode) = (words.next()?, words.next()?, words.next()?);
        let (pid, file) = (words.next()?, words.next()?);
        let is_it = lock == "FLOCK" && mode == "WRITE" && file.rsplit(':').next()?.parse() == Ok(inode);
        is_it.then(|| pid.parse().ok()).flatten()
    })
}

/// The state folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another run holds it.
    #[error("use state folder {0}: another run holds it")]
    InUse(PathBuf),
    /// The file system refused.
    #[error("use state folder {0}")]
    Io(PathBuf, #[source] io::Error),
}

/// A state folder.
#[derive(Debug, Clone)]
pub struct StateFolder(PathBuf);

/// The right to write: held for as long as the value lives, and released by the kernel when the process dies.
#[derive(Debug)]
pub struct WriteLock {
    _file: File,
}

impl StateFolder {
    /// The folder at `path`, made when it is missing; only its owner may enter a folder that is made here.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StateError> {
        let path = path.into();
        if !path.is_dir() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&path).map_err(|error| StateError::Io(path.clone(), error))?;
        }
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        Self::journal_in(&self.0)
    }

    /// The journal's file in a folder that need not exist.
    pub fn journal_in(folder: &Path) -> PathBuf {
        folder.join("journal.jsonl")
    }

    /// Takes the right to write.
    ///
    /// # Errors
    /// Fails at once when another run has it.
    pub fn lock(&self) -> Result<WriteLock, StateError> {
        let io = |error| StateError::Io(self.0.clone(), error);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.0.join("lock")).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(WriteLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse(self.0.clone())),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// When everything was read the last time. What cannot be read is not known.
    pub fn last_read(&self) -> Option<LastRead> {
        last_read(&self.0)
    }

    /// Keeps when everything was read. The file is whole at any time.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub fn keep_last_read(&self, last: &LastRead) -> Result<(), StateError> {
        let io = |error| StateError::Io(self.0.clone(), error);
        let text = serde_json::to_vec(last).map_err(|error| io(error.into()))?;
        let aside = self.0.join(format!("{LAST_READ}.new"));
        fs::write(&aside, text).map_err(io)?;
        fs::rename(&aside, self.0.join(LAST_READ)).map_err(io)
    }

    /// Why writing is paused, if it is: the text of the file `paused`. A file that cannot be read pauses too.
    pub fn paused(&self) -> Option<String> {
        match fs::read_to_string(self.0.join("paused")) {
            Ok(text) if text.trim().is_empty() => Some("no reason is given".to_owned()),
            Ok(text) => Some(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(format!("the file `paused` cannot be read: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_by_its_lock() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:01:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 812 08:01:42 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 9 08:01:43 0 EOF\n";
        assert_eq!(holder_in(locks, 42), Some(812));
        assert_eq!(holder_in(locks, 43), None, "who waits for a lock does not have it");
        assert_eq!(holder_in("", 42), None);
    }
}
