//! A whole engine in a temporary folder: the real index and query store, a scripted generator, a clock that tests set.

use docent_core::query::QueryRequest;
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind, Timestamp};
use docent_engine::ingest::{IngestSummary, Parse};
use docent_engine::ports::{Embedder, Generator, KeyStore, Meter, QueryStore};
use docent_engine::progress::Progress;
use docent_engine::uploads::{UploadSettings, Uploads};
use docent_engine::webhooks::Webhooks;
use docent_engine::worker::{WorkQueue, in_process};
use docent_engine::{Engine, Settings};
use docent_index::EmbeddedIndex;
use docent_sqlite::SqliteQueryStore;
use docent_testkit::provider::HashedEmbedder;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) engine: Arc<Engine>,
    pub(crate) embedder: Arc<HashedEmbedder>,
    pub(crate) queue: Option<WorkQueue>,
    pub(crate) store: Arc<SqliteQueryStore>,
    now: Arc<AtomicI64>,
}

impl House {
    pub(crate) fn new(generator: impl Generator + 'static) -> Self {
        Self::with_settings(generator, Settings::default())
    }

    pub(crate) fn with_settings(generator: impl Generator + 'static, settings: Settings) -> Self {
        Self::built(generator, settings, Webhooks::default(), None)
    }

    /// One that tells when queries have ended.
    pub(crate) fn telling(generator: impl Generator + 'static, webhooks: Webhooks) -> Self {
        Self::built(generator, Settings::default(), webhooks, None)
    }

    /// The house as the next process finds it.
    pub(crate) fn rebuilt(self, generator: impl Generator + 'static, webhooks: Webhooks) -> Self {
        let Self { folder, now, .. } = self;
        Self::built(generator, Settings::default(), webhooks, Some((folder, now)))
    }

    fn built(
        generator: impl Generator + 'static,
        settings: Settings,
        webhooks: Webhooks,
        before: Option<(tempfile::TempDir, Arc<AtomicI64>)>,
    ) -> Self {
        let new = || (tempfile::tempdir().expect("a folder"), Arc::new(AtomicI64::new(1_800_000_000_000)));
        let (folder, now) = before.unwrap_or_else(new);
        let (dispatcher, queue) = in_process();
        let clock = Arc::clone(&now);
        let store = SqliteQueryStore::open(&folder.path().join("queries.db"), &docent_sqlite::Settings::default());
        let store = Arc::new(store.expect("opened"));
        let embedder = Arc::new(HashedEmbedder::default());
        let engine = Engine {
            embedder: Arc::clone(&embedder) as Arc<dyn Embedder>,
            generator: Arc::new(generator),
            index: Arc::new(EmbeddedIndex::open(folder.path().join("index"), docent_index::Settings::default())),
            queries: Arc::clone(&store) as Arc<dyn QueryStore>,
            keys: Arc::clone(&store) as Arc<dyn KeyStore>,
            meter: Arc::clone(&store) as Arc<dyn Meter>,
            dispatcher: Arc::new(dispatcher),
            tokenize: Arc::new(word_starts),
            clock: Arc::new(move || Timestamp::from_millis(clock.load(Ordering::SeqCst))),
            progress: Progress::default(),
            webhooks,
            settings,
        };
        Self { folder, engine: Arc::new(engine), embedder, queue: Some(queue), store, now }
    }

    /// An engine on everything that this one has, but for the store of queries.
    pub(crate) fn engine_with(&self, queries: Arc<dyn QueryStore>) -> Engine {
        let engine = &self.engine;
        Engine {
            embedder: Arc::clone(&engine.embedder),
            generator: Arc::clone(&engine.generator),
            index: Arc::clone(&engine.index),
            queries,
            keys: Arc::clone(&engine.keys),
            meter: Arc::clone(&engine.meter),
            dispatcher: Arc::clone(&engine.dispatcher),
            tokenize: Arc::clone(&engine.tokenize),
            clock: Arc::clone(&engine.clock),
            progress: Progress::default(),
            webhooks: Webhooks::default(),
            settings: engine.settings.clone(),
        }
    }

    /// An engine on everything that this one has, with another embedding model and other chunks.
    pub(crate) fn with_model(&self, embedder: Arc<dyn Embedder>, tokens_max: usize) -> Engine {
        let mut engine = self.engine_with(Arc::clone(&self.engine.queries));
        engine.embedder = embedder;
        engine.settings.chunking.tokens_max = tokens_max;
        engine
    }

    pub(crate) fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).expect("short");
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.engine.clock)()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join("docs").join(name);
        std::fs::create_dir_all(path.parent().expect("below docs")).expect("made");
        std::fs::write(&path, text).expect("written");
        path
    }

    pub(crate) async fn ingest(&self) -> (IngestSummary, Vec<docent_engine::ingest::FileReport>) {
        self.ingest_into("default").await
    }

    pub(crate) async fn ingest_into(
        &self,
        collection: &str,
    ) -> (IngestSummary, Vec<docent_engine::ingest::FileReport>) {
        let mut reports = Vec::new();
        let mut tell = |event| {
            if let docent_engine::ingest::IngestEvent::Done(report) = event {
                reports.push(report);
            }
        };
        let docs = [self.folder.path().join("docs")];
        let summary = self.engine.ingest(collection, &docs, parser(), &mut tell).await.expect("ingested");
        reports.sort_by(|a, b| a.file.cmp(&b.file));
        (summary, reports)
    }

    /// Takes in files of at most a kilobyte, which `parse` reads.
    pub(crate) fn uploads(&self, parse: Parse, keep_originals: bool) -> Arc<Uploads> {
        self.uploads_of(Arc::clone(&self.engine), parse, keep_originals)
    }

    /// The same through another engine.
    pub(crate) fn uploads_of(&self, engine: Arc<Engine>, parse: Parse, keep_originals: bool) -> Arc<Uploads> {
        let settings = UploadSettings { folder: self.folder.path().join("uploads"), file_bytes: 1_024, keep_originals };
        let store = Arc::clone(&self.store);
        Arc::new(Uploads::new(engine, store, parse, Arc::new(recognise), settings))
    }

    /// Names of the files that arrive or wait.
    pub(crate) fn incoming(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("uploads/incoming")) else { return Vec::new() };
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// A collection with two documents about leave.
    pub(crate) async fn furnished(self) -> Self {
        self.write("leave.txt", "Annual leave is 25 days. It is requested two weeks ahead.");
        self.write("sick.txt", "Sick leave is paid in full for ten weeks.");
        self.ingest().await;
        self
    }
}

pub(crate) fn question(text: &str) -> QueryRequest {
    QueryRequest { text: text.to_owned(), collection: "default".to_owned(), top_k: 5, ..QueryRequest::default() }
}

/// Apple's files are not read, and a text that begins as a PDF does is none.
fn recognise(filename: &str, head: Option<&[u8]>) -> Option<Refusal> {
    if filename.ends_with(".pages") {
        return Some(Refusal::new(RefusalKind::Unsupported, "Apple Pages files are not read"));
    }
    let is_pdf = head.is_some_and(|head| head.starts_with(b"%PDF"));
    is_pdf.then(|| Refusal::new(RefusalKind::Corrupt, "the file is named .txt but contains PDF data"))
}

/// Reads text files as one page; a file that says so is refused.
pub(crate) fn parser() -> Parse {
    Arc::new(|path: &Path, _name: &str| {
        let text = std::fs::read_to_string(path).expect("the tests write text");
        if text.starts_with("REFUSE") {
            return Err(Refusal::new(RefusalKind::Corrupt, "it says so itself"));
        }
        let pages = vec![Page { number: Some(1), heading_path: Vec::new(), text }];
        Ok(ParsedDocument {
            format: Format::Text,
            title: None,
            pages,
            warnings: Vec::new(),
            unreadable_pages: Vec::new(),
            ocr: None,
        })
    })
}

fn word_starts(text: &str) -> Vec<u32> {
    let mut starts = Vec::new();
    let mut inside = false;
    for (at, c) in text.char_indices() {
        if !c.is_whitespace() && !inside {
            starts.push(u32::try_from(at).expect("short"));
        }
        inside = !c.is_whitespace();
    }
    starts
}
