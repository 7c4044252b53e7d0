//! Events of a query as they come. ministack keeps what a function streams until all of it is there; `cargo lambda watch` sends
//! it on at once, so here it stands between the caller and the API.

use crate::stack::{Stack, bearer, quoting};
use docent_testkit::ministack::free_port;
use docent_testkit::tools;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_stream_that_breaks_is_taken_up_behind_the_last_event() {
    let Some(watch) = tools::installed("lambda-watch/bin/cargo-lambda") else { return };
    let (speaks, may_speak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (told, waits) = (Arc::clone(&speaks), Arc::clone(&may_speak));
    let model = move |call: &_| {
        told.store(true, Ordering::SeqCst);
        wait_until(|| waits.load(Ordering::SeqCst));
        quoting(call)
    };
    let Some(stack) = Stack::start(model) else { return };
    let url = Url::start(&watch, &stack);
    let id = stack.ask("How many days of annual leave?");
    wait_until(|| speaks.load(Ordering::SeqCst));

    let mut first = url.events(&id, None);
    assert!(first.head.contains("text/event-stream"), "{}", first.head);
    assert_eq!(stack.query(&id)["status"], "in_progress", "the stream has begun and the answer is not there");
    may_speak.store(true, Ordering::SeqCst);
    assert_eq!(first.next(), (1, "status".to_owned()));
    drop(first);

    let second = url.events(&id, Some(1)).drained();
    let expected = [(2, "sources"), (3, "statement"), (4, "done")].map(|(number, name)| (number, name.to_owned()));
    assert_eq!(second, expected, "nothing twice and nothing left out");
    assert_eq!(url.events(&id, Some(4)).drained().last(), Some(&(5, "done".to_owned())), "an end, however late");
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never is");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The API behind a URL that streams, until it is dropped.
struct Url {
    watch: Child,
    api: Child,
    address: String,
}

impl Url {
    fn start(watch: &std::path::Path, stack: &Stack) -> Self {
        let (port, address) = (free_port().to_string(), "127.0.0.1");
        let mut command = Command::new(watch);
        command.args(["lambda", "watch", "--only-lambda-apis", "--offline", "-A", address, "-P", &port]);
        let watch = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("cargo-lambda starts");
        let address = format!("{address}:{port}");
        wait_until(|| TcpStream::connect(&address).is_ok());
        let api = stack.start_api(&format!("http://{address}/.rt/api"));
        Self { watch, api, address }
    }

    /// The events of a query, behind one that was seen.
    fn events(&self, id: &str, seen: Option<u32>) -> Events {
        let mut connection = TcpStream::connect(&self.address).expect("connected");
        connection.set_read_timeout(Some(PATIENCE)).expect("set");
        let seen = seen.map_or_else(String::new, |seen| format!("last-event-id: {seen}\r\n"));
        let path = format!("/lambda-url/api/v1/queries/{id}/events");
        let (host, key) = (&self.address, bearer());
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: {key}\r\n{seen}\r\n");
        connection.write_all(request.as_bytes()).expect("asked");
        let mut lines = BufReader::new(connection).lines();
        let head = lines.by_ref().map(|line| line.expect("a line of the head")).take_while(|line| !line.is_empty());
        let head = head.collect::<Vec<_>>().join("\n");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        Events { head, lines }
    }
}

impl Drop for Url {
    fn drop(&mut self) {
        for process in [&mut self.api, &mut self.watch] {
            let _gone = process.kill().and_then(|()| process.wait());
        }
    }
}

/// An event stream: what else is in its lines, sizes of chunks and data, is passed by.
struct Events {
    head: String,
    lines: Lines<BufReader<TcpStream>>,
}

impl Events {
    fn field(&mut self, name: &str) -> Option<String> {
        let prefix = format!("{name}: ");
        self.lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
    }

    /// Number and name of the next one, if there is one.
    fn one(&mut self) -> Option<(u32, String)> {
        let number = self.field("id")?.parse().expect("a number");
        Some((number, self.field("event")?))
    }

    fn next(&mut self) -> (u32, String) {
        self.one().expect("an event")
    }

    fn drained(mut self) -> Vec<(u32, String)> {
        std::iter::from_fn(|| self.one()).collect()
    }
}
