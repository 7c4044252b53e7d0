//! The composition root of the function that takes documents in from a bucket and publishes them.
//!
//! It has no folder of its own: the live generation is checked out into the temporary folder, changed there by the engine's
//! usual verbs, and published.

use crate::cloud::Cloud;
use crate::config::{Config, IndexPlace};
use crate::documents::{ParserProgram, Reader, bucket_from_config};
use crate::function::{config, table_from_config};
use crate::wiring::{Stores, embedder_from_config, engine_on, make_data_folder, place_from_config};
use docent_engine::ingest::Parse;
use docent_engine::ports::{ChunkIndex, Source};
use docent_engine::{Engine, Error, Result, worker};
use docent_index::remote::{Bucket, Workbench};
use std::sync::Arc;

pub use docent_aws::{DynamoQueryStore, Message, News};

/// The argument with which the function starts itself to read a file.
pub const PARSE_WORKER: &str = "parse-worker";

/// Everything that the function needs.
pub struct Intake {
    /// What was wanted.
    pub config: Config,
    /// The verbs, on the index of the bench.
    pub engine: Arc<Engine>,
    /// Where published collections are changed.
    pub bench: Workbench,
    /// Where documents come from.
    pub bucket: Arc<Bucket>,
    /// Files to pages, in processes of their own.
    pub parse: Parse,
    /// What became of documents.
    pub reports: Arc<DynamoQueryStore>,
}

impl Intake {
    /// Puts everything together, by the settings of this process.
    ///
    /// # Errors
    /// `Invalid`, with the name of the variable, for one that is missing or cannot be right.
    pub async fn from_environment() -> Result<Self> {
        let config = config()?;
        let documents = config.documents.as_ref().ok_or_else(|| {
            Error::invalid("there is nowhere to take documents from, as DOCENT_DOCUMENTS is not set")
                .hint("set DOCENT_DOCUMENTS to s3://BUCKET/PREFIX")
        })?;
        let IndexPlace::Published(place) = &config.index else {
            return Err(Error::invalid(
                "documents that are taken in are published, and DOCENT_INDEX is no place for that",
            )
            .hint("set DOCENT_INDEX to s3://BUCKET/PREFIX"));
        };
        make_data_folder(&config.data)?;
        let reader = Reader::from_config(&config, &own_parser()?);
        reader.tesseract()?;
        tell_of_isolation(&reader);
        let bucket = Arc::new(bucket_from_config(&config, documents, None)?);
        let bench = Workbench::open(place_from_config(&config, place)?, &config.scratch)?;
        let cloud = Cloud::default();
        let reports = table_from_config(&config, &cloud).await?;
        let index: Arc<dyn ChunkIndex> = Arc::new(bench.index().clone());
        let (embedder, stores) = (embedder_from_config(&config, &cloud).await?, Stores::of(Arc::clone(&reports)));
        // Nobody asks here.
        let (dispatcher, _) = worker::in_process();
        let engine = engine_on(index, embedder, &config, &cloud, stores, Arc::new(dispatcher)).await?;
        let parse = reader.parse();
        docent_engine::measures::started();
        Ok(Self { config, engine, bench, bucket, parse, reports })
    }

    /// The bucket, as the engine knows it.
    pub fn source(&self) -> Arc<dyn Source> {
        Arc::clone(&self.bucket) as Arc<dyn Source>
    }
}

/// The function parses in children of its own program.
fn own_parser() -> Result<ParserProgram> {
    let lost = |error| Error::internal("the program does not know where it lies").because(error);
    let program = std::env::current_exe().map_err(lost)?;
    Ok(ParserProgram { program, arguments: vec![PARSE_WORKER.to_owned()] })
}

/// What Lambda lets a child close to itself is not for us to decide, but to say.
fn tell_of_isolation(reader: &Reader) {
    match reader.isolation() {
        Ok(isolation) if isolation.no_network => {
            tracing::info!("files are read in children that cannot reach the network");
        }
        Ok(_) => tracing::warn!("files are read in children that could reach the network"),
        Err(error) => tracing::error!(%error, "there is no child to read files in"),
    }
}
