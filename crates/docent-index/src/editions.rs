//! Editions of a collection: the index that answers, and those that lie beside it.
//!
//! A collection that gets another embedding model or other chunks is made anew beside itself. Each such index is an edition.
//! Every collection begins with number 1, in its folder; the others lie below it in `edition-N`. The file `editions.json`
//! says which of them answers and which one did before, and replacing it is the switch: whoever dies, one of them answers,
//! whole. Without the file there is one edition. An edition that it does not name is unfinished: it is gone on with, or removed.
//!
//! All of them hold text. Whatever deletes text, or looks for it, goes through [`all`] of them. An edition that is removed
//! loses its list of segments first; what lies there without one is rubbish, and goes with the next delete.

use crate::collection::META;
use crate::error::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Counts up whenever a file of the version before cannot be read any more.
const FORMAT: u32 = 1;
/// The file that says which edition answers.
const POINTER: &str = "editions.json";
/// Locked by whoever makes, switches or removes editions.
const TURN: &str = ".editions.lock";
/// The edition that lies in the collection's folder itself.
const FIRST: u32 = 1;

/// Which edition answers, and which one did before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Editions {
    format: u32,
    pub(crate) live: u32,
    pub(crate) previous: Option<u32>,
}

impl Editions {
    pub(crate) const fn new(live: u32, previous: Option<u32>) -> Self {
        Self { format: FORMAT, live, previous }
    }

    /// What a collection's folder says; also of one that does not exist.
    pub(crate) fn read(home: &Path) -> Result<Self> {
        let text = match fs::read(home.join(POINTER)) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self::new(FIRST, None));
            }
            Err(error) => return Err(error.into()),
        };
        let editions: Self = serde_json::from_slice(&text)?;
        match editions.format {
            FORMAT => Ok(editions),
            other => Err(Failure::OtherFormat { found: Some(u64::from(other)) }),
        }
    }

    /// Makes this so, in one step.
    pub(crate) fn write(&self, home: &Path) -> Result<()> {
        let unfinished = home.join(format!(".{POINTER}"));
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, home.join(POINTER))?;
        sync_folder(home)?;
        Ok(())
    }

    /// The folder of the edition that answers.
    pub(crate) fn live_folder(&self, home: &Path) -> PathBuf {
        folder(home, self.live)
    }
}

/// Renames survive a loss of power only when their folder has been written.
#[cfg(unix)]
fn sync_folder(home: &Path) -> io::Result<()> {
    File::open(home)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// True if the folder holds a collection, whether or not it can be opened.
pub(crate) fn is_collection(home: &Path) -> bool {
    [POINTER, META].iter().any(|name| home.join(name).exists())
}

/// The folder of an edition.
pub(crate) fn folder(home: &Path, number: u32) -> PathBuf {
    if number == FIRST { home.to_owned() } else { home.join(format!("edition-{number}")) }
}

/// Numbers of all editions that lie in a collection's folder, also of those that are unfinished or were removed only halfway.
pub(crate) fn all(home: &Path) -> Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.strip_prefix("edition-").map(str::parse) {
            Some(Ok(number)) => numbers.push(number),
            _ if is_of_index(&name) && entry.file_type()?.is_file() => numbers.push(FIRST),
            _ => {}
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// True for a file that an index consists of. Names that begin with a dot are locks and lists of files.
fn is_of_index(name: &str) -> bool {
    name != POINTER && !name.starts_with('.')
}

/// Names of the files of an edition.
pub(crate) fn files(home: &Path, number: u32) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder(home, number))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_of_index(&name) && entry.file_type()?.is_file() {
            files.push(name);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Removes an edition, or what is left of it; returns how many bytes it took.
pub(crate) fn remove(home: &Path, number: u32) -> Result<u64> {
    let folder = folder(home, number);
    let bytes = bytes(&folder).unwrap_or(0);
    gone(fs::remove_file(folder.join(META)))?;
    if number != FIRST {
        gone(fs::remove_dir_all(&folder))?;
        return Ok(bytes);
    }
    for file in files(home, FIRST)? {
        gone(fs::remove_file(home.join(file)))?;
    }
    Ok(bytes)
}

/// What somebody else has removed meanwhile is removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Bytes of the files in a folder, without those in folders below it.
pub(crate) fn bytes(folder: &Path) -> Option<u64> {
    let entries = fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.metadata().ok());
    Some(entries.filter(fs::Metadata::is_file).map(|metadata| metadata.len()).sum())
}

/// Keeps all others from making, switching and removing editions while it lives; the system lets go of it when the process dies.
pub(crate) fn turn(home: &Path, name: &str) -> Result<File> {
    let file = File::create(home.join(TURN))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::Rebuilding { name: name.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_folder_is_told_apart() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        assert_eq!(Editions::read(&home.join("nothing")).unwrap(), Editions::new(1, None));
        assert_eq!((all(home).unwrap(), is_collection(home)), (vec![], false));
        fs::create_dir(home.join("edition-2")).unwrap();
        fs::write(home.join("edition-2/meta.json"), "{}").unwrap();
        fs::write(home.join("meta.json"), "{}").unwrap();
        fs::write(home.join(".managed.json"), "[]").unwrap();
        Editions::new(2, Some(1)).write(home).unwrap();
        assert_eq!((all(home).unwrap(), is_collection(home)), (vec![1, 2], true));
        assert_eq!(Editions::read(home).unwrap().live_folder(home), home.join("edition-2"));

        assert!(remove(home, 1).unwrap() > 0);
        assert_eq!((all(home).unwrap(), is_collection(home)), (vec![2], true));
        remove(home, 2).unwrap();
        remove(home, 2).unwrap();
        assert_eq!(all(home).unwrap(), Vec::<u32>::new());
    }

    #[test]
    fn another_format_is_refused_and_so_is_nonsense() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(POINTER), r#"{"format":2,"live":1,"previous":null}"#).unwrap();
        assert!(matches!(Editions::read(home.path()), Err(Failure::OtherFormat { found: Some(2) })));
        fs::write(home.path().join(POINTER), "{").unwrap();
        assert!(matches!(Editions::read(home.path()), Err(Failure::Damaged { .. })));
    }
}
