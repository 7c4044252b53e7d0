//! Making a collection equal to a folder: what is new comes in, what changed is replaced, what is gone is removed.
//!
//! Everything is compared first; nothing is changed before all of the folder was seen and hashed. There is no record of a
//! run beside the index: what a document is synced with and the hash of its content are committed with its chunks, so a
//! sync that dies anywhere is taken up by the next one. Removals come last and in one commit, so that a file that was
//! moved is never missing in between.

use crate::Engine;
use crate::deletes::DeleteOptions;
use crate::error::{Error, Result};
use crate::folder::{self, Folder, Hashed};
use crate::ingest::{FileReport, IngestEvent, IngestSummary, Parse, Run, Wanted, blocking, refused, report};
use docent_core::{Document, IngestOutcome};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// Share of a source's documents that a sync removes without being told to, in per cent: an empty mount or a wrong folder
/// must not empty the collection.
const DELETES_MAX_PERCENT: usize = 30;

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
    /// Symbolic links that lead out of the folder and were not followed.
    pub links_outside: Vec<String>,
}

/// What has to be done.
#[derive(Default)]
struct Plan {
    settled: Vec<FileReport>,
    wanted: Vec<Wanted>,
    gone: Vec<Document>,
    /// Documents of this source before.
    owned: usize,
}

impl Plan {
    fn make(folder: &Folder, files: Vec<Hashed>, known: Vec<Document>) -> Self {
        let is_ours = |document: &Document| document.source.as_deref() == Some(folder.id());
        let mut plan = Self { owned: known.iter().filter(|document| is_ours(document)).count(), ..Self::default() };
        let mut known: HashMap<_, _> = known.into_iter().map(|document| (document.id.clone(), document)).collect();
        for (file, hashed) in files {
            let before = known.remove(&file.document_id);
            let content = match hashed {
                Ok(content) => content,
                Err(refusal) => {
                    plan.settled.push(refused(&file, &refusal, before.is_some()));
                    continue;
                }
            };
            match before {
                Some(before) if is_ours(&before) && before.content_hash == content.0 => {
                    plan.settled.push(report(&before, IngestOutcome::Unchanged));
                }
                // One that was taken in by hand is taken over.
                before => {
                    let source = Some(folder.id().to_owned());
                    plan.wanted.push(Wanted { file, content, is_update: before.is_some(), source });
                }
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
        self.settled.len() + self.wanted.len() + self.gone.len()
    }
}

impl Engine {
    /// Makes the documents of a source equal to the files of its folder. Documents of the collection that do not come from
    /// this source stay as they are. A bad file is reported and never stops the run; the version taken in earlier stays.
    ///
    /// # Errors
    /// If a part of the folder cannot be seen or more than 30 % of the source's documents would go (`Conflict`), nothing
    /// was changed. Else what concerns the whole run, as for an ingest.
    pub async fn sync(
        &self,
        collection: &str,
        folder: &Folder,
        options: SyncOptions,
        parse: Parse,
        tell: &mut (dyn FnMut(IngestEvent) + Send),
    ) -> Result<SyncSummary> {
        let found = folder.list()?;
        let (known, generation) = self.known(collection, options.dry_run).await?;
        let threads = self.settings.parse_workers;
        let files = blocking(move || folder::hash(found.files, threads)).await?;
        let plan = Plan::make(folder, files, known);
        let needs_allow_deletes = plan.deletes_too_many() && !options.allow_deletes;
        if needs_allow_deletes && !options.dry_run {
            return Err(too_many(&plan));
        }
        let mut run = Run::new(collection, generation, tell);
        run.is_dry = options.dry_run;
        self.carry_out(plan, &mut run, parse).await?;
        Ok(SyncSummary {
            dry_run: options.dry_run,
            source: folder.id().to_owned(),
            files: run.summary,
            needs_allow_deletes,
            links_outside: found.links_outside,
        })
    }

    /// The collection's documents and generation; it is made if it does not exist, unless nothing may be changed.
    async fn known(&self, collection: &str, dry_run: bool) -> Result<(Vec<Document>, String)> {
        if dry_run && self.index.collection(collection).await?.is_none() {
            return Ok((Vec::new(), String::new()));
        }
        let opened = self.index.open_or_create(collection, &self.profile()).await?;
        Ok((self.all_documents(collection).await?, opened.generation))
    }

    async fn carry_out(&self, plan: Plan, run: &mut Run<'_>, parse: Parse) -> Result<()> {
        (run.tell)(IngestEvent::Found { files: plan.steps() });
        plan.settled.into_iter().for_each(|report| run.done(report));
        let wanted = plan.wanted.into_iter().map(|wanted| self.read(wanted, Arc::clone(&parse)));
        self.take_in(wanted, run).await?;
        if !run.is_dry && !plan.gone.is_empty() {
            let ids: Vec<_> = plan.gone.iter().map(|document| document.id.clone()).collect();
            run.summary.generation =
                self.delete_documents(run.collection, &ids, DeleteOptions::default()).await?.index.generation;
        }
        plan.gone.iter().for_each(|document| run.done(report(document, IngestOutcome::Deleted)));
        Ok(())
    }
}

fn too_many(plan: &Plan) -> Error {
    let (gone, owned) = (plan.gone.len(), plan.owned);
    Error::conflict(format!(
        "{gone} of the {owned} documents of this source are gone from its folder; more than {DELETES_MAX_PERCENT} % are not removed unasked"
    ))
    .hint("nothing was changed; look at it with --dry-run, then give --allow-deletes if it is right")
}
