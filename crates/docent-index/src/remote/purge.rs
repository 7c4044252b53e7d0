//! Removing what must not be kept: older generations, text of deleted documents, uploads that nobody finished.
//!
//! The pointer moves first, to a list without the generations that go. From then on no attempt to publish that began
//! earlier can win, and nothing that goes can be named by one that wins. Then the files are listed, then the manifests:
//! a file that is listed and belongs to an attempt that began later has a manifest by then, as manifests are written
//! first. What no such manifest names is removed, the manifests last, so that a purge that dies is finished by the next.

use super::generations::{Contents, Generations, Inspection, NamedDocument, Publication};
use super::manifest::{Entry, Manifest, Pointer, manifests_folder, uploads_folder};
use super::publish::Before;
use super::store::Version;
use crate::collection::{Collection, WriterOptions};
use crate::embedded::{Settings, check_name};
use crate::error::{Failure, Result};
use docent_core::Document;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a purge removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// The generation that is live now.
    pub live: String,
    /// Generations that were removed, the oldest first.
    pub removed: Vec<String>,
    /// True if the live generation's files were written anew, to be free of deleted text.
    pub is_rewritten: bool,
    /// Attempts to publish that had failed and were cleared away.
    pub abandoned: usize,
    /// Objects that were removed.
    pub objects: usize,
    /// Bytes of these.
    pub bytes: u64,
    /// Documents whose text, or an older version of it, is gone with them.
    pub gone: Vec<GoneDocument>,
    /// Deleted documents whose text the generations that were kept still hold.
    pub still_held: Vec<NamedDocument>,
    /// Generations that were removed and could not be read, so that their documents cannot be named.
    pub unreadable: Vec<String>,
}

/// A document of which text was removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GoneDocument {
    /// Its names.
    #[serde(flatten)]
    pub document: NamedDocument,
    /// True if the live generation has another version of it.
    pub is_replaced: bool,
}

/// The generations that stay and those that go.
struct Plan {
    pointer: Pointer,
    version: Version,
    live: Manifest,
    kept: Vec<Manifest>,
    removed: Vec<Entry>,
}

/// A version of a document: its id and the hash of its content.
type Versions = BTreeMap<(String, String), NamedDocument>;

impl Generations {
    /// Removes all generations but the live one and the newest of the others, `keep` in all, and what uploads that were
    /// not finished have left. With `keep` 1, the live generation's files are written anew if they hold text of deleted
    /// documents: then no file is left that does.
    ///
    /// # Errors
    /// `Conflict` if somebody else moved the pointer meanwhile: nothing was removed. `Unavailable` or `NotFound` if there
    /// is no generation.
    pub async fn purge(
        &self,
        collection: &str,
        keep: usize,
        publication: &Publication,
    ) -> docent_engine::Result<Purged> {
        check_name(collection)?;
        let plan = self.plan(collection, keep.max(1)).await?;
        let inspection = self.inspect(collection);
        let live = inspection.open(&plan.live).await?;
        let mut purged = Purged {
            live: plan.live.generation.clone(),
            removed: plan.removed.iter().map(|entry| entry.generation.clone()).collect(),
            is_rewritten: keep <= 1 && plan.live.deleted_records > 0,
            ..Purged::default()
        };
        self.name_documents(collection, &plan, &inspection, &live, &mut purged).await?;
        let Plan { pointer, version, live: manifest, kept, .. } = plan;
        let (kept, version) = if purged.is_rewritten {
            purged.removed.push(manifest.generation.clone());
            let before = Before { pointer, version, manifest };
            purged.live = self.rewrite(collection, before, &live, publication).await?;
            self.remaining(collection).await?
        } else {
            let listed = |entry: &&Entry| kept.iter().any(|manifest| manifest.upload == entry.upload);
            let listed = pointer.published.iter().filter(listed).cloned().collect();
            let next = Pointer::after(Some(&pointer), &pointer.live, listed);
            self.store.move_pointer(collection, Some(&version), &next, |found| *found == next).await?;
            (kept, next.version)
        };
        self.sweep(collection, &kept, version, &mut purged).await?;
        Ok(purged)
    }

    async fn plan(&self, collection: &str, keep: usize) -> Result<Plan> {
        let (pointer, version) = self.store.pointer(collection).await?;
        let live = self.store.live_manifest(collection, &pointer).await?;
        let (mut kept, mut removed) = (vec![live.clone()], Vec::new());
        for entry in pointer.published.iter().rev().filter(|entry| entry.generation != pointer.live) {
            if kept.len() < keep {
                kept.push(self.store.manifest(collection, entry).await?);
            } else {
                removed.insert(0, entry.clone());
            }
        }
        Ok(Plan { pointer, version, live, kept, removed })
    }

    /// Writes the live generation's segments without deleted records and publishes that, with no other beside it.
    async fn rewrite(
        &self,
        collection: &str,
        before: Before,
        live: &Contents,
        publication: &Publication,
    ) -> Result<String> {
        let (name, folder) = (collection.to_owned(), live.folder.clone());
        let settings = Settings::default();
        let options = WriterOptions { memory: settings.writer_memory, patience: settings.writer_wait };
        let seal = move || Collection::open(&name, &folder)?.seal(&options, &|_| false);
        let sealed = tokio::task::spawn_blocking(seal).await.map_err(|_| Failure::Died)??;
        let published = self.send(collection, Some(before), sealed, publication, |_| Vec::new()).await?;
        Ok(published.generation)
    }

    /// What the pointer lists now.
    async fn remaining(&self, collection: &str) -> Result<(Vec<Manifest>, u64)> {
        let (pointer, _) = self.store.pointer(collection).await?;
        let manifests = pointer.published.iter().map(|entry| self.store.manifest(collection, entry));
        Ok((futures::future::try_join_all(manifests).await?, pointer.version))
    }

    /// Finds out which documents' text goes, by opening what goes.
    async fn name_documents(
        &self,
        collection: &str,
        plan: &Plan,
        inspection: &Inspection,
        live: &Contents,
        purged: &mut Purged,
    ) -> Result<()> {
        let mut held = versions(live.living.values());
        let mut deleted = Versions::new();
        for manifest in plan.kept.iter().filter(|manifest| manifest.upload != plan.live.upload) {
            let contents = inspection.open(manifest).await?;
            held.extend(versions(contents.living.values()));
            deleted.extend(versions(&contents.deleted));
        }
        let mut goes = Versions::new();
        let live_deleted = versions(&live.deleted);
        if purged.is_rewritten { &mut goes } else { &mut deleted }.extend(live_deleted);
        for entry in &plan.removed {
            match self.look_into(collection, entry, inspection).await {
                Ok(contents) => goes.extend(versions(contents.living.values().chain(&contents.deleted))),
                Err(Failure::DamagedGeneration { .. } | Failure::Damaged { .. }) => {
                    purged.unreadable.push(entry.generation.clone());
                }
                Err(failure) => return Err(failure),
            }
        }
        deleted.retain(|version, _| !held.contains_key(version));
        goes.retain(|version, _| !held.contains_key(version) && !deleted.contains_key(version));
        let gone = goes.into_iter().map(|((id, _), document)| {
            let is_replaced = live.living.contains_key(&id);
            GoneDocument { document, is_replaced }
        });
        purged.gone = gone.collect::<BTreeSet<_>>().into_iter().collect();
        purged.still_held = deleted.into_values().collect::<BTreeSet<_>>().into_iter().collect();
        Ok(())
    }

    async fn look_into(&self, collection: &str, entry: &Entry, inspection: &Inspection) -> Result<Contents> {
        inspection.open(&self.store.manifest(collection, entry).await?).await
    }

    /// Removes what the generations that the pointer lists do not need, without looking what it is.
    pub(super) async fn sweep_up(&self, collection: &str) -> Result<()> {
        let (kept, version) = self.remaining(collection).await?;
        self.sweep(collection, &kept, version, &mut Purged::default()).await
    }

    /// Removes what neither a generation that stays names nor an attempt that began after the pointer moved.
    async fn sweep(&self, collection: &str, kept: &[Manifest], version: u64, purged: &mut Purged) -> Result<()> {
        let objects = self.store.list(&uploads_folder(collection)).await?;
        let records = self.store.list(&manifests_folder(collection)).await?;
        let manifests = self.store.manifests(collection).await?;
        let under_way = manifests.iter().filter(|manifest| manifest.replaces >= version);
        let (mut stays, mut named) = (BTreeSet::new(), BTreeSet::new());
        for manifest in kept.iter().chain(under_way) {
            stays.extend(manifest.objects());
            named.insert(manifest.object());
        }
        let loose = objects.into_iter().filter(|object| !stays.contains(&object.name));
        let loose: Vec<_> = loose.inspect(|object| purged.bytes += object.bytes).map(|object| object.name).collect();
        let dead = records.into_iter().filter(|object| !named.contains(&object.name));
        let dead: Vec<_> = dead.inspect(|object| purged.bytes += object.bytes).map(|object| object.name).collect();
        self.store.delete(&loose).await?;
        self.store.delete(&dead).await?;
        purged.objects = loose.len() + dead.len();
        purged.abandoned = dead.len().saturating_sub(purged.removed.len());
        Ok(())
    }
}

fn versions<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Versions {
    let version = |document: &Document| (document.id.clone(), document.content_hash.clone());
    documents.into_iter().map(|document| (version(document), NamedDocument::from(document))).collect()
}
