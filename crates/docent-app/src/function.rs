//! The composition root of the Lambda functions.
//!
//! A function lies in a read-only place, with its index beside it or published in S3; generations from there are copied to
//! the temporary folder.

use crate::cloud::Cloud;
use crate::config::{Config, Environment, Flags, LogLevel};
use crate::wiring::{Stores, engine_from_config, make_data_folder};
use docent_aws::DynamoQueryStore;
use docent_engine::ports::{Dispatcher, UploadReports};
use docent_engine::{Engine, Error, Result};
use std::sync::Arc;

pub use docent_aws::{FailedDelivery, WorkerEvent};

/// Everything that a function needs.
pub struct Function {
    /// What was wanted.
    pub config: Config,
    /// The verbs.
    pub engine: Arc<Engine>,
    /// What became of documents that another function takes in; none where it is not said that one does.
    pub reports: Option<Arc<dyn UploadReports>>,
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
        Self::with_dispatcher_to(config, &worker).await
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
        Self::with_dispatcher_to(config, &worker).await
    }

    async fn with_dispatcher_to(config: Config, worker: &str) -> Result<Self> {
        make_data_folder(&config.data)?;
        let cloud = Cloud::default();
        let dispatcher: Arc<dyn Dispatcher> = cloud.dispatcher(worker).await;
        let table = table_from_config(&config, &cloud).await?;
        let engine = engine_from_config(&config, &cloud, Stores::of(Arc::clone(&table)), dispatcher).await?;
        docent_engine::measures::started();
        let reports = config.documents.is_some().then_some(table as Arc<dyn UploadReports>);
        Ok(Self { config, engine, reports })
    }
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
