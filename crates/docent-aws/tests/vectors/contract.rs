//! The port's contract: by vectors alone, and with an index of the words beside it; and AWS's limits.

use super::server::Server;
use docent_core::SearchMode;
use docent_core::filter::FilterValue;
use docent_core::{Filter, Hit};
use docent_engine::ErrorKind;
use docent_engine::beside::Beside;
use docent_engine::ports::ChunkIndex;
use docent_index::EmbeddedIndex;
use docent_testkit::chunk_index::{contract, document, fresh_collection, leaning, profile, question};
use docent_testkit::chunk_index_vectors::contract_of_vectors;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bucket_keeps_the_contract_of_vectors() {
    let Some(server) = Server::start() else { return };
    contract_of_vectors(Arc::new(server.index().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_words_beside_it_keeps_the_whole_contract() {
    let Some(server) = Server::start() else { return };
    let words = EmbeddedIndex::open(server.folder.path().join("words"), docent_index::Settings::default());
    contract(Arc::new(Beside::new(Arc::new(server.index().await), Arc::new(words)))).await;
}

/// More than one request's worth of everything: put, get, list, delete.
#[tokio::test]
async fn a_large_batch_is_stored_and_removed_whole() {
    let Some(server) = Server::start() else { return };
    let index = server.index().await;
    let name = fresh_collection(&index).await;
    let texts: Vec<String> = (0..1_100).map(|n| format!("line {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut stored: Vec<_> = (0..1_050).map(|n| document(&format!("d{n:04}"), &["tea"], &leaning(2, 0.5))).collect();
    stored.push(document("long", &texts, &leaning(1, 0.5)));
    index.upsert(&name, stored).await.unwrap();
    let collection = index.collection(&name).await.unwrap().unwrap();
    assert_eq!((collection.documents, collection.chunks), (1_051, 2_150));
    assert_eq!(index.documents(&name, Some("d1048"), 10).await.unwrap().len(), 2);
    let pages = index.pages(&name, "long", &[1_099, 0]).await.unwrap();
    assert_eq!(pages.iter().map(|(_, page)| page.text.as_str()).collect::<Vec<_>>(), ["line 1099", "line 0"]);
    let mut request = question(SearchMode::Dense, "", leaning(1, 0.5));
    request.limit = 500;
    let of_long = |hits: &[Hit]| hits.iter().filter(|hit| hit.chunk.document_id == "long").count();
    let hits = index.search(&name, &request).await.unwrap().hits;
    assert_eq!((hits.len(), of_long(&hits)), (100, 100), "as many as one question can ask for");
    assert_eq!(index.delete(&name, &["long".to_owned()]).await.unwrap().chunks, 1_100);
    assert_eq!(index.collection(&name).await.unwrap().unwrap().chunks, 1_050);
    let hits = index.search(&name, &request).await.unwrap().hits;
    assert_eq!((hits.len(), of_long(&hits)), (100, 0));
}

/// Texts that one vector cannot carry, names that cannot be filtered by as they are, a record larger than its vector.
#[tokio::test]
async fn what_is_longer_than_a_vector_carries_comes_back_as_it_was() {
    let Some(server) = Server::start() else { return };
    let index = server.index().await;
    let name = fresh_collection(&index).await;
    let long = "\"Ünïcode\"\n\\ and a quote ☕ ".repeat(9_000);
    let mut stored = document("long", &[&long, "short", &long], &leaning(1, 0.5));
    let title = "A heading without end ".repeat(400);
    stored.document.title.clone_from(&title);
    stored.document.warnings = vec!["a warning ".repeat(9_000)];
    stored.document.unreadable_pages = (0..20_000).collect();
    for chunk in &mut stored.chunks {
        chunk.title.clone_from(&title);
        chunk.heading_path = vec![title.clone(); 9];
        chunk.page = None;
    }
    index.upsert(&name, vec![stored.clone(), document("other", &["tea"], &leaning(1, 0.4))]).await.unwrap();
    assert_eq!(index.document(&name, "long").await.unwrap(), Some(stored.document.clone()));
    assert_eq!(index.documents(&name, None, 1).await.unwrap(), [stored.document.clone()]);
    let page = |place: u32| (place, stored.pages[place as usize].clone());
    // Behind the pages stand pieces of texts, which are no pages.
    assert_eq!(index.pages(&name, "long", &[2, 3, 4, 1]).await.unwrap(), [page(2), page(1)]);

    let mut request = question(SearchMode::Dense, "", leaning(1, 0.5));
    for (filter, found) in [
        (Filter::Eq { key: "title".to_owned(), value: FilterValue::Text(title) }, 3),
        (Filter::Ne { key: "page".to_owned(), value: FilterValue::Number(1.0) }, 3),
        (Filter::Lt { key: "page".to_owned(), value: FilterValue::Number(9.0) }, 1),
    ] {
        request.filter = Some(filter.clone());
        let mut chunks: Vec<_> =
            index.search(&name, &request).await.unwrap().hits.into_iter().map(|hit| hit.chunk).collect();
        assert_eq!(chunks.len(), found, "{filter:?}");
        chunks.sort_by_key(|chunk| chunk.ordinal);
        assert!(found == 1 || chunks == stored.chunks);
    }
    assert_eq!(index.delete(&name, &["long".to_owned()]).await.unwrap().chunks, 3);
    assert_eq!(index.pages(&name, "long", &[0]).await.unwrap(), []);
}

#[tokio::test]
async fn names_that_s3_vectors_does_not_take_are_refused() {
    let Some(server) = Server::start() else { return };
    let index = server.index().await;
    for name in ["ab", "-abc", "abc-", "Abc", "a_b_c", "a b c", "people.pages", &"a".repeat(54)] {
        let refusal = index.open_or_create(name, &profile()).await.unwrap_err();
        assert_eq!(refusal.kind(), ErrorKind::Invalid, "{name}");
        assert!(refusal.hint_text().is_some_and(|hint| hint.contains("3 to 53")), "{name}: {refusal}");
        assert_eq!(index.collection(name).await.unwrap(), None, "{name}");
        assert!(!index.delete_collection(name).await.unwrap(), "{name}");
        let request = question(SearchMode::Dense, "", leaning(1, 0.5));
        assert_eq!(index.search(name, &request).await.unwrap_err().kind(), ErrorKind::NotFound, "{name}");
    }
}
