//! The port's contract, on a file; and what two handles on one file and many tasks add to it.

use async_trait::async_trait;
use docent_core::query::{Failure, Feedback, Lease};
use docent_core::rate::{Rate, Taken};
use docent_core::{Caps, Query, QueryStatus, Spending, Timestamp};
use docent_engine::Result;
use docent_engine::ports::{
    Account, Claim, Created, Ending, IdempotencyKey, Meter, QueryStore, Reservation, UploadEnding, UploadReports,
    UploadStore, WebhookEnding,
};
use docent_engine::uploads::Upload;
use docent_sqlite::{Settings, SqliteQueryStore};
use docent_testkit::query_store::{START, contract, sample_answer, sample_query};
use docent_testkit::{key_store, meter, upload_reports, upload_store};
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn open(path: &Path) -> SqliteQueryStore {
    // Generous, because the machine that runs the tests may be busy with others.
    let settings = Settings { busy_timeout: Duration::from_secs(60), ..Settings::default() };
    SqliteQueryStore::open(path, &settings).expect("the store opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract(Arc::new(open(&folder.path().join("queries.db")))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_key_store_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    key_store::contract(Arc::new(open(&folder.path().join("queries.db")))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_upload_store_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicUsize::new(0);
    let fresh = || {
        let name = format!("queries-{}.db", number.fetch_add(1, Ordering::Relaxed));
        Arc::new(open(&folder.path().join(name))) as Arc<dyn UploadStore>
    };
    upload_store::contract(fresh).await;
}

struct Recorded(SqliteQueryStore);

impl upload_reports::Recorded for Recorded {
    fn reports(&self) -> &dyn UploadReports {
        &self.0
    }

    /// An upload comes into this store only by being accepted, and ends by being worked on.
    fn record<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let (store, ended_at) = (&self.0, upload.completed_at.expect("it has ended"));
            let ending = match (&upload.report, &upload.failure) {
                (Some(report), None) => UploadEnding::Completed(report.clone()),
                (None, Some(failure)) => UploadEnding::Failed(failure.clone()),
                both => panic!("it has ended in one way, not {both:?}"),
            };
            let queued = Upload {
                status: QueryStatus::Queued,
                attempt: 0,
                report: None,
                failure: None,
                completed_at: None,
                ..upload.clone()
            };
            let failure = Failure { code: String::new(), message: String::new(), hint: None };
            store.accept(&queued, &failure).await.expect("accepted");
            let lease = Lease { worker: "w".to_owned(), until: ended_at.plus(Duration::from_secs(1)) };
            let claimed = store.claim_next(&lease, ended_at, 3, &failure).await.expect("claimed");
            assert_eq!(claimed.map(|claimed| claimed.id).as_ref(), Some(&upload.id));
            assert!(store.finish_upload(&upload.id, 1, &ending, ended_at).await.expect("finished"));
        })
    }
}

#[tokio::test]
async fn reports_of_uploads_keep_their_contract() {
    let folder = tempfile::tempdir().unwrap();
    upload_reports::contract(&Recorded(open(&folder.path().join("queries.db")))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_meter_keeps_its_contract_also_through_two_handles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    meter::contract(Arc::new(open(&path))).await;
    let turns = Turns { stores: [open(&path), open(&path)], turn: AtomicUsize::new(0) };
    meter::contract(Arc::new(turns)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_on_one_file_keep_the_contract_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    let turns = Turns { stores: [open(&path), open(&path)], turn: AtomicUsize::new(0) };
    contract(Arc::new(turns)).await;
}

/// Sends each call to the other of two handles, which know nothing of each other, as two processes would not.
struct Turns {
    stores: [SqliteQueryStore; 2],
    turn: AtomicUsize,
}

impl Turns {
    fn next(&self) -> &SqliteQueryStore {
        &self.stores[self.turn.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

#[async_trait]
impl QueryStore for Turns {
    async fn create(&self, query: &Query, idempotency: Option<&IdempotencyKey>) -> Result<Created> {
        self.next().create(query, idempotency).await
    }
    async fn get(&self, id: &str) -> Result<Option<Query>> {
        self.next().get(id).await
    }
    async fn list(&self, owner: Option<&str>, user_id: &str, limit: usize, after: Option<&str>) -> Result<Vec<Query>> {
        self.next().list(owner, user_id, limit, after).await
    }
    async fn claim(&self, id: &str, lease: &Lease, now: Timestamp, attempts_max: u32) -> Result<Claim> {
        self.next().claim(id, lease, now, attempts_max).await
    }
    async fn renew(&self, id: &str, attempt: u32, until: Timestamp) -> Result<bool> {
        self.next().renew(id, attempt, until).await
    }
    async fn finish(
        &self,
        id: &str,
        attempt: u32,
        ending: &Ending,
        trace: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        self.next().finish(id, attempt, ending, trace, now).await
    }
    async fn release(&self, id: &str, attempt: u32) -> Result<bool> {
        self.next().release(id, attempt).await
    }
    async fn cancel(&self, id: &str, now: Timestamp) -> Result<Option<Query>> {
        self.next().cancel(id, now).await
    }
    async fn fail_unheld(&self, id: &str, failure: &Failure, now: Timestamp) -> Result<bool> {
        self.next().fail_unheld(id, failure, now).await
    }
    async fn unattended(&self, now: Timestamp, queued_before: Timestamp, limit: usize) -> Result<Vec<String>> {
        self.next().unattended(now, queued_before, limit).await
    }
    async fn set_feedback(&self, id: &str, feedback: &Feedback) -> Result<bool> {
        self.next().set_feedback(id, feedback).await
    }
    async fn trace(&self, id: &str) -> Result<Option<String>> {
        self.next().trace(id).await
    }
    async fn delete(&self, id: &str) -> Result<bool> {
        self.next().delete(id).await
    }
    async fn answers_from(&self, collection: &str, documents: Option<&[String]>) -> Result<Vec<String>> {
        self.next().answers_from(collection, documents).await
    }
    async fn forget_in_answer(&self, id: &str, documents: Option<&[String]>, erase: bool) -> Result<bool> {
        self.next().forget_in_answer(id, documents, erase).await
    }
    async fn expire(&self, now: Timestamp) -> Result<u64> {
        self.next().expire(now).await
    }
    async fn due_webhooks(&self, now: Timestamp, limit: usize) -> Result<Vec<String>> {
        self.next().due_webhooks(now, limit).await
    }
    async fn claim_webhook(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<Option<Query>> {
        self.next().claim_webhook(id, now, until).await
    }
    async fn end_webhook(&self, id: &str, attempt: u32, ending: &WebhookEnding) -> Result<bool> {
        self.next().end_webhook(id, attempt, ending).await
    }
}

#[async_trait]
impl Meter for Turns {
    async fn take(&self, bucket: &str, rate: Rate, now: Timestamp) -> Result<Taken> {
        self.next().take(bucket, rate, now).await
    }
    async fn reserve(&self, account: &Account, id: &str, estimate: Spending, caps: Caps) -> Result<Reservation> {
        self.next().reserve(account, id, estimate, caps).await
    }
    async fn settle(&self, account: &Account, id: &str, real: Spending) -> Result<bool> {
        self.next().settle(account, id, real).await
    }
    async fn spent(&self, account: &Account) -> Result<Spending> {
        self.next().spent(account).await
    }
}

/// Creates, claims and finishes `count` queries of a user; returns their ids.
async fn live_through(store: Arc<SqliteQueryStore>, user: String, count: usize) -> Vec<String> {
    let lease = Lease { worker: user.clone(), until: START.plus(Duration::from_secs(60)) };
    let ending = Ending::Completed(Box::new(sample_answer("answer")));
    let mut ids = Vec::new();
    for _ in 0..count {
        let query = sample_query(&user, "question", START);
        store.create(&query, None).await.expect("create");
        assert!(matches!(store.claim(&query.id, &lease, START, 3).await.expect("claim"), Claim::Granted(_)));
        assert!(store.finish(&query.id, 1, &ending, Some("{}"), START).await.expect("finish"));
        assert_eq!(store.get(&query.id).await.expect("get").expect("it exists").status, QueryStatus::Completed);
        ids.push(query.id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_tasks_on_two_handles_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    let stores = [Arc::new(open(&path)), Arc::new(open(&path))];
    let tasks: Vec<_> =
        (0..32).map(|n| tokio::spawn(live_through(Arc::clone(&stores[n % 2]), format!("user {n}"), 10))).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let acknowledged: BTreeSet<_> = task.await.unwrap().into_iter().collect();
        let listed = stores[(n + 1) % 2].list(None, &format!("user {n}"), 100, None).await.unwrap();
        assert_eq!(listed.into_iter().map(|query| query.id).collect::<BTreeSet<_>>(), acknowledged);
    }
    assert_eq!(stores[0].expire(Timestamp::from_millis(i64::MAX)).await.unwrap(), 320);
}
