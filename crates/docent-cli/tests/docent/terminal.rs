//! A terminal in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program under test.
pub(crate) const DOCENT: &str = env!("CARGO_BIN_EXE_docent");

/// A folder with files, a data folder and variables of its own.
pub(crate) struct Terminal {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Terminal {
    /// An empty folder; nothing of the machine's own settings reaches the program.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().join("home");
        std::fs::create_dir(&home).expect("made");
        let variables = [
            ("HOME", home.to_string_lossy().into_owned()),
            ("DOCENT_DATA", folder.path().join("data").to_string_lossy().into_owned()),
            // One file at a time, so that reports come in one order.
            ("DOCENT_PARSE_WORKERS", "1".to_owned()),
        ];
        Self { folder, variables: variables.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    /// The same, with a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, with a file.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    /// A path below the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its variables, for a program that starts the program.
    pub(crate) fn variables(&self) -> serde_json::Map<String, serde_json::Value> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
    }

    /// The program, ready to start.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts `docent` and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(DOCENT).args(arguments).spawn().expect("started")
    }

    /// Runs `docent` to its end.
    pub(crate) fn docent(&self, arguments: &[&str]) -> Ran {
        self.finish(self.command(DOCENT).args(arguments))
    }

    /// Runs lines of shell in which `"$program"` is the program.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        self.finish(self.command("/bin/sh").env("program", DOCENT).arg("-c").arg(script))
    }

    /// Runs a command to its end.
    pub(crate) fn finish(&self, command: &mut Command) -> Ran {
        let output = command.output().expect("run");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran {
            status: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            folder: self.folder.path().to_string_lossy().into_owned(),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    folder: String,
}

impl Ran {
    /// All of it, with what differs from run to run blanked by [`snapshot!`](crate::snapshot).
    pub(crate) fn transcript(&self) -> String {
        let status = self.status.map_or_else(|| "signal".to_owned(), |status| status.to_string());
        let text = format!("exit {status}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr);
        text.replace(&self.folder, "[FOLDER]").replace(DOCENT, "docent")
    }

    /// Fails the test unless the program succeeded; returns what it printed.
    #[track_caller]
    pub(crate) fn succeeded(&self) -> &str {
        assert_eq!(self.status, Some(0), "{}", self.transcript());
        &self.stdout
    }

    /// What it printed with `--json`.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.transcript()))
    }

    /// What it printed with `--json`, line by line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", self.transcript()));
        self.stdout.lines().map(parse).collect()
    }
}

/// Compares a transcript with the text that follows.
#[macro_export]
macro_rules! snapshot {
    ($ran:expr, @$text:literal) => {{
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"[0-9a-f]{32}", "[ID]");
        settings.add_filter(r"gen_\d+_[0-9a-f]+", "gen_[ID]");
        settings.add_filter(r"\b\d+(\.\d+)? ms", "[N] ms");
        settings.add_filter(r"\((embedding|search|answer) \d+, search \d+, answer \d+\)", "([TIMES])");
        settings.add_filter(r"\b\d+\.\d{3,4}\b", "[SCORE]");
        settings.add_filter(r"127\.0\.0\.1:\d+", "[ADDRESS]");
        settings.bind(|| insta::assert_snapshot!($ran.transcript(), @$text));
    }};
}
