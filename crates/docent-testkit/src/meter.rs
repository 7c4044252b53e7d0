//! The contract of [`Meter`], as a list of named checks. Each uses buckets and accounts of its own, so they may share one
//! store.

use crate::query_store::{START, at, fresh_id};
use docent_core::rate::Rate;
use docent_core::spending::Cap;
use docent_core::{Caps, MicroDollars, Spending};
use docent_engine::ports::{Account, Meter, Reservation};
use futures::future::BoxFuture;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// One check: panics when the meter breaks the promise.
pub type Check = fn(Arc<dyn Meter>) -> BoxFuture<'static, ()>;

type Store = Arc<dyn Meter>;

macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        &[$((stringify!($check), |store| Box::pin($check(store)))),*]
    };
}

/// The checks by name.
pub const CHECKS: &[(&str, Check)] = checks![
    a_burst_is_granted_and_then_one_at_a_time,
    buckets_do_not_share,
    of_many_racing_calls_as_many_as_the_bucket_holds,
    what_is_reserved_counts_and_what_is_refused_does_not,
    either_cap_may_be_in_the_way,
    without_caps_everything_is_counted,
    racing_reservations_never_pass_the_cap,
    settling_replaces_the_estimate,
    racing_settlements_count_once,
    the_same_reservation_counts_once,
    what_is_never_settled_stays_counted_until_its_day_is_over,
    accounts_do_not_share,
];

/// Runs every check and panics with the names of those that failed; what each found is on standard error.
///
/// # Panics
/// When the meter breaks a promise.
pub async fn contract(meter: Arc<dyn Meter>) {
    let mut broken = Vec::new();
    for (name, check) in CHECKS {
        if tokio::spawn(check(Arc::clone(&meter))).await.is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "the meter breaks its contract: {}", broken.join(", "));
}

fn per_minute(calls: u32) -> Rate {
    Rate::per_minute(NonZeroU32::new(calls).expect("some"))
}

fn fresh_account() -> Account {
    Account { name: fresh_id(START), day: START.day() }
}

fn spending(tokens: u64, money: u64) -> Spending {
    Spending { tokens, money: MicroDollars(money) }
}

fn caps(tokens: Option<u64>, money: Option<u64>) -> Caps {
    Caps { tokens, money: money.map(MicroDollars) }
}

async fn reserve(store: &Store, account: &Account, id: &str, estimate: Spending, caps: Caps) -> Reservation {
    store.reserve(account, id, estimate, caps).await.expect("reserve")
}

async fn settle(store: &Store, account: &Account, id: &str, real: Spending) -> bool {
    store.settle(account, id, real).await.expect("settle")
}

async fn spent(store: &Store, account: &Account) -> Spending {
    store.spent(account).await.expect("spent")
}

async fn a_burst_is_granted_and_then_one_at_a_time(store: Store) {
    let (bucket, rate) = (fresh_id(START), per_minute(3));
    let mut stored = None;
    for seconds in [0, 0, 0, 0, 1, 20, 20, 39, 40, 200, 200] {
        let (after, expected) = rate.take(stored, at(seconds));
        stored = Some(after);
        assert_eq!(store.take(&bucket, rate, at(seconds)).await.expect("take"), expected, "at {seconds} s");
    }
}

async fn buckets_do_not_share(store: Store) {
    let (one, other) = (fresh_id(START), fresh_id(START));
    for bucket in [&one, &other] {
        assert!(store.take(bucket, per_minute(1), START).await.expect("take").granted);
        let refused = store.take(bucket, per_minute(1), START).await.expect("take");
        assert_eq!((refused.granted, refused.retry_after), (false, Duration::from_secs(60)));
    }
}

async fn of_many_racing_calls_as_many_as_the_bucket_holds(store: Store) {
    let bucket = fresh_id(START);
    let racers: Vec<_> = (0..32)
        .map(|_| {
            let (store, bucket) = (Arc::clone(&store), bucket.clone());
            tokio::spawn(async move { store.take(&bucket, per_minute(10), START).await.expect("take").granted })
        })
        .collect();
    let mut granted = 0;
    for racer in racers {
        granted += usize::from(racer.await.expect("no panic"));
    }
    assert_eq!(granted, 10);
}

async fn what_is_reserved_counts_and_what_is_refused_does_not(store: Store) {
    let (account, caps) = (fresh_account(), caps(Some(100), None));
    assert_eq!(spent(&store, &account).await, Spending::default());
    assert_eq!(reserve(&store, &account, "a", spending(60, 6), caps).await, Reservation::Granted);
    let refused = Reservation::Refused { cap: Cap::Tokens, spent: spending(60, 6) };
    assert_eq!(reserve(&store, &account, "b", spending(41, 4), caps).await, refused);
    assert_eq!(spent(&store, &account).await, spending(60, 6));
    assert_eq!(reserve(&store, &account, "b", spending(40, 4), caps).await, Reservation::Granted, "up to the cap");
    assert_eq!(spent(&store, &account).await, spending(100, 10));
}

async fn either_cap_may_be_in_the_way(store: Store) {
    let account = fresh_account();
    let both = caps(Some(100), Some(50));
    assert_eq!(reserve(&store, &account, "a", spending(10, 40), both).await, Reservation::Granted);
    let refused = Reservation::Refused { cap: Cap::Money, spent: spending(10, 40) };
    assert_eq!(reserve(&store, &account, "b", spending(10, 11), both).await, refused);
    let refused = Reservation::Refused { cap: Cap::Tokens, spent: spending(10, 40) };
    assert_eq!(reserve(&store, &account, "b", spending(91, 1), both).await, refused);
    let lowered = caps(Some(5), None);
    let refused = Reservation::Refused { cap: Cap::Tokens, spent: spending(10, 40) };
    assert_eq!(reserve(&store, &account, "b", spending(0, 0), lowered).await, refused, "over a cap that was lowered");
}

async fn without_caps_everything_is_counted(store: Store) {
    let account = fresh_account();
    for id in ["a", "b"] {
        let large = spending(1 << 40, 1 << 41);
        assert_eq!(reserve(&store, &account, id, large, Caps::default()).await, Reservation::Granted);
    }
    assert_eq!(spent(&store, &account).await, spending(1 << 41, 1 << 42));
}

async fn racing_reservations_never_pass_the_cap(store: Store) {
    let account = fresh_account();
    let racers: Vec<_> = (0..32)
        .map(|number| {
            let (store, account) = (Arc::clone(&store), account.clone());
            tokio::spawn(async move {
                let caps = caps(Some(1_000), Some(75));
                reserve(&store, &account, &format!("r{number}"), spending(10, 10), caps).await
            })
        })
        .collect();
    let mut granted = 0;
    for racer in racers {
        granted += u64::from(racer.await.expect("no panic") == Reservation::Granted);
    }
    assert_eq!(granted, 7);
    assert_eq!(spent(&store, &account).await, spending(70, 70));
}

async fn settling_replaces_the_estimate(store: Store) {
    let (account, caps) = (fresh_account(), caps(Some(100), None));
    for id in ["less", "more", "nothing"] {
        assert_eq!(reserve(&store, &account, id, spending(30, 30), caps).await, Reservation::Granted);
    }
    assert!(settle(&store, &account, "less", spending(5, 1)).await);
    assert_eq!(spent(&store, &account).await, spending(65, 61));
    assert!(settle(&store, &account, "more", spending(500, 31)).await);
    assert_eq!(spent(&store, &account).await, spending(535, 62), "what was spent is spent, cap or not");
    assert!(settle(&store, &account, "nothing", Spending::default()).await);
    assert_eq!(spent(&store, &account).await, spending(505, 32));
    assert!(!settle(&store, &account, "less", spending(5, 1)).await, "once");
    assert!(!settle(&store, &account, "unknown", spending(5, 1)).await);
    assert!(!settle(&store, &fresh_account(), "less", spending(5, 1)).await);
    assert_eq!(spent(&store, &account).await, spending(505, 32));
}

async fn racing_settlements_count_once(store: Store) {
    let account = fresh_account();
    assert_eq!(reserve(&store, &account, "r", spending(100, 100), Caps::default()).await, Reservation::Granted);
    let racers: Vec<_> = (0..16)
        .map(|_| {
            let (store, account) = (Arc::clone(&store), account.clone());
            tokio::spawn(async move { settle(&store, &account, "r", spending(7, 3)).await })
        })
        .collect();
    let mut settled = 0;
    for racer in racers {
        settled += usize::from(racer.await.expect("no panic"));
    }
    assert_eq!((settled, spent(&store, &account).await), (1, spending(7, 3)));
}

async fn the_same_reservation_counts_once(store: Store) {
    let (account, caps) = (fresh_account(), caps(Some(50), None));
    for _ in 0..3 {
        assert_eq!(reserve(&store, &account, "r", spending(40, 4), caps).await, Reservation::Granted);
    }
    assert_eq!(spent(&store, &account).await, spending(40, 4));
    assert!(settle(&store, &account, "r", spending(20, 2)).await);
    assert_eq!(reserve(&store, &account, "r", spending(30, 3), caps).await, Reservation::Granted, "a new one");
    assert_eq!(spent(&store, &account).await, spending(50, 5));
}

async fn what_is_never_settled_stays_counted_until_its_day_is_over(store: Store) {
    let (today, caps) = (fresh_account(), caps(Some(10), None));
    assert_eq!(reserve(&store, &today, "crashed", spending(10, 0), caps).await, Reservation::Granted);
    let refused = Reservation::Refused { cap: Cap::Tokens, spent: spending(10, 0) };
    assert_eq!(reserve(&store, &today, "next", spending(1, 0), caps).await, refused);
    let tomorrow = Account { day: today.day + 1, ..today };
    assert_eq!(reserve(&store, &tomorrow, "next", spending(1, 0), caps).await, Reservation::Granted);
}

async fn accounts_do_not_share(store: Store) {
    let (one, other) = (fresh_account(), fresh_account());
    assert_eq!(reserve(&store, &one, "r", spending(1, 2), Caps::default()).await, Reservation::Granted);
    assert_eq!(reserve(&store, &other, "r", spending(3, 4), Caps::default()).await, Reservation::Granted);
    assert!(settle(&store, &one, "r", Spending::default()).await);
    assert_eq!((spent(&store, &one).await, spent(&store, &other).await), (Spending::default(), spending(3, 4)));
}
