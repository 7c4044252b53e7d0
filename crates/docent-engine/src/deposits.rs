//! Uploads into a bucket from which another process takes documents in.
//!
//! A small file is put into the bucket by whoever accepts it, with the upload's id on it, and then the upload is stored: the file
//! is kept before its sender hears of it. For a large one the sender gets an address in the bucket and puts it there. Either way
//! the process that takes documents in finds the id on the file, and ends the upload with its report. Whatever is lost on that way, an
//! upload ends: it is overtaken by another file of the same path, or its document is deleted, or it has waited too long.
//!
//! **A delete** removes the file, so that nothing brings the document back, and withholds the document ([`crate::withheld`]): from
//! then on nobody is shown it. Its text leaves the index with the generation that the other process publishes next.
//!
//! What is absent: a queue and workers. The bucket tells the other process itself.

use crate::Engine;
use crate::deletes::Receipt;
use crate::error::{Error, Result};
use crate::ports::{Address, Deleted, DepositStore, Depot, Stored, TextInFiles, UploadReports, WithheldDocuments};
use crate::queries::new_id;
use crate::uploads::{Listed, NotAccepted, Recognise, Upload, deleted, refusal_of_size, superseded};
use docent_core::query::Failure;
use docent_core::{Document, QueryStatus, Refusal, Timestamp};
use futures::{Stream, StreamExt};
use std::sync::Arc;
use std::time::Duration;

/// How long an upload waits to be taken in; then it counts as lost. What the bucket tells of no file is found within an hour, and what
/// fails again and again is given up, and says so, within three.
pub const TAKEN_IN_WITHIN: Duration = Duration::from_secs(4 * 60 * 60);
/// How long an address lives. A file that has begun to arrive by then arrives.
const ADDRESS_LIVES: Duration = Duration::from_secs(15 * 60);
/// How often a waiting caller looks.
const POLL: Duration = Duration::from_secs(1);
/// First bytes that tell what a file is.
const HEAD_BYTES: usize = 64 << 10;

/// What uploads may cost.
#[derive(Clone, Debug)]
pub struct DepositSettings {
    /// The collection that files are taken into.
    pub collection: String,
    /// Bytes that a file may have.
    pub file_bytes: u64,
    /// Bytes of one that may come in a body, which is held in memory.
    pub body_bytes: u64,
}

/// Puts files where another process takes them in.
pub struct Deposits {
    /// The verbs, on an index without what is withheld.
    pub engine: Arc<Engine>,
    /// What became of uploads.
    pub store: Arc<dyn DepositStore>,
    /// What was deleted and has not left the index.
    pub withheld: Arc<dyn WithheldDocuments>,
    /// Where files are put.
    pub depot: Arc<dyn Depot>,
    /// Refuses files before anybody reads them.
    pub recognise: Recognise,
    /// What they may cost.
    pub settings: DepositSettings,
}

/// An upload whose file is still to be put at an address.
#[derive(Clone, Debug)]
pub struct Announced {
    /// Where its sender puts it.
    pub address: Address,
    /// Until when.
    pub expires_at: Timestamp,
    /// What becomes of it.
    pub upload: Upload,
}

impl Deposits {
    /// Why a file of this name and, if it is known, this size would be refused.
    pub fn refusal(&self, path: &str, bytes: Option<u64>) -> Option<Refusal> {
        let most = self.settings.file_bytes;
        let too_large = bytes.filter(|bytes| *bytes > most).map(|_| refusal_of_size(most));
        too_large.or_else(|| (self.recognise)(path, None))
    }

    /// Takes a file in. When this returns it is in the bucket.
    ///
    /// # Errors
    /// [`NotAccepted`], which says whose fault it is.
    pub async fn accept<B: AsRef<[u8]>, E>(
        &self,
        collection: &str,
        path: &str,
        body: impl Stream<Item = std::result::Result<B, E>> + Send,
    ) -> std::result::Result<Upload, NotAccepted> {
        self.look_at(collection, path, None).await?;
        let bytes = self.gather(body).await?;
        if let Some(refusal) = (self.recognise)(path, Some(&bytes[..bytes.len().min(HEAD_BYTES)])) {
            return Err(NotAccepted::Refused(refusal));
        }
        let content_hash = blake3::hash(&bytes).to_hex().to_string();
        let upload = Upload { content_hash, ..self.upload_of(path, bytes.len() as u64) };
        self.depot.put(path, &upload.id, bytes).await?;
        Ok(self.store.deposit(&upload, &superseded()).await?)
    }

    /// Announces a file that its sender puts into the bucket.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub async fn announce(
        &self,
        collection: &str,
        path: &str,
        bytes: u64,
    ) -> std::result::Result<Announced, NotAccepted> {
        self.look_at(collection, path, Some(bytes)).await?;
        let upload = self.upload_of(path, bytes);
        let address = self.depot.address(path, &upload.id, bytes, upload.created_at, ADDRESS_LIVES).await?;
        let upload = self.store.deposit(&upload, &superseded()).await?;
        Ok(Announced { address, expires_at: upload.created_at.plus(ADDRESS_LIVES), upload })
    }

    /// Refuses what nobody would take in from there.
    async fn look_at(&self, collection: &str, path: &str, bytes: Option<u64>) -> std::result::Result<(), NotAccepted> {
        let ours = &self.settings.collection;
        if collection != ours {
            let message =
                format!("files that are sent here come into the collection `{ours}`, not into `{collection}`");
            return Err(Error::invalid(message).hint("name that collection, or none").into());
        }
        let refusal = match self.refusal(path, bytes) {
            None if bytes == Some(0) => (self.recognise)(path, Some(b"")),
            None => self.depot.refusal(path).await?,
            refused => refused,
        };
        refusal.map_or(Ok(()), |refusal| Err(NotAccepted::Refused(refusal)))
    }

    async fn gather<B: AsRef<[u8]>, E>(
        &self,
        body: impl Stream<Item = std::result::Result<B, E>> + Send,
    ) -> std::result::Result<Vec<u8>, NotAccepted> {
        let (mut body, mut bytes) = (std::pin::pin!(body), Vec::new());
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(piece.map_err(|_| NotAccepted::BrokeOff)?.as_ref());
            if bytes.len() as u64 > self.settings.body_bytes {
                return Err(NotAccepted::TooLargeForABody { most: self.settings.body_bytes });
            }
        }
        Ok(bytes)
    }

    fn upload_of(&self, path: &str, bytes: u64) -> Upload {
        let now = (self.engine.clock)();
        let file = self.depot.file(path);
        Upload {
            id: new_id(now),
            collection: self.settings.collection.clone(),
            document_id: file.document_id,
            filename: file.filename,
            bytes,
            content_hash: String::new(),
            status: QueryStatus::Queued,
            attempt: 0,
            lease: None,
            report: None,
            failure: None,
            created_at: now,
            completed_at: None,
        }
    }

    fn as_of_now(&self, upload: Upload) -> Upload {
        as_of(upload, (self.engine.clock)())
    }

    /// What became of uploads.
    pub fn reports(&self) -> &dyn UploadReports {
        &*self.store
    }

    /// One upload, as it is by now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn upload(&self, id: &str) -> Result<Option<Upload>> {
        Ok(self.store.upload(id).await?.map(|upload| self.as_of_now(upload)))
    }

    /// A collection's uploads, newest first, as they are by now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn uploads(&self, collection: &str, limit: usize, after: Option<&str>) -> Result<Vec<Upload>> {
        let uploads = self.store.uploads(collection, limit, after).await?;
        Ok(uploads.into_iter().map(|upload| self.as_of_now(upload)).collect())
    }

    /// The upload as it is when it has ended, or after `patience`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn wait(&self, id: &str, patience: Duration) -> Result<Option<Upload>> {
        let give_up = tokio::time::Instant::now() + patience;
        loop {
            let Some(upload) = self.upload(id).await? else { return Ok(None) };
            let left = give_up.saturating_duration_since(tokio::time::Instant::now());
            if upload.status.is_terminal() || left.is_zero() {
                return Ok(Some(upload));
            }
            tokio::time::sleep(POLL.min(left)).await;
        }
    }

    /// What [`Engine::listed_documents`] says, with the originals that are in the bucket.
    pub(crate) fn as_listed(&self, mut listed: Listed) -> Listed {
        match &mut listed {
            Listed::Stored { document, upload, has_original } => {
                *has_original = self.is_from_here(document);
                *upload = upload.take().map(|upload| Box::new(self.as_of_now(*upload)));
            }
            Listed::NotStored(upload) => **upload = self.as_of_now((**upload).clone()),
        }
        listed
    }

    fn is_from_here(&self, document: &Document) -> bool {
        document.source.as_deref() == Some(self.depot.source())
    }

    /// The file that a stored document was read from; none if another one is in its place by now.
    ///
    /// # Errors
    /// Those of the index and of the bucket.
    pub async fn original(&self, collection: &str, id: &str) -> Result<Option<(Document, Stored)>> {
        let Some(document) = self.engine.index.document(collection, id).await? else { return Ok(None) };
        let version = document.source_version.as_deref().filter(|_| self.is_from_here(&document));
        let (Some(path), Some(version)) = (self.path_of(id, &document.filename), version) else { return Ok(None) };
        let stored = self.depot.open(&path, version).await?;
        Ok(stored.map(|stored| (document, stored)))
    }

    /// Removes a document, its file and what is known of its uploads; answers that were made from it are marked, or erased. When this
    /// returns, nobody is shown it any more. Repeating it finishes what a call that died has left.
    ///
    /// # Errors
    /// `Conflict` for one that has come into the index from elsewhere; those of the index, the bucket and the stores.
    pub async fn delete(&self, collection: &str, id: &str, erase: bool) -> Result<Receipt> {
        let (engine, ids) = (&self.engine, &[id.to_owned()]);
        let found = engine.index.document(collection, id).await?;
        if found.as_ref().is_some_and(|document| !self.is_from_here(document)) {
            return Err(from_elsewhere());
        }
        let newest = self.store.newest_uploads(collection, ids).await?.pop();
        let filename = found.as_ref().map(|document| &document.filename).or(newest.as_ref().map(|it| &it.filename));
        if let Some(path) = filename.and_then(|filename| self.path_of(id, filename)) {
            // First what could bring it back. Who is taking it in at this moment looks at the file again.
            self.depot.remove(&path).await?;
            self.withheld.withhold(collection, id, (engine.clock)()).await?;
        }
        let forgotten = self.store.forget_uploads(collection, Some(ids), &deleted(), (engine.clock)()).await?;
        let answers = engine.forget_in_answers(collection, Some(ids), erase).await?;
        let uploads = forgotten.gone + forgotten.cancelled.len() as u64;
        let index = self.removed(collection, found).await?;
        Ok(Receipt { index, uploads, answers, answers_erased: erase })
    }

    async fn removed(&self, collection: &str, found: Option<Document>) -> Result<Deleted> {
        let generation = self.engine.index.collection(collection).await?.map(|found| found.generation);
        let nothing = Deleted::nothing(generation.unwrap_or_default(), TextInFiles::Unknown);
        Ok(match found {
            Some(Document { id, chunks, .. }) => {
                Deleted { documents: vec![id], chunks: chunks.into(), text_in_files: TextInFiles::Pending, ..nothing }
            }
            None => nothing,
        })
    }

    /// The path below the bucket's prefix of a document; a source shows its own name before it.
    fn path_of(&self, id: &str, filename: &str) -> Option<String> {
        let (_, path) = filename.split_once('/')?;
        (self.depot.file(path).document_id == id).then(|| path.to_owned())
    }
}

/// An upload as it is at that moment: one that has waited too long is lost.
pub fn as_of(upload: Upload, now: Timestamp) -> Upload {
    let over = upload.created_at.plus(TAKEN_IN_WITHIN);
    if upload.status.is_terminal() || now < over {
        return upload;
    }
    Upload { status: QueryStatus::Failed, failure: Some(lost()), completed_at: Some(over), ..upload }
}

impl Upload {
    /// The same, given up for this reason.
    #[must_use]
    pub fn cancelled(self, failure: &Failure, now: Timestamp) -> Self {
        Self { status: QueryStatus::Cancelled, failure: Some(failure.clone()), completed_at: Some(now), ..self }
    }

    /// True if its sender was to put the file into the bucket, and nobody knows yet whether that has happened.
    pub fn is_announced(&self) -> bool {
        !self.status.is_terminal() && self.content_hash.is_empty()
    }
}

fn lost() -> Failure {
    let hours = TAKEN_IN_WITHIN.as_secs() / 3600;
    Failure {
        code: "not_taken_in".to_owned(),
        message: format!("no file came, or nobody has taken it in within {hours} hours"),
        hint: Some(
            "send it again; if it is in the bucket, the log of what takes documents in has the cause".to_owned(),
        ),
    }
}

fn from_elsewhere() -> Error {
    Error::conflict(
        "the document has come into the published index from elsewhere, not through the bucket of this server",
    )
    .hint("remove it where the index is made (`docent delete`, or the file and `docent sync`), and publish again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_too_long_is_lost_without_anybody_s_doing() {
        let created_at = Timestamp::from_millis(1_795_392_000_000);
        let waits = Upload {
            id: String::new(),
            collection: String::new(),
            document_id: String::new(),
            filename: String::new(),
            bytes: 1,
            content_hash: String::new(),
            status: QueryStatus::Queued,
            attempt: 0,
            lease: None,
            report: None,
            failure: None,
            created_at,
            completed_at: None,
        };
        let over = created_at.plus(TAKEN_IN_WITHIN);
        let before = Timestamp::from_millis(over.as_millis() - 1);
        assert_eq!(as_of(waits.clone(), before), waits);
        let lost = as_of(waits.clone(), over.plus(TAKEN_IN_WITHIN));
        assert_eq!((lost.status, lost.completed_at), (QueryStatus::Failed, Some(over)), "whenever it is looked at");
        assert_eq!(lost.failure.as_ref().map(|failure| failure.code.as_str()), Some("not_taken_in"));
        assert!(waits.is_announced() && !lost.is_announced());
        let ended = waits.cancelled(&deleted(), created_at);
        assert_eq!(as_of(ended.clone(), over), ended);
    }
}
