//! Chat completions, as a client of OpenAI's meets them.

use crate::client::Site;
use docent_api::ApiSettings;
use docent_engine::Error;
use docent_testkit::provider::{Rewriting, ScriptedGenerator, Step};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use tokio::net::TcpListener;

const QUOTE: &str = "Annual leave is 25 days. It is requested two weeks ahead";

fn asks(question: &str) -> Value {
    json!({"model": "default", "messages": [{"role": "user", "content": question}], "temperature": 0.2})
}

/// The data of each event of a stream.
fn chunks(stream: &str) -> Vec<String> {
    stream.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn whole_and_streamed_they_say_the_same() {
    let site = Site::open().await;
    let mut ask = asks("How many days of annual leave?");
    let whole = site.post("/v1/chat/completions", &ask).await;
    assert_eq!(whole.status, 200, "{}", whole.text);
    let whole = whole.json();
    let message = &whole["choices"][0]["message"];
    let content = message["content"].as_str().expect("text");
    assert!(
        content.contains("[1]") && content.contains(&format!("[1] \u{201c}{QUOTE}\u{201d} (docs/leave.txt")),
        "{content}"
    );
    let place = &message["annotations"][0]["url_citation"];
    let at = |name: &str| place[name].as_u64().expect("a number") as usize;
    let marked: String = content.chars().take(at("end_index")).skip(at("start_index")).collect();
    assert_eq!(marked, "[1]");
    assert_eq!((&whole["docent"]["outcome"], &whole["usage"]["total_tokens"]), (&json!("answered"), &json!(120)));
    assert_eq!(whole["docent"]["citations"][0]["cited_text"], QUOTE);

    (ask["stream"], ask["stream_options"]) = (json!(true), json!({"include_usage": true}));
    let streamed = chunks(&site.post("/v1/chat/completions", &ask).await.text);
    assert_eq!(streamed.last().map(String::as_str), Some("[DONE]"));
    let streamed: Vec<Value> =
        streamed[..streamed.len() - 1].iter().map(|chunk| serde_json::from_str(chunk).expect("JSON")).collect();
    let pieces = streamed.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    assert_eq!(pieces.collect::<String>(), content);
    let [.., last, spent] = streamed.as_slice() else { panic!("{streamed:?}") };
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    let annotated = &last["choices"][0]["delta"]["annotations"][0]["url_citation"];
    assert_eq!((&annotated["start_index"], &annotated["title"]), (&place["start_index"], &place["title"]));
    assert_eq!(last["docent"]["citations"], whole["docent"]["citations"]);
    assert_eq!((&spent["choices"], &spent["usage"]), (&json!([]), &whole["usage"]));
}

#[tokio::test]
async fn a_conversation_is_understood_by_what_was_asked_before() {
    let site = Site::open().await;
    let content = json!([{"type": "text", "text": "And is it requested ahead?"}]);
    let ask = json!({"model": "default", "user": "ada", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How many days of annual leave?"},
        {"role": "assistant", "content": "25."},
        {"role": "user", "content": content},
    ]});
    let answer = site.post("/v1/chat/completions", &ask).await.json();
    let id = answer["docent"]["query_id"].as_str().expect("an id");
    let trace = site.get(&format!("/v1/queries/{id}/trace")).await.json();
    assert_eq!(trace["question"], "How many days of annual leave? And is it requested ahead?");
    let query = site.get(&format!("/v1/queries/{id}")).await.json();
    assert_eq!((&query["query"], &query["user_id"]), (&json!("And is it requested ahead?"), &json!("ada")));

    let follows = json!({"query": "And who approves it?", "previous_query_id": id, "wait": 20});
    let next = site.post("/v1/queries", &follows).await.json();
    assert_eq!(next["previous_query_id"], id);
    let trace = site.get(&format!("/v1/queries/{}/trace", next["id"].as_str().expect("an id"))).await.json();
    let whole = "How many days of annual leave? And is it requested ahead? And who approves it?";
    assert_eq!(trace["question"], whole);
}

#[tokio::test]
async fn a_model_rewrites_what_follows_and_it_is_paid_for() {
    const WHOLE: &str = "How many weeks ahead is annual leave requested?";
    let generator = ScriptedGenerator::quoting_the_best_passage().rewriting(Rewriting::As(WHOLE, 50, 10));
    let site = Site::with(generator, ApiSettings::default()).await;
    let messages = json!([
        {"role": "user", "content": "How many days of annual leave?"},
        {"role": "assistant", "content": "25."},
        {"role": "user", "content": "Wie viele Wochen vorher?"},
    ]);
    let ask = json!({"model": "default", "messages": messages});
    let answer = site.post("/v1/chat/completions", &ask).await.json();
    assert_eq!(answer["usage"]["total_tokens"], 120 + 60);
    let first = answer["docent"]["query_id"].as_str().expect("an id").to_owned();
    let follows = json!({"query": "Und davor?", "previous_query_id": first, "wait": 20});
    let next = site.post("/v1/queries", &follows).await.json();
    assert_eq!(next["usage"]["total_tokens"], 120 + 60);
    for (id, asked) in
        [(first.as_str(), "Wie viele Wochen vorher?"), (next["id"].as_str().expect("an id"), "Und davor?")]
    {
        let trace = site.get(&format!("/v1/queries/{id}/trace")).await.json();
        let follow_up = &trace["follow_up"];
        assert_eq!((&trace["question"], &follow_up["asked"]), (&json!(WHOLE), &json!(asked)));
        assert_eq!((&follow_up["method"], &follow_up["usage"]["total_tokens"]), (&json!("model"), &json!(60)));
    }
}

#[tokio::test]
async fn what_the_documents_do_not_answer() {
    let site = Site::with(ScriptedGenerator::new(|_, _| vec![Step::done()]), ApiSettings::default()).await;
    let answer = site.post("/v1/chat/completions", &asks("How many days of annual leave?")).await.json();
    assert_eq!(answer["docent"]["outcome"], "not_found");
    let content = answer["choices"][0]["message"]["content"].as_str().expect("text");
    assert!(content.starts_with("The documents do not answer this question."), "{content}");
    assert!(content.contains("The nearest passages:\n- docs/"), "{content}");
    assert_eq!(answer["choices"][0]["message"]["annotations"], json!([]));
}

#[tokio::test]
async fn requests_that_are_refused_and_questions_that_fail() {
    let broken = || vec![Step::Fail(Error::invalid("the model does not want to"))];
    let site = Site::with(ScriptedGenerator::new(move |_, _| broken()), ApiSettings::default()).await;
    let said_last = json!({"model": "default", "messages": [{"role": "assistant", "content": "Hello"}]});
    let rows = [
        (json!({"model": "attic", "messages": []}), 404, "model_not_found", json!("model")),
        (json!({"model": "default", "messages": []}), 400, "invalid", json!("messages")),
        (said_last, 400, "invalid", json!("messages")),
        (asks(""), 400, "invalid", Value::Null),
        (asks("How many days of annual leave?"), 503, "unanswered", Value::Null),
    ];
    for (body, status, code, param) in rows {
        let reply = site.post("/v1/chat/completions", &body).await;
        let error = &reply.json()["error"];
        assert_eq!((reply.status.as_u16(), &error["code"], &error["param"]), (status, &json!(code), &param), "{body}");
    }
    let mut ask = asks("How many days of annual leave?");
    ask["stream"] = json!(true);
    let streamed = chunks(&site.post("/v1/chat/completions", &ask).await.text);
    let error: Value = serde_json::from_str(&streamed[streamed.len() - 2]).expect("JSON");
    assert_eq!(error["error"]["code"], "unanswered");
    assert_eq!(site.get("/v1/models/attic").await.json()["error"]["code"], "model_not_found");
    assert_eq!(site.get("/v1/models/default").await.json()["object"], "model");
}

/// The folder that `scripts/install_test_tools.sh` installs into.
fn tools() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the tests' tools are is the machine's matter")]
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    set("DOCENT_TOOLS").or_else(|| Some(cache?.join("docent/tools")))
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_s_own_clients() {
    let tools = tools().expect("a folder");
    let (python, modules) = (tools.join("python/bin/python3"), tools.join("node/node_modules"));
    if !python.is_file() || !modules.join("openai").is_dir() {
        eprintln!("skipped: the clients are not installed; scripts/install_test_tools.sh does it");
        return;
    }
    let site = Site::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let server =
        docent_api::serve(listener, site.router.clone(), std::future::pending(), docent_api::ServeSettings::default());
    let server = tokio::spawn(server);
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/http/clients");
    let mut in_python = Command::new(python);
    in_python.arg(scripts.join("ask.py")).arg(&url);
    let mut in_node = Command::new("node");
    in_node.arg(scripts.join("ask.mjs")).arg(&url).arg(modules);
    let told =
        tokio::task::spawn_blocking(move || [in_python, in_node].map(|mut client| client.output().expect("run")));
    for output in told.await.expect("both ran") {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["content"], told["streamed"], "{told}");
        assert_eq!((&told["marked"], &told["outcome"]), (&json!("[1]"), &json!("answered")), "{told}");
        assert_eq!(
            (&told["streamed_annotations"], &told["streamed_outcome"]),
            (&json!(1), &json!("answered")),
            "{told}"
        );
        assert_eq!((&told["models"], &told["refused"]), (&json!(["default"]), &json!("model_not_found")), "{told}");
        assert_eq!(told["tokens"], json!([120, 120]), "{told}");
    }
    server.abort();
}
