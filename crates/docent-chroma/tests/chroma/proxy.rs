//! What stands before a Chroma server: it lets requests pass, or does to them what networks and gatekeepers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request.
pub(crate) enum Fate {
    Pass,
    /// This answer: status and JSON, with further headers in between.
    Answer(u16, &'static str, &'static str),
    /// No answer, and the connection stays open.
    Hang,
    /// No answer, and the connection ends.
    Cut,
}

/// A request's head and body as text.
pub(crate) struct Request {
    pub(crate) text: String,
}

impl Request {
    /// True for those that change something.
    pub(crate) fn writes(&self) -> bool {
        let line = self.text.lines().next().unwrap_or_default();
        line.starts_with("DELETE")
            || ["/upsert ", "/update ", "/delete ", "/collections "].iter().any(|end| line.contains(end))
                && line.starts_with("POST")
    }
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    /// Sends what passes to the server at this port.
    pub(crate) async fn before(port: u16, plan: impl Fn(&Request) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (requests, plan) = (Arc::new(AtomicUsize::new(0)), Arc::new(plan));
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (plan, counter) = (Arc::clone(&plan), Arc::clone(&counter));
                tokio::spawn(async move { serve(connection, port, &*plan, &counter).await });
            }
        });
        Self { url, requests }
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// One request, then the end of the connection.
async fn serve(
    mut client: TcpStream,
    port: u16,
    plan: &(dyn Fn(&Request) -> Fate + Send + Sync),
    counter: &AtomicUsize,
) {
    let Some(bytes) = request(&mut client).await else { return };
    counter.fetch_add(1, Ordering::SeqCst);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match plan(&Request { text }) {
        Fate::Pass => {
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            if server.write_all(&closing(&bytes)).await.is_ok() {
                // Whoever goes away first ends it.
                let _ = tokio::io::copy(&mut server, &mut client).await;
            }
        }
        Fate::Answer(status, headers, body) => {
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
            let _ = client.write_all(answer.as_bytes()).await;
        }
        Fate::Hang => std::future::pending().await,
        Fate::Cut => {}
    }
}

async fn request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = client.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            return Some(bytes);
        }
    }
}

/// The request with a header that makes the server end the connection.
fn closing(bytes: &[u8]) -> Vec<u8> {
    let line = bytes.windows(2).position(|two| two == b"\r\n").map_or(0, |at| at + 2);
    [&bytes[..line], b"Connection: close\r\n", &bytes[line..]].concat()
}
