//! Making a collection equal to a source, a folder or a bucket: what is new comes in, what changed is replaced, what is
//! gone is removed.
//!
//! Everything is compared first; nothing is changed before all of the source was seen. There is no record of a run beside
//! the index: what a document is synced with, the hash of its content and the source's word for it are committed with its
//! chunks, so a sync that dies anywhere is taken up by the next one. Removals come last and in one commit, so that a file
//! that was moved is never missing in between.

use crate::Engine;
use crate::deletes::DeleteOptions;
use crate::error::{Error, Result};
use crate::ingest::{FileReport, IngestEvent, IngestSummary, Looked, Parse, Run, Wanted, refused, report};
use crate::ocr::{self, Ocr};
use crate::ports::{Fetched, Place, SeenFile, Source, Version};
use crate::source::SourceFile;
use docent_core::{Document, IngestOutcome, Refusal};
use futures::future::{FutureExt, RemoteHandle};
use futures::{StreamExt, stream};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// Share of a source's documents that a sync removes without being told to, in per cent: an empty mount or a wrong folder
/// must not empty the collection.
const DELETES_MAX_PERCENT: usize = 30;
/// Files that are brought here at the same time, or wait here to be read.
const FETCHED_AT_ONCE: usize = 8;

/// How a sync behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct SyncOptions {
    /// Say what would happen and change nothing. New and changed files are read, so that refusals are known.
    pub dry_run: bool,
    /// Remove however many documents are gone.
    pub allow_deletes: bool,
}

/// What a sync did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncSummary {
    /// True if nothing was changed.
    pub dry_run: bool,
    /// The source, as its documents are recorded with it.
    pub source: String,
    /// Counts.
    #[serde(flatten)]
    pub files: IngestSummary,
    /// True if so many documents are gone that a sync needs to be told to remove them; only a dry run ends like that.
    pub needs_allow_deletes: bool,
    /// Symbolic links that lead out of a folder and were not followed.
    pub links_outside: Vec<String>,
}

/// What has to be done.
#[derive(Default)]
struct Plan {
    settled: Vec<FileReport>,
    due: Vec<Due>,
    gone: Vec<Document>,
    /// Documents of this source before.
    owned: usize,
}

/// A file that has to be read, and the document that it was before.
struct Due {
    seen: SeenFile,
    before: Option<Document>,
}

/// A file that has been brought here, or has not.
type Brought = Result<(Due, std::result::Result<Fetched, Refusal>)>;

impl Plan {
    fn make(source: &str, files: Vec<SeenFile>, known: Vec<Document>, ocr: Option<&Ocr>) -> Self {
        let is_ours = |document: &Document| document.source.as_deref() == Some(source);
        let mut plan = Self { owned: known.iter().filter(|document| is_ours(document)).count(), ..Self::default() };
        let mut known: HashMap<_, _> = known.into_iter().map(|document| (document.id.clone(), document)).collect();
        for seen in files {
            let before = known.remove(&seen.file.document_id);
            match (&seen.version, before) {
                (Err(refusal), before) => plan.settled.push(refused(&seen.file, refusal, before.is_some())),
                (Ok(version), Some(before))
                    if is_ours(&before) && is_stored(version, &before) && !ocr::is_due(ocr, &before) =>
                {
                    plan.settled.push(report(&before, IngestOutcome::Unchanged));
                }
                // One that was taken in by hand is taken over.
                (Ok(_), before) => plan.due.push(Due { seen, before }),
            }
        }
        plan.gone = known.into_values().filter(is_ours).collect();
        plan.gone.sort_unstable_by(|a, b| a.filename.cmp(&b.filename));
        plan
    }

    fn deletes_too_many(&self) -> bool {
        self.gone.len() * 100 > self.owned * DELETES_MAX_PERCENT
    }

    const fn steps(&self) -> usize {
        self.settled.len() + self.due.len() + self.gone.len()
    }
}

fn is_stored(version: &Version, document: &Document) -> bool {
    match version {
        Version::Content(hash, _) => document.content_hash == *hash,
        Version::Word(word) => document.source_version.as_ref() == Some(word),
    }
}

impl Engine {
    /// Makes the documents of a source equal to its files. Documents of the collection that do not come from
    /// this source stay as they are. A bad file is reported and never stops the run; the version taken in earlier stays.
    ///
    /// # Errors
    /// If a part of the source cannot be seen or more than 30 % of the source's documents would go (`Conflict`), nothing
    /// was changed. Else what concerns the whole run, as for an ingest.
    pub async fn sync(
        &self,
        collection: &str,
        source: &Arc<dyn Source>,
        options: SyncOptions,
        parse: Parse,
        tell: &mut (dyn FnMut(IngestEvent) + Send),
    ) -> Result<SyncSummary> {
        let seen = source.look(self.settings.parse_workers).await?;
        let (known, generation) = self.known(collection, options.dry_run).await?;
        let plan = Plan::make(source.id(), seen.files, known, self.settings.ocr.as_ref());
        let needs_allow_deletes = plan.deletes_too_many() && !options.allow_deletes;
        if needs_allow_deletes && !options.dry_run {
            return Err(too_many(&plan));
        }
        let mut run = Run::new(collection, generation, tell);
        run.is_dry = options.dry_run;
        self.carry_out(plan, source, &mut run, parse).await?;
        Ok(SyncSummary {
            dry_run: options.dry_run,
            source: source.id().to_owned(),
            files: run.summary,
            needs_allow_deletes,
            links_outside: seen.links_outside,
        })
    }

    /// Where a collection differs from a source, by their paths below it: what a sync would read, refuse or remove.
    ///
    /// # Errors
    /// As for a sync, if a part of the source cannot be seen or more than 30 % of its documents would go.
    pub async fn differences(&self, collection: &str, source: &Arc<dyn Source>) -> Result<Vec<String>> {
        let seen = source.look(self.settings.parse_workers).await?;
        let (known, _) = self.known(collection, true).await?;
        let plan = Plan::make(source.id(), seen.files, known, self.settings.ocr.as_ref());
        if plan.deletes_too_many() {
            return Err(too_many(&plan));
        }
        let refused = plan.settled.into_iter().filter(|report| report.outcome == IngestOutcome::Refused);
        let due = plan.due.into_iter().map(|due| due.seen.file.filename);
        let gone = plan.gone.into_iter().map(|document| document.filename);
        let names = due.chain(refused.map(|report| report.file)).chain(gone);
        // A source shows its own name before each path.
        Ok(names.filter_map(|name| name.split_once('/').map(|(_, below)| below.to_owned())).collect())
    }

    /// A sync of a few places of a source, of which somebody has said that they may have changed: what was seen there comes
    /// in or goes, and nothing else is looked at. What there is to lose is what was named, so it is removed unasked.
    ///
    /// # Errors
    /// What concerns the whole run, as for an ingest.
    pub async fn sync_places(
        &self,
        collection: &str,
        source: &Arc<dyn Source>,
        places: Vec<Place>,
        parse: Parse,
        tell: &mut (dyn FnMut(IngestEvent) + Send),
    ) -> Result<IngestSummary> {
        let opened = self.index.open_or_create(collection, &self.profile()).await?;
        let (mut known, mut files) = (Vec::new(), Vec::new());
        for Place { file, version, .. } in places {
            known.extend(self.index.document(collection, &file.document_id).await?);
            files.extend(version.map(|version| SeenFile { file, version }));
        }
        let plan = Plan::make(source.id(), files, known, self.settings.ocr.as_ref());
        let mut run = Run::new(collection, opened.generation, tell);
        self.carry_out(plan, source, &mut run, parse).await?;
        Ok(run.summary)
    }

    /// The collection's documents and generation; it is made if it does not exist, unless nothing may be changed.
    async fn known(&self, collection: &str, dry_run: bool) -> Result<(Vec<Document>, String)> {
        if dry_run && self.index.collection(collection).await?.is_none() {
            return Ok((Vec::new(), String::new()));
        }
        let opened = self.index.open_or_create(collection, &self.profile()).await?;
        Ok((self.all_documents(collection).await?, opened.generation))
    }

    async fn carry_out(&self, plan: Plan, source: &Arc<dyn Source>, run: &mut Run<'_>, parse: Parse) -> Result<()> {
        (run.tell)(IngestEvent::Found { files: plan.steps() });
        plan.settled.into_iter().for_each(|report| run.done(report));
        let fetching = stream::iter(plan.due).map(|due| fetch(Arc::clone(source), due)).buffered(FETCHED_AT_ONCE);
        let looked = fetching.map(|brought| self.read_brought(source.id(), brought, Arc::clone(&parse)));
        self.take_in(looked, run).await?;
        if !run.is_dry && !plan.gone.is_empty() {
            let ids: Vec<_> = plan.gone.iter().map(|document| document.id.clone()).collect();
            run.summary.generation =
                self.delete_documents(run.collection, &ids, DeleteOptions::default()).await?.index.generation;
        }
        plan.gone.iter().for_each(|document| run.done(report(document, IngestOutcome::Deleted)));
        Ok(())
    }

    async fn read_brought(&self, source: &str, brought: Brought, parse: Parse) -> Result<Looked> {
        let (Due { seen: SeenFile { file, .. }, before }, fetched) = brought?;
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(refusal) => return Ok(Looked::Settled(refused(&file, &refusal, before.is_some()))),
        };
        let Fetched { path, content_hash, bytes, version, copy } = fetched;
        let is_same = before.as_ref().is_some_and(|before| {
            let is_ours = before.source.as_deref() == Some(source);
            is_ours && before.content_hash == content_hash && !ocr::is_due(self.settings.ocr.as_ref(), before)
        });
        let wanted = Wanted {
            file: SourceFile { path, ..file },
            content: (content_hash, bytes),
            is_update: before.is_some(),
            source: Some(source.to_owned()),
            version,
            is_same,
        };
        let looked = self.read(wanted, parse).await;
        drop(copy);
        looked
    }
}

/// Begins to bring a file here. That goes on while others are read, embedded and stored, and ends with who waits for it.
fn fetch(source: Arc<dyn Source>, due: Due) -> RemoteHandle<Brought> {
    let fetching = async move {
        let fetched = source.fetch(&due.seen).await?;
        Ok((due, fetched))
    };
    let (work, brought) = fetching.remote_handle();
    drop(tokio::spawn(work));
    brought
}

fn too_many(plan: &Plan) -> Error {
    let (gone, owned) = (plan.gone.len(), plan.owned);
    Error::conflict(format!(
        "{gone} of the {owned} documents of this source are gone from it; more than {DELETES_MAX_PERCENT} % are not removed unasked"
    ))
    .hint("nothing was changed; look at it with --dry-run, then give --allow-deletes if it is right")
}
