//! The composition root: settings in, a working engine out.
//!
//! Making an [`App`] is cheap: the model is read when the first text is embedded, collections are opened when they are
//! asked for, parsers are started with the first file.

use crate::config::{Config, EmbedderChoice, GeneratorChoice, IndexPlace};
use docent_api::{Api, ApiSettings};
use docent_core::Timestamp;
use docent_engine::ingest::{Parse, Tokenize};
use docent_engine::ports::{ChunkIndex, Embedder, Generator, QueryStore};
use docent_engine::progress::Progress;
use docent_engine::worker::{self, WorkQueue};
use docent_engine::{Clock, Engine, Error, Result};
use docent_index::EmbeddedIndex;
use docent_index::remote::{Access, Generations, Place, Publication, PublishedIndex, ReaderSettings, Store};
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
            index: index_from_config(&config)?,
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
    settings.extra_roots_pem = extra_roots(config)?;
    Ok(settings)
}

fn extra_roots(config: &Config) -> Result<Option<String>> {
    let read = |file: &PathBuf| {
        std::fs::read_to_string(file).map_err(|error| {
            Error::invalid(format!("cannot read the certificates in {}", file.display()))
                .because(error)
                .hint("check `ca_file`; `docent config` shows where it was set")
        })
    };
    config.ca_file.as_ref().map(read).transpose()
}

/// Chunks: where they are decides who reads them.
pub(crate) fn index_from_config(config: &Config) -> Result<Arc<dyn ChunkIndex>> {
    Ok(match &config.index {
        IndexPlace::Folder(_) => Arc::new(folder_index_from_config(config)),
        IndexPlace::Published(place) => {
            let settings = ReaderSettings::new(config.scratch.clone());
            Arc::new(PublishedIndex::open(store_from_config(config, place)?, settings, clock()))
        }
    })
}

/// The index in a folder, which is what is published.
pub fn folder_index_from_config(config: &Config) -> EmbeddedIndex {
    EmbeddedIndex::open(config.index_folder(), docent_index::Settings::default())
}

/// What is published at a place.
///
/// # Errors
/// For AWS variables, a proxy or certificates that cannot be right.
pub fn generations_from_config(config: &Config, place: &Place) -> Result<Generations> {
    Ok(Generations::new(store_from_config(config, place)?, config.scratch.clone()))
}

fn store_from_config(config: &Config, place: &Place) -> Result<Store> {
    let access = Access {
        proxy: config.openai.proxy.as_ref().map(|proxy| proxy.expose().to_owned()),
        extra_roots_pem: extra_roots(config)?,
        ..config.store.clone()
    };
    Store::connect(place.clone(), &access)
}

/// The name and the time of a generation that is published now.
pub fn publication() -> Publication {
    let now = clock()();
    Publication { id: docent_engine::queries::new_id(now), created_at: now }
}

/// Queries.
pub(crate) fn queries_from_config(config: &Config) -> Result<Arc<dyn QueryStore>> {
    let settings = docent_sqlite::Settings::default();
    let store = SqliteQueryStore::open(&config.queries_file(), &settings)?;
    Ok(Arc::new(store))
}

/// Files to pages.
pub fn parse_from_config(config: &Config, parser: &ParserProgram) -> Parse {
    let limits = config.parse.clone();
    let sandbox = Sandbox::new(&parser.program, parser.arguments.clone(), limits);
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
