//! The way out: a document leaves the index, and the answers that were made from it say so or are erased.
//!
//! First what could bring the document back: uploads that are still to be read, and the originals. Then the index, and last the
//! stored answers. An answer that is under way at that moment may have read the document before. So its worker looks
//! whether the documents are still there before it stores the answer and once more when it has: whichever comes last, delete or
//! answer, sees to it. A worker that dies between the two, while a delete runs from beginning to end, leaves the answer unmarked;
//! the same delete, repeated, finds it.
//!
//! What is absent: what was sent to somebody who watched an answer arrive cannot be taken back.

use crate::Engine;
use crate::error::{Error, Result};
use crate::ingest::unknown_collection;
use crate::ports::Deleted;
use crate::source;
use crate::uploads::Uploads;
use docent_core::Query;
use docent_core::query::Answer;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::path::Path;

/// Answers that are changed at the same time.
const AT_ONCE: usize = 16;

/// How a delete behaves.
#[derive(Clone, Copy, Default)]
pub struct DeleteOptions<'a> {
    /// Erase stored answers instead of marking them; the questions stay.
    pub erase: bool,
    /// Where documents may come from again; none where there are no uploads.
    pub uploads: Option<&'a Uploads>,
}

/// What a delete did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// What left the index.
    #[serde(flatten)]
    pub index: Deleted,
    /// Uploads that were cancelled or forgotten; the files that were kept of them are gone.
    pub uploads: u64,
    /// Stored answers that were marked or erased.
    pub answers: u64,
    /// True if these answers were erased, false if they were marked.
    pub answers_erased: bool,
}

impl Receipt {
    /// True if there was nothing to delete.
    pub fn is_nothing(&self) -> bool {
        let Self { index, uploads, answers, .. } = self;
        index.documents.is_empty() && index.rewritten.is_empty() && *uploads == 0 && *answers == 0
    }
}

impl Engine {
    /// Removes a document by id, by path or by the name that `documents` shows.
    ///
    /// # Errors
    /// `NotFound` if there is no such collection or document, `Conflict` if a name means several documents; those of
    /// [`Self::delete_documents`].
    pub async fn delete(&self, collection: &str, wanted: &str, options: DeleteOptions<'_>) -> Result<Receipt> {
        if self.index.collection(collection).await?.is_none() {
            return Err(unknown_collection(collection));
        }
        if let Some(id) = self.resolve_document(collection, wanted).await? {
            return self.delete_documents(collection, &[id], options).await;
        }
        // It may have been refused when it was uploaded, and a delete that died may have left bytes or answers.
        let mut ids = vec![source::document_id(Path::new(wanted)), crate::uploads::document_id(wanted)];
        ids.extend(wanted.starts_with("doc_").then(|| wanted.to_owned()));
        let receipt = self.delete_documents(collection, &ids, options).await?;
        if receipt.is_nothing() {
            return Err(Error::not_found(format!("there is no document `{wanted}` in collection `{collection}`"))
                .hint("`docent documents` lists what is there"));
        }
        Ok(receipt)
    }

    /// Removes documents by their ids, and marks or erases the answers that were made from them. Repeating it does no harm
    /// and finishes what a call that died has left.
    ///
    /// # Errors
    /// Those of the index and of the stores.
    pub async fn delete_documents(
        &self,
        collection: &str,
        ids: &[String],
        options: DeleteOptions<'_>,
    ) -> Result<Receipt> {
        let uploads = forget_uploads(collection, Some(ids), options).await?;
        let index = self.index.delete(collection, ids).await?;
        let answers = self.forget_in_answers(collection, Some(ids), options.erase).await?;
        Ok(Receipt { index, uploads, answers, answers_erased: options.erase })
    }

    /// Removes a collection, and marks or erases all answers from it. Returns how many; none if there was no collection.
    ///
    /// # Errors
    /// Those of the index and of the stores.
    pub async fn delete_collection(&self, name: &str, options: DeleteOptions<'_>) -> Result<Option<u64>> {
        forget_uploads(name, None, options).await?;
        let was_there = self.index.delete_collection(name).await?;
        let answers = self.forget_in_answers(name, None, options.erase).await?;
        Ok(was_there.then_some(answers))
    }

    pub(crate) async fn forget_in_answers(
        &self,
        collection: &str,
        documents: Option<&[String]>,
        erase: bool,
    ) -> Result<u64> {
        let ids = self.queries.answers_from(collection, documents).await?;
        let changes: Vec<_> = ids.iter().map(|id| self.queries.forget_in_answer(id, documents, erase)).collect();
        let changes = stream::iter(changes).buffer_unordered(AT_ONCE);
        changes.try_fold(0, |sum, changed| async move { Ok(sum + u64::from(changed)) }).await
    }

    /// Which of an answer's documents have left the index since it was searched. An index that cannot be asked is logged and
    /// counts as unchanged: the answer was paid for.
    pub(crate) async fn lost_since(&self, query: &Query, answer: &Answer) -> Vec<String> {
        let ids: Vec<_> = answer.documents().into_iter().map(str::to_owned).collect();
        match self.index.missing(&query.request.collection, &answer.generation, &ids).await {
            Ok(missing) => missing,
            Err(error) => {
                tracing::warn!(query_id = query.id, %error, "whether its sources are still there is not known");
                Vec::new()
            }
        }
    }

    async fn resolve_document(&self, collection: &str, wanted: &str) -> Result<Option<String>> {
        for id in [wanted.to_owned(), source::document_id(Path::new(wanted))] {
            if self.index.document(collection, &id).await?.is_some() {
                return Ok(Some(id));
            }
        }
        let named: Vec<_> = self.all_documents(collection).await?;
        let mut named = named.into_iter().filter(|document| document.filename == wanted);
        match (named.next(), named.next()) {
            (Some(one), Some(other)) => Err(Error::conflict(format!("`{wanted}` names several documents"))
                .hint(format!("use an id: {} or {}", one.id, other.id))),
            (one, _) => Ok(one.map(|one| one.id)),
        }
    }
}

async fn forget_uploads(collection: &str, ids: Option<&[String]>, options: DeleteOptions<'_>) -> Result<u64> {
    let Some(uploads) = options.uploads else { return Ok(0) };
    let forgotten = uploads.forget(collection, ids).await?;
    Ok(forgotten.gone + forgotten.cancelled.len() as u64)
}
