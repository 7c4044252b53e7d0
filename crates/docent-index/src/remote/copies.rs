//! Copies of objects on this machine, for as long as they are read or changed.
//!
//! Each process has a folder of its own, next to a file that it keeps locked. Who comes next removes folders whose file nobody
//! holds any more: their process was killed.

use crate::error::Result;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Ending of the locked files.
const LOCK: &str = "lock";

/// A folder for copies, removed with all in it when this is dropped.
pub(super) struct Copies {
    folder: PathBuf,
    lock: PathBuf,
    _held: File,
    count: AtomicU64,
}

/// A copy, removed when this is dropped.
pub(super) struct Copy(PathBuf);

impl Copies {
    /// A new folder below `root`; leftovers of others there are removed.
    pub(super) fn open(root: &Path) -> Result<Self> {
        fs::create_dir_all(root)?;
        let turn = File::create(root.join(".turn"))?;
        turn.lock()?;
        let mut number = 0;
        for lock in fs::read_dir(root)?.flatten().map(|entry| entry.path()) {
            if lock.extension().is_some_and(|extension| extension == LOCK) {
                number = number.max(number_of(&lock));
                remove_unheld(&lock);
            }
        }
        let folder = root.join((number + 1).to_string());
        let lock = folder.with_extension(LOCK);
        let held = File::create(&lock)?;
        held.lock()?;
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, lock, _held: held, count: AtomicU64::new(0) })
    }

    /// Where.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new, empty file.
    pub(super) fn create(&self) -> Result<(File, Copy)> {
        let name = self.count.fetch_add(1, Ordering::Relaxed).to_string();
        let copy = Copy(self.folder.join(name));
        Ok((File::create(copy.path())?, copy))
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // What cannot be removed now is removed by who comes next.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.lock);
    }
}

impl Copy {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // As above.
        let _ = fs::remove_file(&self.0);
    }
}

fn number_of(lock: &Path) -> u64 {
    lock.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).unwrap_or(0)
}

fn remove_unheld(lock: &Path) {
    let is_held = File::open(lock).is_ok_and(|file| file.try_lock().is_err());
    if !is_held && fs::remove_dir_all(lock.with_extension("")).is_ok() {
        let _ = fs::remove_file(lock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = entries.filter(|name| name != ".turn").collect();
        names.sort();
        names
    }

    #[test]
    fn copies_go_with_who_made_them_and_leftovers_with_the_next() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (Copies::open(root.path()).unwrap(), Copies::open(root.path()).unwrap());
        let (_, kept) = second.create().unwrap();
        // A process that is killed drops nothing, but its lock goes with it.
        fs::create_dir(root.path().join("9")).unwrap();
        fs::write(root.path().join("9/secret"), "text").unwrap();
        fs::write(root.path().join("9.lock"), "").unwrap();
        drop(first);
        let third = Copies::open(root.path()).unwrap();
        assert_eq!(names(root.path()), ["10", "10.lock", "2", "2.lock"]);
        assert!(kept.path().is_file(), "who is at work keeps what it has");
        drop(kept);
        assert_eq!(fs::read_dir(root.path().join("2")).unwrap().count(), 0);
        drop((second, third));
        assert_eq!(names(root.path()), Vec::<String>::new());
    }
}
