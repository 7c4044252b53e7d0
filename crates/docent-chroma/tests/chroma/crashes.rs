//! A writer that dies: at every step, what is found is the old or the new, and the next run leaves nothing behind.

use super::proxy::{Fate, Proxy};
use super::server::{Server, settings};
use docent_chroma::ChromaIndex;
use docent_core::SearchMode;
use docent_engine::ports::{ChunkIndex, IndexDocument};
use docent_testkit::chunk_index::{document, fresh_collection, leaning, profile, question};
use std::sync::atomic::{AtomicUsize, Ordering};

const GONE: Fate = Fate::Answer(500, "", r#"{"error":"x","message":"the machine is going down"}"#);

/// An index whose writes fail for ever after the first so many.
async fn dying(server: &Server, writes: usize) -> ChromaIndex {
    let left = AtomicUsize::new(writes);
    let plan = move |request: &super::proxy::Request| {
        let live = |left: usize| left.checked_sub(1);
        let passes = !request.writes() || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, live).is_ok();
        if passes { Fate::Pass } else { GONE }
    };
    let proxy = Proxy::before(server.chroma.port(), plan).await;
    ChromaIndex::new(settings(&proxy.url), None).expect("settings")
}

fn version(id: &str, texts: &[&str]) -> IndexDocument {
    document(id, texts, &leaning(1, 0.5))
}

async fn texts(index: &ChromaIndex, name: &str) -> Vec<String> {
    let hits = index.search(name, &question(SearchMode::Dense, "", leaning(1, 0.5))).await.expect("an answer").hits;
    let mut texts: Vec<String> = hits.into_iter().map(|hit| hit.chunk.text).collect();
    texts.sort();
    texts
}

/// What the documents' records say is what the pages say and what is found.
async fn is_consistent(index: &ChromaIndex, name: &str) {
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

#[tokio::test]
async fn a_killed_store_leaves_the_old_or_the_new() {
    let Some(server) = Server::start() else { return };
    let index = server.index();
    let (old, new) = (["a one", "a two"], ["a three", "a four", "a five"]);
    let (before, after) = (["a one", "a two", "b one"], ["a five", "a four", "a three", "b one", "c one"]);
    let mut seen = Vec::new();
    for writes in 0.. {
        let name = fresh_collection(&index).await;
        index.upsert(&name, vec![version("a", &old), version("b", &["b one"])]).await.unwrap();
        let change = || vec![version("a", &new), version("c", &["c one"])];
        let killed = dying(&server, writes).await.upsert(&name, change()).await.is_err();

        let found = texts(&index, &name).await;
        assert!(found == before || found == after, "after {writes} writes: {found:?}");
        is_consistent(&index, &name).await;
        seen.push(found == after);

        // The next ingest opens the collection, and repeats what has no record yet.
        index.open_or_create(&name, &profile()).await.unwrap();
        index.upsert(&name, change()).await.unwrap();
        assert_eq!(texts(&index, &name).await, after);
        assert_eq!(index.collection(&name).await.unwrap().unwrap().chunks, 5, "after {writes} writes: leftovers");
        if !killed {
            break;
        }
    }
    assert!(seen.contains(&true) && seen.contains(&false) && seen.is_sorted(), "{seen:?}");
}

#[tokio::test]
async fn a_killed_removal_returns_no_text_and_is_finished_by_the_next_ingest() {
    let Some(server) = Server::start() else { return };
    let index = server.index();
    let mut seen = Vec::new();
    for writes in 0.. {
        let name = fresh_collection(&index).await;
        index.upsert(&name, vec![version("a", &["a one", "a two"]), version("b", &["b one"])]).await.unwrap();
        let killed = dying(&server, writes).await.delete(&name, &["a".to_owned()]).await.is_err();

        let found = texts(&index, &name).await;
        assert!(found == ["a one", "a two", "b one"] || found == ["b one"], "after {writes} writes: {found:?}");
        is_consistent(&index, &name).await;
        seen.push(found.len() == 1);
        if found.len() == 1 {
            let collection = index.open_or_create(&name, &profile()).await.unwrap();
            assert_eq!((collection.documents, collection.chunks), (1, 1), "after {writes} writes: leftovers");
        }
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
    let index = server.index();
    for writes in 0..8 {
        let name = format!("halfway-{writes}");
        let made = dying(&server, writes).await.open_or_create(&name, &profile()).await.is_ok();
        assert_eq!(index.collection(&name).await.unwrap().is_some(), made, "after {writes} writes");
        index.open_or_create(&name, &profile()).await.unwrap();
        index.upsert(&name, vec![version("a", &["a one"])]).await.unwrap();

        let removed = dying(&server, writes).await.delete_collection(&name).await;
        let left = index.collection(&name).await.unwrap();
        assert_eq!(left.is_none(), writes > 0, "after {writes} writes: {removed:?}");
        let again = index.open_or_create(&name, &profile()).await.unwrap();
        assert_eq!(again.chunks, u64::from(writes == 0));
    }
    let listed = index.collections().await.unwrap();
    assert!(listed.iter().all(|one| !one.name.contains("docent-")), "{listed:?}");
}

/// Two processes that store and remove the same documents: whoever comes last is right, and nothing is half there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_change_the_same_documents_leave_them_whole() {
    let Some(server) = Server::start() else { return };
    let index = server.index();
    let name = fresh_collection(&index).await;
    let writer = |text: &'static str| {
        let (index, name) = (server.index(), name.clone());
        tokio::spawn(async move {
            for _ in 0..12 {
                let stored = index.upsert(&name, vec![version("a", &[text, text]), version("b", &[text])]).await;
                assert!(stored.is_ok() || stored.is_err_and(|e| e.kind() == docent_engine::ErrorKind::Conflict));
            }
        })
    };
    let remover = {
        let (index, name) = (server.index(), name.clone());
        tokio::spawn(async move {
            for _ in 0..12 {
                let gone = index.delete(&name, &["a".to_owned(), "b".to_owned()]).await;
                assert!(gone.is_ok() || gone.is_err_and(|e| e.kind() == docent_engine::ErrorKind::Conflict));
            }
        })
    };
    let (one, two) = (writer("one"), writer("two"));
    for task in [one, two, remover] {
        task.await.expect("no panic");
    }
    is_consistent(&index, &name).await;
}
