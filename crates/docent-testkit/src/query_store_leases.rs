//! Checks of a query's life: claims, leases, attempts, endings, and who wins when two come at once.

use crate::query_store::{at, claimed, fetch, fresh_user, lease, sample_answer, sample_failure, sample_query, stored};
use docent_core::{Query, QueryStatus, Timestamp};
use docent_engine::ports::{Claim, Ending, QueryStore};
use std::sync::Arc;
use std::time::Duration;

type Store = Arc<dyn QueryStore>;

fn answered() -> Ending {
    Ending::Completed(Box::new(sample_answer("25 days.")))
}

async fn claim(store: &Store, id: &str, worker: &str, now: u64) -> Claim {
    store.claim(id, &lease(worker, now + 60), at(now), 3).await.expect("claim")
}

async fn finish(store: &Store, id: &str, attempt: u32, now: u64) -> bool {
    store.finish(id, attempt, &answered(), None, at(now)).await.expect("finish")
}

pub(crate) async fn a_claim_is_granted_once(store: Store) {
    let query = stored(&store).await;
    let granted = claimed(&store, &query.id, "first", 1, 61).await;
    let expected =
        Query { status: QueryStatus::InProgress, attempt: 1, lease: Some(lease("first", 61)), ..query.clone() };
    assert_eq!(granted, expected);
    assert_eq!(fetch(&store, &query.id).await, expected);
    assert_eq!(claim(&store, &query.id, "second", 2).await, Claim::Held);
    assert_eq!(claim(&store, &query.id, "first", 2).await, Claim::Held, "nor twice to the same worker");
    assert_eq!(fetch(&store, &query.id).await, expected);
}

pub(crate) async fn a_lapsed_lease_goes_to_another_and_the_first_is_shut_out(store: Store) {
    let query = stored(&store).await;
    claimed(&store, &query.id, "first", 0, 10).await;
    let just_before = Timestamp::from_millis(at(10).as_millis() - 1);
    let held = store.claim(&query.id, &lease("second", 70), just_before, 3).await.expect("claim");
    assert_eq!(held, Claim::Held);
    let second = claimed(&store, &query.id, "second", 10, 70).await;
    assert_eq!((second.attempt, second.lease.clone()), (2, Some(lease("second", 70))));

    assert!(!store.renew(&query.id, 1, at(200)).await.expect("renew"));
    assert!(!finish(&store, &query.id, 1, 11).await);
    assert!(!store.release(&query.id, 1).await.expect("release"));
    assert_eq!(fetch(&store, &query.id).await, second, "the first changed nothing");
    assert!(finish(&store, &query.id, 2, 12).await);
}

pub(crate) async fn a_renewed_lease_holds(store: Store) {
    let query = stored(&store).await;
    claimed(&store, &query.id, "first", 0, 10).await;
    assert!(store.renew(&query.id, 1, at(30)).await.expect("renew"));
    assert_eq!(fetch(&store, &query.id).await.lease, Some(lease("first", 30)));
    assert_eq!(claim(&store, &query.id, "second", 29).await, Claim::Held);
    claimed(&store, &query.id, "second", 30, 60).await;
}

pub(crate) async fn a_late_ending_that_nobody_overtook_counts(store: Store) {
    let query = stored(&store).await;
    claimed(&store, &query.id, "slow", 0, 10).await;
    assert!(finish(&store, &query.id, 1, 500).await);
    assert_eq!(fetch(&store, &query.id).await.status, QueryStatus::Completed);
}

/// Claims at `now` by many workers at once; returns how many were granted and that the others were refused as held.
async fn race(store: &Store, id: &str, now: u64) -> usize {
    let racers: Vec<_> = (0..24)
        .map(|number| {
            let (store, id) = (Arc::clone(store), id.to_owned());
            tokio::spawn(async move { claim(&store, &id, &format!("worker {number}"), now).await })
        })
        .collect();
    let mut granted = 0;
    for racer in racers {
        match racer.await.expect("no panic") {
            Claim::Granted(_) => granted += 1,
            other => assert_eq!(other, Claim::Held),
        }
    }
    granted
}

pub(crate) async fn of_many_racing_claims_one_is_granted(store: Store) {
    for _ in 0..5 {
        let query = stored(&store).await;
        assert_eq!(race(&store, &query.id, 1).await, 1);
        assert_eq!(fetch(&store, &query.id).await.attempt, 1);
    }
}

pub(crate) async fn of_many_racing_claims_on_a_lapsed_lease_one_is_granted(store: Store) {
    let query = stored(&store).await;
    claimed(&store, &query.id, "gone", 0, 10).await;
    assert_eq!(race(&store, &query.id, 20).await, 1);
    assert_eq!(fetch(&store, &query.id).await.attempt, 2);
}

pub(crate) async fn attempts_run_out(store: Store) {
    let query = stored(&store).await;
    for attempt in 1..=3 {
        let now = u64::from(attempt) * 10;
        assert_eq!(claimed(&store, &query.id, "w", now, now + 10).await.attempt, attempt);
    }
    assert_eq!(claim(&store, &query.id, "w", 39).await, Claim::Held, "the last attempt is still at work");
    let before = fetch(&store, &query.id).await;
    assert_eq!(claim(&store, &query.id, "w", 40).await, Claim::Exhausted);
    assert_eq!(fetch(&store, &query.id).await, before, "a refused claim changes nothing");
}

pub(crate) async fn no_attempt_starts_at_or_after_the_deadline(store: Store) {
    let query = stored(&store).await;
    assert_eq!(query.deadline, at(600));
    assert_eq!(claim(&store, &query.id, "w", 600).await, Claim::Exhausted);
    assert_eq!(claim(&store, &query.id, "w", 601).await, Claim::Exhausted);
    claimed(&store, &query.id, "w", 599, 650).await;
    assert_eq!(claim(&store, &query.id, "w", 640).await, Claim::Held, "an attempt in time may run over it");
    assert_eq!(claim(&store, &query.id, "w", 650).await, Claim::Exhausted);
}

pub(crate) async fn a_query_ends_once(store: Store) {
    let query = stored(&store).await;
    assert!(!finish(&store, &query.id, 0, 1).await, "nobody has claimed it");
    claimed(&store, &query.id, "w", 1, 61).await;
    assert!(finish(&store, &query.id, 1, 2).await);
    let ended = fetch(&store, &query.id).await;

    assert!(!finish(&store, &query.id, 1, 3).await);
    assert!(!store.renew(&query.id, 1, at(100)).await.expect("renew"));
    assert!(!store.release(&query.id, 1).await.expect("release"));
    assert!(!store.fail_unheld(&query.id, &sample_failure(), at(1000)).await.expect("fail_unheld"));
    assert_eq!(claim(&store, &query.id, "w", 1000).await, Claim::Finished);
    assert_eq!(store.cancel(&query.id, at(4)).await.expect("cancel"), Some(ended.clone()));
    assert_eq!(fetch(&store, &query.id).await, ended);
}

pub(crate) async fn a_failure_is_kept(store: Store) {
    let query = stored(&store).await;
    claimed(&store, &query.id, "w", 1, 61).await;
    let ending = Ending::Failed(sample_failure());
    assert!(store.finish(&query.id, 1, &ending, None, at(2)).await.expect("finish"));
    let expected = Query {
        status: QueryStatus::Failed,
        attempt: 1,
        failure: Some(sample_failure()),
        completed_at: Some(at(2)),
        ..query
    };
    assert_eq!(fetch(&store, &expected.id).await, expected);
    assert_eq!(claim(&store, &expected.id, "w", 100).await, Claim::Finished);
}

pub(crate) async fn cancel_stops_a_query_that_has_not_ended(store: Store) {
    let queued = stored(&store).await;
    let expected = Query { status: QueryStatus::Cancelled, completed_at: Some(at(5)), ..queued };
    assert_eq!(store.cancel(&expected.id, at(5)).await.expect("cancel"), Some(expected.clone()));
    assert_eq!(store.cancel(&expected.id, at(6)).await.expect("cancel"), Some(expected.clone()), "again: the same");
    assert_eq!(claim(&store, &expected.id, "w", 7).await, Claim::Finished);

    let running = stored(&store).await;
    claimed(&store, &running.id, "w", 1, 61).await;
    let cancelled = store.cancel(&running.id, at(5)).await.expect("cancel").expect("exists");
    assert_eq!((cancelled.status, cancelled.lease), (QueryStatus::Cancelled, None));
    assert!(!store.renew(&running.id, 1, at(99)).await.expect("renew"), "this is how its worker learns of it");
    assert!(!finish(&store, &running.id, 1, 6).await);
    assert_eq!(fetch(&store, &running.id).await.answer, None);
}

pub(crate) async fn cancel_and_finish_cannot_both_win(store: Store) {
    for _ in 0..20 {
        let id = stored(&store).await.id;
        claimed(&store, &id, "w", 1, 61).await;
        let cancelling = tokio::spawn({
            let (store, id) = (Arc::clone(&store), id.clone());
            async move { store.cancel(&id, at(5)).await.expect("cancel").expect("exists").status }
        });
        let finishing = tokio::spawn({
            let (store, id) = (Arc::clone(&store), id.clone());
            async move { finish(&store, &id, 1, 5).await }
        });
        let (told, finished) = (cancelling.await.expect("no panic"), finishing.await.expect("no panic"));
        let expected = if finished { QueryStatus::Completed } else { QueryStatus::Cancelled };
        let query = fetch(&store, &id).await;
        assert_eq!((told, query.status), (expected, expected));
        assert_eq!(query.answer.is_some(), finished);
    }
}

pub(crate) async fn a_released_query_is_free_and_its_attempt_uncounted(store: Store) {
    let query = stored(&store).await;
    claimed(&store, &query.id, "first", 1, 61).await;
    assert!(!store.release(&query.id, 2).await.expect("release"), "not that attempt");
    assert!(store.release(&query.id, 1).await.expect("release"));
    assert_eq!(fetch(&store, &query.id).await, query, "as if it had never been claimed");
    assert!(!store.release(&query.id, 1).await.expect("release"), "not twice");
    assert!(!finish(&store, &query.id, 1, 2).await, "nobody has claimed it");
    assert_eq!(claimed(&store, &query.id, "second", 2, 62).await.attempt, 1);
}

pub(crate) async fn fail_unheld_spares_the_held_and_the_ended(store: Store) {
    let failure = sample_failure();
    let queued = stored(&store).await;
    assert!(store.fail_unheld(&queued.id, &failure, at(5)).await.expect("fail_unheld"));
    let expected =
        Query { status: QueryStatus::Failed, failure: Some(failure.clone()), completed_at: Some(at(5)), ..queued };
    assert_eq!(fetch(&store, &expected.id).await, expected);
    assert!(!store.fail_unheld(&expected.id, &failure, at(6)).await.expect("fail_unheld"), "it has ended");

    let held = stored(&store).await;
    claimed(&store, &held.id, "w", 1, 10).await;
    assert!(!store.fail_unheld(&held.id, &failure, at(9)).await.expect("fail_unheld"));
    assert_eq!(fetch(&store, &held.id).await.status, QueryStatus::InProgress);
    assert!(store.fail_unheld(&held.id, &failure, at(10)).await.expect("fail_unheld"), "its lease has lapsed");
    assert!(!finish(&store, &held.id, 1, 11).await, "its worker comes too late");
    assert_eq!(fetch(&store, &held.id).await.lease, None);
}

/// A year in which no other check's query is made.
const YEAR_OF_SWEEPS: Timestamp = Timestamp::from_millis(978_307_200_000);

pub(crate) async fn unattended_names_the_stale_and_the_lapsed_oldest_first(store: Store) {
    let moment = |seconds| YEAR_OF_SWEEPS.plus(Duration::from_secs(seconds));
    let user = fresh_user();
    let mut ids = Vec::new();
    for second in 1..=6 {
        let mut query = sample_query(&user, "look after me", moment(second));
        query.deadline = moment(10_000);
        query.expires_at = at(0);
        store.create(&query, None).await.expect("create");
        ids.push(query.id);
    }
    let claim = |place: usize, until| {
        let lease = docent_core::query::Lease { worker: "w".to_owned(), until: moment(until) };
        let (store, id) = (Arc::clone(&store), ids[place].clone());
        async move { store.claim(&id, &lease, moment(10), 3).await.expect("claim") }
    };
    assert!(matches!(claim(1, 20).await, Claim::Granted(_)));
    assert!(matches!(claim(3, 100).await, Claim::Granted(_)));
    store.cancel(&ids[2], moment(11)).await.expect("cancel");

    let names = |now, queued_before, limit| {
        let (store, ids) = (Arc::clone(&store), ids.clone());
        async move {
            let found = store.unattended(moment(now), moment(queued_before), limit).await.expect("unattended");
            found.iter().map(|id| ids.iter().position(|own| own == id)).collect::<Vec<_>>()
        }
    };
    assert_eq!(names(19, 1, 10).await, [], "not before that moment");
    assert_eq!(names(19, 6, 10).await, [Some(0), Some(4)]);
    assert_eq!(names(20, 100, 10).await, [Some(0), Some(1), Some(4), Some(5)], "a lapsed lease as well");
    assert_eq!(names(20, 100, 2).await, [Some(0), Some(1)]);
    assert_eq!(names(100, 1, 10).await, [Some(1), Some(3)]);
    for id in &ids {
        store.delete(id).await.expect("delete");
    }
    assert_eq!(names(100, 100, 10).await, []);
}
