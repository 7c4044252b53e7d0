//! A collection that is made anew beside itself: the edition that is to take its place.
//!
//! Only one process at a time makes editions of a collection. Others go on storing into the edition that answers, and
//! deleting from all. So a document is stored here only if the collection holds it like that at the moment when nobody else
//! can write here, and a delete comes here after it has left the collection: whichever is last, the text is gone. The new
//! edition takes over while nobody can write to the old one, if that still is in the generation that was compared.

use crate::collection::Collection;
use crate::editions::{self, Editions};
use crate::embedded::{EmbeddedIndex, Inner, describe};
use crate::error::{Failure, Result};
use crate::generation;
use crate::schema::Kind;
use crate::snapshot::Snapshot;
use async_trait::async_trait;
use docent_core::Document;
use docent_engine::embedding::TextKey;
use docent_engine::ports::{self, IndexDocument, IndexProfile, NewEdition, StoredDocument};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// An edition on its way.
pub(crate) struct Successor {
    index: EmbeddedIndex,
    making: Arc<Making>,
}

struct Making {
    name: String,
    number: u32,
    edition: Collection,
    /// Held until the end.
    _turn: File,
}

impl Inner {
    /// An edition of this profile, to go on with or new. Unfinished ones of other profiles are removed.
    fn begin(&self, name: &str, profile: &IndexProfile) -> Result<Making> {
        self.demand(name)?;
        let home = self.folder(name)?;
        let turn = editions::turn(&home, name)?;
        let (known, all) = (Editions::read(&home)?, editions::all(&home)?);
        let mut found = None;
        for &number in all.iter().filter(|number| **number != known.live) {
            match Collection::open(name, &editions::folder(&home, number)) {
                Ok(edition) if edition.profile() == profile => found = Some((number, edition)),
                _ if known.previous == Some(number) => {}
                _ => drop(editions::remove(&home, number)?),
            }
        }
        let (number, edition) = match found {
            Some(found) => found,
            None => {
                let number = 1 + all.into_iter().max().unwrap_or(known.live).max(known.live);
                let folder = editions::folder(&home, number);
                Collection::create(&folder, profile)?;
                (number, Collection::open(name, &folder)?)
            }
        };
        Ok(Making { name: name.to_owned(), number, edition, _turn: turn })
    }

    /// The edition that answered before.
    fn previous(&self, name: &str) -> Result<Option<ports::Collection>> {
        let home = self.folder(name)?;
        let Some(number) = Editions::read(&home)?.previous else { return Ok(None) };
        let edition = Collection::open(name, &editions::folder(&home, number))?;
        edition.snapshot()?.map(|snapshot| describe(&edition, &snapshot)).transpose()
    }

    /// Removes all editions but the one that answers; returns how many bytes they took.
    fn forget(&self, name: &str) -> Result<Option<u64>> {
        self.demand(name)?;
        let home = self.folder(name)?;
        let _turn = editions::turn(&home, name)?;
        let known = Editions::read(&home)?;
        let others: Vec<u32> = editions::all(&home)?.into_iter().filter(|number| *number != known.live).collect();
        if known.previous.is_some() {
            Editions::new(known.live, None).write(&home)?;
        }
        let bytes = others.iter().map(|number| editions::remove(&home, *number)).sum::<Result<u64>>()?;
        Ok((!others.is_empty()).then_some(bytes))
    }

    fn take_over(&self, making: &Making, generation: &str) -> Result<Option<ports::Collection>> {
        let Making { name, number, edition, .. } = making;
        let home = self.folder(name)?;
        let (live, _) = self.demand(name)?;
        let writers = live.lock(self.writer())?;
        let Some(before) = live.snapshot()?.filter(|snapshot| snapshot.generation == generation) else {
            return Ok(None);
        };
        making.is_complete(&before)?;
        let next = generation::next(generation, [edition.profile().embedding.name.as_str()].into_iter());
        edition.change(self.writer(), |_, _| Ok(Some(next)))?;
        let previous = live.live_edition();
        Editions::new(*number, previous).write(&home)?;
        drop(writers);
        let kept = [Some(*number), previous];
        if let Err(error) = remove_all_but(&home, kept) {
            tracing::warn!(collection = name, %error, "an older edition could not be removed; the next delete tries again");
        }
        self.collection(name)
    }
}

fn remove_all_but(home: &Path, kept: [Option<u32>; 2]) -> Result<()> {
    for number in editions::all(home)?.into_iter().filter(|number| !kept.contains(&Some(*number))) {
        editions::remove(home, number)?;
    }
    Ok(())
}

impl Making {
    fn snapshot(&self) -> Result<Arc<Snapshot>> {
        self.edition.snapshot()?.ok_or_else(|| Failure::UnknownCollection { name: self.name.clone() })
    }

    /// It has the documents of the old edition, and the chunks that their records speak of.
    fn is_complete(&self, before: &Snapshot) -> Result<()> {
        let snapshot = self.snapshot()?;
        let records = snapshot.documents(None, usize::MAX)?;
        let chunks: u64 = records.iter().map(|document| u64::from(document.chunks)).sum();
        let wanted = (before.count(Kind::Document)?, chunks);
        let found = (snapshot.count(Kind::Document)?, snapshot.count(Kind::Chunk)?);
        if found == wanted {
            return Ok(());
        }
        let say = |(documents, chunks)| format!("{documents} documents and {chunks} chunks");
        Err(Failure::Incomplete { name: self.name.clone(), found: say(found), wanted: say(wanted) })
    }
}

fn stored(live: &Snapshot, ids: &[String]) -> Result<Vec<StoredDocument>> {
    let mut found = Vec::new();
    for id in ids {
        if let Some(document) = live.document(id)? {
            let places: Vec<u32> = (0..document.pages).collect();
            let pages = live.pages(id, &places)?.into_iter().map(|(_, page)| page).collect();
            found.push(StoredDocument { document, pages, chunks: live.chunks(id)? });
        }
    }
    Ok(found)
}

impl EmbeddedIndex {
    pub(crate) async fn begin(&self, name: &str, profile: &IndexProfile) -> docent_engine::Result<Arc<dyn NewEdition>> {
        let (made, wanted) = (name.to_owned(), profile.clone());
        let making = self.run(move |inner| inner.begin(&made, &wanted)).await?;
        Ok(Arc::new(Successor { index: self.clone(), making: Arc::new(making) }))
    }

    pub(crate) async fn previous(&self, name: &str) -> docent_engine::Result<Option<ports::Collection>> {
        let name = name.to_owned();
        self.run(move |inner| inner.previous(&name)).await
    }

    pub(crate) async fn forget(&self, name: &str) -> docent_engine::Result<Option<u64>> {
        let name = name.to_owned();
        self.run(move |inner| inner.forget(&name)).await
    }
}

impl Successor {
    async fn run<T, F>(&self, work: F) -> docent_engine::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Inner, &Making) -> Result<T> + Send + 'static,
    {
        let making = Arc::clone(&self.making);
        let named = move |failure: Failure, making: &Making| failure.in_collection(&making.name);
        self.index.run(move |inner| work(inner, &making).map_err(|failure| named(failure, &making))).await
    }
}

#[async_trait]
impl NewEdition for Successor {
    async fn documents(&self) -> docent_engine::Result<Vec<Document>> {
        self.run(|_, making| making.snapshot()?.documents(None, usize::MAX)).await
    }

    async fn stored(&self, ids: &[String]) -> docent_engine::Result<Vec<StoredDocument>> {
        let ids = ids.to_owned();
        self.run(move |inner, making| stored(&inner.demand(&making.name)?.1, &ids)).await
    }

    async fn vectors(&self, texts: &[TextKey]) -> docent_engine::Result<HashMap<TextKey, Vec<f32>>> {
        let texts = texts.to_owned();
        self.run(move |_, making| making.snapshot()?.vectors_of(&texts)).await
    }

    async fn store(&self, documents: Vec<IndexDocument>) -> docent_engine::Result<()> {
        self.run(move |inner, making| {
            let is_wanted = |document: &Document| {
                let known = inner.demand(&making.name)?.1.document(&document.id)?;
                Ok(known.is_some_and(|known| known.is_same_version(document)))
            };
            making.edition.put(inner.writer(), &documents, is_wanted)?;
            Ok(())
        })
        .await
    }

    async fn remove(&self, ids: &[String]) -> docent_engine::Result<()> {
        let ids = ids.to_owned();
        self.run(move |inner, making| making.edition.expunge(inner.writer(), &ids).map(drop)).await
    }

    async fn take_over(&self, generation: &str) -> docent_engine::Result<Option<ports::Collection>> {
        let generation = generation.to_owned();
        self.run(move |inner, making| inner.take_over(making, &generation)).await
    }
}
