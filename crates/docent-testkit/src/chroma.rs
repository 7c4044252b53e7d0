//! A real Chroma server, and the Python client of its makers, from the folder of test tools.

use crate::ministack::free_port;
use crate::tools;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What `chroma run` of the package does, without the rest that its console script loads.
const RUN: &str = "import chromadb_rust_bindings, sys; chromadb_rust_bindings.cli(['chroma'] + sys.argv[1:])";
/// The Python that has its package, below the folder of test tools.
const PYTHON: &str = "chroma/bin/python";
/// How often a server that starts is looked at.
const LOOKS: usize = 600;

/// A server with a folder of its own; it ends with this value.
pub struct ChromaServer {
    process: Child,
    port: u16,
}

impl ChromaServer {
    /// Starts one that keeps its data in this folder, or says why not and returns nothing: its package is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn start(folder: &Path) -> Option<Self> {
        let python = tools::installed(PYTHON)?;
        // Somebody else may take the port before the server does.
        let started = (0..3).find_map(|_| Self::on_port(&python, folder, free_port()));
        Some(started.expect("the Chroma server starts"))
    }

    fn on_port(python: &Path, folder: &Path, port: u16) -> Option<Self> {
        let mut command = Command::new(python);
        command.args(["-c", RUN, "run", "--host", "127.0.0.1", "--port", &port.to_string(), "--path"]);
        command.arg(folder.join("chroma")).env_clear().env("HOME", folder).current_dir(folder);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let mut server = Self { process, port };
        for _ in 0..LOOKS {
            if get(port, "/api/v2/heartbeat").is_some_and(|answer| answer.contains("heartbeat")) {
                return Some(server);
            }
            if server.process.try_wait().ok()?.is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs a Python program in which `client` is a client of this server and `given` is this JSON.
    ///
    /// # Panics
    /// When the program fails; the message is what it said.
    pub fn python(&self, program: &str, given: &serde_json::Value) -> String {
        let opening = format!(
            "import chromadb, json, sys\nclient = chromadb.HttpClient(host='127.0.0.1', port={})\n\
             given = json.load(sys.stdin)\n",
            self.port
        );
        let mut command = Command::new(tools::folder().join(PYTHON));
        command.arg("-c").arg(opening + program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("Python starts");
        let mut input = process.stdin.take().expect("a pipe");
        input.write_all(given.to_string().as_bytes()).expect("read by Python");
        drop(input);
        let output = process.wait_with_output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Drop for ChromaServer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    Some(answer)
}
