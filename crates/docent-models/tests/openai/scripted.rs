//! An endpoint on a free port of this machine that sends exactly the bytes it is told to, when it is told to; and what
//! tests ask of it.

use docent_core::{Chunk, Hit, Usage};
use docent_engine::Error;
use docent_engine::ports::{GenerateEvent, GenerateRequest, Generator, Passage};
use docent_models::openai::{OpenAiGenerator, OpenAiSettings, Retries, Secret};
use futures::StreamExt;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// One step of an answer.
#[derive(Clone)]
pub(crate) enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends each byte in a packet of its own.
    Drip(Vec<u8>),
    /// Waits until the test lets one go on.
    Gate(Arc<Semaphore>),
    /// Says nothing more until the client goes away, then tells the test.
    Hang(Arc<Semaphore>),
    /// Ends the connection. Without it, it waits for the next request.
    Close,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Request line and headers.
    pub(crate) head: String,
    /// The body, read as JSON.
    pub(crate) body: Value,
}

type Script = dyn Fn(usize, &Asked) -> Vec<Act> + Send + Sync;

/// The endpoint. It ends with the test's runtime.
pub(crate) struct Scripted {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    /// Answers each request by its number (from 0) and what it asks.
    pub(crate) async fn new(script: impl Fn(usize, &Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let made = Self { address, requests: Arc::default(), connections: Arc::default() };
        let (requests, connections) = (Arc::clone(&made.requests), Arc::clone(&made.connections));
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&requests)));
            }
        });
        made
    }

    /// One answer per request, in this order; the last one again and again.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Vec<Act>>) -> Self {
        let answers: Vec<Vec<Act>> = answers.into_iter().collect();
        Self::new(move |number, _| answers[number.min(answers.len() - 1)].clone()).await
    }

    /// Settings that lead here, impatient enough for tests.
    pub(crate) fn settings(&self) -> OpenAiSettings {
        settings(&format!("http://{}", self.address))
    }

    pub(crate) fn generator(&self) -> OpenAiGenerator {
        OpenAiGenerator::new(self.settings()).expect("settings that can be right")
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.requests.lock().expect("no panic").clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

pub(crate) fn settings(base_url: &str) -> OpenAiSettings {
    let (base, cap) = (Duration::from_millis(1), Duration::from_millis(4));
    OpenAiSettings {
        base_url: base_url.to_owned(),
        api_key: Some(Secret::new("sk-very-secret")),
        retries: Retries { attempts: 3, base, cap, seed: 7 },
        ..OpenAiSettings::default()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, requests: Arc<Mutex<Vec<Asked>>>) {
    while let Some(asked) = read(&mut stream).await {
        let number = {
            let mut requests = requests.lock().expect("no panic");
            requests.push(asked.clone());
            requests.len() - 1
        };
        for act in script(number, &asked) {
            if !play(&mut stream, act).await {
                return;
            }
        }
    }
}

/// False when the connection is over.
async fn play(stream: &mut TcpStream, act: Act) -> bool {
    match act {
        Act::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
        Act::Drip(bytes) => {
            for byte in bytes {
                if stream.write_all(&[byte]).await.is_err() {
                    return false;
                }
                tokio::task::yield_now().await;
            }
            true
        }
        Act::Gate(gate) => {
            gate.acquire().await.expect("open").forget();
            true
        }
        Act::Hang(gone) => {
            while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
            gone.add_permits(1);
            false
        }
        Act::Close => false,
    }
}

/// The next request; none when the client has left.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse::<usize>().ok()?;
        if let Some(body) = bytes.get(end + 4..end + 4 + length) {
            return Some(Asked { head, body: serde_json::from_slice(body).expect("JSON") });
        }
    }
}

/// A whole answer, as HTTP has it.
pub(crate) fn whole(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![Act::Send(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes())]
}

/// A success with this JSON.
pub(crate) fn body(json: &Value) -> Vec<Act> {
    whole("200 OK", "content-type: application/json\r\n", &json.to_string())
}

/// A refusal with OpenAI's explanation.
pub(crate) fn refusal(status: &str, code: &str, message: &str) -> Vec<Act> {
    let explained = json!({"error": {"message": message, "type": code, "code": code, "param": null}});
    whole(status, "content-type: application/json\r\n", &explained.to_string())
}

/// The head of a stream whose end is the end of the connection.
pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n";

/// The events of a streamed text in pieces of `size` characters, without an end.
pub(crate) fn pieces(text: &str, size: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(size).map(|piece| event(&json!({"content": piece.iter().collect::<String>()}), None)).collect()
}

/// One event.
pub(crate) fn event(delta: &Value, finish: Option<&str>) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
}

/// What comes behind the text of a stream: the reason, the usage, the end.
pub(crate) fn ending(finish: &str) -> String {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}});
    format!("{}data: {usage}\n\ndata: [DONE]\n\n", event(&json!({}), Some(finish)))
}

/// A stream that goes well.
pub(crate) fn streamed(text: &str) -> Vec<Act> {
    let events = format!("{STREAM}{}{}", pieces(text, 7), ending("stop"));
    vec![Act::Send(events.into_bytes()), Act::Close]
}

/// A completion in one piece.
pub(crate) fn completion(text: &str, finish: &str) -> Value {
    json!({
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    })
}

/// What [`ANSWER`] says.
pub(crate) const FIRST: &str = "Vollzeitkräfte haben 25 Urlaubstage. 🎉";
pub(crate) const SECOND: &str = "Expenses are paid back within 14 days.";

/// A model's answer in the form that is asked for.
pub(crate) const ANSWER: &str = r#"{"statements":[
    {"text":"Vollzeitkräfte haben 25 Urlaubstage. 🎉","quotes":[{"passage":1,"quote":"get 25 days of annual leave"}]},
    {"text":"Expenses are paid back within 14 days.","quotes":[{"passage":2,"quote":"paid back within 14 days"}]}],"missing":null}"#;

pub(crate) const PASSAGES: [&str; 2] =
    ["Full-time staff get 25 days of annual leave per year.", "Expenses are paid back within 14 days."];

/// A question with two passages and time enough.
pub(crate) fn question() -> GenerateRequest {
    let passages = PASSAGES.iter().enumerate().map(|(at, text)| passage(at + 1, text)).collect();
    let question = "How many days of annual leave?".to_owned();
    GenerateRequest { question, passages, instructions: None, time_limit: Duration::from_secs(60) }
}

fn passage(number: usize, text: &str) -> Passage {
    let chunk = Chunk {
        id: format!("doc_{number}#0"),
        document_id: format!("doc_{number}"),
        filename: "handbook.md".to_owned(),
        title: "Handbook".to_owned(),
        ordinal: 0,
        page_index: 0,
        page: None,
        heading_path: Vec::new(),
        text: text.to_owned(),
        start_char: 0,
        end_char: u32::try_from(text.chars().count()).expect("short"),
    };
    Passage { number, hit: Hit { chunk, score: 1.0, bm25: None, dense: None } }
}

/// All that came of a question.
#[derive(Debug, Default)]
pub(crate) struct Came {
    /// Text of each statement, with the passages it points at.
    pub(crate) statements: Vec<(String, Vec<usize>)>,
    pub(crate) done: Option<(Usage, Option<String>)>,
    pub(crate) error: Option<Error>,
}

impl Came {
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.statements.iter().map(|(text, _)| text.as_str()).collect()
    }
}

/// Asks and listens to the end.
pub(crate) async fn ask(generator: &dyn Generator, request: GenerateRequest) -> Came {
    let mut came = Came::default();
    let mut events = generator.generate(request);
    while let Some(event) = events.next().await {
        assert!(came.done.is_none() && came.error.is_none(), "nothing comes behind the end");
        match event {
            Ok(GenerateEvent::Statement(said)) => {
                let numbers = said.quotes.iter().map(|quote| quote.passage).collect();
                came.statements.push((said.text, numbers));
            }
            Ok(GenerateEvent::Done { usage, missing }) => came.done = Some((usage, missing)),
            Err(error) => came.error = Some(error),
        }
    }
    came
}
