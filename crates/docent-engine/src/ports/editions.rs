//! A collection that is made anew beside the one that answers.

use super::{Collection, IndexDocument};
use crate::embedding::TextKey;
use crate::error::Result;
use async_trait::async_trait;
use docent_core::{Chunk, Document, Page};
use std::collections::HashMap;

/// A document as a collection holds it, without its vectors.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// The record.
    pub document: Document,
    /// Its text.
    pub pages: Vec<Page>,
    /// Its chunks, in order.
    pub chunks: Vec<Chunk>,
}

/// The edition that is to take the place of a collection's present one. Others may go on changing the collection meanwhile;
/// there is one such edition at a time, and nobody searches it.
#[async_trait]
pub trait NewEdition: Send + Sync {
    /// Records of all documents that it holds.
    async fn documents(&self) -> Result<Vec<Document>>;

    /// What the present edition holds of these documents; those that are gone are left out.
    async fn stored(&self, ids: &[String]) -> Result<Vec<StoredDocument>>;

    /// Vectors that it holds for these texts.
    async fn vectors(&self, texts: &[TextKey]) -> Result<HashMap<TextKey, Vec<f32>>>;

    /// Stores documents in one commit, but for those that the collection does not hold in this version any more: what was
    /// deleted meanwhile does not come back.
    async fn store(&self, documents: Vec<IndexDocument>) -> Result<()>;

    /// Removes documents, from its files too.
    async fn remove(&self, ids: &[String]) -> Result<()>;

    /// Takes the place of the present edition, in one step and unless that has moved on from `generation`: then none. The present
    /// one is kept as the previous one, in place of an earlier one.
    async fn take_over(&self, generation: &str) -> Result<Option<Collection>>;
}
