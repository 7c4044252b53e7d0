//! From a folder to the store: what is new travels, then the pointer moves.

use super::generations::{Generations, Publication};
use super::manifest::{Entry, IndexFile, Looked, Manifest, Pointer};
use super::store::{Store, Version};
use crate::EmbeddedIndex;
use crate::embedded::check_name;
use crate::error::{Failure, Result};
use crate::seal::{Sealed, SealedFile};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

/// Files on their way at the same time.
const UPLOADS_AT_ONCE: usize = 4;

/// What publishing did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The generation that is live now.
    pub generation: String,
    /// False if it was live before: nothing had changed.
    pub is_new: bool,
    /// The generation that was live before.
    pub parent: Option<String>,
    /// Documents in it.
    pub documents: u64,
    /// Chunks in it.
    pub chunks: u64,
    /// Files it consists of.
    pub files: usize,
    /// Bytes of these.
    pub bytes: u64,
    /// Files that were not in the store yet.
    pub files_sent: usize,
    /// Bytes of these.
    pub bytes_sent: u64,
}

/// The live generation, when publishing begins.
pub(super) struct Before {
    pub(super) pointer: Pointer,
    pub(super) version: Version,
    pub(super) manifest: Manifest,
}

impl Generations {
    /// Publishes the newest commit of a collection: sends the files that the live generation does not have, then moves
    /// the pointer. A process that dies on the way leaves the old generation live. Text of deleted documents never
    /// travels; what is in the store of it stays there until [`Generations::purge`].
    ///
    /// # Errors
    /// `Conflict` if somebody else moved the pointer meanwhile: theirs stays. `NotFound` for a collection that the folder
    /// does not have; `Unavailable` and `Timeout` of the store.
    pub async fn publish(
        &self,
        index: &EmbeddedIndex,
        collection: &str,
        publication: &Publication,
    ) -> docent_engine::Result<Published> {
        check_name(collection)?;
        let before = self.before(collection).await?;
        self.publish_after(before, index, collection, publication, |published| published).await
    }

    /// The same for an index that was made from a generation: in place of that one and no other. `history` says which of the
    /// generations that were published stay listed beside it.
    pub(super) async fn publish_after(
        &self,
        before: Option<Before>,
        index: &EmbeddedIndex,
        collection: &str,
        publication: &Publication,
        history: impl Fn(Vec<Entry>) -> Vec<Entry>,
    ) -> docent_engine::Result<Published> {
        let out: Vec<String> = match &before {
            Some(before) => before.manifest.files.iter().map(|file| file.name.clone()).collect(),
            None => Vec::new(),
        };
        let is_out = move |segment: &str| out.iter().any(|name| name.starts_with(segment));
        let sealed = index.seal(collection, is_out).await?;
        Ok(self.send(collection, before, sealed, publication, history).await?)
    }

    pub(super) async fn before(&self, collection: &str) -> Result<Option<Before>> {
        let Looked::Changed(pointer, version) = self.store.look(collection, None).await? else { return Ok(None) };
        let manifest = self.store.live_manifest(collection, &pointer).await?;
        Ok(Some(Before { pointer, version, manifest }))
    }

    /// Sends a commit and makes it live. `history` says which of the generations that were published stay listed.
    pub(super) async fn send(
        &self,
        collection: &str,
        before: Option<Before>,
        sealed: Sealed,
        publication: &Publication,
        history: impl Fn(Vec<Entry>) -> Vec<Entry>,
    ) -> Result<Published> {
        let name = sealed.generation.clone();
        let (mut manifest, contents) = self.prepare(collection, before.as_ref(), sealed, publication).await?;
        if let Some(before) = before.as_ref().filter(|before| before.manifest.files == manifest.files) {
            return Ok(published(&before.manifest, false));
        }
        let pointer = before.as_ref().map(|before| &before.pointer);
        manifest.generation = free_name(&name, pointer);
        let mut listed = history(pointer.map_or_else(Vec::new, |pointer| pointer.published.clone()));
        listed.push(Entry { generation: manifest.generation.clone(), upload: manifest.upload.clone() });
        let next = Pointer::after(pointer, &manifest.generation, listed);
        let version = before.as_ref().map(|before| &before.version);
        if let Err(failure) = self.store.upload(&manifest, contents).await {
            self.store.withdraw(&manifest).await;
            return Err(failure);
        }
        // From here on nothing is withdrawn: whoever hears no answer cannot know whether the pointer moved.
        let is_listed = |found: &Pointer| found.published.iter().any(|entry| entry.upload == manifest.upload);
        self.store.move_pointer(collection, version, &next, is_listed).await?;
        Ok(published(&manifest, true))
    }

    /// The manifest, and the files that have to travel.
    async fn prepare(
        &self,
        collection: &str,
        before: Option<&Before>,
        sealed: Sealed,
        publication: &Publication,
    ) -> Result<(Manifest, Vec<SealedFile>)> {
        let known = before.map_or_else(Vec::new, |before| before.manifest.files.clone());
        let upload = publication.id.clone();
        let mut manifest = Manifest::new(collection, publication, before, &sealed);
        let hashed = tokio::task::spawn_blocking(move || {
            let hashed = sealed.files.into_iter().map(|file| (hash(&file, &known, &upload), file));
            hashed.collect::<Vec<_>>()
        });
        let mut contents = Vec::new();
        for (file, content) in hashed.await.map_err(|_| Failure::Died)? {
            if file.upload == publication.id {
                contents.push(content);
            }
            manifest.files.push(file);
        }
        Ok((manifest, contents))
    }
}

/// A file of the commit: one that the live generation has, or one that is new.
fn hash(file: &SealedFile, known: &[IndexFile], upload: &str) -> IndexFile {
    let new = IndexFile {
        name: file.name.clone(),
        upload: upload.to_owned(),
        bytes: file.bytes.len() as u64,
        blake3: blake3::hash(&file.bytes).to_hex().to_string(),
    };
    let same = |old: &&IndexFile| (&old.name, old.bytes, &old.blake3) == (&new.name, new.bytes, &new.blake3);
    known.iter().find(same).cloned().unwrap_or(new)
}

/// A commit that was published before with other files (segments were merged since, or the collection was made anew) is
/// told apart by a number.
fn free_name(name: &str, pointer: Option<&Pointer>) -> String {
    let taken = |name: &String| pointer.is_some_and(|pointer| pointer.entry(name).is_some());
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
}

fn published(manifest: &Manifest, is_new: bool) -> Published {
    let sent = manifest.files.iter().filter(|file| is_new && file.upload == manifest.upload);
    let sent: Vec<u64> = sent.map(|file| file.bytes).collect();
    Published {
        generation: manifest.generation.clone(),
        is_new,
        parent: manifest.parent.clone(),
        documents: manifest.documents,
        chunks: manifest.chunks,
        files: manifest.files.len(),
        bytes: manifest.bytes(),
        files_sent: sent.len(),
        bytes_sent: sent.iter().sum(),
    }
}

impl Manifest {
    /// Without files yet.
    fn new(collection: &str, publication: &Publication, before: Option<&Before>, sealed: &Sealed) -> Self {
        Self {
            format: Self::FORMAT,
            collection: collection.to_owned(),
            generation: sealed.generation.clone(),
            upload: publication.id.clone(),
            parent: before.map(|before| before.pointer.live.clone()),
            replaces: before.map_or(0, |before| before.pointer.version),
            created_at: publication.created_at,
            profile: sealed.profile.clone(),
            documents: sealed.documents,
            chunks: sealed.chunks,
            deleted_records: sealed.deleted_records,
            files: Vec::new(),
        }
    }
}

impl Store {
    /// The live generation's manifest.
    pub(super) async fn live_manifest(&self, collection: &str, pointer: &Pointer) -> Result<Manifest> {
        let unlisted = || self.damaged(&pointer.live, "the pointer does not list it");
        let entry = pointer.entry(&pointer.live).ok_or_else(unlisted)?;
        self.manifest(collection, entry).await
    }

    /// The manifest first: see [`super::manifest`].
    async fn upload(&self, manifest: &Manifest, contents: Vec<SealedFile>) -> Result<()> {
        let record = Bytes::from(serde_json::to_vec(manifest)?);
        self.write(&manifest.object(), record).await?;
        let own = |name: &str| format!("{}/uploads/{}/{name}", manifest.collection, manifest.upload);
        let sent = contents.into_iter().map(|file| async move {
            let object = own(&file.name);
            self.write(&object, Bytes::from_owner(file.bytes)).await
        });
        futures::stream::iter(sent).buffer_unordered(UPLOADS_AT_ONCE).try_collect().await
    }

    /// Removes what an attempt that failed has sent. What cannot be removed now is found by a purge.
    async fn withdraw(&self, manifest: &Manifest) {
        let own = manifest.files.iter().filter(|file| file.upload == manifest.upload);
        let own: Vec<_> = own.map(|file| file.object(&manifest.collection)).collect();
        let removed = async {
            self.delete(&own).await?;
            self.delete(&[manifest.object()]).await
        };
        if let Err(error) = removed.await {
            tracing::warn!(collection = manifest.collection, %error, "an upload that failed is still in the store");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_not_used_twice() {
        let entry = |name: &str| Entry { generation: name.to_owned(), upload: name.to_owned() };
        let pointer = Pointer::after(None, "gen_1_a", vec![entry("gen_1_a"), entry("gen_2_b"), entry("gen_2_b-2")]);
        assert_eq!(free_name("gen_1_a", None), "gen_1_a");
        assert_eq!(free_name("gen_1_a", Some(&pointer)), "gen_1_a-2");
        assert_eq!(free_name("gen_2_b", Some(&pointer)), "gen_2_b-3");
        assert_eq!(free_name("gen_3_c", Some(&pointer)), "gen_3_c");
    }
}
