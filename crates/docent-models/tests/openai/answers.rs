//! Answers as endpoints send them, in every form that they send them in.

use crate::scripted::{
    ANSWER, Act, FIRST, PASSAGES, SECOND, STREAM, Scripted, ask, body, completion, ending, event, pieces, question,
    refusal, settings, streamed, whole,
};
use docent_core::Usage;
use docent_engine::ports::{GenerateEvent, Generator};
use docent_models::openai::{OpenAiGenerator, OpenAiSettings, Secret};
use futures::StreamExt;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const USED: Usage = Usage { input_tokens: 100, output_tokens: 20, total_tokens: 120, embedding_tokens: 0 };

#[tokio::test]
async fn every_form_of_the_same_answer_gives_the_same_statements() {
    let stream = |text: &str, size| format!("{STREAM}{}{}", pieces(text, size), ending("stop"));
    let close = |bytes: String| vec![Act::Send(bytes.into_bytes()), Act::Close];
    let parts = json!([{"type": "text", "text": ANSWER}]);
    let mut in_parts = completion("", "stop");
    in_parts["choices"][0]["message"]["content"] = parts;
    for (form, answer) in [
        ("streamed", streamed(ANSWER)),
        ("streamed, each byte in a packet of its own", vec![Act::Drip(stream(ANSWER, 1).into_bytes()), Act::Close]),
        ("streamed at once", close(stream(ANSWER, 10_000))),
        ("streamed with CR LF and comments", close(stream(ANSWER, 9).replace("\n\n", "\r\n\r\n: ping\r\n\r\n"))),
        ("streamed in a code fence", streamed(&format!("Sure!\n```json\n{ANSWER}\n```\n"))),
        ("streamed behind thoughts", streamed(&format!("<think>{{\"statements\": [</think>{ANSWER}"))),
        ("streamed as JSON by its head", close(stream(ANSWER, 9).replace("text/event-stream", "application/json"))),
        ("streamed without [DONE]", close(stream(ANSWER, 9).replace("data: [DONE]\n\n", ""))),
        ("streamed, the last line end missing", close(stream(ANSWER, 9).trim_end().to_owned())),
        ("in one piece", body(&completion(ANSWER, "stop"))),
        ("in one piece, in a code fence", body(&completion(&format!("```\n{ANSWER}\n```"), "stop"))),
        ("in one piece, as a list of parts", body(&in_parts)),
    ] {
        let endpoint = Scripted::answering([answer]).await;
        let came = ask(&endpoint.generator(), question()).await;
        let expected = [(FIRST.to_owned(), vec![1]), (SECOND.to_owned(), vec![2])];
        assert_eq!(came.statements, expected, "{form}: {:?}", came.error);
        assert_eq!(came.done, Some((USED, None)), "{form}");
        assert_eq!(endpoint.requests().len(), 1, "{form}");
    }
}

#[tokio::test]
async fn chunks_of_http_may_end_anywhere() {
    let events = format!("{}{}", pieces(ANSWER, 11), ending("stop")).into_bytes();
    let head = STREAM.replace("connection: close", "transfer-encoding: chunked").into_bytes();
    for size in [1, 2, 3, 5, 64, 1000] {
        let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        let mut bytes = head.clone();
        bytes.extend(events.chunks(size).flat_map(chunk).chain(*b"0\r\n\r\n"));
        let endpoint = Scripted::answering([vec![Act::Send(bytes)]]).await;
        let generator = endpoint.generator();
        for _ in 0..2 {
            let came = ask(&generator, question()).await;
            assert_eq!(came.texts(), [FIRST, SECOND], "chunks of {size}: {:?}", came.error);
        }
        assert_eq!(endpoint.connections(), 1, "a stream that was read to its end leaves its connection to the next");
    }
}

#[tokio::test]
async fn a_statement_comes_before_the_next_is_written() {
    let gate = Arc::new(Semaphore::new(0));
    let (first, second) = ANSWER.split_at(ANSWER.find("\"Expenses").expect("two statements"));
    let rest = format!("{}{}", pieces(second, 4), ending("stop"));
    let begun = format!("{STREAM}{}", pieces(first, 4));
    let acts = vec![Act::Send(begun.into()), Act::Gate(Arc::clone(&gate)), Act::Send(rest.into()), Act::Close];
    let endpoint = Scripted::answering([acts]).await;
    let mut events = endpoint.generator().generate(question());
    let Some(Ok(GenerateEvent::Statement(statement))) = events.next().await else { panic!("no statement") };
    assert_eq!(statement.text, FIRST);
    gate.add_permits(1);
    let rest: Vec<_> = events.map(Result::unwrap).collect().await;
    assert!(matches!(&rest[..], [GenerateEvent::Statement(_), GenerateEvent::Done { .. }]), "{rest:?}");
}

#[tokio::test]
async fn what_a_model_says_beside_the_form_is_still_read() {
    let cut = &ANSWER[..ANSWER.find("within 14 days\"}").expect("the second quote")];
    let prose = "Full-time staff get 25 days of annual leave per year [1]. I like \"paid back within 14 days\".";
    for (said, finish, statements, missing) in [
        (r#"{"statements":[],"missing":"the price"}"#, "stop", vec![], Some("the price")),
        (prose, "stop", vec![vec![1], vec![2]], None),
        (cut, "length", vec![vec![1]], Some("The answer was cut off at the limit of tokens.")),
        (r#"{"statements":[{"text":"a","quotes":[{"passage":"[2]","quote":"b"}]}]}"#, "stop", vec![vec![2]], None),
        (r#"{"statements":[{"text":" ","quotes":[]},{"text":"a","quotes":null}]}"#, "stop", vec![vec![]], None),
    ] {
        let stream = format!("{STREAM}{}{}", pieces(said, 5), ending(finish)).into_bytes();
        for answer in [vec![Act::Send(stream), Act::Close], body(&completion(said, finish))] {
            let came = ask(&Scripted::answering([answer]).await.generator(), question()).await;
            let numbers: Vec<Vec<usize>> = came.statements.iter().map(|(_, numbers)| numbers.clone()).collect();
            assert_eq!(numbers, statements, "{said}: {:?}", came.error);
            assert_eq!(came.done.expect("an end").1.as_deref(), missing, "{said}");
        }
    }
}

#[tokio::test]
async fn the_request_asks_for_a_stream_in_a_strict_form() {
    let endpoint = Scripted::answering([streamed(ANSWER)]).await;
    ask(&endpoint.generator(), question()).await;
    let asked = &endpoint.requests()[0];
    assert!(asked.head.starts_with("post /v1/chat/completions http/1.1"), "{}", asked.head);
    assert!(asked.head.contains("authorization: bearer sk-very-secret"), "{}", asked.head);
    let sent = &asked.body;
    assert_eq!((&sent["stream"], &sent["stream_options"]), (&json!(true), &json!({"include_usage": true})));
    assert_eq!((&sent["model"], &sent["temperature"]), (&json!("gpt-4o-mini"), &json!(0.0)));
    assert_eq!(sent["max_completion_tokens"], 2000);
    assert_eq!(sent["response_format"]["json_schema"]["strict"], true);
    let user = sent["messages"][1]["content"].as_str().expect("a message");
    assert!(PASSAGES.iter().all(|passage| user.contains(passage)));
    assert!(user.ends_with("Question: How many days of annual leave?"));
}

#[tokio::test]
async fn what_the_endpoint_does_not_know_is_left_out_and_remembered() {
    let schema = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model";
    let endpoint = Scripted::answering([
        refusal("400 Bad Request", "invalid_request_error", schema),
        refusal("400 Bad Request", "invalid_request_error", "'response_format.type' must be 'text'"),
        refusal("422 Unprocessable Entity", "extra_forbidden", "stream_options: extra inputs are not permitted"),
        refusal("400 Bad Request", "x", "Unrecognized request argument supplied: max_completion_tokens"),
        streamed(ANSWER),
    ])
    .await;
    let generator = endpoint.generator();
    for _ in 0..2 {
        assert_eq!(ask(&generator, question()).await.texts(), [FIRST, SECOND]);
    }
    let requests = endpoint.requests();
    let formats: Vec<_> = requests.iter().map(|asked| asked.body["response_format"]["type"].as_str()).collect();
    assert_eq!(formats, [Some("json_schema"), Some("json_object"), None, None, None, None]);
    for asked in &requests[4..] {
        assert_eq!(asked.body["max_tokens"], 2000);
        assert!(asked.body.get("stream_options").is_none() && asked.body.get("max_completion_tokens").is_none());
    }
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let endpoint = Scripted::answering([streamed(ANSWER)]).await;
    for api_key in [None, Some(Secret::new(" \n"))] {
        let generator = OpenAiGenerator::new(OpenAiSettings { api_key, ..endpoint.settings() }).unwrap();
        ask(&generator, question()).await;
    }
    assert!(endpoint.requests().iter().all(|asked| !asked.head.contains("authorization")));
}

#[tokio::test]
async fn requests_go_through_the_proxy() {
    let proxy = Scripted::answering([streamed(ANSWER)]).await;
    let url = Secret::new(format!("http://{}", proxy.address));
    let beyond = OpenAiSettings { proxy: Some(url), ..settings("http://model.invalid/v1") };
    let came = ask(&OpenAiGenerator::new(beyond).unwrap(), question()).await;
    assert_eq!(came.texts(), [FIRST, SECOND]);
    let head = &proxy.requests()[0].head;
    assert!(head.starts_with("post http://model.invalid/v1/chat/completions "), "{head}");
}

#[tokio::test]
async fn a_dropped_answer_ends_its_request() {
    let gone = Arc::new(Semaphore::new(0));
    let begun = format!("{STREAM}{}", pieces(&ANSWER[..ANSWER.len() - 30], 4));
    let endpoint = Scripted::answering([vec![Act::Send(begun.into()), Act::Hang(Arc::clone(&gone))]]).await;
    let mut events = endpoint.generator().generate(question());
    assert!(matches!(events.next().await, Some(Ok(GenerateEvent::Statement(_)))));
    drop(events);
    gone.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn a_check_costs_one_small_call_and_names_the_model() {
    let schema = whole("400 Bad Request", "", "temperature is not supported");
    let endpoint = Scripted::answering([schema, body(&completion("OK", "stop"))]).await;
    let checked = endpoint.generator().check(Duration::from_secs(20)).await.unwrap();
    assert_eq!(checked.model, "gpt-4o-mini-2024-07-18");
    let last = &endpoint.requests()[1].body;
    assert_eq!((&last["stream"], &last["max_completion_tokens"]), (&json!(false), &json!(16)));
    assert!(last.get("response_format").is_none() && last.get("temperature").is_none());
}

#[tokio::test]
async fn tokens_of_attempts_that_failed_are_counted() {
    let empty = format!("{STREAM}{}{}", event(&json!({"role": "assistant"}), None), ending("stop"));
    let endpoint = Scripted::answering([vec![Act::Send(empty.into()), Act::Close], streamed(ANSWER)]).await;
    let came = ask(&endpoint.generator(), question()).await;
    assert_eq!(came.done.expect("an end").0.total_tokens, 240);
}

#[test]
fn settings_that_cannot_be_right_are_refused_before_anything_is_sent() {
    let usual = || settings("http://127.0.0.1:9");
    for (wrong, word) in [
        (OpenAiSettings { model: " ".to_owned(), ..usual() }, "model"),
        (OpenAiSettings { base_url: "localhost:8080".to_owned(), ..usual() }, "URL"),
        (OpenAiSettings { api_key: Some(Secret::new("a\nb")), ..usual() }, "key"),
        (OpenAiSettings { proxy: Some(Secret::new("http://")), ..usual() }, "proxy"),
        (OpenAiSettings { extra_roots_pem: Some("no certificate".to_owned()), ..usual() }, "certificates"),
    ] {
        let error = OpenAiGenerator::new(wrong).err().expect("a refusal");
        assert_eq!(error.kind(), docent_engine::ErrorKind::Invalid);
        assert!(error.to_string().contains(word), "{error}");
    }
}
