//! The parent's side of the sandbox: children that parse, a clock, and a sentence for every way a child can end.

use crate::child::{Answer, Isolation, Request, Work, send};
use crate::incoming::{self, Incoming};
use crate::limits::Limits;
use crate::picture::Picture;
use crate::running::{Death, End, Running};
use crate::tesseract::{Recogniser, Tesseract, TesseractSettings};
use docent_core::{Format, ParsedDocument, Refusal, RefusalKind, kind};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

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
    pub(crate) recogniser: Option<Recogniser>,
}

impl Sandbox {
    /// Children are started as `program args…` and must run [`worker_main`](crate::worker_main).
    pub fn new(program: impl Into<PathBuf>, args: Vec<String>, limits: Limits) -> Self {
        Self { program: program.into(), args, limits, idle: Mutex::new(Vec::new()), recogniser: None }
    }

    /// The same, with pages of PDFs that have no text of their own read by tesseract.
    #[must_use]
    pub fn with_ocr(mut self, settings: TesseractSettings) -> Self {
        let (program, args) = (self.program.clone(), self.args.clone());
        self.recogniser = Some(Recogniser::new(program, args, settings, self.limits.clone()));
        self
    }

    /// The limits each file has to keep.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The tesseract that pages without text are read by, as it says itself; it is asked once. None where none is wanted.
    ///
    /// # Errors
    /// A sentence that says why it cannot be used.
    pub fn tesseract(&self) -> Option<Result<&Tesseract, &str>> {
        let found = self.recogniser.as_ref()?.found();
        Some(found.as_ref().map_err(String::as_str))
    }

    /// Parses the file at `path`; `filename` is the name to judge it by. Blocks until there is an answer, at most
    /// [`Limits::wall_time`] (twice that when a shared child died and the file is tried again alone), and as long again to
    /// draw and to read each page that is given to OCR.
    pub fn parse_file(&self, path: &Path, filename: &str) -> Result<ParsedDocument, Refusal> {
        let shares = shares(path, filename);
        let idle = shares.then(|| self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()).flatten();
        let (mut worker, reused) = match idle {
            Some(worker) => (worker, true),
            None => (self.start()?, false),
        };
        let work = Work::Parse { ocr: self.recogniser.is_some() };
        let mut answer = worker.ask(path, filename, &self.limits, work);
        if reused && matches!(answer, Err(End::Died(_))) {
            // The child may have been worn out by earlier files: only a fresh one tells whose fault it is.
            worker = self.start()?;
            answer = worker.ask(path, filename, &self.limits, work);
        }
        match answer.map_err(|end| self.explain(end))? {
            Answer::Unfinished(unfinished) => self.read_pages(worker, path, unfinished),
            Answer::Probed(_) => Err(self.explain(End::Nonsense)),
            Answer::Parsed(document) => {
                self.keep(worker, shares);
                Ok(self.settled(document))
            }
            Answer::Refused(refusal) => {
                self.keep(worker, shares);
                Err(refusal)
            }
        }
    }

    /// Starts a child and lets it try what it must not be able to do.
    ///
    /// # Errors
    /// `crashed`, if there is no child to be had or it says nothing sensible.
    pub fn isolation(&self) -> Result<Isolation, Refusal> {
        match self.start()?.ask(Path::new(""), "", &self.limits, Work::Probe) {
            Ok(Answer::Probed(isolation)) => Ok(isolation),
            Ok(_) => Err(self.explain(End::Nonsense)),
            Err(end) => Err(self.explain(end)),
        }
    }

    pub(crate) fn start(&self) -> Result<Worker, Refusal> {
        Worker::start(&self.program, &self.args).map_err(|error| {
            let detail = format!("the parser process {} could not be started: {error}", self.program.display());
            Refusal::new(RefusalKind::Crashed, detail)
        })
    }

    /// A child that others may follow in waits for the next of them.
    fn keep(&self, mut worker: Worker, shares: bool) {
        worker.files += 1;
        if shares && worker.files < self.limits.files_per_child {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }

    /// What is still without text, OCR could not have helped.
    fn settled(&self, document: ParsedDocument) -> ParsedDocument {
        let reader = self.recogniser.as_ref().filter(|_| !document.unreadable_pages.is_empty());
        ParsedDocument { ocr: reader.map(|reader| reader.languages().to_owned()), ..document }
    }

    pub(crate) fn explain(&self, end: End) -> Refusal {
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
            End::Died(death) => explain_death(&death, limits),
        }
    }
}

/// True for a file that may be read by a child that has read others.
fn shares(path: &Path, filename: &str) -> bool {
    let simple = kind::by_name(filename).is_some_and(|format| SHARED.contains(&format));
    simple && std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= SHARED_BYTES)
}

fn explain_death(death: &Death, limits: &Limits) -> Refusal {
    const XCPU: i32 = rustix::process::Signal::XCPU.as_raw();
    const KILL: i32 = rustix::process::Signal::KILL.as_raw();
    if death.said("memory allocation of") {
        let mebibytes = limits.memory_bytes >> 20;
        return Refusal::new(RefusalKind::TooLarge, format!("reading needed more than {mebibytes} MiB of memory"));
    }
    if death.said("overflowed its stack") {
        return Refusal::new(
            RefusalKind::Crashed,
            "the file nests deeper than the parser can follow; it is probably damaged",
        );
    }
    match death.signal() {
        Some(XCPU) => Refusal::new(
            RefusalKind::Timeout,
            format!("reading took longer than {} seconds of processor time", limits.cpu_seconds),
        ),
        Some(KILL) => Refusal::new(RefusalKind::TooLarge, "the parser process was killed, probably for want of memory"),
        Some(signal) => Refusal::new(
            RefusalKind::Crashed,
            format!("the parser process died of signal {signal}; the file is probably damaged"),
        ),
        None => Refusal::new(RefusalKind::Crashed, "the parser process ended without an answer"),
    }
}

/// A child that parses.
#[derive(Debug)]
pub(crate) struct Worker {
    running: Running,
    files: u32,
}

impl Worker {
    fn start(program: &Path, args: &[String]) -> io::Result<Self> {
        Ok(Self { running: Running::start(Command::new(program).args(args))?, files: 0 })
    }

    fn ask(&mut self, path: &Path, filename: &str, limits: &Limits, work: Work) -> Result<Answer, End> {
        let request = Request { filename: filename.to_owned(), limits: limits.clone(), work };
        let message = self.hear(path, &request, limits.output_bytes)?;
        let answer = incoming::answer(&message, limits)?;
        match &answer {
            Answer::Unfinished(unfinished) if !unfinished.is_sound(limits.pages) => Err(End::Nonsense),
            _ => Ok(answer),
        }
    }

    /// A picture of a page, by its place from 0.
    pub(crate) fn draw(&mut self, path: &Path, page: usize, limits: &Limits) -> Result<Result<Picture, Refusal>, End> {
        let request = Request { filename: String::new(), limits: limits.clone(), work: Work::Draw { page } };
        let message = self.hear(path, &request, Picture::message_bytes(limits))?;
        Ok(Picture::heard(message, limits)?)
    }

    fn hear(&mut self, path: &Path, request: &Request, bytes_max: usize) -> Result<Vec<u8>, End> {
        let deadline = Instant::now() + request.limits.wall_time;
        if self.write(request, path).is_err() {
            return Err(End::Died(self.running.death()));
        }
        let mut incoming = Incoming::new(bytes_max);
        while !incoming.is_whole()? {
            if !self.running.read_some(deadline, |pipe| incoming.read_some(pipe))? {
                return Err(End::Died(self.running.death()));
            }
        }
        Ok(incoming.into_message())
    }

    fn write(&mut self, request: &Request, path: &Path) -> io::Result<()> {
        let stdin = self.running.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        send(stdin, &serde_json::to_vec(request)?)?;
        send(stdin, path.as_os_str().as_bytes())
    }
}
