//! The composition root: settings in, a working engine out.
//!
//! Making an [`App`] is cheap: the model is read when the first text is embedded, collections are opened when they are
//! asked for, parsers are started with the first file.

use crate::config::{Config, EmbedderChoice, GeneratorChoice};
use docent_api::{Api, ApiSettings};
use docent_core::Timestamp;
use docent_engine::ingest::{Parse, Tokenize};
use docent_engine::ports::{ChunkIndex, Embedder, Generator, QueryStore};
use docent_engine::progress::Progress;
use docent_engine::worker::{self, WorkQueue};
use docent_engine::{Clock, Engine, Error, Result};
use docent_index::EmbeddedIndex;
use docent_models::local::LocalEmbedder;
use docent_models::openai::{OpenAiEmbedder, OpenAiGenerator, OpenAiSettings};
use docent_models::quoting::QuotingGenerator;
use docent_models::wordpiece;
use docent_parse::Sandbox;
use docent_sqlite::SqliteQueryStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// How the program starts itself as a parser in a process of its own.
#[derive(Clone, Debug)]
pub struct ParserProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; with them it must run [`docent_parse::worker_main`].
    pub arguments: Vec<String>,
}

/// Everything that a command or a server needs.
pub struct App {
    /// What was wanted.
    pub config: Config,
    /// The verbs.
    pub engine: Arc<Engine>,
    /// Files to pages, in processes of their own.
    pub parse: Parse,
    /// Where workers of this process find their queries.
    pub work_queue: WorkQueue,
}

impl App {
    /// Puts everything together.
    ///
    /// # Errors
    /// For a data folder that cannot be used, settings of an endpoint that cannot be right, and for an embedding endpoint
    /// that has to be asked for its dimension and does not answer.
    pub async fn from_config(config: Config, parser: &ParserProgram) -> Result<Self> {
        make_data_folder(&config.data)?;
        let embedder = embedder_from_config(&config).await?;
        let generator = generator_from_config(&config, &embedder)?;
        let (dispatcher, work_queue) = worker::in_process();
        let engine = Engine {
            embedder,
            generator,
            index: index_from_config(&config),
            queries: queries_from_config(&config)?,
            dispatcher: Arc::new(dispatcher),
            tokenize: tokenize(),
            clock: clock(),
            progress: Progress::default(),
            settings: config.engine.clone(),
        };
        let parse = parse_from_config(&config, parser);
        Ok(Self { config, engine: Arc::new(engine), parse, work_queue })
    }
}

/// The routes' view of an app.
pub fn api_from_config(config: &Config, engine: &Arc<Engine>) -> Api {
    let settings = ApiSettings {
        api_keys: config.api_keys.iter().map(|key| key.expose().to_owned()).collect(),
        cors_origins: config.cors_origins.clone(),
        collection: config.collection.clone(),
        top_k: config.top_k,
    };
    Api::new(Arc::clone(engine), settings)
}

/// Makes the folder, readable by its owner alone, unless it is there.
pub(crate) fn make_data_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let unusable = |error: std::io::Error| {
        let cause = match error.kind() {
            std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
                "there is a file in its place".into()
            }
            _ => error.to_string(),
        };
        Error::internal(format!("the data folder {} cannot be used", folder.display()))
            .because(cause)
            .hint("name a folder that you may write with --data or DOCENT_DATA")
    };
    builder.create(folder).map_err(unusable)
}

/// Texts to vectors.
pub(crate) async fn embedder_from_config(config: &Config) -> Result<Arc<dyn Embedder>> {
    Ok(match config.embedder {
        EmbedderChoice::Local => Arc::new(LocalEmbedder::bundled(None)),
        EmbedderChoice::OpenAi => Arc::new(OpenAiEmbedder::connect(openai_from_config(config)?).await?),
    })
}

/// Passages to answers.
fn generator_from_config(config: &Config, embedder: &Arc<dyn Embedder>) -> Result<Arc<dyn Generator>> {
    Ok(match config.generator {
        GeneratorChoice::Quoting => Arc::new(QuotingGenerator::new(Arc::clone(embedder))),
        GeneratorChoice::OpenAi => Arc::new(OpenAiGenerator::new(openai_from_config(config)?)?),
    })
}

/// The endpoint of both. A proxy is for addresses outside: one that begins with `http:` is on this machine or network.
pub(crate) fn openai_from_config(config: &Config) -> Result<OpenAiSettings> {
    let mut settings = config.openai.clone();
    if !settings.base_url.trim_start().starts_with("https:") {
        settings.proxy = None;
    }
    // Processes that are turned away together must not come back together.
    settings.retries.seed = u64::from(std::process::id());
    if let Some(file) = &config.ca_file {
        let pem = std::fs::read_to_string(file).map_err(|error| {
            Error::invalid(format!("cannot read the certificates in {}", file.display()))
                .because(error)
                .hint("check `ca_file`; `docent config` shows where it was set")
        })?;
        settings.extra_roots_pem = Some(pem);
    }
    Ok(settings)
}

/// Chunks.
pub(crate) fn index_from_config(config: &Config) -> Arc<dyn ChunkIndex> {
    let settings = docent_index::Settings::default();
    Arc::new(EmbeddedIndex::open(config.index.clone(), settings))
}

/// Queries.
pub(crate) fn queries_from_config(config: &Config) -> Result<Arc<dyn QueryStore>> {
    let settings = docent_sqlite::Settings::default();
    let store = SqliteQueryStore::open(&config.queries_file(), &settings)?;
    Ok(Arc::new(store))
}

/// The children that parse.
pub(crate) fn sandbox_from_config(config: &Config, parser: &ParserProgram) -> Sandbox {
    Sandbox::new(&parser.program, parser.arguments.clone(), config.parse.clone())
}

/// Files to pages.
pub fn parse_from_config(config: &Config, parser: &ParserProgram) -> Parse {
    let sandbox = sandbox_from_config(config, parser);
    Arc::new(move |path, filename| sandbox.parse_file(path, filename))
}

/// Tokens as the chunker counts them.
pub fn tokenize() -> Tokenize {
    Arc::new(|text| wordpiece::bundled().token_starts(text))
}

/// What time it is.
pub fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the place where the clock is read")]
    let now = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis());
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    };
    Arc::new(now)
}
