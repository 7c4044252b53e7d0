//! [`ChunkIndex`] on published generations: read-only, always answering, never far behind.

use super::manifest::{Looked, Manifest};
use super::scratch::Scratch;
use super::store::{Store, Version};
use crate::collection::Collection;
use crate::embedded::check_name;
use crate::error::{Failure, Result};
use crate::search::answer;
use crate::snapshot::Snapshot;
use async_trait::async_trait;
use docent_core::{Document, Page, Timestamp};
use docent_engine::Clock;
use docent_engine::ports::{
    self, ChunkIndex, Deleted, IndexDocument, IndexProfile, SearchRequest, SearchResponse, TextInFiles,
};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// How often the first generation is fetched anew when its files disappear.
const ATTEMPTS: usize = 3;

/// How a reader behaves.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// Where generations are copied to; on Lambda the temporary folder.
    pub scratch: PathBuf,
    /// How often the pointer is looked at, at most; a question after that time pays for the look.
    pub look_every: Duration,
    /// When the pointer was not read for longer than this, a question waits for a look and for the generation that is found:
    /// a process that was frozen for an hour does not wake up with what was deleted meanwhile.
    pub stale_after: Duration,
    /// How long a question waits for that; then the old one answers all the same.
    pub patience: Duration,
    /// How long a generation that was replaced still serves the questions that began with it.
    pub linger: Duration,
}

impl ReaderSettings {
    /// The usual times, with this scratch folder.
    pub fn new(scratch: PathBuf) -> Self {
        Self {
            scratch,
            look_every: Duration::from_secs(15),
            stale_after: Duration::from_secs(60),
            patience: Duration::from_secs(20),
            linger: Duration::from_secs(180),
        }
    }
}

/// Published collections, for reading.
///
/// Opening costs nothing; a collection's live generation is fetched when it is first asked for. Calls must be made inside
/// a tokio runtime.
#[derive(Clone)]
pub struct PublishedIndex {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    settings: ReaderSettings,
    clock: Clock,
    watched: Mutex<HashMap<String, Arc<Watched>>>,
}

/// A generation that is here and mapped.
struct Open {
    manifest: Arc<Manifest>,
    snapshot: Snapshot,
}

/// What is known of a collection.
struct Watched {
    name: String,
    scratch: Scratch,
    state: Mutex<State>,
    /// Held by the one who looks and fetches.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    live: Option<Arc<Open>>,
    /// What the pointer named when it was last read.
    seen: Option<Seen>,
    /// When it was last tried to look.
    looked_at: Option<Timestamp>,
    /// When the pointer was last read, whatever it said.
    read_at: Option<Timestamp>,
    /// The generation before, and when it was replaced.
    before: Option<(Arc<Open>, Timestamp)>,
    /// A failure has been logged, and nothing has succeeded since.
    is_failing: bool,
}

/// What a pointer named, and which version of it.
#[derive(Clone)]
struct Seen {
    manifest: Arc<Manifest>,
    version: Version,
}

impl State {
    /// The live generation, if the last look is recent enough. A clock that was set back counts as time gone by.
    fn recent(&self, now: Timestamp, limit: Duration) -> Option<Arc<Open>> {
        within(self.looked_at, now, limit).then(|| self.live.clone()).flatten()
    }
}

fn within(moment: Option<Timestamp>, now: Timestamp, limit: Duration) -> bool {
    moment.is_some_and(|moment| moment <= now && now.since(moment) < limit)
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A generation that has arrived answers from now on.
    fn replace(&self, open: &Arc<Open>, now: Timestamp) {
        let mut state = self.lock();
        state.before = state.live.take().map(|before| (before, now));
        state.live = Some(Arc::clone(open));
    }

    /// Logs a failure, the first of a row.
    fn complain(&self, failure: &Failure) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.is_failing, true) {
            let cause = std::error::Error::source(failure).map(ToString::to_string);
            tracing::warn!(collection = self.name, error = %failure, cause, "no newer generation; the old one answers");
        }
    }
}

impl PublishedIndex {
    /// The collections that are published in a store.
    pub fn open(store: Store, settings: ReaderSettings, clock: Clock) -> Self {
        Self { inner: Arc::new(Inner { store, settings, clock, watched: Mutex::default() }) }
    }

    fn watched(&self, name: &str) -> Arc<Watched> {
        let mut all = self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let scratch = Scratch::new(&self.inner.settings.scratch, &self.inner.store, name);
            Arc::new(Watched { name: name.to_owned(), scratch, state: Mutex::default(), turn: Arc::default() })
        };
        Arc::clone(all.entry(name.to_owned()).or_insert_with(new))
    }

    /// The generation that answers now.
    async fn current(&self, name: &str) -> Result<Arc<Open>> {
        check_name(name)?;
        let watched = self.watched(name);
        let settings = &self.inner.settings;
        let now = (self.inner.clock)();
        let (recent, live, is_stale) = {
            let state = watched.lock();
            let is_stale = !within(state.read_at, now, settings.stale_after);
            (state.recent(now, settings.look_every), state.live.clone(), is_stale)
        };
        match (recent, live) {
            (Some(open), _) if !is_stale => Ok(open),
            (_, None) => self.first(&watched).await,
            (_, Some(live)) if is_stale => {
                let waited = tokio::time::timeout(settings.patience, self.take_turn(&watched, false)).await;
                match waited {
                    Ok(newest) => newest,
                    Err(_) => Ok(live),
                }
            }
            (_, Some(live)) => match Arc::clone(&watched.turn).try_lock_owned() {
                Ok(turn) => self.look(&watched, turn, true).await,
                // Somebody else is looking or fetching.
                Err(_) => Ok(live),
            },
        }
    }

    /// The first generation. One that was purged while it was fetched has a successor.
    async fn first(&self, watched: &Arc<Watched>) -> Result<Arc<Open>> {
        let mut attempt = 1;
        loop {
            match self.take_turn(watched, false).await {
                Err(Failure::DamagedGeneration { .. }) if attempt < ATTEMPTS => attempt += 1,
                opened => return opened,
            }
        }
    }

    async fn take_turn(&self, watched: &Arc<Watched>, may_go_on: bool) -> Result<Arc<Open>> {
        let turn = Arc::clone(&watched.turn).lock_owned().await;
        let recent = watched.lock().recent((self.inner.clock)(), self.inner.settings.look_every);
        match recent {
            Some(open) => Ok(open),
            None => self.look(watched, turn, may_go_on).await,
        }
    }

    /// Looks at the pointer and fetches what it names. With `may_go_on` the old generation answers meanwhile.
    async fn look(&self, watched: &Arc<Watched>, turn: OwnedMutexGuard<()>, may_go_on: bool) -> Result<Arc<Open>> {
        let found = self.find(watched).await;
        let live = watched.lock().live.clone();
        match (found, live) {
            (Ok(Some(manifest)), Some(live)) if live.manifest == manifest => {
                self.tidy(watched, false);
                Ok(live)
            }
            (Ok(Some(manifest)), live) => {
                let (index, task) = (self.clone(), Arc::clone(watched));
                let fetched = tokio::spawn(async move {
                    let _turn = turn;
                    index.fetch(&task, manifest).await
                });
                match live {
                    Some(live) if may_go_on => Ok(live),
                    live => fetched.await.map_err(|_| Failure::Died)?.or_else(|failure| live.ok_or(failure)),
                }
            }
            (Ok(None), _) => {
                *watched.lock() = State::default();
                Err(self.inner.store.absence(&watched.name).await?)
            }
            (Err(failure), Some(live)) => {
                watched.complain(&failure);
                Ok(live)
            }
            (Err(failure), None) => Err(failure),
        }
    }

    /// What the pointer names; none if there is no pointer.
    async fn find(&self, watched: &Watched) -> Result<Option<Arc<Manifest>>> {
        let now = (self.inner.clock)();
        let known = {
            let mut state = watched.lock();
            state.looked_at = Some(now);
            state.seen.clone()
        };
        let looked = self.inner.store.look(&watched.name, known.as_ref().map(|seen| &seen.version)).await?;
        let seen = match looked {
            Looked::Unchanged => known,
            Looked::Missing => None,
            Looked::Changed(pointer, version) => {
                let manifest = Arc::new(self.inner.store.live_manifest(&watched.name, &pointer).await?);
                Some(Seen { manifest, version })
            }
        };
        let manifest = seen.as_ref().map(|seen| Arc::clone(&seen.manifest));
        let mut state = watched.lock();
        (state.seen, state.read_at) = (seen, Some(now));
        Ok(manifest)
    }

    async fn fetch(&self, watched: &Arc<Watched>, manifest: Arc<Manifest>) -> Result<Arc<Open>> {
        match self.bring(watched, manifest).await {
            Ok(open) => {
                watched.replace(&open, (self.inner.clock)());
                self.tidy(watched, true);
                Ok(open)
            }
            Err(failure) => {
                let is_answering = watched.lock().live.is_some();
                if is_answering {
                    watched.complain(&failure);
                }
                Err(failure)
            }
        }
    }

    /// Fetches and opens; what cannot be opened is fetched once more, as a machine that lost its power may have left it.
    async fn bring(&self, watched: &Watched, manifest: Arc<Manifest>) -> Result<Arc<Open>> {
        match self.open_once(watched, Arc::clone(&manifest)).await {
            Err(Failure::Damaged { .. }) => {
                watched.scratch.discard(&manifest)?;
                self.open_once(watched, manifest).await
            }
            opened => opened,
        }
    }

    async fn open_once(&self, watched: &Watched, manifest: Arc<Manifest>) -> Result<Arc<Open>> {
        let folder = watched.scratch.fetch(&self.inner.store, &manifest).await?;
        let name = watched.name.clone();
        let open = move || {
            let collection = Collection::open(&name, &folder).map_err(|failure| failure.in_collection(&name))?;
            let snapshot =
                collection.published(&manifest.generation).map_err(|failure| failure.in_collection(&name))?;
            Ok(Arc::new(Open { manifest, snapshot }))
        };
        tokio::task::spawn_blocking(open).await.map_err(|_| Failure::Died)?
    }

    /// The live generation is the newest. When one has come or one is not needed any more, everything else goes.
    fn tidy(&self, watched: &Watched, has_come: bool) {
        let now = (self.inner.clock)();
        let mut state = watched.lock();
        state.is_failing = false;
        let is_needed = |(_, since): &(Arc<Open>, Timestamp)| within(Some(*since), now, self.inner.settings.linger);
        let (before, over) = match state.before.take() {
            Some(before) if is_needed(&before) => (Some(before), false),
            before => (None, before.is_some()),
        };
        state.before = before;
        if has_come || over {
            let kept = state.live.iter().chain(state.before.iter().map(|(open, _)| open));
            let kept: Vec<_> = kept.map(|open| &*open.manifest).collect();
            if let Err(error) = watched.scratch.retain(&kept) {
                tracing::debug!(collection = watched.name, %error, "the scratch folder was not tidied");
            }
        }
    }

    /// The live generation, or the one before if that is the one that is asked for.
    async fn at(&self, name: &str, generation: &str) -> Result<Arc<Open>> {
        let known = {
            let watched = self.watched(name);
            let state = watched.lock();
            let open = state.live.iter().chain(state.before.iter().map(|(open, _)| open));
            open.into_iter().find(|open| open.manifest.generation == generation).cloned()
        };
        match known {
            Some(open) => Ok(open),
            None => self.current(name).await,
        }
    }

    /// The manifest of the generation that answers, or would if it were fetched.
    async fn manifest(&self, name: &str) -> Result<Option<Arc<Manifest>>> {
        check_name(name)?;
        let watched = self.watched(name);
        let (now, is_here) = ((self.inner.clock)(), watched.lock().live.is_some());
        let found = if is_here {
            self.current(name).await.map(|open| Arc::clone(&open.manifest))
        } else {
            let recent = {
                let state = watched.lock();
                let recent = within(state.looked_at, now, self.inner.settings.look_every);
                state.seen.clone().filter(|_| recent).map(|seen| seen.manifest)
            };
            match recent {
                Some(manifest) => Ok(manifest),
                None => match self.find(&watched).await? {
                    Some(manifest) => Ok(manifest),
                    None => Err(self.inner.store.absence(name).await?),
                },
            }
        };
        match found {
            Err(Failure::NotPublished { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    async fn run<T, F>(open: Arc<Open>, work: F) -> docent_engine::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Open) -> Result<T> + Send + 'static,
    {
        Ok(tokio::task::spawn_blocking(move || work(&open)).await.map_err(|_| Failure::Died)??)
    }

    fn read_only<T>(&self) -> docent_engine::Result<T> {
        Err(Failure::ReadOnly { place: self.inner.store.place().to_string() }.into())
    }
}

#[async_trait]
impl ChunkIndex for PublishedIndex {
    async fn collections(&self) -> docent_engine::Result<Vec<ports::Collection>> {
        let names = self.inner.store.published_collections().await?;
        let described = names.iter().map(|name| self.manifest(name));
        let manifests = futures::future::try_join_all(described).await?;
        Ok(manifests.iter().flatten().map(|manifest| manifest.describe()).collect())
    }

    async fn collection(&self, name: &str) -> docent_engine::Result<Option<ports::Collection>> {
        Ok(self.manifest(name).await?.map(|manifest| manifest.describe()))
    }

    async fn open_or_create(&self, _: &str, _: &IndexProfile) -> docent_engine::Result<ports::Collection> {
        self.read_only()
    }

    async fn delete_collection(&self, _: &str) -> docent_engine::Result<bool> {
        self.read_only()
    }

    async fn upsert(&self, _: &str, _: Vec<IndexDocument>) -> docent_engine::Result<String> {
        self.read_only()
    }

    /// Of documents that are not there nothing has to be removed.
    async fn delete(&self, collection: &str, document_ids: &[String]) -> docent_engine::Result<Deleted> {
        for id in document_ids {
            if self.document(collection, id).await?.is_some() {
                return self.read_only();
            }
        }
        let generation = self.current(collection).await?.snapshot.generation.clone();
        Ok(Deleted::nothing(generation, TextInFiles::Unknown))
    }

    async fn documents(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> docent_engine::Result<Vec<Document>> {
        let after = after.map(str::to_owned);
        let open = self.current(collection).await?;
        Self::run(open, move |open| open.snapshot.documents(after.as_deref(), limit)).await
    }

    async fn document(&self, collection: &str, id: &str) -> docent_engine::Result<Option<Document>> {
        let id = id.to_owned();
        Self::run(self.current(collection).await?, move |open| open.snapshot.document(&id)).await
    }

    async fn pages(
        &self,
        collection: &str,
        document_id: &str,
        indices: &[u32],
    ) -> docent_engine::Result<Vec<(u32, Page)>> {
        let (id, places) = (document_id.to_owned(), indices.to_owned());
        Self::run(self.current(collection).await?, move |open| open.snapshot.pages(&id, &places)).await
    }

    async fn pages_at(
        &self,
        collection: &str,
        generation: &str,
        document_id: &str,
        indices: &[u32],
    ) -> docent_engine::Result<Vec<(u32, Page)>> {
        let (id, places) = (document_id.to_owned(), indices.to_owned());
        Self::run(self.at(collection, generation).await?, move |open| open.snapshot.pages(&id, &places)).await
    }

    async fn search(&self, collection: &str, request: &SearchRequest) -> docent_engine::Result<SearchResponse> {
        let request = request.clone();
        let open = self.current(collection).await?;
        Self::run(open, move |open| {
            let Manifest { collection, profile, .. } = &*open.manifest;
            answer(collection, profile, &open.snapshot, &request)
        })
        .await
    }
}
