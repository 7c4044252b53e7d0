//! Uploads: a row each, with columns for what a condition looks at and JSON for the rest.

use crate::rows;
use crate::store::SqliteQueryStore;
use async_trait::async_trait;
use docent_core::query::{Failure, Lease};
use docent_core::{IngestOutcome, QueryStatus, Timestamp};
use docent_engine::Result;
use docent_engine::ingest::FileReport;
use docent_engine::ports::{Forgotten, UploadEnding, UploadReports, UploadStore};
use docent_engine::uploads::Upload;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

/// The columns [`upload`] reads, in its order.
macro_rules! columns {
    () => {
        "id, collection, document_id, filename, bytes, content_hash, status, attempt, lease_worker, lease_until, report, \
         failure, created_at, completed_at"
    };
}

#[async_trait]
impl UploadReports for SqliteQueryStore {
    async fn upload(&self, id: &str) -> Result<Option<Upload>> {
        self.read(|c| get(c, id))
    }

    async fn uploads(&self, collection: &str, limit: usize, after: Option<&str>) -> Result<Vec<Upload>> {
        self.read(|c| list(c, collection, limit, after))
    }

    async fn newest_uploads(&self, collection: &str, document_ids: &[String]) -> Result<Vec<Upload>> {
        self.read(|c| document_ids.iter().filter_map(|id| newest(c, collection, id).transpose()).collect())
    }

    async fn refused_uploads(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Upload>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|c| {
            let mut refused = c.prepare_cached(REFUSED)?;
            refused.query_map(params![collection, after.unwrap_or_default(), limit], upload)?.collect()
        })
    }

    async fn forget_uploads(
        &self,
        collection: &str,
        document_ids: Option<&[String]>,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Forgotten> {
        let (collection, failure) = (collection.to_owned(), self.column(rows::to_json(failure))?);
        let ids = document_ids.map(<[String]>::to_vec);
        self.writer
            .write(move |c| match ids {
                None => forget(c, &collection, None, &failure, now),
                Some(ids) => ids.iter().try_fold(Forgotten::default(), |mut all, id| {
                    let one = forget(c, &collection, Some(id), &failure, now)?;
                    all.cancelled.extend(one.cancelled);
                    all.gone += one.gone;
                    Ok(all)
                }),
            })
            .await
    }
}

#[async_trait]
impl UploadStore for SqliteQueryStore {
    async fn accept(&self, upload: &Upload, failure: &Failure) -> Result<Vec<String>> {
        let (upload, failure) = (upload.clone(), self.column(rows::to_json(failure))?);
        self.writer.write(move |c| accept(c, &upload, &failure)).await
    }

    async fn claim_next(
        &self,
        lease: &Lease,
        now: Timestamp,
        attempts_max: u32,
        exhausted: &Failure,
    ) -> Result<Option<Upload>> {
        // Most of the time there is nothing to claim, and then nobody who writes is kept waiting.
        if !self.read(|c| c.prepare_cached(ANY_OPEN)?.exists([]))? {
            return Ok(None);
        }
        let (lease, exhausted) = (lease.clone(), self.column(rows::to_json(exhausted))?);
        self.writer
            .write(move |c| {
                fail_exhausted(c, now, attempts_max, &exhausted)?;
                claim_next(c, &lease, now)
            })
            .await
    }

    async fn renew_upload(&self, id: &str, attempt: u32, until: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.writer.write(move |c| renew(c, &id, attempt, until)).await
    }

    async fn finish_upload(&self, id: &str, attempt: u32, ending: &UploadEnding, now: Timestamp) -> Result<bool> {
        let (id, ending) = (id.to_owned(), self.column(Columns::new(ending))?);
        self.writer.write(move |c| finish(c, &id, attempt, &ending, now)).await
    }

    async fn expire_uploads(&self, before: Timestamp) -> Result<u64> {
        if !self.read(|c| c.prepare_cached(ANY_ENDED)?.exists([before.as_millis()]))? {
            return Ok(0);
        }
        self.writer.write(move |c| Ok(c.prepare_cached(EXPIRED)?.execute([before.as_millis()])? as u64)).await
    }
}

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let worker: Option<String> = row.get(8)?;
    let until: Option<i64> = row.get(9)?;
    Ok(Upload {
        id: row.get(0)?,
        collection: row.get(1)?,
        document_id: row.get(2)?,
        filename: row.get(3)?,
        bytes: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
        content_hash: row.get(5)?,
        status: rows::status(row, 6)?,
        attempt: row.get(7)?,
        lease: worker.zip(until).map(|(worker, until)| Lease { worker, until: Timestamp::from_millis(until) }),
        report: rows::from_json(row, 10)?,
        failure: rows::from_json(row, 11)?,
        created_at: rows::time(row, 12)?,
        completed_at: row.get::<_, Option<i64>>(13)?.map(Timestamp::from_millis),
    })
}

const CANCEL_QUEUED: &str = "UPDATE uploads SET status = 'cancelled', failure = ?3, completed_at = ?4 \
     WHERE collection = ?1 AND document_id = ?2 AND status = 'queued' AND id <> ?5 RETURNING id";

fn accept(connection: &Connection, upload: &Upload, failure: &str) -> rusqlite::Result<Vec<String>> {
    insert(connection, upload)?;
    let now = upload.created_at.as_millis();
    connection
        .prepare_cached(CANCEL_QUEUED)?
        .query_map(params![upload.collection, upload.document_id, failure, now, upload.id], |row| row.get(0))?
        .collect()
}

fn insert(connection: &Connection, upload: &Upload) -> rusqlite::Result<()> {
    connection
        .prepare_cached(concat!(
            "INSERT INTO uploads (",
            columns!(),
            ") VALUES (:id, :collection, :document_id, :filename, :bytes, :content_hash, :status, :attempt, :lease_worker, ",
            ":lease_until, :report, :failure, :created_at, :completed_at)"
        ))?
        .execute(named_params! {
            ":id": upload.id,
            ":collection": upload.collection,
            ":document_id": upload.document_id,
            ":filename": upload.filename,
            ":bytes": i64::try_from(upload.bytes).unwrap_or(i64::MAX),
            ":content_hash": upload.content_hash,
            ":status": upload.status.as_str(),
            ":attempt": upload.attempt,
            ":lease_worker": upload.lease.as_ref().map(|lease| &lease.worker),
            ":lease_until": upload.lease.as_ref().map(|lease| lease.until.as_millis()),
            ":report": upload.report.as_ref().map(rows::to_json).transpose()?,
            ":failure": upload.failure.as_ref().map(rows::to_json).transpose()?,
            ":created_at": upload.created_at.as_millis(),
            ":completed_at": upload.completed_at.map(Timestamp::as_millis),
        })
        .map(drop)
}

fn get(connection: &Connection, id: &str) -> rusqlite::Result<Option<Upload>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM uploads WHERE id = ?"))?
        .query_row([id], upload)
        .optional()
}

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM uploads WHERE collection = ?1 AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?2"
);

fn list(connection: &Connection, collection: &str, limit: usize, after: Option<&str>) -> rusqlite::Result<Vec<Upload>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection.prepare_cached(LIST)?.query_map(params![collection, limit, after], upload)?.collect()
}

/// Word for word the condition of the partial index.
const ANY_OPEN: &str = "SELECT 1 FROM uploads WHERE status IN ('queued', 'in_progress') LIMIT 1";

fn fail_exhausted(connection: &Connection, now: Timestamp, attempts_max: u32, failure: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE uploads SET status = 'failed', refused = 1, failure = ?3, completed_at = ?1, lease_worker = NULL, \
             lease_until = NULL WHERE status IN ('queued', 'in_progress') AND status = 'in_progress' AND lease_until <= ?1 \
             AND attempt >= ?2",
        )?
        .execute(params![now.as_millis(), attempts_max, failure])
        .map(drop)
}

/// The oldest that nobody holds, and of whose document nobody holds another.
const NEXT: &str = "SELECT id FROM uploads AS one WHERE status IN ('queued', 'in_progress') \
     AND (status = 'queued' OR lease_until <= ?1) AND NOT EXISTS (SELECT 1 FROM uploads AS other \
     WHERE other.collection = one.collection AND other.document_id = one.document_id \
     AND other.status = 'in_progress' AND other.lease_until > ?1) ORDER BY id LIMIT 1";

fn claim_next(connection: &Connection, lease: &Lease, now: Timestamp) -> rusqlite::Result<Option<Upload>> {
    let next: Option<String> =
        connection.prepare_cached(NEXT)?.query_row([now.as_millis()], |row| row.get(0)).optional()?;
    let Some(id) = next else { return Ok(None) };
    connection
        .prepare_cached(concat!(
            "UPDATE uploads SET status = 'in_progress', attempt = attempt + 1, lease_worker = ?2, lease_until = ?3 ",
            "WHERE id = ?1 RETURNING ",
            columns!()
        ))?
        .query_row(params![id, lease.worker, lease.until.as_millis()], upload)
        .optional()
}

fn renew(connection: &Connection, id: &str, attempt: u32, until: Timestamp) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE uploads SET lease_until = ?3 WHERE id = ?1 AND attempt = ?2 AND status = 'in_progress'",
        )?
        .execute(params![id, attempt, until.as_millis()])?;
    Ok(changed == 1)
}

/// An ending as columns, serialised by the caller's thread so that the writer's does not wait for it.
struct Columns {
    status: QueryStatus,
    refused: bool,
    report: Option<String>,
    failure: Option<String>,
}

impl Columns {
    fn new(ending: &UploadEnding) -> rusqlite::Result<Self> {
        let refused = |report: &FileReport| report.outcome == IngestOutcome::Refused;
        Ok(match ending {
            UploadEnding::Completed(report) => Self {
                status: QueryStatus::Completed,
                refused: refused(report),
                report: Some(rows::to_json(report)?),
                failure: None,
            },
            UploadEnding::Failed(failure) => Self {
                status: QueryStatus::Failed,
                refused: true,
                report: None,
                failure: Some(rows::to_json(failure)?),
            },
        })
    }
}

fn finish(connection: &Connection, id: &str, attempt: u32, ending: &Columns, now: Timestamp) -> rusqlite::Result<bool> {
    let Columns { status, refused, report, failure } = ending;
    let changed = connection
        .prepare_cached(
            "UPDATE uploads SET status = ?3, refused = ?4, report = ?5, failure = ?6, completed_at = ?7, \
             lease_worker = NULL, lease_until = NULL WHERE id = ?1 AND attempt = ?2 AND status = 'in_progress'",
        )?
        .execute(params![id, attempt, status.as_str(), refused, report, failure, now.as_millis()])?;
    Ok(changed == 1)
}

fn newest(connection: &Connection, collection: &str, document_id: &str) -> rusqlite::Result<Option<Upload>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM uploads WHERE collection = ?1 AND document_id = ?2 AND status <> 'cancelled' ORDER BY id DESC LIMIT 1"
        ))?
        .query_row([collection, document_id], upload)
        .optional()
}

/// `refused = 1` is the condition of the partial index.
const REFUSED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM uploads AS one WHERE refused = 1 AND collection = ?1 AND document_id > ?2 AND NOT EXISTS (SELECT 1 ",
    "FROM uploads AS newer WHERE newer.collection = one.collection AND newer.document_id = one.document_id ",
    "AND newer.id > one.id AND newer.status IN ('completed', 'failed')) ORDER BY document_id LIMIT ?3"
);

fn forget(
    connection: &Connection,
    collection: &str,
    document_id: Option<&String>,
    failure: &str,
    now: Timestamp,
) -> rusqlite::Result<Forgotten> {
    let gone = connection
        .prepare_cached(
            "DELETE FROM uploads WHERE collection = ?1 AND (?2 IS NULL OR document_id = ?2) \
             AND status NOT IN ('queued', 'in_progress')",
        )?
        .execute(params![collection, document_id])?;
    let cancelled = connection
        .prepare_cached(
            "UPDATE uploads SET status = 'cancelled', failure = ?3, completed_at = ?4, lease_worker = NULL, \
             lease_until = NULL WHERE collection = ?1 AND (?2 IS NULL OR document_id = ?2) \
             AND status IN ('queued', 'in_progress') RETURNING id",
        )?
        .query_map(params![collection, document_id, failure, now.as_millis()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Forgotten { cancelled, gone: gone as u64 })
}

const ANY_ENDED: &str = "SELECT 1 FROM uploads WHERE completed_at < ? LIMIT 1";

const EXPIRED: &str = "DELETE FROM uploads AS old WHERE completed_at < ? AND (status = 'cancelled' OR EXISTS (SELECT 1 \
     FROM uploads AS newer WHERE newer.collection = old.collection AND newer.document_id = old.document_id \
     AND newer.id > old.id AND newer.status IN ('completed', 'failed')))";
