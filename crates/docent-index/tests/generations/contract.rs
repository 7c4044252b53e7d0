//! The port's contract: what is written in a folder and published is read as if it had been written in its place.

use crate::site::{Site, Time, publication};
use async_trait::async_trait;
use docent_core::{Document, Page};
use docent_engine::Result;
use docent_engine::embedding::TextKey;
use docent_engine::ports::{
    ChunkIndex, Collection, Deleted, IndexDocument, IndexProfile, SearchRequest, SearchResponse,
};
use docent_index::EmbeddedIndex;
use docent_index::remote::{Generations, PublishedIndex, ReaderSettings};
use docent_testkit::chunk_index::contract;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Writes to a folder, publishes each change, reads what was published.
struct Mirrored {
    local: EmbeddedIndex,
    generations: Generations,
    reader: PublishedIndex,
    objects: PathBuf,
}

impl Mirrored {
    async fn published<T>(&self, collection: &str, changed: T) -> Result<T> {
        self.generations.publish(&self.local, collection, &publication()).await?;
        Ok(changed)
    }
}

#[async_trait]
impl ChunkIndex for Mirrored {
    async fn collections(&self) -> Result<Vec<Collection>> {
        self.reader.collections().await
    }
    async fn collection(&self, name: &str) -> Result<Option<Collection>> {
        self.reader.collection(name).await
    }
    async fn open_or_create(&self, name: &str, profile: &IndexProfile) -> Result<Collection> {
        let opened = self.local.open_or_create(name, profile).await?;
        self.published(name, opened).await
    }
    async fn delete_collection(&self, name: &str) -> Result<bool> {
        let was_there = self.local.delete_collection(name).await?;
        if was_there {
            std::fs::remove_dir_all(self.objects.join(name)).expect("removed");
        }
        Ok(was_there)
    }
    async fn upsert(&self, collection: &str, documents: Vec<IndexDocument>) -> Result<String> {
        let stored = self.local.upsert(collection, documents).await?;
        self.published(collection, stored).await
    }
    async fn delete(&self, collection: &str, document_ids: &[String]) -> Result<Deleted> {
        let deleted = self.local.delete(collection, document_ids).await?;
        self.published(collection, deleted).await
    }
    async fn documents(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        self.reader.documents(collection, after, limit).await
    }
    async fn document(&self, collection: &str, id: &str) -> Result<Option<Document>> {
        self.reader.document(collection, id).await
    }
    async fn pages(&self, collection: &str, document_id: &str, indices: &[u32]) -> Result<Vec<(u32, Page)>> {
        self.reader.pages(collection, document_id, indices).await
    }
    async fn vectors(
        &self,
        collection: &str,
        texts: &[TextKey],
        documents: &[String],
    ) -> Result<HashMap<TextKey, Vec<f32>>> {
        self.local.vectors(collection, texts, documents).await
    }
    async fn search(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse> {
        self.reader.search(collection, request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_published_index_keeps_the_contract() {
    let site = Site::folder();
    // Every question looks, and waits for what it finds.
    let times = ReaderSettings {
        look_every: Duration::ZERO,
        stale_after: Duration::ZERO,
        ..ReaderSettings::new(site.path("reader"))
    };
    let reader = PublishedIndex::open(site.store(), times, Time::default().clock());
    let (local, objects) = (site.index("local"), site.objects());
    let other = site.index_with("other", &[]).await;
    site.publish(&other).await;
    contract(Arc::new(Mirrored { local, generations: site.generations(), reader, objects })).await;
}
