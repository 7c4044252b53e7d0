//! A proxy in front of an HTTP service that lets a script answer some of the requests in the service's place.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A request on its way.
#[derive(Debug)]
pub struct Passing<'a> {
    /// Its number, from 0.
    pub number: usize,
    /// Method, path and headers as they were sent.
    pub head: &'a str,
    /// What follows them.
    pub body: &'a [u8],
}

impl Passing<'_> {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }
}

/// The value of a header in a head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered with this status, this kind of content and body, and goes no further.
    Answer(u16, &'static str, String),
    /// It goes through, but its answer is lost: the connection is closed.
    LoseAnswer,
}

type Script = dyn Fn(&Passing<'_>) -> Option<Fault> + Send + Sync;

/// The proxy; it lives as long as the process.
pub struct FaultProxy {
    address: String,
    faults: Arc<AtomicUsize>,
}

impl FaultProxy {
    /// Starts one before `target` (host and port).
    pub fn start(target: &str, script: impl Fn(&Passing<'_>) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (script, target): (Arc<Script>, Arc<str>) = (Arc::new(script), target.into());
        let (numbers, faults) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&faults);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (script, target) = (Arc::clone(&script), Arc::clone(&target));
                let (numbers, counted) = (Arc::clone(&numbers), Arc::clone(&counted));
                // Either side may go away in the middle.
                std::thread::spawn(move || drop(pass(connection, &target, &*script, &numbers, &counted)));
            }
        });
        Self { address, faults }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Faults so far.
    pub fn faults(&self) -> usize {
        self.faults.load(Ordering::SeqCst)
    }
}

/// One request per connection, which both sides are told: simple, and no slower than the service behind.
fn pass(
    mut client: TcpStream,
    target: &str,
    script: &Script,
    numbers: &AtomicUsize,
    faults: &AtomicUsize,
) -> io::Result<()> {
    let Some((head, body)) = read_request(&mut client)? else { return Ok(()) };
    let fault = script(&Passing { number: numbers.fetch_add(1, Ordering::SeqCst), head: &head, body: &body });
    if fault.is_some() {
        faults.fetch_add(1, Ordering::SeqCst);
    }
    if let Some(Fault::Answer(status, kind, text)) = &fault {
        let length = text.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        return client.write_all((head + text).as_bytes());
    }
    let mut service = TcpStream::connect(target)?;
    let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:") && !line.is_empty());
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    service.write_all(&[format!("{head}connection: close\r\n\r\n").as_bytes(), &body].concat())?;
    let mut answer = Vec::new();
    service.read_to_end(&mut answer)?;
    if fault.is_none() {
        client.write_all(&closing(&answer))?;
    }
    Ok(())
}

/// The answer, which says that the connection ends with it.
fn closing(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(2).position(|window| window == b"\r\n").map_or(0, |end| end + 2);
    [&answer[..end], b"connection: close\r\n", &answer[end..]].concat()
}

pub(crate) fn read_request(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16_384];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length: usize = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(Some((head, bytes.split_off(end))))
}
