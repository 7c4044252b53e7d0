//! Webhooks over the routes: asked for, refused, told, shown.

use crate::client::Site;
use crate::house::House;
use docent_api::ApiSettings;
use docent_api::wire::WebhookEvent;
use docent_engine::webhooks::secret::SigningSecret;
use docent_engine::webhooks::{Means, Webhooks};
use docent_testkit::provider::{ScriptedGenerator, Step};
use docent_testkit::receiver::{Receiver, Verdict};
use docent_webhooks::{HttpCourier, Settings};
use serde_json::{Value, json};
use std::sync::Arc;

fn webhooks() -> Webhooks {
    let settings = Settings { allowed_hosts: vec!["127.0.0.1".to_owned()], ..Settings::default() };
    let courier = Arc::new(HttpCourier::new(settings).expect("a courier"));
    let secret = || SigningSecret::parse("whsec_Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9v").expect("a secret");
    let secrets =
        Arc::new(move || -> futures::future::BoxFuture<'static, _> { Box::pin(async move { Ok(vec![secret()]) }) });
    Webhooks::on(Means { courier, secrets, body: WebhookEvent::json })
}

async fn site(generator: ScriptedGenerator) -> Site {
    Site::of(House::telling(generator, webhooks()).furnished().await, ApiSettings::default())
}

async fn quoting() -> Site {
    site(ScriptedGenerator::quoting_the_best_passage()).await
}

/// The query as it is when its webhook is not pending any more.
async fn told(site: &Site, id: &Value) -> Value {
    let address = format!("/v1/queries/{}?wait=20", id.as_str().expect("an id"));
    loop {
        let query = site.get(&address).await.json();
        if !["waiting", "pending"].contains(&query["webhook"]["status"].as_str().expect("a webhook")) {
            return query;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_receiver_learns_which_query_ended_and_how_and_nothing_of_the_documents() {
    let (site, receiver) = (quoting().await, Receiver::start(|_| Verdict::Status(200)));
    let ask = json!({"query": "How many days of annual leave?", "metadata": {"ticket": "4711"}, "webhook_url": receiver.url()});
    let asked = site.post("/v1/queries", &ask).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let waiting = json!({"url": receiver.url(), "status": "waiting", "attempts": 0, "last_error": null});
    assert_eq!(asked.json()["webhook"], waiting);
    let query = told(&site, &asked.json()["id"]).await;
    assert_eq!((&query["webhook"]["status"], &query["webhook"]["attempts"]), (&json!("delivered"), &json!(1)));
    let [delivery] = &receiver.deliveries()[..] else { panic!("one delivery") };
    let event: Value = serde_json::from_str(&delivery.body).expect("JSON");
    let data = json!({"id": query["id"], "object": "query", "status": "completed", "outcome": "answered",
        "collection": "default", "metadata": {"ticket": "4711"}});
    assert_eq!(event, json!({"type": "query.completed", "timestamp": query["completed_at"], "data": data}));
    let id = query["id"].as_str().expect("an id").trim_start_matches("qry_");
    assert_eq!(delivery.header("webhook-id"), format!("msg_{id}"));
    let listed = site.get("/v1/queries").await.json();
    assert_eq!(listed["data"][0]["webhook"], query["webhook"]);
}

#[tokio::test]
async fn a_cancelled_query_is_told_as_such() {
    let receiver = Receiver::start(|_| Verdict::Status(200));
    let site = site(ScriptedGenerator::new(|_, _| vec![Step::Hang])).await;
    let ask = json!({"query": "How many days?", "webhook_url": receiver.url()});
    let id = site.post("/v1/queries", &ask).await.json()["id"].clone();
    let address = format!("/v1/queries/{}/cancel", id.as_str().expect("an id"));
    assert_eq!(site.call("POST", &address, &[], "").await.json()["webhook"]["status"], "pending");
    told(&site, &id).await;
    let event: Value = serde_json::from_str(&receiver.deliveries()[0].body).expect("JSON");
    assert_eq!((&event["type"], &event["data"]["outcome"]), (&json!("query.cancelled"), &Value::Null));
}

#[tokio::test]
async fn addresses_that_are_refused_store_nothing() {
    let site = quoting().await;
    for (url, sentence) in [
        ("http://example.com/hook", "`webhook_url` must begin with https://"),
        ("https://me:secret@example.com/", "`webhook_url` holds a user name or a password"),
        ("https://10.0.0.7/hook", "`webhook_url` names an address that is not public"),
        ("https://[::1]/", "`webhook_url` names an address that is not public"),
        ("example.com", "`webhook_url` is not a URL"),
    ] {
        let reply = site.post("/v1/queries", &json!({"query": "How many days?", "webhook_url": url})).await;
        let error = &reply.json()["error"];
        assert_eq!((reply.status.as_u16(), &error["message"]), (400, &json!(sentence)), "{url}");
        assert!(error["hint"].is_string() && !reply.text.contains("secret"), "{url}");
    }
    assert_eq!(site.get("/v1/queries").await.json()["data"], json!([]));
    let off = Site::open().await;
    let reply = off.post("/v1/queries", &json!({"query": "How?", "webhook_url": "https://example.com/"})).await;
    assert_eq!(reply.status, 400);
    assert!(reply.json()["error"]["hint"].as_str().is_some_and(|hint| hint.contains("DOCENT_WEBHOOK_SECRET")));
}

#[tokio::test]
async fn one_idempotency_key_one_query_one_delivery() {
    let (site, receiver) = (quoting().await, Receiver::start(|_| Verdict::Status(200)));
    let key = [("idempotency-key", "k-1"), ("content-type", "application/json")];
    let ask = |url: Option<String>| json!({"query": "How many days?", "webhook_url": url}).to_string();
    let first = site.call("POST", "/v1/queries", &key, &ask(Some(receiver.url()))).await;
    told(&site, &first.json()["id"]).await;
    let again = site.call("POST", "/v1/queries", &key, &ask(Some(receiver.url()))).await;
    assert_eq!((again.status.as_u16(), &again.json()["id"]), (200, &first.json()["id"]));
    assert_eq!(again.json()["webhook"]["status"], "delivered");
    assert_eq!(receiver.deliveries().len(), 1);
    for other in [None, Some(format!("{}/other", receiver.url()))] {
        assert_eq!(site.call("POST", "/v1/queries", &key, &ask(other)).await.status, 409, "another request");
    }
}

#[tokio::test]
async fn the_description_has_the_webhook() {
    let description = Site::open().await.get("/openapi.json").await.json();
    let post = &description["webhooks"]["query.ended"]["post"];
    let schema = json!({"$ref": "#/components/schemas/WebhookEvent"});
    assert_eq!(post["requestBody"]["content"]["application/json"]["schema"], schema);
    let fields = &description["components"]["schemas"]["WebhookEvent"]["properties"];
    assert!(fields["type"].is_object() && fields["timestamp"].is_object() && fields["data"].is_object(), "{fields}");
}
