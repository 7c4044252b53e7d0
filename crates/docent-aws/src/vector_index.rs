//! [`ChunkIndex`] in a vector bucket: each call reads what the collection is and goes on from there.

use crate::vector_bucket::Bucket;
use crate::vector_reading::{self, Held, collection_of, is_name};
use async_trait::async_trait;
use aws_sdk_s3vectors::Client;
use docent_core::{Document, Page};
use docent_engine::Result;
use docent_engine::embedding::TextKey;
use docent_engine::ports::{
    ChunkIndex, Collection, Deleted, IndexDocument, IndexProfile, SearchRequest, SearchResponse,
};
use std::collections::HashMap;
use std::time::Duration;

/// Where collections are, and how long is waited for it.
#[derive(Clone, Debug)]
pub struct VectorSettings {
    /// The vector bucket's name in full: `arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME`.
    pub bucket_arn: String,
    /// Its region.
    pub region: String,
    /// All the time that one call gets, attempts and pauses together.
    pub patience: Duration,
}

/// Collections in a vector bucket of Amazon S3 Vectors. Making it sends nothing.
#[derive(Debug)]
pub struct S3VectorsIndex {
    bucket: Bucket,
    /// Writers of this process take turns.
    writing: tokio::sync::Mutex<()>,
}

impl S3VectorsIndex {
    pub(crate) fn new(client: Client, settings: VectorSettings) -> Self {
        Self { bucket: Bucket::new(client, settings.bucket_arn), writing: tokio::sync::Mutex::default() }
    }

    async fn held(&self, name: &str) -> Result<Held<'_>> {
        Held::demand(&self.bucket, name).await
    }
}

#[async_trait]
impl ChunkIndex for S3VectorsIndex {
    async fn collections(&self) -> Result<Vec<Collection>> {
        let indexes = self.bucket.indexes().await?;
        let mut names: Vec<&str> = indexes.iter().filter_map(|index| collection_of(index)).collect();
        names.sort_unstable();
        let mut all = Vec::new();
        for name in names {
            all.extend(self.collection(name).await?);
        }
        Ok(all)
    }

    async fn collection(&self, name: &str) -> Result<Option<Collection>> {
        Ok(Held::find(&self.bucket, name).await?.map(|held| held.describe()))
    }

    async fn open_or_create(&self, name: &str, profile: &IndexProfile) -> Result<Collection> {
        let _turn = self.writing.lock().await;
        if Held::find(&self.bucket, name).await?.is_none() {
            Held::create(&self.bucket, name, profile).await?;
        }
        let mut held = self.held(name).await?;
        held.header.profile.accept(name, profile)?;
        held.sweep().await?;
        Ok(held.describe())
    }

    async fn delete_collection(&self, name: &str) -> Result<bool> {
        let _turn = self.writing.lock().await;
        if is_name(name) { Held::remove(&self.bucket, name).await } else { Ok(false) }
    }

    async fn upsert(&self, collection: &str, documents: Vec<IndexDocument>) -> Result<String> {
        let _turn = self.writing.lock().await;
        self.held(collection).await?.upsert(documents).await
    }

    async fn delete(&self, collection: &str, document_ids: &[String]) -> Result<Deleted> {
        let _turn = self.writing.lock().await;
        self.held(collection).await?.delete(document_ids).await
    }

    async fn documents(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        self.held(collection).await?.documents(after, limit).await
    }

    async fn document(&self, collection: &str, id: &str) -> Result<Option<Document>> {
        self.held(collection).await?.document(id).await
    }

    async fn pages(&self, collection: &str, document_id: &str, indices: &[u32]) -> Result<Vec<(u32, Page)>> {
        self.held(collection).await?.pages(document_id, indices).await
    }

    async fn vectors(
        &self,
        collection: &str,
        texts: &[TextKey],
        documents: &[String],
    ) -> Result<HashMap<TextKey, Vec<f32>>> {
        self.held(collection).await?.vectors(texts, documents).await
    }

    async fn search(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse> {
        vector_reading::search(&self.bucket, collection, request).await
    }
}
