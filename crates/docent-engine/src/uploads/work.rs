//! Workers that read uploads, and what tidies up behind them.

use super::{EXHAUSTED, Upload, Uploads};
use crate::deletes::DeleteOptions;
use crate::embedding::Reach;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::{FileReport, Looked, Prepared, report};
use crate::ports::{IndexDocument, UploadEnding};
use crate::queries::id_time;
use crate::source::SourceFile;
use docent_core::query::{Failure, Lease};
use docent_core::{IngestOutcome, QueryStatus, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long reading and embedding one file may take.
const WORK_TIME: Duration = Duration::from_secs(60 * 60);
/// How often an idle worker looks for what nobody woke it for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often files are looked for that nobody waits for.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// How old a file must be that no upload knows of before it is removed: it may still be arriving.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A file that was read: what to store, and what to say.
struct Read {
    document: Option<IndexDocument>,
    report: FileReport,
}

impl Uploads {
    /// Runs `count` workers until `shutdown` turns true; they finish what they are working on.
    pub async fn run(self: Arc<Self>, name: &str, count: usize, shutdown: watch::Receiver<bool>) {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..count.max(1) {
            tasks.spawn(Arc::clone(&self).work(format!("{name}-upload-{number}"), shutdown.clone()));
        }
        tasks.spawn(self.keep_tidy(shutdown));
        while tasks.join_next().await.is_some() {}
    }

    async fn work(self: Arc<Self>, name: String, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            match self.take_up(&name).await {
                Ok(true) => continue,
                Ok(false) => {}
                // Leases lapse, and uploads are found again.
                Err(error) => tracing::error!(%error, "the store of uploads failed a worker"),
            }
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn keep_tidy(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.tidy().await {
                tracing::error!(%error, "files of uploads could not be tidied");
            }
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(TIDY_EVERY) => {}
            }
        }
    }

    /// Claims the next upload and works on it; false if there is none.
    ///
    /// # Errors
    /// Only those of the store. What is wrong with a file is in its report.
    pub async fn take_up(&self, worker: &str) -> Result<bool> {
        let settings = &self.engine.settings;
        let now = (self.engine.clock)();
        let lease = Lease { worker: worker.to_owned(), until: now.plus(settings.lease) };
        let claimed = self.store.claim_next(&lease, now, settings.attempts_max, &exhausted()).await?;
        let Some(upload) = claimed else { return Ok(false) };
        let read = tokio::select! {
            read = tokio::time::timeout(WORK_TIME, self.read(&upload)) => read.unwrap_or_else(|_| Err(too_slow())),
            () = self.keep_lease(&upload) => {
                tracing::info!(upload_id = upload.id, attempt = upload.attempt, "the lease is gone; stopped reading");
                return Ok(true);
            }
        };
        let stored = match read {
            Ok(read) => self.store_read(&upload, read).await,
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            self.end_badly(&upload, &error).await?;
        }
        self.ended.notify_waiters();
        // Another upload of the same document may have waited for this one.
        self.wake.notify_one();
        Ok(true)
    }

    /// The file to pages, chunks and vectors, as every ingest does it.
    async fn read(&self, upload: &Upload) -> Result<Read> {
        let Upload { collection, document_id, filename, content_hash, .. } = upload;
        let opened = self.engine.index.open_or_create(collection, &self.engine.profile()).await;
        opened.map_err(made_anew)?;
        let waiting = self.disk.waiting(&upload.id);
        // An attempt that died behind its last step but one may have taken the file away.
        let kept = || self.disk.original(collection, document_id, content_hash);
        let path = if waiting.is_file() { waiting } else { kept() };
        if !path.is_file() {
            return Err(Error::internal("the uploaded file is gone from the data folder").hint("upload it again"));
        }
        let file = SourceFile { path, filename: filename.clone(), document_id: document_id.clone() };
        match self.engine.look_at(collection, file, Arc::clone(&self.parse)).await? {
            Looked::Settled(report) => Ok(Read { document: None, report }),
            Looked::Fresh(prepared) => {
                let vectors =
                    self.engine.embed_chunks(collection, Reach::Own, std::slice::from_ref(&*prepared)).await?;
                let Prepared { document, pages, chunks, outcome } = *prepared;
                let report = report(&document, outcome);
                let model = self.engine.embedder.model().name.clone();
                Ok(Read { document: Some(IndexDocument { document, pages, chunks, vectors, model }), report })
            }
        }
    }

    /// Stores what was read and ends the upload, unless it was cancelled or taken over meanwhile.
    async fn store_read(&self, upload: &Upload, read: Read) -> Result<()> {
        let _alone = self.commit.lock().await;
        let until = (self.engine.clock)().plus(self.engine.settings.lease);
        if !self.store.renew_upload(&upload.id, upload.attempt, until).await? {
            return Ok(());
        }
        let is_new = read.document.is_some();
        if let Some(document) = read.document {
            self.engine.index.upsert(&upload.collection, vec![document]).await?;
        }
        if read.report.outcome != IngestOutcome::Refused {
            self.settle_original(upload)?;
        }
        let ending = UploadEnding::Completed(read.report);
        let ours = self.store.finish_upload(&upload.id, upload.attempt, &ending, (self.engine.clock)()).await?;
        if !ours && is_new && self.was_deleted(&upload.id).await? {
            // Another process deleted the document in this moment; what it has promised holds.
            let ids = std::slice::from_ref(&upload.document_id);
            self.engine.delete_documents(&upload.collection, ids, DeleteOptions::default()).await?;
            self.disk.forget_document(&upload.collection, &upload.document_id)?;
        }
        self.disk.remove_waiting(std::slice::from_ref(&upload.id));
        Ok(())
    }

    fn settle_original(&self, upload: &Upload) -> Result<()> {
        let Upload { id, collection, document_id, content_hash, .. } = upload;
        if self.settings.keep_originals {
            self.disk.keep_original(id, collection, document_id, content_hash)
        } else {
            self.disk.remove_stale_originals(collection, document_id, content_hash)
        }
    }

    async fn was_deleted(&self, id: &str) -> Result<bool> {
        Ok(self.store.upload(id).await?.is_none_or(|upload| upload.status == QueryStatus::Cancelled))
    }

    /// What another attempt may cure waits for one: the lease lapses. Anything else ends the upload.
    async fn end_badly(&self, upload: &Upload, error: &Error) -> Result<()> {
        let (id, attempt) = (upload.id.as_str(), upload.attempt);
        tracing::warn!(upload_id = id, attempt, kind = error.kind().as_str(), %error, "an upload could not be read in");
        let is_curable = error.is_retryable() || error.kind() == ErrorKind::Conflict;
        if is_curable && attempt < self.engine.settings.attempts_max {
            return Ok(());
        }
        let failure = Failure {
            code: error.kind().as_str().to_owned(),
            message: error.to_string(),
            hint: error.hint_text().map(str::to_owned),
        };
        self.store.finish_upload(id, attempt, &UploadEnding::Failed(failure), (self.engine.clock)()).await?;
        self.disk.remove_waiting(std::slice::from_ref(&upload.id));
        Ok(())
    }

    /// Renews the lease for as long as this attempt holds it; returns when it does not any more.
    async fn keep_lease(&self, upload: &Upload) {
        let lease = self.engine.settings.lease;
        loop {
            tokio::time::sleep(lease / 3).await;
            let until = (self.engine.clock)().plus(lease);
            match self.store.renew_upload(&upload.id, upload.attempt, until).await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease runs on for two more tries.
                Err(error) => tracing::warn!(upload_id = upload.id, %error, "lease not renewed"),
            }
        }
    }

    /// Removes files that no upload waits for, and records that are old.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tidy(&self) -> Result<()> {
        let now = (self.engine.clock)();
        let before = |time: Duration| {
            Timestamp::from_millis(now.as_millis() - i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
        };
        for (id, is_arriving) in self.disk.incoming() {
            let is_old = id_time(&id).is_none_or(|time| time < before(ABANDONED_AFTER));
            if is_arriving {
                if is_old {
                    self.disk.remove_part(&id);
                }
                continue;
            }
            let is_done = match self.store.upload(&id).await? {
                Some(upload) => upload.status.is_terminal(),
                None => is_old,
            };
            if is_done {
                self.disk.remove_waiting(&[id]);
            }
        }
        self.store.expire_uploads(before(self.engine.settings.query_retention)).await?;
        Ok(())
    }
}

/// The collection was right when the file was accepted. A process with the model that it was made anew with may come and take
/// the upload up.
fn made_anew(error: Error) -> Error {
    if error.kind() != ErrorKind::Invalid {
        return error;
    }
    let hint = error.hint_text().unwrap_or_default().to_owned();
    Error::conflict(error.to_string()).hint(hint)
}

fn exhausted() -> Failure {
    Failure {
        code: EXHAUSTED.to_owned(),
        message: "every attempt at reading it was cut off before it could finish".to_owned(),
        hint: Some("the server's log has the cause; upload it again".to_owned()),
    }
}

fn too_slow() -> Error {
    let minutes = WORK_TIME.as_secs() / 60;
    Error::new(ErrorKind::Internal, format!("reading it in took longer than {minutes} minutes")).hint("split it")
}
