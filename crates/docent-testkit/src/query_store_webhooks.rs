//! Checks of webhooks: due with the ending, taken by one, tried again at its time, ended once. What is due in the whole store is
//! looked at for the queries of the check alone.

use crate::query_store::{START, claimed, fetch, fresh_user, sample_answer, sample_failure, sample_query, stored};
use docent_core::query::{Lease, Webhook, WebhookStatus};
use docent_core::{Query, Timestamp};
use docent_engine::ports::{Claim, Ending, QueryStore, WebhookEnding};
use std::sync::Arc;
use std::time::Duration;

type Store = Arc<dyn QueryStore>;

fn after(time: Timestamp, seconds: u64) -> Timestamp {
    time.plus(Duration::from_secs(seconds))
}

/// A stored query whose ending is to be told.
async fn to_be_told(store: &Store) -> Query {
    let mut query = sample_query(&fresh_user(), "Who is told?", START);
    query.request.webhook_url = Some("https://example.com/hook?a=\u{e9}".to_owned());
    query.webhook = Some(Webhook::waiting());
    store.create(&query, None).await.expect("create");
    query
}

/// The same, cancelled at this moment.
async fn cancelled(store: &Store, now: Timestamp) -> Query {
    let query = to_be_told(store).await;
    store.cancel(&query.id, now).await.expect("cancel").expect("it exists")
}

/// Those of these queries that are due.
async fn due(store: &Store, now: Timestamp, queries: &[Query]) -> Vec<String> {
    let ids = store.due_webhooks(now, 10_000).await.expect("due_webhooks");
    queries.iter().map(|query| query.id.clone()).filter(|id| ids.contains(id)).collect()
}

async fn taken(store: &Store, id: &str, now: Timestamp, until: Timestamp) -> Query {
    store.claim_webhook(id, now, until).await.expect("claim_webhook").expect("it is due")
}

async fn webhook(store: &Store, id: &str) -> Webhook {
    fetch(store, id).await.webhook.expect("it has one")
}

pub(crate) async fn every_ending_makes_a_webhook_due(store: Store) {
    let start = START;
    let mut queries = Vec::new();
    for _ in 0..4 {
        let query = to_be_told(&store).await;
        assert_eq!(fetch(&store, &query.id).await, query, "it comes back as it was");
        queries.push(query);
    }
    for query in &queries[..2] {
        let lease = Lease { worker: "w".to_owned(), until: after(start, 60) };
        let claim = store.claim(&query.id, &lease, after(start, 4), 3).await.expect("claim");
        assert!(matches!(claim, Claim::Granted(_)));
    }
    let now = after(start, 5);
    assert_eq!(due(&store, now, &queries).await, [""; 0], "none has ended");
    assert_eq!(store.claim_webhook(&queries[0].id, now, after(now, 60)).await.expect("claim_webhook"), None);
    let answered = Ending::Completed(Box::new(sample_answer("25 days.")));
    assert!(store.finish(&queries[0].id, 1, &answered, Some("{}"), now).await.expect("finish"));
    assert!(store.finish(&queries[1].id, 1, &Ending::Failed(sample_failure()), None, now).await.expect("finish"));
    assert!(store.fail_unheld(&queries[2].id, &sample_failure(), now).await.expect("fail_unheld"));
    let told = store.cancel(&queries[3].id, now).await.expect("cancel").expect("it exists");
    let pending = Webhook { status: WebhookStatus::Pending, attempts: 0, last_error: None, due: Some(now) };
    assert_eq!(told.webhook, Some(pending.clone()));
    for query in &queries {
        let ended = fetch(&store, &query.id).await;
        assert_eq!((ended.webhook, ended.lease), (Some(pending.clone()), None));
    }
    let ids: Vec<_> = queries.iter().map(|query| query.id.clone()).collect();
    assert_eq!(due(&store, now, &queries).await, ids);
    assert_eq!(store.due_webhooks(now, 3).await.expect("due_webhooks").len(), 3);
    assert_eq!(due(&store, after(start, 4), &queries).await, [""; 0], "not before their time");
    assert!(store.delete(&ids[0]).await.expect("delete"));
    assert_eq!(due(&store, now, &queries).await, ids[1..], "what is forgotten is not told");
}

pub(crate) async fn a_query_without_a_webhook_has_none(store: Store) {
    let query = stored(&store).await;
    claimed(&store, &query.id, "w", 1, 60).await;
    let cancelled = store.cancel(&query.id, query.created_at).await.expect("cancel").expect("it exists");
    assert_eq!(cancelled.webhook, None);
    let far = after(query.created_at, 3_600);
    assert_eq!(store.claim_webhook(&query.id, far, far).await.expect("claim_webhook"), None);
    assert!(!store.end_webhook(&query.id, 0, &WebhookEnding::Delivered).await.expect("end_webhook"));
    for missing in ["", "trace#1", "0192ffffffffffffffffffffffffffff"] {
        assert_eq!(store.claim_webhook(missing, far, far).await.expect("claim_webhook"), None);
        assert!(!store.end_webhook(missing, 1, &WebhookEnding::Delivered).await.expect("end_webhook"));
    }
}

pub(crate) async fn of_many_who_take_a_webhook_one_gets_it(store: Store) {
    let start = START;
    let query = cancelled(&store, start).await;
    let racers: Vec<_> = (0..16)
        .map(|number| {
            let (store, id) = (Arc::clone(&store), query.id.clone());
            tokio::spawn(async move {
                // Each has a moment of its own, as clocks do.
                let now = start.plus(Duration::from_millis(number));
                store.claim_webhook(&id, now, after(now, 60)).await.expect("claim_webhook").is_some()
            })
        })
        .collect();
    let mut got = 0;
    for racer in racers {
        got += usize::from(racer.await.expect("no panic"));
    }
    assert_eq!((got, webhook(&store, &query.id).await.attempts), (1, 1));
}

pub(crate) async fn who_dies_with_a_webhook_leaves_it_due(store: Store) {
    let start = START;
    let query = cancelled(&store, start).await;
    let first = taken(&store, &query.id, start, after(start, 60)).await;
    assert_eq!((first.webhook.expect("it has one").attempts, first.status), (1, query.status));
    assert_eq!(due(&store, after(start, 59), std::slice::from_ref(&query)).await, [""; 0]);
    assert_eq!(due(&store, after(start, 60), std::slice::from_ref(&query)).await, std::slice::from_ref(&query.id));
    let second = taken(&store, &query.id, after(start, 60), after(start, 120)).await;
    assert_eq!(second.webhook.expect("it has one").attempts, 2);
    assert!(!store.end_webhook(&query.id, 1, &WebhookEnding::Delivered).await.expect("end_webhook"), "too late");
    assert_eq!(webhook(&store, &query.id).await.status, WebhookStatus::Pending);
    assert!(store.end_webhook(&query.id, 2, &WebhookEnding::Delivered).await.expect("end_webhook"));
}

pub(crate) async fn a_webhook_is_tried_again_and_ends_once(store: Store) {
    let start = START;
    let [delivered, given_up] = [cancelled(&store, start).await, cancelled(&store, start).await];
    for (query, ending, status) in [
        (&delivered, WebhookEnding::Delivered, WebhookStatus::Delivered),
        (&given_up, WebhookEnding::GivenUp { error: "gone".to_owned() }, WebhookStatus::GivenUp),
    ] {
        taken(&store, &query.id, start, after(start, 60)).await;
        let again = WebhookEnding::Again { due: after(start, 20), error: "\u{fc}berlastet".to_owned() };
        assert!(store.end_webhook(&query.id, 1, &again).await.expect("end_webhook"));
        assert_eq!(store.claim_webhook(&query.id, after(start, 19), after(start, 79)).await.expect("claim"), None);
        let expected = Webhook {
            status: WebhookStatus::Pending,
            attempts: 1,
            last_error: Some("\u{fc}berlastet".to_owned()),
            due: Some(after(start, 20)),
        };
        assert_eq!(webhook(&store, &query.id).await, expected);
        taken(&store, &query.id, after(start, 20), after(start, 80)).await;
        assert!(store.end_webhook(&query.id, 2, &ending).await.expect("end_webhook"));
        assert!(!store.end_webhook(&query.id, 2, &again).await.expect("end_webhook"), "it has ended");
        let last_error = Some(if status == WebhookStatus::GivenUp { "gone" } else { "\u{fc}berlastet" }.to_owned());
        let expected = Webhook { status, attempts: 2, last_error, due: None };
        assert_eq!(fetch(&store, &query.id).await, Query { webhook: Some(expected), ..query.clone() });
    }
    assert_eq!(due(&store, after(start, 1_000), &[delivered, given_up]).await, [""; 0]);
}
