//! The files of incidents: evidence by the digest of its content, and the reports.
//!
//! ```text
//! STATE/incidents/inc-20261120T031500Z-1f0a2b3c/evidence/SHA256.json
//!                                              /incident.json, incident.md, incident.html
//! ```
//!
//! Guarantees: a file is whole or not there: it is written beside its place, on disk, and then put there, and the folder is
//! on disk before the call returns. Only the owner may enter the folders and read the files. A file of evidence is never
//! changed: another content has another name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use reconciler_model::digest;
use serde::Serialize;

/// What a file that is being written ends with. One that a crash left is no evidence.
pub(crate) const PARTIAL: &str = ".partial";
/// The folder of the evidence in the folder of an incident.
pub(crate) const EVIDENCE: &str = "evidence";
/// The folder of all incidents in the state folder.
pub(crate) const INCIDENTS: &str = "incidents";

/// A file of an incident could not be used.
#[derive(Debug, thiserror::Error)]
#[error("use evidence {path}")]
pub struct EvidenceError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A piece of evidence that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The digest of the file.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// The folder of one incident.
#[derive(Debug, Clone)]
pub struct CaseFolder(PathBuf);

impl CaseFolder {
    /// The folder of the incident `id` in the state folder `state`, made when it is missing.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub fn open(state: &Path, id: &str) -> Result<Self, EvidenceError> {
        let folder = Self(Self::path_in(state, id));
        let mut made = state.to_owned();
        for part in [INCIDENTS, id, EVIDENCE] {
            let above = made.clone();
            made.push(part);
            make(&made)
                .and_then(|()| sync_folder(&above))
                .map_err(|source| EvidenceError { path: made.clone(), source })?;
        }
        Ok(folder)
    }

    /// Where the folder of the incident `id` is, whether it is there or not.
    pub fn path_in(state: &Path, id: &str) -> PathBuf {
        state.join(INCIDENTS).join(id)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Keeps `content` as evidence. It is on disk when this returns.
    ///
    /// # Errors
    /// Fails when it is not on disk. Nothing may then be changed that it shows.
    pub fn keep(&self, content: &impl Serialize) -> Result<Kept, EvidenceError> {
        let error = |source| EvidenceError { path: self.0.join(EVIDENCE), source };
        let mut bytes = serde_json::to_vec_pretty(content).map_err(|source| error(source.into()))?;
        bytes.push(b'\n');
        let sha256 = digest::of_bytes(&bytes);
        self.write(&file_of(&sha256), &bytes)?;
        Ok(Kept { sha256, bytes: bytes.len() as u64 })
    }

    /// Writes a report of the incident; gives its digest. An older one of that name is replaced.
    ///
    /// # Errors
    /// Fails when it is not on disk.
    pub fn report(&self, name: &str, text: &str) -> Result<String, EvidenceError> {
        self.write(Path::new(name), text.as_bytes())?;
        Ok(digest::of_bytes(text.as_bytes()))
    }

    /// The evidence with this digest.
    ///
    /// # Errors
    /// Fails when it cannot be read, or has another digest.
    pub fn read(&self, sha256: &str) -> Result<Vec<u8>, EvidenceError> {
        let path = self.0.join(file_of(sha256));
        let error = |source| EvidenceError { path: path.clone(), source };
        let bytes = fs::read(&path).map_err(error)?;
        if digest::of_bytes(&bytes) != sha256 {
            return Err(error(io::Error::other("the file was changed: its digest is another")));
        }
        Ok(bytes)
    }

    /// The digests of the evidence that is there, by name of file, sorted.
    ///
    /// # Errors
    /// Fails when the folder cannot be read.
    pub fn digests(&self) -> Result<Vec<String>, EvidenceError> {
        let path = self.0.join(EVIDENCE);
        let error = |source| EvidenceError { path: path.clone(), source };
        let mut digests = Vec::new();
        for entry in fs::read_dir(&path).map_err(error)? {
            let name = entry.map_err(error)?.file_name();
            let name = name.to_string_lossy();
            digests.extend(name.strip_suffix(".json").map(|digits| format!("sha256:{digits}")));
        }
        digests.sort();
        Ok(digests)
    }

    fn write(&self, name: &Path, bytes: &[u8]) -> Result<(), EvidenceError> {
        let path = self.0.join(name);
        let mut partial = path.clone().into_os_string();
        partial.push(PARTIAL);
        let partial = PathBuf::from(partial);
        let write = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&partial)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&partial, &path)?;
            sync_folder(path.parent().unwrap_or(&self.0))
        };
        write().map_err(|source| EvidenceError { path: path.clone(), source })
    }
}

/// The file of evidence in the folder of its incident.
pub fn file_of(sha256: &str) -> PathBuf {
    Path::new(EVIDENCE).join(format!("{}.json", sha256.strip_prefix("sha256:").unwrap_or(sha256)))
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made,
    }
}

/// Waits until the names in a folder are on disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn evidence_is_found_by_its_digest_and_only_its_owner_may_read_it() {
        let state = tempfile::tempdir().expect("a folder");
        let folder = CaseFolder::open(state.path(), "inc-1").expect("opened");
        let kept = folder.keep(&json!({"what": "before"})).expect("kept");
        assert_eq!(folder.keep(&json!({"what": "before"})).expect("kept again"), kept);
        assert_eq!(folder.digests().expect("listed"), std::slice::from_ref(&kept.sha256));
        let bytes = folder.read(&kept.sha256).expect("read");
        assert_eq!(bytes.len() as u64, kept.bytes);
        let file = folder.path().join(file_of(&kept.sha256));
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(folder.path()), mode(&state.path().join(INCIDENTS))), (0o600, 0o700, 0o700));
        fs::write(&file, "{}").expect("written");
        assert!(folder.read(&kept.sha256).is_err());
    }

    #[test]
    fn a_file_that_a_crash_left_half_written_is_replaced() {
        let state = tempfile::tempdir().expect("a folder");
        let folder = CaseFolder::open(state.path(), "inc-1").expect("opened");
        fs::write(folder.path().join("incident.md.partial"), "half a li").expect("written");
        let digest = folder.report("incident.md", "# whole\n").expect("written");
        assert_eq!(digest, digest::of_bytes(b"# whole\n"));
        assert!(!folder.path().join("incident.md.partial").exists());
        assert!(folder.digests().expect("listed").is_empty());
    }
}
