//! A server and indexes on it.

use docent_chroma::{ChromaIndex, Settings};
use docent_engine::ports::Embedder;
use docent_testkit::chroma::ChromaServer;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Server {
    pub(crate) chroma: ChromaServer,
    pub(crate) folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let chroma = ChromaServer::start(folder.path())?;
        Some(Self { chroma, folder })
    }

    /// An index as another process would have it.
    pub(crate) fn index(&self) -> ChromaIndex {
        ChromaIndex::new(settings(&self.chroma.url()), None).expect("settings")
    }

    pub(crate) fn index_with(&self, embedder: impl Embedder + 'static) -> ChromaIndex {
        ChromaIndex::new(settings(&self.chroma.url()), Some(Arc::new(embedder))).expect("settings")
    }
}

/// With the patience that a busy machine needs.
pub(crate) fn settings(url: &str) -> Settings {
    let (pause, request_timeout) = (Duration::from_millis(1), Duration::from_secs(600));
    Settings { url: url.to_owned(), pause, request_timeout, ..Settings::default() }
}
