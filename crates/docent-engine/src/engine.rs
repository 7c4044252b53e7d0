//! The one struct that holds the ports, and the settings that the verbs need.

use crate::budget::Budget;
use crate::ingest::Tokenize;
use crate::ocr::Ocr;
use crate::ports::{ChunkIndex, Dispatcher, Embedder, Generator, KeyStore, Meter, QueryStore};
use crate::progress::Progress;
use crate::webhooks::Webhooks;
use docent_core::chunking::ChunkSettings;
use docent_core::{Prices, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// What time it is; passed in, so that a test can say.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Resolved settings of the verbs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How chunks are cut.
    pub chunking: ChunkSettings,
    /// Files parsed at the same time.
    pub parse_workers: usize,
    /// How long one attempt at an answer may take.
    pub answer_timeout: Duration,
    /// How long a worker holds a query without renewing.
    pub lease: Duration,
    /// Attempts before a query is given up.
    pub attempts_max: u32,
    /// How long after its submission a query is given up.
    pub query_deadline: Duration,
    /// How long a query is remembered.
    pub query_retention: Duration,
    /// What a day may cost.
    pub budget: Budget,
    /// What models cost.
    pub prices: Prices,
    /// What pages without text of their own are read with, if they are.
    pub ocr: Option<Ocr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            chunking: ChunkSettings::default(),
            parse_workers: std::thread::available_parallelism().map_or(2, usize::from),
            answer_timeout: Duration::from_secs(120),
            lease: Duration::from_secs(30),
            attempts_max: 3,
            query_deadline: Duration::from_secs(600),
            query_retention: Duration::from_secs(180 * 24 * 60 * 60),
            budget: Budget::default(),
            prices: Prices::default(),
            ocr: None,
        }
    }
}

/// Everything a verb needs. Made once, in the composition root.
pub struct Engine {
    /// Texts to vectors.
    pub embedder: Arc<dyn Embedder>,
    /// Passages to statements.
    pub generator: Arc<dyn Generator>,
    /// Chunks.
    pub index: Arc<dyn ChunkIndex>,
    /// Queries.
    pub queries: Arc<dyn QueryStore>,
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// Rates and budgets.
    pub meter: Arc<dyn Meter>,
    /// Who wakes a worker.
    pub dispatcher: Arc<dyn Dispatcher>,
    /// The tokenizer that chunks are measured with.
    pub tokenize: Tokenize,
    /// What time it is.
    pub clock: Clock,
    /// What running queries tell.
    pub progress: Progress,
    /// Who is to be told that queries have ended.
    pub webhooks: Webhooks,
    /// Limits and times.
    pub settings: Settings,
}
