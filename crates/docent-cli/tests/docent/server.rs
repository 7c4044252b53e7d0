//! `docent serve`, from its first line to its last.

use crate::http::{get, post, request};
use crate::snapshot;
use crate::terminal::{DOCENT, Terminal};
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus};

/// A running server; it is killed when the test is over.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

impl Server {
    /// Starts one on a free port and waits until it listens.
    pub(crate) fn start(terminal: &Terminal) -> Self {
        Self::start_at(terminal, "127.0.0.1:0")
    }

    /// The same at another address.
    pub(crate) fn start_at(terminal: &Terminal, address: &str) -> Self {
        let mut command = terminal.command(DOCENT);
        command.args(["serve", "--listen", address]);
        Self::start_command(command)
    }

    /// The same by a command with variables of its own.
    pub(crate) fn start_command(mut command: Command) -> Self {
        let mut process = command.spawn().expect("started");
        let mut first = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
        let address = first.trim().strip_prefix("listening on http://").map(str::to_owned);
        let address = address.unwrap_or_else(|| {
            let mut errors = String::new();
            let _ = process.stderr.take().expect("piped").read_to_string(&mut errors);
            panic!("it says: {first}{errors}")
        });
        // Nobody reads the log, and a full pipe would stop the server.
        let mut log = process.stderr.take().expect("piped");
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { process, address }
    }

    /// `kill -9`.
    pub(crate) fn die(mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("run").success());
        self.process.wait().expect("ended")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

pub(crate) fn handbook() -> Terminal {
    let terminal = Terminal::new()
        .with("DOCENT_LEASE_S", "1")
        .file("leave.md", "# Leave policy\n\nEverybody has 25 days of annual leave in a calendar year.\n");
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    terminal
}

#[test]
fn answers_over_both_contracts_and_ends_when_told() {
    let terminal = handbook();
    let server = Server::start(&terminal);
    let ask = json!({"query": "How many days of annual leave do we have?", "wait": 30});
    let answered = post(&server.address, "/v1/queries", &ask).expect("answered");
    assert_eq!(answered.status, 200, "{answered:?}");
    let query = answered.json();
    assert_eq!((&query["status"], &query["outcome"]), (&"completed".into(), &"answered".into()));

    let submit = json!({"query_text": "How many days of annual leave do we have?", "user_id": "ada"});
    let submitted = post(&server.address, "/submit_query", &submit).expect("answered").json();
    let id = submitted["query_id"].as_str().expect("an id");
    let waited = get(&server.address, &format!("/v1/queries/qry_{id}?wait=30")).expect("answered");
    assert_eq!(waited.json()["status"], "completed", "{waited:?}");
    let item = get(&server.address, &format!("/get_query?query_id={id}")).expect("answered").json();
    assert_eq!((&item["is_complete"], &item["user_id"]), (&true.into(), &"ada".into()));
    assert_eq!(get(&server.address, "/healthz").expect("answered").status, 200);
    assert_eq!(server.stop().code(), Some(0));
    // What was asked over HTTP can be explained here.
    let explained = terminal.docent(&["explain", query["id"].as_str().expect("an id"), "--json"]).json();
    assert_eq!(explained["trace"]["statements"][0]["kept"], true);
}

#[test]
fn whoever_hears_that_it_listens_may_stop_it_at_once() {
    let terminal = Terminal::new();
    for _ in 0..20 {
        assert_eq!(Server::start(&terminal).stop().code(), Some(0));
    }
}

#[test]
fn a_port_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    snapshot!(Terminal::new().docent(&["serve", "--listen", &address]), @r"
    exit 1
    --- stdout
    --- stderr
    error: somebody listens on [ADDRESS] already

    hint: choose another with --listen, for example --listen [ADDRESS]
    ");
}

#[test]
fn beyond_this_machine_only_with_a_key() {
    let terminal = Terminal::new();
    snapshot!(terminal.docent(&["serve", "--listen", "0.0.0.0:0"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: refusing to listen on 0.0.0.0:0 without an API key

    hint: make one with `docent keys create NAME --scope read,ask`, let everybody in with DOCENT_PUBLIC=read,ask, or listen on 127.0.0.1
    ");
}

#[test]
fn a_key_once_set_is_asked_for() {
    let terminal = handbook().with("DOCENT_API_KEY", "0123456789abcdef");
    let server = Server::start(&terminal);
    let without = get(&server.address, "/v1/collections").expect("answered");
    assert_eq!(without.status, 401, "{without:?}");
    let with = request(&server.address, "GET /v1/collections", &["authorization: Bearer 0123456789abcdef"], "");
    assert_eq!(with.expect("answered").status, 200);
}
