//! The way in: find files, skip what has not changed, parse, chunk, embed, store.
//!
//! Files are parsed a few at a time and their chunks are embedded and committed in batches, so memory stays flat however
//! many files there are, and a killed run loses at most the batch it was working on: the next run skips all that was
//! committed, because a document's record with its content hash is committed together with its chunks.

use crate::Engine;
use crate::embedding::Reach;
use crate::error::{Error, Result};
use crate::ocr::{self, Ocr};
use crate::ports::{IndexDocument, IndexProfile};
use crate::source::{self, SourceFile};
use docent_core::chunking::{CHUNKING_RULES, ChunkOrigin, ChunkSettings, chunk_pages};
use docent_core::{Chunk, Document, Format, IngestOutcome, Page, ParsedDocument, Refusal, RefusalKind, Timestamp};
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Chunks that are stored in one commit, unless one document alone has more.
pub(crate) const BATCH_CHUNKS: usize = 1_024;

/// Turns a file into pages; blocking. The composition root passes the sandboxed parser.
pub type Parse = Arc<dyn Fn(&Path, &str) -> std::result::Result<ParsedDocument, Refusal> + Send + Sync>;
/// Says where each token of a text begins, in bytes.
pub type Tokenize = Arc<dyn Fn(&str) -> Vec<u32> + Send + Sync>;

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Path to show.
    pub file: String,
    /// The document's id.
    pub document_id: String,
    /// What happened.
    pub outcome: IngestOutcome,
    /// Why, for a refusal; begins with the kind.
    pub reason: Option<String>,
    /// What the file was recognised as, unless it was refused.
    pub format: Option<Format>,
    /// Pages (or sections).
    pub pages: u32,
    /// Characters of text.
    pub characters: u64,
    /// Chunks.
    pub chunks: u32,
    /// Pages without readable text.
    pub unreadable_pages: Vec<u32>,
    /// What else there is to say.
    pub warnings: Vec<String>,
}

/// What an ingest tells while it runs.
#[derive(Clone, Debug)]
pub enum IngestEvent {
    /// So many files will be looked at.
    Found {
        /// Their number.
        files: usize,
    },
    /// A file has been parsed and its chunks wait to be embedded.
    Parsed {
        /// Path to show.
        file: String,
    },
    /// A file is done: stored, unchanged or refused.
    Done(FileReport),
}

/// Counts over all files of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IngestSummary {
    /// New documents.
    pub added: u32,
    /// Replaced documents.
    pub updated: u32,
    /// Skipped, as their bytes have not changed.
    pub unchanged: u32,
    /// Stored with pages that could not be read.
    pub partial: u32,
    /// Refused files.
    pub refused: u32,
    /// Documents that were removed, as their file is gone; a sync's doing only.
    #[serde(skip_serializing_if = "is_zero")]
    pub deleted: u32,
    /// Pages stored.
    pub pages: u64,
    /// Chunks stored.
    pub chunks: u64,
    /// The collection's generation afterwards.
    pub generation: String,
}

const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl IngestSummary {
    fn count(&mut self, report: &FileReport) {
        match report.outcome {
            IngestOutcome::Added => self.added += 1,
            IngestOutcome::Updated => self.updated += 1,
            IngestOutcome::Unchanged => self.unchanged += 1,
            IngestOutcome::Partial => self.partial += 1,
            IngestOutcome::Refused => self.refused += 1,
            IngestOutcome::Deleted => self.deleted += 1,
        }
        if matches!(report.outcome, IngestOutcome::Added | IngestOutcome::Updated | IngestOutcome::Partial) {
            self.pages += u64::from(report.pages);
            self.chunks += u64::from(report.chunks);
        }
    }
}

/// A parsed and chunked document on its way to the embedder.
pub(crate) struct Prepared {
    pub(crate) document: Document,
    pub(crate) pages: Vec<Page>,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) outcome: IngestOutcome,
}

/// A file that has to be read.
pub(crate) struct Wanted {
    pub(crate) file: SourceFile,
    /// Hash and size.
    pub(crate) content: (String, u64),
    /// True if the collection has another version of it.
    pub(crate) is_update: bool,
    /// The source it is synced with.
    pub(crate) source: Option<String>,
    /// That source's word for its content.
    pub(crate) version: Option<String>,
    /// True if the content is the one that is stored, and only what is known of it has to be stored anew.
    pub(crate) is_same: bool,
}

impl Wanted {
    /// A file that belongs to no source.
    fn new(file: SourceFile, content: (String, u64)) -> Self {
        Self { file, content, is_update: false, source: None, version: None, is_same: false }
    }
}

/// A file at a glance: nothing is left to do, or it has been parsed.
pub(crate) enum Looked {
    Settled(FileReport),
    Fresh(Box<Prepared>),
}

/// What turns pages into a document ready to be embedded; owned, so that it can go to another thread.
struct Preparation {
    tokenize: Tokenize,
    chunking: ChunkSettings,
    ocr: Option<Ocr>,
    now: Timestamp,
}

impl Preparation {
    /// Reads a file, unless it is known that nothing comes of it.
    fn read(&self, wanted: Wanted, parse: &Parse) -> Looked {
        let (file, content_hash) = (&wanted.file, &wanted.content.0);
        if let Some(refusal) = self.ocr.as_ref().and_then(|ocr| ocr.recall(content_hash)) {
            return Looked::Settled(refused(file, &refusal, wanted.is_update));
        }
        let parsed = parse(&file.path, &file.filename);
        if let (Some(ocr), Err(refusal)) = (&self.ocr, &parsed) {
            ocr.remember(content_hash, refusal);
        }
        self.prepare(wanted, parsed)
    }

    fn prepare(&self, wanted: Wanted, parsed: std::result::Result<ParsedDocument, Refusal>) -> Looked {
        let Wanted { file, is_update, is_same, .. } = &wanted;
        let (is_update, is_same) = (*is_update, *is_same);
        let mut parsed = match parsed {
            Ok(parsed) => parsed,
            Err(refusal) => return Looked::Settled(refused(file, &refusal, is_update)),
        };
        let title = title(&parsed, &file.filename);
        let origin = ChunkOrigin { document_id: &file.document_id, filename: &file.filename, title: &title };
        let chunks = chunk_pages(&mut parsed.pages, &origin, &self.chunking, &*self.tokenize);
        if chunks.is_empty() {
            let refusal = Refusal::new(RefusalKind::NoText, "no words were found in it");
            return Looked::Settled(refused(file, &refusal, is_update));
        }
        let outcome = if is_same { IngestOutcome::Unchanged } else { outcome(&parsed, is_update) };
        let document = record(wanted, &parsed, title, chunks.len(), self.now);
        Looked::Fresh(Box::new(Prepared { document, pages: parsed.pages, chunks, outcome }))
    }
}

impl Engine {
    /// How this engine makes chunks; what a collection must have been made with.
    pub fn profile(&self) -> IndexProfile {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        IndexProfile {
            embedding: self.embedder.model().clone(),
            chunk_tokens: number(self.settings.chunking.tokens_max),
            chunk_overlap: number(self.settings.chunking.overlap),
            chunking: CHUNKING_RULES.to_owned(),
        }
    }

    /// Takes in all files below the given paths. A bad file is reported and never stops the run.
    ///
    /// # Errors
    /// Only what concerns the whole run: the collection was made with another model, the index cannot be written.
    pub async fn ingest(
        &self,
        collection: &str,
        paths: &[PathBuf],
        parse: Parse,
        tell: &mut (dyn FnMut(IngestEvent) + Send),
    ) -> Result<IngestSummary> {
        let opened = self.index.open_or_create(collection, &self.profile()).await?;
        let mut run = Run::new(collection, opened.generation, tell);
        let (files, refused) = find_all(paths);
        (run.tell)(IngestEvent::Found { files: files.len() + refused.len() });
        refused.into_iter().for_each(|report| run.done(report));
        let looked = files.into_iter().map(|file| self.look_at(collection, file, Arc::clone(&parse)));
        self.take_in(futures::stream::iter(looked), &mut run).await?;
        Ok(run.summary)
    }

    /// Stores files as they come out of the parser, in batches.
    pub(crate) async fn take_in(
        &self,
        looked: impl Stream<Item = impl Future<Output = Result<Looked>>>,
        run: &mut Run<'_>,
    ) -> Result<()> {
        let mut looked = std::pin::pin!(looked.buffer_unordered(self.settings.parse_workers.max(1)));
        let mut batch = Batch::default();
        while let Some(looked) = looked.next().await {
            match looked? {
                Looked::Settled(report) => run.done(report),
                Looked::Fresh(prepared) if run.is_dry => run.done(report(&prepared.document, prepared.outcome)),
                Looked::Fresh(prepared) => {
                    (run.tell)(IngestEvent::Parsed { file: prepared.document.filename.clone() });
                    batch.push(*prepared);
                    if batch.chunks >= BATCH_CHUNKS {
                        self.store(std::mem::take(&mut batch), run).await?;
                    }
                }
            }
        }
        self.store(batch, run).await
    }

    pub(crate) async fn look_at(&self, collection: &str, file: SourceFile, parse: Parse) -> Result<Looked> {
        let path = file.path.clone();
        let hashed = blocking(move || source::content_hash(&path)).await?;
        let content = match hashed {
            Ok(hashed) => hashed,
            Err(refusal) => return Ok(Looked::Settled(refused(&file, &refusal, false))),
        };
        let known = self.index.document(collection, &file.document_id).await?;
        if let Some(known) = known.as_ref().filter(|known| known.content_hash == content.0)
            && !ocr::is_due(self.settings.ocr.as_ref(), known)
        {
            return Ok(Looked::Settled(report(known, IngestOutcome::Unchanged)));
        }
        let is_update = known.is_some();
        let source = known.and_then(|known| known.source);
        self.read(Wanted { is_update, source, ..Wanted::new(file, content) }, parse).await
    }

    /// Parses a file and cuts it into chunks.
    pub(crate) async fn read(&self, wanted: Wanted, parse: Parse) -> Result<Looked> {
        let prepare = self.preparation();
        blocking(move || prepare.read(wanted, &parse)).await
    }

    fn preparation(&self) -> Preparation {
        Preparation {
            tokenize: Arc::clone(&self.tokenize),
            chunking: self.settings.chunking,
            ocr: self.settings.ocr.clone(),
            now: (self.clock)(),
        }
    }

    /// Takes in documents that somebody else has parsed, under ids of their own choice.
    pub(crate) async fn ingest_parsed(
        &self,
        collection: &str,
        count: usize,
        documents: impl Iterator<Item = (String, std::result::Result<ParsedDocument, Refusal>)>,
        tell: &mut (dyn FnMut(IngestEvent) + Send),
    ) -> Result<()> {
        self.index.open_or_create(collection, &self.profile()).await?;
        let (prepare, mut batch) = (self.preparation(), Batch::default());
        let mut run = Run::new(collection, String::new(), tell);
        (run.tell)(IngestEvent::Found { files: count });
        for (id, parsed) in documents {
            let file = SourceFile { path: PathBuf::new(), filename: id.clone(), document_id: id };
            match prepare.prepare(Wanted::new(file, (String::new(), 0)), parsed) {
                Looked::Settled(report) => run.done(report),
                Looked::Fresh(prepared) => batch.push(*prepared),
            }
            if batch.chunks >= BATCH_CHUNKS {
                self.store(std::mem::take(&mut batch), &mut run).await?;
            }
        }
        self.store(batch, &mut run).await
    }

    async fn store(&self, batch: Batch, run: &mut Run<'_>) -> Result<()> {
        if batch.prepared.is_empty() {
            return Ok(());
        }
        let mut reports = Vec::with_capacity(batch.prepared.len());
        let vectors = self.embed_chunks(run.collection, Reach::All, &batch.prepared).await?;
        let mut vectors = vectors.into_iter();
        let mut documents = Vec::with_capacity(batch.prepared.len());
        for prepared in batch.prepared {
            reports.push(report(&prepared.document, prepared.outcome));
            let vectors = vectors.by_ref().take(prepared.chunks.len()).collect();
            let Prepared { document, pages, chunks, .. } = prepared;
            documents.push(IndexDocument {
                document,
                pages,
                chunks,
                vectors,
                model: self.embedder.model().name.clone(),
            });
        }
        run.summary.generation = self.index.upsert(run.collection, documents).await?;
        reports.into_iter().for_each(|report| run.done(report));
        Ok(())
    }

    /// Records of all documents of a collection, in order of their ids.
    pub async fn all_documents(&self, collection: &str) -> Result<Vec<Document>> {
        const PAGE: usize = 1_000;
        let mut all: Vec<Document> = Vec::new();
        loop {
            let after = all.last().map(|document| document.id.clone());
            let page = self.index.documents(collection, after.as_deref(), PAGE).await?;
            let last = page.len() < PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }
}

/// The error for a collection that does not exist.
pub(crate) fn unknown_collection(name: &str) -> Error {
    Error::not_found(format!("there is no collection `{name}`"))
        .hint("`docent ingest PATH` makes one; `docent collections` lists those that exist")
}

/// A run under way: where it goes, what it has counted, who hears of it.
pub(crate) struct Run<'a> {
    pub(crate) collection: &'a str,
    /// True if nothing is stored.
    pub(crate) is_dry: bool,
    pub(crate) summary: IngestSummary,
    pub(crate) tell: &'a mut (dyn FnMut(IngestEvent) + Send),
}

impl<'a> Run<'a> {
    pub(crate) fn new(collection: &'a str, generation: String, tell: &'a mut (dyn FnMut(IngestEvent) + Send)) -> Self {
        let summary = IngestSummary { generation, ..IngestSummary::default() };
        Self { collection, is_dry: false, summary, tell }
    }

    /// A file is done.
    pub(crate) fn done(&mut self, report: FileReport) {
        self.summary.count(&report);
        (self.tell)(IngestEvent::Done(report));
    }
}

#[derive(Default)]
struct Batch {
    prepared: Vec<Prepared>,
    chunks: usize,
}

impl Batch {
    fn push(&mut self, prepared: Prepared) {
        self.chunks += prepared.chunks.len();
        self.prepared.push(prepared);
    }
}

fn find_all(paths: &[PathBuf]) -> (Vec<SourceFile>, Vec<FileReport>) {
    let (mut files, mut refusals) = (Vec::new(), Vec::new());
    for path in paths {
        match source::find_files(path) {
            Ok(found) => files.extend(found),
            Err(refusal) => {
                let file = SourceFile {
                    path: path.clone(),
                    filename: path.display().to_string(),
                    document_id: source::document_id(path),
                };
                refusals.push(refused(&file, &refusal, false));
            }
        }
    }
    // A file named twice is taken in once.
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.document_id.clone()));
    (files, refusals)
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let failed = |error| Error::internal("a worker thread died while reading a file").because(error);
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

fn title(parsed: &ParsedDocument, filename: &str) -> String {
    let stated = parsed.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
    let stem = || Path::new(filename).file_stem().map(|stem| stem.to_string_lossy().replace(['_', '-'], " "));
    stated.map(str::to_owned).or_else(stem).unwrap_or_else(|| filename.to_owned())
}

fn outcome(parsed: &ParsedDocument, is_update: bool) -> IngestOutcome {
    match () {
        () if !parsed.unreadable_pages.is_empty() => IngestOutcome::Partial,
        () if is_update => IngestOutcome::Updated,
        () => IngestOutcome::Added,
    }
}

fn record(wanted: Wanted, parsed: &ParsedDocument, title: String, chunks: usize, ingested_at: Timestamp) -> Document {
    let Wanted { file, content: (content_hash, bytes), source, version: source_version, .. } = wanted;
    Document {
        id: file.document_id,
        filename: file.filename,
        title,
        format: parsed.format,
        content_hash,
        bytes,
        pages: u32::try_from(parsed.pages.len()).unwrap_or(u32::MAX),
        characters: parsed.pages.iter().map(|page| page.text.chars().count() as u64).sum(),
        chunks: u32::try_from(chunks).unwrap_or(u32::MAX),
        unreadable_pages: parsed.unreadable_pages.clone(),
        warnings: parsed.warnings.clone(),
        ocr: parsed.ocr.clone(),
        ingested_at,
        source,
        source_version,
    }
}

pub(crate) fn report(document: &Document, outcome: IngestOutcome) -> FileReport {
    FileReport {
        file: document.filename.clone(),
        document_id: document.id.clone(),
        outcome,
        reason: None,
        format: Some(document.format),
        pages: document.pages,
        characters: document.characters,
        chunks: document.chunks,
        unreadable_pages: document.unreadable_pages.clone(),
        warnings: document.warnings.clone(),
    }
}

pub(crate) fn refused(file: &SourceFile, refusal: &Refusal, is_update: bool) -> FileReport {
    let kept = is_update.then(|| "the version taken in earlier stays searchable".to_owned());
    FileReport {
        file: file.filename.clone(),
        document_id: file.document_id.clone(),
        outcome: IngestOutcome::Refused,
        reason: Some(refusal.to_string()),
        format: None,
        pages: 0,
        characters: 0,
        chunks: 0,
        unreadable_pages: Vec::new(),
        warnings: kept.into_iter().collect(),
    }
}
