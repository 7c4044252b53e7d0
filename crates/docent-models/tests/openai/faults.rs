//! What goes wrong outside: which faults are tried again, how each ends, and what is said about it.

use crate::scripted::{
    ANSWER, Act, FIRST, SECOND, STREAM, Scripted, ask, body, completion, ending, event, pieces, question, refusal,
    settings, streamed, whole,
};
use docent_engine::ErrorKind;
use docent_engine::ports::GenerateRequest;
use docent_models::openai::{OpenAiGenerator, OpenAiSettings};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

fn hang() -> Act {
    Act::Hang(Arc::new(Semaphore::new(0)))
}

fn send(text: impl Into<String>) -> Act {
    Act::Send(text.into().into_bytes())
}

#[tokio::test]
async fn what_may_pass_is_tried_again_before_the_first_statement() {
    let json = "content-type: application/json\r\n";
    let half = &ANSWER[..60];
    let length = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{\"choices\":";
    let overloaded = "data: {\"error\":{\"message\":\"overloaded\",\"code\":529}}\n\n";
    for (fault, answer) in [
        ("500", refusal("500 Internal Server Error", "server_error", "oops")),
        ("502 in HTML", whole("502 Bad Gateway", "content-type: text/html\r\n", "<h1>Bad gateway</h1>")),
        ("503 with a pause", whole("503 Service Unavailable", "retry-after: 0\r\n", "")),
        ("408", whole("408 Request Timeout", "", "")),
        ("429", refusal("429 Too Many Requests", "rate_limit_error", "slow down")),
        ("429 with a pause", whole("429 Too Many Requests", "retry-after-ms: 3\r\n", "")),
        ("a pause until a date", whole("429 Too Many Requests", DATES, "")),
        ("a page instead of an answer", whole("200 OK", "content-type: text/html\r\n", "<h1>Welcome</h1>")),
        ("malformed JSON", whole("200 OK", json, "{malformed json: <<<")),
        ("JSON that is cut off", whole("200 OK", json, &completion(ANSWER, "stop").to_string()[..90])),
        ("a body that is cut off", vec![send(length), Act::Close]),
        ("no completion", whole("200 OK", json, "{}")),
        ("an empty answer", body(&completion("", "stop"))),
        ("JSON of another form", body(&completion(r#"{"answer":"25 days"}"#, "stop"))),
        ("JSON that the model left open", body(&completion(half, "stop"))),
        ("a malformed event", vec![send(format!("{STREAM}data: {{\"choices\":[{{\"del\n\n")), Act::Close]),
        ("an error amid the stream", vec![send(format!("{STREAM}{}{overloaded}", pieces(half, 5))), Act::Close]),
        ("a stream that breaks off", vec![send(format!("{STREAM}{}", pieces(half, 5))), Act::Close]),
        ("a stream without anything", vec![send(STREAM), Act::Close]),
        ("prose that breaks off", vec![send(format!("{STREAM}{}", pieces("It is 25 days. And", 5))), Act::Close]),
        ("no answer at all", vec![Act::Close]),
        ("half a head", vec![send("HTTP/1.1 200 OK\r\nconte"), Act::Close]),
        ("not HTTP", vec![send("SSH-2.0-OpenSSH_9.9\r\n"), Act::Close]),
        ("silence", vec![hang()]),
        ("silence in the head", vec![send("HTTP/1.1 200 OK\r\nconte"), hang()]),
        ("silence before the first event", vec![send(STREAM), hang()]),
        ("silence amid the stream", vec![send(format!("{STREAM}{}", pieces(half, 5))), hang()]),
    ] {
        let endpoint = Scripted::answering([answer.clone(), answer, streamed(ANSWER)]).await;
        let impatient = OpenAiSettings { idle_timeout: Duration::from_millis(100), ..endpoint.settings() };
        let came = ask(&OpenAiGenerator::new(impatient).unwrap(), question()).await;
        assert_eq!(came.texts(), [FIRST, SECOND], "{fault}: {:?}", came.error);
        assert!(came.error.is_none() && came.done.is_some(), "{fault}");
        assert_eq!(endpoint.requests().len(), 3, "{fault}");
    }
}

const DATES: &str = "date: Mon, 23 Nov 2026 10:00:00 GMT\r\nretry-after: Mon, 23 Nov 2026 10:00:00 GMT\r\n";

#[tokio::test]
async fn what_cannot_pass_is_said_at_once_with_what_to_do() {
    let refused = format!("{STREAM}{}{}", event(&json!({"refusal": "I will not say that."}), None), ending("stop"));
    for (answer, kind, says, hint) in [
        (
            refusal("401 Unauthorized", "invalid_api_key", "bad sk-very-secret"),
            "upstream_unauthorized",
            "bad ***",
            "OPENAI_API_KEY",
        ),
        (refusal("403 Forbidden", "x", "not this model"), "upstream_unauthorized", "not this model", "OPENAI_API_KEY"),
        (refusal("404 Not Found", "model_not_found", "no such"), "not_found", "gpt-4o-mini", "/v1/models"),
        (refusal("400 Bad Request", "x", "odd."), "invalid", "400 Bad Request: odd", "settings"),
        (refusal("400 Bad Request", "context_length_exceeded", "long"), "invalid", "too long", "top_k"),
        (refusal("429 Too Many Requests", "insufficient_quota", "pay"), "upstream_unauthorized", "quota", "credit"),
        (whole("302 Found", "location: https://elsewhere.invalid/\r\n", ""), "invalid", "302", "OPENAI_BASE_URL"),
        (whole("405 Method Not Allowed", "", ""), "invalid", "405", "OPENAI_BASE_URL"),
        (body(&completion("", "length")), "invalid", "used up its tokens", "max_output_tokens"),
        (body(&completion("I", "content_filter")), "invalid", "content filter", "other words"),
        (vec![send(refused), Act::Close], "invalid", "refused to answer", "other words"),
    ] {
        let endpoint = Scripted::answering([answer]).await;
        let came = ask(&endpoint.generator(), question()).await;
        let error = came.error.unwrap_or_else(|| panic!("no error where {says}"));
        assert_eq!(error.kind().as_str(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.hint_text().is_some_and(|text| text.contains(hint)), "{error}: {:?}", error.hint_text());
        assert_eq!((came.statements.len(), endpoint.requests().len()), (0, 1), "{error}");
        for secret in ["sk-very-secret", "annual leave", "I will not"] {
            assert!(!format!("{error:?}").contains(secret), "{error:?}");
        }
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_with_the_attempts() {
    for (answer, kind) in [
        (refusal("500 Internal Server Error", "server_error", "oops"), ErrorKind::Unavailable),
        (whole("429 Too Many Requests", "", ""), ErrorKind::RateLimited { retry_after: None }),
        (
            whole("429 Too Many Requests", "retry-after: 0\r\n", ""),
            ErrorKind::RateLimited { retry_after: Some(Duration::ZERO) },
        ),
        (vec![Act::Close], ErrorKind::Unavailable),
        (vec![send(format!("{STREAM}{}", pieces(&ANSWER[..60], 5))), Act::Close], ErrorKind::Unavailable),
        (vec![hang()], ErrorKind::Timeout),
    ] {
        let endpoint = Scripted::answering([answer]).await;
        let impatient = OpenAiSettings { idle_timeout: Duration::from_millis(100), ..endpoint.settings() };
        let error = ask(&OpenAiGenerator::new(impatient).unwrap(), question()).await.error.expect("an error");
        assert_eq!((error.kind(), endpoint.requests().len()), (kind, 3), "{error}");
        assert!(error.is_retryable() && error.hint_text().is_some(), "{error}");
    }
}

#[tokio::test]
async fn no_pause_goes_beyond_the_time_limit() {
    let pause = || whole("429 Too Many Requests", "retry-after: 1\r\n", "");
    for (limit, requests) in [(Duration::from_millis(900), 1), (Duration::from_secs(60), 2)] {
        let endpoint = Scripted::answering([pause(), streamed(ANSWER)]).await;
        let came = ask(&endpoint.generator(), GenerateRequest { time_limit: limit, ..question() }).await;
        assert_eq!(endpoint.requests().len(), requests, "{limit:?}");
        let retry_after = Some(Duration::from_secs(1));
        let refused = came.error.map(|error| error.kind());
        assert_eq!(refused, (requests == 1).then_some(ErrorKind::RateLimited { retry_after }));
    }
}

#[tokio::test]
async fn the_time_limit_holds_wherever_the_endpoint_falls_silent() {
    let begun = format!("{STREAM}{}", pieces(&ANSWER[..60], 5));
    for (place, silent) in [
        ("before the head", vec![hang()]),
        ("in the head", vec![send("HTTP/1.1 200 OK\r\nconte"), hang()]),
        ("in a refusal", vec![send("HTTP/1.1 500 Oops\r\ncontent-length: 9\r\n\r\n{"), hang()]),
        ("behind the head", vec![send(STREAM), hang()]),
        ("amid the stream", vec![send(begun), hang()]),
        ("in a body", vec![send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"), hang()]),
    ] {
        let endpoint = Scripted::answering([silent]).await;
        let limited = GenerateRequest { time_limit: Duration::from_millis(150), ..question() };
        let error = ask(&endpoint.generator(), limited).await.error.expect("an error");
        let expected = if place == "in a refusal" { ErrorKind::Unavailable } else { ErrorKind::Timeout };
        assert_eq!((error.kind(), endpoint.requests().len()), (expected, 1), "{place}: {error}");
    }
}

#[tokio::test]
async fn after_a_statement_nothing_is_asked_again() {
    let begun = format!("{STREAM}{}", pieces(&ANSWER[..ANSWER.len() - 40], 5));
    for (fault, last) in [("breaks off", Act::Close), ("falls silent", hang())] {
        let endpoint = Scripted::answering([vec![send(begun.clone()), last], streamed(ANSWER)]).await;
        let impatient = OpenAiSettings { idle_timeout: Duration::from_millis(100), ..endpoint.settings() };
        let came = ask(&OpenAiGenerator::new(impatient).unwrap(), question()).await;
        assert_eq!(came.texts(), [FIRST], "{fault}");
        assert!(came.error.is_some_and(|error| error.is_retryable()), "{fault}");
        assert_eq!(endpoint.requests().len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn what_breaks_behind_the_last_word_does_no_harm() {
    let said = format!("{STREAM}{}{}", pieces(ANSWER, 5), event(&json!({}), Some("stop")));
    for last in [vec![Act::Close], vec![send("data: {\"cho"), Act::Close], vec![send("data: oops\n\n"), Act::Close]] {
        let acts = [vec![send(said.clone())], last].concat();
        let endpoint = Scripted::answering([acts]).await;
        let came = ask(&endpoint.generator(), question()).await;
        assert_eq!((came.texts(), came.error.is_none()), (vec![FIRST, SECOND], true), "{:?}", came.error);
    }
}

#[tokio::test]
async fn where_nobody_listens_the_hint_names_the_address() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let generator = OpenAiGenerator::new(settings(&format!("http://{free}"))).unwrap();
    let error = ask(&generator, question()).await.error.expect("an error");
    assert_eq!(error.to_string(), "the model endpoint cannot be reached");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let hint = error.hint_text().expect("a hint");
    assert!(hint.contains(&format!("http://{free}/v1")) && hint.contains("OPENAI_BASE_URL"), "{hint}");
}

#[tokio::test]
async fn an_answer_without_end_is_ended() {
    let endless = format!("{STREAM}{}", pieces(&"na ".repeat(3_000_000), 1_000_000));
    let endpoint = Scripted::answering([vec![send(endless), hang()]]).await;
    let error = ask(&endpoint.generator(), question()).await.error.expect("an error");
    assert_eq!(error.to_string(), "the model endpoint sent an answer without end");
}
