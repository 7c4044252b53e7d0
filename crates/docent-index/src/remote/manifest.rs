//! What lies in a store, below `PREFIX/COLLECTION/`:
//!
//! | object | what it is | written |
//! | --- | --- | --- |
//! | `current.json` | the [`Pointer`]: which generation is live, which others were | conditionally, and by nothing else |
//! | `generations/UPLOAD.json` | the [`Manifest`] of one attempt to publish | once, before its files |
//! | `uploads/UPLOAD/FILE` | a file of the index that came with that attempt | once |
//!
//! Every attempt to publish has an id of its own, its upload, so that no two attempts ever write the same object. A
//! manifest says which version of the pointer its attempt was going to replace. As every move of the pointer counts that
//! version up, an attempt that did not win by then never can, and what it left behind may be removed. A manifest is
//! written before its files: a file is never there without one that says which attempt it belongs to.

use super::store::{Read, Store, Version};
use crate::error::{Failure, Result};
use bytes::Bytes;
use docent_core::Timestamp;
use docent_engine::ports::{Collection, IndexProfile};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Counts up whenever a store of the version before cannot be read any more.
const FORMAT: u32 = 1;

/// What is live, and what was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pointer {
    pub(super) format: u32,
    /// Counts the pointer's moves.
    pub(super) version: u64,
    /// The live generation's name.
    pub(super) live: String,
    /// Every generation that was live and has not been purged, in the order in which they were published.
    pub(super) published: Vec<Entry>,
}

/// A generation in the pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) generation: String,
    pub(super) upload: String,
}

impl Pointer {
    /// The first one, or the one after `before`.
    pub(super) fn after(before: Option<&Self>, live: &str, published: Vec<Entry>) -> Self {
        let version = 1 + before.map_or(0, |before| before.version);
        Self { format: FORMAT, version, live: live.to_owned(), published }
    }

    pub(super) fn entry(&self, generation: &str) -> Option<&Entry> {
        self.published.iter().find(|entry| entry.generation == generation)
    }
}

/// One published generation, or an attempt at one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) collection: String,
    pub(super) generation: String,
    pub(super) upload: String,
    /// The generation that was live before.
    pub(super) parent: Option<String>,
    /// Version of the pointer that this one replaces; 0: there was none.
    pub(super) replaces: u64,
    pub(super) created_at: Timestamp,
    pub(super) profile: IndexProfile,
    pub(super) documents: u64,
    pub(super) chunks: u64,
    /// Records of deleted documents that its files still hold.
    pub(super) deleted_records: u64,
    pub(super) files: Vec<IndexFile>,
}

/// A file of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexFile {
    /// Its name in the index's folder.
    pub(super) name: String,
    /// The upload that brought it.
    pub(super) upload: String,
    pub(super) bytes: u64,
    pub(super) blake3: String,
}

impl Manifest {
    pub(super) const FORMAT: u32 = FORMAT;

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The collection as a search in this generation sees it.
    pub(super) fn describe(&self) -> Collection {
        Collection {
            name: self.collection.clone(),
            generation: self.generation.clone(),
            profile: self.profile.clone(),
            documents: self.documents,
            chunks: self.chunks,
            bytes: Some(self.bytes()),
        }
    }

    /// The objects that its files are.
    pub(super) fn objects(&self) -> BTreeSet<String> {
        self.files.iter().map(|file| file.object(&self.collection)).collect()
    }

    /// The manifest's own object.
    pub(super) fn object(&self) -> String {
        manifest_object(&self.collection, &self.upload)
    }
}

impl IndexFile {
    pub(super) fn object(&self, collection: &str) -> String {
        format!("{collection}/uploads/{}/{}", self.upload, self.name)
    }
}

/// The folder of all manifests.
pub(super) fn manifests_folder(collection: &str) -> String {
    format!("{collection}/generations")
}

/// The folder of all files.
pub(super) fn uploads_folder(collection: &str) -> String {
    format!("{collection}/uploads")
}

fn manifest_object(collection: &str, upload: &str) -> String {
    format!("{}/{upload}.json", manifests_folder(collection))
}

fn pointer_object(collection: &str) -> String {
    format!("{collection}/current.json")
}

/// What a look at a pointer found.
pub(super) enum Looked {
    Unchanged,
    Changed(Pointer, Version),
    Missing,
}

impl Store {
    /// The pointer, unless it still is the version that is known.
    pub(super) async fn look(&self, collection: &str, known: Option<&Version>) -> Result<Looked> {
        Ok(match self.read(&pointer_object(collection), known).await? {
            Read::Unchanged => Looked::Unchanged,
            Read::Missing => Looked::Missing,
            Read::Changed(bytes, version) => Looked::Changed(self.understand(collection, &bytes)?, version),
        })
    }

    /// The pointer; `NothingPublished` or `NotPublished` if there is none.
    pub(super) async fn pointer(&self, collection: &str) -> Result<(Pointer, Version)> {
        match self.look(collection, None).await? {
            Looked::Changed(pointer, version) => Ok((pointer, version)),
            Looked::Unchanged | Looked::Missing => Err(self.absence(collection).await?),
        }
    }

    /// How to say that a collection is not there.
    pub(super) async fn absence(&self, collection: &str) -> Result<Failure> {
        let (place, name) = (self.place().to_string(), collection.to_owned());
        let others = self.published_collections().await?;
        Ok(if others.is_empty() {
            Failure::NothingPublished { place, name }
        } else {
            Failure::NotPublished { place, name }
        })
    }

    /// Names of the collections that have a pointer.
    pub(super) async fn published_collections(&self) -> Result<Vec<String>> {
        let mut names = self.folders().await?;
        names.retain(|name| crate::embedded::is_name(name));
        names.sort_unstable();
        let looks = names.into_iter().map(|name| async move {
            let there = !matches!(self.look(&name, None).await?, Looked::Missing);
            Ok::<_, Failure>(there.then_some(name))
        });
        Ok(futures::future::try_join_all(looks).await?.into_iter().flatten().collect())
    }

    /// Moves the pointer from the version that was read. [`Failure::Outrun`] if somebody else was faster and what is found
    /// then is not what was wanted.
    pub(super) async fn move_pointer(
        &self,
        collection: &str,
        read: Option<&Version>,
        pointer: &Pointer,
        is_done: impl Fn(&Pointer) -> bool,
    ) -> Result<()> {
        let bytes = Bytes::from(serde_json::to_vec(pointer)?);
        let moved = self.swap(&pointer_object(collection), read, bytes).await;
        if matches!(moved, Ok(true)) {
            return Ok(());
        }
        // An answer that was lost on its way may have been a yes, and a request sent twice refuses itself.
        match self.look(collection, None).await {
            Ok(Looked::Changed(found, _)) if is_done(&found) => Ok(()),
            _ => moved.and(Err(Failure::Outrun { name: collection.to_owned() })),
        }
    }

    /// The manifest of a generation that the pointer names.
    pub(super) async fn manifest(&self, collection: &str, entry: &Entry) -> Result<Manifest> {
        let damaged = |what: &str| self.damaged(&entry.generation, what);
        let object = manifest_object(collection, &entry.upload);
        let Read::Changed(bytes, _) = self.read(&object, None).await? else {
            return Err(damaged("its manifest is missing"));
        };
        let manifest: Manifest = self.understand(collection, &bytes)?;
        // Names become paths below the scratch folder.
        let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
        let named = manifest.files.iter().flat_map(|file| [&file.name, &file.upload, &file.blake3]);
        if !named.chain([&manifest.upload]).all(|name| plain(name)) || manifest.upload != entry.upload {
            return Err(damaged("its manifest makes no sense"));
        }
        Ok(manifest)
    }

    /// All manifests, those of attempts that failed or are under way included.
    pub(super) async fn manifests(&self, collection: &str) -> Result<Vec<Manifest>> {
        let objects = self.list(&manifests_folder(collection)).await?;
        let mut manifests = Vec::new();
        for object in objects {
            if let Read::Changed(bytes, _) = self.read(&object.name, None).await? {
                manifests.push(self.understand(collection, &bytes)?);
            }
        }
        Ok(manifests)
    }

    pub(super) fn damaged(&self, generation: &str, what: &str) -> Failure {
        let (place, generation) = (self.place().to_string(), generation.to_owned());
        Failure::DamagedGeneration { place, generation, what: what.to_owned() }
    }

    fn understand<T: DeserializeOwned>(&self, collection: &str, bytes: &[u8]) -> Result<T> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let version: Version = serde_json::from_slice(bytes).map_err(|error| self.unclear(collection, &error))?;
        if version.format != FORMAT {
            return Err(Failure::OtherFormat { found: Some(u64::from(version.format)) });
        }
        serde_json::from_slice(bytes).map_err(|error| self.unclear(collection, &error))
    }

    fn unclear(&self, collection: &str, error: &serde_json::Error) -> Failure {
        Failure::damaged(format!("a record at {} is unclear: {error}", self.place())).in_collection(collection)
    }
}
