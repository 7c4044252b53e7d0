//! [`ChunkIndex`] on a server: each call finds the collection's place and goes on from there.

use crate::client::Client;
use crate::place::{Foreign, Ours, Place, read_only};
use crate::settings::Settings;
use async_trait::async_trait;
use docent_core::{Document, Page};
use docent_engine::Result;
use docent_engine::embedding::TextKey;
use docent_engine::ports::{
    ChunkIndex, Collection, Deleted, Embedder, IndexDocument, IndexProfile, SearchRequest, SearchResponse,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Collections on a Chroma server. Making it sends nothing; calls must be made inside a tokio runtime.
pub struct ChromaIndex {
    client: Client,
    embedder: Option<Arc<dyn Embedder>>,
    /// Writers of this process take turns.
    writing: tokio::sync::Mutex<()>,
    known: Mutex<HashMap<String, Known>>,
}

/// What was found out about a collection of somebody else's, by its id.
#[derive(Clone, Copy, Default)]
struct Known {
    /// Records when its documents were counted, and how many those were.
    counted: Option<(u64, u64)>,
    /// The embedder was compared with its vectors.
    model_checked: bool,
}

impl ChromaIndex {
    /// An index on the server of these settings. With the `embedder` that questions will come from, collections that do
    /// not say what made their vectors can be searched.
    ///
    /// # Errors
    /// `Invalid` for an address, a token, a proxy or certificates that cannot be right.
    pub fn new(settings: Settings, embedder: Option<Arc<dyn Embedder>>) -> Result<Self> {
        Ok(Self {
            client: Client::new(settings)?,
            embedder,
            writing: tokio::sync::Mutex::default(),
            known: Mutex::default(),
        })
    }

    async fn describe(&self, place: &Place) -> Result<Collection> {
        match place {
            Place::Ours(ours) => ours.describe(&self.client).await,
            Place::Foreign(foreign) => self.describe_foreign(foreign).await,
        }
    }

    /// Counting documents means reading all records, so it is done again only when their number has changed.
    async fn describe_foreign(&self, foreign: &Foreign) -> Result<Collection> {
        let chunks = self.client.count(&foreign.id).await?;
        let counted = self.known(&foreign.id).counted.filter(|(records, _)| *records == chunks);
        let documents = match counted {
            Some((_, documents)) => documents,
            None => foreign.count_documents(&self.client).await?,
        };
        self.note(&foreign.id, |known| known.counted = Some((chunks, documents)));
        Ok(foreign.describe(chunks, documents, self.embedder.as_deref()))
    }

    async fn search_foreign(&self, foreign: &Foreign, request: &SearchRequest) -> Result<SearchResponse> {
        if let Some(embedder) = self.embedder.as_deref().filter(|_| !self.known(&foreign.id).model_checked) {
            foreign.check_model(&self.client, embedder).await?;
            self.note(&foreign.id, |known| known.model_checked = true);
        }
        foreign.search(&self.client, request).await
    }

    fn known(&self, id: &str) -> Known {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).copied().unwrap_or_default()
    }

    fn note(&self, id: &str, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(known.entry(id.to_owned()).or_default());
    }

    async fn ours(&self, name: &str) -> Result<Ours> {
        match Place::demand(&self.client, name).await? {
            Place::Ours(ours) => Ok(ours),
            Place::Foreign(_) => Err(read_only(name)),
        }
    }
}

#[async_trait]
impl ChunkIndex for ChromaIndex {
    async fn collections(&self) -> Result<Vec<Collection>> {
        let mut all = Vec::new();
        for place in Place::all(&self.client).await? {
            all.push(self.describe(&place).await?);
        }
        Ok(all)
    }

    async fn collection(&self, name: &str) -> Result<Option<Collection>> {
        match Place::find(&self.client, name).await? {
            Some(place) => self.describe(&place).await.map(Some),
            None => Ok(None),
        }
    }

    async fn open_or_create(&self, name: &str, profile: &IndexProfile) -> Result<Collection> {
        let _turn = self.writing.lock().await;
        if Place::find(&self.client, name).await?.is_none() {
            Ours::create(&self.client, name, profile).await?;
        }
        let ours = self.ours(name).await?;
        ours.profile.accept(name, profile)?;
        ours.sweep(&self.client).await?;
        ours.describe(&self.client).await
    }

    async fn delete_collection(&self, name: &str) -> Result<bool> {
        let _turn = self.writing.lock().await;
        match Place::find(&self.client, name).await? {
            Some(Place::Ours(_)) => Ours::remove(&self.client, name).await,
            Some(Place::Foreign(_)) => Err(read_only(name)),
            None => Ok(false),
        }
    }

    async fn upsert(&self, collection: &str, documents: Vec<IndexDocument>) -> Result<String> {
        let _turn = self.writing.lock().await;
        self.ours(collection).await?.upsert(&self.client, documents).await
    }

    async fn delete(&self, collection: &str, document_ids: &[String]) -> Result<Deleted> {
        let _turn = self.writing.lock().await;
        self.ours(collection).await?.delete(&self.client, document_ids).await
    }

    async fn documents(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        match Place::demand(&self.client, collection).await? {
            Place::Ours(ours) => ours.documents(&self.client, after, limit).await,
            Place::Foreign(foreign) => foreign.documents(&self.client, after, limit).await,
        }
    }

    async fn document(&self, collection: &str, id: &str) -> Result<Option<Document>> {
        match Place::demand(&self.client, collection).await? {
            Place::Ours(ours) => Ok(ours.document(&self.client, id).await?.map(|stored| stored.document)),
            Place::Foreign(foreign) => foreign.document(&self.client, id).await,
        }
    }

    async fn pages(&self, collection: &str, document_id: &str, indices: &[u32]) -> Result<Vec<(u32, Page)>> {
        match Place::demand(&self.client, collection).await? {
            Place::Ours(ours) => ours.pages(&self.client, document_id, indices).await,
            Place::Foreign(foreign) => foreign.pages(&self.client, document_id, indices).await,
        }
    }

    async fn vectors(
        &self,
        collection: &str,
        texts: &[TextKey],
        _documents: &[String],
    ) -> Result<HashMap<TextKey, Vec<f32>>> {
        match Place::demand(&self.client, collection).await? {
            Place::Ours(ours) => ours.vectors(&self.client, texts).await,
            Place::Foreign(_) => Ok(HashMap::new()),
        }
    }

    async fn search(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse> {
        match Place::demand(&self.client, collection).await? {
            Place::Ours(ours) => ours.search(&self.client, request).await,
            Place::Foreign(foreign) => self.search_foreign(&foreign, request).await,
        }
    }
}
