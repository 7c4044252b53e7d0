//! Two programs that others wrote to stand in for OpenAI: a Python script beside this workspace, and aimock. Where one of
//! them is not installed, its tests say so and pass.

use crate::scripted::{Came, ask, question, settings};
use docent_engine::ErrorKind;
use docent_engine::ports::{Embedded, Embedder, GenerateRequest};
use docent_models::openai::{OpenAiEmbedder, OpenAiGenerator, OpenAiSettings};
use docent_testkit::tools;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A program that listens on a free port of this machine until it is dropped.
struct StandIn {
    address: String,
    _process: Child,
}

impl StandIn {
    /// The script, if it is there: it quotes the sentence that shares most words with the question, in prose.
    async fn script(options: &[&str]) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/tools/openai_stub.py");
        let python = tools::folder().join("python/bin/python3");
        let mut command = Command::new(&python);
        command.arg(&script).args(["--port", "0"]).args(options);
        Self::start(&[&python, &script], command).await
    }

    /// aimock, if it is there, with these fixtures.
    async fn aimock(fixtures: &Value, options: &[&str]) -> Option<Self> {
        let program = tools::folder().join("node/node_modules/.bin/llmock");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("fixtures.json");
        std::fs::write(&file, json!({"fixtures": fixtures}).to_string()).expect("fixtures");
        let mut command = Command::new(&program);
        command.args(["--port", "0", "--fixtures"]).arg(&file).args(options);
        Self::start(&[&program], command).await
    }

    /// Waits until it says where it listens.
    #[expect(clippy::print_stdout, reason = "says why a test was skipped")]
    async fn start(needed: &[&Path], mut command: Command) -> Option<Self> {
        if let Some(absent) = needed.iter().find(|path| !path.exists()) {
            println!("skipped: there is no {}", absent.display());
            return None;
        }
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        while let Some(line) = lines.next_line().await.expect("text") {
            let Some((_, address)) = line.split_once("http://") else { continue };
            let address = address.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
            // What it says from now on is thrown away, but not refused.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(Self { address, _process: process });
        }
        let status: ExitStatus = process.wait().await.expect("an end");
        panic!("it ended with {status} before it listened");
    }

    fn settings(&self) -> OpenAiSettings {
        OpenAiSettings { idle_timeout: Duration::from_secs(30), ..settings(&format!("http://{}", self.address)) }
    }

    async fn ask(&self, question: GenerateRequest) -> Came {
        ask(&OpenAiGenerator::new(self.settings()).expect("settings"), question).await
    }

    /// What the script has counted, after it was told how to behave from now on.
    async fn configure(&self, config: &Value) -> Value {
        let body = config.to_string();
        let mut stream = TcpStream::connect(&self.address).await.expect("it listens");
        let length = body.len();
        let head = format!("POST /__config HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }
}

const PROSE: &str = "Full-time staff get 25 days of annual leave per year.";

fn in_form(text: &str) -> String {
    json!({"statements": [{"text": text, "quotes": [{"passage": 1, "quote": "25 days"}]}], "missing": null}).to_string()
}

#[tokio::test]
async fn the_script_answers_in_prose_that_keeps_its_quote() {
    let Some(stand_in) = StandIn::script(&[]).await else { return };
    let came = stand_in.ask(question()).await;
    assert_eq!(came.statements, [(PROSE.to_owned(), vec![1])], "{:?}", came.error);
    let (usage, missing) = came.done.expect("an end");
    assert!(usage.input_tokens > 100 && usage.output_tokens == 14 && missing.is_none(), "{usage:?}");
    let checked = OpenAiGenerator::new(stand_in.settings()).unwrap().check(Duration::from_secs(20)).await.unwrap();
    assert_eq!(checked.model, "gpt-4o-mini");
}

#[tokio::test]
async fn the_script_fails_twice_and_is_asked_again() {
    let Some(stand_in) = StandIn::script(&["--retry-after", "0"]).await else { return };
    for status in [429, 500, 502, 503] {
        stand_in.configure(&json!({"fail_first": 2, "status": status})).await;
        let came = stand_in.ask(question()).await;
        assert_eq!(came.texts(), [PROSE], "{status}: {:?}", came.error);
    }
    let counted = stand_in.configure(&json!({})).await;
    assert_eq!(counted["chat_requests"], 12, "{counted}");
}

#[tokio::test]
async fn the_script_keeps_failing() {
    let Some(stand_in) = StandIn::script(&[]).await else { return };
    let pause = Some(Duration::from_secs(3600));
    for (config, kind) in [
        (json!({"fail_rate": 1, "status": 429, "retry_after": 3600}), ErrorKind::RateLimited { retry_after: pause }),
        (json!({"fail_rate": 1, "status": 500}), ErrorKind::Unavailable),
        (json!({"fail_rate": 1, "status": 401}), ErrorKind::Unauthorized),
        (json!({"fail_rate": 0, "malformed": 1}), ErrorKind::Unavailable),
        (json!({"malformed": 0, "hang": 1}), ErrorKind::Timeout),
    ] {
        stand_in.configure(&config).await;
        let limited = GenerateRequest { time_limit: Duration::from_millis(1500), ..question() };
        let came = stand_in.ask(limited).await;
        assert_eq!(came.error.map(|error| error.kind()), Some(kind), "{config}");
        assert!(came.statements.is_empty());
    }
    stand_in.configure(&json!({"hang": 0})).await;
    assert_eq!(stand_in.ask(question()).await.texts(), [PROSE], "and then it works again");
}

#[tokio::test]
async fn the_script_wants_a_key() {
    let Some(stand_in) = StandIn::script(&["--api-key", "sk-other"]).await else { return };
    let error = stand_in.ask(question()).await.error.expect("an error");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
}

#[tokio::test]
async fn the_script_embeds_in_four_requests_at_once() {
    let Some(stand_in) = StandIn::script(&["--embed-ms", "30", "--retry-after", "0"]).await else { return };
    let embedder =
        OpenAiEmbedder::new(OpenAiSettings { embedding_dimension: Some(64), ..stand_in.settings() }).unwrap();
    stand_in.configure(&json!({"fail_first": 2, "status": 503})).await;
    let texts: Vec<String> = (0..1500).map(|number| format!("chapter {number} on holidays")).collect();
    let Embedded { vectors, tokens } = embedder.embed_counted(&texts).await.unwrap();
    let alone = embedder.embed_counted(&texts[777..778]).await.unwrap();
    assert_eq!((vectors.len(), &vectors[777]), (1500, &alone.vectors[0]));
    assert!(vectors.iter().all(|vector| vector.len() == 64));
    let counted = stand_in.configure(&json!({})).await;
    assert_eq!(
        (&counted["embeddings_inputs"], &counted["embeddings_requests"]),
        (&json!(1501), &json!(9)),
        "{counted}"
    );
    assert!(counted["in_flight_max"].as_u64().is_some_and(|most| most <= 4), "{counted}");
    assert_eq!(counted["embeddings_tokens"], tokens + alone.tokens);
}

#[tokio::test]
async fn aimock_answers_in_the_form() {
    let fixture =
        json!([{"match": {"userMessage": "How many days"}, "response": {"content": in_form("It is 25 days.")}}]);
    let Some(stand_in) = StandIn::aimock(&fixture, &["--chunk-size", "3"]).await else { return };
    let came = stand_in.ask(question()).await;
    assert_eq!(came.statements, [("It is 25 days.".to_owned(), vec![1])], "{:?}", came.error);
    assert!(came.done.is_some_and(|(usage, _)| usage.total_tokens > 0));
    let other = GenerateRequest { question: "Who won?".to_owned(), ..question() };
    assert_eq!(stand_in.ask(other).await.error.map(|error| error.kind()), Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn aimock_asks_for_a_pause_fails_and_breaks_off_before_it_answers() {
    let good = json!({"content": in_form("It is 25 days.")});
    let limit = json!({"error": {"message": "slow", "type": "rate_limit_error"}, "status": 429, "retryAfter": 1});
    let broken = json!({"error": {"message": "oops", "type": "server_error"}, "status": 500});
    let at = |number: u32| json!({"userMessage": "How many days", "sequenceIndex": number});
    let fixtures = json!([
        {"match": at(0), "response": limit},
        {"match": at(1), "response": broken},
        {"match": at(2), "response": good, "truncateAfterChunks": 2},
        {"match": at(3), "response": good},
    ]);
    let Some(stand_in) = StandIn::aimock(&fixtures, &["--chunk-size", "5"]).await else { return };
    let error = stand_in.ask(question()).await.error.expect("three attempts fail");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(stand_in.ask(question()).await.texts(), ["It is 25 days."]);
}

#[tokio::test]
async fn aimock_in_chaos_ends_in_the_kind_of_its_fault() {
    let fixture =
        json!([{"match": {"userMessage": "How many days"}, "response": {"content": in_form("It is 25 days.")}}]);
    for (chaos, rate, kind) in [
        ("--chaos-drop", "1", "unavailable"),
        ("--chaos-malformed", "1", "unavailable"),
        ("--chaos-disconnect", "1", "unavailable"),
        ("--chaos-ratelimit", "1", "rate_limited"),
        ("--chaos-latency", "30000", "timeout"),
    ] {
        let Some(stand_in) = StandIn::aimock(&fixture, &[chaos, rate]).await else { return };
        let limited = GenerateRequest { time_limit: Duration::from_secs(2), ..question() };
        let error = stand_in.ask(limited).await.error.expect("an error");
        assert_eq!(error.kind().as_str(), kind, "{chaos}: {error}");
    }
}

#[tokio::test]
async fn aimock_embeds_and_shortens() {
    let Some(stand_in) = StandIn::aimock(&json!([]), &[]).await else { return };
    for (dimension, length) in [(None, 1536), (Some(256), 256)] {
        let settings = OpenAiSettings { embedding_dimension: dimension, ..stand_in.settings() };
        let embedder = OpenAiEmbedder::connect(settings).await.unwrap();
        let vectors = embedder.embed(&["annual leave".to_owned(), "the price".to_owned()]).await.unwrap();
        for vector in &vectors {
            let squares: f32 = vector.iter().map(|value| value * value).sum();
            assert!(vector.len() == length && (squares - 1.0).abs() < 1e-4, "{}: {squares}", vector.len());
        }
        assert_ne!(vectors[0], vectors[1]);
        assert_eq!(embedder.model().dimension, length);
    }
}
