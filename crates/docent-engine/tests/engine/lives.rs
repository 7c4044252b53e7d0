//! The life of a query, and what cannot end it badly.

use crate::house::{House, question};
use docent_core::query::{Lease, Query, QueryStatus};
use docent_engine::ports::IdempotencyKey;
use docent_engine::progress::{QueryEvent, replay};
use docent_engine::queries::Ran;
use docent_engine::worker::run_workers;
use docent_engine::{ErrorKind, Settings};
use docent_testkit::provider::{ScriptedGenerator, Step};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

async fn quoting() -> House {
    House::new(ScriptedGenerator::quoting_the_best_passage()).furnished().await
}

async fn submitted(house: &House) -> Query {
    house.engine.submit(question("How many days of annual leave?"), None).await.expect("accepted")
}

async fn stored(house: &House, id: &str) -> Query {
    house.engine.queries.get(id).await.expect("read").expect("there")
}

#[tokio::test]
async fn submitted_worked_on_and_finished_once() {
    let house = quoting().await;
    let query = submitted(&house).await;
    assert_eq!((query.status, query.id.len(), query.request.user_id.as_str()), (QueryStatus::Queued, 32, "nobody"));
    assert_eq!(house.engine.run_query(&query.id, "w1").await.expect("ran"), Ran::Finished);
    let done = stored(&house, &query.id).await;
    assert_eq!((done.status, done.attempt), (QueryStatus::Completed, 1));
    assert!(house.engine.queries.trace(&query.id).await.expect("read").is_some());
    // The same event again changes nothing.
    assert_eq!(house.engine.run_query(&query.id, "w2").await.expect("ran"), Ran::NotOurs);
    assert_eq!(stored(&house, &query.id).await, done);
}

#[tokio::test]
async fn requests_that_cannot_work_are_refused() {
    let house = quoting().await;
    let long = "x".repeat(2_001);
    let rows = [
        ("  ", 5, "default", ErrorKind::Invalid),
        (long.as_str(), 5, "default", ErrorKind::Invalid),
        ("Fine?", 0, "default", ErrorKind::Invalid),
        ("Fine?", 51, "default", ErrorKind::Invalid),
        ("Fine?", 5, "attic", ErrorKind::NotFound),
    ];
    for (text, top_k, collection, kind) in rows {
        let mut request = question(text);
        (request.top_k, request.collection) = (top_k, collection.to_owned());
        let error = house.engine.submit(request, None).await.expect_err("refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.hint_text().is_some(), "{error} has a hint");
    }
    house.engine.submit(question(&"ä".repeat(2_000)), None).await.expect("characters count, not bytes");
}

#[tokio::test]
async fn an_idempotency_key_makes_one_query() {
    let house = quoting().await;
    let key = IdempotencyKey { key: "k".to_owned(), fingerprint: "f".to_owned() };
    let first = house.engine.submit(question("One?"), Some(&key)).await.expect("accepted");
    let again = house.engine.submit(question("One?"), Some(&key)).await.expect("accepted");
    assert_eq!(first.id, again.id);
    let other = IdempotencyKey { fingerprint: "g".to_owned(), ..key };
    let error = house.engine.submit(question("Two?"), Some(&other)).await.expect_err("another request");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_worker_that_dies_is_replaced_until_attempts_run_out() {
    let house = quoting().await;
    let query = submitted(&house).await;
    for attempt in 1..=3 {
        let lease = Lease { worker: "doomed".to_owned(), until: house.now().plus(Duration::from_secs(30)) };
        let claim = house.engine.queries.claim(&query.id, &lease, house.now(), 3).await.expect("claimed");
        assert!(matches!(claim, docent_engine::ports::Claim::Granted(q) if q.attempt == attempt));
        // While the lease holds, nobody else gets it and the sweep leaves it alone.
        assert_eq!(house.engine.run_query(&query.id, "other").await.expect("ran"), Ran::NotOurs);
        assert_eq!(house.engine.sweep(Duration::ZERO).await.expect("swept"), 0);
        house.pass(Duration::from_secs(31));
    }
    assert_eq!(house.engine.sweep(Duration::ZERO).await.expect("swept"), 1);
    let failed = stored(&house, &query.id).await;
    assert_eq!(failed.status, QueryStatus::Failed);
    assert_eq!(failed.failure.expect("a reason").code, "attempts_exhausted");
}

#[tokio::test]
async fn a_query_that_nobody_finishes_in_time_is_failed() {
    let house = quoting().await;
    let query = submitted(&house).await;
    house.pass(Duration::from_secs(601));
    house.engine.sweep(Duration::from_secs(60)).await.expect("swept");
    let failed = stored(&house, &query.id).await;
    assert_eq!(failed.failure.expect("a reason").code, "deadline_exceeded");
}

#[tokio::test]
async fn what_goes_wrong_is_the_query_s_failure() {
    let scripts = vec![vec![Step::Fail(docent_engine::Error::unavailable("the endpoint is down").hint("start it"))]];
    let house = House::new(ScriptedGenerator::calls(scripts)).furnished().await;
    let query = submitted(&house).await;
    assert_eq!(house.engine.run_query(&query.id, "w").await.expect("ran"), Ran::Finished);
    let failure = stored(&house, &query.id).await.failure.expect("a reason");
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("unavailable", "the endpoint is down"));
    assert_eq!(failure.hint.as_deref(), Some("start it"));
}

#[tokio::test]
async fn cancelling_stops_a_running_query() {
    let settings = Settings { lease: Duration::from_millis(60), ..Settings::default() };
    let generator = ScriptedGenerator::calls([vec![Step::Hang]]);
    let house = House::with_settings(generator, settings).furnished().await;
    let query = submitted(&house).await;
    let engine = Arc::clone(&house.engine);
    let id = query.id.clone();
    let running = tokio::spawn(async move { engine.run_query(&id, "w").await });
    while house.engine.progress.watch(&query.id).is_none() {
        tokio::task::yield_now().await;
    }
    let cancelled = house.engine.cancel(&query.id).await.expect("cancelled").expect("there");
    assert_eq!(cancelled.status, QueryStatus::Cancelled);
    assert_eq!(running.await.expect("joined").expect("ran"), Ran::NotOurs);
    assert_eq!(stored(&house, &query.id).await.status, QueryStatus::Cancelled);
}

#[tokio::test]
async fn watchers_see_live_what_later_ones_are_told() {
    let house = quoting().await;
    let query = submitted(&house).await;
    let engine = Arc::clone(&house.engine);
    let id = query.id.clone();
    let watcher = tokio::spawn(async move {
        let log = loop {
            match engine.progress.watch(&id) {
                Some(log) => break log,
                None => tokio::task::yield_now().await,
            }
        };
        let mut events = Vec::new();
        for place in 0.. {
            events.push(log.event(place).await);
            if matches!(events.last(), Some(QueryEvent::Done(_))) {
                break;
            }
        }
        events
    });
    tokio::task::yield_now().await;
    house.engine.run_query(&query.id, "w").await.expect("ran");
    let live = watcher.await.expect("joined");
    assert_eq!(live, replay(&stored(&house, &query.id).await));
    assert_eq!(live.len(), 4, "started, sources, one statement, done");
}

#[tokio::test]
async fn workers_finish_what_was_left_behind_and_what_comes() {
    let mut house = quoting().await;
    let left = submitted(&house).await;
    // The dispatch of the first query is lost with its process.
    let queue = house.queue.take().expect("not taken yet");
    let (stop, stopped) = watch::channel(false);
    let workers = tokio::spawn({
        let engine = Arc::clone(&house.engine);
        async move { run_workers(engine, queue, "local", 2, stopped).await }
    });
    let mut all = vec![left.id];
    for _ in 0..20 {
        all.push(submitted(&house).await.id);
    }
    for id in &all {
        let query = house.engine.wait(id, Duration::from_secs(20)).await.expect("waited").expect("there");
        assert_eq!((query.status, query.attempt), (QueryStatus::Completed, 1));
    }
    stop.send(true).expect("workers listen");
    workers.await.expect("workers end when told to");
}
