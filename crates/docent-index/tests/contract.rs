//! The port's contract, by one handle and by two that know nothing of each other.

use async_trait::async_trait;
use docent_core::{Document, Page};
use docent_engine::Result;
use docent_engine::embedding::TextKey;
use docent_engine::ports::{
    ChunkIndex, Collection, Deleted, IndexDocument, IndexProfile, SearchRequest, SearchResponse,
};
use docent_index::{EmbeddedIndex, Settings};
use docent_testkit::chunk_index::contract;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn open(root: &Path) -> EmbeddedIndex {
    EmbeddedIndex::open(root.to_owned(), Settings::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract(Arc::new(open(folder.path()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_on_one_folder_keep_the_contract_together() {
    let folder = tempfile::tempdir().unwrap();
    let handles = [open(folder.path()), open(folder.path())];
    contract(Arc::new(Turns { handles, turn: AtomicUsize::new(0) })).await;
}

/// Sends each call to the other of two handles, as two processes would share a folder.
struct Turns {
    handles: [EmbeddedIndex; 2],
    turn: AtomicUsize,
}

impl Turns {
    fn next(&self) -> &EmbeddedIndex {
        &self.handles[self.turn.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

#[async_trait]
impl ChunkIndex for Turns {
    async fn collections(&self) -> Result<Vec<Collection>> {
        self.next().collections().await
    }
    async fn collection(&self, name: &str) -> Result<Option<Collection>> {
        self.next().collection(name).await
    }
    async fn open_or_create(&self, name: &str, profile: &IndexProfile) -> Result<Collection> {
        self.next().open_or_create(name, profile).await
    }
    async fn delete_collection(&self, name: &str) -> Result<bool> {
        self.next().delete_collection(name).await
    }
    async fn upsert(&self, collection: &str, documents: Vec<IndexDocument>) -> Result<String> {
        self.next().upsert(collection, documents).await
    }
    async fn delete(&self, collection: &str, document_ids: &[String]) -> Result<Deleted> {
        self.next().delete(collection, document_ids).await
    }
    async fn documents(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        self.next().documents(collection, after, limit).await
    }
    async fn document(&self, collection: &str, id: &str) -> Result<Option<Document>> {
        self.next().document(collection, id).await
    }
    async fn pages(&self, collection: &str, document_id: &str, indices: &[u32]) -> Result<Vec<(u32, Page)>> {
        self.next().pages(collection, document_id, indices).await
    }
    async fn vectors(
        &self,
        collection: &str,
        texts: &[TextKey],
        documents: &[String],
    ) -> Result<HashMap<TextKey, Vec<f32>>> {
        self.next().vectors(collection, texts, documents).await
    }
    async fn search(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse> {
        self.next().search(collection, request).await
    }
}
