//! Where files come in that users send: onto the disk of this machine, into a bucket, or nowhere. Whoever serves users asks here,
//! and need not know which.

use crate::Engine;
use crate::deletes::{DeleteOptions, Receipt};
use crate::deposits::{Announced, Deposits};
use crate::error::Result;
use crate::ports::{Stored, UploadReports};
use crate::uploads::{Listed, NotAccepted, Upload, Uploads};
use docent_core::{Document, Refusal};
use futures::{Stream, StreamExt};
use std::sync::Arc;
use std::time::Duration;

/// Where files come in.
#[derive(Clone)]
pub enum Entrance {
    /// Nowhere: the index is made elsewhere.
    Nowhere(Arc<Engine>),
    /// Onto the disk of this machine, whose workers read them.
    Disk(Arc<Uploads>),
    /// Into a bucket, from which another process takes them in.
    Bucket(Arc<Deposits>),
}

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Bytes that a file may have.
    pub file_bytes: u64,
    /// Bytes of one that may be sent as a body; others need an address.
    pub body_bytes: u64,
    /// Whether originals can be had again.
    pub keeps_originals: bool,
}

impl Entrance {
    fn engine(&self) -> &Engine {
        match self {
            Self::Nowhere(engine) => engine,
            Self::Disk(uploads) => uploads.engine(),
            Self::Bucket(deposits) => &deposits.engine,
        }
    }

    /// What may be sent; none if nothing.
    pub fn allowed(&self) -> Option<Allowed> {
        match self {
            Self::Nowhere(_) => None,
            Self::Disk(uploads) => {
                let settings = uploads.settings();
                let (file_bytes, keeps_originals) = (settings.file_bytes, settings.keep_originals);
                Some(Allowed { file_bytes, body_bytes: file_bytes, keeps_originals })
            }
            Self::Bucket(deposits) => {
                let settings = &deposits.settings;
                let (file_bytes, body_bytes) = (settings.file_bytes, settings.body_bytes.min(settings.file_bytes));
                Some(Allowed { file_bytes, body_bytes, keeps_originals: true })
            }
        }
    }

    /// What a delete has to know of uploads on this machine.
    pub fn disk(&self) -> Option<&Uploads> {
        match self {
            Self::Disk(uploads) => Some(uploads),
            Self::Nowhere(_) | Self::Bucket(_) => None,
        }
    }

    fn reports(&self) -> Option<&dyn UploadReports> {
        match self {
            Self::Nowhere(_) => None,
            Self::Disk(uploads) => Some(uploads.reports()),
            Self::Bucket(deposits) => Some(deposits.reports()),
        }
    }

    /// Why a file of this name and, if it is known, this size would be refused; asked before its bytes are read.
    pub fn refusal(&self, path: &str, bytes: Option<u64>) -> Option<Refusal> {
        match self {
            Self::Nowhere(_) => None,
            Self::Disk(uploads) => uploads.refusal(path, bytes),
            Self::Bucket(deposits) => deposits.refusal(path, bytes),
        }
    }

    /// Takes a file in; none if nobody does here. When this returns it is kept.
    ///
    /// # Errors
    /// [`NotAccepted`], which says whose fault it is.
    pub async fn accept<B, E>(
        &self,
        collection: &str,
        path: &str,
        body: impl Stream<Item = std::result::Result<B, E>> + Send,
    ) -> std::result::Result<Option<Upload>, NotAccepted>
    where
        B: AsRef<[u8]> + Send + 'static,
        E: Send,
    {
        match self {
            Self::Nowhere(_) => Ok(None),
            Self::Disk(uploads) => uploads.accept(collection, path, body).await.map(Some),
            Self::Bucket(deposits) => deposits.accept(collection, path, body).await.map(Some),
        }
    }

    /// Announces a file that its sender puts at an address of its own; none where a body of any size is taken.
    ///
    /// # Errors
    /// [`NotAccepted`], which says whose fault it is.
    pub async fn announce(
        &self,
        collection: &str,
        path: &str,
        bytes: u64,
    ) -> std::result::Result<Option<Announced>, NotAccepted> {
        match self {
            Self::Bucket(deposits) => deposits.announce(collection, path, bytes).await.map(Some),
            Self::Nowhere(_) | Self::Disk(_) => match self.refusal(path, Some(bytes)) {
                Some(refusal) => Err(NotAccepted::Refused(refusal)),
                None => Ok(None),
            },
        }
    }

    /// One upload.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn upload(&self, id: &str) -> Result<Option<Upload>> {
        self.wait(id, Duration::ZERO).await
    }

    /// The upload as it is when it has ended, or after `patience`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn wait(&self, id: &str, patience: Duration) -> Result<Option<Upload>> {
        match self {
            Self::Nowhere(_) => Ok(None),
            Self::Disk(uploads) => uploads.wait(id, patience).await,
            Self::Bucket(deposits) => deposits.wait(id, patience).await,
        }
    }

    /// A collection's uploads, newest first, from behind the id `after`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn uploads(&self, collection: &str, limit: usize, after: Option<&str>) -> Result<Vec<Upload>> {
        match self {
            Self::Nowhere(_) => Ok(Vec::new()),
            Self::Disk(uploads) => uploads.reports().uploads(collection, limit, after).await,
            Self::Bucket(deposits) => deposits.uploads(collection, limit, after).await,
        }
    }

    /// Documents of a collection in order of their ids, from behind `after`; with those that were refused, where files come in.
    ///
    /// # Errors
    /// Those of the index and the store.
    pub async fn documents(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Listed>> {
        let engine = self.engine();
        let listed = match self.reports() {
            Some(reports) => engine.listed_documents(reports, collection, after, limit).await?,
            None => engine.index.documents(collection, after, limit).await?.into_iter().map(Listed::alone).collect(),
        };
        Ok(listed.into_iter().map(|one| self.as_listed(collection, one)).collect())
    }

    /// One document: what is stored, or that its file was refused.
    ///
    /// # Errors
    /// Those of the index and the store.
    pub async fn document(&self, collection: &str, id: &str) -> Result<Option<Listed>> {
        let listed = match self.reports() {
            Some(reports) => self.engine().listed_document(reports, collection, id).await?,
            None => self.engine().index.document(collection, id).await?.map(Listed::alone),
        };
        Ok(listed.map(|one| self.as_listed(collection, one)))
    }

    fn as_listed(&self, collection: &str, listed: Listed) -> Listed {
        match self {
            Self::Nowhere(_) => listed,
            Self::Disk(uploads) => uploads.as_listed(collection, listed),
            Self::Bucket(deposits) => deposits.as_listed(listed),
        }
    }

    /// The file that a stored document was read from, if it is kept.
    ///
    /// # Errors
    /// Those of the index; where the file cannot be opened, of the disk or the bucket.
    pub async fn original(&self, collection: &str, id: &str) -> Result<Option<(Document, Stored)>> {
        match self {
            Self::Nowhere(_) => Ok(None),
            Self::Disk(uploads) => {
                let kept = uploads.original(collection, id).await?;
                Ok(kept.map(|(document, original)| {
                    (document, Stored { bytes: original.bytes, pieces: original.pieces().boxed() })
                }))
            }
            Self::Bucket(deposits) => deposits.original(collection, id).await,
        }
    }

    /// Removes a document and what could bring it back, and marks or erases the answers that were made from it. When this returns, no
    /// search and no new answer can return its text.
    ///
    /// # Errors
    /// Those of the index and of the stores; `Conflict` for a document that can only be removed where the index is made.
    pub async fn delete(&self, collection: &str, id: &str, erase: bool) -> Result<Receipt> {
        match self {
            Self::Bucket(deposits) => deposits.delete(collection, id, erase).await,
            Self::Nowhere(_) | Self::Disk(_) => {
                let options = DeleteOptions { erase, uploads: self.disk() };
                self.engine().delete_documents(collection, &[id.to_owned()], options).await
            }
        }
    }
}
