//! Serves a router on a socket that the caller owns, until the caller says stop.

use axum::Router;
use std::future::{Future, IntoFuture};
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves until `shutdown` completes, then takes no more connections and lets what runs finish within `drain`.
///
/// # Errors
/// Those of the socket.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> io::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let stop = async move {
        shutdown.await;
        // Nobody listens any more once the server has ended.
        let _ = stopping.send(());
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(stop).into_future();
    let overdue = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(drain).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = server => served,
        () = overdue => Ok(()),
    }
}
