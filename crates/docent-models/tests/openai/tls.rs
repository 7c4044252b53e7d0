//! Endpoints behind TLS whose certificate a company has signed itself.

use crate::scripted::{ANSWER, FIRST, SECOND, Scripted, ask, question, streamed};
use docent_models::openai::{OpenAiGenerator, OpenAiSettings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, version};

/// A company's root, and a server's certificate that it has signed.
struct Company {
    root_pem: String,
    server: ServerConfig,
}

impl Company {
    fn new() -> Self {
        let mut root = CertificateParams::new(Vec::new()).expect("parameters");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().expect("a key")).expect("a root");
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let leaf = leaf.signed_by(&key, &root).expect("signed");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("a certificate with its key");
        Self { root_pem: root.pem(), server }
    }

    /// Puts TLS before an endpoint and returns its port.
    async fn guard(&self, endpoint: &Scripted) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (acceptor, behind) = (TlsAcceptor::from(Arc::new(self.server.clone())), endpoint.address.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(acceptor.clone(), stream, behind.clone()));
            }
        });
        port
    }
}

async fn forward(acceptor: TlsAcceptor, stream: TcpStream, behind: String) {
    // A client that does not trust us hangs up here.
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut plain = TcpStream::connect(behind).await.expect("the endpoint");
    let _over = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
}

fn settings(endpoint: &Scripted, host: &str, port: u16, roots: Option<String>) -> OpenAiSettings {
    OpenAiSettings { base_url: format!("https://{host}:{port}/v1"), extra_roots_pem: roots, ..endpoint.settings() }
}

#[tokio::test]
async fn a_root_of_the_company_makes_its_endpoint_trusted() {
    let (company, endpoint) = (Company::new(), Scripted::answering([streamed(ANSWER)]).await);
    let port = company.guard(&endpoint).await;
    let settings = settings(&endpoint, "localhost", port, Some(company.root_pem));
    let came = ask(&OpenAiGenerator::new(settings).expect("settings"), question()).await;
    assert_eq!(came.texts(), [FIRST, SECOND]);
}

#[tokio::test]
async fn an_endpoint_that_nobody_vouches_for_never_sees_the_key() {
    let company = Company::new();
    let other = Company::new();
    for (host, roots) in [
        ("localhost", None),
        ("localhost", Some(other.root_pem)),
        // Vouched for, but under another name.
        ("127.0.0.1", Some(company.root_pem.clone())),
    ] {
        let endpoint = Scripted::answering([streamed(ANSWER)]).await;
        let port = company.guard(&endpoint).await;
        let settings = settings(&endpoint, host, port, roots);
        let came = ask(&OpenAiGenerator::new(settings).expect("settings"), question()).await;
        let error = came.error.expect("an error");
        assert_eq!(error.to_string(), "the certificate of the model endpoint is not trusted");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("ca_file")), "{error:?}");
        assert!(endpoint.requests().is_empty());
    }
}
