//! An index that others change, without the documents that were deleted here.
//!
//! Who deletes a document of such an index cannot take it out: another process will, some time later, and readers notice that later
//! still. So a delete notes that the document is withheld, and every reader looks at these notes, each time, before it shows
//! anything. What is withheld does not exist for a search, an answer, a list, a page. The note stays until no reader can have a generation
//! any more that the document is in.

use crate::embedding::TextKey;
use crate::engine::Clock;
use crate::error::Result;
use crate::ports::{
    ChunkIndex, Collection, Deleted, IndexDocument, IndexProfile, NewEdition, SearchRequest, SearchResponse,
    WithheldDocuments,
};
use async_trait::async_trait;
use docent_core::filter::FilterValue;
use docent_core::{Document, Filter, Page};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// An index, and what of it may not be shown.
pub struct Withholding {
    index: Arc<dyn ChunkIndex>,
    withheld: Arc<dyn WithheldDocuments>,
    clock: Clock,
}

impl Withholding {
    /// `index` without what is in `withheld`.
    pub fn new(index: Arc<dyn ChunkIndex>, withheld: Arc<dyn WithheldDocuments>, clock: Clock) -> Self {
        Self { index, withheld, clock }
    }

    async fn hidden(&self, collection: &str) -> Result<BTreeSet<String>> {
        let all = self.withheld.withheld(collection).await?;
        let now = (self.clock)();
        Ok(all.into_iter().filter(|one| one.holds(now)).map(|one| one.document_id).collect())
    }

    async fn is_hidden(&self, collection: &str, id: &str) -> Result<bool> {
        Ok(self.hidden(collection).await?.contains(id))
    }
}

/// A filter that lets nothing of these documents through.
fn without(hidden: BTreeSet<String>, filter: Option<Filter>) -> Filter {
    let value = FilterValue::List(hidden.into_iter().collect());
    let others = Filter::Nin { key: "document_id".to_owned(), value };
    match filter {
        Some(filter) => Filter::And { filters: vec![filter, others] },
        None => others,
    }
}

#[async_trait]
impl ChunkIndex for Withholding {
    async fn collections(&self) -> Result<Vec<Collection>> {
        self.index.collections().await
    }

    async fn collection(&self, name: &str) -> Result<Option<Collection>> {
        self.index.collection(name).await
    }

    async fn open_or_create(&self, name: &str, profile: &IndexProfile) -> Result<Collection> {
        self.index.open_or_create(name, profile).await
    }

    async fn delete_collection(&self, name: &str) -> Result<bool> {
        self.index.delete_collection(name).await
    }

    async fn upsert(&self, collection: &str, documents: Vec<IndexDocument>) -> Result<String> {
        self.index.upsert(collection, documents).await
    }

    async fn delete(&self, collection: &str, document_ids: &[String]) -> Result<Deleted> {
        self.index.delete(collection, document_ids).await
    }

    async fn documents(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        let hidden = self.hidden(collection).await?;
        // No more than these can be missing from what is shown.
        let mut documents = self.index.documents(collection, after, limit.saturating_add(hidden.len())).await?;
        documents.retain(|document| !hidden.contains(&document.id));
        documents.truncate(limit);
        Ok(documents)
    }

    async fn document(&self, collection: &str, id: &str) -> Result<Option<Document>> {
        let found = self.index.document(collection, id).await?;
        Ok(if found.is_some() && self.is_hidden(collection, id).await? { None } else { found })
    }

    async fn pages(&self, collection: &str, document_id: &str, indices: &[u32]) -> Result<Vec<(u32, Page)>> {
        let pages = self.index.pages(collection, document_id, indices).await?;
        Ok(if self.is_hidden(collection, document_id).await? { Vec::new() } else { pages })
    }

    /// Of a question that is being answered: its sources are looked at again before the answer is stored, and after.
    async fn pages_at(
        &self,
        collection: &str,
        generation: &str,
        document_id: &str,
        indices: &[u32],
    ) -> Result<Vec<(u32, Page)>> {
        self.index.pages_at(collection, generation, document_id, indices).await
    }

    async fn missing(&self, collection: &str, generation: &str, ids: &[String]) -> Result<Vec<String>> {
        let mut missing = self.index.missing(collection, generation, ids).await?;
        let hidden = self.hidden(collection).await?;
        let known: BTreeSet<_> = missing.iter().cloned().collect();
        missing.extend(ids.iter().filter(|id| hidden.contains(*id) && !known.contains(*id)).cloned());
        Ok(missing)
    }

    async fn vectors(
        &self,
        collection: &str,
        texts: &[TextKey],
        documents: &[String],
    ) -> Result<HashMap<TextKey, Vec<f32>>> {
        self.index.vectors(collection, texts, documents).await
    }

    async fn new_edition(&self, collection: &str, profile: &IndexProfile) -> Result<Arc<dyn NewEdition>> {
        self.index.new_edition(collection, profile).await
    }

    async fn previous_edition(&self, collection: &str) -> Result<Option<Collection>> {
        self.index.previous_edition(collection).await
    }

    async fn forget_editions(&self, collection: &str) -> Result<Option<u64>> {
        self.index.forget_editions(collection).await
    }

    async fn search(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse> {
        let hidden = self.hidden(collection).await?;
        if hidden.is_empty() {
            return self.index.search(collection, request).await;
        }
        let filter = Some(without(hidden, request.filter.clone()));
        self.index.search(collection, &SearchRequest { filter, ..request.clone() }).await
    }
}
