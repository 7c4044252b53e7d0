//! The port's contract: by vectors alone, and with an index of the words beside it.

use super::server::Server;
use docent_core::SearchMode;
use docent_engine::beside::Beside;
use docent_engine::ports::ChunkIndex;
use docent_index::EmbeddedIndex;
use docent_testkit::chunk_index::{contract, document, fresh_collection, leaning, profile, question};
use docent_testkit::chunk_index_vectors::contract_of_vectors;
use std::sync::Arc;

fn words(server: &Server) -> Arc<dyn ChunkIndex> {
    Arc::new(EmbeddedIndex::open(server.folder.path().join("words"), docent_index::Settings::default()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_the_contract_of_vectors() {
    let Some(server) = Server::start() else { return };
    contract_of_vectors(Arc::new(server.index())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_words_beside_it_keeps_the_whole_contract() {
    let Some(server) = Server::start() else { return };
    contract(Arc::new(Beside::new(Arc::new(server.index()), words(&server)))).await;
}

#[tokio::test]
async fn the_store_is_the_truth_about_what_the_words_find() {
    let Some(server) = Server::start() else { return };
    let (store, words) = (Arc::new(server.index()), words(&server));
    let both = Beside::new(store.clone(), Arc::clone(&words));
    let name = fresh_collection(&both).await;
    let vector = leaning(1, 0.5);
    let stored = ["kept", "replaced", "removed"].map(|id| document(id, &["tea"], &vector));
    both.upsert(&name, stored.to_vec()).await.unwrap();
    // Another machine, which has no words, changes the store.
    store
        .upsert(&name, vec![document("replaced", &["coffee"], &vector), document("new", &["tea"], &vector)])
        .await
        .unwrap();
    store.delete(&name, &["removed".to_owned()]).await.unwrap();

    let texts = async |mode| {
        let response = both.search(&name, &question(mode, "tea", vector.clone())).await.unwrap();
        assert_eq!(response.mode, mode);
        let mut hits: Vec<_> = response.hits.into_iter().map(|hit| (hit.chunk.document_id, hit.chunk.text)).collect();
        hits.sort();
        hits
    };
    let hit = |id: &str, text: &str| (id.to_owned(), text.to_owned());
    assert_eq!(texts(SearchMode::Bm25).await, [hit("kept", "tea")]);
    assert_eq!(texts(SearchMode::Hybrid).await, [hit("kept", "tea"), hit("new", "tea"), hit("replaced", "coffee")]);
}

#[tokio::test]
async fn a_collection_without_words_is_ranked_by_vectors_and_said_so() {
    let Some(server) = Server::start() else { return };
    let store = Arc::new(server.index());
    let name = fresh_collection(&*store).await;
    store.upsert(&name, vec![document("a", &["tea"], &leaning(1, 0.5))]).await.unwrap();
    let both = Beside::new(store, words(&server));
    let response = both.search(&name, &question(SearchMode::Hybrid, "tea", leaning(1, 0.5))).await.unwrap();
    assert_eq!((response.mode, response.hits.len()), (SearchMode::Dense, 1));
    let refusal = both.search(&name, &question(SearchMode::Bm25, "tea", Vec::new())).await.unwrap_err();
    assert!(refusal.to_string().contains("does not rank by words"), "{refusal}");
}

/// More than one request's worth of everything.
#[tokio::test]
async fn a_large_batch_is_stored_and_removed_whole() {
    let Some(server) = Server::start() else { return };
    let index = server.index();
    let name = fresh_collection(&index).await;
    let texts: Vec<String> = (0..1_100).map(|n| format!("line {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    // Hundreds of equal vectors are more than an approximate graph finds.
    let share = |n: usize| 0.3 + n as f32 / 4_000.0;
    let mut stored: Vec<_> = (0..300).map(|n| document(&format!("d{n:03}"), &["tea"], &leaning(2, share(n)))).collect();
    let mut long = document("long", &texts, &leaning(1, 0.5));
    long.vectors = (0..texts.len()).map(|n| leaning(1, share(n))).collect();
    stored.push(long);
    index.upsert(&name, stored).await.unwrap();
    let collection = index.collection(&name).await.unwrap().unwrap();
    assert_eq!((collection.documents, collection.chunks), (301, 1_400));
    assert_eq!(index.documents(&name, Some("d298"), 10).await.unwrap().len(), 2);
    let pages = index.pages(&name, "long", &[1_099, 0]).await.unwrap();
    assert_eq!(pages.iter().map(|(_, page)| page.text.as_str()).collect::<Vec<_>>(), ["line 1099", "line 0"]);
    let mut request = question(SearchMode::Dense, "", leaning(1, 0.5));
    request.limit = 1_200;
    let hits = index.search(&name, &request).await.unwrap().hits;
    let found = hits.iter().filter(|hit| hit.chunk.document_id == "long").count();
    assert!(found >= 1_000, "the graph is approximate, but finds nearly all: {found}");
    let deleted = index.delete(&name, &["long".to_owned()]).await.unwrap();
    assert_eq!(deleted.chunks, 1_100);
    assert_eq!(index.collection(&name).await.unwrap().unwrap().chunks, 300);
    let hits = index.search(&name, &request).await.unwrap().hits;
    assert!(!hits.is_empty() && hits.iter().all(|hit| hit.chunk.document_id != "long"));
}

#[tokio::test]
async fn names_that_chroma_does_not_take_are_refused() {
    let Some(server) = Server::start() else { return };
    let index = server.index();
    for name in ["ab", "-abc", "abc_", "Abc", "a b c", "people.docent-pages", &"a".repeat(65)] {
        let refusal = index.open_or_create(name, &profile()).await.unwrap_err();
        assert_eq!(refusal.kind(), docent_engine::ErrorKind::Invalid, "{name}");
        assert!(refusal.hint_text().is_some_and(|hint| hint.contains("3 to 64")), "{name}: {refusal}");
        assert_eq!(index.collection(name).await.unwrap(), None, "{name}");
    }
}
