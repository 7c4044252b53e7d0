//! The composition root of the Lambda functions.
//!
//! A function lies in a read-only place with its index beside it; what it needs to write (tantivy's lock files) goes to
//! the scratch folder, where the index's files stand as links.

use crate::cloud::Cloud;
use crate::config::{Config, Environment, Flags, LogLevel};
use crate::wiring::{engine_from_config, make_data_folder};
use docent_engine::ports::Dispatcher;
use docent_engine::{Engine, Error, Result};
use std::path::Path;
use std::sync::Arc;

pub use docent_aws::{FailedDelivery, WorkerEvent};

/// Everything that a function needs.
pub struct Function {
    /// What was wanted.
    pub config: Config,
    /// The verbs.
    pub engine: Arc<Engine>,
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

    async fn with_dispatcher_to(mut config: Config, worker: &str) -> Result<Self> {
        if config.table_name.is_none() {
            return Err(Error::invalid("there is no place for queries, as TABLE_NAME is not set")
                .hint("set TABLE_NAME to the name of the query table"));
        }
        make_data_folder(&config.data)?;
        if config.image_runtime {
            config.index = linked(&config.index, &config.data.join("index"))?;
        }
        let cloud = Cloud::default();
        let dispatcher: Arc<dyn Dispatcher> = cloud.dispatcher(worker).await;
        let engine = engine_from_config(&config, &cloud, dispatcher).await?;
        docent_engine::measures::started();
        Ok(Self { config, engine })
    }
}

fn config() -> Result<Config> {
    let config = Config::load(&Flags::default(), &Environment::of_process())?;
    crate::logging::start(&config, LogLevel::Info);
    Ok(config)
}

/// The index as folders of links in the scratch folder: read where it lies, locked where one may write.
fn linked(index: &Path, scratch: &Path) -> Result<std::path::PathBuf> {
    let failed = |error: std::io::Error| {
        Error::internal(format!("the index beside the program cannot be used from {}", scratch.display()))
            .because(error)
    };
    let collections = match std::fs::read_dir(index) {
        Ok(entries) => entries,
        // No index yet: every question is told so.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(index.to_owned()),
        Err(error) => return Err(failed(error)),
    };
    for collection in collections.flatten().filter(|entry| entry.path().is_dir()) {
        let folder = scratch.join(collection.file_name());
        std::fs::create_dir_all(&folder).map_err(failed)?;
        for file in std::fs::read_dir(collection.path()).map_err(failed)?.flatten() {
            if file.file_name().to_string_lossy().ends_with(".lock") {
                continue;
            }
            match std::os::unix::fs::symlink(file.path(), folder.join(file.file_name())) {
                // An earlier process of this function has been here.
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(failed(error)),
                _ => {}
            }
        }
    }
    Ok(scratch.to_owned())
}
