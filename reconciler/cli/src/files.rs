//! The files of the desired state, and files that are written whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use reconciler_model::desired::{PINS_FILE, Source};

/// Bytes of one file that are read at most: enough to see that it is over the loader's limit.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Every YAML file below `folder`, and the file of pins in it, by path. A file or folder that cannot be read is a source that says so.
pub(crate) fn sources(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    collect(folder, &mut Vec::new(), &mut found);
    let pins = folder.join(PINS_FILE);
    match read(&pins) {
        Ok(bytes) => found.push(Source::new(shown(&pins), Ok(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => found.push(Source::new(shown(&pins), Err(error.to_string()))),
    }
    found.sort_by(|one, two| one.file.cmp(&two.file));
    found
}

/// The same of folders that are laid over each other. Pins are of the last one alone: what names lead to differs from one
/// environment to the next.
pub(crate) fn layers(bases: &[PathBuf], folder: &Path) -> Vec<Source> {
    let mut all = Vec::new();
    for (layer, base) in bases.iter().enumerate() {
        let of_base = sources(base).into_iter().filter(|source| !source.file.ends_with(PINS_FILE));
        all.extend(of_base.map(|source| Source { layer, ..source }));
    }
    all.extend(sources(folder).into_iter().map(|source| Source { layer: bases.len(), ..source }));
    all
}

/// The folders from the first one down to this one are `above`: a link back to one of them has no end.
fn collect(folder: &Path, above: &mut Vec<(u64, u64)>, found: &mut Vec<Source>) {
    let unreadable = |path: &Path, error: io::Error| Source::new(shown(path), Err(error.to_string()));
    let own = match std::fs::metadata(folder) {
        Ok(metadata) => (metadata.dev(), metadata.ino()),
        Err(error) => return found.push(unreadable(folder, error)),
    };
    if above.contains(&own) {
        return found.push(unreadable(folder, io::Error::other("it is a link to a folder that it is in")));
    }
    above.push(own);
    list(folder, above, found);
    above.pop();
}

fn list(folder: &Path, above: &mut Vec<(u64, u64)>, found: &mut Vec<Source>) {
    let unreadable = |path: &Path, error: io::Error| Source::new(shown(path), Err(error.to_string()));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return found.push(unreadable(folder, error)),
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                found.push(unreadable(folder, error));
                continue;
            }
        };
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(&path, above, found);
        } else if yaml {
            found.push(match read(&path) {
                Ok(bytes) => Source::new(shown(&path), Ok(bytes)),
                Err(error) => unreadable(&path, error),
            });
        }
    }
}

/// A pipe or a device may have no end, or never begin.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    match std::fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("it is no regular file")),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Writes a file whole or not at all: beside it first, then in its place.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    beside(path, bytes)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The same of a file that must not be there.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    beside(path, bytes)?.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file beside the one that is meant, with its content on disk. It is removed where it does not take its place.
fn beside(path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    std::fs::create_dir_all(&folder)?;
    // As any new file, which others may read where the user's mask lets them; one that is replaced keeps its mode.
    let mode = std::fs::metadata(path).map_or(0o666, |metadata| metadata.permissions().mode() & 0o777);
    let mut beside = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(&folder)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    Ok(beside)
}
