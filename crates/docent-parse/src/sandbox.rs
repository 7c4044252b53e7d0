//! The parent's side of the sandbox: children that parse, a clock, and a sentence for every way a child can end.

use crate::child::{Answer, Isolation, Request, send};
use crate::incoming::{Incoming, Unusable};
use crate::limits::Limits;
use docent_core::{Format, ParsedDocument, Refusal, RefusalKind, kind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of a child's standard error that are kept, to tell why it died.
const STDERR_BYTES: usize = 8 << 10;

/// mimalloc, if the program uses it, would reserve a gibibyte of addresses ahead, which the limit on addresses counts;
/// the value is in KiB.
const RESERVE_AHEAD: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "16384");

/// Small files of these formats share children: reading them takes no decompression and no font.
const SHARED: &[Format] =
    &[Format::Markdown, Format::Html, Format::Text, Format::Csv, Format::Notebook, Format::Email, Format::Code];
/// Most bytes of a file that shares a child.
const SHARED_BYTES: u64 = 1 << 20;

/// Parses files in child processes, one file per child; only small files of simple formats follow each other in one. A
/// child that dies, hangs or answers too much is replaced; the file that did it is refused, everything else goes on.
/// Usable from several threads.
#[derive(Debug)]
pub struct Sandbox {
    program: PathBuf,
    args: Vec<String>,
    limits: Limits,
    idle: Mutex<Vec<Worker>>,
}

impl Sandbox {
    /// Children are started as `program args…` and must run [`worker_main`](crate::worker_main).
    pub fn new(program: impl Into<PathBuf>, args: Vec<String>, limits: Limits) -> Self {
        Self { program: program.into(), args, limits, idle: Mutex::new(Vec::new()) }
    }

    /// The limits each file has to keep.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Parses the file at `path`; `filename` is the name to judge it by. Blocks until there is an answer, at most
    /// [`Limits::wall_time`] (twice that when a shared child died and the file is tried again alone).
    pub fn parse_file(&self, path: &Path, filename: &str) -> Result<ParsedDocument, Refusal> {
        let shares = shares(path, filename);
        let idle = shares.then(|| self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()).flatten();
        let (worker, reused) = match idle {
            Some(worker) => (worker, true),
            None => (self.start()?, false),
        };
        match self.ask(worker, path, filename, shares) {
            // The child may have been worn out by earlier files: only a fresh one tells whose fault it is.
            Err(End::Died(_)) if reused => self.ask(self.start()?, path, filename, false),
            other => other,
        }
        .unwrap_or_else(|end| Err(self.explain(end)))
    }

    /// Starts a child and lets it try what it must not be able to do.
    ///
    /// # Errors
    /// `crashed`, if there is no child to be had or it says nothing sensible.
    pub fn isolation(&self) -> Result<Isolation, Refusal> {
        match self.start()?.ask(Path::new(""), "", &self.limits, true) {
            Ok(Answer::Probed(isolation)) => Ok(isolation),
            Ok(_) => Err(self.explain(End::Nonsense)),
            Err(end) => Err(self.explain(end)),
        }
    }

    fn start(&self) -> Result<Worker, Refusal> {
        Worker::start(&self.program, &self.args).map_err(|error| {
            let detail = format!("the parser process {} could not be started: {error}", self.program.display());
            Refusal::new(RefusalKind::Crashed, detail)
        })
    }

    fn ask(
        &self,
        mut worker: Worker,
        path: &Path,
        filename: &str,
        keep: bool,
    ) -> Result<Result<ParsedDocument, Refusal>, End> {
        let answer = worker.ask(path, filename, &self.limits, false)?;
        worker.files += 1;
        if keep && worker.files < self.limits.files_per_child {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
        match answer {
            Answer::Parsed(document) => Ok(Ok(document)),
            Answer::Refused(refusal) => Ok(Err(refusal)),
            Answer::Probed(_) => Err(End::Nonsense),
        }
    }

    fn explain(&self, end: End) -> Refusal {
        let limits = &self.limits;
        match end {
            End::Late => Refusal::new(
                RefusalKind::Timeout,
                format!("reading took longer than {} seconds", limits.wall_time.as_secs_f64()),
            ),
            End::Verbose => {
                Refusal::new(RefusalKind::TooLarge, format!("its text takes more than {} bytes", limits.output_bytes))
            }
            End::Nonsense => Refusal::new(RefusalKind::Crashed, "the parser process answered nonsense"),
            End::Died(death) => death.explain(limits),
        }
    }
}

/// True for a file that may be read by a child that has read others.
fn shares(path: &Path, filename: &str) -> bool {
    let simple = kind::by_name(filename).is_some_and(|format| SHARED.contains(&format));
    simple && std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= SHARED_BYTES)
}

/// Why there is no answer.
enum End {
    Late,
    Verbose,
    Nonsense,
    Died(Death),
}

impl From<Unusable> for End {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Verbose => Self::Verbose,
            Unusable::Nonsense => Self::Nonsense,
        }
    }
}

/// How a child died.
struct Death {
    status: Option<ExitStatus>,
    stderr: Vec<u8>,
}

impl Death {
    fn explain(&self, limits: &Limits) -> Refusal {
        const XCPU: i32 = rustix::process::Signal::XCPU.as_raw();
        const KILL: i32 = rustix::process::Signal::KILL.as_raw();
        let said = |words: &str| self.stderr.windows(words.len()).any(|window| window == words.as_bytes());
        let signal = self.status.and_then(|status| status.signal());
        if said("memory allocation of") {
            let mebibytes = limits.memory_bytes >> 20;
            return Refusal::new(RefusalKind::TooLarge, format!("reading needed more than {mebibytes} MiB of memory"));
        }
        if said("overflowed its stack") {
            return Refusal::new(
                RefusalKind::Crashed,
                "the file nests deeper than the parser can follow; it is probably damaged",
            );
        }
        match signal {
            Some(XCPU) => Refusal::new(
                RefusalKind::Timeout,
                format!("reading took longer than {} seconds of processor time", limits.cpu_seconds),
            ),
            Some(KILL) => {
                Refusal::new(RefusalKind::TooLarge, "the parser process was killed, probably for want of memory")
            }
            Some(signal) => Refusal::new(
                RefusalKind::Crashed,
                format!("the parser process died of signal {signal}; the file is probably damaged"),
            ),
            None => Refusal::new(RefusalKind::Crashed, "the parser process ended without an answer"),
        }
    }
}

/// A running child.
#[derive(Debug)]
struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    files: u32,
}

impl Worker {
    fn start(program: &Path, args: &[String]) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            // Keys and settings are none of its business.
            .env_clear()
            .env(RESERVE_AHEAD.0, RESERVE_AHEAD.1)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("no pipe to the child");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().ok_or_else(missing)?);
        let stderr = child.stderr.take();
        Ok(Self { child, stdin, stdout, stderr, files: 0 })
    }

    fn ask(&mut self, path: &Path, filename: &str, limits: &Limits, probe: bool) -> Result<Answer, End> {
        let deadline = Instant::now() + limits.wall_time;
        let request = Request { filename: filename.to_owned(), limits: limits.clone(), probe };
        let mut stderr = Vec::new();
        if self.write(&request, path).is_err() {
            return Err(self.death(stderr));
        }
        let mut incoming = Incoming::new(limits);
        loop {
            if let Some(answer) = incoming.answer()? {
                return Ok(answer);
            }
            if !self.read_some(&mut incoming, &mut stderr, deadline)? {
                return Err(self.death(stderr));
            }
        }
    }

    fn write(&mut self, request: &Request, path: &Path) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        send(stdin, &serde_json::to_vec(request)?)?;
        send(stdin, path.as_os_str().as_bytes())
    }

    /// Waits for output of either kind and takes it; false when the answers' pipe is closed.
    fn read_some(&mut self, incoming: &mut Incoming, stderr: &mut Vec<u8>, deadline: Instant) -> Result<bool, End> {
        let left = deadline.checked_duration_since(Instant::now()).ok_or(End::Late)?;
        let (answers, errors) = self.wait(left)?;
        if errors && !drain(&mut self.stderr, stderr) {
            self.stderr = None;
        }
        Ok(!answers || incoming.read_some(&mut self.stdout))
    }

    /// Which of the two pipes has something to read (or was closed).
    fn wait(&self, left: Duration) -> Result<(bool, bool), End> {
        let timeout =
            Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        let mut pipes = vec![PollFd::new(&self.stdout, PollFlags::IN)];
        pipes.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
        match poll(&mut pipes, Some(&timeout)) {
            Ok(0) => Err(End::Late),
            Ok(_) => Ok((!pipes[0].revents().is_empty(), pipes.get(1).is_some_and(|pipe| !pipe.revents().is_empty()))),
            Err(rustix::io::Errno::INTR) => Ok((false, false)),
            Err(_) => Err(End::Nonsense),
        }
    }

    fn death(&mut self, mut stderr: Vec<u8>) -> End {
        self.stdin = None;
        // Its pipes are closed, so it has ended or is about to; one that is not is made to.
        let mut patience = 200;
        while matches!(self.child.try_wait(), Ok(None)) && patience > 0 {
            std::thread::sleep(Duration::from_millis(5));
            patience -= 1;
        }
        if patience == 0 {
            let _gone = self.child.kill();
        }
        let status = self.child.wait().ok();
        while drain(&mut self.stderr, &mut stderr) {}
        End::Died(Death { status, stderr })
    }
}

/// Reads some of the child's complaints and keeps the first of them; false at their end.
fn drain(pipe: &mut Option<ChildStderr>, kept: &mut Vec<u8>) -> bool {
    let Some(pipe) = pipe else { return false };
    let mut buffer = [0; 4096];
    let count = pipe.read(&mut buffer).unwrap_or(0);
    let room = STDERR_BYTES.saturating_sub(kept.len());
    kept.extend_from_slice(&buffer[..count.min(room)]);
    count > 0
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stdin = None;
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
