//! The contract of [`KeyStore`], as a list of named checks. Each makes keys of its own, so they may share one store.

use crate::query_store::{START, at, fresh_id};
use docent_core::Timestamp;
use docent_core::access::{ApiKey, KeyState, Scope};
use docent_engine::ErrorKind;
use docent_engine::ports::KeyStore;
use futures::future::BoxFuture;
use std::sync::Arc;

/// One check: panics when the store breaks the promise.
pub type Check = fn(Arc<dyn KeyStore>) -> BoxFuture<'static, ()>;

type Store = Arc<dyn KeyStore>;

macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        &[$((stringify!($check), |store| Box::pin($check(store)))),*]
    };
}

/// The checks by name.
pub const CHECKS: &[(&str, Check)] = checks![
    a_key_comes_back_as_it_was,
    an_unknown_key_is_said_so,
    an_id_is_given_once,
    of_many_racing_creates_one_wins,
    keys_are_listed_oldest_first_whatever_their_state,
    the_first_revocation_stands,
    the_last_use_only_moves_forwards,
    any_name_is_kept,
];

/// Runs every check and panics with the names of those that failed; what each found is on standard error.
///
/// # Panics
/// When the store breaks a promise.
pub async fn contract(store: Arc<dyn KeyStore>) {
    let mut broken = Vec::new();
    for (name, check) in CHECKS {
        if tokio::spawn(check(Arc::clone(&store))).await.is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "the key store breaks its contract: {}", broken.join(", "));
}

/// A key with a fresh id that may read, made at a moment.
pub fn sample_key(created_at: Timestamp) -> ApiKey {
    let digits = fresh_id(created_at);
    ApiKey {
        id: format!("key_{}", &digits[digits.len() - 16..]),
        name: "sample".to_owned(),
        hash: format!("{digits}{digits}"),
        scopes: [Scope::Read].into(),
        collections: None,
        created_at,
        expires_at: None,
        last_used: None,
        revoked_at: None,
    }
}

async fn stored(store: &Store) -> ApiKey {
    let key = sample_key(START);
    store.create(&key).await.expect("create");
    key
}

async fn fetch(store: &Store, id: &str) -> ApiKey {
    store.get(id).await.expect("get").expect("the key exists")
}

async fn a_key_comes_back_as_it_was(store: Store) {
    let plain = stored(&store).await;
    assert_eq!(fetch(&store, &plain.id).await, plain);
    let full = ApiKey {
        scopes: Scope::ALL.into(),
        collections: Some(["people".to_owned(), "product".to_owned()].into()),
        expires_at: Some(at(90)),
        last_used: Some(at(1)),
        revoked_at: Some(at(2)),
        ..sample_key(START)
    };
    store.create(&full).await.expect("create");
    assert_eq!(fetch(&store, &full.id).await, full);
    let blind = ApiKey { collections: Some([].into()), scopes: [].into(), ..sample_key(START) };
    store.create(&blind).await.expect("create");
    assert_eq!(fetch(&store, &blind.id).await, blind, "no collection is not all of them");
}

async fn an_unknown_key_is_said_so(store: Store) {
    let id = sample_key(START).id;
    assert_eq!(store.get(&id).await.expect("get"), None);
    assert_eq!(store.get("").await.expect("get"), None);
    assert_eq!(store.revoke(&id, START).await.expect("revoke"), None);
    store.touch(&id, START).await.expect("touch");
    assert_eq!(store.get(&id).await.expect("get"), None, "nothing is made by touching it");
}

async fn an_id_is_given_once(store: Store) {
    let key = stored(&store).await;
    let other = ApiKey { name: "other".to_owned(), scopes: [Scope::Admin].into(), ..key.clone() };
    let error = store.create(&other).await.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(fetch(&store, &key.id).await, key);
}

async fn of_many_racing_creates_one_wins(store: Store) {
    let key = sample_key(START);
    let racers: Vec<_> = (0..16)
        .map(|number| {
            let (store, key) = (Arc::clone(&store), ApiKey { name: format!("racer {number}"), ..key.clone() });
            tokio::spawn(async move { store.create(&key).await.map(|()| key) })
        })
        .collect();
    let mut winners = Vec::new();
    for racer in racers {
        winners.extend(racer.await.expect("no panic").ok());
    }
    assert_eq!(winners, [fetch(&store, &key.id).await]);
}

async fn keys_are_listed_oldest_first_whatever_their_state(store: Store) {
    let mut made = Vec::new();
    for seconds in [30, 10, 20] {
        let key = sample_key(at(seconds));
        store.create(&key).await.expect("create");
        made.push(key);
    }
    made.sort_by_key(|key| key.created_at);
    let revoked = store.revoke(&made[1].id, at(40)).await.expect("revoke").expect("it exists");
    assert_eq!(revoked.state(at(40)), KeyState::Revoked);
    made[1] = revoked;
    let listed = store.list().await.expect("list");
    assert!(listed.is_sorted_by_key(|key| key.created_at));
    let ours: Vec<_> = listed.into_iter().filter(|key| made.iter().any(|one| one.id == key.id)).collect();
    assert_eq!(ours, made);
}

async fn the_first_revocation_stands(store: Store) {
    let key = stored(&store).await;
    let first = store.revoke(&key.id, at(5)).await.expect("revoke").expect("it exists");
    assert_eq!(first, ApiKey { revoked_at: Some(at(5)), ..key });
    let again = store.revoke(&first.id, at(9)).await.expect("revoke").expect("it exists");
    assert_eq!(again, first);
    assert_eq!(fetch(&store, &first.id).await, first);
}

async fn the_last_use_only_moves_forwards(store: Store) {
    let key = stored(&store).await;
    for (day, expected) in [(at(10), at(10)), (at(30), at(30)), (at(20), at(30))] {
        store.touch(&key.id, day).await.expect("touch");
        assert_eq!(fetch(&store, &key.id).await, ApiKey { last_used: Some(expected), ..key.clone() });
    }
}

async fn any_name_is_kept(store: Store) {
    for name in ["", "Ada's laptop; \u{4f11} \"quoted\" %_\\", "'; DROP TABLE keys; --", &"long ".repeat(1_000)] {
        let collections = Some([name.to_owned()].into());
        let key = ApiKey { name: name.to_owned(), collections, ..sample_key(START) };
        store.create(&key).await.expect("create");
        assert_eq!(fetch(&store, &key.id).await, key);
    }
}
