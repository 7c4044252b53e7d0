//! Folders and a place to publish to, for one test.

use docent_core::{SearchMode, Timestamp};
use docent_engine::Clock;
use docent_engine::ports::{ChunkIndex, IndexDocument};
use docent_index::remote::{Access, Generations, Place, Publication, Published, PublishedIndex, ReaderSettings, Store};
use docent_index::{EmbeddedIndex, Settings};
use docent_testkit::chunk_index::{document, found, leaning, profile, question};
use docent_testkit::ministack::Ministack;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// The collection of most tests.
pub(crate) const TEA: &str = "tea";

/// A place to publish to, with folders around it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    place: String,
    access: Access,
    _server: Option<Ministack>,
}

impl Site {
    pub(crate) fn folder() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = format!("file://{}", folder.path().join("a store").display());
        Self { folder, place, access: Access::default(), _server: None }
    }

    /// None where there is no S3.
    pub(crate) fn bucket() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Ministack::start(folder.path())?;
        server.make_bucket("docs");
        let access = Access { variables: server.variables(), ..Access::default() };
        Some(Self { folder, place: "s3://docs/some/prefix".to_owned(), access, _server: Some(server) })
    }

    /// Both, as far as they are there.
    pub(crate) fn all() -> Vec<Self> {
        std::iter::once(Self::folder()).chain(Self::bucket()).collect()
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where a folder's objects are.
    pub(crate) fn objects(&self) -> PathBuf {
        self.path("a store")
    }

    pub(crate) fn store(&self) -> Store {
        Store::connect(Place::parse(&self.place).expect("a place"), &self.access).expect("a store")
    }

    pub(crate) fn generations(&self) -> Generations {
        Generations::new(self.store(), self.path("scratch"))
    }

    /// A local index of this name.
    pub(crate) fn index(&self, name: &str) -> EmbeddedIndex {
        EmbeddedIndex::open(self.path(name), Settings::default())
    }

    /// A local index with documents in [`TEA`].
    pub(crate) async fn index_with(&self, name: &str, documents: &[(&str, &str)]) -> EmbeddedIndex {
        let index = self.index(name);
        index.open_or_create(TEA, &profile()).await.expect("a collection");
        put(&index, documents).await;
        index
    }

    pub(crate) async fn publish(&self, index: &EmbeddedIndex) -> Published {
        self.generations().publish(index, TEA, &publication()).await.expect("published")
    }

    pub(crate) fn reader(&self, time: &Time) -> PublishedIndex {
        self.reader_in("reader", time)
    }

    pub(crate) fn reader_in(&self, scratch: &str, time: &Time) -> PublishedIndex {
        PublishedIndex::open(self.store(), ReaderSettings::new(self.path(scratch)), time.clock())
    }

    /// How many documents a reader finds that has never been here.
    pub(crate) async fn count_afresh(&self) -> usize {
        let reader = self.fresh_reader();
        reader.documents(TEA, None, 1_000).await.expect("an answer").len()
    }

    /// What a reader finds that has never been here.
    pub(crate) async fn found_afresh(&self, words: &str) -> Vec<String> {
        find(&self.fresh_reader(), words).await
    }

    fn fresh_reader(&self) -> PublishedIndex {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let scratch = format!("fresh-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.reader_in(&scratch, &Time::default())
    }
}

/// Ids of so many documents, which all say "tea".
pub(crate) fn many(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (format!("d{number:02}"), format!("tea {number}"))).collect()
}

/// Borrowed, as the others take them.
pub(crate) fn borrowed(documents: &[(String, String)]) -> Vec<(&str, &str)> {
    documents.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect()
}

/// One commit with these documents, by id and text.
pub(crate) async fn put(index: &EmbeddedIndex, documents: &[(&str, &str)]) {
    let documents: Vec<IndexDocument> =
        documents.iter().map(|(id, text)| document(id, &[text], &leaning(1, 0.5))).collect();
    index.upsert(TEA, documents).await.expect("stored");
}

/// Ids of the chunks that words find, sorted.
pub(crate) async fn find(index: &dyn ChunkIndex, words: &str) -> Vec<String> {
    let request = question(SearchMode::Bm25, words, Vec::new());
    let mut found = found(index, TEA, &request).await;
    found.sort();
    found
}

/// The generation that answers.
pub(crate) async fn answering(index: &dyn ChunkIndex) -> String {
    let request = question(SearchMode::Hybrid, "tea", leaning(1, 0.5));
    index.search(TEA, &request).await.expect("an answer").generation
}

pub(crate) fn publication() -> Publication {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let id = format!("upload-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    Publication { id, created_at: Timestamp::from_millis(1_795_392_000_000) }
}

/// A clock that is moved by hand.
#[derive(Clone, Default)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    pub(crate) fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_millis(1_795_392_000_000 + time.load(Ordering::SeqCst)))
    }

    pub(crate) fn pass(&self, duration: Duration) {
        self.0.fetch_add(duration.as_millis() as i64, Ordering::SeqCst);
    }
}
