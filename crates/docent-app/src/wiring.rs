//! The composition root: settings in, a working engine out.
//!
//! Making an [`App`] is cheap: the model is read when the first text is embedded, collections are opened when they are
//! asked for, parsers are started with the first file.

use crate::cloud::Cloud;
use crate::config::{Config, EmbedderChoice, GeneratorChoice, IndexPlace, OcrChoice};
use crate::costs;
use docent_api::wire::WebhookEvent;
use docent_api::{Api, ApiSettings};
use docent_chroma::{ChromaIndex, Token};
use docent_core::Timestamp;
use docent_engine::beside::Beside;
use docent_engine::ingest::Tokenize;
use docent_engine::keys::SECRET_BYTES;
use docent_engine::ocr::Ocr;
#[cfg(feature = "machine")]
use docent_engine::ports::UploadStore;
use docent_engine::ports::{ChunkIndex, Dispatcher, Embedder, Generator, KeyStore, Meter, QueryStore};
use docent_engine::progress::Progress;
use docent_engine::webhooks::{Means, Secrets, Webhooks};
use docent_engine::{Clock, Engine, Error, Result};
use docent_index::EmbeddedIndex;
use docent_index::remote::{Access, Generations, Place, Publication, PublishedIndex, ReaderSettings, Store};
use docent_models::openai::{OpenAiEmbedder, OpenAiGenerator, OpenAiSettings};
use docent_models::quoting::QuotingGenerator;
use docent_models::wordpiece;
use docent_webhooks::HttpCourier;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The engine with every port filled; `dispatcher` is what differs between a server and a function.
///
/// # Errors
/// For settings that cannot be right, and for an embedding endpoint that has to be asked for its dimension and does not
/// answer.
#[cfg(feature = "machine")]
pub(crate) async fn engine_from_config(
    config: &Config,
    cloud: &Cloud,
    stores: Stores,
    dispatcher: Arc<dyn Dispatcher>,
) -> Result<Arc<Engine>> {
    let embedder = embedder_from_config(config, cloud).await?;
    let index = index_from_config(config, cloud, Some(&embedder)).await?;
    engine_on(index, embedder, config, cloud, stores, dispatcher).await
}

/// The same on an index that is there.
pub(crate) async fn engine_on(
    index: Arc<dyn ChunkIndex>,
    embedder: Arc<dyn Embedder>,
    config: &Config,
    cloud: &Cloud,
    stores: Stores,
    dispatcher: Arc<dyn Dispatcher>,
) -> Result<Arc<Engine>> {
    let generator = generator_from_config(config, cloud, &embedder).await?;
    let Stores { queries, keys, meter, .. } = stores;
    Ok(Arc::new(Engine {
        index,
        embedder,
        generator,
        queries,
        keys,
        meter,
        dispatcher,
        tokenize: tokenize(),
        clock: clock(),
        progress: Progress::default(),
        webhooks: webhooks_from_config(config, cloud).await?,
        settings: docent_engine::Settings { ocr: ocr_from_config(config), ..costs::settings_from_config(config)? },
    }))
}

/// What scans are read with, if they are.
fn ocr_from_config(config: &Config) -> Option<Ocr> {
    let OcrChoice { is_wanted, languages, .. } = &config.ocr;
    is_wanted.then(|| Ocr { languages: languages.clone(), folder: config.data.join("ocr") })
}

/// Webhooks, where there is a secret to sign them with.
async fn webhooks_from_config(config: &Config, cloud: &Cloud) -> Result<Webhooks> {
    let said = &config.webhooks;
    let secrets: Secrets = match (&said.secrets[..], &said.secret_arn) {
        ([], None) => return Ok(Webhooks::default()),
        ([], Some(arn)) => cloud.signing_secrets(arn).await?,
        (given, _) => {
            let given = given.to_vec();
            Arc::new(move || Box::pin(std::future::ready(Ok(given.clone()))))
        }
    };
    let settings = docent_webhooks::Settings {
        allowed_hosts: said.hosts.clone(),
        extra_roots_pem: extra_roots(config)?,
        ..docent_webhooks::Settings::default()
    };
    Ok(Webhooks::on(Means { courier: Arc::new(HttpCourier::new(settings)?), secrets, body: WebhookEvent::json }))
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
pub(crate) async fn embedder_from_config(config: &Config, cloud: &Cloud) -> Result<Arc<dyn Embedder>> {
    Ok(match config.embedder {
        EmbedderChoice::Local => local_embedder(),
        EmbedderChoice::OpenAi => Arc::new(OpenAiEmbedder::connect(openai_from_config(config, cloud).await?).await?),
    })
}

#[cfg(feature = "local-model")]
fn local_embedder() -> Arc<dyn Embedder> {
    Arc::new(docent_models::local::LocalEmbedder::bundled(None))
}

#[cfg(not(feature = "local-model"))]
fn local_embedder() -> Arc<dyn Embedder> {
    Arc::new(docent_models::local::LocalEmbedder::absent())
}

/// Passages to answers.
async fn generator_from_config(
    config: &Config,
    cloud: &Cloud,
    embedder: &Arc<dyn Embedder>,
) -> Result<Arc<dyn Generator>> {
    Ok(match config.generator {
        GeneratorChoice::Quoting => Arc::new(QuotingGenerator::new(Arc::clone(embedder))),
        GeneratorChoice::OpenAi => Arc::new(OpenAiGenerator::new(openai_from_config(config, cloud).await?)?),
    })
}

/// The endpoint of both. A proxy is for addresses outside: one that begins with `http:` is on this machine or network.
pub(crate) async fn openai_from_config(config: &Config, cloud: &Cloud) -> Result<OpenAiSettings> {
    let mut settings = config.openai.clone();
    if let Some(arn) = config.openai_api_key_secret_arn.as_ref().filter(|_| settings.api_key.is_none()) {
        settings.key_source = Some(cloud.key_source(arn).await?);
    }
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

pub(crate) fn place_from_config(config: &Config, place: &Place) -> Result<Store> {
    Store::connect(place.clone(), &access_from_config(config)?)
}

/// How places outside this machine are reached.
pub(crate) fn access_from_config(config: &Config) -> Result<Access> {
    Ok(Access {
        proxy: config.openai.proxy.as_ref().map(|proxy| proxy.expose().to_owned()),
        extra_roots_pem: extra_roots(config)?,
        ..config.store.clone()
    })
}

/// The name and the time of a generation that is published now.
pub fn publication() -> Publication {
    let now = clock()();
    Publication { id: docent_engine::queries::new_id(now), created_at: now }
}

/// Chunks: where they are decides who reads them.
pub(crate) async fn index_from_config(
    config: &Config,
    cloud: &Cloud,
    embedder: Option<&Arc<dyn Embedder>>,
) -> Result<Arc<dyn ChunkIndex>> {
    Ok(match &config.index {
        IndexPlace::Folder(folder) => embedded(folder),
        IndexPlace::Published(place) => {
            let settings = ReaderSettings::new(config.scratch.clone());
            Arc::new(PublishedIndex::open(place_from_config(config, place)?, settings, clock()))
        }
        IndexPlace::Chroma(url) => with_words(config, chroma_from_config(config, url, embedder)?),
        IndexPlace::Vectors(bucket) => with_words(config, cloud.vectors(bucket).await?),
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

/// Where queries, API keys and what was spent are kept.
pub(crate) struct Stores {
    pub(crate) queries: Arc<dyn QueryStore>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) meter: Arc<dyn Meter>,
    /// Uploads, on one machine.
    #[cfg(feature = "machine")]
    pub(crate) uploads: Option<Arc<dyn UploadStore>>,
}

impl Stores {
    /// All three in one store.
    #[cfg_attr(not(any(feature = "machine", feature = "aws")), expect(dead_code, reason = "there is no store"))]
    pub(crate) fn of<S: QueryStore + KeyStore + Meter + 'static>(store: Arc<S>) -> Self {
        Self {
            queries: Arc::clone(&store) as Arc<dyn QueryStore>,
            keys: Arc::clone(&store) as Arc<dyn KeyStore>,
            meter: store,
            #[cfg(feature = "machine")]
            uploads: None,
        }
    }
}

/// Queries, API keys and what was spent: in the table that is named, else in a file.
#[cfg(feature = "machine")]
pub(crate) async fn stores_from_config(config: &Config, cloud: &Cloud) -> Result<Stores> {
    match &config.table_name {
        Some(table) => cloud.stores(config, table).await,
        None => local_stores(config),
    }
}

#[cfg(feature = "machine")]
fn local_stores(config: &Config) -> Result<Stores> {
    let settings = docent_sqlite::Settings::default();
    let store = Arc::new(docent_sqlite::SqliteQueryStore::open(&config.queries_file(), &settings)?);
    Ok(Stores { uploads: Some(Arc::clone(&store) as Arc<dyn UploadStore>), ..Stores::of(store) })
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
