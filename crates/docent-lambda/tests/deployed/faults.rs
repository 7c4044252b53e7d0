//! What goes wrong between acceptance and answer. After each: the query has ended, once, and no attempt paid for two answers.

use crate::stack::{Stack, quoting};
use docent_testkit::model_server::{ChatCall, Reply};
use serde_json::json;
use std::time::Duration;

/// The model's mood is in the question.
fn moody(call: &ChatCall) -> Reply {
    let prompt = call.prompt.as_str();
    match () {
        () if prompt.contains("[busy]") => Reply::Refuses(429),
        () if prompt.contains("[broken]") => Reply::Refuses(500),
        () if prompt.contains("[silent]") || prompt.contains("[poison]") => Reply::Silence,
        () if prompt.contains("[nonsense]") => Reply::Nonsense,
        () if prompt.contains("[slow]") => Reply::After(Duration::from_millis(700), Box::new(quoting(call))),
        () => quoting(call),
    }
}

#[test]
fn a_model_in_trouble_fails_the_query_with_the_reason() {
    let Some(stack) = Stack::start(moody) else { return };
    let moods = [
        ("[busy]", vec!["rate_limited"]),
        ("[broken]", vec!["unavailable"]),
        ("[silent]", vec!["timeout"]),
        ("[nonsense]", vec!["unavailable", "invalid"]),
    ];
    let ids: Vec<_> = moods.iter().map(|(mood, _)| stack.ask(&format!("How many days {mood}?"))).collect();
    for (id, (mood, codes)) in ids.iter().zip(&moods) {
        let query = stack.ended(id);
        assert_eq!(query["status"], "failed", "{mood}: {query}");
        assert!(codes.iter().any(|code| query["error"]["code"] == *code), "{mood}: {query}");
        assert!(query["error"]["message"].is_string());
    }
}

#[test]
fn a_delivery_may_come_five_times_or_never() {
    let Some(stack) = Stack::start(moody) else { return };
    five_deliveries_make_one_answer(&stack);
    a_refused_invoke_is_made_up_for_by_the_sweep(&stack);
    a_delivery_that_lambda_gave_up_fails_the_query(&stack);
    the_first_systems_event_is_understood(&stack);
}

fn five_deliveries_make_one_answer(stack: &Stack) {
    let id = stack.ask("How many days, please [slow]?");
    let event = json!({"version": 1, "query_id": id.trim_start_matches("qry_")});
    for _ in 0..5 {
        stack.send_to_worker(&event);
    }
    assert_eq!(stack.ended(&id)["outcome"], "answered");
    let again = stack.invoke_worker(&event).json();
    assert_eq!(again["finished"], json!(false), "it has been answered: {again}");
    assert_eq!(stack.model.calls_about("[slow]").len(), 1);
}

fn a_refused_invoke_is_made_up_for_by_the_sweep(stack: &Stack) {
    stack.make_api("lonely-api", "no-such-worker");
    let url = stack.function_url("lonely-api");
    let id = stack.ask_at(&url, "How many days [unsent]?");
    assert_eq!(stack.query(&id)["status"], "queued");
    let swept = stack.sweep(0);
    assert_eq!(swept["unattended"], 1, "{swept}");
    assert_eq!(stack.ended(&id)["outcome"], "answered");
    assert_eq!(stack.model.calls_about("[unsent]").len(), 1);
}

fn a_delivery_that_lambda_gave_up_fails_the_query(stack: &Stack) {
    stack.make_broken_worker("broken-worker");
    stack.make_api("api-of-broken", "broken-worker");
    let url = stack.function_url("api-of-broken");
    let id = stack.ask_at(&url, "How many days [lost]?");
    let query = stack.ended(&id);
    assert_eq!((&query["status"], &query["error"]["code"]), (&json!("failed"), &json!("worker_failed")), "{query}");
    assert_eq!(stack.model.calls_about("[lost]").len(), 0);
}

fn the_first_systems_event_is_understood(stack: &Stack) {
    let item = json!({
        "query_id": {"S": "9b1c7f0e5d3a4c21a0de1f2b3c4d5e6f"}, "user_id": {"S": "first"},
        "create_time": {"N": "1795391000"}, "ttl": {"N": "1910944000"}, "query_text": {"S": "How many days [first]?"},
        "is_complete": {"BOOL": false}, "sources": {"L": []},
    });
    stack.aws.json("dynamodb", "DynamoDB_20120810.PutItem", &json!({"TableName": "queries", "Item": item}));
    let event = json!({
        "query_id": "9b1c7f0e5d3a4c21a0de1f2b3c4d5e6f", "user_id": "first", "create_time": 1_795_391_000,
        "ttl": 1_910_944_000, "query_text": "How many days [first]?", "answer_text": null, "sources": [],
        "is_complete": false,
    });
    assert_eq!(stack.invoke_worker(&event).json()["finished"], json!(true));
    let shown = stack.request("GET", "/get_query?query_id=9b1c7f0e5d3a4c21a0de1f2b3c4d5e6f", None).json();
    assert_eq!((&shown["is_complete"], &shown["answer_text"]), (&json!(true), &json!("You have 25 days off.")));
}

#[test]
fn a_worker_killed_in_the_middle_is_replaced_until_attempts_run_out() {
    let Some(stack) = Stack::start(moody) else { return };
    let id = stack.ask("How many days [poison]?");
    for attempt in 1..=3 {
        wait_for_calls(&stack, "[poison]", attempt);
        assert!(stack.kill_workers() > 0, "somebody was at work");
    }
    let query = stack.ended_with(&id, || drop(stack.sweep(0)));
    assert_eq!(
        (&query["status"], &query["error"]["code"]),
        (&json!("failed"), &json!("attempts_exhausted")),
        "{query}"
    );
    assert_eq!(stack.model.calls_about("[poison]").len(), 3, "one call per attempt");
}

/// Lambda's own second delivery or the sweep brings the query to another worker, whichever is first.
fn wait_for_calls(stack: &Stack, text: &str, count: usize) {
    for _ in 0..600 {
        if stack.model.calls_about(text).len() >= count {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
        stack.sweep(0);
    }
    panic!("the model was not asked for the {count}th time\n{}", stack.aws.log());
}
