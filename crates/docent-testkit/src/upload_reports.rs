//! The contract of [`UploadReports`]: what is told of uploads that have ended. Each check has a collection of its own.

use crate::query_store::{START, at, fresh_id, sample_failure};
use crate::upload_store::{sample_report, sample_upload};
use docent_core::{IngestOutcome, QueryStatus};
use docent_engine::ports::{Forgotten, UploadReports};
use docent_engine::uploads::{Upload, document_id};
use futures::future::BoxFuture;

/// A store, and how an upload that has ended in its first attempt gets into it.
pub trait Recorded: Sync {
    /// The store.
    fn reports(&self) -> &dyn UploadReports;

    /// Puts it there.
    fn record<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, ()>;
}

/// Runs every check.
///
/// # Panics
/// When the store breaks a promise.
pub async fn contract(store: &impl Recorded) {
    a_report_comes_back_as_it_was(store).await;
    reports_are_listed_newest_first_by_collection(store).await;
    the_newest_of_a_document_counts(store).await;
    what_was_refused_or_failed_is_listed_by_document(store).await;
    forgetting_spares_others(store).await;
}

/// An upload of a path that has ended, so many seconds after [`START`].
fn ended(collection: &str, path: &str, outcome: IngestOutcome, seconds: u64) -> Upload {
    let upload = sample_upload(path);
    Upload {
        id: fresh_id(at(seconds)),
        collection: collection.to_owned(),
        status: QueryStatus::Completed,
        attempt: 1,
        report: Some(sample_report(&upload, outcome)),
        created_at: at(seconds),
        completed_at: Some(at(seconds + 1)),
        ..upload
    }
}

fn failed(collection: &str, path: &str, seconds: u64) -> Upload {
    let upload = ended(collection, path, IngestOutcome::Refused, seconds);
    Upload { status: QueryStatus::Failed, report: None, failure: Some(sample_failure()), ..upload }
}

async fn recorded(store: &impl Recorded, upload: Upload) -> Upload {
    store.record(&upload).await;
    upload
}

async fn newest(store: &impl Recorded, collection: &str, path: &str) -> Vec<Upload> {
    store.reports().newest_uploads(collection, &[document_id(path)]).await.expect("newest")
}

async fn refused(store: &impl Recorded, collection: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let refused = store.reports().refused_uploads(collection, after, limit).await.expect("refused");
    refused.into_iter().map(|upload| upload.document_id).collect()
}

async fn a_report_comes_back_as_it_was(store: &impl Recorded) {
    let path = "a \"quoted\" path/\u{4f11}#%_.pdf";
    let upload = recorded(store, ended("as-it-was", path, IngestOutcome::Partial, 5)).await;
    assert_eq!(store.reports().upload(&upload.id).await.expect("upload").as_ref(), Some(&upload));
    assert_eq!(newest(store, "as-it-was", path).await, [upload]);
    for nobody in ["nobody", "", "0192#"] {
        assert_eq!(store.reports().upload(nobody).await.expect("upload"), None);
    }
    assert_eq!(newest(store, "as-it-was", "nobody.md").await, []);
    let failed = recorded(store, failed("as-it-was", "b.md", 6)).await;
    assert_eq!(store.reports().upload(&failed.id).await.expect("upload"), Some(failed));
}

async fn reports_are_listed_newest_first_by_collection(store: &impl Recorded) {
    let mut ids = Vec::new();
    for (path, outcome, seconds) in [
        ("c.md", IngestOutcome::Added, 1),
        ("a.md", IngestOutcome::Refused, 2),
        ("b.md", IngestOutcome::Updated, 2),
        ("d.md", IngestOutcome::Refused, 11),
    ] {
        ids.insert(0, recorded(store, ended("listed", path, outcome, seconds)).await.id);
    }
    recorded(store, ended("listed-elsewhere", "a.md", IngestOutcome::Added, 3)).await;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.reports().uploads("listed", 3, after.as_deref()).await.expect("uploads");
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        found.extend(page.into_iter().map(|upload| upload.id));
    }
    assert_eq!(found, ids);
}

async fn the_newest_of_a_document_counts(store: &impl Recorded) {
    recorded(store, ended("newest", "a.md", IngestOutcome::Refused, 1)).await;
    assert_eq!(refused(store, "newest", None, 10).await, [document_id("a.md")]);
    let second = recorded(store, ended("newest", "a.md", IngestOutcome::Updated, 2)).await;
    assert_eq!(newest(store, "newest", "a.md").await, [second]);
    assert_eq!(refused(store, "newest", None, 10).await, [""; 0]);
    let third = recorded(store, failed("newest", "a.md", 3)).await;
    assert_eq!(newest(store, "newest", "a.md").await, [third]);
    assert_eq!(refused(store, "newest", None, 10).await, [document_id("a.md")]);
}

async fn what_was_refused_or_failed_is_listed_by_document(store: &impl Recorded) {
    let mut ids = Vec::new();
    for number in 0..6 {
        let path = format!("{number}.md");
        ids.push(document_id(&path));
        let upload =
            if number == 3 { failed("refused", &path, 1) } else { ended("refused", &path, IngestOutcome::Refused, 1) };
        recorded(store, upload).await;
    }
    recorded(store, ended("refused", "good.md", IngestOutcome::Added, 1)).await;
    ids.sort();
    assert_eq!(refused(store, "refused", None, 10).await, ids);
    assert_eq!(refused(store, "refused", Some(&ids[1]), 3).await, ids[2..5]);
    assert_eq!(refused(store, "refused", Some(&ids[5]), 3).await, [""; 0]);
}

async fn forgetting_spares_others(store: &impl Recorded) {
    let [first, second, third] = ["a.md", "b.md", "c.md"];
    let gone = recorded(store, ended("forgotten", first, IngestOutcome::Refused, 1)).await;
    for path in [second, third] {
        recorded(store, ended("forgotten", path, IngestOutcome::Added, 2)).await;
    }
    recorded(store, ended("spared", first, IngestOutcome::Added, 2)).await;
    let ids = [document_id(first), document_id("nobody.md")];
    let forget = async |ids: Option<&[String]>| {
        store.reports().forget_uploads("forgotten", ids, &sample_failure(), START).await.expect("forget")
    };
    assert_eq!(forget(Some(&ids)).await, Forgotten { cancelled: Vec::new(), gone: 1 });
    assert_eq!(store.reports().upload(&gone.id).await.expect("upload"), None);
    assert_eq!(refused(store, "forgotten", None, 10).await, [""; 0]);
    assert_eq!(newest(store, "forgotten", second).await.len(), 1);
    assert_eq!(forget(None).await.gone, 2);
    assert_eq!(store.reports().uploads("forgotten", 10, None).await.expect("uploads"), []);
    assert_eq!(newest(store, "spared", first).await.len(), 1);
}
