//! What people are told when the server is not as it should be; and what is tried again.

use super::proxy::{Fate, Proxy, Request};
use super::server::{Server, settings};
use docent_chroma::{ChromaIndex, Settings, Token};
use docent_core::SearchMode;
use docent_engine::ErrorKind;
use docent_engine::ports::ChunkIndex;
use docent_testkit::chunk_index::{document, fresh_collection, leaning, question};
use std::sync::Mutex;
use std::time::Duration;

fn index(settings: Settings) -> ChromaIndex {
    ChromaIndex::new(settings, None).expect("settings")
}

/// The error of the first thing that anybody asks; its message and hint must hold these words.
async fn refusal(settings: Settings, kind: ErrorKind, words: &[&str]) {
    let error = index(settings).collections().await.expect_err("an error");
    let text = format!("{error} · {}", error.hint_text().unwrap_or_default());
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    refusal(settings(&url), ErrorKind::Unavailable, &["cannot be reached", "chroma run", &url]).await;
}

#[tokio::test]
async fn a_server_of_another_kind_or_age() {
    for (answer, kind, word) in [
        // Chroma before 1.0 has no v2.
        (Fate::Answer(404, "", r#"{"detail":"Not Found"}"#), ErrorKind::Invalid, "Chroma 1.0 or newer"),
        (Fate::Answer(405, "", ""), ErrorKind::Invalid, "Chroma 1.0 or newer"),
        (Fate::Answer(200, "", "<html>"), ErrorKind::Unavailable, "does not speak as a Chroma server"),
        (Fate::Answer(302, "Location: /login\r\n", ""), ErrorKind::Invalid, "status 302"),
    ] {
        let answer = Mutex::new(Some(answer));
        let proxy = Proxy::before(1, move |_| answer.lock().unwrap().take().unwrap_or(Fate::Cut)).await;
        refusal(settings(&proxy.url), kind, &[word]).await;
        assert_eq!(proxy.requests(), 1, "asked once: {word}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_and_one_that_is_not() {
    let Some(server) = Server::start() else { return };
    let gate = |request: &Request| {
        let head = request.text.to_lowercase();
        let knows =
            head.contains("\r\nauthorization: bearer tok-1\r\n") && head.contains("\r\nx-chroma-token: tok-1\r\n");
        if knows { Fate::Pass } else { Fate::Answer(401, "", r#"{"error":"AuthError","message":"Forbidden"}"#) }
    };
    let proxy = Proxy::before(server.chroma.port(), gate).await;
    let with = |token: &str| Settings { token: Some(Token::new(token)), ..settings(&proxy.url) };
    for wrong in [settings(&proxy.url), with("tok-2")] {
        refusal(wrong, ErrorKind::Unauthorized, &["refused the token", "CHROMA_TOKEN"]).await;
    }
    assert!(index(with("tok-1")).collections().await.unwrap().is_empty());
    let unsendable = ChromaIndex::new(with("one\ntwo"), None).err().expect("a refusal");
    assert!(!format!("{unsendable:?}").contains("two"), "{unsendable}");
}

#[tokio::test]
async fn a_tenant_or_database_that_does_not_exist() {
    let Some(server) = Server::start() else { return };
    let here = settings(&server.chroma.url());
    let database = Settings { database: "elsewhere".to_owned(), ..here.clone() };
    refusal(database, ErrorKind::NotFound, &["\"elsewhere\"", "CHROMA_DATABASE"]).await;
    let tenant = Settings { tenant: "strangers".to_owned(), ..here.clone() };
    refusal(tenant, ErrorKind::NotFound, &["\"strangers\"", "CHROMA_TENANT"]).await;

    // One that does exist is a place of its own.
    server.chroma.python(
        "from chromadb import AdminClient, Settings\n\
         AdminClient(Settings(chroma_api_impl='chromadb.api.fastapi.FastAPI', chroma_server_host='127.0.0.1', \
         chroma_server_http_port=given)).create_database('elsewhere')",
        &server.chroma.port().into(),
    );
    let (there, here) = (index(Settings { database: "elsewhere".to_owned(), ..here.clone() }), index(here));
    let name = fresh_collection(&there).await;
    assert!(there.collection(&name).await.unwrap().is_some());
    assert_eq!(here.collection(&name).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let proxy = Proxy::before(1, |_| Fate::Hang).await;
    let hasty = Settings { request_timeout: Duration::from_millis(200), ..settings(&proxy.url) };
    refusal(hasty, ErrorKind::Timeout, &["did not answer in time"]).await;
    assert_eq!(proxy.requests(), 1, "a slow server gets no more of the same");
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let Some(server) = Server::start() else { return };
    let port = server.chroma.port();
    for trouble in ["cut", "busy", "gateway"] {
        let turn = Mutex::new(0_u32);
        let every_other = move |_: &Request| {
            let mut turn = turn.lock().unwrap();
            *turn += 1;
            match trouble {
                _ if turn.is_multiple_of(2) => Fate::Pass,
                "cut" => Fate::Cut,
                "busy" => Fate::Answer(429, "Retry-After: 0\r\n", ""),
                _ => Fate::Answer(503, "", "<html>"),
            }
        };
        let proxy = Proxy::before(port, every_other).await;
        let index = index(settings(&proxy.url));
        let name = fresh_collection(&index).await;
        let vector = leaning(1, 0.5);
        index.upsert(&name, vec![document("a", &["tea"], &vector)]).await.unwrap();
        index.upsert(&name, vec![document("a", &["coffee"], &vector)]).await.unwrap();
        let hits = index.search(&name, &question(SearchMode::Dense, "", vector)).await.unwrap().hits;
        assert_eq!(hits.len(), 1, "{trouble}");
        assert_eq!(index.delete(&name, &["a".to_owned()]).await.unwrap().chunks, 1, "{trouble}");
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_after_three_attempts() {
    for (answer, kind, attempts) in [
        (503, ErrorKind::Unavailable, 3),
        (429, ErrorKind::RateLimited { retry_after: None }, 3),
        (500, ErrorKind::Unavailable, 1),
    ] {
        let proxy = Proxy::before(1, move |_| Fate::Answer(answer, "", r#"{"message":"No space left."}"#)).await;
        refusal(settings(&proxy.url), kind, &[]).await;
        assert_eq!(proxy.requests(), attempts, "{answer}");
    }
    // A pause that is longer than anybody waits is not waited for.
    let proxy = Proxy::before(1, |_| Fate::Answer(429, "Retry-After: 3600\r\n", "")).await;
    let asked = ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(3_600)) };
    refusal(settings(&proxy.url), asked, &["asks for a pause"]).await;
    assert_eq!(proxy.requests(), 1);
}
