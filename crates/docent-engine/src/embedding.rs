//! Chunks to vectors, each text once.
//!
//! A vector depends on nothing but the text and the model. So before a text is embedded, the collections of the same model
//! are asked whether they hold a vector of it: a changed document embeds what changed in it, one that was moved or goes into
//! another collection, too, nothing. What remembers is the index itself ([`ChunkIndex::vectors`]), so a vector lives exactly
//! as long as the chunk it was made for, and a delete has one place to delete from.
//!
//! What is absent: a store of vectors beside the index. A document that was deleted is embedded again when it comes back.
//!
//! [`ChunkIndex::vectors`]: crate::ports::ChunkIndex::vectors

use crate::Engine;
use crate::error::{Error, Result};
use crate::ingest::Prepared;
use crate::ports::NewEdition;
use docent_core::Chunk;
use std::collections::{HashMap, HashSet};

/// Texts that are embedded in one call.
const EMBED_TEXTS: usize = 256;

/// Stands for exactly the text that is embedded of a chunk.
pub type TextKey = [u8; 16];

/// The key of a chunk's text with the title and headings it stands under: the first half of a BLAKE3 hash.
pub fn key_of(chunk: &Chunk) -> TextKey {
    let hash = blake3::hash(chunk.embedding_text().as_bytes());
    let (key, _) = hash.as_bytes().split_at(size_of::<TextKey>());
    key.try_into().unwrap_or_default()
}

fn distinct(keys: &[TextKey]) -> Vec<TextKey> {
    keys.iter().copied().collect::<HashSet<_>>().into_iter().collect()
}

/// Where vectors of the same texts are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// In the collection that the documents go to. How long an upload takes must not tell its sender what others hold.
    Own,
    /// In all collections.
    All,
}

impl Engine {
    /// One vector per chunk, in their order.
    pub(crate) async fn embed_chunks(
        &self,
        collection: &str,
        reach: Reach,
        prepared: &[Prepared],
    ) -> Result<Vec<Vec<f32>>> {
        let chunks: Vec<&Chunk> = prepared.iter().flat_map(|one| &one.chunks).collect();
        let ids: Vec<String> = prepared.iter().map(|one| one.document.id.clone()).collect();
        let keys: Vec<TextKey> = chunks.iter().map(|chunk| key_of(chunk)).collect();
        let wanted = distinct(&keys);
        let mut known = self.recall(collection, &wanted, &ids).await;
        if reach == Reach::All {
            self.recall_from_others(collection, wanted, &ids, &mut known).await;
        }
        Ok(self.embed_the_rest(&chunks, &keys, known).await?.0)
    }

    /// The same for a collection that is made anew, and how many texts had to be embedded for it.
    pub(crate) async fn embed_anew(&self, edition: &dyn NewEdition, chunks: &[&Chunk]) -> Result<(Vec<Vec<f32>>, u64)> {
        let keys: Vec<TextKey> = chunks.iter().map(|chunk| key_of(chunk)).collect();
        let wanted = distinct(&keys);
        let mut known = edition.vectors(&wanted).await?;
        // The collection itself among them, if the same model has made it and only chunks are cut otherwise.
        self.recall_from_others("", wanted, &[], &mut known).await;
        self.embed_the_rest(chunks, &keys, known).await
    }

    /// One vector per chunk, and how many texts were embedded as their vector was not known.
    async fn embed_the_rest(
        &self,
        chunks: &[&Chunk],
        keys: &[TextKey],
        mut vectors: HashMap<TextKey, Vec<f32>>,
    ) -> Result<(Vec<Vec<f32>>, u64)> {
        let mut seen = HashSet::new();
        let is_new = |(key, _): &(&TextKey, _)| !vectors.contains_key(*key) && seen.insert(**key);
        let new: Vec<_> = keys.iter().zip(chunks).filter(is_new).collect();
        for part in new.chunks(EMBED_TEXTS) {
            let texts: Vec<String> = part.iter().map(|(_, chunk)| chunk.embedding_text()).collect();
            let embedded = self.embedder.embed(&texts).await?;
            vectors.extend(part.iter().map(|(key, _)| **key).zip(embedded));
        }
        let lost = || Error::internal("the embedding model returned fewer vectors than it got texts");
        let vector = |key: &TextKey| vectors.get(key).cloned().ok_or_else(lost);
        Ok((keys.iter().map(vector).collect::<Result<_>>()?, new.len() as u64))
    }

    /// Adds vectors that other collections hold for the texts that are left. What cannot be asked is logged and remembers nothing.
    async fn recall_from_others(
        &self,
        collection: &str,
        mut left: Vec<TextKey>,
        documents: &[String],
        known: &mut HashMap<TextKey, Vec<f32>>,
    ) {
        left.retain(|key| !known.contains_key(key));
        if left.is_empty() {
            return;
        }
        for other in self.others(collection).await {
            known.extend(self.recall(&other, &left, documents).await);
            left.retain(|key| !known.contains_key(key));
        }
    }

    async fn recall(&self, collection: &str, keys: &[TextKey], documents: &[String]) -> HashMap<TextKey, Vec<f32>> {
        if keys.is_empty() {
            return HashMap::new();
        }
        let mut found = self.index.vectors(collection, keys, documents).await.unwrap_or_else(|error| {
            tracing::warn!(collection, %error, "vectors that are stored could not be read; the texts are embedded again");
            HashMap::new()
        });
        let dimension = self.embedder.model().dimension;
        found.retain(|_, vector| vector.len() == dimension);
        found
    }

    /// Other collections whose vectors the same model made.
    async fn others(&self, collection: &str) -> Vec<String> {
        let all = self.index.collections().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "collections could not be listed; no vectors are taken from them");
            Vec::new()
        });
        let model = self.embedder.model();
        let others = all.into_iter().filter(|other| other.name != collection && other.profile.embedding == *model);
        others.map(|other| other.name).collect()
    }
}
