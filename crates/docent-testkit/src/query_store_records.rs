//! Checks of what is stored: creating, reading, listing, idempotency, feedback, traces, forgetting.

use crate::query_store::{
    START, at, claimed, fetch, fresh_id, fresh_user, full_request, lease, sample_answer, sample_failure,
    sample_feedback, sample_query, stored,
};
use docent_core::{Query, QueryStatus, Timestamp};
use docent_engine::ErrorKind;
use docent_engine::ports::{Claim, Created, Ending, IdempotencyKey, QueryStore};
use std::sync::Arc;
use std::time::Duration;

type Store = Arc<dyn QueryStore>;

pub(crate) async fn a_new_query_comes_back_as_it_was(store: Store) {
    let mut query = sample_query("", "", START);
    query.request = full_request(&fresh_user());
    assert!(query.request.filter.is_some(), "the sample filter must parse");
    assert_eq!(store.create(&query, None).await.expect("create"), Created::New);
    assert_eq!(fetch(&store, &query.id).await, query);
}

pub(crate) async fn what_does_not_exist_is_said_so(store: Store) {
    let id = fresh_id(START);
    let ending = Ending::Failed(sample_failure());
    assert_eq!(store.get(&id).await.expect("get"), None);
    assert_eq!(store.list(None, &fresh_user(), 10, None).await.expect("list"), []);
    assert_eq!(store.claim(&id, &lease("w", 60), START, 3).await.expect("claim"), Claim::Missing);
    assert!(!store.renew(&id, 1, at(60)).await.expect("renew"));
    assert!(!store.finish(&id, 1, &ending, Some("{}"), START).await.expect("finish"));
    assert!(!store.release(&id, 1).await.expect("release"));
    assert_eq!(store.cancel(&id, START).await.expect("cancel"), None);
    assert!(!store.fail_unheld(&id, &sample_failure(), START).await.expect("fail_unheld"));
    assert!(!store.set_feedback(&id, &sample_feedback(true)).await.expect("set_feedback"));
    assert_eq!(store.trace(&id).await.expect("trace"), None);
    assert!(!store.delete(&id).await.expect("delete"));
    assert_eq!(store.get(&id).await.expect("get"), None, "nothing of that may have made it exist");
}

pub(crate) async fn an_id_is_given_once(store: Store) {
    let first = stored(&store).await;
    let mut second = sample_query(&fresh_user(), "another question", START);
    second.id.clone_from(&first.id);
    let key = IdempotencyKey { key: "k".to_owned(), fingerprint: "f".to_owned() };
    let error = store.create(&second, Some(&key)).await.expect_err("the id is taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(fetch(&store, &first.id).await, first);
    second.id = fresh_id(START);
    let retried = store.create(&second, Some(&key)).await.expect("create");
    assert_eq!(retried, Created::New, "the refused create must not have used up its key");
}

/// Six queries: two seconds, three queries within the same millisecond each.
async fn six_queries(store: &Store, user: &str) -> Vec<Query> {
    let mut queries = Vec::new();
    for (number, second) in [1, 1, 1, 2, 2, 2].into_iter().enumerate() {
        let query = sample_query(user, &format!("question {number}"), at(second));
        store.create(&query, None).await.expect("create");
        queries.push(query);
    }
    queries
}

async fn page(store: &Store, user: &str, limit: usize, after: Option<&Query>) -> Vec<String> {
    let listed = store.list(None, user, limit, after.map(|query| query.id.as_str())).await.expect("list");
    listed.into_iter().map(|query| query.request.text).collect()
}

pub(crate) async fn a_users_queries_come_newest_first_page_by_page(store: Store) {
    let (user, other) = (fresh_user(), fresh_user());
    let queries = six_queries(&store, &user).await;
    six_queries(&store, &other).await;
    let all = ["question 5", "question 4", "question 3", "question 2", "question 1", "question 0"];
    assert_eq!(page(&store, &user, 100, None).await, all);
    assert_eq!(page(&store, &user, 4, None).await, all[..4]);
    assert_eq!(page(&store, &user, 2, Some(&queries[2])).await, all[4..]);
    assert_eq!(page(&store, &user, 2, Some(&queries[4])).await, all[2..4]);
    assert_eq!(page(&store, &user, 2, Some(&queries[0])).await, Vec::<String>::new());
    let newest = store.list(None, &user, 1, None).await.expect("list");
    assert_eq!(newest, [queries[5].clone()], "a listed query is whole");
}

pub(crate) async fn a_page_goes_on_where_a_deleted_query_stood(store: Store) {
    let user = fresh_user();
    let queries = six_queries(&store, &user).await;
    assert!(store.delete(&queries[4].id).await.expect("delete"));
    assert_eq!(page(&store, &user, 2, Some(&queries[4])).await, ["question 3", "question 2"]);
}

/// A query of an API key.
fn owned(owner: &str, user: &str, text: &str) -> Query {
    let mut query = sample_query(user, text, START);
    query.request.owner = Some(owner.to_owned());
    query
}

pub(crate) async fn an_owners_queries_are_listed_apart(store: Store) {
    let user = fresh_user();
    let (ada, bob) = (format!("key_{}", fresh_id(START)), format!("key_{}", fresh_id(START)));
    let queries = [owned(&ada, &user, "one"), owned(&bob, &user, "two"), sample_query(&user, "three", START)];
    let of_another_user = owned(&ada, &fresh_user(), "four");
    for query in queries.iter().chain([&of_another_user]) {
        store.create(query, None).await.expect("create");
    }
    for (owner, query) in [Some(ada.as_str()), Some(&bob), None].into_iter().zip(&queries) {
        assert_eq!(store.list(owner, &user, 10, None).await.expect("list"), std::slice::from_ref(query), "{owner:?}");
    }
    assert_eq!(store.list(Some("key_of_nobody"), &user, 10, None).await.expect("list"), []);
    let later = owned(&ada, &user, "five");
    store.create(&later, None).await.expect("create");
    let page = store.list(Some(&ada), &user, 10, Some(&later.id)).await.expect("list");
    assert_eq!(page, std::slice::from_ref(&queries[0]));
}

pub(crate) async fn an_idempotency_key_is_its_owners(store: Store) {
    let (user, name) = (fresh_user(), key("k", "f"));
    let queries = [owned("key_ada", &user, "one"), owned("key_bob", &user, "one"), sample_query(&user, "one", START)];
    for query in &queries {
        assert_eq!(store.create(query, Some(&name)).await.expect("create"), Created::New);
    }
    for query in &queries {
        let again = Query { id: fresh_id(START), ..query.clone() };
        assert_eq!(existing(&store, &again, &name).await, *query);
    }
}

fn key(name: &str, fingerprint: &str) -> IdempotencyKey {
    IdempotencyKey { key: name.to_owned(), fingerprint: fingerprint.to_owned() }
}

pub(crate) async fn the_same_key_and_request_make_one_query(store: Store) {
    let user = fresh_user();
    let first = sample_query(&user, "once", START);
    let second = sample_query(&user, "once", at(1));
    let key = key("key of the client", "fingerprint");
    assert_eq!(store.create(&first, Some(&key)).await.expect("create"), Created::New);
    assert_eq!(existing(&store, &second, &key).await, first);
    assert_eq!(store.get(&second.id).await.expect("get"), None);

    claimed(&store, &first.id, "w", 2, 60).await;
    let ending = Ending::Completed(Box::new(sample_answer("25 days.")));
    assert!(store.finish(&first.id, 1, &ending, None, at(3)).await.expect("finish"));
    assert_eq!(existing(&store, &second, &key).await.status, QueryStatus::Completed, "as it is now");

    let of_another = sample_query(&fresh_user(), "once", at(4));
    let created = store.create(&of_another, Some(&key)).await.expect("create");
    assert_eq!(created, Created::New, "a key is a user's own");
}

async fn existing(store: &Store, query: &Query, key: &IdempotencyKey) -> Query {
    match store.create(query, Some(key)).await.expect("create") {
        Created::Existing(query) => *query,
        Created::New => panic!("the key was used before"),
    }
}

pub(crate) async fn the_same_key_for_another_request_is_a_conflict(store: Store) {
    let user = fresh_user();
    let first = sample_query(&user, "one", START);
    let second = sample_query(&user, "two", START);
    store.create(&first, Some(&key("k", "fingerprint of one"))).await.expect("create");
    let error = store.create(&second, Some(&key("k", "fingerprint of two"))).await.expect_err("key taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(store.list(None, &user, 10, None).await.expect("list"), [first]);
}

pub(crate) async fn racing_creates_with_one_key_make_one_query(store: Store) {
    let user = fresh_user();
    let racers: Vec<_> = (0..16)
        .map(|_| {
            let (store, query) = (Arc::clone(&store), sample_query(&user, "once", START));
            tokio::spawn(async move {
                let created = store.create(&query, Some(&key("k", "f"))).await.expect("create");
                match created {
                    Created::New => (true, query.id),
                    Created::Existing(query) => (false, query.id),
                }
            })
        })
        .collect();
    let mut results = Vec::new();
    for racer in racers {
        results.push(racer.await.expect("no panic"));
    }
    assert_eq!(results.iter().filter(|(new, _)| *new).count(), 1);
    assert!(results.iter().all(|(_, id)| *id == results[0].1), "all are told the same query");
    assert_eq!(store.list(None, &user, 20, None).await.expect("list").len(), 1);
}

pub(crate) async fn an_answer_comes_back_as_it_was(store: Store) {
    let query = stored(&store).await;
    claimed(&store, &query.id, "w", 1, 60).await;
    let answer = sample_answer("Staff have 25 days of leave.");
    let ending = Ending::Completed(Box::new(answer.clone()));
    assert!(store.finish(&query.id, 1, &ending, None, at(2)).await.expect("finish"));
    let expected =
        Query { status: QueryStatus::Completed, attempt: 1, answer: Some(answer), completed_at: Some(at(2)), ..query };
    assert_eq!(fetch(&store, &expected.id).await, expected);
}

pub(crate) async fn feedback_is_kept_and_replaced(store: Store) {
    let query = stored(&store).await;
    for helpful in [true, false] {
        let feedback = sample_feedback(helpful);
        assert!(store.set_feedback(&query.id, &feedback).await.expect("set_feedback"));
        let expected = Query { feedback: Some(feedback), ..query.clone() };
        assert_eq!(fetch(&store, &query.id).await, expected);
    }
}

pub(crate) async fn a_trace_is_kept_only_with_the_ending(store: Store) {
    let query = stored(&store).await;
    let ending = Ending::Failed(sample_failure());
    claimed(&store, &query.id, "first", 1, 10).await;
    claimed(&store, &query.id, "second", 11, 20).await;
    assert!(!store.finish(&query.id, 1, &ending, Some(r#"{"of":"first"}"#), at(12)).await.expect("finish"));
    assert_eq!(store.trace(&query.id).await.expect("trace"), None);
    let trace = r#"{"of":"second","scores":[0.5,0.25]}"#;
    assert!(store.finish(&query.id, 2, &ending, Some(trace), at(13)).await.expect("finish"));
    assert_eq!(store.trace(&query.id).await.expect("trace").as_deref(), Some(trace));
}

pub(crate) async fn delete_forgets_the_query_the_trace_and_the_key(store: Store) {
    let user = fresh_user();
    let query = sample_query(&user, "forget me", START);
    store.create(&query, Some(&key("k", "f"))).await.expect("create");
    claimed(&store, &query.id, "w", 1, 60).await;
    let ending = Ending::Failed(sample_failure());
    assert!(store.finish(&query.id, 1, &ending, Some("{}"), at(2)).await.expect("finish"));

    assert!(store.delete(&query.id).await.expect("delete"));
    assert!(!store.delete(&query.id).await.expect("delete"), "it is gone");
    assert_eq!(store.get(&query.id).await.expect("get"), None);
    assert_eq!(store.trace(&query.id).await.expect("trace"), None);
    assert_eq!(store.list(None, &user, 10, None).await.expect("list"), []);
    let again = sample_query(&user, "something else", at(3));
    let created = store.create(&again, Some(&key("k", "another"))).await.expect("create");
    assert_eq!(created, Created::New, "the key is free again");
}

/// A year in which no other check's query is made or expires.
const YEAR_OF_EXPIRY: Timestamp = Timestamp::from_millis(1_041_379_200_000);

pub(crate) async fn expire_forgets_what_has_expired_and_nothing_else(store: Store) {
    let user = fresh_user();
    let end = |seconds| YEAR_OF_EXPIRY.plus(Duration::from_secs(seconds));
    let mut kept = Vec::new();
    for (number, seconds) in [10, 20, 20, 21].into_iter().enumerate() {
        let created_at = YEAR_OF_EXPIRY.plus(Duration::from_millis(number as u64));
        let query = Query { expires_at: end(seconds), ..sample_query(&user, "short-lived", created_at) };
        store.create(&query, Some(&key(&number.to_string(), "f"))).await.expect("create");
        kept.push(query);
    }
    assert_eq!(store.expire(end(9)).await.expect("expire"), 0);
    assert_eq!(store.expire(end(20)).await.expect("expire"), 3);
    assert_eq!(store.list(None, &user, 10, None).await.expect("list"), [kept[3].clone()]);
    let reused = sample_query(&user, "new", START);
    assert_eq!(store.create(&reused, Some(&key("0", "other"))).await.expect("create"), Created::New);
    assert_eq!(store.expire(end(21)).await.expect("expire"), 1);
}

pub(crate) async fn any_text_of_any_size_is_kept(store: Store) {
    let user = format!("{} \u{1f469}\u{200d}\u{1f4bb} 'quoted\"; -- \\ %_", fresh_user());
    let texts = [
        "What is \u{201c}Urlaub\u{201d}? \u{4f11}\u{6687}\u{306f}\u{4f55}\u{65e5}\u{ff1f} \u{05db}\u{05de}\u{05d4}"
            .to_owned(),
        "a\u{0}b\u{1}\u{7f}\u{feff}\r\n\t\u{10ffff}".to_owned(),
        "'; DROP TABLE queries; --".to_owned(),
        "\u{1f600}long ".repeat(10_000),
    ];
    for text in texts {
        let query = sample_query(&user, &text, START);
        let name = IdempotencyKey { key: format!("\u{e9}'{}", query.id), fingerprint: "f\u{e9}".to_owned() };
        store.create(&query, Some(&name)).await.expect("create");
        assert_eq!(existing(&store, &query, &name).await, query);
        let worker = "w\u{f6}rker '1'";
        assert_eq!(claimed(&store, &query.id, worker, 1, 60).await.lease, Some(lease(worker, 60)));
        let answer = sample_answer(&text);
        let ending = Ending::Completed(Box::new(answer.clone()));
        assert!(store.finish(&query.id, 1, &ending, Some(&text), at(2)).await.expect("finish"));
        assert_eq!(fetch(&store, &query.id).await.answer, Some(answer));
        assert_eq!(store.trace(&query.id).await.expect("trace"), Some(text));
    }
    assert_eq!(store.list(None, &user, 10, None).await.expect("list").len(), 4);
}
