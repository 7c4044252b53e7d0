//! Real requests to receivers on this machine, and those that must not be made.

use docent_engine::ports::{Courier, Letter, Undelivered};
use docent_testkit::receiver::{Receiver, Verdict};
use docent_webhooks::{HttpCourier, Lookup, Settings};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Public by its number, and routed nowhere: nobody has had it since the network it was for was closed in 2006.
const NOWHERE: &str = "3ffe::1";

fn letter(url: String) -> Letter {
    let (id, signature, body) = ("msg_1".to_owned(), "v1,c2ln".to_owned(), r#"{"type":"query.completed"}"#.to_owned());
    Letter { url, id, timestamp: 1_795_392_000, signature, body }
}

fn settings(allowed: &[&str]) -> Settings {
    let allowed_hosts = allowed.iter().map(|host| (*host).to_owned()).collect();
    Settings { allowed_hosts, connect_time: Duration::from_secs(1), ..Settings::default() }
}

async fn carried(settings: Settings, url: String) -> Result<(), Undelivered> {
    HttpCourier::new(settings).expect("a courier").carry(&letter(url)).await
}

fn refusal(error: &str) -> Result<(), Undelivered> {
    Err(Undelivered { error: error.to_owned(), is_final: true })
}

fn failure(error: &str) -> Result<(), Undelivered> {
    Err(Undelivered { error: error.to_owned(), is_final: false })
}

const NOT_PUBLIC: &str = "the receiver's host is not at a public address";

/// Answers each look at any name with the next of these, and counts the looks.
fn scripted(answers: &[&[&str]]) -> (Lookup, Arc<AtomicUsize>) {
    let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().expect("an address")).collect();
    let answers: Vec<Vec<IpAddr>> = answers.iter().map(parse).collect();
    let (looks, counted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let told = Arc::clone(&counted);
    let lookup: Lookup = Arc::new(move |_| {
        let look = looks.fetch_add(1, Ordering::SeqCst);
        told.fetch_add(1, Ordering::SeqCst);
        let answer = answers[look.min(answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    });
    (lookup, counted)
}

/// A port on which every connection is counted and closed.
fn counted_port() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    std::thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

#[tokio::test]
async fn a_letter_arrives_with_its_headers() {
    let receiver = Receiver::start(|_| Verdict::Status(202));
    assert_eq!(carried(settings(&["127.0.0.1"]), receiver.url()).await, Ok(()));
    let deliveries = receiver.deliveries();
    assert_eq!(deliveries.len(), 1);
    let came = &deliveries[0];
    for (name, value) in [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", "1795392000"),
        ("webhook-signature", "v1,c2ln"),
        ("content-type", "application/json"),
        ("host", &receiver.address),
    ] {
        assert_eq!(came.header(name), value, "{name}");
    }
    assert!(came.header("user-agent").starts_with("docent/"));
    assert_eq!(came.body, r#"{"type":"query.completed"}"#);
}

#[tokio::test]
async fn what_an_answer_means() {
    let script = |number| Verdict::Status([200, 299, 404, 410, 429, 500][number]);
    let receiver = Receiver::start(script);
    let courier = HttpCourier::new(settings(&["127.0.0.1"])).expect("a courier");
    for outcome in [
        Ok(()),
        Ok(()),
        failure("the receiver answered 404 Not Found"),
        refusal("the receiver answered 410 Gone: it wants none"),
        failure("the receiver answered 429 Too Many Requests"),
        failure("the receiver answered 500 Internal Server Error"),
    ] {
        assert_eq!(courier.carry(&letter(receiver.url())).await, outcome, "and no word of its body");
    }
}

#[tokio::test]
async fn a_redirect_to_an_address_within_is_not_followed() {
    let within = Receiver::start(|_| Verdict::Status(200));
    let (secret, address) = (within.url(), within.address.clone());
    let port = address.rsplit(':').next().expect("a port").to_owned();
    let destinations = [secret, format!("http://127.0.0.1:{port}/"), "http://169.254.169.254/latest/".to_owned()];
    let gate = Receiver::start(move |number| Verdict::Redirect(destinations[number].clone()));
    // Even where the host of both may be called.
    let courier = HttpCourier::new(settings(&["127.0.0.1"])).expect("a courier");
    for _ in 0..3 {
        let outcome = courier.carry(&letter(gate.url())).await;
        assert_eq!(outcome, failure("the receiver answered 302 Found, and redirects are not followed"));
    }
    assert_eq!((gate.deliveries().len(), within.deliveries().len()), (3, 0));
}

#[tokio::test]
async fn silence_and_absence_are_bounded_and_tried_again() {
    let receiver = Receiver::start(|_| Verdict::Silence);
    let hasty = Settings { time: Duration::from_millis(300), ..settings(&["127.0.0.1"]) };
    assert_eq!(carried(hasty, receiver.url()).await, failure("the receiver did not answer within 0 s"));
    let nobody = format!("http://127.0.0.1:{}/", docent_testkit::ministack::free_port());
    let unreachable = "no connection to the receiver: it cannot be reached, or its certificate is not trusted";
    assert_eq!(carried(settings(&["127.0.0.1"]), nobody).await, failure(unreachable));
}

#[tokio::test]
async fn names_that_lead_within_are_refused_by_the_real_resolver() {
    let (port, connections) = counted_port();
    assert_eq!(carried(settings(&[]), format!("https://localhost:{port}/")).await, refusal(NOT_PUBLIC));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn names_that_lead_within_are_refused_whatever_else_they_lead_to() {
    let (port, connections) = counted_port();
    for answer in [
        &["127.0.0.1"][..],
        &["10.0.0.1"],
        &["169.254.169.254"],
        &["100.64.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["fe80::1"],
        &["fd00:ec2::254"],
        &["ff02::1"],
        &[NOWHERE, "127.0.0.1"],
        &["127.0.0.1", NOWHERE],
    ] {
        let (lookup, looks) = scripted(&[answer]);
        let url = format!("https://receiver.example:{port}/");
        let outcome = carried(Settings { lookup, ..settings(&["other.example"]) }, url).await;
        assert_eq!(outcome, refusal(NOT_PUBLIC), "{answer:?}");
        assert_eq!(looks.load(Ordering::SeqCst), 1);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

/// Whoever looked the name up once to check it and again to connect would reach this machine.
#[tokio::test]
async fn a_name_that_changes_its_address_after_the_check_gains_nothing() {
    let (port, connections) = counted_port();
    let (lookup, looks) = scripted(&[&[NOWHERE], &["127.0.0.1"]]);
    let courier = HttpCourier::new(Settings { lookup, ..settings(&[]) }).expect("a courier");
    let letter = letter(format!("https://rebinding.example:{port}/"));
    let first = courier.carry(&letter).await.expect_err("nobody is there");
    assert!(!first.is_final, "{first:?}");
    assert_eq!(looks.load(Ordering::SeqCst), 1, "what was checked is what was connected to");
    // The next attempt looks anew, and sees it.
    assert_eq!(courier.carry(&letter).await, refusal(NOT_PUBLIC));
    assert_eq!((looks.load(Ordering::SeqCst), connections.load(Ordering::SeqCst)), (2, 0));
}

#[tokio::test]
async fn addresses_within_are_refused_without_a_look() {
    let (port, connections) = counted_port();
    let (lookup, looks) = scripted(&[&["127.0.0.1"]]);
    let courier = HttpCourier::new(Settings { lookup, ..settings(&[]) }).expect("a courier");
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"] {
        let outcome = courier.carry(&letter(format!("https://{host}:{port}/"))).await;
        assert_eq!(outcome, refusal("`webhook_url` names an address that is not public"), "{host}");
    }
    let plain = courier.carry(&letter(format!("http://receiver.example:{port}/"))).await;
    assert_eq!(plain, refusal("`webhook_url` must begin with https://"));
    assert_eq!((looks.load(Ordering::SeqCst), connections.load(Ordering::SeqCst)), (0, 0));
}

/// TLS in front of a receiver, with a certificate for `receiver.example` that it has signed itself; its port and certificate.
async fn guarded(receiver: &Receiver) -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["receiver.example".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate with its key");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (acceptor, behind) = (TlsAcceptor::from(Arc::new(config)), receiver.address.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust us hangs up here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut plain = tokio::net::TcpStream::connect(&behind).await.expect("the receiver");
            let _over = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
        }
    });
    (port, cert.pem())
}

#[tokio::test]
async fn over_tls_only_to_who_is_vouched_for() {
    let receiver = Receiver::start(|_| Verdict::Status(200));
    let (port, certificate) = guarded(&receiver).await;
    let looked_up = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&looked_up);
    let lookup: Lookup = Arc::new(move |name| {
        noted.lock().expect("not poisoned").push(name);
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    });
    let with = |roots: Option<String>| Settings {
        lookup: Arc::clone(&lookup),
        extra_roots_pem: roots,
        ..settings(&["receiver.example"])
    };
    let url = format!("https://receiver.example:{port}/hook");
    let stranger = carried(with(None), url.clone()).await.expect_err("nobody vouches for it");
    assert!(!stranger.is_final && stranger.error.contains("certificate"), "{stranger:?}");
    assert_eq!(receiver.deliveries().len(), 0);
    assert_eq!(carried(with(Some(certificate)), url).await, Ok(()));
    assert_eq!(receiver.deliveries().len(), 1);
    assert_eq!(*looked_up.lock().expect("not poisoned"), ["receiver.example"; 2], "once for each attempt");
}

#[test]
fn certificates_that_are_none_are_refused() {
    let pem = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n".to_owned();
    let error =
        HttpCourier::new(Settings { extra_roots_pem: Some(pem), ..Settings::default() }).err().expect("refused");
    assert_eq!(error.to_string(), "the extra certificates cannot be read");
}
