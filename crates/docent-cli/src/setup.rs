//! What every command gets: the settings, the screen, and a way to the engine.

use crate::args::{Args, Command};
use crate::exit::Exit;
use crate::render::Screen;
use anyhow::Context;
use docent_app::config::LogLevel;
use docent_app::{App, Config, Environment, ParserProgram, logging};
use std::future::Future;
use std::time::Duration;
use tokio::runtime::Builder;

/// The argument with which the program starts itself to read a file.
pub(crate) const PARSE_WORKER: &str = "parse-worker";
/// How long work that was given up may take to notice.
const FAREWELL: Duration = Duration::from_secs(2);
/// The same after a command that serves, which has waited for its work already.
const SERVER_FAREWELL: Duration = Duration::from_secs(1);

/// Settings, screen, and how the program starts itself as a parser.
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) environment: Environment,
    pub(crate) parser: ParserProgram,
    pub(crate) screen: Screen,
}

impl Setup {
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        let environment = Environment::of_process();
        let config = Config::load(&args.flags(), &environment)?;
        let usual = match args.command {
            Command::Serve(_) => LogLevel::Info,
            // Nobody sees what goes wrong between an agent and its tools, unless its log has it.
            Command::Mcp(_) => LogLevel::Warn,
            _ => LogLevel::Off,
        };
        logging::start(&config, usual);
        let program = std::env::current_exe().context("the program does not know where it lies")?;
        Ok(Self {
            screen: Screen::new(&environment, args.global.quiet),
            parser: ParserProgram { program, arguments: vec![PARSE_WORKER.to_owned()] },
            config,
            environment,
        })
    }

    /// The engine and what belongs to it.
    pub(crate) async fn app(&self) -> anyhow::Result<App> {
        Ok(App::from_config(self.config.clone(), &self.parser).await?)
    }

    /// The same, for a command that takes files in: what reads them has to be there before anything begins.
    pub(crate) async fn app_that_reads(&self) -> anyhow::Result<App> {
        let app = self.app().await?;
        app.reader.tesseract()?;
        Ok(app)
    }

    /// Runs a command on this thread; blocking work and the model have threads of their own.
    pub(crate) fn block_on(&self, command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
        run(Builder::new_current_thread(), FAREWELL, command)
    }

    /// Runs a command that serves others, on as many threads as there are processors.
    pub(crate) fn serve(&self, command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
        run(Builder::new_multi_thread(), SERVER_FAREWELL, command)
    }
}

fn run(
    mut runtime: Builder,
    farewell: Duration,
    command: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let runtime = runtime.enable_all().build().context("cannot start the asynchronous runtime")?;
    let ended = runtime.block_on(command);
    runtime.shutdown_timeout(farewell);
    ended
}
