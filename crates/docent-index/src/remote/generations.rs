//! The generations of a collection, for people: list, compare, go back.

use super::manifest::{Manifest, Pointer};
use super::scratch::Scratch;
use super::store::Store;
use crate::collection::Collection;
use crate::embedded::check_name;
use crate::error::{Failure, Result};
use crate::remains::Remains;
use crate::snapshot::Snapshot;
use docent_core::{Document, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The generations in a store, for those who publish and look after them.
pub struct Generations {
    pub(super) store: Store,
    scratch: PathBuf,
}

/// What a new generation is told from outside.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Unique for ever; of letters, digits and `-`.
    pub id: String,
    /// When this is.
    pub created_at: Timestamp,
}

/// A published generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub generation: String,
    /// True for the one that is answered from.
    pub is_live: bool,
    /// When it was published, in milliseconds since the Unix epoch.
    pub created_at: Timestamp,
    /// The one that was live before.
    pub parent: Option<String>,
    /// Documents in it.
    pub documents: u64,
    /// Chunks in it.
    pub chunks: u64,
    /// Bytes of its files, whether it shares them or not.
    pub bytes: u64,
    /// Bytes of the files that came with it.
    pub bytes_own: u64,
    /// Records of deleted documents that its files still hold.
    pub deleted_records: u64,
    /// Model of its vectors.
    pub model: String,
}

/// What two generations disagree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Documents that only the second has, by file name.
    pub added: Vec<NamedDocument>,
    /// Documents that are not the same in both.
    pub changed: Vec<NamedDocument>,
    /// Documents that only the first has.
    pub removed: Vec<NamedDocument>,
}

/// A document by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NamedDocument {
    /// Its file name.
    pub filename: String,
    /// Its id.
    pub document_id: String,
}

impl From<&Document> for NamedDocument {
    fn from(document: &Document) -> Self {
        Self { filename: document.filename.clone(), document_id: document.id.clone() }
    }
}

impl Generations {
    /// The generations in a store. What has to be looked into is fetched to the scratch folder.
    pub fn new(store: Store, scratch: PathBuf) -> Self {
        // Apart from what readers keep there: what is looked into here is removed at the end.
        Self { store, scratch: scratch.join("inspected") }
    }

    /// Every generation of a collection that has not been purged, the newest first.
    ///
    /// # Errors
    /// `Unavailable` or `NotFound` if there is none.
    pub async fn list(&self, collection: &str) -> docent_engine::Result<Vec<Listed>> {
        check_name(collection)?;
        let (pointer, _) = self.store.pointer(collection).await?;
        let manifests = pointer.published.iter().rev().map(|entry| self.store.manifest(collection, entry));
        let manifests = futures::future::try_join_all(manifests).await?;
        Ok(manifests.iter().map(|manifest| listed(manifest, &pointer)).collect())
    }

    /// The documents that two generations do not have in common.
    ///
    /// # Errors
    /// `NotFound` for a generation that does not exist; `Internal` for one whose files are not whole.
    pub async fn diff(&self, collection: &str, first: &str, second: &str) -> docent_engine::Result<Diff> {
        check_name(collection)?;
        let (pointer, _) = self.store.pointer(collection).await?;
        let first = self.named(collection, &pointer, first).await?;
        let second = self.named(collection, &pointer, second).await?;
        let inspection = self.inspect(collection);
        let (first, second) = (inspection.open(&first).await?, inspection.open(&second).await?);
        Ok(compare(&first.living, &second.living))
    }

    /// Makes a generation live again that was live before.
    ///
    /// # Errors
    /// `NotFound` for one that does not exist; `Internal` if its files are not all there; `Conflict` if somebody else moved
    /// the pointer meanwhile.
    pub async fn rollback(&self, collection: &str, generation: &str) -> docent_engine::Result<Listed> {
        check_name(collection)?;
        let (pointer, version) = self.store.pointer(collection).await?;
        let manifest = self.named(collection, &pointer, generation).await?;
        self.check_objects(&manifest).await?;
        let next = Pointer::after(Some(&pointer), generation, pointer.published.clone());
        if pointer.live != generation {
            self.store.move_pointer(collection, Some(&version), &next, |found| *found == next).await?;
        }
        Ok(listed(&manifest, &next))
    }

    /// What the files of every generation that was not purged still hold of a document, the newest first.
    ///
    /// # Errors
    /// `Unavailable` or `NotFound` if there is none; `Internal` for one whose files are not whole.
    pub async fn remains(&self, collection: &str, id: &str, words: &[String]) -> docent_engine::Result<Vec<Remains>> {
        check_name(collection)?;
        let (pointer, _) = self.store.pointer(collection).await?;
        let inspection = self.inspect(collection);
        let mut all = Vec::with_capacity(pointer.published.len());
        for entry in pointer.published.iter().rev() {
            let contents = inspection.open(&self.store.manifest(collection, entry).await?).await?;
            let (name, generation) = (collection.to_owned(), entry.generation.clone());
            let (id, words) = (id.to_owned(), words.to_owned());
            let look = move || {
                let collection = Collection::open(&name, &contents.folder)?;
                Remains::find(&collection, &collection.published(&generation)?, &id, &words)
            };
            all.push(tokio::task::spawn_blocking(look).await.map_err(|_| Failure::Died)??);
        }
        Ok(all)
    }

    async fn named(&self, collection: &str, pointer: &Pointer, generation: &str) -> Result<Manifest> {
        let unknown = || Failure::UnknownGeneration {
            place: self.store.place().to_string(),
            name: collection.to_owned(),
            id: generation.to_owned(),
        };
        self.store.manifest(collection, pointer.entry(generation).ok_or_else(unknown)?).await
    }

    /// Every file of the generation is there, in its length.
    async fn check_objects(&self, manifest: &Manifest) -> Result<()> {
        let found = self.store.list(&super::manifest::uploads_folder(&manifest.collection)).await?;
        let found: BTreeMap<_, _> = found.into_iter().map(|object| (object.name, object.bytes)).collect();
        for file in &manifest.files {
            if found.get(&file.object(&manifest.collection)) != Some(&file.bytes) {
                let what = format!("{} is missing or cut short", file.name);
                return Err(self.store.damaged(&manifest.generation, &what));
            }
        }
        Ok(())
    }

    pub(super) fn inspect(&self, collection: &str) -> Inspection {
        let folder = self.scratch.join(std::process::id().to_string());
        let scratch = Scratch::new(&folder, &self.store, collection);
        Inspection { store: self.store.clone(), scratch, folder }
    }
}

fn listed(manifest: &Manifest, pointer: &Pointer) -> Listed {
    let own = manifest.files.iter().filter(|file| file.upload == manifest.upload);
    Listed {
        generation: manifest.generation.clone(),
        is_live: manifest.generation == pointer.live,
        created_at: manifest.created_at,
        parent: manifest.parent.clone(),
        documents: manifest.documents,
        chunks: manifest.chunks,
        bytes: manifest.bytes(),
        bytes_own: own.map(|file| file.bytes).sum(),
        deleted_records: manifest.deleted_records,
        model: manifest.profile.embedding.name.clone(),
    }
}

fn compare(first: &BTreeMap<String, Document>, second: &BTreeMap<String, Document>) -> Diff {
    let is_other = |id: &String, document: &Document| {
        first.get(id).is_some_and(|before| before.content_hash != document.content_hash)
    };
    let named = |documents: &mut dyn Iterator<Item = &Document>| {
        let mut named: Vec<_> = documents.map(NamedDocument::from).collect();
        named.sort_unstable();
        named
    };
    let missing_in = |other: &BTreeMap<String, Document>, id: &String| !other.contains_key(id);
    Diff {
        added: named(&mut second.iter().filter(|(id, _)| missing_in(first, id)).map(|(_, document)| document)),
        changed: named(&mut second.iter().filter(|(id, document)| is_other(id, document)).map(|(_, d)| d)),
        removed: named(&mut first.iter().filter(|(id, _)| missing_in(second, id)).map(|(_, document)| document)),
    }
}

/// Generations that are opened to be looked into; what was fetched for it is removed with it.
pub(super) struct Inspection {
    store: Store,
    scratch: Scratch,
    folder: PathBuf,
}

/// What a generation holds.
pub(super) struct Contents {
    pub(super) folder: PathBuf,
    /// Documents that a search can find, by id.
    pub(super) living: BTreeMap<String, Document>,
    /// Deleted ones whose text its files still hold.
    pub(super) deleted: Vec<Document>,
}

impl Inspection {
    pub(super) async fn open(&self, manifest: &Manifest) -> Result<Contents> {
        let folder = self.scratch.fetch(&self.store, manifest).await?;
        let (name, generation) = (manifest.collection.clone(), manifest.generation.clone());
        let read = move || {
            let snapshot = Collection::open(&name, &folder)?.published(&generation)?;
            Ok(Contents { folder, living: living(&snapshot)?, deleted: snapshot.deleted_documents()? })
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| Failure::Died)?
    }
}

impl Drop for Inspection {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::debug!(%error, "a scratch folder was not removed");
        }
    }
}

fn living(snapshot: &Snapshot) -> Result<BTreeMap<String, Document>> {
    let documents = snapshot.documents(None, usize::MAX)?;
    Ok(documents.into_iter().map(|document| (document.id.clone(), document)).collect())
}
