//! What handlers share.

use docent_core::access::Scope;
use docent_core::rate::Rate;
use docent_engine::Engine;
use docent_engine::ports::UploadReports;
use docent_engine::uploads::Uploads;
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
    /// Takes files in; none where the index is made elsewhere.
    pub uploads: Option<Arc<Uploads>>,
    /// What became of files that others take in, from a bucket; none where nobody does.
    pub reports: Option<Arc<dyn UploadReports>>,
}

impl Api {
    /// Puts both together. Uploads are refused.
    pub fn new(engine: Arc<Engine>, settings: ApiSettings) -> Self {
        Self { engine, settings: Arc::new(settings), uploads: None, reports: None }
    }

    /// The same, showing reports of files that others take in.
    #[must_use]
    pub fn with_reports(self, reports: Option<Arc<dyn UploadReports>>) -> Self {
        Self { reports, ..self }
    }

    /// What became of files, whoever takes them in.
    pub(crate) fn reports(&self) -> Option<&dyn UploadReports> {
        self.uploads.as_ref().map(|uploads| uploads.reports()).or(self.reports.as_deref())
    }

    /// The same, taking uploads if there is somebody to take them in.
    #[must_use]
    pub fn with_uploads(self, uploads: Option<Arc<Uploads>>) -> Self {
        Self { uploads, ..self }
    }
}
