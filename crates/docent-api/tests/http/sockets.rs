//! What a client on the other end of a socket may not do.

use crate::client::Site;
use docent_api::{ApiSettings, ServeSettings, serve};
use docent_testkit::provider::ScriptedGenerator;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const SOON: Duration = Duration::from_millis(100);

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn served(site: &Site, settings: ServeSettings) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let until = async move { drop(stopped.await) };
    let server = tokio::spawn(serve(listener, site.router.clone(), until, settings));
    Served { address, stop, server }
}

/// All that the server says until it closes the connection.
async fn said(mut connection: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = connection.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn send(address: SocketAddr, text: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.expect("connected");
    connection.write_all(text.as_bytes()).await.expect("written");
    connection
}

#[tokio::test]
async fn a_head_must_come_soon_and_be_short() {
    let site = Site::open().await;
    let settings = ServeSettings { head_time: SOON, head_bytes: 8 * 1024, ..ServeSettings::default() };
    let served = served(&site, settings).await;
    let whole = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let answered = said(send(served.address, whole).await).await;
    assert!(answered.starts_with("HTTP/1.1 200 "), "{answered}");
    for slow in ["", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let answered = said(send(served.address, slow).await).await;
        assert!(!answered.contains(" 200 "), "closed without an answer: {answered}");
    }
    let long = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(16 * 1024));
    let answered = said(send(served.address, &long).await).await;
    assert!(answered.starts_with("HTTP/1.1 431 "), "{answered}");
}

#[tokio::test]
async fn a_body_must_come_soon() {
    let settings = ApiSettings { body_time: SOON, ..ApiSettings::default() };
    let site = Site::with(ScriptedGenerator::quoting_the_best_passage(), settings).await;
    let served = served(&site, ServeSettings::default()).await;
    let half = "POST /v1/queries HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{\"query\": ";
    let answered = said(send(served.address, half).await).await;
    assert!(answered.starts_with("HTTP/1.1 400 ") && answered.contains("took too long"), "{answered}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let site = Site::open().await;
    let served = served(&site, ServeSettings { connections: 1, head_time: SOON, ..ServeSettings::default() }).await;
    let idle = TcpStream::connect(served.address).await.expect("connected");
    let whole = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answered = said(send(served.address, whole).await).await;
    assert!(answered.starts_with("HTTP/1.1 200 "), "after the idle one was closed: {answered}");
    assert_eq!(said(idle).await, "");
}

#[tokio::test]
async fn what_runs_when_the_word_to_stop_comes_is_finished() {
    let site = Site::open().await;
    let served = served(&site, ServeSettings::default()).await;
    let idle = TcpStream::connect(served.address).await.expect("connected");
    let body = r#"{"query": "How many days of annual leave?", "wait": 20}"#;
    let length = body.len();
    let asking = format!("POST /v1/queries HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let mut connection = send(served.address, &asking).await;
    let first = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(said(send(served.address, first).await).await.starts_with("HTTP/1.1 200 "), "the other was taken before");
    served.stop.send(()).expect("it listens");
    connection.write_all(body.as_bytes()).await.expect("written");
    let answered = said(connection).await;
    assert!(answered.starts_with("HTTP/1.1 200 ") && answered.contains("\"completed\""), "{answered}");
    served.server.await.expect("no panic").expect("ended well");
    assert_eq!(said(idle).await, "");
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens any more");
}
