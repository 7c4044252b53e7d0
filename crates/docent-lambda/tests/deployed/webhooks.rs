//! Webhooks of the deployed system: delivered by the worker that answered, else by a sweep; signed with what Secrets Manager keeps.

use crate::stack::{SIGNING_SECRET, Stack, quoting};
use docent_engine::webhooks::secret::{SigningSecret, sign};
use docent_testkit::receiver::{Delivery, Receiver, Verdict};
use serde_json::{Value, json};
use std::time::Duration;

/// Sweeps before the test gives up, with a pause between them.
const SWEEPS: usize = 600;
const PAUSE: Duration = Duration::from_millis(100);

#[test]
fn endings_are_told_by_the_worker_or_by_a_later_sweep() {
    let Some(stack) = Stack::start(quoting) else { return };
    the_worker_that_answers_delivers(&stack);
    a_receiver_that_was_down_is_told_by_a_sweep(&stack);
    what_the_api_ends_is_told_by_a_sweep(&stack);
    addresses_within_are_refused(&stack);
    let log = stack.function_log();
    assert!(log.contains("webhook delivered") && !log.contains(SIGNING_SECRET) && !log.contains("/hook"), "{log}");
}

fn asked(stack: &Stack, receiver: &Receiver) -> Value {
    json!({"query": "How many days of annual leave?", "webhook_url": format!("{}?of={}", receiver.url(), stack.host())})
}

fn event(delivery: &Delivery) -> Value {
    let secret = SigningSecret::parse(SIGNING_SECRET).expect("a secret");
    let timestamp = delivery.header("webhook-timestamp").parse().expect("a number");
    let signature = sign(&[secret], delivery.header("webhook-id"), timestamp, &delivery.body);
    assert_eq!(delivery.header("webhook-signature"), signature);
    serde_json::from_str(&delivery.body).expect("JSON")
}

/// The query once its webhook is delivered, while sweeps go on.
fn told(stack: &Stack, id: &str) -> Value {
    for _ in 0..SWEEPS {
        let query = stack.query(id);
        if query["webhook"]["status"] == "delivered" {
            return query;
        }
        std::thread::sleep(PAUSE);
        stack.sweep(0);
    }
    panic!("{} is not told\n{}", stack.query(id), stack.aws.log());
}

fn the_worker_that_answers_delivers(stack: &Stack) {
    let receiver = Receiver::start(|_| Verdict::Status(200));
    let id = stack.ask_with(stack.host(), &asked(stack, &receiver));
    // Nobody sweeps meanwhile.
    let delivery = receiver.wait_for(1).remove(0);
    let told_of = event(&delivery);
    assert_eq!((&told_of["type"], &told_of["data"]["id"]), (&json!("query.completed"), &json!(id)));
    let query = told(stack, &id);
    assert_eq!((&query["outcome"], &query["webhook"]["attempts"]), (&json!("answered"), &json!(1)));
    stack.sweep(0);
    assert_eq!(receiver.deliveries().len(), 1);
}

fn a_receiver_that_was_down_is_told_by_a_sweep(stack: &Stack) {
    let receiver = Receiver::start(|number| Verdict::Status(if number == 0 { 500 } else { 200 }));
    let id = stack.ask_with(stack.host(), &asked(stack, &receiver));
    let query = told(stack, &id);
    assert_eq!(query["webhook"]["last_error"], "the receiver answered 500 Internal Server Error");
    let ids: Vec<_> = receiver.deliveries().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}

fn what_the_api_ends_is_told_by_a_sweep(stack: &Stack) {
    stack.make_api("api-of-nobody", "no-such-worker");
    let host = stack.function_url("api-of-nobody");
    let receiver = Receiver::start(|_| Verdict::Status(200));
    let id = stack.ask_with(&host, &asked(stack, &receiver));
    let cancelled = stack.request_to(&host, "POST", &format!("/v1/queries/{id}/cancel"), None).json();
    assert_eq!(cancelled["webhook"]["status"], "pending", "{cancelled}");
    told(stack, &id);
    assert_eq!(event(&receiver.deliveries()[0])["type"], "query.cancelled");
}

fn addresses_within_are_refused(stack: &Stack) {
    let metadata = json!({"query": "How many days?", "webhook_url": "https://169.254.169.254/latest/meta-data/"});
    assert_eq!(stack.request("POST", "/v1/queries", Some(&metadata)).status, 400);
    let by_name = json!({"query": "How many days?", "webhook_url": "https://localhost/hook"});
    let id = stack.ask_with(stack.host(), &by_name);
    stack.ended(&id);
    for _ in 0..SWEEPS {
        if stack.query(&id)["webhook"]["status"] == "given_up" {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    assert_eq!(stack.query(&id)["webhook"]["last_error"], "the receiver's host is not at a public address");
}
