//! Files in, jobs that end, files out.

use crate::client::{Reply, Site};
use axum::body::Body;
use axum::http::Request;
use docent_api::{ApiSettings, ServeSettings, serve};
use docent_core::Scope;
use docent_engine::keys::NewKey;
use futures::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LEAVE: &str = "Parental leave is 20 weeks.";

async fn site() -> Site {
    Site::taking_uploads(ApiSettings::default()).await
}

async fn put(site: &Site, path: &str, body: &str) -> Reply {
    site.call("PUT", path, &[], body).await
}

fn problem(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.json()["error"]["code"].as_str().expect("a code").to_owned())
}

fn listed(documents: &Value) -> Vec<(&str, &str)> {
    let entries = documents["data"].as_array().expect("a list");
    let mut listed: Vec<_> = entries
        .iter()
        .map(|entry| (entry["filename"].as_str().expect("a name"), entry["state"].as_str().expect("a state")))
        .collect();
    listed.sort_unstable();
    listed
}

#[tokio::test]
async fn a_file_comes_in_is_asked_about_and_goes_again() {
    let site = site().await;
    let reply = put(&site, "/v1/documents/people/parental%20leave.txt?wait=20", LEAVE).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let job = reply.json();
    assert_eq!((&job["object"], &job["kind"], &job["status"]), (&json!("job"), &json!("upload"), &json!("completed")));
    assert_eq!((&job["report"]["outcome"], &job["report"]["format"]), (&json!("added"), &json!("text")));
    assert_eq!(job["filename"], "people/parental leave.txt");
    let same = site.get(reply.header("location").expect("an address")).await.json();
    assert_eq!(same, job);

    let id = job["document_id"].as_str().expect("an id");
    let document = site.get(&format!("/v1/documents/{id}")).await.json();
    assert_eq!((&document["state"], &document["last_upload"]["job_id"]), (&json!("stored"), &job["id"]));
    let ask = json!({"query": "How long is parental leave?", "wait": 20});
    let answer = site.post("/v1/queries", &ask).await.json();
    assert_eq!(answer["citations"][0]["document_id"], id, "{answer}");
    let page = site.get(&format!("/v1/documents/{id}/pages/1")).await.json();
    assert_eq!(page["text"], LEAVE);

    let original = site.get(document["original"].as_str().expect("an address")).await;
    assert_eq!(original.text, LEAVE);
    let again = put(&site, "/v1/documents/people%2Fparental%20leave.txt?wait=20", LEAVE).await.json();
    assert_eq!((&again["report"]["outcome"], &again["document_id"]), (&json!("unchanged"), &json!(id)));

    let receipt = site.call("DELETE", &format!("/v1/documents/{id}"), &[], "").await;
    assert_eq!(receipt.status, 200, "{}", receipt.text);
    for gone in [format!("/v1/documents/{id}"), format!("/v1/documents/{id}/original")] {
        assert_eq!(problem(&site.get(&gone).await), (404, "not_found".to_owned()));
    }
    let answer = site.post("/v1/queries", &ask).await.json();
    let sources = answer["sources"].as_array().expect("sources");
    assert!(sources.iter().all(|source| source["document_id"] != id), "{answer}");
}

#[tokio::test]
async fn without_waiting_there_is_a_job_to_look_at() {
    let site = site().await;
    let reply = put(&site, "/v1/documents/a.txt", LEAVE).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (202, Some("1")));
    let location = reply.header("location").expect("an address").to_owned();
    let done = site.get(&format!("{location}?wait=20")).await.json();
    assert_eq!(done["report"]["outcome"], "added");
    put(&site, "/v1/documents/b.txt?wait=20", LEAVE).await;
    let first = site.get("/v1/jobs?limit=1").await.json();
    assert_eq!((&first["data"][0]["filename"], &first["has_more"]), (&json!("b.txt"), &json!(true)));
    let after = first["last_id"].as_str().expect("more follow");
    let rest = site.get(&format!("/v1/jobs?limit=1&after={after}")).await.json();
    assert_eq!((&rest["data"][0]["filename"], &rest["has_more"]), (&json!("a.txt"), &json!(false)));
    assert_eq!(problem(&site.get("/v1/jobs/job_0").await).0, 404);
    let settings = site.get("/v1/uploads").await.json();
    assert_eq!((&settings["enabled"], &settings["file_bytes_max"]), (&json!(true), &json!(1_024)));
}

#[tokio::test]
async fn who_asks_for_an_address_gets_the_path_s_own() {
    let site = site().await;
    let ask = async |body: Value| site.post("/v1/uploads", &body).await;
    let address = ask(json!({"path": "people/time off #2.txt", "bytes": LEAVE.len()})).await.json();
    assert_eq!(
        address,
        json!({"object": "upload_address", "method": "PUT", "headers": {}, "expires_at": null, "job": null,
            "url": "/v1/documents/people/time%20off%20%232.txt?collection=default"})
    );
    let url = format!("{}&wait=20", address["url"].as_str().expect("a URL"));
    let job = put(&site, &url, LEAVE).await.json();
    assert_eq!((&job["filename"], &job["report"]["outcome"]), (&json!("people/time off #2.txt"), &json!("added")));
    for (path, bytes, status) in [("a.pages", 1, 415), ("a.txt", 2_000, 413), ("../a.txt", 1, 400), ("", 1, 400)] {
        let refused = ask(json!({"path": path, "bytes": bytes})).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.text);
    }
    let settings = site.get("/v1/uploads").await.json();
    assert_eq!(settings["body_bytes_max"], settings["file_bytes_max"]);
    let nowhere = Site::open().await.post("/v1/uploads", &json!({"path": "a.txt", "bytes": 1})).await;
    assert_eq!(problem(&nowhere), (501, "no_uploads".to_owned()));
}

#[tokio::test]
async fn what_was_refused_is_listed_with_the_reason_until_it_is_deleted() {
    let site = site().await;
    let job = put(&site, "/v1/documents/scan.txt?wait=20", "REFUSE").await.json();
    assert_eq!((&job["status"], &job["report"]["outcome"]), (&json!("completed"), &json!("refused")));
    put(&site, "/v1/documents/good.txt?wait=20", LEAVE).await;
    put(&site, "/v1/documents/good.txt?wait=20", "REFUSE").await;
    let documents = site.get("/v1/documents").await.json();
    let expected =
        [("docs/leave.txt", "stored"), ("docs/sick.txt", "stored"), ("good.txt", "stored"), ("scan.txt", "refused")];
    assert_eq!(listed(&documents), expected);
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = site.get(&format!("/v1/documents?limit=1{after}")).await.json();
        pages.push(page["data"][0]["id"].clone());
        if page["has_more"] == false {
            break;
        }
        after = format!("&after={}", page["last_id"].as_str().expect("more follow"));
    }
    let ids: Vec<_> = documents["data"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect();
    assert_eq!(pages, ids, "page by page they are the same");

    let id = job["document_id"].as_str().expect("an id");
    let entry = site.get(&format!("/v1/documents/{id}")).await.json();
    assert_eq!(entry["last_upload"]["reason"], "corrupt: it says so itself");
    assert_eq!(
        (&entry["format"], &entry["original"], &entry["title"]),
        (&Value::Null, &Value::Null, &json!("scan.txt"))
    );
    let good = documents["data"].as_array().expect("a list").iter().find(|one| one["filename"] == "good.txt");
    let last = &good.expect("listed")["last_upload"];
    assert_eq!((&last["outcome"], &last["reason"]), (&json!("refused"), &json!("corrupt: it says so itself")));

    let receipt = site.call("DELETE", &format!("/v1/documents/{id}"), &[], "").await.json();
    assert_eq!((&receipt["documents"], &receipt["chunks"]), (&json!([id]), &json!(0)));
    assert_eq!(problem(&site.call("DELETE", &format!("/v1/documents/{id}"), &[], "").await).0, 404);
    assert_eq!(listed(&site.get("/v1/documents").await.json()).len(), 3);
}

#[tokio::test]
async fn names_that_are_refused() {
    let site = site().await;
    let long = "x".repeat(300);
    let deep = "a/".repeat(600);
    for (path, said) in [
        ("..", "`.` or `..`"),
        ("%2e%2e", "`.` or `..`"),
        ("people/%2e%2e/leave.txt", "`.` or `..`"),
        ("people/..%2F..%2Fleave.txt", "`.` or `..`"),
        ("a/pages/../b.txt", "`.` or `..`"),
        ("%2Fetc%2Fpasswd", "empty part"),
        ("people//leave.txt", "empty part"),
        ("people/leave.txt/", "empty part"),
        ("people%5C..%5Cleave.txt", "a slash"),
        ("leave%00.txt", "cannot be seen"),
        ("leave%0D%0AX-Header:%20x.txt", "cannot be seen"),
        ("leave%E2%80%AEtxt.exe.txt", "cannot be seen"),
        ("leave%FF.txt", "percent-encoded UTF-8"),
        (&long, "more than 255 bytes"),
        (&format!("{deep}leave.txt"), "more than 1,024 bytes"),
    ] {
        let reply = put(&site, &format!("/v1/documents/{path}"), LEAVE).await;
        let error = reply.json()["error"].clone();
        assert_eq!((reply.status.as_u16(), &error["param"]), (400, &json!("path")), "{path}: {error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(said)), "{path}: {error}");
    }
    // Names that only look like other addresses are names.
    for path in ["a/original", "a/pages/3", "a/pages/3/b.txt", "pages/x/y/z.txt", "100%25.txt", "%252e%252e.txt"] {
        let reply = put(&site, &format!("/v1/documents/{path}?wait=20"), LEAVE).await;
        assert_eq!(reply.json()["report"]["outcome"], "added", "{path}: {}", reply.text);
    }
    assert_eq!(problem(&put(&site, "/v1/documents/a.txt?collection=../x", LEAVE).await).0, 400);
    assert_eq!(problem(&put(&site, "/v1/documents/a.txt?colour=red", LEAVE).await).0, 400);
    assert_eq!(site.house.incoming(), Vec::<String>::new());
}

#[tokio::test]
async fn files_that_are_not_accepted_leave_nothing() {
    let site = site().await;
    let large = "x".repeat(1_025);
    for (path, body, expected) in [
        ("letter.pages", LEAVE, (415, "unsupported")),
        ("a.txt", "%PDF-1.7", (422, "corrupt")),
        ("a.txt", &large, (413, "too_large")),
    ] {
        let reply = put(&site, &format!("/v1/documents/{path}"), body).await;
        assert_eq!(problem(&reply), (expected.0, expected.1.to_owned()), "{path}");
    }
    let announced = [("content-length", "5000000000")];
    let reply = site.call("PUT", "/v1/documents/a.txt", &announced, "x").await;
    assert_eq!(problem(&reply).0, 413, "before it is read");
    let pieces = stream::iter((0..100).map(|_| Ok::<_, std::io::Error>("x".repeat(100))));
    let request = Request::put("/v1/documents/a.txt").body(Body::from_stream(pieces)).expect("a request");
    assert_eq!(problem(&site.send(request).await).0, 413, "without a length, too");
    assert_eq!(site.house.incoming(), Vec::<String>::new());
    assert_eq!(site.get("/v1/jobs").await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_client_that_hangs_up_has_sent_nothing() {
    let site = site().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener, site.router.clone(), std::future::pending(), ServeSettings::default()));
    for framing in ["content-length: 1000\r\n\r\nParental", "transfer-encoding: chunked\r\n\r\n8\r\nParental\r\n"] {
        let mut connection = TcpStream::connect(address).await.expect("connected");
        let head = format!("PUT /v1/documents/a.txt HTTP/1.1\r\nhost: x\r\n{framing}");
        connection.write_all(head.as_bytes()).await.expect("written");
        while site.house.incoming().is_empty() {
            tokio::task::yield_now().await;
        }
        connection.shutdown().await.expect("hung up");
        let mut answer = String::new();
        let _closed = connection.read_to_string(&mut answer).await;
        while !site.house.incoming().is_empty() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(site.get("/v1/jobs").await.json()["data"], json!([]));
}

#[tokio::test]
async fn an_original_never_runs_in_a_browser() {
    let site = site().await;
    let page = "<!doctype html><script>alert(document.domain)</script> Parental leave is 20 weeks.";
    let job = put(&site, "/v1/documents/R%C3%A9sum%C3%A9%20%22x%22.html?wait=20", page).await.json();
    let id = job["document_id"].as_str().expect("an id");
    let original = site.get(&format!("/v1/documents/{id}/original")).await;
    assert_eq!((original.status.as_u16(), original.text.as_str()), (200, page));
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-disposition", "attachment; filename*=UTF-8''R%C3%A9sum%C3%A9%20%22x%22%2Ehtml"),
        ("content-length", &page.len().to_string()),
        ("cache-control", "private, no-store"),
    ] {
        assert_eq!(original.header(name), Some(value), "{name}");
    }
    let documents = site.get("/v1/documents").await.json();
    let ingested = documents["data"].as_array().expect("a list").iter().find(|one| one["filename"] == "docs/leave.txt");
    let ingested = ingested.expect("listed");
    assert_eq!((&ingested["original"], &ingested["last_upload"]), (&Value::Null, &Value::Null));
    let id = ingested["id"].as_str().expect("an id");
    assert_eq!(problem(&site.get(&format!("/v1/documents/{id}/original")).await).0, 404);
}

#[tokio::test]
async fn a_key_uploads_with_its_scope_into_its_collections() {
    let site = site().await;
    let mut keys = Vec::new();
    for (number, scope, collection) in
        [(1, Scope::Write, "people"), (2, Scope::Read, "people"), (3, Scope::Write, "product")]
    {
        let wanted = NewKey {
            name: format!("key {number}"),
            scopes: [scope].into(),
            collections: Some([collection.to_owned()].into()),
            lifetime: None,
        };
        let (_, secret) = site.house.engine.create_key(wanted, [number; 32]).await.expect("made");
        keys.push(format!("Bearer {}", secret.expose()));
    }
    let call = async |key: usize, method: &str, path: &str| {
        site.call(method, path, &[("authorization", &keys[key])], if method == "PUT" { LEAVE } else { "" }).await
    };
    assert_eq!(problem(&call(1, "PUT", "/v1/documents/a.txt").await), (403, "missing_scope".to_owned()));
    assert_eq!(problem(&call(2, "PUT", "/v1/documents/a.txt?collection=people").await).0, 404);
    let job = call(0, "PUT", "/v1/documents/a.txt?wait=20").await.json();
    assert_eq!((&job["collection"], &job["report"]["outcome"]), (&json!("people"), &json!("added")), "{job}");
    let address = format!("/v1/jobs/{}", job["id"].as_str().expect("an id"));
    for (key, status) in [(0, 200), (1, 200), (2, 404)] {
        assert_eq!(call(key, "GET", &address).await.status.as_u16(), status, "key {key}");
    }
    assert_eq!(problem(&site.call("PUT", "/v1/documents/a.txt", &[], LEAVE).await).0, 401);
}

#[tokio::test]
async fn a_server_of_an_index_that_is_made_elsewhere_says_so() {
    let site = Site::open().await;
    let reply = put(&site, "/v1/documents/a.txt", LEAVE).await;
    assert_eq!(problem(&reply), (501, "no_uploads".to_owned()));
    assert!(reply.json()["error"]["hint"].as_str().is_some_and(|hint| hint.contains("docent publish")));
    assert_eq!(problem(&site.get("/v1/jobs").await).0, 501);
    assert_eq!(site.get("/v1/uploads").await.json()["enabled"], false);
    assert_eq!(listed(&site.get("/v1/documents").await.json()).len(), 2);
}
