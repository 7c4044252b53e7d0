//! The composition root of the Lambda functions.
//!
//! A function lies in a read-only place, with its index beside it or published in S3; generations from there are copied to
//! the temporary folder.

use crate::cloud::Cloud;
use crate::config::{Config, Environment, Flags, LogLevel};
use crate::wiring::{
    Stores, access_from_config, clock, embedder_from_config, engine_on, index_from_config, make_data_folder,
};
use docent_aws::DynamoQueryStore;
use docent_engine::deposits::{DepositSettings, Deposits};
use docent_engine::entrance::Entrance;
use docent_engine::ports::{ChunkIndex, DepositStore, Dispatcher, WithheldDocuments};
use docent_engine::withheld::Withholding;
use docent_engine::{Engine, Error, Result};
use docent_index::remote::{BucketDepot, Place};
use std::sync::Arc;

pub use docent_aws::{FailedDelivery, WorkerEvent};

/// Bytes that a file may have which comes in the body of a request. AWS takes 6 MB through a function's URL, and has made three bytes into
/// four by then.
const BODY_BYTES: u64 = 4 << 20;

/// Everything that a function needs.
pub struct Function {
    /// What was wanted.
    pub config: Config,
    /// The verbs.
    pub engine: Arc<Engine>,
    /// Where users' files come in: a bucket, where it is said that another function takes them in from there.
    pub entrance: Entrance,
}

impl Function {
    /// The function that answers HTTP.
    ///
    /// # Errors
    /// `Invalid`, with the name of the variable, for one that is missing or cannot be right.
    pub async fn api() -> Result<Self> {
        let config = config()?;
        let worker = config.worker_lambda_name.clone().ok_or_else(|| {
            Error::invalid("nobody would work on queries, as WORKER_LAMBDA_NAME is not set")
                .hint("set WORKER_LAMBDA_NAME to the name of the worker function")
        })?;
        let (function, cloud, table) = Self::with_dispatcher_to(config, &worker).await?;
        let entrance = match function.config.documents.clone() {
            Some(place) => Entrance::Bucket(Arc::new(deposits_from_config(&function, place, &cloud, table).await?)),
            None => function.entrance,
        };
        Ok(Self { entrance, ..function })
    }

    /// The function that works on queries. Its sweep wakes others of itself.
    ///
    /// # Errors
    /// As those of [`Self::api`].
    pub async fn worker() -> Result<Self> {
        let config = config()?;
        let own_name = config.worker_lambda_name.clone().or_else(|| config.function_name.clone());
        let worker = own_name.ok_or_else(|| {
            Error::invalid("the worker does not know its own name, as WORKER_LAMBDA_NAME is not set")
                .hint("run it as a Lambda function, or set WORKER_LAMBDA_NAME")
        })?;
        Ok(Self::with_dispatcher_to(config, &worker).await?.0)
    }

    async fn with_dispatcher_to(config: Config, worker: &str) -> Result<(Self, Cloud, Arc<DynamoQueryStore>)> {
        make_data_folder(&config.data)?;
        let cloud = Cloud::default();
        let dispatcher: Arc<dyn Dispatcher> = cloud.dispatcher(worker).await;
        let table = table_from_config(&config, &cloud).await?;
        let embedder = embedder_from_config(&config, &cloud).await?;
        let mut index = index_from_config(&config, &cloud, Some(&embedder)).await?;
        if config.documents.is_some() {
            index = without_withheld(index, &table);
        }
        let engine = engine_on(index, embedder, &config, &cloud, Stores::of(Arc::clone(&table)), dispatcher).await?;
        docent_engine::measures::started();
        let entrance = Entrance::Nowhere(Arc::clone(&engine));
        Ok((Self { config, engine, entrance }, cloud, table))
    }
}

/// What was deleted here leaves the index when another function gets to it; until then it is not shown.
fn without_withheld(index: Arc<dyn ChunkIndex>, table: &Arc<DynamoQueryStore>) -> Arc<dyn ChunkIndex> {
    let withheld = Arc::clone(table) as Arc<dyn WithheldDocuments>;
    Arc::new(Withholding::new(index, withheld, clock()))
}

async fn deposits_from_config(
    function: &Function,
    place: Place,
    cloud: &Cloud,
    table: Arc<DynamoQueryStore>,
) -> Result<Deposits> {
    let config = &function.config;
    let depot = BucketDepot::open(place, access_from_config(config)?, cloud.sign(config).await)?;
    Ok(Deposits {
        engine: Arc::clone(&function.engine),
        store: Arc::clone(&table) as Arc<dyn DepositStore>,
        withheld: table,
        depot: Arc::new(depot),
        recognise: Arc::new(docent_core::kind::refusal),
        settings: DepositSettings {
            collection: config.collection.clone(),
            file_bytes: config.parse.file_bytes,
            body_bytes: BODY_BYTES,
        },
    })
}

/// The table that every function needs.
pub(crate) async fn table_from_config(config: &Config, cloud: &Cloud) -> Result<Arc<DynamoQueryStore>> {
    let name = config.table_name.as_deref().ok_or_else(|| {
        Error::invalid("there is no place for queries, as TABLE_NAME is not set")
            .hint("set TABLE_NAME to the name of the query table")
    })?;
    Ok(cloud.table(config, name).await)
}

/// The settings of this process, which logs from here on.
pub(crate) fn config() -> Result<Config> {
    let config = Config::load(&Flags::default(), &Environment::of_process())?;
    crate::logging::start(&config, LogLevel::Info);
    Ok(config)
}
