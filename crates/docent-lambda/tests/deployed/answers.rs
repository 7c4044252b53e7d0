//! A question asked at the function URL, answered by the worker.

use crate::stack::{FACT, Stack, quoting};
use docent_testkit::model_server::{ChatCall, Reply};
use serde_json::{Value, json};

/// Takes the second key only where the question says so.
fn careful(call: &ChatCall) -> Reply {
    let is_old = call.key.as_deref() != Some("sk-second");
    if is_old && call.prompt.contains("[second-key]") { Reply::Refuses(401) } else { quoting(call) }
}

#[test]
fn a_question_is_accepted_answered_and_quoted() {
    let Some(stack) = Stack::start(careful) else { return };
    let id = stack.ask("How many days of annual leave?");
    let query = stack.ended(&id);
    assert_eq!((&query["status"], &query["outcome"]), (&json!("completed"), &json!("answered")), "{query}");
    assert_eq!(query["answer"], "You have 25 days off.");
    let citation = &query["citations"][0];
    assert_eq!(citation["cited_text"], "25 days of annual leave");
    assert_eq!(citation["verification"], "verified");
    let keys: Vec<_> = stack.model.calls_about("annual leave?").into_iter().map(|call| call.key).collect();
    assert_eq!(keys, [Some("sk-first".to_owned())], "one call, with the key that Secrets Manager keeps");

    the_first_systems_routes_work(&stack);
    a_replaced_key_is_noticed(&stack);
    what_was_said_is_in_the_trace_and_not_in_the_log(&stack, &id);
    missing_collections_and_malformed_events_are_refused(&stack);
}

fn the_first_systems_routes_work(stack: &Stack) {
    let asked = json!({"query_text": "How much leave is there?", "user_id": "ada"});
    let item = stack.request("POST", "/submit_query", Some(&asked)).json();
    assert_eq!((&item["is_complete"], &item["user_id"]), (&json!(false), &json!("ada")), "{item}");
    let id = item["query_id"].as_str().expect("an id");
    stack.ended(id);
    let item = stack.request("GET", &format!("/get_query?query_id={id}"), None).json();
    assert_eq!((&item["is_complete"], &item["answer_text"]), (&json!(true), &json!("You have 25 days off.")));
    let listed = stack.request("GET", "/list_query?user_id=ada", None).json();
    assert_eq!(listed, json!([item]));
    assert_eq!(stack.request("GET", "/get_query?query_id=nothing", None).status, 404);
}

/// The model refuses the old key from now on: the worker asks Secrets Manager again, once.
fn a_replaced_key_is_noticed(stack: &Stack) {
    stack.rotate_key("sk-second");
    let query = stack.ended(&stack.ask("Is the key [second-key]?"));
    assert_eq!(query["status"], "completed", "{query}");
    let keys: Vec<_> = stack.model.calls_about("[second-key]").into_iter().filter_map(|call| call.key).collect();
    assert_eq!(keys.last().map(String::as_str), Some("sk-second"), "{keys:?}");
    assert!(keys.len() <= 2, "{keys:?}");
}

fn what_was_said_is_in_the_trace_and_not_in_the_log(stack: &Stack, id: &str) {
    let trace = stack.request("GET", &format!("/v1/queries/{id}/trace"), None).json();
    assert_eq!(trace["question"], "How many days of annual leave?");
    let log = stack.function_log();
    for text in ["How many days", "25 days", FACT, "sk-first", "sk-second"] {
        assert!(!log.contains(text), "{text} is in the log:\n{log}");
    }
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ended = |line: &&Value| line["message"] == "query ended" && line["query_id"] == stored(id);
    let line = lines.iter().find(ended).unwrap_or_else(|| panic!("the ending is not in the log:\n{log}"));
    let spans = line["spans"].as_array().expect("spans");
    assert!(spans.iter().any(|span| span["request_id"].is_string() && span["trace_id"].is_string()), "{line}");
    assert!(spans.iter().any(|span| span["attempt"] == 1 && span["generation"].is_string()), "{line}");
    let measured = |function: &str| {
        let is_it =
            |line: &&Value| line["_aws"].is_object() && line["query_id"] == stored(id) && line["Function"] == function;
        lines.iter().find(is_it).unwrap_or_else(|| panic!("no metric of the query by {function} in the log:\n{log}"))
    };
    assert!(measured("api")["SubmitLatency"].is_number());
    let metric = measured("worker");
    assert_eq!((&metric["Outcome"], &metric["Queries"]), (&json!("answered"), &json!(1)));
    assert!(metric["RetrieveLatency"].is_number() && metric["InputTokens"] == 100, "{metric}");
    assert!(lines.iter().any(|line| line["ColdStarts"] == 1 && line["Function"] == "api"));
}

/// As it is stored and logged: without the prefix that the wire shows.
fn stored(id: &str) -> &str {
    id.trim_start_matches("qry_")
}

fn missing_collections_and_malformed_events_are_refused(stack: &Stack) {
    let unknown = json!({"query": "Anything?", "collection": "nowhere"});
    assert_eq!(stack.request("POST", "/v1/queries", Some(&unknown)).status, 404);
    assert_eq!(stack.strangers_request("GET", "/list_query?user_id=ada").status, 401);
    for event in [json!({"version": 2, "query_id": "0192"}), json!({"hello": "world"}), json!([1])] {
        let refused = stack.invoke_worker(&event).json();
        assert_eq!(refused["errorType"], "invalid", "{event}: {refused}");
        assert!(refused["errorMessage"].as_str().is_some_and(|text| text.contains("hint: ")), "{refused}");
    }
}
