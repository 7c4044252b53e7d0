//! What SQLite reports, in the words of the person who runs Docent.

use docent_engine::Error;
use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

const DAMAGED_HINT: &str = "stop docent, move the file and its -wal and -shm neighbours away and start again with an empty \
     store, or rescue what is readable with `sqlite3 FILE .recover`";
const FOREIGN_HINT: &str = "move that file away or choose another data folder; it was not changed";
const PERMISSION_HINT: &str = "check that the folder exists, that it is not mounted read-only and that this user may \
     write to it and to the file";

/// The store's file, as it is named in errors.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// SQLite's error as ours. The cause is kept as text, since one failed commit is told to several callers.
    pub(crate) fn explain(&self, error: &rusqlite::Error) -> Error {
        let at = self.0.display();
        let explained = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::internal(format!("no space is left for the query store at {at}"))
                .hint("free some space on that disk; what was stored before is unharmed"),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Error::unavailable("the query store is being written by another program")
                    .hint("try again; if it stays, find the program that holds the file open")
            }
            Some(ErrorCode::NotADatabase) => Error::invalid(format!("{at} is not a query store")).hint(FOREIGN_HINT),
            Some(ErrorCode::DatabaseCorrupt) => {
                Error::internal(format!("the query store at {at} is damaged")).hint(DAMAGED_HINT)
            }
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => self.not_accessible(),
            Some(ErrorCode::SystemIoFailure) => {
                Error::internal(format!("the disk under the query store at {at} does not read or write"))
                    .hint("check the disk and its free space; what was stored before is unharmed")
            }
            _ => Error::internal(format!("the query store at {at} did not do what it should")),
        };
        explained.because(error.to_string())
    }

    pub(crate) fn not_accessible(&self) -> Error {
        let at = self.0.display();
        Error::internal(format!("the query store at {at} cannot be opened for writing")).hint(PERMISSION_HINT)
    }

    pub(crate) fn foreign(&self) -> Error {
        let at = self.0.display();
        Error::invalid(format!("{at} is a database of another program, not a query store")).hint(FOREIGN_HINT)
    }

    pub(crate) fn newer(&self, found: usize, known: usize) -> Error {
        let at = self.0.display();
        Error::invalid(format!(
            "the query store at {at} has schema {found}, and this docent knows schemas up to {known}"
        ))
        .hint("it was written by a newer docent: upgrade, or choose another data folder; it was not changed")
    }

    pub(crate) fn without_wal(&self, mode: &str) -> Error {
        let at = self.0.display();
        Error::invalid(format!("the query store at {at} cannot use a write-ahead log (its journal mode is {mode})"))
            .hint("put the data folder on a local disk; network file systems lack the shared memory it needs")
    }

    /// The writer's thread is gone, which no input can bring about.
    pub(crate) fn writer_gone(&self) -> Error {
        let at = self.0.display();
        Error::internal(format!("the writer of the query store at {at} has stopped"))
            .hint("restart docent; what was stored before is unharmed")
    }
}
