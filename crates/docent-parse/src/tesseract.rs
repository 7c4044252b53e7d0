//! The program tesseract, in a process that has given up everything else first.
//!
//! The program starts itself with [`BECOME_TESSERACT`]; that process limits its memory, time and descriptors, closes the
//! network and the way to further processes to itself, and then becomes tesseract. A picture goes in on standard input, what
//! it shows comes back on standard output.

pub(crate) mod tsv;

use crate::confine;
use crate::limits::Limits;
use crate::picture::Picture;
use crate::running::{Death, End, Running};
use docent_core::{Refusal, RefusalKind};
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The argument that makes a child become tesseract; limits, the program and its arguments follow.
pub(crate) const BECOME_TESSERACT: &str = "become-tesseract";
/// All of tesseract's environment. It brings threads of its own otherwise, and we read as many files at once as there are
/// processors.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("OMP_THREAD_LIMIT", "1")];
/// Status of a process that could not become tesseract.
const NOT_STARTED: u8 = 127;
/// How long it may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Language data that tells which way up a page is.
const ORIENTATION: &str = "osd";

/// Which tesseract reads pages, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TesseractSettings {
    /// The program.
    pub program: PathBuf,
    /// The folder of its language data, if not its own.
    pub tessdata: Option<PathBuf>,
    /// Languages that pages are in, as it names them: `eng`, or `eng+deu`.
    pub languages: String,
}

/// A tesseract, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tesseract {
    /// For example `5.3.0`.
    pub version: String,
    /// Languages that it has data of.
    pub languages: Vec<String>,
}

/// Reads pictures of pages.
#[derive(Debug)]
pub(crate) struct Recogniser {
    worker: PathBuf,
    worker_args: Vec<String>,
    settings: TesseractSettings,
    limits: Limits,
    found: OnceLock<Result<Tesseract, String>>,
}

impl Recogniser {
    /// Its processes are started as `worker worker_args…`, as those that parse are.
    pub(crate) const fn new(
        worker: PathBuf,
        worker_args: Vec<String>,
        settings: TesseractSettings,
        limits: Limits,
    ) -> Self {
        Self { worker, worker_args, settings, limits, found: OnceLock::new() }
    }

    pub(crate) fn languages(&self) -> &str {
        &self.settings.languages
    }

    /// What there is, or a sentence that says why it cannot be used.
    pub(crate) fn found(&self) -> &Result<Tesseract, String> {
        self.found.get_or_init(|| self.look())
    }

    fn look(&self) -> Result<Tesseract, String> {
        let program = &self.settings.program;
        if !program.is_file() {
            return Err(format!("there is no {}", program.display()));
        }
        let version = self.ask("--version")?;
        let version = version.lines().next().and_then(|line| line.strip_prefix("tesseract ")).map(str::trim);
        let version = version.filter(|version| is_plain(version));
        let version = version.ok_or_else(|| format!("{} does not say that it is tesseract", program.display()))?;
        // A headline, then a language on each line.
        let listed = self.ask("--list-langs")?;
        let languages = listed.lines().skip(1).map(str::trim).filter(|name| is_plain(name)).map(str::to_owned);
        Ok(Tesseract { version: version.to_owned(), languages: languages.collect() })
    }

    fn ask(&self, question: &str) -> Result<String, String> {
        let mut arguments = self.data_arguments();
        arguments.push(question.into());
        let said = self.run(&arguments, &[], PATIENCE);
        let said = said.map_err(|end| format!("{}: {}", self.settings.program.display(), self.explain(end).detail))?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// The text of a page.
    ///
    /// # Errors
    /// Why there is none, as a sentence about tesseract.
    pub(crate) fn read(&self, picture: &Picture) -> Result<String, Refusal> {
        let knows_orientation =
            self.found().as_ref().is_ok_and(|found| found.languages.iter().any(|name| name == ORIENTATION));
        let segmentation = if knows_orientation { "1" } else { "3" };
        let resolution = picture.resolution.to_string();
        let mut arguments: Vec<OsString> = ["stdin", "stdout"].map(Into::into).to_vec();
        arguments.extend(self.data_arguments());
        arguments.extend(["-l", &self.settings.languages, "--dpi", &resolution, "--psm", segmentation].map(Into::into));
        arguments.extend(["-c", "tessedit_create_tsv=1"].map(Into::into));
        let (head, pixels) = picture.as_pgm();
        let said = self.run(&arguments, &[head.as_bytes(), pixels], self.limits.wall_time);
        Ok(tsv::text(&said.map_err(|end| self.explain(end))?))
    }

    fn data_arguments(&self) -> Vec<OsString> {
        let folder = self.settings.tessdata.as_ref().map(|folder| folder.clone().into_os_string());
        folder.into_iter().flat_map(|folder| [OsString::from("--tessdata-dir"), folder]).collect()
    }

    /// Runs tesseract to its end and returns what it said.
    fn run(&self, arguments: &[OsString], input: &[&[u8]], wall_time: Duration) -> Result<Vec<u8>, End> {
        let deadline = Instant::now() + wall_time;
        let limits = [self.limits.memory_bytes, self.limits.cpu_seconds].map(|limit| limit.to_string());
        let mut command = Command::new(&self.worker);
        command.args(&self.worker_args).arg(BECOME_TESSERACT).args(limits).arg(&self.settings.program).args(arguments);
        let mut running = Running::start(&mut command).map_err(|_| End::Nonsense)?;
        let stdin = running.stdin.take();
        std::thread::scope(|scope| {
            // It may speak before it has heard everything, or not listen at all.
            scope.spawn(move || {
                let Some(mut stdin) = stdin else { return };
                let _gone = input.iter().try_for_each(|part| stdin.write_all(part));
            });
            let said = hear(&mut running, deadline, self.limits.recognised_bytes);
            // Whatever it has not heard by now it will not hear, so the other thread ends as well.
            running.kill();
            said
        })
    }

    fn explain(&self, end: End) -> Refusal {
        let limits = &self.limits;
        match end {
            End::Late => Refusal::new(
                RefusalKind::Timeout,
                format!("tesseract took longer than {} seconds", limits.wall_time.as_secs_f64()),
            ),
            End::Verbose => Refusal::new(
                RefusalKind::TooLarge,
                format!("tesseract said more than {} bytes about it", limits.recognised_bytes),
            ),
            End::Nonsense => Refusal::new(RefusalKind::Crashed, "the process for tesseract could not be started"),
            End::Died(death) => explain_death(&death, limits),
        }
    }
}

/// True for what may be printed as a version or the name of a language.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    (1..=64).contains(&text.len()) && text.chars().all(plain)
}

/// Everything that it says, if it then ends well.
fn hear(running: &mut Running, deadline: Instant, bytes_max: usize) -> Result<Vec<u8>, End> {
    let mut said = Vec::new();
    while running.read_some(deadline, |pipe| take(pipe, &mut said))? {
        if said.len() > bytes_max {
            return Err(End::Verbose);
        }
    }
    let death = running.death();
    if death.code() == Some(0) { Ok(said) } else { Err(End::Died(death)) }
}

fn take(pipe: &mut impl Read, said: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16 << 10];
    let count = pipe.read(&mut buffer).unwrap_or(0);
    said.extend_from_slice(&buffer[..count]);
    count > 0
}

fn explain_death(death: &Death, limits: &Limits) -> Refusal {
    const XCPU: i32 = rustix::process::Signal::XCPU.as_raw();
    const KILL: i32 = rustix::process::Signal::KILL.as_raw();
    let (kind, detail) = match (death.signal(), death.code()) {
        _ if death.said("bad_alloc") => {
            (RefusalKind::TooLarge, format!("tesseract needed more than {} MiB of memory", limits.memory_bytes >> 20))
        }
        (Some(XCPU), _) => (
            RefusalKind::Timeout,
            format!("tesseract took longer than {} seconds of processor time", limits.cpu_seconds),
        ),
        (Some(KILL), _) => (RefusalKind::TooLarge, "tesseract was killed, probably for want of memory".to_owned()),
        (Some(signal), _) => (RefusalKind::Crashed, format!("tesseract died of signal {signal}")),
        (None, Some(code)) if code == i32::from(NOT_STARTED) => {
            (RefusalKind::Crashed, "tesseract could not be started".to_owned())
        }
        (None, code) => (RefusalKind::Crashed, format!("tesseract failed (exit status {})", code.unwrap_or(-1))),
    };
    Refusal::new(kind, detail)
}

/// The child's side: takes its limits, the program and that one's arguments, and becomes the program. Returns only if that
/// fails.
pub(crate) fn become_tesseract(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut number = || arguments.next().as_deref().and_then(OsStr::to_str).and_then(|text| text.parse().ok());
    let (memory, seconds): (Option<u64>, Option<u64>) = (number(), number());
    if let (Some(memory), Some(seconds), Some(program)) = (memory, seconds, arguments.next()) {
        let restricted = confine::restrict(memory).and_then(|()| confine::restrict_time(seconds));
        if restricted.is_ok() {
            confine::shut_in_but_exec();
            let _error: io::Error = Command::new(program).args(arguments).env_clear().envs(ENVIRONMENT).exec();
        }
    }
    ExitCode::from(NOT_STARTED)
}
