//! One POST per letter, on a connection of its own.

use crate::failure::{again, finally, of_connection, of_status};
use crate::resolver::{Checked, Lookup, system_lookup};
use crate::target::{AllowedHosts, understood};
use async_trait::async_trait;
use docent_engine::ports::{Courier, Letter, Undelivered};
use docent_engine::{Error, Result, webhooks};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// How letters are carried.
#[derive(Clone)]
pub struct Settings {
    /// Hosts, by name or address, that may be called whatever their address is, and without TLS.
    pub allowed_hosts: Vec<String>,
    /// Certificates in PEM to trust besides the public ones.
    pub extra_roots_pem: Option<String>,
    /// Longest wait for a connection.
    pub connect_time: Duration,
    /// All the time that an attempt gets.
    pub time: Duration,
    /// Who looks names up.
    pub lookup: Lookup,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            extra_roots_pem: None,
            connect_time: Duration::from_secs(5),
            time: webhooks::ATTEMPT_TIME,
            lookup: system_lookup(),
        }
    }
}

/// Carries letters over HTTP.
pub struct HttpCourier {
    http: reqwest::Client,
    allowed: AllowedHosts,
    time: Duration,
}

impl HttpCourier {
    /// Prepares the client; nothing is sent.
    ///
    /// # Errors
    /// `Invalid` for certificates that cannot be read.
    pub fn new(settings: Settings) -> Result<Self> {
        let allowed = AllowedHosts::new(&settings.allowed_hosts);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(settings.extra_roots_pem.as_deref())?)
            .dns_resolver(Arc::new(Checked { lookup: settings.lookup, allowed: allowed.clone() }))
            .no_proxy()
            .redirect(Policy::none())
            .http1_only()
            .pool_max_idle_per_host(0)
            .connect_timeout(settings.connect_time)
            .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|cause| Error::internal("the HTTP client for webhooks cannot be built").because(cause))?;
        Ok(Self { http, allowed, time: settings.time })
    }
}

#[async_trait]
impl Courier for HttpCourier {
    fn check(&self, url: &str) -> Result<()> {
        understood(url, &self.allowed).map(drop)
    }

    async fn carry(&self, letter: &Letter) -> std::result::Result<(), Undelivered> {
        // What may be called may have changed since the question was asked.
        let url = understood(&letter.url, &self.allowed).map_err(|error| finally(error.to_string()))?;
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &letter.id)
            .header("webhook-timestamp", letter.timestamp)
            .header("webhook-signature", &letter.signature)
            .body(letter.body.clone());
        match tokio::time::timeout(self.time, request.send()).await {
            // What else it says is not read: the connection ends here.
            Ok(Ok(response)) => of_status(response.status()),
            Ok(Err(cause)) => Err(of_connection(cause)),
            Err(_) => Err(again(format!("the receiver did not answer within {} s", self.time.as_secs()))),
        }
    }
}

fn tls(extra_roots_pem: Option<&str>) -> Result<ClientConfig> {
    let unreadable = || Error::invalid("the extra certificates cannot be read").hint("give root certificates in PEM");
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra_roots_pem.into_iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes())) {
        let certificate = certificate.map_err(|cause| unreadable().because(cause))?;
        roots.add(certificate).map_err(|cause| unreadable().because(cause))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|cause| Error::internal("TLS cannot be set up").because(cause))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
