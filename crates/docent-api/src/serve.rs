//! Serves a router on a socket that the caller owns, until the caller says stop.
//!
//! A connection costs memory and a file descriptor before it has asked for anything, so their number, the size of a
//! request's head and the time that a client may take for it are limited. The time for a body is the router's to limit.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How long to wait when the system has no more file descriptors, or the like.
const BREATHER: Duration = Duration::from_millis(100);

/// What connections may cost.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// How long requests under way may take after the word to stop.
    pub drain: Duration,
    /// Connections at the same time; more wait until one ends.
    pub connections: usize,
    /// How long a client may take for the head of a request, or say nothing on an open connection.
    pub head_time: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
}

impl Default for ServeSettings {
    fn default() -> Self {
        let drain = Duration::from_secs(10);
        Self { drain, connections: 1_024, head_time: Duration::from_secs(20), head_bytes: 64 * 1024 }
    }
}

/// Serves until `shutdown` completes, then takes no more connections and lets what runs finish within the time to drain.
///
/// # Errors
/// None at present: trouble with a connection is that connection's, and a socket that fails is tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    settings: ServeSettings,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(settings.connections));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, slot) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        connections.spawn(answer(stream, slot, router.clone(), settings.clone(), stopped.clone()));
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    stop.send_replace(true);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What is not finished by then ends with the set.
    let _overdue = tokio::time::timeout(settings.drain, ended).await;
    Ok(())
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

/// The client was gone before its connection was taken.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn answer(
    stream: TcpStream,
    slot: Option<OwnedSemaphorePermit>,
    router: Router,
    settings: ServeSettings,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are small and somebody waits for them; a connection without it works too.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_time)
        .max_header_size(settings.head_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(slot);
}
