//! The `docent` program: what the command line means ([`args`]), one file per command ([`commands`]), one place that
//! prints ([`render`]).
//!
//! Results go to standard output, everything else to standard error. A command is a function from the [`Setup`] and its
//! arguments to an [`Exit`]; it calls the engine and hands what comes back to the [`render::Screen`]. What is absent:
//! decisions. Whatever a second front end would need too is in the engine.

mod args;
mod commands;
mod exit;
mod render;
mod setup;

use args::{Args, Command};
use clap::Parser;
use exit::Exit;
use setup::Setup;
use std::process::ExitCode;

/// The system's allocator keeps what threads have freed for other threads of the same pool: an ingest, whose every commit
/// has threads of its own, then grows with its length.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A child for every file: it does without the command line's grammar.
    if std::env::args_os().nth(1).is_some_and(|first| first == setup::PARSE_WORKER) {
        return docent_app::parse_worker();
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(unclear) => return exit::for_unclear_arguments(&unclear),
    };
    let setup = match Setup::new(&args) {
        Ok(setup) => setup,
        Err(failure) => return render::Screen::plain().failure(&failure).into(),
    };
    match run(&setup, args.command) {
        Ok(exit) => exit.into(),
        Err(failure) => setup.screen.failure(&failure).into(),
    }
}

fn run(setup: &Setup, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Demo => setup.block_on(commands::demo::run(setup)),
        Command::Ingest(args) => setup.block_on(commands::ingest::run(setup, args)),
        Command::Sync(args) => setup.block_on(commands::sync::run(setup, args)),
        Command::Parse(args) => commands::parse::run(setup, &args),
        Command::Delete(args) => setup.block_on(commands::delete::run(setup, args)),
        Command::VerifyDeleted(args) => setup.block_on(commands::verify_deleted::run(setup, args)),
        Command::Reembed(args) => setup.block_on(commands::reembed::run(setup, args)),
        Command::Documents(args) => setup.block_on(commands::documents::run(setup, args)),
        Command::Collections(args) => setup.block_on(commands::collections::run(setup, args)),
        Command::Publish(args) => setup.block_on(commands::publish::run(setup, args)),
        Command::Generations(args) => setup.block_on(commands::generations::run(setup, args)),
        Command::Ask(args) => setup.block_on(commands::ask::run(setup, args)),
        Command::Search(args) => setup.block_on(commands::search::run(setup, args)),
        Command::Explain(args) => setup.block_on(commands::explain::run(setup, args)),
        Command::Keys(args) => setup.block_on(commands::keys::run(setup, args)),
        Command::Mcp(_) => setup.serve(commands::mcp::run(setup)),
        Command::Serve(_) => setup.serve(commands::serve::run(setup)),
        Command::Eval(args) => setup.block_on(commands::eval::run(setup, args)),
        Command::Doctor(args) => setup.block_on(commands::doctor::run(setup, args)),
        Command::Config(args) => commands::config::run(setup, &args),
    }
}
