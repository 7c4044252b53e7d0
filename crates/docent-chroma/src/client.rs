//! One HTTP client per server: TLS, deadlines, repetition, and the handful of requests that are made.

use crate::failure::{Refusal, malformed, no_database, refusal, unreachable};
use crate::settings::{Settings, Token};
use crate::wire::{
    CollectionBody, CreateBody, GetAnswer, GetBody, Include, Metadata, NewRecord, QueryAnswer, QueryBody, Record,
    Selection, UpdateBody, UpsertBody,
};
use docent_engine::{Error, ErrorKind, Result};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// Records in one request; far below what a server takes, so that a body stays below its limit with any model.
const RECORDS: usize = 256;
/// Records read in one request.
pub(crate) const RECORDS_READ: usize = 1_000;
/// Collections listed in one request.
const COLLECTIONS: usize = 100;

/// A server with a pool of connections to it.
pub(crate) struct Client {
    http: reqwest::Client,
    api: Url,
    settings: Settings,
    database_seen: tokio::sync::OnceCell<()>,
}

impl Client {
    /// Prepares the client; nothing is sent.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let api = settings.api()?;
        Ok(Self { http: http_client(&settings, &api)?, api, settings, database_seen: tokio::sync::OnceCell::new() })
    }

    /// The server's address, for people.
    pub(crate) fn server(&self) -> &str {
        self.api.as_str().trim_end_matches("/api/v2")
    }

    /// The address below the database, with each part escaped.
    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.api.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(["tenants", &self.settings.tenant, "databases", &self.settings.database]).extend(parts);
        }
        url
    }

    /// Chroma lists nothing for a database that does not exist, so it is asked for once.
    async fn database(&self) -> Result<()> {
        let look = || async {
            let found: Option<serde_json::Value> = self.find(Method::GET, self.url(&[]), None::<&()>).await?;
            found.map(|_| ()).ok_or_else(|| no_database(&self.settings.tenant, &self.settings.database))
        };
        self.database_seen.get_or_try_init(look).await.copied()
    }

    /// All collections, in the server's order.
    pub(crate) async fn collections(&self) -> Result<Vec<CollectionBody>> {
        self.database().await?;
        let mut all = Vec::new();
        loop {
            let mut url = self.url(&["collections"]);
            url.query_pairs_mut()
                .append_pair("limit", &COLLECTIONS.to_string())
                .append_pair("offset", &all.len().to_string());
            let part: Vec<CollectionBody> = self.demand(Method::GET, url, None::<&()>).await?;
            let last = part.len() < COLLECTIONS;
            all.extend(part);
            if last {
                return Ok(all);
            }
        }
    }

    /// A collection by name.
    pub(crate) async fn collection(&self, name: &str) -> Result<Option<CollectionBody>> {
        self.database().await?;
        self.find(Method::GET, self.url(&["collections", name]), None::<&()>).await
    }

    /// Makes a collection; none if there is one of that name.
    pub(crate) async fn create(&self, body: &CreateBody<'_>) -> Result<Option<CollectionBody>> {
        self.database().await?;
        match self.send(Method::POST, self.url(&["collections"]), Some(body)).await {
            Ok(made) => Ok(Some(made)),
            Err(Refusal::Exists) => Ok(None),
            Err(refusal) => Err(self.surprise(refusal)),
        }
    }

    /// Removes a collection; false if there was none.
    pub(crate) async fn delete_collection(&self, name: &str) -> Result<bool> {
        self.database().await?;
        let url = self.url(&["collections", name]);
        Ok(self.find::<serde_json::Value>(Method::DELETE, url, None::<&()>).await?.is_some())
    }

    /// Records in a collection.
    pub(crate) async fn count(&self, collection: &str) -> Result<u64> {
        self.demand(Method::GET, self.url(&["collections", collection, "count"]), None::<&()>).await
    }

    /// Writes records, a few at a time; a request is applied as a whole or not at all.
    pub(crate) async fn upsert(&self, collection: &str, records: Vec<NewRecord>) -> Result<()> {
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let mut body = UpsertBody::default();
            records.by_ref().take(RECORDS).for_each(|record| body.push(record));
            self.upsert_at_once(collection, &body).await?;
        }
        Ok(())
    }

    /// Writes records in one request.
    pub(crate) async fn upsert_at_once(&self, collection: &str, body: &UpsertBody) -> Result<()> {
        let url = self.url(&["collections", collection, "upsert"]);
        self.demand::<serde_json::Value>(Method::POST, url, Some(body)).await?;
        Ok(())
    }

    /// Changes some of the metadata of records, where they are there.
    pub(crate) async fn update(&self, collection: &str, ids: Vec<String>, changed: &Metadata) -> Result<()> {
        let body = UpdateBody { metadatas: vec![changed; ids.len()], ids };
        let url = self.url(&["collections", collection, "update"]);
        self.demand::<serde_json::Value>(Method::POST, url, Some(&body)).await?;
        Ok(())
    }

    /// Reads records, however many there are.
    pub(crate) async fn get(
        &self,
        collection: &str,
        selection: &Selection,
        include: &[Include],
    ) -> Result<Vec<Record>> {
        let mut all = Vec::new();
        loop {
            let part = self.get_part(collection, selection, include, all.len(), RECORDS_READ).await?;
            let last = part.len() < RECORDS_READ;
            all.extend(part);
            if last {
                return Ok(all);
            }
        }
    }

    /// Reads at most `limit` records behind the first `offset`, in the order they were first written.
    pub(crate) async fn get_part(
        &self,
        collection: &str,
        selection: &Selection,
        include: &[Include],
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Record>> {
        // No ids mean no records; the server would take it for all of them.
        if selection.ids.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let body = GetBody { selection, include, limit: Some(limit), offset: Some(offset) };
        let url = self.url(&["collections", collection, "get"]);
        Ok(self.demand::<GetAnswer>(Method::POST, url, Some(&body)).await?.records())
    }

    /// The records nearest to a vector, nearest first.
    pub(crate) async fn query(&self, collection: &str, body: &QueryBody<'_>) -> Result<Vec<Record>> {
        let url = self.url(&["collections", collection, "query"]);
        Ok(self.demand::<QueryAnswer>(Method::POST, url, Some(body)).await?.records())
    }

    /// Removes records.
    pub(crate) async fn delete(&self, collection: &str, selection: &Selection) -> Result<()> {
        let url = self.url(&["collections", collection, "delete"]);
        self.demand::<serde_json::Value>(Method::POST, url, Some(selection)).await?;
        Ok(())
    }

    async fn demand<T: DeserializeOwned>(&self, method: Method, url: Url, body: Option<&impl Serialize>) -> Result<T> {
        self.send(method, url, body).await.map_err(|refusal| self.surprise(refusal))
    }

    async fn find<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
    ) -> Result<Option<T>> {
        match self.send(method, url, body).await {
            Ok(found) => Ok(Some(found)),
            Err(Refusal::Missing) => Ok(None),
            Err(refusal) => Err(self.surprise(refusal)),
        }
    }

    /// The error for a refusal that the request did not expect.
    fn surprise(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Failed(error, _) => error,
            Refusal::Missing => Error::not_found("the collection was removed from the Chroma server meanwhile")
                .hint("`docent collections` lists those that exist"),
            Refusal::Exists => Error::conflict(format!("the Chroma server at {} sees a conflict", self.server()))
                .hint("somebody else is changing the same collection: repeat when that is done"),
        }
    }

    /// Sends a request; every one of ours may be sent again without harm.
    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
    ) -> std::result::Result<T, Refusal> {
        let bytes = body.map(serde_json::to_vec).transpose().map_err(|cause| {
            Refusal::Failed(Error::internal("the request to Chroma cannot be written").because(cause), false)
        })?;
        let (mut attempt, mut pause) = (1, self.settings.pause);
        loop {
            let refusal = match self.attempt(method.clone(), url.clone(), bytes.clone()).await {
                Err(Refusal::Failed(error, true)) if attempt < self.settings.attempts => error,
                ended => return ended,
            };
            let wait = match refusal.kind() {
                ErrorKind::RateLimited { retry_after: Some(asked) } => asked,
                _ => pause,
            };
            if wait > self.settings.request_timeout {
                return Err(Refusal::Failed(refusal, false));
            }
            tracing::warn!(kind = refusal.kind().as_str(), attempt, "the Chroma server failed; trying again");
            tokio::time::sleep(wait).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
    ) -> std::result::Result<T, Refusal> {
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let lost = |cause| unreachable(self.server(), cause);
        let response = request.send().await.map_err(lost)?;
        let (status, pause) = (response.status(), retry_after(response.headers()));
        let bytes = response.bytes().await.map_err(lost)?;
        if !status.is_success() {
            return Err(refusal(self.server(), status, pause, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|cause| Refusal::Failed(malformed(self.server(), cause), false))
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn http_client(settings: &Settings, api: &Url) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(settings)?)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.request_timeout)
        .pool_idle_timeout(Duration::from_secs(30))
        .default_headers(headers(settings.token.as_ref())?)
        .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION")));
    if let Some(url) = settings.proxy.as_ref().filter(|_| api.scheme() == "https") {
        let proxy = reqwest::Proxy::all(url.expose()).map_err(|_| Error::invalid("the proxy is not a URL"))?;
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|cause| Error::internal("the HTTP client cannot be built").because(cause))
}

fn headers(token: Option<&Token>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let Some(token) = token.map(Token::expose).filter(|token| !token.is_empty()) else { return Ok(headers) };
    let secret = |text: &str| {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            Error::invalid("the token for the Chroma server holds characters that no token has")
                .hint("check CHROMA_TOKEN")
        })?;
        value.set_sensitive(true);
        Ok::<_, Error>(value)
    };
    headers.insert(AUTHORIZATION, secret(&format!("Bearer {token}"))?);
    headers.insert("x-chroma-token", secret(token)?);
    Ok(headers)
}

fn tls(settings: &Settings) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let unreadable = || {
        Error::invalid("the extra certificates for the Chroma server cannot be read")
            .hint("give root certificates in PEM")
    };
    for certificate in CertificateDer::pem_slice_iter(settings.extra_roots_pem.as_deref().unwrap_or("").as_bytes()) {
        let certificate = certificate.map_err(|cause| unreadable().because(cause))?;
        roots.add(certificate).map_err(|cause| unreadable().because(cause))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|cause| Error::internal("TLS cannot be set up").because(cause))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
