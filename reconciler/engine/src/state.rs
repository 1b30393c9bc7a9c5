//! The state folder: the journal, the lock that lets one run write at a time, and the pause.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use reconciler_model::last_read::LastRead;
use reconciler_model::text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::private;

/// The file that says when everything was read the last time.
const LAST_READ: &str = "last-read.json";

/// The file whose lock lets one run write.
const LOCK: &str = "lock";

/// The file that names the AWS that a state folder is of.
const BOUND: &str = "aws.json";

/// When everything was read the last time, according to a state folder that need not exist.
pub fn last_read(folder: &Path) -> Option<LastRead> {
    let text = fs::read(folder.join(LAST_READ)).ok()?;
    let last: LastRead = serde_json::from_slice(&text).ok()?;
    last.is_readable().then_some(last)
}

/// The process that holds a state folder.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its name or its command, where that is known.
    pub command: Option<String>,
    /// Its user, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Since when, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl Holder {
    fn own() -> Self {
        // The words of the command line are what somebody typed: a plan's file, an address, no secret.
        let words: Vec<String> = std::env::args().skip(1).take(4).collect();
        Self {
            pid: std::process::id(),
            command: Some(words.join(" ")),
            user: Some(private::own_user()),
            since: Some(Timestamp::now()),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        if let Some(user) = &self.user {
            write!(f, " of {user}")?;
        }
        if let Some(command) = &self.command {
            let shown: String = text::one_line(command).chars().take(80).collect();
            write!(f, " (`{shown}`)")?;
        }
        if let Some(since) = &self.since {
            write!(f, ", since {}", since.strftime("%Y-%m-%d %H:%M:%S UTC"))?;
        }
        Ok(())
    }
}

fn named(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another run".to_owned(), ToString::to_string)
}

/// The process that holds a state folder, as the kernel says, with what it said of itself. The lock is not touched: to try it
/// could keep a run from taking it. `None` where nobody does, or the system does not tell.
pub fn holder(folder: &Path) -> Option<Holder> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let lock = folder.join(LOCK);
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&lock).ok()?);
    let pid = holder_in(&locks, inode)?;
    if let Some(said) = said_of(&lock).filter(|said| said.pid == pid) {
        return Some(said);
    }
    let command = fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned());
    Some(Holder { pid, command, user: None, since: None })
}

/// What the last holder wrote into the lock.
fn said_of(lock: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(lock).ok()?.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
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
    #[error("use state folder {}: {} holds it", .folder.display(), named(.holder.as_ref()))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Who holds it, where that is known.
        holder: Option<Holder>,
    },
    /// It belongs to another user, who could not use it any more after a run of this one.
    #[error("use state folder {folder}: {} belongs to {owner}, and this is a process of {own}", .file.display())]
    OtherOwner {
        /// The folder.
        folder: PathBuf,
        /// The folder or a file in it.
        file: PathBuf,
        /// The user that it belongs to.
        owner: String,
        /// The user of this process.
        own: String,
    },
    /// It tells of another organization, or of another AWS.
    #[error("use state folder {folder}: it is of {bound}, and this run is about {asked}")]
    OtherAws {
        /// The folder.
        folder: PathBuf,
        /// What it tells of.
        bound: Bound,
        /// What was asked for.
        asked: Bound,
    },
    /// The file system refused.
    #[error("use state folder {0}")]
    Io(PathBuf, #[source] io::Error),
}

/// A state folder.
#[derive(Debug, Clone)]
pub struct StateFolder(PathBuf);

/// The AWS that a state folder tells of. What was done in one says nothing of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The account that manages the organization, or the only account.
    pub account: String,
    /// Where its API is; `aws` where nothing else was said.
    pub endpoint: String,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, endpoint) = (text::one_line(&self.account), text::one_line(&self.endpoint));
        match self.endpoint.as_str() {
            "aws" => write!(f, "account {account}"),
            _ => write!(f, "account {account} at {endpoint}"),
        }
    }
}

/// The right to write: held for as long as the value lives, and released by the kernel when the process dies.
#[derive(Debug)]
pub struct WriteLock {
    _lock: File,
    /// Who removes the lock's file can take its lock again, but not the journal's.
    _journal: File,
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
    /// Fails at once when another run has it, and when the folder or a file in it belongs to another user.
    pub fn lock(&self) -> Result<WriteLock, StateError> {
        for file in [self.0.clone(), self.0.join(LOCK), self.journal()] {
            if let Some(owner) = private::other_owner(&file) {
                let (owner, own) = (private::user_name(owner), private::own_user());
                return Err(StateError::OtherOwner { folder: self.0.clone(), file, owner, own });
            }
        }
        let io = |error| StateError::Io(self.0.clone(), error);
        let mut lock = private::to_write(&self.0.join(LOCK)).map_err(io)?;
        self.taken(&lock)?;
        let journal = private::to_append(&self.journal()).map_err(io)?;
        self.taken(&journal)?;
        // Who waits for the lock is told who has it; that it cannot be said is no reason to stop.
        let said = serde_json::to_vec(&Holder::own()).unwrap_or_default();
        let _ = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| lock.write_all(&said));
        Ok(WriteLock { _lock: lock, _journal: journal })
    }

    /// Takes the right to write as soon as nobody has it; `waiting` is told who has it, once, where that is somebody.
    ///
    /// # Errors
    /// As [`StateFolder::lock`], but for a run that has it.
    pub fn lock_when_free(&self, waiting: impl FnOnce(Option<Holder>)) -> Result<WriteLock, StateError> {
        const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
        let mut waiting = Some(waiting);
        loop {
            match self.lock() {
                Err(StateError::InUse { holder, .. }) => {
                    if let Some(waiting) = waiting.take() {
                        waiting(holder);
                    }
                    std::thread::sleep(PAUSE);
                }
                taken => return taken,
            }
        }
    }

    fn taken(&self, file: &File) -> Result<(), StateError> {
        match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse { folder: self.0.clone(), holder: holder(&self.0) }),
            Err(TryLockError::Error(error)) => Err(StateError::Io(self.0.clone(), error)),
        }
    }

    /// Ties the folder to an AWS when it is not tied yet. It may be tied to any account of the organization that is asked about, because
    /// which one is named first changes with the accounts.
    ///
    /// # Errors
    /// Fails when it is of another one, or when that cannot be read or kept.
    pub fn bind(&self, asked: Bound, accounts: &[&str]) -> Result<(), StateError> {
        let io = |error| StateError::Io(self.0.clone(), error);
        let file = self.0.join(BOUND);
        match fs::read(&file) {
            Ok(text) => {
                let bound: Bound = serde_json::from_slice(&text).map_err(|error| io(error.into()))?;
                let is_own = bound.account == asked.account || accounts.contains(&bound.account.as_str());
                match is_own && bound.endpoint == asked.endpoint {
                    true => Ok(()),
                    false => Err(StateError::OtherAws { folder: self.0.clone(), bound, asked }),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = serde_json::to_vec(&asked).map_err(|error| io(error.into()))?;
                private::replace(&file, &text).map_err(io)
            }
            Err(error) => Err(io(error)),
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
        private::replace(&self.0.join(LAST_READ), &text).map_err(io)
    }

    /// Why writing is paused, if it is: the text of the file `paused`. Whatever else is there under this name pauses too.
    pub fn paused(&self) -> Option<String> {
        const MOST: u64 = 4096;
        let file = self.0.join("paused");
        let unreadable = |why: &dyn fmt::Display| Some(format!("the file `paused` cannot be read: {why}"));
        match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return unreadable(&error),
            Ok(_) => {}
        }
        // A pipe or a device would be waited for.
        match fs::metadata(&file) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return unreadable(&"it is no regular file"),
            Err(error) => return unreadable(&error),
        }
        let mut text = Vec::new();
        match File::open(&file).and_then(|file| file.take(MOST).read_to_end(&mut text)) {
            Err(error) => unreadable(&error),
            Ok(_) => match String::from_utf8_lossy(&text).trim() {
                "" => Some("no reason is given".to_owned()),
                reason => Some(reason.to_owned()),
            },
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

    #[test]
    fn a_lock_says_who_has_it_and_a_removed_lock_is_still_held_by_the_journal() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateFolder::open(folder.path()).expect("opened");
        let lock = state.lock().expect("free");
        for removed in [false, true] {
            if removed {
                fs::remove_file(folder.path().join(LOCK)).expect("removed");
            }
            let Err(StateError::InUse { holder, .. }) = state.lock() else { panic!("two writers, removed: {removed}") };
            assert!(removed || holder.is_some_and(|holder| holder.pid == std::process::id() && holder.user.is_some()));
        }
        drop(lock);
        state.lock().expect("free again");
    }

    #[test]
    fn a_folder_is_of_one_aws() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateFolder::open(folder.path()).expect("opened");
        let bound = |account: &str, endpoint: &str| Bound { account: account.into(), endpoint: endpoint.into() };
        state.bind(bound("111122223333", "aws"), &[]).expect("the first");
        state.bind(bound("111122223333", "aws"), &[]).expect("the same");
        state.bind(bound("000011112222", "aws"), &["000011112222", "111122223333"]).expect("an account more");
        for other in [bound("222233334444", "aws"), bound("111122223333", "http://127.0.0.1:1")] {
            assert!(matches!(state.bind(other, &["222233334444"]), Err(StateError::OtherAws { .. })));
        }
    }

    #[test]
    fn whatever_is_there_under_the_name_pauses() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateFolder::open(folder.path()).expect("opened");
        let file = folder.path().join("paused");
        assert_eq!(state.paused(), None);
        fs::write(&file, " a reason\n").expect("written");
        assert_eq!(state.paused().as_deref(), Some("a reason"));
        fs::remove_file(&file).expect("removed");
        symlink("nowhere", &file).expect("a link");
        assert!(state.paused().is_some(), "a link to nothing");
        fs::remove_file(&file).expect("removed");
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert!(state.paused().is_some(), "a pipe that nobody writes to");
    }
}
