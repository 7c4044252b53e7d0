//! The contract of the first system, row by row as it was observed.

use crate::client::Site;
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn check(
    site: &Site,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
    status: u16,
    expect: Value,
) {
    let reply = site.call(method, path, headers, body).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (status, expect), "{method} {path} {body}");
}

fn missing(place: Value, input: Value) -> Value {
    json!({"detail": [{"type": "missing", "loc": place, "msg": "Field required", "input": input}]})
}

fn not_a_string(field: &str, input: Value) -> Value {
    json!({"type": "string_type", "loc": ["body", field], "msg": "Input should be a valid string", "input": input})
}

#[tokio::test]
async fn bodies_that_cannot_be_right() {
    let site = Site::open().await;
    let no_object = |input: Value| {
        let message = "Input should be a valid dictionary or object to extract fields from";
        json!({"detail": [{"type": "model_attributes_type", "loc": ["body"], "msg": message, "input": input}]})
    };
    let submit = |headers, body, status, expect| check(&site, "POST", "/submit_query", headers, body, status, expect);
    let long = json!({"query_text": "ä".repeat(2_001)}).to_string();
    submit(&[JSON], &long, 400, json!({"detail": "Query is too long. Max character limit is 2000"})).await;
    submit(&[JSON], r#"{"user_id": "u"}"#, 422, missing(json!(["body", "query_text"]), json!({"user_id": "u"}))).await;
    for wrong in [json!(5), json!(null), json!(["x"]), json!({"a": 1}), json!(true)] {
        let body = json!({"query_text": wrong}).to_string();
        let expect = json!({"detail": [not_a_string("query_text", wrong)]});
        check(&site, "POST", "/submit_query", &[JSON], &body, 422, expect).await;
    }
    let both = json!({"detail": [not_a_string("query_text", json!(1)), not_a_string("user_id", json!(2))]});
    submit(&[JSON], r#"{"query_text": 1, "user_id": 2}"#, 422, both).await;
    submit(&[JSON], "", 422, missing(json!(["body"]), Value::Null)).await;
    let broken = json!({"detail": [{"type": "json_invalid", "loc": ["body", 1], "msg": "JSON decode error", "input": {},
        "ctx": {"error": "Expecting property name enclosed in double quotes"}}]});
    submit(&[JSON], "{bad", 422, broken).await;
    submit(&[JSON], "[1]", 422, no_object(json!([1]))).await;
    let text = r#"{"query_text": "x"}"#;
    submit(&[("content-type", "text/plain")], text, 422, no_object(json!(text))).await;
}

#[tokio::test]
async fn parameters_paths_and_methods() {
    let site = Site::open().await;
    let none = &[];
    check(&site, "GET", "/get_query", none, "", 422, missing(json!(["query", "query_id"]), Value::Null)).await;
    check(&site, "GET", "/list_query", none, "", 422, missing(json!(["query", "user_id"]), Value::Null)).await;
    check(&site, "GET", "/get_query?query_id=x", none, "", 404, json!({"detail": "Query Not Found: x"})).await;
    check(&site, "GET", "/get_query?query_id=", none, "", 404, json!({"detail": "Query Not Found: "})).await;
    check(&site, "GET", "/get_query?query_id=a&query_id=b", none, "", 404, json!({"detail": "Query Not Found: b"}))
        .await;
    check(&site, "GET", "/list_query?user_id=stranger", none, "", 200, json!([])).await;
    check(&site, "GET", "/nowhere", none, "", 404, json!({"detail": "Not Found"})).await;
    check(&site, "GET", "/", none, "", 200, json!({"Hello": "World"})).await;
    check(&site, "GET", "/", &[("accept", "*/*")], "", 200, json!({"Hello": "World"})).await;
    for (method, path, allow) in [
        ("GET", "/submit_query", "POST"),
        ("POST", "/get_query", "GET"),
        ("DELETE", "/list_query", "GET"),
        ("OPTIONS", "/submit_query", "POST"),
    ] {
        let reply = site.call(method, path, &[], "").await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some(allow)), "{method} {path}");
        assert_eq!(reply.json(), json!({"detail": "Method Not Allowed"}));
    }
    assert_eq!(site.call("HEAD", "/get_query?query_id=x", &[], "").await.status, 405);
    let moved = site.get("/get_query/?query_id=x").await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (307, Some("/get_query?query_id=x")));
    let page = site.call("GET", "/", &[("accept", "text/html,*/*;q=0.8")], "").await;
    assert!(page.text.contains("<title>Docent</title>"));
}

#[tokio::test]
async fn pages_of_other_origins_may_call() {
    let site = Site::open().await;
    let asking = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let reply = site.call("OPTIONS", "/submit_query", &asking, "").await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "OK"));
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-allow-methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ("access-control-allow-headers", "content-type"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    let plain = site.call("GET", "/get_query?query_id=x", &[("origin", "https://app.example")], "").await;
    assert_eq!(plain.header("access-control-allow-origin"), Some("*"));
    assert_eq!(plain.header("access-control-allow-credentials"), Some("true"));
}

#[tokio::test]
async fn asked_answered_and_listed() {
    let site = Site::open().await;
    let asked =
        site.post("/submit_query", &json!({"query_text": "How long is annual leave?", "user_id": "ada", "x": 1})).await;
    assert_eq!(asked.status, 200);
    let keys = ["query_id", "user_id", "create_time", "ttl", "query_text", "answer_text", "sources", "is_complete"];
    let places: Vec<_> = keys.iter().map(|key| asked.text.find(&format!("\"{key}\""))).collect();
    assert!(
        places.is_sorted() && places[0].is_some(),
        "the order of the fields is part of the contract: {}",
        asked.text
    );
    let item = asked.json();
    assert_eq!(
        (&item["user_id"], &item["answer_text"], &item["is_complete"]),
        (&json!("ada"), &Value::Null, &json!(false))
    );
    assert_eq!(item["ttl"].as_i64().expect("a number") - item["create_time"].as_i64().expect("a number"), 15_552_000);
    let id = item["query_id"].as_str().expect("an id");
    assert_eq!(id.len(), 32);

    site.get(&format!("/v1/queries/{id}?wait=20")).await;
    let done = site.get(&format!("/get_query?query_id={id}")).await.json();
    assert_eq!(done["is_complete"], json!(true));
    assert_eq!(done["answer_text"], "Annual leave is 25 days. It is requested two weeks ahead.");
    assert!(done["sources"].as_array().is_some_and(|sources| !sources.is_empty()));
    let second = site.post("/submit_query", &json!({"query_text": "And sick leave?", "user_id": "ada"})).await.json();
    let listed = site.get("/list_query?user_id=ada").await.json();
    assert_eq!((&listed[0]["query_id"], &listed[1]["query_id"]), (&second["query_id"], &item["query_id"]));
}

#[tokio::test]
async fn users_without_a_name_and_questions_without_words() {
    let site = Site::open().await;
    for body in [
        json!({"query_text": "x"}),
        json!({"query_text": "x", "user_id": null}),
        json!({"query_text": "x", "user_id": ""}),
    ] {
        assert_eq!(site.post("/submit_query", &body).await.json()["user_id"], "nobody");
    }
    let empty = site.post("/submit_query", &json!({"query_text": ""})).await;
    assert_eq!(empty.status, 200);
    assert_eq!(empty.json()["is_complete"], json!(true), "the first system never completed it");
    assert_eq!(empty.json()["answer_text"], "This question could not be answered: it is empty.");
}
