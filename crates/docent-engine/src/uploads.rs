//! Uploads: files that arrive over a network and become documents of a collection.
//!
//! A body is written to disk as it arrives, never held in memory, and hashed on the way. When it is whole and is what its
//! name says, the upload is stored, and only then does the caller hear that it was accepted. Workers claim uploads as they
//! claim queries, by a lease and an attempt, read the file with the code and the sandbox of every ingest, and write how it
//! ended. A process that dies leaves the file and the record; the next one takes them up. So every accepted file ends once,
//! with a report.
//!
//! **One path, one document.** Its id comes from the path alone. Uploads of one path are worked on one after the other, the
//! last one stays, and the same bytes again cost a hash. A refused file never takes the place of a version that was read.
//!
//! **Originals** are kept, if at all, under the hash of their bytes: the original that is handed out is the one that the
//! text was read from, or none.
//!
//! What is absent: files of other machines ([`crate::deposits`] puts them into a bucket), and any file name made from a path that somebody
//! sent.

mod disk;
mod listing;
mod receive;
mod work;

pub use disk::Original;
pub use receive::NotAccepted;

use crate::Engine;
use crate::error::Result;
use crate::ingest::{FileReport, Parse};
use crate::ports::{Forgotten, UploadReports, UploadStore};
use crate::queries::new_id;
use disk::Disk;
use docent_core::query::{Failure, Lease};
use docent_core::{Document, QueryStatus, Refusal, RefusalKind, Timestamp};
use futures::Stream;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify};

/// How often a waiting caller looks into the store, for uploads that another process works on.
const POLL: Duration = Duration::from_millis(250);

/// The code of an upload that was given up because each attempt at it was cut off.
pub const EXHAUSTED: &str = "attempts_exhausted";

/// Says why a file is not read, by its name alone or by its name and first bytes; none if nothing speaks against it.
pub type Recognise = Arc<dyn Fn(&str, Option<&[u8]>) -> Option<Refusal> + Send + Sync>;

/// A file that was accepted, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// 32 hexadecimal digits that sort by acceptance.
    pub id: String,
    /// Where it goes.
    pub collection: String,
    /// The document that its path names.
    pub document_id: String,
    /// Its path.
    pub filename: String,
    /// Size of the file.
    pub bytes: u64,
    /// BLAKE3 of its bytes.
    pub content_hash: String,
    /// Where it stands: the same words as for queries.
    pub status: QueryStatus,
    /// How often a worker took it up.
    pub attempt: u32,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// What became of the file, once completed.
    pub report: Option<FileReport>,
    /// Why there is no report, once failed or cancelled.
    pub failure: Option<Failure>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// A document of a collection as its users should see it: what is stored, and how its last upload went.
#[derive(Clone, Debug)]
pub enum Listed {
    /// Something is stored.
    Stored {
        /// The record.
        document: Box<Document>,
        /// The last upload, if it was uploaded here. One that was refused has left what is stored.
        upload: Option<Box<Upload>>,
        /// Whether the original file is kept.
        has_original: bool,
    },
    /// Nothing is stored, and the last upload says why.
    NotStored(Box<Upload>),
}

impl Listed {
    /// A document of which nothing else is known.
    pub(crate) fn alone(document: Document) -> Self {
        Self::Stored { document: Box::new(document), upload: None, has_original: false }
    }

    /// The document's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Stored { document, .. } => &document.id,
            Self::NotStored(upload) => &upload.document_id,
        }
    }
}

/// What uploads may cost and leave.
#[derive(Clone, Debug)]
pub struct UploadSettings {
    /// Where files wait and originals are kept.
    pub folder: PathBuf,
    /// Bytes a file may have.
    pub file_bytes: u64,
    /// Whether originals are kept.
    pub keep_originals: bool,
}

/// Takes files in and lets workers read them.
pub struct Uploads {
    engine: Arc<Engine>,
    store: Arc<dyn UploadStore>,
    parse: Parse,
    recognise: Recognise,
    settings: UploadSettings,
    disk: Disk,
    /// Ids are given and stored in one order.
    order: Mutex<()>,
    /// Held while a document is stored, and while one is forgotten: neither gets in between.
    commit: Mutex<()>,
    wake: Notify,
    ended: Notify,
}

impl Uploads {
    /// Over an engine whose index can be written.
    pub fn new(
        engine: Arc<Engine>,
        store: Arc<dyn UploadStore>,
        parse: Parse,
        recognise: Recognise,
        settings: UploadSettings,
    ) -> Self {
        let disk = Disk::new(settings.folder.clone());
        let (order, commit) = (Mutex::default(), Mutex::default());
        Self {
            engine,
            store,
            parse,
            recognise,
            settings,
            disk,
            order,
            commit,
            wake: Notify::new(),
            ended: Notify::new(),
        }
    }

    /// What uploads may cost and leave.
    pub const fn settings(&self) -> &UploadSettings {
        &self.settings
    }

    /// Why a file of this name and, if it is known, this size would be refused; asked before its bytes are read.
    pub fn refusal(&self, filename: &str, bytes: Option<u64>) -> Option<Refusal> {
        let too_large = bytes.filter(|bytes| *bytes > self.settings.file_bytes);
        too_large.map(|_| refusal_of_size(self.settings.file_bytes)).or_else(|| (self.recognise)(filename, None))
    }

    /// Takes a file in. When this returns, it is on the disk and will be read, whatever dies.
    ///
    /// `filename` has been checked with [`docent_core::document_path`]. A body that ends with an error, is too large or is not
    /// what its name says leaves nothing behind, and neither does a caller that stops waiting.
    ///
    /// # Errors
    /// [`NotAccepted`], which says whose fault it is.
    pub async fn accept<B, E>(
        &self,
        collection: &str,
        filename: &str,
        body: impl Stream<Item = std::result::Result<B, E>> + Send,
    ) -> std::result::Result<Upload, NotAccepted>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        // A name that no collection can have, and a collection of another model, are refused before anything is stored.
        if let Some(known) = self.engine.index.collection(collection).await? {
            known.profile.accept(collection, &self.engine.profile())?;
        }
        let part = self.disk.part(&new_id((self.engine.clock)()))?;
        let received = receive::receive(part, self.settings.file_bytes, body).await?;
        if let Some(refusal) = (self.recognise)(filename, Some(&received.head)) {
            return Err(NotAccepted::Refused(refusal));
        }
        let _in_order = self.order.lock().await;
        let now = (self.engine.clock)();
        let upload = Upload {
            id: new_id(now),
            collection: collection.to_owned(),
            document_id: document_id(filename),
            filename: filename.to_owned(),
            bytes: received.bytes,
            content_hash: received.content_hash,
            status: QueryStatus::Queued,
            attempt: 0,
            lease: None,
            report: None,
            failure: None,
            created_at: now,
            completed_at: None,
        };
        let waiting = self.disk.stage(received.part, &upload.id)?;
        let superseded = self.store.accept(&upload, &superseded()).await?;
        waiting.keep();
        self.disk.remove_waiting(&superseded);
        self.wake.notify_one();
        self.ended.notify_waiters();
        Ok(upload)
    }

    /// The upload as it is when it has ended, or after `patience`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn wait(&self, id: &str, patience: Duration) -> Result<Option<Upload>> {
        let give_up = tokio::time::Instant::now() + patience;
        loop {
            let Some(upload) = self.store.upload(id).await? else { return Ok(None) };
            let left = give_up.saturating_duration_since(tokio::time::Instant::now());
            if upload.status.is_terminal() || left.is_zero() {
                return Ok(Some(upload));
            }
            drop(tokio::time::timeout(POLL.min(left), self.ended.notified()).await);
        }
    }

    /// What became of uploads.
    pub fn reports(&self) -> &dyn UploadReports {
        &*self.store
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What [`Engine::listed_documents`] says, with the original if it is kept.
    pub(crate) fn as_listed(&self, collection: &str, mut listed: Listed) -> Listed {
        if let Listed::Stored { document, has_original, .. } = &mut listed {
            *has_original = self.disk.has_original(collection, &document.id, &document.content_hash);
        }
        listed
    }

    /// The file that a stored document was read from, if it is kept.
    ///
    /// # Errors
    /// Those of the index; `Internal` if the file cannot be opened.
    pub async fn original(&self, collection: &str, id: &str) -> Result<Option<(Document, Original)>> {
        let Some(document) = self.engine.index.document(collection, id).await? else { return Ok(None) };
        let original = self.disk.open_original(collection, id, &document.content_hash)?;
        Ok(original.map(|original| (document, original)))
    }

    /// Forgets what was uploaded under these documents' ids, or into the whole collection: files that wait, originals and
    /// reports. Uploads that have not ended are cancelled, and none of them stores anything once this has returned. To be called
    /// before the documents are deleted from the index.
    ///
    /// # Errors
    /// Those of the store; `Internal` if a file cannot be removed.
    pub async fn forget(&self, collection: &str, document_ids: Option<&[String]>) -> Result<Forgotten> {
        let _alone = self.commit.lock().await;
        let now = (self.engine.clock)();
        let forgotten = self.store.forget_uploads(collection, document_ids, &deleted(), now).await?;
        self.disk.remove_waiting(&forgotten.cancelled);
        match document_ids {
            Some(ids) => ids.iter().try_for_each(|id| self.disk.forget_document(collection, id))?,
            None => self.disk.forget_collection(collection)?,
        }
        self.ended.notify_waiters();
        Ok(forgotten)
    }
}

impl Upload {
    /// True if the document is in the collection because of it, or was already.
    pub fn is_stored(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.outcome != docent_core::IngestOutcome::Refused)
    }
}

/// The id of the document at an uploaded path. No file of a machine has it: their places begin with a slash.
pub fn document_id(path: &str) -> String {
    let hash = blake3::hash(format!("upload:{path}").as_bytes());
    format!("doc_{}", &hash.to_hex()[..32])
}

/// Why an upload is given up whose path another file has taken.
pub fn superseded() -> Failure {
    Failure {
        code: "superseded".to_owned(),
        message: "a newer upload of the same path took its place before it was read".to_owned(),
        hint: None,
    }
}

/// Why an upload is given up whose document is deleted.
pub fn deleted() -> Failure {
    Failure {
        code: "deleted".to_owned(),
        message: "the document was deleted before it was read".to_owned(),
        hint: Some("upload it again if it is wanted".to_owned()),
    }
}

/// The refusal for a file over the limit.
pub fn refusal_of_size(most: u64) -> Refusal {
    let detail = format!("the file has more than the {most} bytes that are read; split it, or raise `file_mib`");
    Refusal::new(RefusalKind::TooLarge, detail)
}
