//! Many queries at once, every tenth of them or of their calls hit by a fault.

use crate::stack::{Stack, quoting};
use docent_testkit::fault_proxy::{Fault, Passing};
use docent_testkit::model_server::{ChatCall, Reply};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Queries in all.
const QUERIES: usize = 500;
/// Clients that ask at the same time.
const CLIENTS: usize = 32;

/// Every tenth call of a function to AWS is throttled, fails on the other side, or loses its answer.
fn tenth_call(passing: &Passing<'_>) -> Option<Fault> {
    if !passing.number.is_multiple_of(10) {
        return None;
    }
    let error = |kind: &str, status| {
        let body = json!({"__type": kind, "message": "as the test says"}).to_string();
        Some(Fault::Answer(status, "application/x-amz-json-1.0", body))
    };
    match passing.number / 10 % 3 {
        0 => error("ThrottlingException", 400),
        1 => error("InternalServerError", 500),
        _ => Some(Fault::LoseAnswer),
    }
}

/// Every tenth call of the model fails once.
fn tenth_answer(count: &AtomicUsize, call: &ChatCall) -> Reply {
    if count.fetch_add(1, Ordering::SeqCst) % 10 == 9 { Reply::Refuses(500) } else { quoting(call) }
}

#[test]
fn five_hundred_queries_with_faults_all_end_once() {
    let count = AtomicUsize::new(0);
    let Some(stack) = Stack::with_faults(move |call| tenth_answer(&count, call), tenth_call) else { return };
    stack.limit_concurrency("worker", 8);
    let (stack, next, ids) = (&stack, &AtomicUsize::new(0), &Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= QUERIES {
                        return;
                    }
                    let id = stack.ask(&format!("How many days, number {number}?"));
                    ids.lock().expect("not poisoned").push((number, id));
                }
            });
        }
    });
    let ids = ids.lock().expect("not poisoned").clone();
    assert_eq!(ids.len(), QUERIES);
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let (mut calls, mut swept) = (0, Instant::now());
    for (number, id) in &ids {
        // As the schedule does, only more often.
        let query = stack.ended_with(id, || {
            if swept.elapsed() > Duration::from_secs(3) {
                stack.sweep(10);
                swept = Instant::now();
            }
        });
        let end = if query["status"] == "completed" { &query["outcome"] } else { &query["error"]["code"] };
        *ends.entry(format!("{} {end}", query["status"])).or_default() += 1;
        calls += stack.model.calls_about(&format!("number {number}?")).len();
    }
    println!("{QUERIES} queries, {CLIENTS} clients: {ends:?}, {calls} calls of the model");
    assert_eq!(ends.values().sum::<usize>(), QUERIES);
}
