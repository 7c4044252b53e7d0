//! Webhooks of `docent serve`, as a receiver sees them: verified by the library that receivers use, and delivered though the
//! server was killed between answer and delivery.

use crate::http::{Response, get, post};
use crate::server::{Server, handbook};
use crate::terminal::Terminal;
use docent_testkit::receiver::{Delivery, Receiver, Verdict};
use docent_testkit::tools;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SECRET: &str = "whsec_Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9v";
/// Looks at a query before the test gives up, with a pause between them.
const LOOKS: usize = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// With two secrets, as while one replaces the other.
fn telling() -> Terminal {
    let both = format!("whsec_{},{SECRET}", "bmV3".repeat(8));
    handbook().with("DOCENT_WEBHOOK_SECRET", &both).with("DOCENT_WEBHOOK_HOSTS", "127.0.0.1")
}

fn ask(address: &str, url: &str) -> Response {
    let body = json!({"query": "How many days of annual leave do we have?", "wait": 30, "webhook_url": url});
    post(address, "/v1/queries", &body).expect("answered")
}

/// The query once its webhook is so far.
fn look_until(address: &str, id: &str, is_so_far: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..LOOKS {
        let query = get(address, &format!("/v1/queries/{id}")).expect("answered").json();
        if is_so_far(&query["webhook"]) {
            return query;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("the webhook of {id} does not get there");
}

fn is_delivered(webhook: &Value) -> bool {
    webhook["status"] == "delivered"
}

/// What the library makes of a delivery; none where it is not installed.
fn verified(terminal: &Terminal, delivery: &Delivery) -> Option<Value> {
    let python = tools::installed("webhooks/bin/python3")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docent/clients/verify_webhook.py");
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: Value = names.map(|name| (name.to_owned(), json!(delivery.header(name)))).into_iter().collect();
    let letter = json!({"secret": SECRET, "headers": headers, "body": delivery.body});
    let mut process = terminal.command(python).arg(script).stdin(Stdio::piped()).spawn().expect("started");
    process.stdin.take().expect("piped").write_all(letter.to_string().as_bytes()).expect("written");
    let output = process.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn a_delivery_is_verified_by_the_library_that_receivers_use() {
    let (terminal, receiver) = (telling(), Receiver::start(|_| Verdict::Status(200)));
    let server = Server::start(&terminal);
    let asked = ask(&server.address, &receiver.url());
    assert_eq!(asked.status, 200, "{asked:?}");
    let id = asked.json()["id"].as_str().expect("an id").to_owned();
    let delivery = receiver.wait_for(1).remove(0);
    assert_eq!(delivery.header("webhook-signature").split(' ').count(), 2, "one for each secret");
    if let Some(event) = verified(&terminal, &delivery) {
        assert_eq!((&event["type"], &event["data"]["id"]), (&json!("query.completed"), &json!(id)));
    }
    look_until(&server.address, &id, is_delivered);
    let explained = terminal.docent(&["explain", &id]);
    assert!(explained.succeeded().contains("Webhook\n  delivered after 1 attempt\n"), "{explained:?}");
    assert_eq!(terminal.docent(&["explain", &id, "--json"]).json()["query"]["webhook"]["status"], "delivered");
    // A receiver of this machine is one by name alone.
    let refused = ask(&server.address, "https://127.0.0.2/hook");
    assert_eq!(refused.status, 400, "{refused:?}");
    // The first system's contract knows nothing of it.
    let unknown = json!({"query_text": "How many days?", "webhook_url": receiver.url()});
    let item = post(&server.address, "/submit_query", &unknown).expect("answered");
    assert!(item.status == 200 && item.json().get("webhook").is_none(), "{item:?}");
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(receiver.deliveries().len(), 1);
}

#[test]
fn a_server_killed_between_answer_and_delivery_delivers_in_its_next_life() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let receiver =
        Receiver::start(move |_| if up.load(Ordering::SeqCst) { Verdict::Status(200) } else { Verdict::Status(503) });
    let terminal = telling();
    let server = Server::start(&terminal);
    let ids = ["a", "b", "c"].map(|name| {
        let asked = ask(&server.address, &format!("{}/{name}", receiver.url()));
        assert_eq!(asked.json()["status"], "completed", "{asked:?}");
        asked.json()["id"].as_str().expect("an id").to_owned()
    });
    for id in &ids {
        let query =
            look_until(&server.address, id, |webhook| webhook["attempts"] == 1 && webhook["last_error"].is_string());
        assert_eq!(query["webhook"]["last_error"], "the receiver answered 503 Service Unavailable");
    }
    server.die();
    is_up.store(true, Ordering::SeqCst);
    let server = Server::start(&terminal);
    for id in &ids {
        look_until(&server.address, id, is_delivered);
        let event = format!("msg_{}", id.trim_start_matches("qry_"));
        let of_it = receiver.deliveries().into_iter().filter(|one| one.header("webhook-id") == event);
        assert!(of_it.count() >= 2, "the same event again");
    }
    assert_eq!(server.stop().code(), Some(0));
}
