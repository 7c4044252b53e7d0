//! What the routes of `/v1` answer.

use crate::client::{Reply, Site};
use docent_api::ApiSettings;
use docent_testkit::provider::{ScriptedGenerator, Step};
use serde_json::{Value, json};

fn problem(reply: &Reply) -> (u16, String, Value) {
    let body = reply.json();
    assert_eq!(body["request_id"].as_str(), reply.header("x-request-id"), "{body}");
    let code = body["error"]["code"].as_str().expect("a code").to_owned();
    (reply.status.as_u16(), code, body["error"]["param"].clone())
}

#[tokio::test]
async fn an_answer_within_the_wait() {
    let site = Site::open().await;
    let ask = json!({"query": "How many days of annual leave?", "wait": 20, "metadata": {"team": "blue"}});
    let reply = site.post("/v1/queries", &ask).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let query = reply.json();
    assert_eq!(
        (&query["status"], &query["outcome"], &query["object"]),
        (&json!("completed"), &json!("answered"), &json!("query"))
    );
    assert_eq!(
        (&query["metadata"]["team"], &query["cost"]["usd"], &query["attempt"]),
        (&json!("blue"), &Value::Null, &json!(1))
    );
    assert!(query["created_at"].as_str().is_some_and(|at| at.ends_with('Z')));
    let citation = &query["citations"][0];
    assert_eq!(citation["cited_text"], "Annual leave is 25 days. It is requested two weeks ahead");
    assert_eq!((&citation["verification"], &citation["filename"]), (&json!("verified"), &json!("docs/leave.txt")));

    let document = citation["document_id"].as_str().expect("an id");
    let page = site.get(&format!("/v1/documents/{document}/pages/{}", citation["page_place"])).await.json();
    let range = citation["start_char_index"].as_u64().expect("a number") as usize
        ..citation["end_char_index"].as_u64().expect("a number") as usize;
    let there: String = page["text"].as_str().expect("text").chars().skip(range.start).take(range.len()).collect();
    assert_eq!(there, citation["cited_text"], "offsets point at the quote");

    let id = query["id"].as_str().expect("an id");
    let trace = site.get(&format!("/v1/queries/{id}/trace")).await.json();
    assert_eq!(trace["candidates"][0]["fate"], "used");
    assert_eq!(site.post(&format!("/v1/queries/{id}/feedback"), &json!({"helpful": true})).await.status, 204);
    assert_eq!(site.call("DELETE", &format!("/v1/queries/{id}"), &[], "").await.status, 204);
    assert_eq!(site.get(&format!("/v1/queries/{id}")).await.status, 404);
}

#[tokio::test]
async fn without_waiting_there_is_an_address_to_look_at() {
    let site = Site::open().await;
    let reply = site.post("/v1/queries", &json!({"query": "How many days?"})).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (202, Some("1")));
    let location = reply.header("location").expect("a location").to_owned();
    let done = site.get(&format!("{location}?wait=20")).await.json();
    assert_eq!(done["status"], "completed");
}

#[tokio::test]
async fn requests_that_are_refused() {
    let site = Site::open().await;
    let long = "x".repeat(2_001);
    let rows = [
        (json!({"query": ""}), 400, "invalid", Value::Null),
        (json!({"query": long}), 400, "invalid", Value::Null),
        (json!({}), 400, "invalid", json!("query")),
        (json!({"query": "x", "colour": "red"}), 400, "invalid", json!("colour")),
        (json!({"query": 5}), 400, "invalid", Value::Null),
        (json!({"query": "x", "wait": 61}), 400, "invalid", json!("wait")),
        (json!({"query": "x", "top_k": 0}), 400, "invalid", Value::Null),
        (json!({"query": "x", "collection": "attic"}), 404, "not_found", Value::Null),
        (json!({"query": "x", "previous_query_id": "qry_0"}), 404, "not_found", json!("previous_query_id")),
    ];
    for (body, status, code, param) in rows {
        let reply = site.post("/v1/queries", &body).await;
        assert_eq!(problem(&reply), (status, code.to_owned(), param), "{body}");
        assert!(reply.json()["error"]["hint"].is_string() || status == 400, "{body}");
    }
    assert_eq!(problem(&site.call("POST", "/v1/queries", &[], "{bad").await).0, 400);
    let too_large = "x".repeat(1_100_000);
    assert_eq!(problem(&site.call("POST", "/v1/queries", &[], &too_large).await).0, 413);
    assert_eq!(problem(&site.get("/v1/nowhere").await).0, 404);
    assert_eq!(problem(&site.get("/v1/documents/doc_0").await).0, 404);
    assert_eq!(problem(&site.get("/v1/documents?limit=0").await), (400, "invalid".to_owned(), json!("limit")));
    let wrong_method = site.call("PUT", "/v1/queries", &[], "").await;
    assert_eq!(problem(&wrong_method).0, 405);
    let allowed = wrong_method.header("allow").expect("an allow header");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn one_key_one_query_also_in_a_race() {
    let site = Site::open().await;
    let ask = json!({"query": "How many days?"}).to_string();
    let key = [("idempotency-key", "k-1"), ("content-type", "application/json")];
    let (a, b) =
        tokio::join!(site.call("POST", "/v1/queries", &key, &ask), site.call("POST", "/v1/queries", &key, &ask));
    assert_eq!(a.json()["id"], b.json()["id"]);
    let other = json!({"query": "Something else?"}).to_string();
    assert_eq!(problem(&site.call("POST", "/v1/queries", &key, &other).await).0, 409);
    let bad = [("idempotency-key", "")];
    assert_eq!(problem(&site.call("POST", "/v1/queries", &bad, &ask).await).2, json!("Idempotency-Key"));
}

#[tokio::test]
async fn cancelled_while_a_model_thinks() {
    let site = Site::with(ScriptedGenerator::new(|_, _| vec![Step::Hang]), ApiSettings::default()).await;
    let id = site.post("/v1/queries", &json!({"query": "How many days?"})).await.json()["id"].clone();
    let id = id.as_str().expect("an id");
    let cancelled = site.call("POST", &format!("/v1/queries/{id}/cancel"), &[], "").await.json();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(site.get(&format!("/v1/queries/{id}?wait=1")).await.json()["status"], "cancelled");
}

#[tokio::test]
async fn queries_are_listed_newest_first_page_by_page() {
    let site = Site::open().await;
    let mut asked = Vec::new();
    for n in 0..5 {
        let body = json!({"query": format!("Question {n}?"), "user_id": "ada"});
        asked.push(site.post("/v1/queries", &body).await.json()["id"].clone());
    }
    asked.reverse();
    let first = site.get("/v1/queries?user_id=ada&limit=3").await.json();
    let after = first["last_id"].as_str().expect("more follow");
    let rest = site.get(&format!("/v1/queries?user_id=ada&limit=3&after={after}")).await.json();
    assert_eq!((&first["has_more"], &rest["has_more"]), (&json!(true), &json!(false)));
    let listed: Vec<Value> = [&first, &rest]
        .iter()
        .flat_map(|part| part["data"].as_array().expect("a list"))
        .map(|q| q["id"].clone())
        .collect();
    assert_eq!(listed, asked);
}

#[tokio::test]
async fn search_documents_and_collections() {
    let site = Site::open().await;
    let found =
        site.post("/v1/search", &json!({"query": "sick leave", "mode": "bm25", "max_num_results": 1})).await.json();
    assert_eq!(found["data"][0]["filename"], "docs/sick.txt");
    assert!(found["data"][0]["bm25"].as_f64().is_some_and(|score| score > 0.0));
    let filter = json!({"query": "leave", "filters": {"type": "eq", "key": "filename", "value": "docs/leave.txt"}});
    let filtered = site.post("/v1/search", &filter).await.json();
    assert_eq!(filtered["data"].as_array().map(Vec::len), Some(1));
    let unknown_key = json!({"query": "leave", "filters": {"type": "eq", "key": "colour", "value": "red"}});
    assert_eq!(problem(&site.post("/v1/search", &unknown_key).await).0, 400);

    let documents = site.get("/v1/documents").await.json();
    assert_eq!(documents["data"].as_array().map(Vec::len), Some(2));
    let id = documents["data"][0]["id"].as_str().expect("an id");
    assert_eq!(site.get(&format!("/v1/documents/{id}")).await.json()["id"], id);
    let receipt = site.call("DELETE", &format!("/v1/documents/{id}"), &[], "").await.json();
    assert_eq!(receipt["documents"], json!([id]));
    assert_eq!(site.get("/v1/collections/default").await.json()["documents"], 1);
    assert_eq!(site.get("/v1/collections").await.json()["data"][0]["name"], "default");
    assert_eq!(site.call("DELETE", "/v1/collections/default", &[], "").await.status, 204);
    assert_eq!(problem(&site.get("/v1/collections/default").await).0, 404);
}

/// Marked first; a second delete of what is gone still erases, so that nobody has to know beforehand.
#[tokio::test]
async fn a_delete_reaches_the_answers() {
    let site = Site::open().await;
    let ask = json!({"query": "How many days of annual leave?", "wait": 20});
    let query = site.post("/v1/queries", &ask).await.json();
    let (id, document) = (query["id"].as_str().expect("an id"), query["citations"][0]["document_id"].clone());
    let place = format!("/v1/documents/{}", document.as_str().expect("an id"));
    assert_eq!(query["citations"][0].get("source_deleted"), None);

    let receipt = site.call("DELETE", &place, &[], "").await.json();
    assert_eq!((&receipt["answers"], &receipt["answers_erased"]), (&json!(1), &json!(false)), "{receipt}");
    assert_ne!(receipt["removed_from"], receipt["generation"]);
    let marked = site.get(&format!("/v1/queries/{id}")).await.json();
    assert_eq!((&marked["citations"][0]["source_deleted"], &marked["answer"]), (&json!(true), &query["answer"]));

    let receipt = site.call("DELETE", &format!("{place}?erase=true"), &[], "").await.json();
    assert_eq!((&receipt["answers"], &receipt["answers_erased"]), (&json!(1), &json!(true)), "{receipt}");
    let erased = site.get(&format!("/v1/queries/{id}")).await;
    assert!(!erased.text.contains("25 days"), "{}", erased.text);
    assert_eq!((&erased.json()["answer_erased"], &erased.json()["query"]), (&json!(true), &query["query"]));
    assert_eq!(site.get(&format!("/v1/queries/{id}/trace")).await.status, 404);
    assert_eq!(site.call("DELETE", &place, &[], "").await.status, 404);
}

#[tokio::test]
async fn a_key_is_asked_for_where_one_is_set() {
    let settings = ApiSettings { api_keys: vec!["first".to_owned(), "second".to_owned()], ..ApiSettings::default() };
    let site = Site::with(ScriptedGenerator::quoting_the_best_passage(), settings).await;
    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", "Bearer wrong")], 401),
        (vec![("authorization", "second")], 401),
        (vec![("authorization", "Bearer second")], 200),
    ] {
        for path in ["/v1/documents", "/list_query?user_id=x"] {
            let reply = site.call("GET", path, &headers, "").await;
            assert_eq!(reply.status.as_u16(), status, "{path} {headers:?}");
        }
    }
    assert_eq!(site.get("/v1/documents").await.header("www-authenticate"), Some("Bearer"));
    for open in ["/healthz", "/readyz", "/openapi.json", "/docs"] {
        assert_eq!(site.get(open).await.status, 200, "{open}");
    }
}

#[tokio::test]
async fn the_description_names_every_route() {
    let site = Site::open().await;
    let description = site.get("/openapi.json").await.json();
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let mut operations = 0;
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let filled = path.replace("{id}", "x").replace("{name}", "x").replace("{place}", "1");
            let reply = site.call(&method.to_uppercase(), &filled, &[], "").await;
            assert_ne!(reply.status, 405, "{method} {path} is described but not there");
            operations += 1;
        }
    }
    assert_eq!(operations, 31);
    let open = ["/", "/healthz", "/readyz"];
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for operation in methods.as_object().expect("methods").values() {
            let is_open = open.contains(&path.as_str());
            assert_eq!(operation["security"].is_null(), is_open, "{path} says which scopes it needs");
            for status in ["401", "403", "429"] {
                assert_eq!(operation["responses"][status].is_null(), is_open, "{path} {status}");
            }
        }
    }
    assert_eq!(description["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(description["paths"]["/v1/queries"]["post"]["security"], json!([{"bearer": ["ask"]}]));
    for (path, method, id) in [
        ("/", "get", "index__get"),
        ("/submit_query", "post", "submit_query_endpoint_submit_query_post"),
        ("/get_query", "get", "get_query_endpoint_get_query_get"),
        ("/list_query", "get", "list_query_endpoint_list_query_get"),
    ] {
        assert_eq!(description["paths"][path][method]["operationId"], id);
    }
    let page = site.get("/docs").await;
    assert!(
        !page.text.contains("https://") && page.header("content-security-policy").is_some(),
        "no script from elsewhere"
    );
}

#[tokio::test]
async fn request_ids_are_taken_over_when_they_are_sane() {
    let site = Site::open().await;
    let given = site.call("GET", "/v1/nowhere", &[("x-request-id", "abc-1")], "").await;
    assert_eq!(given.header("x-request-id"), Some("abc-1"));
    let made = site.call("GET", "/v1/nowhere", &[("x-request-id", "a b")], "").await;
    assert!(made.header("x-request-id").is_some_and(|id| id.starts_with("req_")));
}
