//! Files of the state folder: only their owner reads them, and no link is followed to them.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::{Uid, User};

/// What a file of the state folder may be opened with: by its owner alone, and never through a link, which could make a run with
/// more rights overwrite what another user named.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    options
}

/// Opens a file to be appended to, and makes it when it is missing.
///
/// # Errors
/// As the file system says; also when it is a link, a device or a pipe.
pub(crate) fn to_append(path: &Path) -> io::Result<File> {
    checked(options().create(true).read(true).append(true).open(path)?)
}

/// Opens a file to be written anywhere in, and makes it when it is missing.
///
/// # Errors
/// As [`to_append`].
pub(crate) fn to_write(path: &Path) -> io::Result<File> {
    checked(options().create(true).truncate(false).read(true).write(true).open(path)?)
}

/// Opens a file that is there, to be written anywhere in.
///
/// # Errors
/// As [`to_append`]; also when it is missing.
pub(crate) fn to_rewrite(path: &Path) -> io::Result<File> {
    checked(options().read(true).write(true).open(path)?)
}

/// Replaces a file as a whole: it has the old content or the new one at any time, on disk too.
///
/// # Errors
/// As the file system says; the file is as it was then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".partial");
    let aside = Path::new(&aside);
    let written = || {
        // One that a crash left is of no use.
        match fs::remove_file(aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = options().create_new(true).write(true).open(aside)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(aside, path)?;
        sync_folder(path)
    };
    written().inspect_err(|_| drop(fs::remove_file(aside)))
}

/// Waits until the name of a file is on disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// A regular file, with no right for anybody but its owner.
fn checked(file: File) -> io::Result<File> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if metadata.mode() & 0o077 != 0 && metadata.uid() == Uid::effective().as_raw() {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Whether `path` still names this file.
pub(crate) fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// The name of a user, or its number where the system has no name for it.
pub(crate) fn user_name(uid: u32) -> String {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// The user of this process.
pub(crate) fn own_user() -> String {
    user_name(Uid::effective().as_raw())
}

/// The owner of a file or folder, where it is not the user of this process.
pub(crate) fn other_owner(path: &Path) -> Option<u32> {
    let owner = fs::symlink_metadata(path).ok()?.uid();
    (owner != Uid::effective().as_raw()).then_some(owner)
}
