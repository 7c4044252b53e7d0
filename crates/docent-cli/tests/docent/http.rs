//! Just enough HTTP to talk to a server on this machine.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Response {
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request on a connection of its own; headers are whole lines.
pub(crate) fn request(address: &str, line: &str, headers: &[&str], body: &str) -> io::Result<Response> {
    send(address, line, headers, body.as_bytes())
}

/// Uploads a file.
pub(crate) fn put(address: &str, path: &str, file: impl AsRef<[u8]>) -> io::Result<Response> {
    send(address, &format!("PUT {path}"), &[], file.as_ref())
}

fn send(address: &str, line: &str, headers: &[&str], body: &[u8]) -> io::Result<Response> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(Duration::from_secs(60)))?;
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    write!(
        connection,
        "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{kind}{more}\r\n"
    )?;
    connection.write_all(body)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, format!("no answer: {answer}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    Ok(Response { status, body: if chunked { unchunked(body) } else { body.to_owned() } })
}

pub(crate) fn get(address: &str, path: &str) -> io::Result<Response> {
    request(address, &format!("GET {path}"), &[], "")
}

pub(crate) fn post(address: &str, path: &str, body: &serde_json::Value) -> io::Result<Response> {
    request(address, &format!("POST {path}"), &[], &body.to_string())
}

fn unchunked(body: &str) -> String {
    let (mut rest, mut out) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        out.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    out
}
