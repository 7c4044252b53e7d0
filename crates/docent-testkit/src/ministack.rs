//! AWS on this machine, as far as tests need it: `ministack` on a free loopback port, in a clean environment, for as long as
//! the value lives.
#![expect(clippy::disallowed_methods, reason = "finds the test tools by the environment, as the Makefile sets it")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often it is looked whether it listens, and how long between two looks.
const LOOKS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// A running server.
pub struct Ministack {
    process: Child,
    address: SocketAddr,
}

impl Ministack {
    /// Starts it. None, with a word on standard output, if it is not installed (`make tools` does it).
    ///
    /// # Panics
    /// If it is there and does not start.
    #[expect(clippy::print_stdout, reason = "says why a test was skipped")]
    pub fn start() -> Option<Self> {
        let program = tools().join("python/bin/ministack");
        if !program.exists() {
            println!("skipped: there is no {}", program.display());
            return None;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let process = Command::new(program)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", std::env::temp_dir())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ministack starts");
        let mut server = Self { process, address };
        server.wait();
        Some(server)
    }

    fn wait(&mut self) {
        for _ in 0..LOOKS {
            if TcpStream::connect(self.address).is_ok() {
                return;
            }
            let ended = self.process.try_wait().expect("its state");
            assert!(ended.is_none(), "ministack ended before it listened: {ended:?}");
            std::thread::sleep(PAUSE);
        }
        panic!("ministack does not listen");
    }

    /// What a program needs in its environment to use it.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let variables = [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Makes a bucket.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn make_bucket(&self, name: &str) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let request =
            format!("PUT /{name} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn tools() -> PathBuf {
    let folder = |name| std::env::var(name).ok().filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let cache = || folder("XDG_CACHE_HOME").unwrap_or_else(|| folder("HOME").unwrap_or_default().join(".cache"));
    folder("DOCENT_TOOLS").unwrap_or_else(|| cache().join("docent/tools"))
}
