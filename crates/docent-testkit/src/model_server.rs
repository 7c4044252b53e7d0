//! An OpenAI-compatible server in this process, for programs under test that are processes of their own.
//!
//! It embeds by hashing words, and answers as a script says: with statements and quotes, with a refusal, with nonsense, late
//! or never. It counts who asked what with which key, and holds embeddings back when a test wants to come in between.

use crate::provider::hashed_words;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a test waits for a call that is to be held.
const PATIENCE: Duration = Duration::from_secs(120);

/// A call for an answer.
#[derive(Clone, Debug)]
pub struct ChatCall {
    /// All that the model is told, question and passages.
    pub prompt: String,
    /// The key that was shown.
    pub key: Option<String>,
}

/// What the server does with a call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers with one statement and the quote that backs it.
    Says(String, String),
    /// Says that the passages do not answer the question.
    FindsNothing,
    /// Refuses with this status.
    Refuses(u16),
    /// Sends something that is no answer.
    Nonsense,
    /// Waits, then does this.
    After(Duration, Box<Reply>),
    /// Never answers.
    Silence,
}

type Script = dyn Fn(&ChatCall) -> Reply + Send + Sync;

/// The server; it lives as long as the process.
#[derive(Clone)]
pub struct ModelServer {
    address: String,
    calls: Arc<Mutex<Vec<ChatCall>>>,
    gate: Arc<Gate>,
    script: Arc<Script>,
}

/// Where calls for embeddings pass.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    moved: Condvar,
}

#[derive(Default)]
struct GateState {
    /// Calls that may still pass; none: all.
    left: Option<usize>,
    held: usize,
    texts: usize,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this call may pass, with so many texts.
    fn pass(&self, texts: usize) {
        let mut state = self.lock();
        state.held += 1;
        self.moved.notify_all();
        let shut = |state: &mut GateState| state.left == Some(0);
        state = self.moved.wait_while(state, shut).unwrap_or_else(PoisonError::into_inner);
        state.held -= 1;
        state.left = state.left.map(|left| left - 1);
        state.texts += texts;
    }
}

impl ModelServer {
    /// Starts one that does with each call what the script says.
    pub fn start(script: impl Fn(&ChatCall) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = Self { address, calls: Arc::default(), gate: Arc::default(), script: Arc::new(script) };
        let serving = server.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let server = serving.clone();
                // A client that goes away in the middle is its own business.
                std::thread::spawn(move || drop(server.serve(&connection)));
            }
        });
        server
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The calls for answers so far whose prompt holds `text`.
    pub fn calls_about(&self, text: &str) -> Vec<ChatCall> {
        self.lock().iter().filter(|call| call.prompt.contains(text)).cloned().collect()
    }

    /// Texts that were embedded so far.
    pub fn texts_embedded(&self) -> usize {
        self.gate.lock().texts
    }

    /// Answers so many calls for embeddings from now on, all with `None`, and holds the others back.
    pub fn let_embeddings_pass(&self, calls: Option<usize>) {
        self.gate.lock().left = calls;
        self.gate.moved.notify_all();
    }

    /// Waits until a call for embeddings is held back.
    ///
    /// # Panics
    /// If none is after two minutes.
    pub fn wait_for_a_held_call(&self) {
        let passing = |state: &mut GateState| state.left != Some(0) || state.held == 0;
        let waited = self.gate.moved.wait_timeout_while(self.gate.lock(), PATIENCE, passing);
        let waited = waited.unwrap_or_else(PoisonError::into_inner).1;
        assert!(!waited.timed_out(), "nothing was to be embedded");
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ChatCall>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection);
        while let Some((path, key, body)) = read_request(&mut reader)? {
            if path.ends_with("/embeddings") {
                self.gate.pass(body["input"].as_array().map_or(1, Vec::len));
                send(connection, 200, &embeddings(&body))?;
                continue;
            }
            let messages = body["messages"].as_array().cloned().unwrap_or_default();
            let texts: Vec<&str> = messages.iter().filter_map(|message| message["content"].as_str()).collect();
            let call = ChatCall { prompt: texts.join("\n"), key };
            let reply = (self.script)(&call);
            self.lock().push(call);
            self.reply(connection, &reply)?;
        }
        Ok(())
    }

    fn reply(&self, connection: &TcpStream, reply: &Reply) -> io::Result<()> {
        match reply {
            Reply::Says(text, quote) => {
                let statement = json!({"text": text, "quotes": [{"passage": 1, "quote": quote}]});
                send(connection, 200, &completion(&json!({"statements": [statement], "missing": null})))
            }
            Reply::FindsNothing => {
                send(connection, 200, &completion(&json!({"statements": [], "missing": "nothing is said about it"})))
            }
            Reply::Refuses(status) => {
                send(connection, *status, &json!({"error": {"message": "as the script says", "type": "error"}}))
            }
            Reply::Nonsense => send(connection, 200, &json!(["no", "completion"])),
            Reply::After(pause, then) => {
                std::thread::sleep(*pause);
                self.reply(connection, then)
            }
            Reply::Silence => loop {
                std::thread::park();
            },
        }
    }
}

fn embeddings(body: &Value) -> Value {
    let texts = body["input"].as_array().cloned().unwrap_or_default();
    let vector = |(index, text): (usize, &Value)| json!({"object": "embedding", "index": index, "embedding": hashed_words(text.as_str().unwrap_or_default())});
    let data: Vec<Value> = texts.iter().enumerate().map(vector).collect();
    json!({"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 8, "total_tokens": 8}})
}

fn completion(content: &Value) -> Value {
    let message = json!({"role": "assistant", "content": content.to_string()});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120});
    json!({"id": "c", "object": "chat.completion", "model": "scripted", "choices": [choice], "usage": usage})
}

type Request = (String, Option<String>, Value);

/// Path, key and body of the next request; nothing when the connection is closed.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let (mut path, mut key, mut length) = (None, None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim();
        if path.is_none() {
            path = Some(line.split(' ').nth(1).unwrap_or_default().to_owned());
        } else if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "authorization" => key = value.trim().strip_prefix("Bearer ").map(str::to_owned),
                _ => {}
            }
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((path.unwrap_or_default(), key, serde_json::from_slice(&body).unwrap_or_default())))
}

fn send(mut connection: &TcpStream, status: u16, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    // One write: a body that follows its head in a second one waits for the client's delayed acknowledgement.
    connection.write_all((head + &body).as_bytes())
}
