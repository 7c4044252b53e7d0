//! Files that arrive over a network: each ends once, and the last of a path stays.

use crate::house::{House, parser, question};
use docent_core::query::Lease;
use docent_core::{IngestOutcome, QueryStatus, SearchMode};
use docent_engine::entrance::Entrance;
use docent_engine::ingest::Parse;
use docent_engine::ports::{Forgotten, SearchRequest, UploadStore};
use docent_engine::uploads::{NotAccepted, Upload, Uploads};
use docent_testkit::provider::ScriptedGenerator;
use docent_testkit::query_store::sample_failure;
use futures::{Stream, StreamExt, stream};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn house() -> House {
    House::new(ScriptedGenerator::quoting_the_best_passage())
}

/// A body that arrives a few bytes at a time.
fn body(text: &str) -> impl Stream<Item = Result<Vec<u8>, ()>> + Send + use<> {
    let pieces: Vec<_> = text.as_bytes().chunks(7).map(|piece| Ok(piece.to_vec())).collect();
    stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        piece
    })
}

async fn upload(uploads: &Uploads, path: &str, text: &str) -> Upload {
    uploads.accept("default", path, body(text)).await.expect("accepted")
}

async fn look(uploads: &Uploads, upload: &Upload) -> Upload {
    uploads.reports().upload(&upload.id).await.expect("read").expect("it exists")
}

async fn outcome(uploads: &Uploads, path: &str, text: &str) -> IngestOutcome {
    let accepted = upload(uploads, path, text).await;
    assert!(uploads.take_up("w").await.expect("worked"));
    let done = look(uploads, &accepted).await;
    assert_eq!(done.status, QueryStatus::Completed);
    done.report.expect("a report").outcome
}

async fn found(house: &House, words: &str) -> Vec<String> {
    let request =
        SearchRequest { text: words.to_owned(), vector: Vec::new(), mode: SearchMode::Bm25, limit: 10, filter: None };
    let found = house.engine.index.search("default", &request).await.expect("searched");
    found.hits.into_iter().map(|hit| hit.chunk.text).collect()
}

async fn original(uploads: &Uploads, upload: &Upload) -> Option<String> {
    let (_, original) = uploads.original("default", &upload.document_id).await.expect("looked")?;
    let pieces: Vec<_> = original.pieces().map(|piece| piece.expect("read")).collect().await;
    Some(String::from_utf8(pieces.concat()).expect("text"))
}

#[tokio::test]
async fn a_path_is_one_document_through_all_its_uploads() {
    let house = house();
    let uploads = house.uploads(parser(), true);
    assert_eq!(outcome(&uploads, "people/leave.txt", "Leave is 25 days.").await, IngestOutcome::Added);
    assert_eq!(outcome(&uploads, "people/leave.txt", "Leave is 25 days.").await, IngestOutcome::Unchanged);
    assert_eq!(outcome(&uploads, "people/leave.txt", "Leave is 30 days.").await, IngestOutcome::Updated);
    assert_eq!(found(&house, "leave").await, ["Leave is 30 days."]);

    let refused = upload(&uploads, "people/leave.txt", "REFUSE this").await;
    assert!(uploads.take_up("w").await.expect("worked"));
    let report = look(&uploads, &refused).await.report.expect("a report");
    assert_eq!(
        (report.outcome, report.reason.as_deref()),
        (IngestOutcome::Refused, Some("corrupt: it says so itself"))
    );
    assert_eq!(found(&house, "leave").await, ["Leave is 30 days."], "what was read before stays");
    assert_eq!(original(&uploads, &refused).await.as_deref(), Some("Leave is 30 days."), "and so does its original");
    assert_eq!(house.incoming(), Vec::<String>::new());
    assert!(!uploads.take_up("w").await.expect("nothing to do"));

    let mut answered = house.engine.answer(&question("How much leave?"), Duration::from_secs(5), &mut |_| ()).await;
    let citation = answered.as_mut().expect("answered").answer.citations.pop().expect("a citation");
    assert_eq!((citation.filename.as_str(), &citation.document_id), ("people/leave.txt", &refused.document_id));
}

#[tokio::test]
async fn of_two_at_once_the_last_stays_whole() {
    let house = house();
    let uploads = house.uploads(parser(), true);
    let (short, long) = ("Leave is 25 days. ".repeat(3), "Holiday is thirty days. ".repeat(20));
    let (a, b) = tokio::join!(upload(&uploads, "leave.txt", &long), upload(&uploads, "leave.txt", &short));
    let (last, text) = if a.id > b.id { (&a, &long) } else { (&b, &short) };
    let first = if a.id > b.id { &b } else { &a };
    while uploads.take_up("w").await.expect("worked") {}
    let first = look(&uploads, first).await;
    assert_eq!(first.status, QueryStatus::Cancelled);
    assert_eq!(first.failure.expect("a reason").code, "superseded");
    assert_eq!(look(&uploads, last).await.status, QueryStatus::Completed);
    assert_eq!(original(&uploads, last).await.as_ref(), Some(text));
    let pages = house.engine.index.pages("default", &last.document_id, &[0]).await.expect("pages");
    assert_eq!(&pages[0].1.text, text);
    assert_eq!(house.incoming(), Vec::<String>::new());
}

#[tokio::test]
async fn what_does_not_arrive_leaves_nothing() {
    let house = house();
    let uploads = house.uploads(parser(), true);
    let broken = body("Leave is").chain(stream::iter([Err(())]));
    let refused = uploads.accept("default", "leave.txt", broken).await;
    assert!(matches!(refused, Err(NotAccepted::BrokeOff)));
    let large = uploads.accept("default", "leave.txt", body(&"x".repeat(2_000))).await;
    assert!(matches!(large, Err(NotAccepted::Refused(refusal)) if refusal.detail.contains("1024 bytes")));
    let wrong = uploads.accept("default", "leave.txt", body("%PDF-1.7")).await;
    assert!(matches!(wrong, Err(NotAccepted::Refused(refusal)) if refusal.detail.contains("PDF data")));
    let bad_name = uploads.accept("../etc", "leave.txt", body("Leave")).await;
    assert!(matches!(bad_name, Err(NotAccepted::Failed(_))));
    // A client that goes away in the middle.
    let endless = stream::iter([Ok::<_, ()>(b"Leave".to_vec())]).chain(stream::pending());
    let waiting = uploads.accept("default", "leave.txt", endless);
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
    assert_eq!(house.incoming(), Vec::<String>::new());
    assert_eq!(uploads.reports().uploads("default", 10, None).await.expect("listed"), []);
    assert!(uploads.refusal("letter.pages", None).is_some());
    assert!(uploads.refusal("letter.txt", Some(1_025)).is_some());
    assert!(uploads.refusal("letter.txt", Some(1_024)).is_none());
}

#[tokio::test]
async fn a_worker_that_dies_leaves_the_file_to_the_next() {
    let house = house();
    let uploads = house.uploads(parser(), true);
    let accepted = upload(&uploads, "leave.txt", "Leave is 25 days.").await;
    let dies = |now| {
        let lease = Lease { worker: "dead".to_owned(), until: now };
        let store = Arc::clone(&house.store);
        async move { store.claim_next(&lease, now, 3, &sample_failure()).await.expect("claimed") }
    };
    assert!(dies(house.now()).await.is_some());
    house.pass(Duration::from_secs(1));
    // Another process, over the same folder and store.
    assert!(house.uploads(parser(), true).take_up("w").await.expect("worked"));
    let done = look(&uploads, &accepted).await;
    assert_eq!((done.status, done.attempt), (QueryStatus::Completed, 2));

    let doomed = upload(&uploads, "doomed.txt", "Never read.").await;
    for _ in 0..3 {
        assert!(dies(house.now()).await.is_some());
    }
    assert!(!uploads.take_up("w").await.expect("nothing to do"));
    let failed = look(&uploads, &doomed).await;
    assert_eq!(
        (failed.status, failed.failure.expect("a reason").code.as_str()),
        (QueryStatus::Failed, "attempts_exhausted")
    );
    let listed = Entrance::Disk(Arc::clone(&uploads)).documents("default", None, 10).await.expect("listed");
    assert_eq!(listed.len(), 2, "what failed is there to be seen");
    uploads.tidy().await.expect("tidied");
    assert_eq!(house.incoming(), Vec::<String>::new());
}

/// Reads as [`parser`] does, once it is told to; says when it is asked.
fn slow_parser() -> (Parse, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let ((asked, hears_asked), (tells, told)) = (mpsc::channel(), mpsc::channel());
    let (asked, told, read) = (Mutex::new(asked), Mutex::new(told), parser());
    let parse = move |path: &Path, name: &str| {
        asked.lock().expect("sound").send(()).expect("heard");
        told.lock().expect("sound").recv().expect("told");
        read(path, name)
    };
    (Arc::new(parse), hears_asked, tells)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_while_it_is_read_does_not_come_back() {
    let house = house();
    let (parse, asked, go) = slow_parser();
    let uploads = house.uploads(parse, true);
    let accepted = upload(&uploads, "leave.txt", "Leave is 25 days.").await;
    let reader = Arc::clone(&uploads);
    let reading = tokio::spawn(async move { reader.take_up("w").await });
    tokio::task::spawn_blocking(move || asked.recv().expect("asked")).await.expect("no panic");
    let ids = [accepted.document_id.clone()];
    let forgotten = uploads.forget("default", Some(&ids)).await.expect("forgotten");
    assert_eq!(forgotten, Forgotten { cancelled: vec![accepted.id.clone()], gone: 0 });
    go.send(()).expect("heard");
    assert!(reading.await.expect("no panic").expect("worked"));
    let cancelled = look(&uploads, &accepted).await;
    assert_eq!(
        (cancelled.status, cancelled.failure.expect("a reason").code.as_str()),
        (QueryStatus::Cancelled, "deleted")
    );
    assert_eq!(found(&house, "leave").await, Vec::<String>::new());
    assert_eq!(original(&uploads, &accepted).await, None);
    assert_eq!(house.incoming(), Vec::<String>::new());
}

#[tokio::test]
async fn a_delete_takes_the_original_and_the_reports_with_it() {
    let house = house();
    let uploads = house.uploads(parser(), true);
    let good = upload(&uploads, "leave.txt", "Leave is 25 days.").await;
    let bad = upload(&uploads, "bad.txt", "REFUSE").await;
    while uploads.take_up("w").await.expect("worked") {}
    assert_eq!(Entrance::Disk(Arc::clone(&uploads)).documents("default", None, 10).await.expect("listed").len(), 2);
    for one in [&good, &bad] {
        let ids = [one.document_id.clone()];
        assert_eq!(uploads.forget("default", Some(&ids)).await.expect("forgotten").gone, 1);
        house.engine.index.delete("default", &ids).await.expect("deleted");
        assert!(
            Entrance::Disk(Arc::clone(&uploads)).document("default", &one.document_id).await.expect("looked").is_none()
        );
    }
    assert_eq!(original(&uploads, &good).await, None);
    let kept = std::fs::read_dir(house.folder.path().join("uploads/originals")).expect("listed");
    let documents = kept.flat_map(|folder| std::fs::read_dir(folder.expect("a folder").path()).expect("listed"));
    assert_eq!(documents.count(), 0);

    let again = upload(&uploads, "leave.txt", "Leave is 25 days.").await;
    assert!(uploads.take_up("w").await.expect("worked"));
    assert!(original(&uploads, &again).await.is_some());
    uploads.forget("default", None).await.expect("forgotten");
    assert_eq!(original(&uploads, &again).await, None);
}

#[tokio::test]
async fn originals_are_kept_only_if_they_are_wanted() {
    let house = house();
    let keeping = house.uploads(parser(), true);
    let first = upload(&keeping, "leave.txt", "Leave is 25 days.").await;
    assert!(keeping.take_up("w").await.expect("worked"));
    let forgetful = house.uploads(parser(), false);
    assert_eq!(outcome(&forgetful, "leave.txt", "Leave is 25 days.").await, IngestOutcome::Unchanged);
    assert!(original(&forgetful, &first).await.is_some(), "it is still the one that was read");
    assert_eq!(outcome(&forgetful, "leave.txt", "Leave is 30 days.").await, IngestOutcome::Updated);
    assert_eq!(original(&forgetful, &first).await, None);
}

#[tokio::test]
async fn leftovers_are_removed_when_they_are_old() {
    let house = house();
    let uploads = house.uploads(parser(), true);
    outcome(&uploads, "leave.txt", "Leave is 25 days.").await;
    let waiting = upload(&uploads, "waits.txt", "Still to be read.").await;
    let folder = house.folder.path().join("uploads/incoming");
    let id = docent_engine::queries::new_id(house.now());
    for name in [format!("{id}.part"), id.clone()] {
        std::fs::write(folder.join(name), "left behind").expect("written");
    }
    uploads.tidy().await.expect("tidied");
    assert_eq!(house.incoming().len(), 3, "they may still be arriving");
    house.pass(DAY + DAY);
    uploads.tidy().await.expect("tidied");
    assert_eq!(house.incoming(), [waiting.id], "what was accepted waits for as long as it takes");
}
