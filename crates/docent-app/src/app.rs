//! The composition root of one machine: the command line and the server.

use crate::cloud::Cloud;
use crate::config::{Config, IndexPlace};
use crate::documents::{ParserProgram, Reader};
use crate::wiring::{engine_from_config, make_data_folder, stores_from_config};
use docent_engine::ingest::Parse;
use docent_engine::ports::UploadStore;
use docent_engine::uploads::{UploadSettings, Uploads};
use docent_engine::worker::{self, WorkQueue};
use docent_engine::{Engine, Result};
use std::sync::Arc;

/// Everything that a command or a server needs.
pub struct App {
    /// What was wanted.
    pub config: Config,
    /// The verbs.
    pub engine: Arc<Engine>,
    /// What files are read with.
    pub reader: Reader,
    /// Files to pages, in processes of their own.
    pub parse: Parse,
    /// Where workers of this process find their queries.
    pub work_queue: WorkQueue,
    /// Takes uploads in; none where the index is made elsewhere, or the store is one that several machines share.
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
        let (dispatcher, work_queue) = worker::in_process();
        let cloud = Cloud::default();
        let stores = stores_from_config(&config, &cloud).await?;
        let store = stores.uploads.clone();
        let engine = engine_from_config(&config, &cloud, stores, Arc::new(dispatcher)).await?;
        let reader = Reader::from_config(&config, parser);
        let parse = reader.parse();
        let uploads = store.and_then(|store| uploads_from_config(&config, &engine, store, &parse));
        Ok(Self { config, engine, reader, parse, work_queue, uploads })
    }
}

/// Files that arrive over a network; an index that others publish takes none.
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
    let recognise = Arc::new(docent_core::kind::refusal);
    Some(Arc::new(Uploads::new(Arc::clone(engine), store, Arc::clone(parse), recognise, settings)))
}
