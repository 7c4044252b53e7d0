//! What handlers share.

use docent_engine::Engine;
use std::sync::Arc;

/// What the routes need to know beside the engine.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Secrets of which a request must show one; none means that no key is asked for.
    pub api_keys: Vec<String>,
    /// Web origins that a browser may call from; `*` is all.
    pub cors_origins: Vec<String>,
    /// The collection that is meant when none is named.
    pub collection: String,
    /// Passages an answer may be made from when the request does not say.
    pub top_k: u32,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self { api_keys: Vec::new(), cors_origins: vec!["*".to_owned()], collection: "default".to_owned(), top_k: 8 }
    }
}

/// The engine and what the routes know.
#[derive(Clone)]
pub struct Api {
    /// The verbs.
    pub engine: Arc<Engine>,
    /// Defaults and access.
    pub settings: Arc<ApiSettings>,
}

impl Api {
    /// Puts both together.
    pub fn new(engine: Arc<Engine>, settings: ApiSettings) -> Self {
        Self { engine, settings: Arc::new(settings) }
    }
}
