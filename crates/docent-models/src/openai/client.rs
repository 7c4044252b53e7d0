//! One HTTP client per endpoint: TLS, deadlines, and what every request has in common.

use super::failure::{Asked, Attempt, Failure, malformed};
use super::keys::{Key, Keys};
use super::retry::{Deadline, Jitter, timed_out};
use super::settings::{Endpoint, OpenAiSettings};
use docent_engine::{Error, Result};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Response, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a refusal that are read; more than that explains nothing.
const REFUSAL_BYTES: usize = 64 * 1024;

/// An endpoint with a pool of connections to it.
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    keys: Keys,
    pub(crate) settings: OpenAiSettings,
    jitter: Jitter,
}

impl Client {
    /// Prepares the client; nothing is sent.
    pub(crate) fn new(settings: OpenAiSettings) -> Result<Self> {
        Ok(Self {
            http: http_client(&settings)?,
            endpoint: Endpoint::parse(&settings.base_url)?,
            keys: Keys::new(settings.api_key.clone(), settings.key_source.clone())?,
            jitter: Jitter::new(settings.retries.seed),
            settings,
        })
    }

    /// The facts for messages about `model`.
    pub(crate) fn asked<'a>(&'a self, model: &'a str) -> Asked<'a> {
        Asked { endpoint: &self.endpoint, model, key: self.keys.known() }
    }

    /// The deadline of an attempt that begins now.
    pub(crate) fn attempt(&self, deadline: Deadline) -> Deadline {
        deadline.earlier(Deadline::after(self.settings.request_timeout))
    }

    /// Posts a JSON body; returns a success whose body is still to be read.
    pub(crate) async fn post(
        &self,
        path: &str,
        model: &str,
        body: &impl Serialize,
        deadline: Deadline,
    ) -> Attempt<Body<'_>> {
        let bytes = serde_json::to_vec(body)
            .map_err(|cause| Error::internal("the request cannot be written").because(cause))?;
        let key = self.keys.current().await?;
        let mut response = self.send(path, model, &bytes, &key, deadline).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(newer) = self.keys.replacement(&key).await?
        {
            tracing::info!("the key for the model endpoint was refused and has been replaced; trying the new one");
            response = self.send(path, model, &bytes, &newer, deadline).await?;
        }
        let mut body = Body { response, client: self, deadline };
        if body.response.status().is_success() {
            return Ok(body);
        }
        let (status, headers) = (body.response.status(), body.response.headers().clone());
        let said = body.beginning(REFUSAL_BYTES).await;
        Err(self.asked(model).refusal(status, &headers, &String::from_utf8_lossy(&said)))
    }

    async fn send(&self, path: &str, model: &str, body: &[u8], key: &Key, deadline: Deadline) -> Attempt<Response> {
        let request = self.http.post(self.endpoint.url(path)).header(CONTENT_TYPE, "application/json");
        let mut request = request.body(body.to_vec());
        if let Some(value) = &key.header {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let sent = deadline.bound(self.settings.idle_timeout, request.send()).await?;
        sent.map_err(|cause| self.asked(model).unreachable(cause).into())
    }

    /// Waits before the next attempt, or gives the error back when there must be none.
    pub(crate) async fn pause(&self, failure: Failure, attempt: u32, deadline: Deadline) -> Result<()> {
        let draw = self.jitter.draw();
        let Some(wait) = self.settings.retries.delay(&failure, attempt, draw, deadline.remains()) else {
            return Err(failure.error);
        };
        let (kind, wait_ms) = (failure.error.kind().as_str(), wait.as_millis() as u64);
        tracing::warn!(kind, attempt, wait_ms, "the model endpoint failed; trying again");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// A response whose body arrives within the deadline or not at all.
pub(crate) struct Body<'a> {
    response: Response,
    client: &'a Client,
    deadline: Deadline,
}

impl Body<'_> {
    /// The media type, in lower case.
    pub(crate) fn media_type(&self) -> String {
        let value = self.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.and_then(|text| text.split(';').next()).unwrap_or_default().trim().to_lowercase()
    }

    /// The next piece; none at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        let read = self.deadline.bound(self.client.settings.idle_timeout, self.response.chunk()).await?;
        match read {
            Ok(piece) => Ok(piece.map(|bytes| bytes.to_vec())),
            Err(cause) if cause.is_timeout() => Err(timed_out()),
            Err(cause) => Err(malformed("an answer that broke off").because(cause.without_url())),
        }
    }

    /// The whole body, if it has at most `limit` bytes.
    pub(crate) async fn whole(mut self, limit: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > limit {
                return Err(Error::invalid(format!("the model endpoint sent more than {limit} bytes")));
            }
        }
        Ok(bytes)
    }

    /// As much of the body as comes, for an explanation.
    async fn beginning(&mut self, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < limit
            && let Ok(Some(piece)) = self.piece().await
        {
            bytes.extend_from_slice(&piece);
        }
        bytes
    }
}

fn http_client(settings: &OpenAiSettings) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(settings)?)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION")));
    if let Some(url) = &settings.proxy {
        let proxy = reqwest::Proxy::all(url.expose()).map_err(|_| Error::invalid("the proxy is not a URL"))?;
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|cause| Error::internal("the HTTP client cannot be built").because(cause))
}

fn tls(settings: &OpenAiSettings) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = &settings.extra_roots_pem {
        trust(&mut roots, pem)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|cause| Error::internal("TLS cannot be set up").because(cause))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// A text without any certificate is refused as well: it is not what its owner thinks it is.
fn trust(roots: &mut RootCertStore, pem: &str) -> Result<()> {
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|cause| bad_certificate().because(cause))?;
        roots.add(certificate).map_err(|cause| bad_certificate().because(cause))?;
        found = true;
    }
    if found { Ok(()) } else { Err(bad_certificate()) }
}

fn bad_certificate() -> Error {
    Error::invalid("the extra certificates for the model endpoint cannot be read").hint("give root certificates in PEM")
}
