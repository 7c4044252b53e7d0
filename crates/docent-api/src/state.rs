//! What handlers share.

use docent_core::access::Scope;
use docent_core::rate::Rate;
use docent_engine::Engine;
use docent_engine::entrance::Entrance;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Enough for a mebibyte over a slow line.
const BODY_TIME: Duration = Duration::from_secs(30);

/// What the routes need to know beside the engine.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Secrets that open everything, besides the keys in the store.
    pub api_keys: Vec<String>,
    /// What a caller without a key may do.
    pub public: BTreeSet<Scope>,
    /// True for a server that only this machine can reach: as long as there is no key at all, and nothing in `public`,
    /// everybody may do everything.
    pub open_without_keys: bool,
    /// How often a key may call; none for as often as it likes.
    pub rate: Option<Rate>,
    /// How long the body of a request may take to arrive.
    pub body_time: Duration,
    /// Web origins that a browser may call from; `*` is all.
    pub cors_origins: Vec<String>,
    /// The collection that is meant when none is named.
    pub collection: String,
    /// Passages an answer may be made from when the request does not say.
    pub top_k: u32,
}

impl Default for ApiSettings {
    /// Those of a server on this machine, for this machine.
    fn default() -> Self {
        Self {
            api_keys: Vec::new(),
            public: BTreeSet::new(),
            open_without_keys: true,
            rate: None,
            body_time: BODY_TIME,
            cors_origins: vec!["*".to_owned()],
            collection: "default".to_owned(),
            top_k: 8,
        }
    }
}

/// The engine and what the routes know.
#[derive(Clone)]
pub struct Api {
    /// The verbs.
    pub engine: Arc<Engine>,
    /// Defaults and access.
    pub settings: Arc<ApiSettings>,
    /// Where files come in that users send.
    pub entrance: Entrance,
}

impl Api {
    /// Puts both together. Uploads are refused.
    pub fn new(engine: Arc<Engine>, settings: ApiSettings) -> Self {
        let entrance = Entrance::Nowhere(Arc::clone(&engine));
        Self { engine, settings: Arc::new(settings), entrance }
    }

    /// The same, taking files in where there is a way for them.
    #[must_use]
    pub fn with_entrance(self, entrance: Option<Entrance>) -> Self {
        Self { entrance: entrance.unwrap_or(self.entrance), ..self }
    }
}
