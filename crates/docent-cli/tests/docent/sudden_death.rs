//! `kill -9` at any moment: every accepted question still comes to one end, once.

use crate::http::{get, post, request};
use crate::server::{Server, handbook};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Questions sent in each life of the server, and after how many of them it dies.
const LIVES: [(usize, usize); 4] = [(12, 3), (12, 7), (12, 11), (12, 12)];
/// Looks at each question before the test gives up, with a pause between them.
const LOOKS: usize = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// Sends one question over the one or the other contract; its id if the server said that it has it.
fn submit(address: &str, number: usize) -> Option<String> {
    let question = format!("How many days of annual leave do we have? ({number})");
    let answer = if number.is_multiple_of(2) {
        post(address, "/submit_query", &json!({"query_text": question, "user_id": "ada"}))
    } else {
        post_with_key(address, &question, number)
    };
    let answer = answer.ok().filter(|answer| (200..300).contains(&answer.status))?.json();
    let id = answer["query_id"].as_str().or(answer["id"].as_str()).expect("an id");
    Some(id.trim_start_matches("qry_").to_owned())
}

fn post_with_key(address: &str, question: &str, number: usize) -> std::io::Result<crate::http::Response> {
    let key = format!("idempotency-key: key-{number}");
    let body = json!({"query": question, "user_id": "ada"}).to_string();
    request(address, "POST /v1/queries", &[&key], &body)
}

fn look(address: &str, id: &str) -> Value {
    let answer = get(address, &format!("/v1/queries/qry_{id}")).expect("answered");
    assert_eq!(answer.status, 200, "an accepted question is lost: {answer:?}");
    answer.json()
}

fn is_terminal(query: &Value) -> bool {
    ["completed", "failed", "cancelled"].contains(&query["status"].as_str().expect("a status"))
}

/// The part of a terminal query that no later life may change.
fn ending(query: &Value) -> Value {
    json!([query["status"], query["answer"], query["completed_at"], query["error"]])
}

#[test]
fn every_accepted_question_ends_once() {
    let terminal = handbook();
    let mut accepted: Vec<(usize, String)> = Vec::new();
    let mut endings: BTreeMap<String, Value> = BTreeMap::new();
    let mut number = 0;
    for (questions, dies_after) in LIVES {
        let server = Server::start(&terminal);
        let address = server.address.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let first = number;
        number += questions;
        let sender = std::thread::spawn(move || {
            for number in first..first + questions {
                let id = submit(&address, number);
                // The receiver stops listening after the death.
                let _unheard = tell.send((number, id));
            }
        });
        let heard = told.iter().take(dies_after);
        accepted.extend(heard.filter_map(|(number, id)| Some((number, id?))));
        for (_, id) in &accepted {
            let query = look(&server.address, id);
            if is_terminal(&query) {
                endings.insert(id.clone(), ending(&query));
            }
        }
        server.die();
        sender.join().expect("sent");
        accepted.extend(told.iter().filter_map(|(number, id)| Some((number, id?))));
    }

    let server = Server::start(&terminal);
    assert!(accepted.len() >= LIVES.iter().map(|(_, dies_after)| dies_after).sum());
    for (number, id) in &accepted {
        let mut query = look(&server.address, id);
        for _ in 0..LOOKS {
            if is_terminal(&query) {
                break;
            }
            std::thread::sleep(PAUSE);
            query = look(&server.address, id);
        }
        assert!(is_terminal(&query), "no end: {query}");
        if let Some(before) = endings.get(id) {
            assert_eq!(*before, ending(&query), "an end was changed");
        }
        if number % 2 == 1 {
            // A client that did not hear the answer asks again with its key: no second question comes of it.
            assert_eq!(submit(&server.address, *number).as_deref(), Some(id.as_str()));
        }
    }
    let ids: std::collections::BTreeSet<_> = accepted.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), accepted.len(), "two questions share an id");
    assert_eq!(server.stop().code(), Some(0));
}
