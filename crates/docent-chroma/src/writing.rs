//! What changes a collection of ours, in an order in which a crash at any point leaves the old or the new.
//!
//! | step of a store | a crash after it leaves |
//! | --- | --- |
//! | pages and chunks under new revisions | the old documents; what was written does not count |
//! | all records and the generation, in one request: the commit | the new documents; the old chunks do not count |
//! | removal of what was replaced | nothing to do |
//!
//! Whoever is interrupted between the last two leaves records that say so (`unswept`), and the next ingest finishes.
//! A removal marks the records first, in one request, which is its commit; the text goes after it.
//!
//! Writers of one process take turns. Those of several do not know of each other, and need not: a revision belongs to
//! one writer, the last commit of a document wins, and both kinds of change look once more whether they were disturbed.

use crate::client::Client;
use crate::place::Ours;
use crate::records::{
    DELETED, Stored, chunk_records, document_id, document_key, is_stored, page_records, state, swept, tombstone,
};
use crate::wire::{Include, Record, Selection, UpsertBody};
use docent_engine::Result;
use docent_engine::ports::{Deleted, IndexDocument, TextInFiles};
use docent_engine::vectors::{self, ATTEMPTS, disturbed, next_generation, revision};
use serde_json::json;
use std::collections::BTreeMap;

/// Records in a commit, which is one request; servers take 5,461 and more.
const COMMIT_RECORDS: usize = 4_096;

/// A document on its way in.
struct Arriving {
    document: IndexDocument,
    revision: String,
    replaced: Option<String>,
}

impl Ours {
    /// Stores documents, each instead of the one with its id.
    pub(crate) async fn upsert(&self, client: &Client, documents: Vec<IndexDocument>) -> Result<String> {
        let documents = vectors::arriving(&self.name, &self.profile.embedding, documents)?;
        let before = self.generation(client).await?;
        if documents.is_empty() {
            return Ok(before);
        }
        let arriving = self.arriving(client, documents).await?;
        let generation = next_generation(&before, arriving.iter().map(|one| one.revision.as_str()));
        for _ in 0..ATTEMPTS {
            self.write(client, &arriving).await?;
            self.commit(client, &arriving, &generation).await?;
            if self.is_whole(client, &arriving).await? {
                let swept = arriving.iter().filter_map(Arriving::replaced);
                let (documents, revisions): (Vec<_>, Vec<_>) = swept.unzip();
                self.sweep_replaced(client, &documents, &revisions).await?;
                return Ok(generation);
            }
        }
        Err(disturbed(&self.name))
    }

    async fn arriving(&self, client: &Client, documents: BTreeMap<String, IndexDocument>) -> Result<Vec<Arriving>> {
        let stored = self.stored(client, documents.keys().map(String::as_str)).await?;
        let mut before: BTreeMap<&str, Stored> = BTreeMap::new();
        for record in &stored {
            before.insert(document_id(record), Stored::read(record)?);
        }
        let arriving = |(id, document): (String, IndexDocument)| {
            let replaced = before.get(id.as_str()).map(|stored| stored.revision.clone());
            let revision = revision(&document, replaced.as_deref())?;
            Ok(Arriving { document, revision, replaced })
        };
        documents.into_iter().map(arriving).collect()
    }

    async fn write(&self, client: &Client, arriving: &[Arriving]) -> Result<()> {
        let (mut pages, mut chunks) = (Vec::new(), Vec::new());
        for one in arriving {
            pages.extend(page_records(&one.document, &one.revision)?);
            chunks.extend(chunk_records(&one.document, &one.revision));
        }
        client.upsert(&self.pages, pages).await?;
        client.upsert(&self.chunks, chunks).await
    }

    async fn commit(&self, client: &Client, arriving: &[Arriving], generation: &str) -> Result<()> {
        for part in arriving.chunks(COMMIT_RECORDS) {
            let mut body = UpsertBody::default();
            for one in part {
                body.push(one.stored().write()?);
            }
            body.push(state(generation));
            client.upsert_at_once(&self.documents, &body).await?;
        }
        Ok(())
    }

    /// Whether all that was written is still there: another process may have removed the same documents meanwhile.
    async fn is_whole(&self, client: &Client, arriving: &[Arriving]) -> Result<bool> {
        let revisions: Vec<&str> = arriving.iter().map(|one| one.revision.as_str()).collect();
        let these = Selection::those(json!({"revision": {"$in": revisions}}));
        let (pages, chunks) =
            tokio::try_join!(client.get(&self.pages, &these, &[]), client.get(&self.chunks, &these, &[]))?;
        let count = |of: fn(&IndexDocument) -> usize| arriving.iter().map(|one| of(&one.document)).sum::<usize>();
        Ok(pages.len() == count(|one| one.pages.len()) && chunks.len() == count(|one| one.chunks.len()))
    }

    /// Removes the chunks and pages of revisions that no record names any more, then says so in the documents' records:
    /// by their flag alone, since somebody else may have stored them anew.
    async fn sweep_replaced(&self, client: &Client, documents: &[&str], revisions: &[&str]) -> Result<()> {
        if revisions.is_empty() {
            return Ok(());
        }
        self.erase(client, &Selection::those(json!({"revision": {"$in": revisions}}))).await?;
        client.update(&self.documents, documents.iter().copied().map(document_key).collect(), &swept()).await
    }

    async fn erase(&self, client: &Client, selection: &Selection) -> Result<()> {
        tokio::try_join!(client.delete(&self.chunks, selection), client.delete(&self.pages, selection))?;
        Ok(())
    }

    /// Removes documents. What comes back while it works is removed again: a removal wins over a store that overlaps it.
    pub(crate) async fn delete(&self, client: &Client, ids: &[String]) -> Result<Deleted> {
        let before = self.generation(client).await?;
        let mut found = self.stored(client, ids.iter().map(String::as_str)).await?;
        let mut gone: BTreeMap<String, u64> = BTreeMap::new();
        for record in &found {
            let document = Stored::read(record)?.document;
            gone.insert(document.id, u64::from(document.chunks));
        }
        if gone.is_empty() {
            return Ok(Deleted::nothing(before, TextInFiles::Unknown));
        }
        let generation = next_generation(&before, gone.keys().map(String::as_str).chain(["deleted"]));
        for _ in 0..ATTEMPTS {
            self.mark_deleted(client, &found, &generation).await?;
            self.remove_marked(client, &found).await?;
            found = self.stored(client, gone.keys().map(String::as_str)).await?;
            if found.is_empty() {
                return Ok(Deleted {
                    chunks: gone.values().sum(),
                    documents: gone.into_keys().collect(),
                    generation,
                    removed_from: before,
                    rewritten: Vec::new(),
                    text_in_files: TextInFiles::Unknown,
                });
            }
        }
        Err(disturbed(&self.name))
    }

    async fn mark_deleted(&self, client: &Client, records: &[Record], generation: &str) -> Result<()> {
        for part in records.chunks(COMMIT_RECORDS) {
            let mut body = UpsertBody::default();
            part.iter().for_each(|record| body.push(tombstone(document_id(record))));
            body.push(state(generation));
            client.upsert_at_once(&self.documents, &body).await?;
        }
        Ok(())
    }

    /// Removes the text of documents whose records are marked, then those of the records that still are.
    async fn remove_marked(&self, client: &Client, records: &[Record]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = records.iter().map(document_id).collect();
        self.erase(client, &Selection::those(json!({"document_id": {"$in": ids}}))).await?;
        let marked = Selection {
            ids: Some(records.iter().map(|record| record.id.clone()).collect()),
            condition: Some(json!({"state": DELETED})),
        };
        client.delete(&self.documents, &marked).await
    }

    /// Finishes what a process that died has begun.
    pub(crate) async fn sweep(&self, client: &Client) -> Result<()> {
        let unswept = Selection::those(json!({"unswept": 1}));
        let found = client.get(&self.documents, &unswept, &[Include::Documents, Include::Metadatas]).await?;
        let (stored, marked): (Vec<Record>, Vec<Record>) = found.into_iter().partition(is_stored);
        self.remove_marked(client, &marked).await?;
        let replaced = |record| Some((document_id(record), record.word("replaced").filter(|word| !word.is_empty())?));
        let (documents, revisions): (Vec<_>, Vec<_>) = stored.iter().filter_map(replaced).unzip();
        self.sweep_replaced(client, &documents, &revisions).await
    }
}

impl Arriving {
    fn stored(&self) -> Stored {
        let (revision, replaced) = (self.revision.clone(), self.replaced.clone());
        Stored { document: self.document.document.clone(), revision, replaced }
    }

    /// Id of the document and the revision of it that has to go.
    fn replaced(&self) -> Option<(&str, &str)> {
        Some((&self.document.document.id, self.replaced.as_deref()?))
    }
}
