//! What changes a collection in a vector bucket, in an order in which a crash at any point leaves the old or the new.
//!
//! | step of a store | a crash after it leaves |
//! | --- | --- |
//! | a mark for each new revision, and each that it replaces | the old documents |
//! | texts and chunks under the new revisions | the old documents; what was written does not count |
//! | the documents' records and the header, in one request: the commit | the new documents; the old chunks do not count |
//! | removal of what was replaced, then of the marks | nothing to do |
//!
//! Nothing can be found by what it carries, so whatever may have to be removed has a mark: text whose revision has neither mark nor
//! record does not exist. The next ingest removes what the marks of a killed one name ([`Held::sweep`]). A removal marks
//! the revisions, removes the records (its commit), and then the text.
//!
//! Writers of one process take turns. Those of several do not know of each other: the last commit of a document wins,
//! and a store looks once more whether it was disturbed.

use crate::vector_bucket::{Bucket, Record, WRITTEN_MAX, batches};
use crate::vector_reading::{Held, Stored, documents_of, is_name, pages_of};
use crate::vector_records::{Entry, FORMAT, Filled, HEADER, Header, Mark, Revision, entry_key, filled, filtered};
use docent_engine::ports::{Deleted, IndexDocument, IndexProfile, TextInFiles};
use docent_engine::vectors::{ATTEMPTS, FIRST_GENERATION, arriving, disturbed, next_generation, revision};
use docent_engine::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// Dimension of the indexes that are never searched.
const UNSEARCHED: usize = 1;

impl Held<'_> {
    /// Makes the collection. It exists when its header does; what a collection of this name left behind is removed before.
    pub(crate) async fn create(bucket: &Bucket, name: &str, profile: &IndexProfile) -> Result<()> {
        check_name(name)?;
        let indexes = bucket.indexes().await?;
        if indexes.iter().any(|index| index == name) && !indexes.contains(&documents_of(name)) {
            return Err(foreign(name));
        }
        for index in [name.to_owned(), pages_of(name), documents_of(name)] {
            if indexes.contains(&index) {
                bucket.remove(&index).await?;
            }
        }
        bucket.create(&documents_of(name), UNSEARCHED).await?;
        bucket.create(&pages_of(name), UNSEARCHED).await?;
        bucket.create(name, profile.embedding.dimension).await?;
        let (profile, generation) = (profile.clone(), FIRST_GENERATION.to_owned());
        let header = Header { format: FORMAT, profile, generation, documents: 0, chunks: 0 };
        bucket.put(&documents_of(name), &[header.record()?]).await
    }

    /// Removes the collection: for everybody with the first request, the rest after it. Of a name that has no index of documents
    /// nothing is ours.
    pub(crate) async fn remove(bucket: &Bucket, name: &str) -> Result<bool> {
        let header = [HEADER.to_owned()];
        let found = match bucket.get(&documents_of(name), &header, false).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return bucket.indexes().await.map(|_| false),
            found => found?,
        };
        if !found.is_empty() {
            bucket.delete(&documents_of(name), &header).await?;
        }
        for index in [name.to_owned(), pages_of(name), documents_of(name)] {
            bucket.remove(&index).await?;
        }
        Ok(!found.is_empty())
    }

    /// Stores documents, each instead of the one with its id.
    pub(crate) async fn upsert(&self, documents: Vec<IndexDocument>) -> Result<String> {
        let documents = arriving(&self.name, &self.header.profile.embedding, documents)?;
        if documents.is_empty() {
            return Ok(self.header.generation.clone());
        }
        for _ in 0..ATTEMPTS {
            let before = self.entries(documents.keys()).await?;
            let filled = fill(&documents, &before)?;
            let marks = marks(&filled, &before);
            let header = self.after(&filled, &before);
            self.mark(&marks).await?;
            self.write(&filled).await?;
            self.commit(&filled, &header).await?;
            if self.is_whole(&filled).await? {
                self.settle(&marks).await?;
                return Ok(header.generation);
            }
        }
        Err(disturbed(&self.name))
    }

    /// What is stored of these documents, by id.
    async fn entries(&self, ids: impl Iterator<Item = &String>) -> Result<BTreeMap<String, Entry>> {
        let stored = self.stored(ids.map(String::as_str)).await?;
        Ok(stored.into_iter().map(|Stored { entry, .. }| (entry.id.clone(), entry)).collect())
    }

    /// The header when these documents have taken the place of those.
    fn after(&self, filled: &[Filled], before: &BTreeMap<String, Entry>) -> Header {
        let (new, old) = (chunks_of(filled.iter().map(|one| &one.entry)), chunks_of(before.values()));
        let touched = filled.iter().map(|one| one.entry.revision.name.as_str());
        Header {
            generation: next_generation(&self.header.generation, touched),
            documents: (self.header.documents + filled.len() as u64).saturating_sub(before.len() as u64),
            chunks: (self.header.chunks + new).saturating_sub(old),
            ..self.header.clone()
        }
    }

    async fn mark(&self, marks: &[Mark]) -> Result<()> {
        let records = marks.iter().map(Mark::record).collect::<Result<Vec<_>>>()?;
        self.bucket.put(&documents_of(&self.name), &records).await
    }

    async fn write(&self, filled: &[Filled]) -> Result<()> {
        let all = |of: fn(&Filled) -> &[Record]| filled.iter().flat_map(of).cloned().collect::<Vec<_>>();
        self.bucket.put(&pages_of(&self.name), &all(|one| &one.texts)).await?;
        self.bucket.put(&self.name, &all(|one| &one.chunks)).await
    }

    /// One request for as many documents as fit into it, beside the header.
    async fn commit(&self, filled: &[Filled], header: &Header) -> Result<()> {
        let records: Vec<Record> = filled.iter().map(|one| one.record.clone()).collect();
        for part in batches(&records, WRITTEN_MAX - 1) {
            let part = [part, &[header.record()?]].concat();
            self.bucket.put_at_once(&documents_of(&self.name), &part).await?;
        }
        Ok(())
    }

    /// Whether all that was written is still there, unless another process has stored the same document meanwhile, which
    /// then counts. One may also have removed it, or what it took for the leftovers of a killed run.
    async fn is_whole(&self, filled: &[Filled]) -> Result<bool> {
        let ids: Vec<String> = filled.iter().map(|one| one.entry.id.clone()).collect();
        let entries = self.entries(ids.iter()).await?;
        let (mut chunks, mut texts) = (Vec::new(), Vec::new());
        for one in filled {
            let Some(entry) = entries.get(&one.entry.id) else { return Ok(false) };
            if entry.revision == one.entry.revision {
                chunks.extend(one.entry.revision.chunk_keys());
                texts.extend(one.entry.revision.text_keys());
            }
        }
        let pages = pages_of(&self.name);
        let (found, kept) =
            tokio::try_join!(self.bucket.get(&self.name, &chunks, false), self.bucket.get(&pages, &texts, false))?;
        Ok((found.len(), kept.len()) == (chunks.len(), texts.len()))
    }

    /// Removes the text of marked revisions that do not count, then the marks.
    async fn settle(&self, marks: &[Mark]) -> Result<()> {
        let ids: Vec<String> = marks.iter().map(|mark| mark.document_id.clone()).collect();
        let entries = self.entries(ids.iter()).await?;
        let counts = |mark: &&Mark| entries.get(&mark.document_id).is_some_and(|entry| entry.revision == mark.revision);
        let dead: Vec<&Revision> = marks.iter().filter(|mark| !counts(mark)).map(|mark| &mark.revision).collect();
        let chunks: Vec<String> = dead.iter().flat_map(|revision| revision.chunk_keys()).collect();
        let texts: Vec<String> = dead.iter().flat_map(|revision| revision.text_keys()).collect();
        self.bucket.delete(&self.name, &chunks).await?;
        self.bucket.delete(&pages_of(&self.name), &texts).await?;
        let keys: Vec<String> = marks.iter().map(Mark::key).collect();
        self.bucket.delete(&documents_of(&self.name), &keys).await
    }

    /// Removes documents. What comes back while it works is removed again: a removal wins over a store that overlaps it.
    pub(crate) async fn delete(&self, ids: &[String]) -> Result<Deleted> {
        let mut gone: BTreeMap<String, u64> = BTreeMap::new();
        let mut header = self.header.clone();
        for _ in 0..ATTEMPTS {
            let found = self.entries(ids.iter()).await?;
            if found.is_empty() {
                return Ok(Deleted {
                    chunks: gone.values().sum(),
                    documents: gone.into_keys().collect(),
                    generation: header.generation,
                    removed_from: self.header.generation.clone(),
                    rewritten: Vec::new(),
                    text_in_files: TextInFiles::Unknown,
                });
            }
            if gone.is_empty() {
                header = self.without(&found);
            }
            gone.extend(found.values().map(|entry| (entry.id.clone(), u64::from(entry.revision.chunks))));
            self.remove_documents(&found, &header).await?;
        }
        Err(disturbed(&self.name))
    }

    /// The header when these documents are gone.
    fn without(&self, found: &BTreeMap<String, Entry>) -> Header {
        let touched = found.keys().map(String::as_str).chain(["deleted"]);
        Header {
            generation: next_generation(&self.header.generation, touched),
            documents: self.header.documents.saturating_sub(found.len() as u64),
            chunks: self.header.chunks.saturating_sub(chunks_of(found.values())),
            ..self.header.clone()
        }
    }

    async fn remove_documents(&self, found: &BTreeMap<String, Entry>, header: &Header) -> Result<()> {
        let marks: Vec<Mark> = found.values().map(Entry::mark).collect();
        self.mark(&marks).await?;
        let keys: Vec<String> = found.keys().map(|id| entry_key(&filtered(id))).collect();
        self.bucket.delete(&documents_of(&self.name), &keys).await?;
        self.bucket.put(&documents_of(&self.name), &[header.record()?]).await?;
        self.settle(&marks).await
    }

    /// Finishes what a process that died has begun, and counts anew what is there.
    pub(crate) async fn sweep(&mut self) -> Result<()> {
        let all = self.bucket.list(&documents_of(&self.name)).await?;
        let marks: Vec<Mark> = all.iter().filter_map(|found| Mark::read(found).transpose()).collect::<Result<_>>()?;
        if !marks.is_empty() {
            self.settle(&marks).await?;
        }
        let entries: Vec<Entry> =
            all.iter().filter_map(|found| Entry::read(found).transpose()).collect::<Result<_>>()?;
        let counted =
            Header { documents: entries.len() as u64, chunks: chunks_of(entries.iter()), ..self.header.clone() };
        if counted != self.header {
            let generation = next_generation(&self.header.generation, ["counted"].into_iter());
            self.header = Header { generation, ..counted };
            self.bucket.put(&documents_of(&self.name), &[self.header.record()?]).await?;
        }
        Ok(())
    }
}

/// The documents as they are written, each under a revision of its own.
fn fill(documents: &BTreeMap<String, IndexDocument>, before: &BTreeMap<String, Entry>) -> Result<Vec<Filled>> {
    let one = |(id, document): (&String, &IndexDocument)| {
        let replaced = before.get(id).map(|entry| entry.revision.name.as_str());
        let name = revision(document, replaced)?;
        filled(document, name)
    };
    documents.iter().map(one).collect()
}

fn chunks_of<'a>(entries: impl Iterator<Item = &'a Entry>) -> u64 {
    entries.map(|entry| u64::from(entry.revision.chunks)).sum()
}

/// Marks for what is new and for what it replaces.
fn marks(filled: &[Filled], before: &BTreeMap<String, Entry>) -> Vec<Mark> {
    filled.iter().map(|one| one.entry.mark()).chain(before.values().map(Entry::mark)).collect()
}

fn check_name(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::invalid(format!("{name:?} cannot be the name of a collection in S3 Vectors"))
        .hint("use 3 to 53 of a-z, 0-9 and -, beginning and ending with a letter or a digit"))
}

fn foreign(name: &str) -> Error {
    Error::invalid(format!("the vector bucket has an index {name:?} that docent did not make, and leaves it alone"))
        .hint("ingest into a collection of another name, or into a vector bucket of its own")
}
