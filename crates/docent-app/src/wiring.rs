//! The composition root: settings in, a working engine out.
//!
//! Making an [`App`] is cheap: the model is read when the first text is embedded, collections are opened when they are
//! asked for, parsers are started with the first file.

use crate::cloud::Cloud;
use crate::config::{Config, EmbedderChoice, GeneratorChoice};
use docent_api::{Api, ApiSettings};
use docent_core::Timestamp;
use docent_engine::ingest::Tokenize;
use docent_engine::ports::{ChunkIndex, Dispatcher, Embedder, Generator, QueryStore};
use docent_engine::progress::Progress;
use docent_engine::{Clock, Engine, Error, Result};
use docent_index::EmbeddedIndex;
use docent_models::openai::{OpenAiEmbedder, OpenAiGenerator, OpenAiSettings};
use docent_models::quoting::QuotingGenerator;
use docent_models::wordpiece;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// The engine with every port filled; `dispatcher` is what differs between a server and a function.
///
/// # Errors
/// For settings that cannot be right, and for an embedding endpoint that has to be asked for its dimension and does not
/// answer.
pub(crate) async fn engine_from_config(
    config: &Config,
    cloud: &Cloud,
    dispatcher: Arc<dyn Dispatcher>,
) -> Result<Arc<Engine>> {
    let embedder = embedder_from_config(config, cloud).await?;
    let generator = generator_from_config(config, cloud, &embedder).await?;
    Ok(Arc::new(Engine {
        embedder,
        generator,
        index: index_from_config(config),
        queries: queries_from_config(config, cloud).await?,
        dispatcher,
        tokenize: tokenize(),
        clock: clock(),
        progress: Progress::default(),
        settings: config.engine.clone(),
    }))
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

/// Without the model inside the program: a file beside it, missed when the first text is to be embedded.
#[cfg(not(feature = "local-model"))]
fn local_embedder() -> Arc<dyn Embedder> {
    Arc::new(docent_models::local::LocalEmbedder::from_file("model.safetensors", None))
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

/// Queries: in the table that is named, else in a file.
pub(crate) async fn queries_from_config(config: &Config, cloud: &Cloud) -> Result<Arc<dyn QueryStore>> {
    match &config.table_name {
        Some(table) => cloud.queries(config, table).await,
        None => local_queries(config),
    }
}

#[cfg(feature = "machine")]
fn local_queries(config: &Config) -> Result<Arc<dyn QueryStore>> {
    let settings = docent_sqlite::Settings::default();
    let store = docent_sqlite::SqliteQueryStore::open(&config.queries_file(), &settings)?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "machine"))]
fn local_queries(_: &Config) -> Result<Arc<dyn QueryStore>> {
    Err(Error::invalid("there is no place for queries, as TABLE_NAME is not set")
        .hint("set TABLE_NAME to the name of the query table"))
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
