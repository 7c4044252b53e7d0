//! The contract of a [`ChunkIndex`] that ranks by vectors alone: all of the contract that needs no words, and that the
//! store says so where words are asked for.

use crate::chunk_index::{
    self, CHECKS, Check, document, filter_table, found, fresh_collection, ids, leaning, question,
};
use docent_core::SearchMode;
use docent_engine::ErrorKind;
use docent_engine::ports::ChunkIndex;
use std::sync::Arc;

/// The checks of [`CHECKS`] that rank by vectors only.
const SHARED: [&str; 7] = [
    "a_collection_keeps_its_profile_and_refuses_another",
    "what_does_not_exist_is_said_so",
    "vectors_find_and_rank",
    "texts_that_are_stored_keep_their_vectors",
    "filters_that_cannot_be_right_are_refused",
    "documents_come_in_pages_by_id",
    "vectors_of_another_length_are_refused",
];

/// The checks that take the place of the others.
const OWN: [(&str, Check); 6] = [
    ("words_are_refused_and_a_hybrid_answer_says_what_it_is", |index| Box::pin(words_are_refused(index))),
    ("a_document_comes_back_as_it_was", |index| Box::pin(a_document_comes_back(index))),
    ("a_document_stored_again_replaces_itself", |index| Box::pin(a_document_replaces_itself(index))),
    ("a_deleted_document_is_gone_at_once", |index| Box::pin(a_deleted_document_is_gone(index))),
    ("filters_choose_chunks_in_every_mode", |index| Box::pin(filters_choose_chunks(index))),
    ("no_more_hits_than_wanted", |index| Box::pin(no_more_hits_than_wanted(index))),
];

/// How such a store can be asked.
const MODES: [SearchMode; 2] = [SearchMode::Dense, SearchMode::Hybrid];

/// Runs every check and panics with the names of those that failed.
///
/// # Panics
/// When the index breaks a promise.
pub async fn contract_of_vectors(index: Arc<dyn ChunkIndex>) {
    let shared = CHECKS.iter().filter(|(name, _)| SHARED.contains(name));
    chunk_index::run(index, shared.chain(&OWN)).await;
}

async fn words_are_refused(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    index.upsert(&name, vec![document("a", &["tea"], &leaning(1, 0.5))]).await.expect("an answer");
    let refusal = index.search(&name, &question(SearchMode::Bm25, "tea", Vec::new())).await.expect_err("a refusal");
    assert_eq!(refusal.kind(), ErrorKind::Invalid);
    assert!(refusal.hint_text().is_some_and(|hint| hint.contains("dense")), "{refusal}");
    for mode in MODES {
        let response = index.search(&name, &question(mode, "tea", leaning(1, 0.5))).await.expect("an answer");
        assert_eq!((response.mode, response.hits.len()), (SearchMode::Dense, 1));
        assert_eq!(response.hits[0].bm25, None);
    }
}

async fn a_document_comes_back(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let stored = document("doc_é/1", &["green tea ☕", "", "black tea"], &leaning(2, 0.5));
    let generation = index.upsert(&name, vec![stored.clone()]).await.expect("an answer");
    assert_eq!(index.document(&name, "doc_é/1").await.expect("an answer"), Some(stored.document));
    let pages = index.pages(&name, "doc_é/1", &[2, 9, 0, 2]).await.expect("an answer");
    let page = |place: usize| (place as u32, stored.pages[place].clone());
    assert_eq!(pages, [page(2), page(0), page(2)]);
    let response = index.search(&name, &question(SearchMode::Dense, "", leaning(2, 0.5))).await.expect("an answer");
    assert_eq!(response.generation, generation);
    let mut chunks: Vec<_> = response.hits.into_iter().map(|hit| hit.chunk).collect();
    chunks.sort_by_key(|chunk| chunk.ordinal);
    assert_eq!(chunks, stored.chunks);
}

async fn a_document_replaces_itself(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let first = document("a", &["green tea", "black tea"], &leaning(1, 0.5));
    let other = document("b", &["green paint"], &leaning(1, 0.6));
    index.upsert(&name, vec![first.clone(), other]).await.expect("an answer");
    let second = document("a", &["white coffee"], &leaning(1, 0.5));
    index.upsert(&name, vec![first.clone(), second.clone()]).await.expect("an answer");
    let request = question(SearchMode::Dense, "", leaning(1, 0.5));
    let hits = index.search(&name, &request).await.expect("an answer").hits;
    assert_eq!(hits.iter().map(|hit| hit.chunk.text.as_str()).collect::<Vec<_>>(), ["white coffee", "green paint"]);
    assert_eq!(index.document(&name, "a").await.expect("an answer"), Some(second.document));
    assert_eq!(index.pages(&name, "a", &[0, 1]).await.expect("an answer").len(), 1);
    let collection = index.collection(&name).await.expect("an answer").expect("it is there");
    assert_eq!((collection.documents, collection.chunks), (2, 2));
    // And back to what it was.
    index.upsert(&name, vec![first]).await.expect("an answer");
    assert_eq!(found(&*index, &name, &request).await.len(), 3);
}

async fn a_deleted_document_is_gone(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let vector = leaning(1, 0.5);
    let stored = ["a", "b", "c"].map(|id| document(id, &["tea", "more tea"], &vector));
    index.upsert(&name, stored.to_vec()).await.expect("an answer");
    let deleted = index.delete(&name, &ids(&["b", "c", "unknown"])).await.expect("an answer");
    assert_eq!((deleted.documents, deleted.chunks), (ids(&["b", "c"]), 4));
    for mode in MODES {
        let mut left = found(&*index, &name, &question(mode, "tea", vector.clone())).await;
        left.sort();
        assert_eq!(left, ids(&["a#0", "a#1"]));
    }
    assert_eq!(index.document(&name, "b").await.expect("an answer"), None);
    assert_eq!(index.pages(&name, "b", &[0, 1]).await.expect("an answer"), []);
    let collection = index.collection(&name).await.expect("an answer").expect("it is there");
    assert_eq!((collection.documents, collection.chunks, collection.generation), (1, 2, deleted.generation));
}

async fn filters_choose_chunks(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let vector = leaning(1, 0.5);
    let stored = ["a", "b", "c"].map(|id| document(id, &["tea", "tea", "tea"], &vector));
    index.upsert(&name, stored.to_vec()).await.expect("an answer");
    for (filter, expected) in filter_table() {
        for mode in MODES {
            let mut request = question(mode, "tea", vector.clone());
            request.filter = Some(filter.clone());
            let mut hits = found(&*index, &name, &request).await;
            hits.sort();
            assert_eq!(hits, ids(expected), "{mode:?} {filter:?}");
        }
    }
}

async fn no_more_hits_than_wanted(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    index.upsert(&name, vec![document("a", &["tea"; 30], &leaning(1, 0.5))]).await.expect("an answer");
    for mode in MODES {
        for (limit, expected) in [(0, 0), (1, 1), (25, 25), (100, 30)] {
            let mut request = question(mode, "tea", leaning(1, 0.5));
            request.limit = limit;
            assert_eq!(found(&*index, &name, &request).await.len(), expected);
        }
    }
}
