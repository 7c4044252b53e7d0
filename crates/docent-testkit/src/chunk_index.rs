//! The contract of [`ChunkIndex`]: what every implementation must do, as a list of named checks.
//!
//! Each check makes a collection of its own, so the checks may share one index. Vectors have eight dimensions and are
//! chosen by hand, so that what is near is plain to see.

use docent_core::filter::FilterValue;
use docent_core::{Chunk, Document, Filter, Format, Page, SearchMode, Timestamp};
use docent_engine::ErrorKind;
use docent_engine::embedding::key_of;
use docent_engine::ports::{ChunkIndex, EmbeddingModel, IndexDocument, IndexProfile, SearchRequest};
use futures::future::BoxFuture;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One check: panics when the index breaks the promise.
pub type Check = fn(Arc<dyn ChunkIndex>) -> BoxFuture<'static, ()>;

macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        &[$((stringify!($check), |index| Box::pin($check(index)))),*]
    };
}

/// The checks by name.
pub const CHECKS: &[(&str, Check)] = checks![
    a_new_collection_is_empty_and_listed,
    a_collection_keeps_its_profile_and_refuses_another,
    what_does_not_exist_is_said_so,
    a_document_comes_back_as_it_was,
    words_find_and_rank,
    vectors_find_and_rank,
    both_together_find_what_either_finds,
    a_document_stored_again_replaces_itself,
    the_last_of_two_with_one_id_wins,
    a_deleted_document_is_gone_at_once,
    texts_that_are_stored_keep_their_vectors,
    filters_choose_chunks_in_every_mode,
    filters_that_cannot_be_right_are_refused,
    documents_come_in_pages_by_id,
    every_commit_has_a_name_of_its_own,
    vectors_of_another_length_are_refused,
    no_more_hits_than_wanted,
    collections_do_not_see_each_other,
    vectors_of_another_model_are_refused_even_if_they_are_as_long,
    a_deleted_collection_is_gone_and_can_be_made_anew,
];

/// Runs every check and panics with the names of those that failed; what each found is on standard error.
///
/// # Panics
/// When the index breaks a promise.
pub async fn contract(index: Arc<dyn ChunkIndex>) {
    run(index, CHECKS).await;
}

pub(crate) async fn run(index: Arc<dyn ChunkIndex>, checks: impl IntoIterator<Item = &'static (&'static str, Check)>) {
    let mut broken = Vec::new();
    for (name, check) in checks {
        if tokio::spawn(check(Arc::clone(&index))).await.is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "the chunk index breaks its contract: {}", broken.join(", "));
}

/// Length of the vectors of [`profile`].
pub const DIMENSION: usize = 8;

/// How the checks' collections are made.
pub fn profile() -> IndexProfile {
    IndexProfile {
        embedding: EmbeddingModel { name: "test/by-hand".to_owned(), dimension: DIMENSION },
        chunk_tokens: 100,
        chunk_overlap: 10,
        chunking: "test-1".to_owned(),
    }
}

/// The unit vector that leans from the first axis towards the axis `axis` by this share, 0 to 1.
pub fn leaning(axis: usize, share: f32) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSION];
    vector[0] = 1.0 - share;
    vector[axis] += share;
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.into_iter().map(|value| value / norm).collect()
}

/// A document of one page and one chunk per text, all on the vector given.
pub fn document(id: &str, texts: &[&str], vector: &[f32]) -> IndexDocument {
    let filename = format!("{id}.pdf");
    let chunk = |(place, text): (usize, &&str)| Chunk {
        id: format!("{id}#{place}"),
        document_id: id.to_owned(),
        filename: filename.clone(),
        title: format!("Title of {id}"),
        ordinal: place as u32,
        page_index: place as u32,
        page: Some(place as u32 + 1),
        heading_path: vec!["Part".to_owned(), format!("Section {place}")],
        text: (*text).to_owned(),
        start_char: 0,
        end_char: text.chars().count() as u32,
    };
    let page = |(place, text): (usize, &&str)| Page {
        number: Some(place as u32 + 1),
        heading_path: Vec::new(),
        text: (*text).to_owned(),
    };
    IndexDocument {
        document: record(id, texts),
        pages: texts.iter().enumerate().map(page).collect(),
        chunks: texts.iter().enumerate().map(chunk).collect(),
        vectors: vec![vector.to_vec(); texts.len()],
        model: profile().embedding.name,
    }
}

fn record(id: &str, texts: &[&str]) -> Document {
    Document {
        id: id.to_owned(),
        filename: format!("{id}.pdf"),
        title: format!("Title of {id}"),
        format: Format::Pdf,
        content_hash: texts.concat(),
        bytes: 1000,
        pages: texts.len() as u32,
        characters: texts.iter().map(|text| text.chars().count() as u64).sum(),
        chunks: texts.len() as u32,
        unreadable_pages: vec![7],
        warnings: vec!["a warning".to_owned()],
        ingested_at: Timestamp::from_millis(1_795_392_000_000),
        source: None,
        source_version: None,
        ocr: None,
    }
}

/// A question to the index for ten hits.
pub fn question(mode: SearchMode, text: &str, vector: Vec<f32>) -> SearchRequest {
    SearchRequest { text: text.to_owned(), vector, mode, limit: 10, filter: None }
}

/// An empty collection that nobody else uses.
pub async fn fresh_collection(index: &dyn ChunkIndex) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("check-{}-{count}", process::id());
    index.open_or_create(&name, &profile()).await.expect("an answer");
    name
}

/// Ids of the chunks that a question finds, best first.
pub async fn found(index: &dyn ChunkIndex, collection: &str, request: &SearchRequest) -> Vec<String> {
    let response = index.search(collection, request).await.expect("an answer");
    assert!(response.hits.is_sorted_by(|better, worse| better.score >= worse.score));
    response.hits.into_iter().map(|hit| hit.chunk.id).collect()
}

async fn by_words(index: &dyn ChunkIndex, collection: &str, text: &str) -> Vec<String> {
    let request = question(SearchMode::Bm25, text, Vec::new());
    found(index, collection, &request).await
}

pub(crate) fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn a_new_collection_is_empty_and_listed(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let collection = index.collection(&name).await.expect("an answer").expect("it is there");
    assert_eq!((collection.documents, collection.chunks), (0, 0));
    assert_eq!(collection.profile, profile());
    let listed = index.collections().await.expect("an answer");
    assert!(listed.iter().any(|other| other.name == name && other.generation == collection.generation));
    assert!(listed.is_sorted_by(|a, b| a.name < b.name));
    for mode in [SearchMode::Bm25, SearchMode::Dense, SearchMode::Hybrid] {
        assert!(found(&*index, &name, &question(mode, "tea", leaning(1, 0.5))).await.is_empty());
    }
    assert!(index.documents(&name, None, 10).await.expect("an answer").is_empty());
}

async fn a_collection_keeps_its_profile_and_refuses_another(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let stored = index.upsert(&name, vec![document("a", &["tea"], &leaning(1, 0.5))]).await.expect("an answer");
    let again = index.open_or_create(&name, &profile()).await.expect("an answer");
    assert_eq!((again.generation, again.chunks), (stored, 1));
    let mut other = profile();
    other.embedding.name = "test/other-model".to_owned();
    let refusal = index.open_or_create(&name, &other).await.expect_err("a refusal");
    assert_eq!(refusal.kind(), ErrorKind::Invalid);
    assert!(refusal.to_string().contains("test/by-hand"), "{refusal}");
    assert!(refusal.to_string().contains("test/other-model"), "{refusal}");
    assert!(refusal.hint_text().is_some());
}

async fn what_does_not_exist_is_said_so(index: Arc<dyn ChunkIndex>) {
    let missing = "check-missing";
    assert_eq!(index.collection(missing).await.expect("an answer"), None);
    assert!(!index.delete_collection(missing).await.expect("an answer"));
    let request = question(SearchMode::Hybrid, "tea", leaning(1, 0.5));
    let refusals = [
        index.search(missing, &request).await.expect_err("a refusal"),
        index.upsert(missing, Vec::new()).await.expect_err("a refusal"),
        index.delete(missing, &ids(&["a"])).await.expect_err("a refusal"),
        index.documents(missing, None, 1).await.expect_err("a refusal"),
    ];
    for refusal in refusals {
        assert_eq!(refusal.kind(), ErrorKind::NotFound, "{refusal}");
    }
    let name = fresh_collection(&*index).await;
    assert_eq!(index.document(&name, "a").await.expect("an answer"), None);
    assert_eq!(index.pages(&name, "a", &[0]).await.expect("an answer"), []);
    let deleted = index.delete(&name, &ids(&["a"])).await.expect("an answer");
    assert_eq!((deleted.documents.len(), deleted.chunks), (0, 0));
}

async fn a_document_comes_back_as_it_was(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let stored = document("doc_é/1", &["green tea ☕", "", "black tea"], &leaning(2, 0.5));
    index.upsert(&name, vec![stored.clone()]).await.expect("an answer");
    let read = index.document(&name, "doc_é/1").await.expect("an answer");
    assert_eq!(read, Some(stored.document));
    let pages = index.pages(&name, "doc_é/1", &[2, 9, 0]).await.expect("an answer");
    assert_eq!(pages, [(2, stored.pages[2].clone()), (0, stored.pages[0].clone())]);
    let request = question(SearchMode::Hybrid, "green", leaning(2, 0.5));
    let response = index.search(&name, &request).await.expect("an answer");
    assert_eq!(response.hits[0].chunk, stored.chunks[0]);
    assert_eq!(response.hits.len(), 3);
}

async fn words_find_and_rank(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let vector = leaning(1, 0.5);
    let stored = vec![
        document("often", &["tea tea tea and nothing else"], &vector),
        document("once", &["coffee, milk, sugar, a cup of tea and a spoon"], &vector),
        document("never", &["coffee with milk"], &vector),
    ];
    index.upsert(&name, stored).await.expect("an answer");
    assert_eq!(by_words(&*index, &name, "tea").await, ids(&["often#0", "once#0"]));
    assert_eq!(by_words(&*index, &name, "Cups").await, ids(&["once#0"]));
    assert_eq!(by_words(&*index, &name, "chocolate").await, ids(&[]));
    assert_eq!(by_words(&*index, &name, "  ?!").await, ids(&[]));
}

async fn vectors_find_and_rank(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let stored = (1..DIMENSION).map(|axis| document(&format!("d{axis}"), &["x"], &leaning(axis, 0.8)));
    index.upsert(&name, stored.collect()).await.expect("an answer");
    let request = question(SearchMode::Dense, "", leaning(3, 0.7));
    let response = index.search(&name, &request).await.expect("an answer");
    assert_eq!(response.hits.len(), DIMENSION - 1);
    assert_eq!(response.hits[0].chunk.id, "d3#0");
    let exact: f32 = leaning(3, 0.7).iter().zip(leaning(3, 0.8)).map(|(a, b)| a * b).sum();
    assert!((response.hits[0].dense.expect("an answer") - exact).abs() < 0.01);
    let far: f32 = leaning(3, 0.7).iter().zip(leaning(4, 0.8)).map(|(a, b)| a * b).sum();
    assert!((response.hits[1].score - far).abs() < 0.01);
}

async fn both_together_find_what_either_finds(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let stored = vec![
        document("near", &["something else"], &leaning(1, 1.0)),
        document("worded", &["the word tea"], &leaning(2, 1.0)),
        document("both", &["the word tea"], &leaning(1, 1.0)),
    ];
    index.upsert(&name, stored).await.expect("an answer");
    let request = question(SearchMode::Hybrid, "tea", leaning(1, 0.9));
    let hits = index.search(&name, &request).await.expect("an answer").hits;
    assert_eq!(hits[0].chunk.id, "both#0");
    assert_eq!(hits.len(), 3);
    assert!(hits[0].bm25.is_some_and(|score| score > 0.0));
    assert!(hits[0].dense.is_some_and(|score| score > 0.9));
}

async fn a_document_stored_again_replaces_itself(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let first = document("a", &["green tea", "black tea"], &leaning(1, 0.5));
    let other = document("b", &["green paint"], &leaning(1, 0.5));
    index.upsert(&name, vec![first, other]).await.expect("an answer");
    let second = document("a", &["white coffee"], &leaning(2, 0.5));
    index.upsert(&name, vec![second.clone()]).await.expect("an answer");
    assert_eq!(by_words(&*index, &name, "tea").await, ids(&[]));
    assert_eq!(by_words(&*index, &name, "coffee").await, ids(&["a#0"]));
    assert_eq!(by_words(&*index, &name, "green").await, ids(&["b#0"]));
    assert_eq!(index.document(&name, "a").await.expect("an answer"), Some(second.document));
    assert_eq!(index.pages(&name, "a", &[0, 1]).await.expect("an answer").len(), 1);
    let collection = index.collection(&name).await.expect("an answer").expect("it is there");
    assert_eq!((collection.documents, collection.chunks), (2, 2));
}

async fn the_last_of_two_with_one_id_wins(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let first = document("a", &["tea"], &leaning(1, 0.5));
    let second = document("a", &["coffee"], &leaning(1, 0.5));
    index.upsert(&name, vec![first, second]).await.expect("an answer");
    assert_eq!(by_words(&*index, &name, "tea coffee").await, ids(&["a#0"]));
    assert_eq!(by_words(&*index, &name, "coffee").await, ids(&["a#0"]));
}

async fn a_deleted_document_is_gone_at_once(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let vector = leaning(1, 0.5);
    let stored = ["a", "b", "c"].map(|id| document(id, &["tea", "more tea"], &vector));
    index.upsert(&name, stored.to_vec()).await.expect("an answer");
    let deleted = index.delete(&name, &ids(&["b", "c", "unknown"])).await.expect("an answer");
    assert_eq!(deleted.documents, ids(&["b", "c"]));
    assert_eq!(deleted.chunks, 4);
    for mode in [SearchMode::Bm25, SearchMode::Dense, SearchMode::Hybrid] {
        let mut left = found(&*index, &name, &question(mode, "tea", vector.clone())).await;
        left.sort();
        assert_eq!(left, ids(&["a#0", "a#1"]));
    }
    assert_eq!(index.document(&name, "b").await.expect("an answer"), None);
    assert_eq!(index.pages(&name, "b", &[0, 1]).await.expect("an answer"), []);
    let collection = index.collection(&name).await.expect("an answer").expect("it is there");
    assert_eq!((collection.documents, collection.chunks), (1, 2));
    assert_eq!(collection.generation, deleted.generation);
}

fn text(value: &str) -> FilterValue {
    FilterValue::Text(value.to_owned())
}

fn list(values: &[&str]) -> FilterValue {
    FilterValue::List(ids(values))
}

/// Conditions on the documents `a`, `b` and `c`, each of three pages, with the chunks that meet them.
pub(crate) fn filter_table() -> Vec<(Filter, &'static [&'static str])> {
    let page = |number| ("page".to_owned(), FilterValue::Number(number));
    let named = |key: &str, value| (key.to_owned(), value);
    macro_rules! condition {
        ($kind:ident, $pair:expr) => {{
            let (key, value) = $pair;
            Filter::$kind { key, value }
        }};
    }
    let a = condition!(Eq, named("document_id", text("a")));
    let second = condition!(Eq, page(2.0));
    vec![
        (a.clone(), &["a#0", "a#1", "a#2"]),
        (condition!(Eq, named("filename", text("b.pdf"))), &["b#0", "b#1", "b#2"]),
        (condition!(Eq, named("title", text("Title of c"))), &["c#0", "c#1", "c#2"]),
        (condition!(Eq, named("format", text("html"))), &[]),
        (condition!(In, named("document_id", list(&["a", "c", "z"]))), &["a#0", "a#1", "a#2", "c#0", "c#1", "c#2"]),
        (condition!(Nin, named("document_id", list(&["a", "c"]))), &["b#0", "b#1", "b#2"]),
        (second.clone(), &["a#1", "b#1", "c#1"]),
        (condition!(Gt, page(2.0)), &["a#2", "b#2", "c#2"]),
        (condition!(Gte, page(2.5)), &["a#2", "b#2", "c#2"]),
        (condition!(Lt, page(2.0)), &["a#0", "b#0", "c#0"]),
        (condition!(Lte, page(0.0)), &[]),
        (condition!(Lt, page(-3.0)), &[]),
        (Filter::And { filters: vec![a.clone(), condition!(Ne, page(2.0))] }, &["a#0", "a#2"]),
        (Filter::Or { filters: vec![second.clone(), a.clone()] }, &["a#0", "a#1", "a#2", "b#1", "c#1"]),
        (Filter::And { filters: vec![second, Filter::Or { filters: vec![a] }] }, &["a#1"]),
    ]
}

async fn texts_that_are_stored_keep_their_vectors(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let mut stored = document("a", &["green tea", "black tea"], &leaning(1, 0.5));
    stored.vectors[1] = vec![0.6, -0.000_001, 0.000_001, -0.8, 0.0, 0.0, 0.0, 0.0];
    index.upsert(&name, vec![stored.clone()]).await.expect("an answer");
    let unknown = document("a", &["white coffee"], &leaning(1, 0.5));
    let texts: Vec<_> = unknown.chunks.iter().chain(&stored.chunks).map(key_of).collect();
    let documents = ["a".to_owned(), "z".to_owned()];
    let found = index.vectors(&name, &texts, &documents).await.expect("an answer");
    assert_eq!(found.len(), 2, "the text that is not stored has no vector");
    for (text, vector) in texts[1..].iter().zip(&stored.vectors) {
        let apart = found[text].iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 2e-3, "{vector:?} came back as {:?}", found[text]);
    }
    stored.vectors = texts[1..].iter().map(|text| found[text].clone()).collect();
    index.upsert(&name, vec![stored]).await.expect("an answer");
    assert_eq!(index.vectors(&name, &texts, &documents).await.expect("an answer"), found, "to the last bit");
    index.delete(&name, &documents).await.expect("an answer");
    let left = index.vectors(&name, &texts, &documents).await.expect("an answer");
    assert!(left.is_empty(), "what is deleted is not remembered");
}

async fn filters_choose_chunks_in_every_mode(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let vector = leaning(1, 0.5);
    for id in ["a", "b", "c"] {
        let stored = document(id, &["tea", "tea", "tea"], &vector);
        index.upsert(&name, vec![stored]).await.expect("an answer");
    }
    for (filter, expected) in filter_table() {
        for mode in [SearchMode::Bm25, SearchMode::Dense, SearchMode::Hybrid] {
            let mut request = question(mode, "tea", vector.clone());
            request.filter = Some(filter.clone());
            let mut hits = found(&*index, &name, &request).await;
            hits.sort();
            assert_eq!(hits, ids(expected), "{mode:?} {filter:?}");
        }
    }
}

async fn filters_that_cannot_be_right_are_refused(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let condition = |key: &str, value| Filter::Eq { key: key.to_owned(), value };
    let wrong = [
        condition("author", text("me")),
        condition("page", text("two")),
        condition("title", FilterValue::Number(2.0)),
        condition("filename", list(&["a"])),
        Filter::Gt { key: "title".to_owned(), value: text("m") },
        Filter::In { key: "format".to_owned(), value: text("pdf") },
        Filter::And { filters: vec![condition("author", text("me"))] },
    ];
    for filter in wrong {
        let mut request = question(SearchMode::Hybrid, "tea", leaning(1, 0.5));
        request.filter = Some(filter.clone());
        let refusal = index.search(&name, &request).await.expect_err("a refusal");
        assert_eq!(refusal.kind(), ErrorKind::Invalid, "{filter:?}");
        let hint = refusal.hint_text().unwrap_or_default().to_owned();
        assert!(hint.contains("document_id"), "{filter:?}: {hint}");
    }
}

async fn documents_come_in_pages_by_id(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    for id in ["d", "a", "c", "e", "b"] {
        let stored = document(id, &["tea"], &leaning(1, 0.5));
        index.upsert(&name, vec![stored]).await.expect("an answer");
    }
    index.delete(&name, &ids(&["c"])).await.expect("an answer");
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = index.documents(&name, after.as_deref(), 3).await.expect("an answer");
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        seen.push(page.into_iter().map(|document| document.id).collect::<Vec<_>>());
    }
    assert_eq!(seen, [ids(&["a", "b", "d"]), ids(&["e"])]);
}

async fn every_commit_has_a_name_of_its_own(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let mut generations = vec![index.collection(&name).await.expect("an answer").expect("it is there").generation];
    let stored = document("a", &["tea"], &leaning(1, 0.5));
    generations.push(index.upsert(&name, vec![stored.clone()]).await.expect("an answer"));
    generations.push(index.upsert(&name, vec![stored]).await.expect("an answer"));
    generations.push(index.delete(&name, &ids(&["a"])).await.expect("an answer").generation);
    let request = question(SearchMode::Bm25, "tea", Vec::new());
    let searched = index.search(&name, &request).await.expect("an answer").generation;
    assert_eq!(generations.last(), Some(&searched));
    let different: std::collections::BTreeSet<_> = generations.iter().collect();
    assert_eq!(different.len(), generations.len(), "{generations:?}");
}

async fn vectors_of_another_length_are_refused(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let stored = document("a", &["tea"], &[1.0, 0.0]);
    let refusal = index.upsert(&name, vec![stored]).await.expect_err("a refusal");
    assert_eq!(refusal.kind(), ErrorKind::Invalid);
    let request = question(SearchMode::Dense, "", vec![1.0]);
    let refusal = index.search(&name, &request).await.expect_err("a refusal");
    assert_eq!(refusal.kind(), ErrorKind::Invalid);
    assert_eq!(index.document(&name, "a").await.expect("an answer"), None);
}

async fn no_more_hits_than_wanted(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let texts = ["tea"; 30];
    let stored = document("a", &texts, &leaning(1, 0.5));
    index.upsert(&name, vec![stored]).await.expect("an answer");
    for mode in [SearchMode::Bm25, SearchMode::Dense, SearchMode::Hybrid] {
        for (limit, expected) in [(0, 0), (1, 1), (25, 25), (100, 30)] {
            let mut request = question(mode, "tea", leaning(1, 0.5));
            request.limit = limit;
            assert_eq!(found(&*index, &name, &request).await.len(), expected);
        }
    }
}

async fn collections_do_not_see_each_other(index: Arc<dyn ChunkIndex>) {
    let (one, two) = (fresh_collection(&*index).await, fresh_collection(&*index).await);
    let stored = document("a", &["tea"], &leaning(1, 0.5));
    index.upsert(&one, vec![stored]).await.expect("an answer");
    assert_eq!(by_words(&*index, &one, "tea").await, ids(&["a#0"]));
    assert_eq!(by_words(&*index, &two, "tea").await, ids(&[]));
    assert_eq!(index.document(&two, "a").await.expect("an answer"), None);
}

async fn vectors_of_another_model_are_refused_even_if_they_are_as_long(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let mut stored = document("a", &["tea"], &leaning(1, 0.5));
    stored.model = "test/other".to_owned();
    let refusal = index.upsert(&name, vec![stored]).await.expect_err("a refusal");
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
    assert_eq!(index.document(&name, "a").await.expect("an answer"), None);
}

async fn a_deleted_collection_is_gone_and_can_be_made_anew(index: Arc<dyn ChunkIndex>) {
    let name = fresh_collection(&*index).await;
    let stored = document("a", &["tea"], &leaning(1, 0.5));
    index.upsert(&name, vec![stored]).await.expect("an answer");
    assert!(index.delete_collection(&name).await.expect("an answer"));
    assert_eq!(index.collection(&name).await.expect("an answer"), None);
    let mut other = profile();
    other.embedding.dimension = 3;
    let made = index.open_or_create(&name, &other).await.expect("an answer");
    assert_eq!((made.documents, made.chunks), (0, 0));
    assert_eq!(made.profile, other);
    let stored = document("a", &["tea"], &[1.0, 0.0, 0.0]);
    index.upsert(&name, vec![stored]).await.expect("an answer");
    assert_eq!(by_words(&*index, &name, "tea").await, ids(&["a#0"]));
}
