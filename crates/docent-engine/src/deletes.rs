//! The way out: a document leaves the index, and the answers that were made from it say so or are erased.
//!
//! The index comes first. An answer that is under way at that moment may have read the document before: when it has been
//! stored, [`Engine::erase_if_deleted`] looks whether its documents are still there, so that whichever of the two comes
//! last sees to it.

use crate::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::unknown_collection;
use crate::ports::Deleted;
use crate::source;
use docent_core::Query;
use docent_core::query::Answer;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// What a delete did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// What left the index.
    #[serde(flatten)]
    pub index: Deleted,
    /// Stored answers that were marked or erased; none where the store of queries cannot look through its answers.
    pub answers: Option<u64>,
    /// True if these answers were erased, false if they were marked.
    pub erased: bool,
}

impl Engine {
    /// Removes a document by id, by path or by the name that `documents` shows.
    ///
    /// # Errors
    /// `NotFound` if there is no such collection or document, `Conflict` if a name means several documents.
    pub async fn delete(&self, collection: &str, wanted: &str, erase: bool) -> Result<Receipt> {
        match self.resolve_document(collection, wanted).await {
            Ok(id) => self.delete_documents(collection, &[id], erase).await,
            // A delete that died may have left bytes, or answers.
            Err(error) if error.kind() == ErrorKind::NotFound && wanted.starts_with("doc_") => {
                if self.index.collection(collection).await?.is_none() {
                    return Err(error);
                }
                let receipt = self.delete_documents(collection, &[wanted.to_owned()], erase).await?;
                let is_nothing = receipt.index.rewritten.is_empty() && receipt.answers.unwrap_or_default() == 0;
                if is_nothing { Err(error) } else { Ok(receipt) }
            }
            Err(error) => Err(error),
        }
    }

    /// Removes documents by their ids, and marks or erases the answers that were made from them.
    ///
    /// # Errors
    /// Those of the index and of the store of queries.
    pub async fn delete_documents(&self, collection: &str, ids: &[String], erase: bool) -> Result<Receipt> {
        let index = self.index.delete(collection, ids).await?;
        let answers = self.queries.forget_documents(collection, ids, erase).await?;
        Ok(Receipt { index, answers, erased: erase })
    }

    /// Erases an answer that was stored after one of its documents was deleted.
    pub(crate) async fn erase_if_deleted(&self, query: &Query, answer: &Answer) -> Result<()> {
        let name = &query.request.collection;
        let now = self.index.collection(name).await?;
        if now.is_some_and(|now| now.generation == answer.generation) {
            return Ok(());
        }
        let cited = answer.citations.iter().map(|citation| &citation.document_id);
        let ids: BTreeSet<_> = cited.chain(answer.sources.iter().map(|source| &source.document_id)).collect();
        for id in ids {
            if self.index.document(name, id).await.is_ok_and(|document| document.is_none()) {
                self.queries.forget_documents(name, std::slice::from_ref(id), true).await?;
            }
        }
        Ok(())
    }

    async fn resolve_document(&self, collection: &str, wanted: &str) -> Result<String> {
        if self.index.collection(collection).await?.is_none() {
            return Err(unknown_collection(collection));
        }
        for id in [wanted.to_owned(), source::document_id(Path::new(wanted))] {
            if self.index.document(collection, &id).await?.is_some() {
                return Ok(id);
            }
        }
        let named: Vec<_> = self.all_documents(collection).await?;
        let mut named = named.into_iter().filter(|document| document.filename == wanted);
        match (named.next(), named.next()) {
            (Some(one), None) => Ok(one.id),
            (Some(one), Some(other)) => Err(Error::conflict(format!("`{wanted}` names several documents"))
                .hint(format!("use an id: {} or {}", one.id, other.id))),
            _ => Err(Error::not_found(format!("there is no document `{wanted}` in collection `{collection}`"))
                .hint("`docent documents` lists what is there")),
        }
    }
}
