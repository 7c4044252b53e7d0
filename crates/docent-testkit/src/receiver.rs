//! A receiver of webhooks on this machine: it answers as a script says, and keeps what came.

use crate::fault_proxy::{header, read_request};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest wait for a delivery, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request that came.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Method, path and headers as they were sent.
    pub head: String,
    /// What follows them.
    pub body: String,
}

impl Delivery {
    /// The value of a header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        header(&self.head, name).unwrap_or_default()
    }
}

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Answers with this status.
    Status(u16),
    /// Sends the caller elsewhere.
    Redirect(String),
    /// Closes the connection without a word.
    HangUp,
    /// Never answers.
    Silence,
}

type Script = dyn Fn(usize) -> Verdict + Send + Sync;

/// The receiver; it lives as long as the process.
#[derive(Clone)]
pub struct Receiver {
    /// Host and port.
    pub address: String,
    came: Arc<(Mutex<Vec<Delivery>>, Condvar)>,
    script: Arc<Script>,
}

impl Receiver {
    /// Starts one that does with each request, by its number from 0, what the script says.
    pub fn start(script: impl Fn(usize) -> Verdict + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let receiver = Self { address, came: Arc::default(), script: Arc::new(script) };
        let serving = receiver.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let receiver = serving.clone();
                // The caller may go away in the middle.
                std::thread::spawn(move || drop(receiver.answer(connection)));
            }
        });
        receiver
    }

    /// A URL of it, over http.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What came so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.lock().clone()
    }

    /// What came, once it is so many.
    pub fn wait_for(&self, count: usize) -> Vec<Delivery> {
        let lock = self.lock();
        let waited = self.came.1.wait_timeout_while(lock, PATIENCE, |came| came.len() < count);
        let (came, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(came.len() >= count, "{} of {count} deliveries came: {came:?}", came.len());
        came.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.came.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, mut connection: TcpStream) -> io::Result<()> {
        let Some((head, body)) = read_request(&mut connection)? else { return Ok(()) };
        let delivery = Delivery { head, body: String::from_utf8_lossy(&body).into_owned() };
        let number = {
            let mut came = self.lock();
            came.push(delivery);
            came.len() - 1
        };
        self.came.1.notify_all();
        match (self.script)(number) {
            Verdict::Status(status) => say(&mut connection, status, ""),
            Verdict::Redirect(to) => say(&mut connection, 302, &format!("location: {to}\r\n")),
            Verdict::HangUp => Ok(()),
            Verdict::Silence => loop {
                std::thread::park();
            },
        }
    }
}

fn say(connection: &mut TcpStream, status: u16, headers: &str) -> io::Result<()> {
    let body = "private words of the receiver";
    let length = body.len();
    write!(connection, "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}
