//! The port, call by call: reads where they are asked, changes by the writer's thread.

use crate::meter;
use crate::readers::Readers;
use crate::rows;
use crate::schema;
use crate::statements::{self, EndingColumns, Inserted};
use crate::trouble::Place;
use crate::webhooks;
use crate::writer::Writer;
use async_trait::async_trait;
use docent_core::query::{Failure, Feedback, Lease};
use docent_core::{Query, Timestamp};
use docent_engine::ports::{Claim, Created, Ending, IdempotencyKey, QueryStore, WebhookEnding};
use docent_engine::{Error, Result};
use rusqlite::Connection;
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

/// Expired queries forgotten per transaction.
const EXPIRED_PER_COMMIT: usize = 200;

/// Answers that are looked through at once.
const ANSWERS_PER_READ: usize = 50;

/// How the file is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a change waits while another process writes, before it fails as `Unavailable`.
    pub busy_timeout: Duration,
    /// Connections for reading; more than the runtime has threads are of no use.
    pub readers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), readers: 4 }
    }
}

/// Queries in one SQLite file; see the crate's story for what it promises.
///
/// Dropping it carries out the changes that were handed in, and closes the file.
pub struct SqliteQueryStore {
    place: Place,
    // Dropped before the writer, whose connection then is the last: closing that one empties the log into the file.
    readers: Readers,
    pub(crate) writer: Writer,
}

impl SqliteQueryStore {
    /// Opens the file, or creates it (and its folder) readable by its owner alone.
    ///
    /// # Errors
    /// `Invalid` when the file is no query store, or one of a newer Docent (it is left as it is); `Internal` when it is
    /// damaged or may not be written; `Unavailable` when another process keeps it locked.
    pub fn open(path: &Path, settings: &Settings) -> Result<Self> {
        let place = Place::new(path);
        let connection = schema::open_writer(&place, settings)?;
        let readers = Readers::open(&place, settings)?;
        let writer = Writer::start(connection, &place)?;
        Ok(Self { place, readers, writer })
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.readers.read(read).map_err(|error| self.place.explain(&error))
    }

    pub(crate) fn column<T>(&self, json: rusqlite::Result<T>) -> Result<T> {
        json.map_err(|error| self.place.explain(&error))
    }
}

#[async_trait]
impl QueryStore for SqliteQueryStore {
    async fn create(&self, query: &Query, idempotency: Option<&IdempotencyKey>) -> Result<Created> {
        let (query, key) = (query.clone(), idempotency.cloned());
        let inserted = self.writer.write(move |c| statements::insert(c, &query, key.as_ref())).await?;
        match inserted {
            Inserted::New => Ok(Created::New),
            Inserted::Existing(earlier) => Ok(Created::Existing(earlier)),
            Inserted::KeyTaken => Err(Error::conflict("this idempotency key was used for another request")
                .hint("use a new key for a new request; a key may only repeat the same request")),
            Inserted::IdTaken => Err(Error::conflict("a query with this id exists already")),
        }
    }

    async fn get(&self, id: &str) -> Result<Option<Query>> {
        self.read(|c| statements::get(c, id))
    }

    async fn list(&self, owner: Option<&str>, user_id: &str, limit: usize, after: Option<&str>) -> Result<Vec<Query>> {
        self.read(|c| statements::list(c, owner.unwrap_or_default(), user_id, limit, after))
    }

    async fn claim(&self, id: &str, lease: &Lease, now: Timestamp, attempts_max: u32) -> Result<Claim> {
        let (id, lease) = (id.to_owned(), lease.clone());
        self.writer.write(move |c| statements::claim(c, &id, &lease, now, attempts_max)).await
    }

    async fn renew(&self, id: &str, attempt: u32, until: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.writer.write(move |c| statements::renew(c, &id, attempt, until)).await
    }

    async fn finish(
        &self,
        id: &str,
        attempt: u32,
        ending: &Ending,
        trace: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let ending = self.column(EndingColumns::new(ending))?;
        let (id, trace) = (id.to_owned(), trace.map(str::to_owned));
        self.writer.write(move |c| statements::finish(c, &id, attempt, &ending, trace.as_deref(), now)).await
    }

    async fn release(&self, id: &str, attempt: u32) -> Result<bool> {
        let id = id.to_owned();
        self.writer.write(move |c| statements::release(c, &id, attempt)).await
    }

    async fn cancel(&self, id: &str, now: Timestamp) -> Result<Option<Query>> {
        let id = id.to_owned();
        self.writer.write(move |c| statements::cancel(c, &id, now)).await
    }

    async fn fail_unheld(&self, id: &str, failure: &Failure, now: Timestamp) -> Result<bool> {
        let (id, failure) = (id.to_owned(), self.column(rows::to_json(failure))?);
        self.writer.write(move |c| statements::fail_unheld(c, &id, &failure, now)).await
    }

    async fn unattended(&self, now: Timestamp, queued_before: Timestamp, limit: usize) -> Result<Vec<String>> {
        self.read(|c| statements::unattended(c, now, queued_before, limit))
    }

    async fn set_feedback(&self, id: &str, feedback: &Feedback) -> Result<bool> {
        let (id, feedback) = (id.to_owned(), self.column(rows::to_json(feedback))?);
        self.writer.write(move |c| statements::set_feedback(c, &id, &feedback)).await
    }

    async fn trace(&self, id: &str) -> Result<Option<String>> {
        self.read(|c| statements::trace(c, id))
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        self.writer.write(move |c| statements::delete(c, &id)).await
    }

    async fn answers_from(&self, collection: &str, documents: Option<&[String]>) -> Result<Vec<String>> {
        let documents: Option<HashSet<&str>> = documents.map(|ids| ids.iter().map(String::as_str).collect());
        let (mut all, mut after) = (Vec::new(), Some(String::new()));
        while let Some(behind) = after {
            let part =
                |c: &Connection| statements::answers_from(c, collection, documents.as_ref(), &behind, ANSWERS_PER_READ);
            let (found, next) = self.read(part)?;
            all.extend(found);
            after = next;
            tokio::task::yield_now().await;
        }
        Ok(all)
    }

    async fn forget_in_answer(&self, id: &str, documents: Option<&[String]>, erase: bool) -> Result<bool> {
        let (id, documents) = (id.to_owned(), documents.map(<[String]>::to_vec));
        self.writer.write(move |c| statements::forget_in_answer(c, &id, documents.as_deref(), erase)).await
    }

    async fn expire(&self, now: Timestamp) -> Result<u64> {
        if self.read(|c| meter::has_old(c, now))? {
            self.writer.write(move |c| meter::forget_old(c, now)).await?;
        }
        let mut forgotten = 0;
        loop {
            let gone = self.writer.write(move |c| statements::expire(c, now, EXPIRED_PER_COMMIT)).await?;
            forgotten += gone as u64;
            if gone < EXPIRED_PER_COMMIT {
                return Ok(forgotten);
            }
        }
    }

    async fn due_webhooks(&self, now: Timestamp, limit: usize) -> Result<Vec<String>> {
        self.read(|c| webhooks::due(c, now, limit))
    }

    async fn claim_webhook(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<Option<Query>> {
        let id = id.to_owned();
        self.writer.write(move |c| webhooks::claim(c, &id, now, until)).await
    }

    async fn end_webhook(&self, id: &str, attempt: u32, ending: &WebhookEnding) -> Result<bool> {
        let (id, ending) = (id.to_owned(), ending.clone());
        self.writer.write(move |c| webhooks::end(c, &id, attempt, &ending)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_engine::ErrorKind;
    use docent_testkit::query_store::{START, sample_query};

    #[tokio::test]
    async fn a_full_disk_refuses_new_queries_and_keeps_the_old_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteQueryStore::open(&folder.path().join("queries.db"), &Settings::default()).unwrap();
        let first = sample_query("full-disk", "what was stored before", START);
        store.create(&first, None).await.unwrap();

        limit_pages(&store, |now| now + 2).await;
        let large = sample_query("full-disk", &"x".repeat(100_000), START);
        let error = store.create(&large, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.to_string().starts_with("no space is left for the query store at "), "{error}");
        assert!(error.hint_text().unwrap().contains("free some space"));
        assert_eq!(store.list(None, "full-disk", 10, None).await.unwrap(), std::slice::from_ref(&first));

        limit_pages(&store, |now| now + 1000).await;
        store.create(&large, None).await.unwrap();
        assert_eq!(store.get(&large.id).await.unwrap(), Some(large));
    }

    /// SQLite's own ceiling on the file's pages gives the same error as a full disk, in the same place.
    async fn limit_pages(store: &SqliteQueryStore, ceiling: fn(i64) -> i64) {
        let set = move |c: &Connection| {
            let pages: i64 = c.pragma_query_value(None, "page_count", |row| row.get(0))?;
            c.pragma_update(None, "max_page_count", ceiling(pages))
        };
        store.writer.write(set).await.unwrap();
    }

    #[tokio::test]
    async fn a_change_that_fails_undoes_itself_and_not_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteQueryStore::open(&folder.path().join("queries.db"), &Settings::default()).unwrap();
        let query = sample_query("neighbour", "kept", START);
        let id = query.id.clone();
        // The writer is kept busy so that the next two changes meet in one transaction.
        let busy = store.writer.write(|_| {
            std::thread::sleep(Duration::from_millis(50));
            Ok(())
        });
        let failing = store.writer.write(move |c| {
            c.execute("DELETE FROM queries", [])?;
            c.execute("INSERT INTO no_such_table VALUES (1)", [])
        });
        let (busy, created, failed) = tokio::join!(busy, store.create(&query, None), failing);
        busy.unwrap();
        assert_eq!(created.unwrap(), Created::New);
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(store.get(&id).await.unwrap(), Some(query));
    }

    #[tokio::test]
    async fn no_change_of_a_commit_that_failed_is_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteQueryStore::open(&folder.path().join("queries.db"), &Settings::default()).unwrap();
        limit_pages(&store, |now| now + 2).await;
        let small: Vec<_> = (0..3).map(|_| sample_query("batch", "small", START)).collect();
        let large = sample_query("batch", &"x".repeat(100_000), START);
        let busy = store.writer.write(|_| {
            std::thread::sleep(Duration::from_millis(50));
            Ok(())
        });
        let (_, first, second, lost, third) = tokio::join!(
            busy,
            store.create(&small[0], None),
            store.create(&small[1], None),
            store.create(&large, None),
            store.create(&small[2], None),
        );
        lost.unwrap_err();
        let acknowledged = [first, second, third].iter().filter(|created| created.is_ok()).count();
        assert_eq!(store.list(None, "batch", 10, None).await.unwrap().len(), acknowledged);
    }

    #[test]
    fn readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteQueryStore::open(&folder.path().join("queries.db"), &Settings::default()).unwrap();
        let error = store.read(|c| c.execute("DELETE FROM queries", [])).unwrap_err();
        assert!(error.to_string().contains("cannot be opened for writing"), "{error}");
    }
}
