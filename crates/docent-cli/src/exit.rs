//! Exit statuses: a part of the interface.

use docent_engine::{Error, ErrorKind};
use std::io;
use std::process::ExitCode;

/// How the program ends; `docent --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked to.
    Done = 0,
    /// It could not.
    Failed = 1,
    /// The command line, a setting or the question cannot be right.
    Usage = 2,
    /// Files were refused; the others were taken in.
    Refused = 3,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The engine's error in a chain of causes, if it is one's.
pub(crate) fn engine_error(failure: &anyhow::Error) -> Option<&Error> {
    failure.chain().find_map(|cause| cause.downcast_ref::<Error>())
}

/// What a failed command exits with. A reader that went away (`docent search … | head`) is no failure.
pub(crate) fn for_failure(failure: &anyhow::Error) -> Exit {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if failure.chain().any(broken_pipe) {
        return Exit::Done;
    }
    match engine_error(failure).map(Error::kind) {
        Some(ErrorKind::Invalid) => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// `--help` and `--version` are such errors too; clap knows where each goes.
pub(crate) fn for_unclear_arguments(unclear: &clap::Error) -> ExitCode {
    let _nobody_reads = unclear.print();
    if unclear.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}
