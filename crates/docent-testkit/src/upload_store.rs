//! The contract of [`UploadStore`], as a list of named checks. Claims look at the whole store, so each check gets one of its
//! own. What a store tells of uploads that have ended is the contract of `UploadReports`, in [`crate::upload_reports`].

use crate::query_store::{START, at, fresh_id, lease, sample_failure};
use docent_core::{Format, IngestOutcome, QueryStatus};
use docent_engine::ingest::FileReport;
use docent_engine::ports::{Forgotten, UploadEnding, UploadStore};
use docent_engine::uploads::{Upload, document_id};
use futures::future::BoxFuture;
use std::sync::Arc;

/// One check: panics when the store breaks the promise.
pub type Check = fn(Arc<dyn UploadStore>) -> BoxFuture<'static, ()>;

type Store = Arc<dyn UploadStore>;

macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        &[$((stringify!($check), |store| Box::pin($check(store)))),*]
    };
}

/// The checks by name.
pub const CHECKS: &[(&str, Check)] = checks![
    an_upload_comes_back_as_it_was,
    uploads_are_listed_newest_first_by_collection,
    the_oldest_is_claimed_first_and_once,
    of_many_racing_claims_one_is_granted,
    a_newer_upload_takes_the_place_of_one_that_waits,
    a_newer_upload_waits_for_one_that_is_worked_on,
    a_lapsed_lease_goes_to_another_and_the_first_is_shut_out,
    attempts_run_out,
    what_was_refused_is_listed_until_something_is_stored,
    forgetting_cancels_what_is_open_and_removes_the_rest,
    expiring_spares_the_newest_of_each_document,
];

/// Runs every check on a store of its own and panics with the names of those that failed.
///
/// # Panics
/// When the store breaks a promise.
pub async fn contract(fresh: impl Fn() -> Arc<dyn UploadStore>) {
    let mut broken = Vec::new();
    for (name, check) in CHECKS {
        if tokio::spawn(check(fresh())).await.is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "the upload store breaks its contract: {}", broken.join(", "));
}

/// A queued upload of a path, accepted at [`START`].
pub fn sample_upload(path: &str) -> Upload {
    Upload {
        id: fresh_id(START),
        collection: "default".to_owned(),
        document_id: document_id(path),
        filename: path.to_owned(),
        bytes: 1 << 40,
        content_hash: "af13".to_owned(),
        status: QueryStatus::Queued,
        attempt: 0,
        lease: None,
        report: None,
        failure: None,
        created_at: START,
        completed_at: None,
    }
}

/// What became of its file.
pub fn sample_report(upload: &Upload, outcome: IngestOutcome) -> FileReport {
    FileReport {
        file: upload.filename.clone(),
        document_id: upload.document_id.clone(),
        outcome,
        reason: (outcome == IngestOutcome::Refused).then(|| "no_text: 3 pages, none with text".to_owned()),
        format: Some(Format::Pdf),
        pages: 3,
        characters: 4_711,
        chunks: 9,
        unreadable_pages: vec![2],
        warnings: vec!["page 2 is a picture".to_owned()],
    }
}

async fn accepted(store: &Store, path: &str) -> Upload {
    let upload = sample_upload(path);
    assert_eq!(store.accept(&upload, &sample_failure()).await.expect("accept"), Vec::<String>::new());
    upload
}

async fn fetch(store: &Store, id: &str) -> Upload {
    store.upload(id).await.expect("upload").expect("it exists")
}

/// Claims at `now` until `until`, in seconds after [`START`].
async fn claim(store: &Store, worker: &str, now: u64, until: u64) -> Option<Upload> {
    store.claim_next(&lease(worker, until), at(now), 2, &sample_failure()).await.expect("claim")
}

async fn ended(store: &Store, path: &str, outcome: IngestOutcome) -> Upload {
    let upload = accepted(store, path).await;
    let claimed = claim(store, "w", 0, 60).await.expect("claimed");
    assert_eq!(claimed.id, upload.id);
    let ending = UploadEnding::Completed(sample_report(&upload, outcome));
    assert!(store.finish_upload(&upload.id, 1, &ending, at(1)).await.expect("finish"));
    fetch(store, &upload.id).await
}

async fn refused(store: &Store) -> Vec<String> {
    let refused = store.refused_uploads("default", None, 10).await.expect("refused");
    refused.into_iter().map(|upload| upload.filename).collect()
}

async fn an_upload_comes_back_as_it_was(store: Store) {
    let upload = accepted(&store, "a \"quoted\" path/\u{4f11}%_\\.pdf").await;
    assert_eq!(fetch(&store, &upload.id).await, upload);
    assert_eq!(store.upload("nobody").await.expect("upload"), None);
    let claimed = claim(&store, "w", 5, 60).await.expect("claimed");
    let expected =
        Upload { status: QueryStatus::InProgress, attempt: 1, lease: Some(lease("w", 60)), ..upload.clone() };
    assert_eq!(claimed, expected);
    let report = sample_report(&upload, IngestOutcome::Partial);
    assert!(store.finish_upload(&upload.id, 1, &UploadEnding::Completed(report.clone()), at(9)).await.expect("finish"));
    let done = Upload {
        status: QueryStatus::Completed,
        attempt: 1,
        report: Some(report),
        completed_at: Some(at(9)),
        ..upload.clone()
    };
    assert_eq!(fetch(&store, &upload.id).await, done);
    let again = UploadEnding::Failed(sample_failure());
    assert!(!store.finish_upload(&upload.id, 1, &again, at(10)).await.expect("finish"), "it ends once");
    assert_eq!(fetch(&store, &upload.id).await, done);
}

async fn uploads_are_listed_newest_first_by_collection(store: Store) {
    let mut ids = Vec::new();
    for path in ["a.md", "b.md", "c.md"] {
        ids.push(accepted(&store, path).await.id);
    }
    let other = Upload { collection: "other".to_owned(), ..sample_upload("a.md") };
    store.accept(&other, &sample_failure()).await.expect("accept");
    ids.reverse();
    let first = store.uploads("default", 2, None).await.expect("list");
    let rest = store.uploads("default", 2, Some(&first[1].id)).await.expect("list");
    let listed: Vec<_> = first.into_iter().chain(rest).map(|upload| upload.id).collect();
    assert_eq!(listed, ids);
}

async fn the_oldest_is_claimed_first_and_once(store: Store) {
    let (first, second) = (accepted(&store, "a.md").await, accepted(&store, "b.md").await);
    for id in [Some(first.id), Some(second.id), None] {
        assert_eq!(claim(&store, "w", 0, 60).await.map(|upload| upload.id), id);
    }
}

async fn of_many_racing_claims_one_is_granted(store: Store) {
    accepted(&store, "a.md").await;
    let racers: Vec<_> = (0..16)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { claim(&store, &format!("w{number}"), 0, 60).await })
        })
        .collect();
    let mut granted = 0;
    for racer in racers {
        granted += usize::from(racer.await.expect("no panic").is_some());
    }
    assert_eq!(granted, 1);
}

async fn a_newer_upload_takes_the_place_of_one_that_waits(store: Store) {
    let (older, other) = (accepted(&store, "a.md").await, accepted(&store, "b.md").await);
    let newer = sample_upload("a.md");
    assert_eq!(store.accept(&newer, &sample_failure()).await.expect("accept"), std::slice::from_ref(&older.id));
    let older = fetch(&store, &older.id).await;
    assert_eq!((older.status, older.failure), (QueryStatus::Cancelled, Some(sample_failure())));
    assert_eq!(fetch(&store, &other.id).await.status, QueryStatus::Queued);
    let newest = store.newest_uploads("default", &[newer.document_id.clone(), document_id("nobody")]).await;
    assert_eq!(newest.expect("newest"), [newer]);
}

async fn a_newer_upload_waits_for_one_that_is_worked_on(store: Store) {
    let older = accepted(&store, "a.md").await;
    assert!(claim(&store, "w", 0, 60).await.is_some());
    let newer = accepted(&store, "a.md").await;
    assert_eq!(claim(&store, "v", 10, 60).await, None);
    let ending = UploadEnding::Completed(sample_report(&older, IngestOutcome::Added));
    assert!(store.finish_upload(&older.id, 1, &ending, at(11)).await.expect("finish"));
    assert_eq!(claim(&store, "v", 12, 60).await.map(|upload| upload.id), Some(newer.id));
}

async fn a_lapsed_lease_goes_to_another_and_the_first_is_shut_out(store: Store) {
    let upload = accepted(&store, "a.md").await;
    assert!(claim(&store, "first", 0, 60).await.is_some());
    assert!(store.renew_upload(&upload.id, 1, at(90)).await.expect("renew"));
    assert_eq!(claim(&store, "second", 89, 150).await, None);
    // A newer one of the same path does not overtake it.
    accepted(&store, "a.md").await;
    let second = claim(&store, "second", 90, 150).await.expect("claimed");
    assert_eq!((second.id.as_str(), second.attempt), (upload.id.as_str(), 2));
    assert!(!store.renew_upload(&upload.id, 1, at(200)).await.expect("renew"));
    let ending = UploadEnding::Failed(sample_failure());
    assert!(!store.finish_upload(&upload.id, 1, &ending, at(100)).await.expect("finish"));
    assert!(store.finish_upload(&upload.id, 2, &ending, at(100)).await.expect("finish"));
}

async fn attempts_run_out(store: Store) {
    let upload = accepted(&store, "a.md").await;
    assert!(claim(&store, "w", 0, 10).await.is_some());
    assert!(claim(&store, "w", 10, 20).await.is_some());
    assert_eq!(claim(&store, "w", 20, 30).await, None);
    let failed = fetch(&store, &upload.id).await;
    assert_eq!((failed.status, failed.failure), (QueryStatus::Failed, Some(sample_failure())));
    assert_eq!(failed.completed_at, Some(at(20)));
    assert_eq!(refused(&store).await, ["a.md"]);
}

async fn what_was_refused_is_listed_until_something_is_stored(store: Store) {
    ended(&store, "good.md", IngestOutcome::Added).await;
    let bad = ended(&store, "bad.md", IngestOutcome::Refused).await;
    ended(&store, "good.md", IngestOutcome::Refused).await;
    let mut expected = ["bad.md", "good.md"];
    expected.sort_by_key(|path| document_id(path));
    assert_eq!(refused(&store).await, expected);
    let first = document_id(expected[0]);
    let behind = store.refused_uploads("default", Some(&first), 10).await.expect("refused");
    assert_eq!(behind.len(), 1);
    ended(&store, "bad.md", IngestOutcome::Updated).await;
    assert_eq!(refused(&store).await, ["good.md"]);
    assert!(fetch(&store, &bad.id).await.report.is_some(), "the earlier one is still told about");
}

async fn forgetting_cancels_what_is_open_and_removes_the_rest(store: Store) {
    let done = ended(&store, "a.md", IngestOutcome::Refused).await;
    let open = accepted(&store, "a.md").await;
    let other = accepted(&store, "b.md").await;
    let ids = [open.document_id.clone()];
    let forget = store.forget_uploads("default", Some(&ids), &sample_failure(), at(5)).await.expect("forget");
    assert_eq!(forget, Forgotten { cancelled: vec![open.id.clone()], gone: 1 });
    assert_eq!(store.upload(&done.id).await.expect("upload"), None);
    let cancelled = fetch(&store, &open.id).await;
    assert_eq!((cancelled.status, cancelled.completed_at), (QueryStatus::Cancelled, Some(at(5))));
    assert_eq!(fetch(&store, &other.id).await, other);
    let all = store.forget_uploads("default", None, &sample_failure(), at(6)).await.expect("forget");
    assert_eq!(all, Forgotten { cancelled: vec![other.id], gone: 1 });
    assert_eq!(claim(&store, "w", 7, 60).await, None);
}

async fn expiring_spares_the_newest_of_each_document(store: Store) {
    let first = ended(&store, "a.md", IngestOutcome::Added).await;
    let second = ended(&store, "a.md", IngestOutcome::Refused).await;
    let open = accepted(&store, "b.md").await;
    assert_eq!(store.expire_uploads(at(1)).await.expect("expire"), 0);
    assert_eq!(store.expire_uploads(at(2)).await.expect("expire"), 1);
    assert_eq!(store.upload(&first.id).await.expect("upload"), None);
    assert_eq!(fetch(&store, &second.id).await, second);
    assert_eq!(fetch(&store, &open.id).await, open);
}
