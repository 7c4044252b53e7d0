//! Uploads and their lives, as a store keeps them.

use crate::error::Result;
use crate::ingest::FileReport;
use crate::uploads::Upload;
use async_trait::async_trait;
use docent_core::Timestamp;
use docent_core::query::{Failure, Lease};

/// How an upload ends.
#[derive(Clone, Debug, PartialEq)]
pub enum UploadEnding {
    /// The file was looked at; the report says what became of it.
    Completed(FileReport),
    /// It could not be looked at to the end.
    Failed(Failure),
}

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Ids of uploads that had not ended: they are cancelled.
    pub cancelled: Vec<String>,
    /// Uploads that had ended: they are gone.
    pub gone: u64,
}

/// What became of files that arrived over a network or in a bucket, for those who ask.
#[async_trait]
pub trait UploadReports: Send + Sync {
    /// One upload.
    async fn upload(&self, id: &str) -> Result<Option<Upload>>;

    /// A collection's uploads, newest first, from behind the id `after`.
    async fn uploads(&self, collection: &str, limit: usize, after: Option<&str>) -> Result<Vec<Upload>>;

    /// The newest upload of each of these documents that was not cancelled, in any order.
    async fn newest_uploads(&self, collection: &str, document_ids: &[String]) -> Result<Vec<Upload>>;

    /// The newest upload of each document whose newest one failed or was refused, in order of the documents' ids, from behind
    /// the id `after`.
    async fn refused_uploads(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Upload>>;

    /// Forgets the uploads of these documents, or of the whole collection, and cancels with `failure` those that have not
    /// ended.
    async fn forget_uploads(
        &self,
        collection: &str,
        document_ids: Option<&[String]>,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Forgotten>;
}

/// Uploads that wait to be read. Every change is conditional on the state it expects, as in the store of queries. Of one
/// document one upload at a time is worked on, in the order of their ids, so that the one that came last is what stays.
#[async_trait]
pub trait UploadStore: UploadReports {
    /// Stores a new upload. Others of its document that are queued are cancelled with `failure`; returns their ids.
    async fn accept(&self, upload: &Upload, failure: &Failure) -> Result<Vec<String>>;

    /// Claims the oldest upload that is queued or whose lease has lapsed, counting an attempt, unless another one of its document
    /// is held. Those with lapsed leases and `attempts_max` attempts are failed with `exhausted`.
    async fn claim_next(
        &self,
        lease: &Lease,
        now: Timestamp,
        attempts_max: u32,
        exhausted: &Failure,
    ) -> Result<Option<Upload>>;

    /// Moves the lease's end; false if this attempt does not hold the upload any more (then stop working on it).
    async fn renew_upload(&self, id: &str, attempt: u32, until: Timestamp) -> Result<bool>;

    /// Writes the ending; false if this attempt does not hold the upload any more (then nothing changed).
    async fn finish_upload(&self, id: &str, attempt: u32, ending: &UploadEnding, now: Timestamp) -> Result<bool>;

    /// Forgets uploads that ended before a moment, except the newest of each document.
    async fn expire_uploads(&self, before: Timestamp) -> Result<u64>;
}
