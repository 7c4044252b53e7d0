//! A writer that dies: at every step, what is found is the old or the new, and the next run leaves nothing behind.

use super::server::{Server, writes};
use docent_aws::S3VectorsIndex;
use docent_core::SearchMode;
use docent_engine::ErrorKind;
use docent_engine::ports::{ChunkIndex, IndexDocument};
use docent_testkit::chunk_index::{document, fresh_collection, leaning, profile, question};
use docent_testkit::fault_proxy::Passing;
use docent_testkit::ministack::{authorization, request};
use docent_testkit::vector_bucket::{BUCKET_ARN, refusal};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An index whose writes fail for ever after the first so many.
async fn dying(server: &Server, lasts: usize) -> S3VectorsIndex {
    let left = AtomicUsize::new(lasts);
    let script = move |passing: &Passing<'_>| {
        let live = |left: usize| left.checked_sub(1);
        let passes = !writes(passing) || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, live).is_ok();
        // What the SDK does not try again.
        (!passes).then(|| refusal(403, "AccessDeniedException", "the machine is going down"))
    };
    server.behind(script).await.0
}

fn version(id: &str, texts: &[&str]) -> IndexDocument {
    document(id, texts, &leaning(1, 0.5))
}

async fn texts(index: &S3VectorsIndex, name: &str) -> Vec<String> {
    let hits = index.search(name, &question(SearchMode::Dense, "", leaning(1, 0.5))).await.expect("an answer").hits;
    let mut texts: Vec<String> = hits.into_iter().map(|hit| hit.chunk.text).collect();
    texts.sort();
    texts
}

/// What the documents' records say is what the pages say and what is found.
async fn is_consistent(index: &S3VectorsIndex, name: &str) {
    let mut stored = Vec::new();
    for record in index.documents(name, None, 100).await.expect("an answer") {
        let places: Vec<u32> = (0..record.pages).collect();
        let pages = index.pages(name, &record.id, &places).await.expect("an answer");
        assert_eq!(pages.len(), places.len(), "all pages of {}", record.id);
        stored.extend(pages.into_iter().map(|(_, page)| page.text));
    }
    stored.sort();
    assert_eq!(texts(index, name).await, stored);
}

/// How many vectors an index of the bucket really holds.
fn held(server: &Server, index: &str) -> usize {
    let address = server.bucket.endpoint().trim_start_matches("http://").to_owned();
    let authorization = authorization("s3vectors");
    let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
    let body = json!({"indexArn": format!("{BUCKET_ARN}/index/{index}"), "maxResults": 1_000}).to_string();
    let answer = request(&address, "POST", "/ListVectors", &headers, body.as_bytes()).expect("an answer");
    answer.json()["vectors"].as_array().expect("a list").len()
}

/// No text is there but that of the documents: as many chunks and pages, and a record for each document and the collection.
fn holds_only(server: &Server, name: &str, documents: usize, chunks: usize) {
    let counts =
        [name.to_owned(), format!("{name}.pages"), format!("{name}.documents")].map(|index| held(server, &index));
    assert_eq!(counts, [chunks, chunks, documents + 1]);
}

#[tokio::test]
async fn a_killed_store_leaves_the_old_or_the_new() {
    let Some(server) = Server::start() else { return };
    let index = server.index().await;
    let (old, new) = (["a one", "a two"], ["a three", "a four", "a five"]);
    let (before, after) = (["a one", "a two", "b one"], ["a five", "a four", "a three", "b one", "c one"]);
    let mut seen = Vec::new();
    for lasts in 0.. {
        let name = fresh_collection(&index).await;
        index.upsert(&name, vec![version("a", &old), version("b", &["b one"])]).await.unwrap();
        let change = || vec![version("a", &new), version("c", &["c one"])];
        let killed = dying(&server, lasts).await.upsert(&name, change()).await.is_err();

        let found = texts(&index, &name).await;
        assert!(found == before || found == after, "after {lasts} writes: {found:?}");
        is_consistent(&index, &name).await;
        seen.push(found == after);

        // The next ingest opens the collection, which leaves nothing of what died, and repeats what has no record yet.
        let opened = index.open_or_create(&name, &profile()).await.unwrap();
        assert_eq!((opened.documents, opened.chunks), if found == after { (3, 5) } else { (2, 3) });
        holds_only(&server, &name, opened.documents as usize, opened.chunks as usize);
        index.upsert(&name, change()).await.unwrap();
        assert_eq!(texts(&index, &name).await, after);
        holds_only(&server, &name, 3, 5);
        if !killed {
            break;
        }
    }
    assert!(seen.contains(&true) && seen.contains(&false) && seen.is_sorted(), "{seen:?}");
}

#[tokio::test]
async fn a_killed_removal_returns_no_text_and_is_finished_by_the_next_ingest() {
    let Some(server) = Server::start() else { return };
    let index = server.index().await;
    let mut seen = Vec::new();
    for lasts in 0.. {
        let name = fresh_collection(&index).await;
        index.upsert(&name, vec![version("a", &["a one", "a two"]), version("b", &["b one"])]).await.unwrap();
        let killed = dying(&server, lasts).await.delete(&name, &["a".to_owned()]).await.is_err();

        let found = texts(&index, &name).await;
        assert!(found == ["a one", "a two", "b one"] || found == ["b one"], "after {lasts} writes: {found:?}");
        is_consistent(&index, &name).await;
        seen.push(found.len() == 1);
        let opened = index.open_or_create(&name, &profile()).await.unwrap();
        assert_eq!((opened.documents, opened.chunks), if found.len() == 1 { (1, 1) } else { (2, 3) });
        holds_only(&server, &name, opened.documents as usize, opened.chunks as usize);
        if !killed {
            break;
        }
    }
    assert!(seen.contains(&true) && seen.contains(&false) && seen.is_sorted(), "{seen:?}");
}

/// A collection that was made only halfway, or removed only halfway, does not exist and can be made.
#[tokio::test]
async fn a_collection_made_or_removed_halfway_can_be_made() {
    let Some(server) = Server::start() else { return };
    let index = server.index().await;
    for lasts in 0..6 {
        let name = format!("halfway-{lasts}");
        let made = dying(&server, lasts).await.open_or_create(&name, &profile()).await.is_ok();
        assert_eq!(index.collection(&name).await.unwrap().is_some(), made, "after {lasts} writes");
        index.open_or_create(&name, &profile()).await.unwrap();
        index.upsert(&name, vec![version("a", &["a one"])]).await.unwrap();

        let removed = dying(&server, lasts).await.delete_collection(&name).await;
        let left = index.collection(&name).await.unwrap();
        assert_eq!(left.is_none(), lasts > 0, "after {lasts} writes: {removed:?}");
        let again = index.open_or_create(&name, &profile()).await.unwrap();
        assert_eq!(again.chunks, u64::from(lasts == 0));
    }
    let listed = index.collections().await.unwrap();
    assert!(listed.iter().all(|one| !one.name.contains('.')), "{listed:?}");
}

/// An index that somebody else made under the name of a collection is neither used nor removed.
#[tokio::test]
async fn an_index_of_others_is_left_alone() {
    let Some(server) = Server::start() else { return };
    let index = server.index().await;
    let address = server.bucket.endpoint().trim_start_matches("http://").to_owned();
    let authorization = authorization("s3vectors");
    let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
    let made = json!({"vectorBucketArn": BUCKET_ARN, "indexName": "theirs", "dataType": "float32", "dimension": 2,
        "distanceMetric": "cosine"});
    let answer = request(&address, "POST", "/CreateIndex", &headers, made.to_string().as_bytes()).expect("an answer");
    assert_eq!(answer.status, 200);
    let error = index.open_or_create("theirs", &profile()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("did not make"), "{error}");
    assert!(!index.delete_collection("theirs").await.unwrap());
    assert_eq!(held(&server, "theirs"), 0, "it is still there");
    assert_eq!(index.collections().await.unwrap(), []);
}

/// Two processes that store and remove the same documents: whoever comes last is right, and nothing is half there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_change_the_same_documents_leave_them_whole() {
    let Some(server) = Server::start() else { return };
    let index = server.index().await;
    let name = fresh_collection(&index).await;
    let writer = |text: &'static str, index: S3VectorsIndex| {
        let name = name.clone();
        tokio::spawn(async move {
            for _ in 0..6 {
                let stored = index.upsert(&name, vec![version("a", &[text, text]), version("b", &[text])]).await;
                assert!(stored.is_ok() || stored.is_err_and(|e| e.kind() == ErrorKind::Conflict));
            }
        })
    };
    let (one, two) = (writer("one", server.index().await), writer("two", server.index().await));
    let remover = {
        let (index, name) = (server.index().await, name.clone());
        tokio::spawn(async move {
            for _ in 0..6 {
                let gone = index.delete(&name, &["a".to_owned(), "b".to_owned()]).await;
                assert!(gone.is_ok() || gone.is_err_and(|e| e.kind() == ErrorKind::Conflict));
            }
        })
    };
    for task in [one, two, remover] {
        task.await.expect("no panic");
    }
    is_consistent(&index, &name).await;
}
