//! A store of vectors that knows no words, and an index of the words beside it.
//!
//! Some stores rank by vectors alone. [`Beside`] keeps the same documents in a second index that ranks by words too, and
//! fuses what both find. The store of vectors is the truth: what a collection is, what it holds, what a page says, is
//! asked there. The index of words is written first and believed last: of what it finds, only those chunks count whose
//! document the store has with the same content, so an interrupted change shows nothing that is not there.
//!
//! A collection that is in the store alone (another program or another machine filled it) is ranked by vectors, and the
//! response says so.

use crate::embedding::TextKey;
use crate::error::{ErrorKind, Result};
use crate::ports::{ChunkIndex, Collection, Deleted, IndexDocument, IndexProfile, SearchRequest, SearchResponse};
use async_trait::async_trait;
use docent_core::fusion::{Candidate, convex};
use docent_core::{Document, Hit, Page, SearchMode};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// How deep each ranking goes before they are fused, at least.
const DEPTH: usize = 50;

/// Two indexes of the same documents.
pub struct Beside {
    vectors: Arc<dyn ChunkIndex>,
    words: Arc<dyn ChunkIndex>,
}

impl Beside {
    /// `vectors` is the truth, `words` ranks by words as well.
    pub fn new(vectors: Arc<dyn ChunkIndex>, words: Arc<dyn ChunkIndex>) -> Self {
        Self { vectors, words }
    }

    /// What the index of words finds, best first; none where there are no words.
    async fn matching(&self, collection: &str, request: &SearchRequest) -> Result<Option<Vec<Hit>>> {
        match self.words.search(collection, request).await {
            Ok(found) => Ok(Some(found.hits)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first `limit` of these that the store vouches for: by having found them itself, or by having their document
    /// with the content that the index of words has.
    async fn believed(
        &self,
        collection: &str,
        ranked: Vec<Hit>,
        near: &BTreeSet<String>,
        limit: usize,
    ) -> Result<Vec<Hit>> {
        let (mut believed, mut agrees) = (Vec::new(), BTreeMap::new());
        for hit in ranked {
            if believed.len() == limit {
                break;
            }
            let id = &hit.chunk.document_id;
            if !near.contains(&hit.chunk.id) && !agrees.contains_key(id) {
                agrees.insert(id.clone(), self.agree(collection, id).await?);
            }
            if near.contains(&hit.chunk.id) || agrees[id] {
                believed.push(hit);
            }
        }
        Ok(believed)
    }

    async fn agree(&self, collection: &str, id: &str) -> Result<bool> {
        let (truth, beside) =
            futures::future::try_join(self.vectors.document(collection, id), self.words.document(collection, id))
                .await?;
        Ok(truth.zip(beside).is_some_and(|(truth, beside)| truth.content_hash == beside.content_hash))
    }

    async fn by_words(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse> {
        let Some(matching) = self.matching(collection, &deep(request, SearchMode::Bm25)).await? else {
            // The store says best itself that it cannot, or that there is no such collection.
            return self.vectors.search(collection, request).await;
        };
        let hits = self.believed(collection, matching, &BTreeSet::new(), request.limit).await?;
        let generation = self.generation(collection).await?;
        Ok(SearchResponse { hits, generation, mode: SearchMode::Bm25 })
    }

    async fn by_both(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse> {
        let mut near = self.vectors.search(collection, &deep(request, SearchMode::Dense)).await?;
        let Some(matching) = self.matching(collection, &deep(request, SearchMode::Hybrid)).await? else {
            near.hits.truncate(request.limit);
            return Ok(near);
        };
        let vouched = near.hits.iter().map(|hit| hit.chunk.id.clone()).collect();
        let hits = self.believed(collection, fused(near.hits, matching), &vouched, request.limit).await?;
        Ok(SearchResponse { hits, generation: near.generation, mode: SearchMode::Hybrid })
    }

    async fn generation(&self, collection: &str) -> Result<String> {
        let found = self.vectors.collection(collection).await?;
        found.map(|found| found.generation).ok_or_else(|| crate::ingest::unknown_collection(collection))
    }
}

/// The same question with more hits, so that what one ranking has far down can still win, or make up for what is dropped.
fn deep(request: &SearchRequest, mode: SearchMode) -> SearchRequest {
    let limit = if request.limit == 0 { 0 } else { request.limit.max(DEPTH) };
    SearchRequest { mode, limit, ..request.clone() }
}

/// One ranking of what either found. The index of words knows both scores of all that it finds; what only the store
/// found matches no word, or too few. A chunk that both found is the store's.
fn fused(near: Vec<Hit>, matching: Vec<Hit>) -> Vec<Hit> {
    let mut all: BTreeMap<String, Hit> = BTreeMap::new();
    for hit in matching.into_iter().chain(near) {
        // Words of another version of the chunk say nothing about this one.
        let known = all.get(&hit.chunk.id).filter(|known| known.chunk.text == hit.chunk.text);
        let bm25 = known.and_then(|known| known.bm25).or(hit.bm25);
        all.insert(hit.chunk.id.clone(), Hit { bm25, ..hit });
    }
    let candidate = |hit: Hit| Candidate { bm25: hit.bm25.unwrap_or(0.0), dense: hit.dense.unwrap_or(-1.0), item: hit };
    let ranked = convex(all.into_values().map(candidate).collect());
    ranked.into_iter().map(|(candidate, score)| Hit { score, ..candidate.item }).collect()
}

#[async_trait]
impl ChunkIndex for Beside {
    async fn collections(&self) -> Result<Vec<Collection>> {
        self.vectors.collections().await
    }

    async fn collection(&self, name: &str) -> Result<Option<Collection>> {
        self.vectors.collection(name).await
    }

    async fn open_or_create(&self, name: &str, profile: &IndexProfile) -> Result<Collection> {
        let opened = self.vectors.open_or_create(name, profile).await?;
        self.words.open_or_create(name, profile).await?;
        Ok(opened)
    }

    async fn delete_collection(&self, name: &str) -> Result<bool> {
        self.words.delete_collection(name).await?;
        self.vectors.delete_collection(name).await
    }

    async fn upsert(&self, collection: &str, documents: Vec<IndexDocument>) -> Result<String> {
        // Also a collection that only the store had: from now on it has words.
        let Some(found) = self.vectors.collection(collection).await? else {
            return self.vectors.upsert(collection, documents).await;
        };
        self.words.open_or_create(collection, &found.profile).await?;
        self.words.upsert(collection, documents.clone()).await?;
        self.vectors.upsert(collection, documents).await
    }

    async fn delete(&self, collection: &str, document_ids: &[String]) -> Result<Deleted> {
        let words = match self.words.delete(collection, document_ids).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            words => words?.rewritten,
        };
        let mut deleted = self.vectors.delete(collection, document_ids).await?;
        deleted.rewritten.extend(words);
        Ok(deleted)
    }

    async fn documents(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        self.vectors.documents(collection, after, limit).await
    }

    async fn document(&self, collection: &str, id: &str) -> Result<Option<Document>> {
        self.vectors.document(collection, id).await
    }

    async fn pages(&self, collection: &str, document_id: &str, indices: &[u32]) -> Result<Vec<(u32, Page)>> {
        self.vectors.pages(collection, document_id, indices).await
    }

    async fn vectors(
        &self,
        collection: &str,
        texts: &[TextKey],
        documents: &[String],
    ) -> Result<HashMap<TextKey, Vec<f32>>> {
        self.vectors.vectors(collection, texts, documents).await
    }

    async fn search(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse> {
        match request.mode {
            SearchMode::Bm25 => self.by_words(collection, request).await,
            SearchMode::Dense => self.vectors.search(collection, request).await,
            SearchMode::Hybrid => self.by_both(collection, request).await,
        }
    }
}
