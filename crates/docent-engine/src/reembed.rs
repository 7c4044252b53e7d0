//! Another embedding model, or other chunks, for a collection that is there already.
//!
//! The collection is made anew beside itself from the text that it holds: nobody has to find the files again, and all the
//! while the old edition answers and takes documents in. When the new one holds the same documents it takes the place of the old one,
//! in one step, unless something has changed since they were compared; then what has changed is caught up first. The old
//! edition is kept. To go back is the same thing with the profile of that edition, most of which is there.
//!
//! There is no state beside the editions: a run that was interrupted has left documents in the new one, and the next run
//! goes on with those that are missing.
//!
//! What is absent: a change of the text. It was read once, by the parser of its time; whoever wants it read anew ingests.

use crate::Engine;
use crate::error::{Error, Result};
use crate::ingest::{BATCH_CHUNKS, unknown_collection};
use crate::ports::{Collection, IndexDocument, IndexProfile, NewEdition, StoredDocument};
use docent_core::chunking::{ChunkOrigin, chunk_pages};
use docent_core::{Chunk, Document};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How often what has changed meanwhile is caught up before a run gives up.
const ROUNDS_MAX: usize = 20;

/// What a run tells while it works.
#[derive(Clone, Debug)]
pub enum ReembedEvent {
    /// So many documents more will be made anew.
    Found {
        /// Their number.
        documents: usize,
    },
    /// A document is in the new edition.
    Done(Reembedded),
}

/// A document that is in the new edition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reembedded {
    /// Path to show.
    pub file: String,
    /// The document's id.
    pub document_id: String,
    /// Its chunks.
    pub chunks: u32,
}

/// What became of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReembedSummary {
    /// Its name.
    pub collection: String,
    /// False if it was made like that already.
    pub switched: bool,
    /// The model that had made it.
    pub model_before: String,
    /// The model that has made it now.
    pub model: String,
    /// Documents in it.
    pub documents: u64,
    /// Chunks in it.
    pub chunks: u64,
    /// Texts that were embedded; the vectors of the others were there.
    pub embedded: u64,
    /// Its generation.
    pub generation: String,
}

/// A collection that is being made anew.
struct Work<'a> {
    collection: &'a str,
    edition: Arc<dyn NewEdition>,
    /// How the new edition is made.
    profile: IndexProfile,
    /// True if the chunks of the old edition are not those of the new one.
    cuts: bool,
    embedded: u64,
    tell: &'a mut (dyn FnMut(ReembedEvent) + Send),
}

impl Engine {
    /// Makes a collection anew with the configured embedding model and chunking, and switches to it.
    ///
    /// # Errors
    /// `NotFound` for an unknown collection, `Invalid` where the index cannot do that, `Conflict` if somebody else is at it or
    /// documents change faster than they can be embedded, and those of the embedder. The old edition then answers as before.
    pub async fn reembed(
        &self,
        collection: &str,
        tell: &mut (dyn FnMut(ReembedEvent) + Send),
    ) -> Result<ReembedSummary> {
        let before = self.described(collection).await?;
        let wanted = self.profile();
        if before.profile == wanted {
            return Ok(summary(&before, before.clone(), 0));
        }
        self.make_anew(before, wanted, tell).await
    }

    /// Goes back to the edition that answered before. What has come since is caught up, if its model is the configured one.
    ///
    /// # Errors
    /// `NotFound` if none is kept, `Conflict` if documents have come since and another model is configured; else those
    /// of [`Self::reembed`].
    pub async fn reembed_back(
        &self,
        collection: &str,
        tell: &mut (dyn FnMut(ReembedEvent) + Send),
    ) -> Result<ReembedSummary> {
        let before = self.described(collection).await?;
        let nothing = || {
            Error::not_found(format!("no other edition of collection `{collection}` is kept"))
                .hint("configure the model that is wanted, then make it anew: docent reembed")
        };
        let previous = self.index.previous_edition(collection).await?.ok_or_else(nothing)?;
        self.make_anew(before, previous.profile, tell).await
    }

    async fn described(&self, collection: &str) -> Result<Collection> {
        self.index.collection(collection).await?.ok_or_else(|| unknown_collection(collection))
    }

    async fn make_anew(
        &self,
        before: Collection,
        profile: IndexProfile,
        tell: &mut (dyn FnMut(ReembedEvent) + Send),
    ) -> Result<ReembedSummary> {
        let collection = before.name.as_str();
        let edition = self.index.new_edition(collection, &profile).await?;
        let cuts = !before.profile.cuts_like(&profile);
        let mut work = Work { collection, edition, profile, cuts, embedded: 0, tell };
        for _ in 0..ROUNDS_MAX {
            // Asked for before the documents: a change in between is then noticed.
            let generation = self.described(collection).await?.generation;
            self.catch_up(&mut work).await?;
            if let Some(after) = work.edition.take_over(&generation).await? {
                return Ok(summary(&before, after, work.embedded));
            }
        }
        Err(Error::conflict(format!(
            "the documents of collection `{collection}` change faster than they can be embedded"
        ))
        .hint("run it again when fewer arrive; what was embedded is kept"))
    }

    /// Makes the new edition hold what the collection holds.
    async fn catch_up(&self, work: &mut Work<'_>) -> Result<()> {
        let wanted = self.all_documents(work.collection).await?;
        let (due, gone) = differences(wanted, work.edition.documents().await?);
        if !gone.is_empty() {
            work.edition.remove(&gone).await?;
        }
        if !due.is_empty() && work.profile != self.profile() {
            return Err(needs_its_model(work, due.len()));
        }
        (work.tell)(ReembedEvent::Found { documents: due.len() });
        for batch in batches(&due) {
            self.carry_over(batch, work).await?;
        }
        Ok(())
    }

    async fn carry_over(&self, batch: &[Document], work: &mut Work<'_>) -> Result<()> {
        let ids: Vec<String> = batch.iter().map(|document| document.id.clone()).collect();
        let mut stored = work.edition.stored(&ids).await?;
        if work.cuts {
            stored.iter_mut().for_each(|document| self.cut(document));
        }
        let chunks: Vec<&Chunk> = stored.iter().flat_map(|one| &one.chunks).collect();
        let (vectors, embedded) = self.embed_anew(&*work.edition, &chunks).await?;
        let mut vectors = vectors.into_iter();
        let with_vectors = |one: StoredDocument| IndexDocument {
            vectors: vectors.by_ref().take(one.chunks.len()).collect(),
            document: one.document,
            pages: one.pages,
            chunks: one.chunks,
            model: work.profile.embedding.name.clone(),
        };
        work.edition.store(stored.into_iter().map(with_vectors).collect()).await?;
        work.embedded += embedded;
        batch.iter().for_each(|document| (work.tell)(ReembedEvent::Done(reembedded(document))));
        Ok(())
    }

    /// Cuts a document's pages by the configured rules.
    fn cut(&self, stored: &mut StoredDocument) {
        let StoredDocument { document, pages, chunks } = stored;
        let origin = ChunkOrigin { document_id: &document.id, filename: &document.filename, title: &document.title };
        *chunks = chunk_pages(pages, &origin, &self.settings.chunking, &*self.tokenize);
        document.chunks = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        document.characters = pages.iter().map(|page| page.text.chars().count() as u64).sum();
    }
}

/// Documents that the new edition does not have in this version, and the ids of those that it has too many.
fn differences(wanted: Vec<Document>, held: Vec<Document>) -> (Vec<Document>, Vec<String>) {
    let ids: HashSet<&str> = wanted.iter().map(|document| document.id.as_str()).collect();
    let gone = held.iter().filter(|document| !ids.contains(document.id.as_str()));
    let gone = gone.map(|document| document.id.clone()).collect();
    let held: HashMap<String, Document> = held.into_iter().map(|document| (document.id.clone(), document)).collect();
    let is_held = |document: &Document| held.get(&document.id).is_some_and(|held| held.is_same_version(document));
    (wanted.into_iter().filter(|document| !is_held(document)).collect(), gone)
}

/// Runs of documents with as many chunks as are stored in one commit.
fn batches(documents: &[Document]) -> impl Iterator<Item = &[Document]> {
    let mut rest = documents;
    std::iter::from_fn(move || {
        let mut chunks = 0;
        let is_enough = |document: &Document| {
            chunks += document.chunks as usize;
            chunks >= BATCH_CHUNKS
        };
        let end = rest.iter().position(is_enough).map_or(rest.len(), |last| last + 1);
        let (batch, left) = rest.split_at(end);
        rest = left;
        (!batch.is_empty()).then_some(batch)
    })
}

fn reembedded(document: &Document) -> Reembedded {
    Reembedded { file: document.filename.clone(), document_id: document.id.clone(), chunks: document.chunks }
}

fn summary(before: &Collection, after: Collection, embedded: u64) -> ReembedSummary {
    ReembedSummary {
        switched: before.generation != after.generation,
        model_before: before.profile.embedding.name.clone(),
        collection: after.name,
        model: after.profile.embedding.name,
        documents: after.documents,
        chunks: after.chunks,
        embedded,
        generation: after.generation,
    }
}

fn needs_its_model(work: &Work<'_>, documents: usize) -> Error {
    let (collection, model) = (work.collection, &work.profile.embedding.name);
    Error::conflict(format!(
        "{documents} of the documents of collection `{collection}` have come or changed since, and that edition does not have them"
    ))
    .hint(format!(
        "configure its model ({model}) and its chunking, then run docent reembed --collection {collection}: it embeds those alone"
    ))
}
