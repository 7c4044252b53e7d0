//! Who may do what, and what there is for whom.

use crate::client::{Reply, Site};
use crate::house::{House, parser};
use docent_api::ApiSettings;
use docent_core::rate::Rate;
use docent_core::spending::MicroDollars;
use docent_core::{Caps, Scope, Spending};
use docent_engine::Settings;
use docent_engine::budget::Budget;
use docent_engine::keys::NewKey;
use docent_testkit::provider::ScriptedGenerator;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Makes keys from numbers, and remembers the last.
async fn key(site: &Site, number: u8, scopes: &[Scope], collections: &[&str]) -> String {
    let wanted = NewKey {
        name: format!("key {number}"),
        scopes: scopes.iter().copied().collect(),
        collections: (!collections.is_empty()).then(|| collections.iter().map(|name| (*name).to_owned()).collect()),
        lifetime: Some(DAY),
    };
    let (_, secret) = site.house.engine.create_key(wanted, [number; 32]).await.expect("made");
    secret.expose().to_owned()
}

fn key_id(secret: &str) -> String {
    docent_engine::keys::KeySecret::parse(secret).expect("a key").id()
}

async fn call(site: &Site, secret: &str, method: &str, path: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {secret}");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    site.call(method, path, &[("authorization", &bearer), ("content-type", "application/json")], &body).await
}

async fn get(site: &Site, secret: &str, path: &str) -> Reply {
    call(site, secret, "GET", path, &Value::Null).await
}

fn problem(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn ask() -> Value {
    json!({"query": "How many days of annual leave?", "wait": 20})
}

#[tokio::test]
async fn a_route_opens_to_its_scopes_alone() {
    use Scope::{Admin, Ask, Read, Write};
    let site = Site::open().await;
    let keys = [
        (Read, key(&site, 1, &[Read], &[]).await),
        (Ask, key(&site, 2, &[Ask], &[]).await),
        (Write, key(&site, 3, &[Write], &[]).await),
        (Admin, key(&site, 4, &[Admin], &[]).await),
    ];
    let rows: [(&str, &str, Value, &[Scope]); 12] = [
        ("POST", "/v1/queries", json!({"query": "x?"}), &[Ask]),
        ("GET", "/v1/queries", Value::Null, &[Read, Ask]),
        ("GET", "/v1/queries/qry_0/trace", Value::Null, &[Read, Ask]),
        ("POST", "/v1/queries/qry_0/cancel", Value::Null, &[Ask]),
        ("POST", "/v1/search", json!({"query": "x"}), &[Read]),
        ("GET", "/v1/documents", Value::Null, &[Read]),
        ("DELETE", "/v1/documents/doc_0", Value::Null, &[Write]),
        ("GET", "/v1/collections/default", Value::Null, &[Read]),
        ("DELETE", "/v1/collections/attic", Value::Null, &[Write]),
        ("POST", "/submit_query", json!({"query_text": "x?"}), &[Ask]),
        ("GET", "/get_query?query_id=x", Value::Null, &[Read, Ask]),
        ("GET", "/list_query?user_id=x", Value::Null, &[Read, Ask]),
    ];
    for (method, path, body, scopes) in rows {
        for (scope, secret) in &keys {
            let reply = call(&site, secret, method, path, &body).await;
            let is_allowed = *scope == Admin || scopes.contains(scope);
            assert_eq!(reply.status.as_u16() != 403, is_allowed, "{method} {path} with {scope:?}: {}", reply.text);
            if !is_allowed {
                assert_eq!(problem(&reply), (403, "missing_scope".to_owned()));
                assert_eq!(reply.json()["error"]["type"], "permission_error");
                let challenge = reply.header("www-authenticate").expect("a challenge").to_owned();
                assert!(scopes.iter().all(|scope| challenge.contains(scope.as_str())), "{challenge}");
                assert!(scopes.iter().all(|scope| reply.text.contains(&format!("`{}`", scope.as_str()))));
            }
        }
    }
}

#[tokio::test]
async fn the_queries_of_another_key_do_not_exist() {
    let site = Site::open().await;
    let ada = key(&site, 1, &[Scope::Read, Scope::Ask], &[]).await;
    let bob = key(&site, 2, &[Scope::Read, Scope::Ask], &[]).await;
    let admin = key(&site, 3, &[Scope::Admin], &[]).await;
    let query = call(&site, &ada, "POST", "/v1/queries", &ask()).await.json();
    assert_eq!(query["status"], "completed", "{query}");
    let id = query["id"].as_str().expect("an id").to_owned();
    let bare = id.trim_start_matches("qry_");
    let feedback = json!({"helpful": true});
    for (method, path, body) in [
        ("GET", format!("/v1/queries/{id}"), Value::Null),
        ("GET", format!("/v1/queries/{id}?wait=1"), Value::Null),
        ("GET", format!("/v1/queries/{id}/events"), Value::Null),
        ("GET", format!("/v1/queries/{id}/trace"), Value::Null),
        ("GET", format!("/get_query?query_id={bare}"), Value::Null),
        ("POST", format!("/v1/queries/{id}/feedback"), feedback),
        ("POST", format!("/v1/queries/{id}/cancel"), Value::Null),
        ("POST", "/v1/queries".to_owned(), json!({"query": "And sick leave?", "previous_query_id": id})),
    ] {
        let of_bob = call(&site, &bob, method, &path, &body).await;
        let unknown_path = path.replace(bare, "00000000000000000000000000000000");
        let unknown_body: Value = serde_json::from_str(&body.to_string().replace(bare, &"0".repeat(32))).expect("JSON");
        let unknown = call(&site, &bob, method, &unknown_path, &unknown_body).await;
        assert_eq!((of_bob.status.as_u16(), unknown.status.as_u16()), (404, 404), "{method} {path}");
        let same = |reply: &Reply| {
            let mut body = reply.json();
            body["request_id"] = Value::Null;
            body.to_string().replace(bare, &"0".repeat(32))
        };
        assert_eq!(same(&of_bob), same(&unknown), "an id that exists looks like one that does not");
        for secret in [&ada, &admin] {
            let reply = call(&site, secret, method, &path, &body).await;
            assert!(reply.status.is_success(), "{method} {path}: {}", reply.text);
        }
    }
    let listed = |reply: Reply| reply.json()["data"].as_array().expect("a list").len();
    let mine = listed(get(&site, &ada, "/v1/queries").await);
    assert_eq!((mine, listed(get(&site, &bob, "/v1/queries").await)), (2, 0));
    assert_eq!(get(&site, &bob, "/list_query?user_id=nobody").await.json(), json!([]));
    assert_eq!(get(&site, &ada, "/list_query?user_id=nobody").await.json().as_array().map(Vec::len), Some(2));
    let of_ada = format!("/v1/queries?key_id={}", key_id(&ada));
    assert_eq!(listed(get(&site, &admin, &of_ada).await), 2);
    assert_eq!(problem(&get(&site, &bob, &of_ada).await), (403, "missing_scope".to_owned()));
    assert_eq!(call(&site, &bob, "DELETE", &format!("/v1/queries/{id}"), &Value::Null).await.status, 404);
    assert_eq!(call(&site, &ada, "DELETE", &format!("/v1/queries/{id}"), &Value::Null).await.status, 204);
}

#[tokio::test]
async fn an_idempotency_key_is_known_to_its_api_key_alone() {
    let site = Site::open().await;
    let mut ids = Vec::new();
    for number in [1, 2] {
        let bearer = format!("Bearer {}", key(&site, number, &[Scope::Ask], &[]).await);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k-1")];
        for _ in 0..2 {
            ids.push(
                site.call("POST", "/v1/queries", &headers, &json!({"query": "x?"}).to_string()).await.json()["id"]
                    .clone(),
            );
        }
    }
    assert_eq!((&ids[0], &ids[2]), (&ids[1], &ids[3]));
    assert_ne!(ids[0], ids[2]);
}

/// A site with the collection `people` besides the default one.
async fn two_collections() -> Site {
    let house = House::new(ScriptedGenerator::quoting_the_best_passage()).furnished().await;
    let docs = [house.write("../people/pets.txt", "Dogs are welcome on Fridays.")];
    house.engine.ingest("people", &docs, parser(), &mut |_| {}).await.expect("ingested");
    Site::of(house, ApiSettings::default())
}

#[tokio::test]
async fn a_collection_that_a_key_does_not_see_does_not_exist() {
    let site = two_collections().await;
    let scopes = [Scope::Read, Scope::Ask, Scope::Write];
    let bound = key(&site, 1, &scopes, &["people"]).await;
    let free = key(&site, 2, &scopes, &[]).await;
    for (method, path, body) in [
        ("GET", "/v1/collections/default", Value::Null),
        ("DELETE", "/v1/collections/default", Value::Null),
        ("GET", "/v1/documents?collection=default", Value::Null),
        ("GET", "/v1/documents/doc_0?collection=default", Value::Null),
        ("GET", "/v1/documents/doc_0/pages/1?collection=default", Value::Null),
        ("DELETE", "/v1/documents/doc_0?collection=default", Value::Null),
        ("POST", "/v1/search", json!({"query": "leave", "collection": "default"})),
        ("POST", "/v1/queries", json!({"query": "leave?", "collection": "default"})),
    ] {
        let reply = call(&site, &bound, method, path, &body).await;
        assert_eq!(problem(&reply), (404, "not_found".to_owned()), "{method} {path}");
        assert!(reply.text.contains("there is no collection `default`"), "{}", reply.text);
    }
    let names = |reply: Reply| {
        let body = reply.json();
        let list = body["data"].as_array().expect("a list").clone();
        list.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(get(&site, &bound, "/v1/collections").await), ["people"]);
    assert_eq!(names(get(&site, &free, "/v1/collections").await), ["default", "people"]);

    // Where none is named, the key's own is meant; so the first system's routes work with it too.
    let found = call(&site, &bound, "POST", "/v1/search", &json!({"query": "dogs"})).await.json();
    assert_eq!(found["data"][0]["text"], "Dogs are welcome on Fridays.");
    let asked = call(&site, &bound, "POST", "/submit_query", &json!({"query_text": "Are dogs welcome?"})).await.json();
    let id = asked["query_id"].as_str().expect("an id");
    let answered = get(&site, &bound, &format!("/v1/queries/{id}?wait=20")).await.json();
    assert_eq!(
        (&answered["collection"], &answered["answer"]),
        (&json!("people"), &json!("Dogs are welcome on Fridays."))
    );
    assert_eq!(get(&site, &free, "/v1/documents").await.json()["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn keys_that_open_nothing() {
    let site = Site::open().await;
    let revoked = key(&site, 1, &[Scope::Read], &[]).await;
    site.house.engine.revoke_key(&key_id(&revoked)).await.expect("revoked");
    let expiring = key(&site, 2, &[Scope::Read], &[]).await;
    assert_eq!(get(&site, &expiring, "/v1/documents").await.status, 200);
    site.house.pass(DAY);
    let unknown = format!("dk_{}", "0".repeat(64));
    for (secret, says) in [
        (revoked.as_str(), "this key was revoked"),
        (&expiring, "this key has expired"),
        (&unknown, "this key is not known"),
        ("sk-of-somebody-else", "this key is not known"),
        ("", "this key is not known"),
    ] {
        let reply = get(&site, secret, "/v1/documents").await;
        assert_eq!(problem(&reply), (401, "unauthorized".to_owned()), "{secret}");
        let body = reply.json();
        assert_eq!((&body["error"]["message"], &body["error"]["type"]), (&json!(says), &json!("authentication_error")));
        assert!(body["error"]["hint"].is_string());
        assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    let keyless = site.get("/v1/documents").await;
    assert_eq!((keyless.status.as_u16(), keyless.header("www-authenticate")), (401, Some("Bearer")));
    let basic = site.call("GET", "/v1/documents", &[("authorization", "Basic YTpi")], "").await;
    assert_eq!(basic.status, 401);
}

#[tokio::test]
async fn the_last_day_of_use_is_remembered() {
    let site = Site::open().await;
    let secret = key(&site, 1, &[Scope::Read], &[]).await;
    let used = || async { site.house.engine.keys.get(&key_id(&secret)).await.expect("read").expect("there").last_used };
    assert_eq!(used().await, None);
    get(&site, &secret, "/v1/documents").await;
    let today = docent_core::Timestamp::start_of_day(site.house.now().day());
    assert_eq!(used().await, Some(today));
}

#[tokio::test]
async fn this_machines_server_is_open_until_there_is_a_key() {
    let site = Site::open().await;
    for headers in [vec![], vec![("authorization", "Bearer not-needed")]] {
        assert_eq!(site.call("GET", "/v1/documents", &headers, "").await.status, 200);
    }
    let secret = key(&site, 1, &[Scope::Read], &[]).await;
    assert_eq!(site.get("/v1/documents").await.status, 401);
    site.house.engine.revoke_key(&key_id(&secret)).await.expect("revoked");
    assert_eq!(site.get("/v1/documents").await.status, 401, "a key that is gone opens no doors");

    let of_others = ApiSettings { open_without_keys: false, ..ApiSettings::default() };
    let site = Site::with(ScriptedGenerator::quoting_the_best_passage(), of_others).await;
    assert_eq!(problem(&site.get("/v1/documents").await), (401, "unauthorized".to_owned()));
    assert_eq!(site.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_public_server_lets_everybody_do_what_it_says() {
    let public = [Scope::Read, Scope::Ask].into();
    let settings = ApiSettings {
        public,
        open_without_keys: false,
        api_keys: vec!["a key of the settings".to_owned()],
        ..ApiSettings::default()
    };
    let site = Site::with(ScriptedGenerator::quoting_the_best_passage(), settings).await;
    let query = site.post("/v1/queries", &ask()).await.json();
    let id = query["id"].as_str().expect("an id");
    assert_eq!(site.get(&format!("/v1/queries/{id}")).await.status, 200);
    assert_eq!(problem(&site.call("DELETE", "/v1/documents/doc_0", &[], "").await), (403, "missing_scope".to_owned()));
    assert_eq!(get(&site, "wrong", "/v1/documents").await.status, 401, "a wrong key is no key");

    let root = "a key of the settings";
    let asked = call(&site, root, "POST", "/v1/queries", &ask()).await.json();
    let secret = format!("/v1/queries/{}", asked["id"].as_str().expect("an id"));
    assert_eq!(site.get(&secret).await.status, 404, "what was asked with a key is not public");
    assert_eq!(get(&site, root, &format!("/v1/queries/{id}")).await.status, 200);
}

#[tokio::test]
async fn browsers_ask_before_they_show_a_key() {
    let settings = ApiSettings { open_without_keys: false, ..ApiSettings::default() };
    let site = Site::with(ScriptedGenerator::quoting_the_best_passage(), settings).await;
    let asking = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, content-type"),
    ];
    for path in ["/v1/queries", "/submit_query"] {
        let reply = site.call("OPTIONS", path, &asking, "").await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("access-control-allow-headers"), Some("authorization, content-type"));
        let refused = site.call("POST", path, &[("origin", "https://app.example")], "{}").await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.header("access-control-allow-origin"), Some("*"), "the page can read why");
    }
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_told_when_to_come_back() {
    let rate = NonZeroU32::new(3).map(Rate::per_minute);
    let settings = ApiSettings { rate, ..ApiSettings::default() };
    let site = Site::with(ScriptedGenerator::quoting_the_best_passage(), settings).await;
    let ada = key(&site, 1, &[Scope::Read], &[]).await;
    let bob = key(&site, 2, &[Scope::Read], &[]).await;
    for remaining in ["2", "1", "0"] {
        let reply = get(&site, &ada, "/v1/documents").await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("3"));
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some(remaining));
    }
    let refused = get(&site, &ada, "/v1/documents").await;
    assert_eq!(problem(&refused), (429, "rate_limited".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("20"));
    assert_eq!(refused.header("x-ratelimit-reset-requests"), Some("60s"));
    assert_eq!(get(&site, &bob, "/v1/documents").await.status, 200, "each key has its own");
    assert_eq!(site.get("/healthz").await.status, 200, "what is open is not metered");
    site.house.pass(Duration::from_millis(18_500));
    assert_eq!(get(&site, &ada, "/v1/documents").await.header("retry-after"), Some("2"), "rounded up");
    site.house.pass(Duration::from_millis(1_500));
    assert_eq!(get(&site, &ada, "/v1/documents").await.status, 200);
}

#[tokio::test]
async fn over_the_budget_nothing_is_queued() {
    let caps = Caps { tokens: Some(1_500), money: None };
    let estimate = Spending { tokens: 1_000, money: MicroDollars(10) };
    let budget = Budget { all: Caps::default(), per_key: caps, estimate, ..Budget::default() };
    let settings = Settings { budget, ..Settings::default() };
    let house = House::with_settings(ScriptedGenerator::quoting_the_best_passage(), settings).furnished().await;
    // No worker runs, so what is put aside stays so.
    let site = Site::without_workers(house, ApiSettings::default());
    let ada = key(&site, 1, &[Scope::Read, Scope::Ask], &[]).await;
    let question = json!({"query": "How many days?"});
    assert_eq!(call(&site, &ada, "POST", "/v1/queries", &question).await.status, 202);
    let refused = call(&site, &ada, "POST", "/v1/queries", &question).await;
    assert_eq!(problem(&refused), (429, "budget_exceeded".to_owned()));
    // The house's clock stands at 08:00 UTC.
    assert_eq!(refused.header("retry-after"), Some("57600"));
    let of_the_first = call(&site, &ada, "POST", "/submit_query", &json!({"query_text": "How many days?"})).await;
    assert_eq!((of_the_first.status.as_u16(), of_the_first.header("retry-after")), (429, Some("57600")));
    assert!(of_the_first.json()["detail"].is_string());
    let listed = get(&site, &ada, "/v1/queries").await.json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
}
