//! Answers from what is published, while it changes.

use crate::stack::{FACT, Stack, quoting};
use docent_testkit::model_server::{ChatCall, Reply};
use serde_json::{Value, json};
use std::time::Duration;

/// Quotes the fact if it is among the passages, late where the question says so.
fn honest(call: &ChatCall) -> Reply {
    let reply = if call.prompt.contains(FACT) { quoting(call) } else { Reply::FindsNothing };
    if call.prompt.contains("[slow]") { Reply::After(Duration::from_secs(2), Box::new(reply)) } else { reply }
}

#[test]
fn a_question_is_answered_from_one_generation_and_the_next_from_the_newest() {
    let Some(stack) = Stack::start(honest) else { return };
    let url = stack.make_readers();
    before_anything_is_published(&stack, &url);

    let first = stack.publish("leave", FACT);
    let id = stack.ask_at(&url, "How many days of leave [slow]?");
    while stack.model.calls_about("[slow]").is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = stack.publish("canteen", "The canteen opens at noon.");
    let query = stack.ended(&id);
    assert_eq!(
        (&query["outcome"], &query["citations"][0]["cited_text"]),
        (&json!("answered"), &json!("25 days of annual leave"))
    );
    assert_eq!(trace(&stack, &id)["generation"], first);

    // A process that starts now reads the pointer; one that runs does within a minute.
    stack.kill_workers();
    let id = stack.ask_at(&url, "How many days of leave are there now?");
    assert_eq!(stack.ended(&id)["outcome"], "not_found");
    let trace = trace(&stack, &id);
    assert_eq!(trace["generation"], second);
    assert!(!trace.to_string().contains(FACT), "what was deleted is not retrieved: {trace}");
}

fn before_anything_is_published(stack: &Stack, url: &str) {
    let refused = stack.request_to(url, "POST", "/v1/queries", Some(&json!({"query": "Anything?"})));
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (503, &json!("unavailable")));
    assert!(
        refused.json()["error"]["hint"].as_str().is_some_and(|hint| hint.contains("docent publish s3://docs/index"))
    );
    // The first system's contract takes any question; it ends with the reason.
    let asked = json!({"query_text": "Anything?", "user_id": "ada"});
    let item = stack.request_to(url, "POST", "/submit_query", Some(&asked)).json();
    let query = stack.ended(item["query_id"].as_str().expect("an id"));
    assert_eq!((&query["status"], &query["error"]["code"]), (&json!("failed"), &json!("unavailable")), "{query}");
}

fn trace(stack: &Stack, id: &str) -> Value {
    stack.request("GET", &format!("/v1/queries/{id}/trace"), None).json()
}
