//! The child's side of the sandbox: limits itself, reads requests from standard input, answers on standard output.
//!
//! A message is its length in 8 bytes, little-endian, and that many bytes. A request is a JSON [`Request`] followed by
//! the path's raw bytes as a message of their own (a path need not be UTF-8); the answer is a JSON [`Answer`] or, to a
//! request to draw a page, a [`Picture`](crate::picture::Picture).
//!
//! Started with [`BECOME_TESSERACT`] it is another child: it limits itself and becomes the program that reads pictures.

use crate::confine;
use crate::limits::Limits;
use crate::pages::Unfinished;
use crate::pdf::drawing::Drawer;
use crate::tesseract::{self, BECOME_TESSERACT};
use crate::{Parsed, parse_all};
use docent_core::{ParsedDocument, Refusal, RefusalKind};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

/// Stack of the parsing thread: nesting that parsers follow by recursion ends somewhere, and this is far enough.
const STACK_BYTES: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) filename: String,
    pub(crate) limits: Limits,
    pub(crate) work: Work,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// The file's pages.
    Parse {
        /// Pages without text will be read by OCR.
        ocr: bool,
    },
    /// A picture of a page of a PDF, by its place from 0.
    Draw { page: usize },
    /// How well the child is shut in; the path is empty.
    Probe,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Answer {
    Parsed(ParsedDocument),
    Unfinished(Unfinished),
    Refused(Refusal),
    Probed(Isolation),
}

/// What a child could not do when it tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// Opening a socket was forbidden.
    pub no_network: bool,
}

/// Serves parse requests on standard input until it is closed. The program's hidden sub-command calls this and nothing
/// else; it never returns to ordinary work.
pub fn worker_main() -> ExitCode {
    // A panic's message may quote the document; the parent learns of the failure from the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let mut arguments = std::env::args_os().skip_while(|argument| argument != BECOME_TESSERACT);
    if arguments.next().is_some() {
        return tesseract::become_tesseract(arguments);
    }
    // Before there is a second thread: the rules hold for this thread and those it starts.
    confine::shut_in();
    let served = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(serve).map(std::thread::JoinHandle::join);
    match served {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn serve() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut drawer = Drawer::default();
    while let Some(request) = receive(&mut input)? {
        let path = receive(&mut input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let request: Request = serde_json::from_slice(&request)?;
        restrict(&request.limits)?;
        let path = Path::new(std::ffi::OsStr::from_bytes(&path));
        let answer = match request.work {
            Work::Probe => Answer::Probed(probe()),
            Work::Parse { ocr } => answer(&request, path, ocr),
            Work::Draw { page } => match drawer.draw(path, page, &request.limits) {
                Ok(picture) => {
                    send(&mut output, picture.message())?;
                    continue;
                }
                Err(refusal) => Answer::Refused(refusal),
            },
        };
        send(&mut output, &serde_json::to_vec(&answer)?)?;
    }
    Ok(())
}

/// One message; nothing at the end of the stream.
fn receive(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 8];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut message = Vec::new();
    input.take(u64::from_le_bytes(length)).read_to_end(&mut message)?;
    Ok(Some(message))
}

pub(crate) fn send(output: &mut impl Write, message: &[u8]) -> io::Result<()> {
    output.write_all(&(message.len() as u64).to_le_bytes())?;
    output.write_all(message)?;
    output.flush()
}

/// Lowers what this process may use. The CPU limit is moved on with every request, because the system counts the process's
/// whole life.
fn restrict(limits: &Limits) -> io::Result<()> {
    confine::restrict(limits.memory_bytes)?;
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec.unsigned_abs();
    confine::restrict_time(used + 1 + limits.cpu_seconds)
}

fn probe() -> Isolation {
    let opened = std::net::UdpSocket::bind(("127.0.0.1", 0));
    Isolation { no_network: opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) }
}

fn answer(request: &Request, path: &Path, ocr: bool) -> Answer {
    let parsed = std::panic::catch_unwind(|| {
        let bytes = read(path, request.limits.file_bytes)?;
        parse_all(bytes, &request.filename, &request.limits)
    });
    match parsed {
        Ok(Ok(Parsed::Pages(unfinished))) if ocr && !unfinished.for_ocr().is_empty() => Answer::Unfinished(unfinished),
        Ok(parsed) => match parsed.and_then(|parsed| parsed.finish(&request.limits)) {
            Ok(document) => Answer::Parsed(document),
            Err(refusal) => Answer::Refused(refusal),
        },
        Err(_) => Answer::Refused(Refusal::new(
            RefusalKind::Crashed,
            "the parser failed on this file; it is probably damaged",
        )),
    }
}

pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Refusal> {
    let unreadable = |error: io::Error| Refusal::new(RefusalKind::Unreadable, format!("{}: {error}", path.display()));
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Refusal::new(RefusalKind::Unreadable, format!("{}: not a regular file", path.display())));
    }
    crate::check_size(metadata.len(), most)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // One byte more than allowed shows a file that grew meanwhile.
    File::open(path).map_err(unreadable)?.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
