//! `docent mcp`: the tools of the Model Context Protocol on standard input and output, for a client that starts this program.
//!
//! Standard output is the protocol's. The routes are those of `docent serve`, without a socket; the client needs no key, as
//! whoever starts this program can read the data folder, but may be given one to hold it to what the key sees.

use crate::exit::Exit;
use crate::setup::Setup;
use anyhow::Context;
use docent_api::{Inside, Visitor};
use docent_app::App;
use docent_app::wiring::{self, Reach};
use docent_engine::worker;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long answers under way may take when the client is gone.
const GRACE: Duration = Duration::from_secs(2);
/// How long threads may take to notice after that.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) fn run(setup: &Setup) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let served = runtime.block_on(serve(setup));
    runtime.shutdown_timeout(FAREWELL);
    served
}

async fn serve(setup: &Setup) -> anyhow::Result<Exit> {
    let App { config, engine, work_queue, .. } = setup.app().await?;
    let visitor = match &config.mcp_key {
        Some(key) => Visitor::with_key(key.expose().to_owned()),
        None => Visitor::operator(),
    };
    // Only the operator needs no key, and is known already.
    let api = wiring::api_from_config(&config, &engine, Reach::Network);
    let inside = Inside::new(docent_api::router(api));
    let (stop, stopped) = watch::channel(false);
    let (name, count, for_workers) = (format!("mcp-{}", std::process::id()), config.workers, Arc::clone(&engine));
    let workers = tokio::spawn(async move {
        worker::run_workers(for_workers, work_queue, &name, count, stopped).await;
    });
    let served = docent_mcp::over_stdio(inside, visitor).await;
    stop.send_replace(true);
    // What is not finished by then is not lost: its lease lapses, and the next worker takes it up.
    let _unfinished = tokio::time::timeout(GRACE, workers).await;
    served.context("the client does not speak the Model Context Protocol")?;
    Ok(Exit::Done)
}
