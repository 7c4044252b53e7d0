//! AWS on this machine: ministack (a Python program, pinned in `scripts/install_test_tools.sh`), in a process of its own.
//!
//! It is spoken to in AWS's own protocols; its callers bring an SDK, and what they set up with it (tables, functions,
//! queues) goes through [`Ministack::json`] and [`Ministack::rest`], which need none.

use crate::tools;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The account of everything in it; a key of twelve digits is its own account.
pub const ACCOUNT: &str = "111111111111";
/// The region of everything in it.
pub const REGION: &str = "us-east-1";
/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running ministack, until it is dropped.
#[derive(Debug)]
pub struct Ministack {
    process: Child,
    port: u16,
    folder: PathBuf,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Ministack {
    /// Starts one on a free port, keeping its files in `folder`; none, with a printed reason, where it is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[expect(clippy::print_stdout, reason = "says why a test was skipped")]
    pub fn start(folder: &Path) -> Option<Self> {
        let program = tools::folder().join("python/bin/ministack");
        if !program.exists() {
            println!("skipped: there is no {}", program.display());
            return None;
        }
        let port = free_port();
        let log = std::fs::File::create(folder.join("ministack.log")).expect("a log");
        // Functions inherit its environment: they get none but this.
        let process = Command::new(&program)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the same log"))
            .stderr(log)
            .spawn()
            .expect("ministack starts");
        let started = Self { process, port, folder: folder.to_owned() };
        started.wait_until_ready();
        Some(started)
    }

    fn wait_until_ready(&self) {
        for _ in 0..1_200 {
            if self.http("GET", "/_ministack/health", &[], b"").is_ok_and(|answer| answer.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("ministack does not answer:\n{}", self.log());
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("ministack.log")).unwrap_or_default()
    }

    /// Where SDKs find it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A request as it is.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        request(&format!("127.0.0.1:{}", self.port), method, path, headers, body)
    }

    /// What a program needs in its environment to use it.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let variables = [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Makes a bucket.
    ///
    /// # Panics
    /// When it is refused.
    pub fn make_bucket(&self, name: &str) {
        let answer = self.http("PUT", &format!("/{name}"), &[("authorization", &authorization("s3"))], b"");
        assert_eq!(answer.expect("ministack answers").status, 200, "bucket {name}");
    }

    /// A call in the JSON protocol, for example of `DynamoDB_20120810.CreateTable`.
    ///
    /// # Panics
    /// When it is refused.
    pub fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target),
            ("authorization", &authorization(service)),
        ];
        let answer = self.http("POST", "/", &headers, body.to_string().as_bytes()).expect("ministack answers");
        assert_eq!(answer.status, 200, "{target}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// A call in the REST protocol with JSON bodies, for example of `/2015-03-31/functions`.
    ///
    /// # Panics
    /// When it is refused.
    pub fn rest(&self, service: &str, method: &str, path: &str, body: &Value) -> Value {
        let headers = [("content-type", "application/json"), ("authorization", &authorization(service))];
        let answer = self.http(method, path, &headers, body.to_string().as_bytes()).expect("ministack answers");
        assert!(answer.status < 300, "{method} {path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Makes a table for queries as the first system has it, and with our index of open queries if wanted.
    pub fn create_query_table(&self, name: &str, with_open_queries: bool) {
        let attribute = |name, kind| json!({"AttributeName": name, "AttributeType": kind});
        let key = |name, kind| json!({"AttributeName": name, "KeyType": kind});
        let mut attributes = vec![attribute("query_id", "S"), attribute("user_id", "S"), attribute("create_time", "N")];
        let mut indexes = vec![json!({
            "IndexName": "queries_by_user_id",
            "KeySchema": [key("user_id", "HASH"), key("create_time", "RANGE")],
            "Projection": {"ProjectionType": "ALL"},
        })];
        if with_open_queries {
            attributes.push(attribute("open", "S"));
            indexes.push(json!({
                "IndexName": "open_queries",
                "KeySchema": [key("open", "HASH"), key("create_time", "RANGE")],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "lease_until"]},
            }));
        }
        let table = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": attributes,
            "KeySchema": [key("query_id", "HASH")],
            "GlobalSecondaryIndexes": indexes,
        });
        self.json("dynamodb", "DynamoDB_20120810.CreateTable", &table);
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // Functions are its children: told to end, it ends them.
        let _told = Command::new("kill").arg(self.process.id().to_string()).status();
        for _ in 0..100 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A port of this machine that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// What an `authorization` header must hold: service and account are read from it, the signature is not looked at.
pub fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// One request on a connection of its own.
///
/// # Errors
/// Those of the connection, and for an answer that is none.
pub fn request(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    connection.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value.contains("chunked"));
    let body = &bytes[end + 4..];
    Some(Answer { status, headers, body: if chunked { unchunked(body)? } else { body.to_vec() } })
}

fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let rest = &body[end + 2..];
        whole.extend_from_slice(rest.get(..size)?);
        body = rest.get(size + 2..)?;
    }
}
