//! [`ChunkIndex`] on a folder: one folder per collection, all work on blocking threads.

use crate::collection::{Collection, WriterOptions};
use crate::editions::{self, Editions};
use crate::error::{Failure, Result};
use crate::remains::Remains;
use crate::schema::Kind;
use crate::seal::Sealed;
use crate::search::answer;
use crate::snapshot::Snapshot;
use async_trait::async_trait;
use docent_core::{Document, Page};
use docent_engine::embedding::TextKey;
use docent_engine::ports::{
    self, ChunkIndex, Deleted, IndexDocument, IndexProfile, NewEdition, SearchRequest, SearchResponse,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest name of a collection.
const NAME_LIMIT: usize = 64;

/// How the embedded index behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a change waits for another writer of the same collection, in this process or another.
    pub writer_wait: Duration,
    /// Bytes that one change gathers in memory before it writes a segment; at least 15,000,000.
    pub writer_memory: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { writer_wait: Duration::from_secs(30), writer_memory: 24_000_000 }
    }
}

/// The embedded index: collections as folders below one root.
///
/// Opening costs nothing; a collection is opened when it is first asked for, and every call sees the newest commit of
/// any process. Calls must be made inside a tokio runtime.
#[derive(Clone)]
pub struct EmbeddedIndex {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    root: PathBuf,
    writer: WriterOptions,
    open: Mutex<HashMap<String, Arc<Collection>>>,
}

impl EmbeddedIndex {
    /// An index below this folder, which is made with the first collection.
    pub fn open(root: PathBuf, settings: Settings) -> Self {
        let writer = WriterOptions { memory: settings.writer_memory, patience: settings.writer_wait };
        Self { inner: Arc::new(Inner { root, writer, open: Mutex::new(HashMap::new()) }) }
    }

    /// The files of a collection's newest commit; see [`Collection::seal`].
    pub(crate) async fn seal(
        &self,
        name: &str,
        is_out: impl Fn(&str) -> bool + Send + 'static,
    ) -> docent_engine::Result<Sealed> {
        let name = name.to_owned();
        self.run(move |inner| inner.seal(&name, &is_out)).await
    }

    /// What the files of a collection still hold of a document, by its id and by words of it: first of the edition that
    /// answers, then of those that are kept beside it.
    ///
    /// # Errors
    /// `NotFound` for a collection that does not exist, `Internal` for files that cannot be read.
    pub async fn remains(&self, collection: &str, id: &str, words: &[String]) -> docent_engine::Result<Vec<Remains>> {
        let (name, id, words) = (collection.to_owned(), id.to_owned(), words.to_owned());
        let look =
            move |inner: &Inner| inner.remains(&name, &id, &words).map_err(|failure| failure.in_collection(&name));
        self.run(look).await
    }

    /// A collection's folder, which somebody is going to replace while no call is under way.
    pub(crate) fn let_go(&self, name: &str) -> Result<PathBuf> {
        self.inner.lock_open().remove(name);
        self.inner.folder(name)
    }

    pub(crate) async fn run<T, F>(&self, work: F) -> docent_engine::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        Ok(done.map_err(|_| Failure::Died)??)
    }
}

impl Inner {
    pub(crate) const fn writer(&self) -> &WriterOptions {
        &self.writer
    }

    /// A collection's folder.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        Ok(self.root.join(name))
    }

    /// The collection and its newest generation.
    fn find(&self, name: &str) -> Result<Option<(Arc<Collection>, Arc<Snapshot>)>> {
        self.find_inner(name).map_err(|failure| failure.in_collection(name))
    }

    fn find_inner(&self, name: &str) -> Result<Option<(Arc<Collection>, Arc<Snapshot>)>> {
        let folder = self.folder(name)?;
        let known = self.lock_open().get(name).cloned();
        if let Some(collection) = known {
            if let Some(snapshot) = collection.snapshot()? {
                return Ok(Some((collection, snapshot)));
            }
            self.lock_open().remove(name);
        }
        while Collection::exists(&Editions::read(&folder)?.live_folder(&folder))? {
            let collection = Arc::new(Collection::open_live(name, &folder)?);
            // None if it was replaced or removed just now.
            if let Some(snapshot) = collection.snapshot()? {
                self.lock_open().insert(name.to_owned(), Arc::clone(&collection));
                return Ok(Some((collection, snapshot)));
            }
        }
        Ok(None)
    }

    pub(crate) fn demand(&self, name: &str) -> Result<(Arc<Collection>, Arc<Snapshot>)> {
        self.find(name)?.ok_or_else(|| Failure::UnknownCollection { name: name.to_owned() })
    }

    fn lock_open(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Collection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collections(&self) -> Result<Vec<ports::Collection>> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| self.folder(name).is_ok());
        names.sort_unstable();
        names.iter().filter_map(|name| self.collection(name).transpose()).collect()
    }

    pub(crate) fn collection(&self, name: &str) -> Result<Option<ports::Collection>> {
        let found = self.find(name)?;
        found.map(|(collection, snapshot)| describe(&collection, &snapshot)).transpose()
    }

    fn open_or_create(&self, name: &str, profile: &IndexProfile) -> Result<ports::Collection> {
        let folder = self.folder(name)?;
        if !editions::is_collection(&folder) {
            std::fs::create_dir_all(&self.root)?;
            Collection::create(&folder, profile)?;
        }
        let (collection, snapshot) = self.demand(name)?;
        describe(&collection, &snapshot)
    }

    /// The folder is moved away first, so that the collection disappears in one step.
    fn delete_collection(&self, name: &str) -> Result<bool> {
        let folder = self.folder(name)?;
        if !editions::is_collection(&folder) {
            return Ok(false);
        }
        let _turn = editions::turn(&folder, name)?;
        let lock = match self.find(name) {
            Ok(Some((collection, _))) => Some(collection.lock(&self.writer)?),
            // A damaged collection or one of another format has no writers, and deleting it is the way out.
            _ => None,
        };
        let doomed = self.root.join(format!(".deleted-{name}-{}", std::process::id()));
        std::fs::rename(&folder, &doomed)?;
        self.lock_open().remove(name);
        drop(lock);
        std::fs::remove_dir_all(&doomed)?;
        Ok(true)
    }

    /// Works on the edition that answers, and once more if another one took its place meanwhile.
    fn on_live<T>(&self, name: &str, work: impl Fn(&Collection) -> Result<T>) -> Result<T> {
        loop {
            let (collection, _) = self.demand(name)?;
            match work(&collection) {
                Err(Failure::Replaced { .. }) => {}
                done => return done.map_err(|failure| failure.in_collection(name)),
            }
        }
    }

    fn upsert(&self, name: &str, documents: &[IndexDocument]) -> Result<String> {
        if documents.is_empty() {
            return Ok(self.demand(name)?.1.generation.clone());
        }
        let stored = self.on_live(name, |collection| collection.put(&self.writer, documents, |_| Ok(true)))?;
        Ok(stored.unwrap_or_default())
    }

    /// From the edition that answers first: what is made anew beside it looks there before it stores a document.
    fn delete(&self, name: &str, ids: &[String]) -> Result<Deleted> {
        let expunge = |collection: &Collection| Ok((collection.expunge(&self.writer, ids)?, collection.live_edition()));
        let (mut deleted, done) = self.on_live(name, expunge)?;
        let home = self.folder(name)?;
        for number in editions::all(&home)?.into_iter().filter(|number| Some(*number) != done) {
            let kept = |cause| Failure::Kept { name: name.to_owned(), cause: Box::new(cause) };
            deleted.rewritten.extend(self.expunge_kept(name, &home, number, ids).map_err(kept)?);
        }
        Ok(deleted)
    }

    /// Returns the segments of an edition that held records of documents.
    fn expunge_kept(&self, name: &str, home: &Path, number: u32, ids: &[String]) -> Result<Vec<String>> {
        let folder = editions::folder(home, number);
        if !Collection::exists(&folder)? {
            editions::remove(home, number)?;
            return Ok(Vec::new());
        }
        Ok(Collection::open(name, &folder)?.expunge(&self.writer, ids)?.rewritten)
    }

    fn remains(&self, name: &str, id: &str, words: &[String]) -> Result<Vec<Remains>> {
        let (collection, snapshot) = self.demand(name)?;
        let home = self.folder(name)?;
        let mut found = vec![Remains::find(&collection, &snapshot, id, words)?];
        let previous = Editions::read(&home)?.previous;
        for number in editions::all(&home)?.into_iter().filter(|number| Some(*number) != collection.live_edition()) {
            let edition = if previous == Some(number) { "previous" } else { "unfinished" };
            let remains = kept_remains(name, &home, number, |kept, snapshot| Remains::find(kept, snapshot, id, words))?;
            found.push(Remains { edition: Some(edition), ..remains });
        }
        Ok(found)
    }

    fn seal(&self, name: &str, is_out: &dyn Fn(&str) -> bool) -> Result<Sealed> {
        self.on_live(name, |collection| collection.seal(&self.writer, is_out))
    }
}

/// What an edition holds that does not answer.
fn kept_remains(
    name: &str,
    home: &Path,
    number: u32,
    find: impl FnOnce(&Collection, &Snapshot) -> Result<Remains>,
) -> Result<Remains> {
    let folder = editions::folder(home, number);
    if Collection::exists(&folder)? {
        let kept = Collection::open(name, &folder)?;
        if let Some(snapshot) = kept.snapshot()? {
            return find(&kept, &snapshot);
        }
    }
    Ok(Remains::of_rubbish(editions::files(home, number)?))
}

/// True for what a collection may be called.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=NAME_LIMIT).contains(&name.len())
        && name.bytes().all(|b| plain(b) || matches!(b, b'-' | b'_'))
        && name.bytes().next().is_some_and(plain)
}

pub(crate) fn check_name(name: &str) -> Result<()> {
    if is_name(name) { Ok(()) } else { Err(Failure::BadName { name: name.to_owned() }) }
}

pub(crate) fn describe(collection: &Collection, snapshot: &Snapshot) -> Result<ports::Collection> {
    Ok(ports::Collection {
        name: collection.name().to_owned(),
        generation: snapshot.generation.clone(),
        profile: collection.profile().clone(),
        documents: snapshot.count(Kind::Document)?,
        chunks: snapshot.count(Kind::Chunk)?,
        bytes: collection.bytes(),
    })
}

#[async_trait]
impl ChunkIndex for EmbeddedIndex {
    async fn collections(&self) -> docent_engine::Result<Vec<ports::Collection>> {
        self.run(Inner::collections).await
    }

    async fn collection(&self, name: &str) -> docent_engine::Result<Option<ports::Collection>> {
        let name = name.to_owned();
        self.run(move |inner| inner.collection(&name)).await
    }

    async fn open_or_create(&self, name: &str, profile: &IndexProfile) -> docent_engine::Result<ports::Collection> {
        let (made, wanted) = (name.to_owned(), profile.clone());
        let opened = self.run(move |inner| inner.open_or_create(&made, &wanted)).await?;
        opened.profile.accept(name, profile)?;
        Ok(opened)
    }

    async fn delete_collection(&self, name: &str) -> docent_engine::Result<bool> {
        let name = name.to_owned();
        self.run(move |inner| inner.delete_collection(&name)).await
    }

    async fn upsert(&self, collection: &str, documents: Vec<IndexDocument>) -> docent_engine::Result<String> {
        let name = collection.to_owned();
        self.run(move |inner| inner.upsert(&name, &documents)).await
    }

    async fn delete(&self, collection: &str, document_ids: &[String]) -> docent_engine::Result<Deleted> {
        let (name, ids) = (collection.to_owned(), document_ids.to_owned());
        self.run(move |inner| inner.delete(&name, &ids)).await
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> docent_engine::Result<Vec<Document>> {
        let (name, after) = (collection.to_owned(), after.map(str::to_owned));
        self.run(move |inner| inner.demand(&name)?.1.documents(after.as_deref(), limit)).await
    }

    async fn document(&self, collection: &str, id: &str) -> docent_engine::Result<Option<Document>> {
        let (name, id) = (collection.to_owned(), id.to_owned());
        self.run(move |inner| inner.demand(&name)?.1.document(&id)).await
    }

    async fn pages(
        &self,
        collection: &str,
        document_id: &str,
        indices: &[u32],
    ) -> docent_engine::Result<Vec<(u32, Page)>> {
        let (name, id, places) = (collection.to_owned(), document_id.to_owned(), indices.to_owned());
        self.run(move |inner| inner.demand(&name)?.1.pages(&id, &places)).await
    }

    async fn vectors(
        &self,
        collection: &str,
        texts: &[TextKey],
        _documents: &[String],
    ) -> docent_engine::Result<HashMap<TextKey, Vec<f32>>> {
        let (name, texts) = (collection.to_owned(), texts.to_owned());
        self.run(move |inner| inner.demand(&name)?.1.vectors_of(&texts)).await
    }

    async fn search(&self, collection: &str, request: &SearchRequest) -> docent_engine::Result<SearchResponse> {
        let (name, request) = (collection.to_owned(), request.clone());
        self.run(move |inner| {
            let (collection, snapshot) = inner.demand(&name)?;
            answer(&name, collection.profile(), &snapshot, &request)
        })
        .await
    }

    async fn new_edition(
        &self,
        collection: &str,
        profile: &IndexProfile,
    ) -> docent_engine::Result<Arc<dyn NewEdition>> {
        self.begin(collection, profile).await
    }

    async fn previous_edition(&self, collection: &str) -> docent_engine::Result<Option<ports::Collection>> {
        self.previous(collection).await
    }

    async fn forget_editions(&self, collection: &str) -> docent_engine::Result<Option<u64>> {
        self.forget(collection).await
    }
}
