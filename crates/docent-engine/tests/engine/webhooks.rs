//! The news of an ending: told at least once, in the end told or given up, whatever dies.

use crate::house::{House, question};
use docent_core::Query;
use docent_core::query::{QueryRequest, Webhook, WebhookStatus};
use docent_engine::ErrorKind;
use docent_engine::webhooks::secret::{SigningSecret, sign};
use docent_engine::webhooks::{ATTEMPTS_MAX, Means, Webhooks};
use docent_testkit::provider::{ScriptedGenerator, Step};
use docent_testkit::receiver::{Delivery, Receiver, Verdict};
use docent_webhooks::{HttpCourier, Settings};
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "whsec_Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9v";
/// Longer than the longest wait between two attempts.
const LONG: Duration = Duration::from_secs(6 * 60 * 60);

fn secret() -> SigningSecret {
    SigningSecret::parse(SECRET).expect("a secret")
}

/// Webhooks to this machine; what they say is the id of the query.
fn webhooks() -> Webhooks {
    let settings = Settings { allowed_hosts: vec!["127.0.0.1".to_owned()], ..Settings::default() };
    let courier = Arc::new(HttpCourier::new(settings).expect("a courier"));
    let secrets = Arc::new(|| -> futures::future::BoxFuture<'static, _> { Box::pin(async { Ok(vec![secret()]) }) });
    Webhooks::on(Means { courier, secrets, body: |query| format!(r#"{{"id":"{}"}}"#, query.id) })
}

async fn house() -> House {
    House::telling(ScriptedGenerator::quoting_the_best_passage(), webhooks()).furnished().await
}

fn ask(url: String) -> QueryRequest {
    QueryRequest { webhook_url: Some(url), ..question("How many days of annual leave?") }
}

/// Asked and answered, and nobody told yet.
async fn answered(house: &House, url: String) -> String {
    let query = house.engine.submit(ask(url), None).await.expect("accepted");
    assert_eq!(query.webhook, Some(Webhook::waiting()));
    house.engine.run_query(&query.id, "w").await.expect("ran");
    query.id
}

async fn deliver(house: &House) {
    house.engine.deliver_waiting_webhooks(Duration::from_secs(60)).await;
}

/// What the sweep of later times finds is delivered.
async fn later(house: &House, time: Duration) {
    house.pass(time);
    house.engine.sweep(Duration::ZERO).await.expect("swept");
    deliver(house).await;
}

async fn stored(house: &House, id: &str) -> Query {
    house.engine.queries.get(id).await.expect("read").expect("there")
}

async fn webhook(house: &House, id: &str) -> Webhook {
    stored(house, id).await.webhook.expect("it has one")
}

fn is_signed(delivery: &Delivery) -> bool {
    let timestamp = delivery.header("webhook-timestamp").parse().expect("a number");
    let expected = sign(&[secret()], delivery.header("webhook-id"), timestamp, &delivery.body);
    delivery.header("webhook-signature") == expected
}

#[tokio::test]
async fn an_ending_is_told_once_and_signed() {
    let (house, receiver) = (house().await, Receiver::start(|_| Verdict::Status(204)));
    let id = answered(&house, receiver.url()).await;
    assert_eq!(webhook(&house, &id).await.status, WebhookStatus::Pending);
    deliver(&house).await;
    later(&house, LONG).await;
    let deliveries = receiver.deliveries();
    let [delivery] = deliveries.as_slice() else { panic!("{deliveries:?}") };
    assert!(delivery.head.starts_with("POST /hook HTTP/1.1\r\n") && is_signed(delivery), "{delivery:?}");
    assert_eq!(
        (delivery.body.as_str(), delivery.header("content-type")),
        (&*format!(r#"{{"id":"{id}"}}"#), "application/json")
    );
    assert_eq!(delivery.header("webhook-id"), format!("msg_{id}"));
    assert_eq!(delivery.header("webhook-timestamp"), "1800000000", "seconds");
    let told = webhook(&house, &id).await;
    assert_eq!((told.status, told.attempts, told.last_error), (WebhookStatus::Delivered, 1, None));
}

#[tokio::test]
async fn a_receiver_in_trouble_is_told_again_until_it_listens() {
    let receiver = Receiver::start(|number| match number {
        0 => Verdict::Status(500),
        1 => Verdict::HangUp,
        _ => Verdict::Status(200),
    });
    let house = house().await;
    let id = answered(&house, receiver.url()).await;
    deliver(&house).await;
    let pending = webhook(&house, &id).await;
    assert_eq!((pending.status, pending.attempts), (WebhookStatus::Pending, 1));
    assert_eq!(pending.last_error.as_deref(), Some("the receiver answered 500 Internal Server Error"));
    later(&house, Duration::from_secs(2)).await;
    assert_eq!(receiver.deliveries().len(), 1, "not before its time");
    later(&house, Duration::from_secs(3)).await;
    assert_eq!(webhook(&house, &id).await.last_error.as_deref(), Some("the receiver broke the connection off"));
    later(&house, Duration::from_secs(20)).await;
    let told = webhook(&house, &id).await;
    assert_eq!((told.status, told.attempts), (WebhookStatus::Delivered, 3));
    let deliveries = receiver.deliveries();
    let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.header("webhook-id")).collect();
    let times: Vec<_> = deliveries.iter().map(|delivery| delivery.header("webhook-timestamp")).collect();
    let event = format!("msg_{id}");
    assert_eq!(ids, [event.as_str(); 3], "one event");
    assert_eq!(times, ["1800000000", "1800000005", "1800000025"], "three attempts");
    assert!(deliveries.iter().all(is_signed));
}

#[tokio::test]
async fn a_process_that_dies_between_answer_and_delivery_loses_nothing() {
    let (first, receiver) = (house().await, Receiver::start(|_| Verdict::Status(200)));
    let id = answered(&first, receiver.url()).await;
    assert_eq!(receiver.deliveries().len(), 0);
    let second = first.rebuilt(ScriptedGenerator::quoting_the_best_passage(), webhooks());
    later(&second, Duration::ZERO).await;
    assert_eq!(receiver.deliveries().len(), 1);
    // And one that dies while it delivers: its hold lapses.
    let third = answered(&second, receiver.url()).await;
    let held_until = second.now().plus(Duration::from_secs(60));
    second.engine.queries.claim_webhook(&third, second.now(), held_until).await.expect("read").expect("due");
    deliver(&second).await;
    assert_eq!(receiver.deliveries().len(), 1, "somebody is at it");
    later(&second, Duration::from_secs(60)).await;
    assert_eq!(receiver.deliveries().len(), 2);
    for id in [id, third] {
        assert_eq!(webhook(&second, &id).await.status, WebhookStatus::Delivered);
    }
}

#[tokio::test]
async fn after_ten_attempts_it_is_given_up() {
    let (house, receiver) = (house().await, Receiver::start(|_| Verdict::Status(503)));
    let id = answered(&house, receiver.url()).await;
    for attempt in 1..=ATTEMPTS_MAX {
        assert_eq!(webhook(&house, &id).await.status, WebhookStatus::Pending);
        later(&house, LONG).await;
        assert_eq!(webhook(&house, &id).await.attempts, attempt);
    }
    later(&house, LONG).await;
    let given_up = webhook(&house, &id).await;
    assert_eq!((given_up.status, given_up.attempts, given_up.due), (WebhookStatus::GivenUp, ATTEMPTS_MAX, None));
    assert_eq!(given_up.last_error.as_deref(), Some("the receiver answered 503 Service Unavailable"));
    assert_eq!(receiver.deliveries().len(), ATTEMPTS_MAX as usize);
}

#[tokio::test]
async fn attempts_that_are_always_cut_off_end_too() {
    let (house, receiver) = (house().await, Receiver::start(|_| Verdict::Status(200)));
    let id = answered(&house, receiver.url()).await;
    for _ in 0..ATTEMPTS_MAX {
        house.engine.queries.claim_webhook(&id, house.now(), house.now()).await.expect("read").expect("due");
    }
    deliver(&house).await;
    let given_up = webhook(&house, &id).await;
    assert_eq!(given_up.status, WebhookStatus::GivenUp);
    assert_eq!(given_up.last_error.as_deref(), Some("the last attempt was cut off before it could end"));
    assert_eq!(receiver.deliveries().len(), 0);
}

#[tokio::test]
async fn what_nobody_should_try_again_is_given_up_at_once() {
    let gone = Receiver::start(|_| Verdict::Status(410));
    let house = house().await;
    let within = Receiver::start(|_| Verdict::Status(200));
    let port = within.address.rsplit(':').next().expect("a port").to_owned();
    for (url, sentence) in [
        (gone.url(), "the receiver answered 410 Gone: it wants none"),
        (format!("https://localhost:{port}/"), "the receiver's host is not at a public address"),
    ] {
        let id = answered(&house, url).await;
        deliver(&house).await;
        let given_up = webhook(&house, &id).await;
        assert_eq!((given_up.status, given_up.attempts), (WebhookStatus::GivenUp, 1));
        assert_eq!(given_up.last_error.as_deref(), Some(sentence));
    }
    assert_eq!((gone.deliveries().len(), within.deliveries().len()), (1, 0));
}

#[tokio::test]
async fn failures_and_cancellations_are_told_too() {
    let scripts = vec![vec![Step::Fail(docent_engine::Error::unavailable("the endpoint is down"))]];
    let receiver = Receiver::start(|_| Verdict::Status(200));
    let house = House::telling(ScriptedGenerator::calls(scripts), webhooks()).furnished().await;
    let failed = answered(&house, receiver.url()).await;
    let cancelled = house.engine.submit(ask(receiver.url()), None).await.expect("accepted").id;
    house.engine.cancel(&cancelled).await.expect("cancelled");
    let late = house.engine.submit(ask(receiver.url()), None).await.expect("accepted").id;
    later(&house, Duration::from_secs(601)).await;
    let mut told: Vec<_> = receiver.deliveries().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    told.sort();
    assert_eq!(told, [failed, cancelled, late].map(|id| format!("msg_{id}")));
}

#[tokio::test]
async fn a_server_without_a_secret_takes_no_address_and_keeps_what_waits() {
    let receiver = Receiver::start(|_| Verdict::Status(200));
    let on = house().await;
    let id = answered(&on, receiver.url()).await;
    let off = on.rebuilt(ScriptedGenerator::quoting_the_best_passage(), Webhooks::default());
    let error = off.engine.submit(ask(receiver.url()), None).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.hint_text().is_some_and(|hint| hint.contains("DOCENT_WEBHOOK_SECRET")), "{error:?}");
    later(&off, Duration::ZERO).await;
    let waits = webhook(&off, &id).await;
    assert_eq!((waits.status, waits.attempts), (WebhookStatus::Pending, 1));
    let on = off.rebuilt(ScriptedGenerator::quoting_the_best_passage(), webhooks());
    later(&on, LONG).await;
    assert_eq!(webhook(&on, &id).await.status, WebhookStatus::Delivered);
}

#[tokio::test]
async fn a_worker_short_of_time_leaves_it_to_the_sweep() {
    let (house, receiver) = (house().await, Receiver::start(|_| Verdict::Status(200)));
    let id = answered(&house, receiver.url()).await;
    house.engine.deliver_waiting_webhooks(Duration::from_secs(14)).await;
    assert_eq!((receiver.deliveries().len(), webhook(&house, &id).await.attempts), (0, 0));
    later(&house, Duration::ZERO).await;
    assert_eq!(receiver.deliveries().len(), 1);
}
