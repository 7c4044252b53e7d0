//! Agents and chat clients at their door: the protocol's own Python client, on both transports, against the real program.

use crate::http::{Response, request};
use crate::server::Server;
use crate::terminal::{DOCENT, Terminal};
use docent_testkit::tools;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

const LEAVE: &str = "Everybody has 25 days of annual leave in a calendar year.";
/// As clients without a handshake, and those that try to do without.
const MODES: [&str; 2] = ["legacy", "auto"];

fn site() -> Terminal {
    let terminal = Terminal::new()
        .with("DOCENT_COLLECTION", "people")
        .file("leave.md", format!("# Leave policy\n\n{LEAVE}\n"))
        .file("salaries.md", "# Salaries\n\nNobody knows about annual leave here.\n");
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    terminal.docent(&["ingest", "salaries.md", "--collection", "secret"]).succeeded();
    terminal
}

/// A key that sees `people` alone.
fn key(terminal: &Terminal, scopes: &str) -> String {
    let made = terminal.docent(&["keys", "create", "agent", "--scope", scopes, "--collection", "people", "--json"]);
    made.json()["key"].as_str().expect("a secret").to_owned()
}

/// What the client says; nothing where it is not installed.
#[expect(clippy::print_stdout, reason = "says why a test was skipped")]
fn told(mode: &str, arguments: &[&str]) -> Option<Value> {
    let python = tools::folder().join("mcp/bin/python3");
    if !python.is_file() {
        println!("skipped: the client is not installed; scripts/install_test_tools.sh does it");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docent/clients/mcp_client.py");
    let output = Command::new(python).arg(script).arg(mode).args(arguments).output().expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn on_stdio(terminal: &Terminal, mode: &str, more: &[(&str, &str)]) -> Option<Value> {
    let mut variables = terminal.variables();
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    told(mode, &["stdio", DOCENT, &Value::Object(variables).to_string(), "mcp"])
}

/// What every client is told, whatever it came by; `address` is how it calls the server.
fn check_answers(told: &Value, address: Option<&str>) {
    assert_eq!(told["server"], "docent");
    let tools = told["tools"].as_object().expect("tools");
    assert_eq!(tools.keys().collect::<Vec<_>>(), ["ask", "fetch", "search", "status"]);
    assert!(tools.values().all(|tool| tool["read_only_hint"] == true && tool["open_world_hint"] == false), "{tools:?}");
    for tool in ["search", "fetch", "ask", "status"] {
        let answer = &told[tool];
        assert_eq!(answer["is_error"], false, "{tool}: {answer}");
        let text: Value = serde_json::from_str(answer["text"].as_str().expect("text")).expect("JSON");
        assert_eq!(text, answer["structured"], "{tool}");
    }
    let found = &told["search"]["structured"]["results"][0];
    assert!(found["title"] == "Leave policy" && found["text"].as_str().expect("text").contains(LEAVE), "{found}");
    let fetched = &told["fetch"]["structured"];
    assert_eq!((&fetched["id"], &fetched["url"]), (&found["id"], &found["url"]));
    assert!(fetched["text"].as_str().expect("text").contains(LEAVE), "{fetched}");
    assert_eq!((&fetched["metadata"]["filename"], &fetched["metadata"]["pages"]), (&json!("leave.md"), &json!("1")));
    let asked = &told["ask"]["structured"];
    assert_eq!((&asked["outcome"], &asked["citations"][0]["id"]), (&json!("answered"), &found["id"]), "{asked}");
    assert!(LEAVE.contains(asked["citations"][0]["text"].as_str().expect("a quote")), "{asked}");
    assert_eq!(asked["citations"][0]["verification"], "verified");
    let begins = address.map_or_else(|| "docent:".to_owned(), |address| format!("http://{address}/"));
    for url in [&found["url"], &asked["url"]] {
        assert!(url.as_str().expect("a URL").starts_with(&begins), "{url}");
    }
    for (call, hint) in [("nonsense", "`search`"), ("misspelt", "description")] {
        let refused = told[call]["text"].as_str().expect("text");
        assert!(told[call]["is_error"] == true && refused.contains("\nhint: ") && refused.contains(hint), "{refused}");
    }
}

fn collections(told: &Value) -> Vec<&str> {
    let all = told["status"]["structured"]["collections"].as_array().expect("collections");
    all.iter().map(|one| one["name"].as_str().expect("a name")).collect()
}

#[test]
fn whoever_starts_the_program_may_do_everything_on_standard_input() {
    let terminal = site();
    for mode in MODES {
        let Some(told) = on_stdio(&terminal, mode, &[]) else { return };
        check_answers(&told, None);
        assert_eq!(collections(&told), ["people", "secret"]);
        assert_eq!(told["elsewhere"]["structured"]["results"][0]["title"], "Salaries");
    }
}

#[test]
fn a_key_holds_a_client_on_standard_input_to_what_it_sees() {
    let terminal = site();
    let key = key(&terminal, "read,ask");
    let Some(told) = on_stdio(&terminal, "auto", &[("DOCENT_MCP_KEY", &key)]) else { return };
    check_answers(&told, None);
    assert_eq!(collections(&told), ["people"]);
    let refused = told["elsewhere"]["text"].as_str().expect("text");
    assert!(refused.starts_with("error: there is no collection `secret` (not_found)\nhint: "), "{refused}");
    let wrong = on_stdio(&terminal, "auto", &[("DOCENT_MCP_KEY", "dk_wrong_wrong")]).expect("installed");
    assert!(wrong["ask"]["text"].as_str().expect("text").starts_with("error: this key is not known"), "{wrong}");
}

#[test]
fn over_http_a_key_sees_what_it_sees_everywhere() {
    let terminal = site();
    let (all, reader) = (key(&terminal, "read,ask"), key(&terminal, "read"));
    let server = Server::start(&terminal);
    let url = format!("http://{}/mcp", server.address);
    for mode in MODES {
        let Some(told) = told(mode, &["http", &url, &all]) else { return };
        check_answers(&told, Some(&server.address));
        assert_eq!(collections(&told), ["people"]);
        assert!(told["elsewhere"]["text"].as_str().expect("text").contains("no collection `secret`"), "{told}");
    }
    let told = told("auto", &["http", &url, &reader]).expect("installed");
    let refused = told["ask"]["text"].as_str().expect("text");
    assert!(told["search"]["is_error"] == false && refused.contains("scope `ask`"), "{told}");
}

/// A call as a client without a handshake makes it.
fn call(address: &str, path: &str, tool: &str, arguments: &Value, headers: &[&str]) -> Response {
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
    let accepts = ["accept: application/json, text/event-stream", "mcp-protocol-version: 2025-06-18"];
    request(address, &format!("POST {path}"), &[&accepts, headers].concat(), &body.to_string()).expect("answered")
}

#[test]
fn web_pages_of_others_are_kept_out_and_rates_hold() {
    let terminal = site().with("DOCENT_RATE_LIMIT_PER_MINUTE", "4");
    let server = Server::start(&terminal);
    let (address, port) = (server.address.as_str(), server.address.rsplit(':').next().expect("a port"));
    let own = format!("origin: http://{address}");
    let local = format!("host: localhost:{port}");
    let status = json!({});
    assert_eq!(call(address, "/mcp", "status", &status, &[&own]).status, 200);
    // A page of another origin, and one whose name was made to point here.
    for headers in [["origin: https://evil.example"].as_slice(), &["origin: null"]] {
        let refused = call(address, "/mcp", "status", &status, headers);
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (403, &json!("origin_not_allowed")),
            "{refused:?}"
        );
    }
    let rebound = raw(address, "evil.example");
    assert!(rebound.starts_with("HTTP/1.1 403 "), "{rebound}");
    assert!(raw(address, &local["host: ".len()..]).starts_with("HTTP/1.1 200 "), "{local}");
    let named = call(address, "/mcp?collection=secret", "search", &json!({"query": "annual leave"}), &[]);
    assert_eq!(named.json()["result"]["structuredContent"]["results"][0]["title"], "Salaries", "{named:?}");
    // Every message is a request, and the fourth was the last; not even a slow machine gives five back.
    let replies: Vec<_> = (0..6).map(|_| call(address, "/mcp", "status", &status, &[])).collect();
    let last = replies.last().expect("six");
    assert_eq!((last.status, &last.json()["error"]["code"]), (429, &json!("rate_limited")), "{last:?}");
}

#[test]
fn without_a_key_where_one_is_needed() {
    let server = Server::start(&site().with("DOCENT_API_KEY", "0123456789abcdef"));
    let refused = call(&server.address, "/mcp", "status", &json!({}), &[]);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (401, &json!("unauthorized")), "{refused:?}");
    // With a key, the name that the server is called by is nobody's business.
    let key = ["authorization: Bearer 0123456789abcdef"];
    assert_eq!(call(&server.address, "/mcp", "status", &json!({}), &key).status, 200);
}

/// The beginning of the answer to a call that names this host.
fn raw(address: &str, host: &str) -> String {
    use std::io::Read;
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "status", "arguments": {}}});
    let body = body.to_string();
    let mut connection = std::net::TcpStream::connect(address).expect("connected");
    let length = body.len();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {length}\r\n\r\n"
    );
    connection.write_all((head + &body).as_bytes()).expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("read");
    answer
}

#[test]
fn nothing_but_the_protocol_is_on_standard_output() {
    let terminal = site().with("DOCENT_LOG_LEVEL", "debug");
    let mut process = terminal.command(DOCENT).arg("mcp").stdin(Stdio::piped()).spawn().expect("started");
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",
        "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let ask = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "ask", "arguments": {"query": "How many days of annual leave do we have?"}}});
    let mut input = process.stdin.take().expect("piped");
    for message in [hello, ready, ask] {
        writeln!(input, "{message}").expect("sent");
    }
    let output = std::io::BufReader::new(process.stdout.take().expect("piped"));
    let lines = std::io::BufRead::lines(output).map(|line| line.expect("UTF-8"));
    let answers: Vec<Value> = lines.take(2).map(|line| serde_json::from_str(&line).expect("JSON")).collect();
    assert_eq!(answers[0]["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(answers[1]["result"]["structuredContent"]["outcome"], "answered", "{answers:?}");
    // The client goes, and so does the program.
    drop(input);
    assert_eq!(process.wait_with_output().expect("ended").status.code(), Some(0));
}
