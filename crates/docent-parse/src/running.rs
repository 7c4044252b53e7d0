//! A child process that answers: its pipes, the clock over it, and how it died.

use crate::incoming::Unusable;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a child's standard error that are kept, to tell why it died.
const STDERR_BYTES: usize = 8 << 10;

/// mimalloc, if the program uses it, would reserve a gibibyte of addresses ahead, which the limit on addresses counts;
/// the value is in KiB.
const RESERVE_AHEAD: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "16384");

/// Why there is no answer.
pub(crate) enum End {
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
pub(crate) struct Death {
    status: Option<ExitStatus>,
    stderr: Vec<u8>,
}

impl Death {
    /// True if these words are among its last.
    pub(crate) fn said(&self, words: &str) -> bool {
        self.stderr.windows(words.len()).any(|window| window == words.as_bytes())
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }

    /// The status it ended with by itself.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }
}

/// A running child; it ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    complaints: Vec<u8>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
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
        Ok(Self { child, stdin, stdout, stderr, complaints: Vec::new() })
    }

    /// Waits for output of either kind and takes it; false when the answers' pipe is closed, which is what `take` says.
    pub(crate) fn read_some(
        &mut self,
        deadline: Instant,
        take: impl FnOnce(&mut ChildStdout) -> bool,
    ) -> Result<bool, End> {
        let left = deadline.checked_duration_since(Instant::now()).ok_or(End::Late)?;
        let (answers, errors) = self.wait(left)?;
        if errors && !self.drain() {
            self.stderr = None;
        }
        Ok(!answers || take(&mut self.stdout))
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

    /// Reads some of the child's complaints and keeps the first of them; false at their end.
    fn drain(&mut self) -> bool {
        let Some(pipe) = &mut self.stderr else { return false };
        let mut buffer = [0; 4096];
        let count = pipe.read(&mut buffer).unwrap_or(0);
        let room = STDERR_BYTES.saturating_sub(self.complaints.len());
        self.complaints.extend_from_slice(&buffer[..count.min(room)]);
        count > 0
    }

    /// Its answers' pipe is closed, so it has ended or is about to; one that is not is made to.
    pub(crate) fn death(&mut self) -> Death {
        self.stdin = None;
        let mut patience = 200;
        while matches!(self.child.try_wait(), Ok(None)) && patience > 0 {
            std::thread::sleep(Duration::from_millis(5));
            patience -= 1;
        }
        if patience == 0 {
            self.kill();
        }
        let status = self.child.wait().ok();
        while self.drain() {}
        Death { status, stderr: std::mem::take(&mut self.complaints) }
    }

    pub(crate) fn kill(&mut self) {
        let _gone = self.child.kill();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stdin = None;
        self.kill();
        let _reaped = self.child.wait();
    }
}
