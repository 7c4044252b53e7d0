//! The HTTP client that requests to S3 and to AWS's sources of credentials are sent with: rustls with ring, the public
//! roots inside the program, HTTP/1. How long a request may take is up to who makes it: an upload takes longer than a
//! look at the pointer.

use super::place::Access;
use crate::error::{Failure, Result};
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// Addresses that do not answer are found out soon; on a machine without a role that is the source of credentials.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Hands one client to everything that asks for one: connections are shared.
#[derive(Debug)]
pub(super) struct Transport(reqwest::Client);

impl Transport {
    pub(super) fn new(access: &Access) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(access.extra_roots_pem.as_deref())?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION")));
        if let Some(url) = &access.proxy {
            // Sources of credentials are on this machine and have http addresses.
            builder = builder.proxy(reqwest::Proxy::https(url).map_err(unusable)?);
        }
        Ok(Self(builder.build().map_err(unusable)?))
    }
}

impl HttpConnector for Transport {
    /// The options say nothing that was not said above.
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

fn tls(extra_roots_pem: Option<&str>) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra_roots_pem.into_iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes())) {
        roots.add(certificate.map_err(unusable)?).map_err(unusable)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(versions.map_err(unusable)?.with_root_certificates(roots).with_no_client_auth())
}

fn unusable(cause: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Transport(Box::new(cause))
}
