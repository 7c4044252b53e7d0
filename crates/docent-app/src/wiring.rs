//! The composition root: settings in, a working engine out.
//!
//! Making an [`App`] is cheap: the model is read when the first text is embedded, collections are opened when they are
//! asked for, parsers are started with the first file.

use crate::config::{Config, EmbedderChoice, GeneratorChoice, IndexPlace};
use crate::costs;
use docent_api::{Api, ApiSettings};
use docent_chroma::{ChromaIndex, Token};
use docent_core::Timestamp;
use docent_engine::beside::Beside;
use docent_engine::ingest::{Parse, Tokenize};
use docent_engine::keys::SECRET_BYTES;
use docent_engine::ports::{ChunkIndex, Embedder, Generator, KeyStore, Meter, QueryStore, UploadStore};
use docent_engine::progress::Progress;
use docent_engine::uploads::{UploadSettings, Uploads};
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
    /// Takes uploads in; none where the index is read from where others publish it.
    pub uploads: Option<Arc<Uploads>>,
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
        let index = index_from_config(&config, Some(&embedder))?;
        let (dispatcher, work_queue) = worker::in_process();
        let store = store_from_config(&config)?;
        let engine = Engine {
            embedder,
            generator,
            index,
            queries: Arc::clone(&store) as Arc<dyn QueryStore>,
            keys: Arc::clone(&store) as Arc<dyn KeyStore>,
            meter: Arc::clone(&store) as Arc<dyn Meter>,
            dispatcher: Arc::new(dispatcher),
            tokenize: tokenize(),
            clock: clock(),
            progress: Progress::default(),
            settings: costs::settings_from_config(&config)?,
        };
        let engine = Arc::new(engine);
        let parse = parse_from_config(&config, parser);
        let uploads = uploads_from_config(&config, &engine, store, &parse);
        Ok(Self { config, engine, parse, work_queue, uploads })
    }
}

/// Who can reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Programs of this machine: they need no key as long as there is none.
    ThisMachine,
    /// Others too: they need a key, or a word in the settings that they need none.
    Network,
}

/// The routes' view of an app.
pub fn api_from_config(config: &Config, engine: &Arc<Engine>, reach: Reach) -> Api {
    let settings = ApiSettings {
        api_keys: config.api_keys.iter().map(|key| key.expose().to_owned()).collect(),
        public: config.public.clone(),
        open_without_keys: reach == Reach::ThisMachine,
        rate: config.rate,
        cors_origins: config.cors_origins.clone(),
        collection: config.collection.clone(),
        top_k: config.top_k,
        ..ApiSettings::default()
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

/// The certificates to trust besides the public ones.
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

/// The index in a folder, which is what is published.
pub fn folder_index_from_config(config: &Config) -> EmbeddedIndex {
    EmbeddedIndex::open(config.index_folder(), docent_index::Settings::default())
}

/// What is published at a place.
///
/// # Errors
/// For AWS variables, a proxy or certificates that cannot be right.
pub fn generations_from_config(config: &Config, place: &Place) -> Result<Generations> {
    Ok(Generations::new(place_from_config(config, place)?, config.scratch.clone()))
}

fn place_from_config(config: &Config, place: &Place) -> Result<Store> {
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

/// Chunks: where they are decides who reads them.
pub(crate) fn index_from_config(config: &Config, embedder: Option<&Arc<dyn Embedder>>) -> Result<Arc<dyn ChunkIndex>> {
    Ok(match &config.index {
        IndexPlace::Folder(folder) => embedded(folder),
        IndexPlace::Published(place) => {
            let settings = ReaderSettings::new(config.scratch.clone());
            Arc::new(PublishedIndex::open(place_from_config(config, place)?, settings, clock()))
        }
        IndexPlace::Chroma(url) => with_words(config, chroma_from_config(config, url, embedder)?),
    })
}

fn embedded(folder: &Path) -> Arc<dyn ChunkIndex> {
    Arc::new(EmbeddedIndex::open(folder.to_owned(), docent_index::Settings::default()))
}

/// A store of vectors, with the index of words beside it if there is to be one.
fn with_words(config: &Config, vectors: Arc<dyn ChunkIndex>) -> Arc<dyn ChunkIndex> {
    match &config.words_index {
        Some(folder) => Arc::new(Beside::new(vectors, embedded(folder))),
        None => vectors,
    }
}

/// Chunks on a Chroma server. Collections that others made are compared with what the embedder makes.
fn chroma_from_config(config: &Config, url: &str, embedder: Option<&Arc<dyn Embedder>>) -> Result<Arc<dyn ChunkIndex>> {
    let settings = docent_chroma::Settings {
        url: url.to_owned(),
        proxy: config.openai.proxy.as_ref().map(|proxy| Token::new(proxy.expose())),
        extra_roots_pem: extra_roots(config)?,
        ..config.chroma.clone()
    };
    Ok(Arc::new(ChromaIndex::new(settings, embedder.cloned())?))
}

/// Queries, API keys and what was spent.
pub(crate) fn store_from_config(config: &Config) -> Result<Arc<SqliteQueryStore>> {
    let settings = docent_sqlite::Settings::default();
    SqliteQueryStore::open(&config.queries_file(), &settings).map(Arc::new)
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

/// Files that arrive over a network; what is read from where others publish it takes none.
fn uploads_from_config(
    config: &Config,
    engine: &Arc<Engine>,
    store: Arc<dyn UploadStore>,
    parse: &Parse,
) -> Option<Arc<Uploads>> {
    if matches!(config.index, IndexPlace::Published(_)) {
        return None;
    }
    let settings = UploadSettings {
        folder: config.data.join("uploads"),
        file_bytes: config.parse.file_bytes,
        keep_originals: config.keep_originals,
    };
    let recognise = Arc::new(docent_parse::kind::refusal);
    Some(Arc::new(Uploads::new(Arc::clone(engine), store, Arc::clone(parse), recognise, settings)))
}

/// Tokens as the chunker counts them.
pub fn tokenize() -> Tokenize {
    Arc::new(|text| wordpiece::bundled().token_starts(text))
}

/// Bytes of the system's random source, for a new API key.
///
/// # Errors
/// `Internal` if the system has none to give.
pub fn random_bytes() -> Result<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::internal("the system gave no random numbers")
            .because(error.to_string())
            .hint("a key must be random: make it on a machine that works")
    })?;
    Ok(bytes)
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
