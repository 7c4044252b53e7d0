//! Checks of what becomes of stored answers when a document that they were made from is deleted.

use crate::query_store::{START, at, claimed, fetch, fresh_id, fresh_user, sample_answer, sample_query, stored};
use docent_core::query::Source;
use docent_core::{Answer, Query};
use docent_engine::ports::{Ending, QueryStore};
use std::sync::Arc;

type Store = Arc<dyn QueryStore>;

fn fresh(kind: &str) -> String {
    format!("{kind}_{}", fresh_id(START))
}

/// An answer from one passage of each document; the first is cited.
fn answer_from(documents: &[&str]) -> Answer {
    let mut answer = sample_answer("There are 25 days of leave.");
    let source =
        |id: &&str| Source { chunk_id: format!("{id}#0"), document_id: (*id).to_owned(), ..answer.sources[0].clone() };
    let sources: Vec<_> = documents.iter().map(source).collect();
    answer.citations[0].chunk_id = format!("{}#0", documents[0]);
    answer.citations[0].document_id = documents[0].to_owned();
    answer.sources = sources;
    answer
}

/// A query of a collection that was answered.
async fn answered(store: &Store, collection: &str, answer: Answer, trace: &str) -> Query {
    let mut query = sample_query(&fresh_user(), "How many days of leave are there?", START);
    query.request.collection = collection.to_owned();
    store.create(&query, None).await.expect("create");
    let attempt = claimed(store, &query.id, "w", 1, 60).await.attempt;
    let ending = Ending::Completed(Box::new(answer));
    assert!(store.finish(&query.id, attempt, &ending, Some(trace), at(2)).await.expect("finish"));
    fetch(store, &query.id).await
}

async fn named(store: &Store, collection: &str, documents: &[&str]) -> Vec<String> {
    let documents: Vec<_> = documents.iter().map(|id| (*id).to_owned()).collect();
    let mut found = store.answers_from(collection, Some(&documents)).await.expect("answers_from");
    found.sort();
    found
}

async fn forget(store: &Store, query: &Query, document: &str, erase: bool) -> bool {
    store.forget_in_answer(&query.id, Some(&[document.to_owned()]), erase).await.expect("forget_in_answer")
}

pub(crate) async fn an_answer_is_marked_once_and_keeps_its_words(store: Store) {
    let (collection, lost, kept) = (fresh("c"), fresh("doc"), fresh("doc"));
    let query = answered(&store, &collection, answer_from(&[&lost, &kept]), "{}").await;
    assert_eq!(named(&store, &collection, &[&lost]).await, [query.id.as_str()]);
    assert_eq!(named(&store, &collection, &["doc_of_nobody"]).await, Vec::<String>::new());

    assert!(!forget(&store, &query, "doc_of_nobody", false).await);
    assert_eq!(fetch(&store, &query.id).await, query);
    assert!(forget(&store, &query, &lost, false).await);
    let mut marked = query.clone();
    marked.answer.as_mut().expect("answered").deleted_documents = vec![lost.clone()];
    assert_eq!(fetch(&store, &query.id).await, marked);
    assert_eq!(store.trace(&query.id).await.expect("trace").as_deref(), Some("{}"));
    assert!(!forget(&store, &query, &lost, false).await, "it is marked already");

    let waiting = stored(&store).await;
    assert!(!forget(&store, &waiting, &lost, true).await, "it has no answer");
    assert!(!store.forget_in_answer(&fresh_id(START), None, true).await.expect("forget_in_answer"));
}

pub(crate) async fn an_erased_answer_keeps_nothing_but_the_question(store: Store) {
    let (collection, lost) = (fresh("c"), fresh("doc"));
    let query = answered(&store, &collection, answer_from(&[&lost]), "{\"statements\":[]}").await;
    assert!(forget(&store, &query, &lost, false).await);
    assert!(forget(&store, &query, &lost, true).await, "what is marked can still be erased");
    let erased = fetch(&store, &query.id).await;
    assert_eq!(
        (&erased.request, erased.status, erased.completed_at),
        (&query.request, query.status, query.completed_at)
    );
    let answer = erased.answer.expect("answered");
    assert_eq!((answer.text.as_str(), answer.is_erased), (Answer::ERASED, true));
    assert_eq!((answer.citations, answer.sources), (vec![], vec![]));
    assert_eq!(store.trace(&query.id).await.expect("trace"), None);
    assert!(!forget(&store, &query, &lost, true).await, "there is nothing left");
}

/// A model may have been shown more than its answer names.
pub(crate) async fn a_trace_that_names_the_document_is_erased_with_it(store: Store) {
    let (collection, lost, kept) = (fresh("c"), fresh("doc"), fresh("doc"));
    let trace = format!("{{\"context\":[\"{lost}#3\"]}}");
    let query = answered(&store, &collection, answer_from(&[&kept]), &trace).await;
    assert_eq!(named(&store, &collection, &[&lost]).await, [query.id.as_str()]);
    assert!(!forget(&store, &query, &lost, false).await);
    assert_eq!(store.trace(&query.id).await.expect("trace"), Some(trace));
    assert!(!forget(&store, &query, &lost, true).await, "the answer is from another document");
    assert_eq!(store.trace(&query.id).await.expect("trace"), None);
    assert_eq!(fetch(&store, &query.id).await, query);
}

pub(crate) async fn only_the_collection_that_is_meant_is_looked_through(store: Store) {
    let (one, other, lost) = (fresh("c"), fresh("c"), fresh("doc"));
    let mut here = Vec::new();
    for _ in 0..3 {
        here.push(answered(&store, &one, answer_from(&[&lost]), "{}").await.id);
    }
    answered(&store, &other, answer_from(&[&lost]), &format!("[\"{lost}\"]")).await;
    assert_eq!(named(&store, &one, &[&lost]).await, here);
    assert_eq!(named(&store, &fresh("c"), &[&lost]).await, Vec::<String>::new());
    let mut all = store.answers_from(&one, None).await.expect("answers_from");
    all.sort();
    assert_eq!(all, here);
    assert!(store.forget_in_answer(&here[0], None, false).await.expect("forget_in_answer"));
    assert_eq!(fetch(&store, &here[0]).await.answer.expect("answered").deleted_documents, [lost]);
}

pub(crate) async fn two_deletes_at_once_leave_both_marks(store: Store) {
    let (collection, first, second) = (fresh("c"), fresh("doc"), fresh("doc"));
    let query = answered(&store, &collection, answer_from(&[&first, &second]), "{}").await;
    let both = futures::join!(forget(&store, &query, &first, false), forget(&store, &query, &second, false));
    assert_eq!(both, (true, true));
    let mut marks = fetch(&store, &query.id).await.answer.expect("answered").deleted_documents;
    marks.sort();
    let mut wanted = vec![first, second];
    wanted.sort();
    assert_eq!(marks, wanted);
}

pub(crate) async fn an_answer_of_any_size_is_found_and_changed(store: Store) {
    let (collection, lost) = (fresh("c"), fresh("doc"));
    let mut answer = answer_from(&[&lost]);
    answer.sources[0].text = "Days of leave are many. ".repeat(10_000);
    let trace = format!("{{\"missing\":\"{}\",\"context\":[\"{lost}#0\"]}}", "x".repeat(100_000));
    let query = answered(&store, &collection, answer, &trace).await;
    assert_eq!(named(&store, &collection, &[&lost]).await, [query.id.as_str()]);
    assert!(forget(&store, &query, &lost, false).await);
    assert_eq!(fetch(&store, &query.id).await.answer.expect("answered").deleted_documents, std::slice::from_ref(&lost));
    assert!(forget(&store, &query, &lost, true).await);
    assert_eq!(fetch(&store, &query.id).await.answer.expect("answered").sources, []);
}
