//! A bucket that files are put into for another process to take in: what is done there, and what is remembered of it.

use crate::error::Result;
use crate::ports::UploadReports;
use crate::source::SourceFile;
use crate::uploads::Upload;
use async_trait::async_trait;
use docent_core::query::Failure;
use docent_core::{Refusal, Timestamp};
use futures::stream::BoxStream;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// The place below which another process takes files in. A file carries the id of the upload that put it there, which whoever takes
/// it in finds with it ([`crate::ports::Place::upload`]).
#[async_trait]
pub trait Depot: Send + Sync {
    /// The source that documents from there are recorded with.
    fn source(&self) -> &str;

    /// The file at a path below it.
    fn file(&self, path: &str) -> SourceFile;

    /// Why nobody would take in what is put at a path, if somebody has said so.
    async fn refusal(&self, path: &str) -> Result<Option<Refusal>>;

    /// Puts a file there in place of any other. When this returns it is there.
    async fn put(&self, path: &str, upload_id: &str, bytes: Vec<u8>) -> Result<()>;

    /// An address at which whoever has it may put a file of so many bytes and no other, from `now` on for so long.
    async fn address(
        &self,
        path: &str,
        upload_id: &str,
        bytes: u64,
        now: Timestamp,
        lives: Duration,
    ) -> Result<Address>;

    /// The file as it was taken in under this word of the source's; none if it is gone or another one.
    async fn open(&self, path: &str, version: &str) -> Result<Option<Stored>>;

    /// Removes it; one that is not there is no trouble.
    async fn remove(&self, path: &str) -> Result<()>;
}

/// How a file is put into a depot without asking anybody more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where a `PUT` goes.
    pub url: String,
    /// What it must carry, beside the file.
    pub headers: BTreeMap<String, String>,
}

/// A file, open.
pub struct Stored {
    /// Its size.
    pub bytes: u64,
    /// Its bytes, piece by piece.
    pub pieces: BoxStream<'static, io::Result<Vec<u8>>>,
}

/// Uploads whose files lie in a depot, or are announced, until another process has taken them in. Whoever does that ends them
/// with its report.
#[async_trait]
pub trait DepositStore: UploadReports {
    /// Stores an upload that waits, and cancels with `failure` the others of its document that wait. Returns it as it is by then: its
    /// file may have been taken in before this was called.
    async fn deposit(&self, upload: &Upload, failure: &Failure) -> Result<Upload>;
}

/// Documents that were deleted and have not left the index yet, because others change it. Nobody may be shown them.
#[async_trait]
pub trait WithheldDocuments: Send + Sync {
    /// Those of a collection that are withheld, as of this moment: a document that was withheld before this was called is among them.
    async fn withheld(&self, collection: &str) -> Result<Vec<Withheld>>;

    /// Withholds a document from now on, until whoever changes the index has removed it and says so.
    async fn withhold(&self, collection: &str, document_id: &str, now: Timestamp) -> Result<()>;
}

/// A document that is withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Which.
    pub document_id: String,
    /// Since it was deleted.
    pub since: Timestamp,
    /// Until when; none before it has left the index.
    pub until: Option<Timestamp>,
}

impl Withheld {
    /// True if it may not be shown.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
