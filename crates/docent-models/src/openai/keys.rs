//! The key of an endpoint: one that is given, or one that is fetched and may be replaced while the process lives.

use super::settings::Secret;
use docent_engine::{Error, Result};
use futures::future::BoxFuture;
use reqwest::header::HeaderValue;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Fetch = dyn Fn() -> BoxFuture<'static, Result<Secret>> + Send + Sync;

/// A key that somebody else keeps. It is fetched when it is first needed, once for all clones, and again when the endpoint
/// refuses it: it may have been replaced.
#[derive(Clone)]
pub struct KeySource {
    fetch: Arc<Fetch>,
    known: Arc<Mutex<Option<Secret>>>,
    /// Held while a key is fetched, so that many who need one fetch one.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

impl KeySource {
    /// From what fetches the key as it is now.
    pub fn new(fetch: impl Fn() -> BoxFuture<'static, Result<Secret>> + Send + Sync + 'static) -> Self {
        Self { fetch: Arc::new(fetch), known: Arc::default(), fetching: Arc::default() }
    }

    fn known(&self) -> Option<Secret> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key, which must be another than a refused one; none if there is no other.
    async fn other_than(&self, refused: Option<&Secret>) -> Result<Option<Secret>> {
        let _fetching = self.fetching.lock().await;
        let known = self.known();
        if known.is_some() && known.as_ref() != refused {
            return Ok(known);
        }
        let key = (self.fetch)().await?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(Some(key).filter(|key| Some(key) != refused))
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySource")
    }
}

/// What a client presents.
#[derive(Debug)]
pub(crate) enum Keys {
    Given(Key),
    Fetched(KeySource),
}

/// A key and the header that presents it; both are absent for endpoints that ask for none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key {
    secret: Option<Secret>,
    pub(crate) header: Option<HeaderValue>,
}

impl Key {
    pub(crate) fn new(secret: Option<Secret>) -> Result<Self> {
        let Some(secret) = secret.filter(|secret| !secret.expose().is_empty()) else { return Ok(Self::default()) };
        let mut header = HeaderValue::from_str(&format!("Bearer {}", secret.expose())).map_err(|_| {
            Error::invalid("the key for the model endpoint holds characters that no key has")
                .hint("check OPENAI_API_KEY")
        })?;
        header.set_sensitive(true);
        Ok(Self { secret: Some(secret), header: Some(header) })
    }
}

impl Keys {
    pub(crate) fn new(given: Option<Secret>, source: Option<KeySource>) -> Result<Self> {
        match (given, source) {
            (None, Some(source)) => Ok(Self::Fetched(source)),
            (given, _) => Ok(Self::Given(Key::new(given)?)),
        }
    }

    /// What is known without asking anybody, to keep it out of messages.
    pub(crate) fn known(&self) -> Option<Secret> {
        match self {
            Self::Given(key) => key.secret.clone(),
            Self::Fetched(source) => source.known(),
        }
    }

    pub(crate) async fn current(&self) -> Result<Key> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::Fetched(source) => Key::new(source.other_than(None).await?),
        }
    }

    /// Another key to try when this one was refused.
    pub(crate) async fn replacement(&self, refused: &Key) -> Result<Option<Key>> {
        let Self::Fetched(source) = self else { return Ok(None) };
        source.other_than(refused.secret.as_ref()).await?.map(|key| Key::new(Some(key))).transpose()
    }
}
