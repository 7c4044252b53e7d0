//! A model server with moods, on this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What it does with every request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// Says this, in a stream if it was asked for one.
    Says(&'static str),
    /// Refuses with this status and message.
    Refuses(u16, &'static str),
    /// Is busy this many times, then says the answer.
    BusyThenSays(usize, &'static str),
    /// Takes the request and never answers.
    Silent,
    /// Begins to stream this and breaks off.
    BreaksOff(&'static str),
}

/// The server; it lives as long as the test.
pub(crate) struct Endpoint {
    address: String,
    requests: Arc<AtomicUsize>,
}

impl Endpoint {
    pub(crate) fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || serve(connection, mood, &counter));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// The URL of a port that nobody listens on.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}/v1", listener.local_addr().expect("an address"))
}

fn serve(mut connection: TcpStream, mood: Mood, counter: &AtomicUsize) {
    let mut reader = BufReader::new(connection.try_clone().expect("cloned"));
    while let Some(request) = read_request(&mut reader) {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        let answered = match mood {
            Mood::Says(answer) if !request.contains("\"stream\":true") => complete(&mut connection, answer),
            Mood::Says(answer) => stream(&mut connection, answer, true),
            Mood::BusyThenSays(times, _) if number < times => {
                refuse(&mut connection, 429, "slow down", "retry-after: 0\r\n")
            }
            Mood::BusyThenSays(_, answer) => stream(&mut connection, answer, true),
            Mood::Refuses(status, message) => refuse(&mut connection, status, message, ""),
            Mood::BreaksOff(answer) => return drop(stream(&mut connection, answer, false)),
            Mood::Silent => continue,
        };
        if answered.is_err() {
            return;
        }
    }
}

/// The body of the next request; nothing when the connection is closed.
fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

fn complete(connection: &mut TcpStream, answer: &str) -> std::io::Result<()> {
    let message = serde_json::json!({"role": "assistant", "content": answer});
    let choice = serde_json::json!({"index": 0, "message": message, "finish_reason": "stop"});
    let body = serde_json::json!({"model": "stub", "choices": [choice]}).to_string();
    let length = body.len();
    write!(connection, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn refuse(connection: &mut TcpStream, status: u16, message: &str, headers: &str) -> std::io::Result<()> {
    let body = serde_json::json!({"error": {"message": message, "type": "error"}}).to_string();
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

fn stream(connection: &mut TcpStream, answer: &str, to_the_end: bool) -> std::io::Result<()> {
    write!(connection, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let middle = (0..=answer.len() / 2).rev().find(|at| answer.is_char_boundary(*at)).expect("a boundary");
    let (first, second) = answer.split_at(middle);
    event(connection, &delta(first).to_string())?;
    if to_the_end {
        event(connection, &delta(second).to_string())?;
        let usage = serde_json::json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120});
        let end = serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage});
        event(connection, &end.to_string())?;
        event(connection, "[DONE]")?;
        write!(connection, "0\r\n\r\n")?;
    }
    connection.flush()
}

fn delta(text: &str) -> serde_json::Value {
    serde_json::json!({"model": "stub", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

fn event(connection: &mut TcpStream, data: &str) -> std::io::Result<()> {
    let event = format!("data: {data}\n\n");
    write!(connection, "{:x}\r\n{event}\r\n", event.len())
}
