//! `docent serve`: the engine over HTTP, with its workers, until somebody says stop.

use crate::exit::Exit;
use crate::setup::Setup;
use anyhow::Context;
use docent_api::ServeSettings;
use docent_app::App;
use docent_app::wiring::{self, Reach};
use docent_engine::entrance::Entrance;
use docent_engine::{Error, Result, keys, worker};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How long requests and answers under way may take after the signal. What is not finished then is not lost: its lease
/// lapses, and the next server takes it up.
const GRACE: Duration = Duration::from_secs(10);

/// What others can reach, others can ask.
async fn reach(app: &App) -> Result<Reach> {
    let config = &app.config;
    if config.listen.ip().is_loopback() {
        return Ok(Reach::ThisMachine);
    }
    let has_key = !config.api_keys.is_empty() || !config.public.is_empty();
    if has_key || keys::any_active(&*app.engine.keys, (app.engine.clock)()).await? {
        return Ok(Reach::Network);
    }
    Err(Error::invalid(format!("refusing to listen on {} without an API key", config.listen)).hint(
        "make one with `docent keys create NAME --scope read,ask`, let everybody in with DOCENT_PUBLIC=read,ask, or \
         listen on 127.0.0.1",
    ))
}

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<Exit> {
    let app = setup.app_that_reads().await?;
    let reach = reach(&app).await?;
    let App { config, engine, work_queue, uploads, .. } = app;
    // Before anybody can know that the server is there: whoever does may stop it.
    let mut stop_signal = StopSignal::expect().context("cannot wait for a signal")?;
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().context("the socket has no address")?;
    let (stop, stopped) = watch::channel(false);
    let name = format!("serve-{}", std::process::id());
    let (count, for_workers, until) = (config.workers, Arc::clone(&engine), stopped.clone());
    let workers = tokio::spawn(async move {
        worker::run_workers(for_workers, work_queue, &name, count, until).await;
    });
    let (count, until, takes_in) = (config.engine.parse_workers, stopped.clone(), uploads.clone());
    let intake = tokio::spawn(async move {
        if let Some(uploads) = takes_in {
            uploads.run("serve", count, until).await;
        }
    });
    let api = wiring::api_from_config(&config, &engine, reach).with_entrance(uploads.map(Entrance::Disk));
    let router = docent_api::router_with_mcp(api, docent_mcp::over_http);
    let limits = ServeSettings { drain: GRACE, ..ServeSettings::default() };
    let mut server = tokio::spawn(docent_api::serve(listener, router, until_true(stopped), limits));
    setup.screen.data(format!("listening on http://{address}"))?;
    setup.screen.note(format!("ask in a browser at that address, or: {}\nCtrl-C stops it", example(address)));
    tokio::select! {
        ended = &mut server => {
            ended.context("the server failed")??;
            anyhow::bail!("the server ended by itself");
        }
        () = stop_signal.received() => {}
    }
    setup.screen.note("stopping");
    stop.send_replace(true);
    let finished = async {
        let served = server.await;
        let worked = workers.await;
        let read = intake.await;
        served.context("the server failed")??;
        worked.context("a worker failed")?;
        read.context("a reader of uploads failed")
    };
    match tokio::time::timeout(GRACE, finished).await {
        Ok(finished) => finished?,
        Err(_) => setup.screen.note("some answers or uploads are not finished; the next server takes them up"),
    }
    Ok(Exit::Done)
}

async fn until_true(mut stopped: watch::Receiver<bool>) {
    // The other end closes when the program ends, which is as good as a word.
    let _ended = stopped.wait_for(|stop| *stop).await;
}

fn example(address: SocketAddr) -> String {
    format!(
        "curl -s 'http://{address}/v1/queries' --json '{{\"query\": \"…\", \"wait\": 20}}'; the routes are at http://{address}/docs, \
         agents are served at http://{address}/mcp"
    )
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let other =
            format!("choose another with --listen, for example --listen 127.0.0.1:{}", address.port().wrapping_add(1));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                Error::conflict(format!("somebody listens on {address} already")).hint(other)
            }
            _ => Error::unavailable(format!("cannot listen on {address}")).because(error).hint(other),
        }
    })
}

/// Ctrl-C, or what service managers send. From the moment it is expected, a signal no longer kills the process.
struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    fn expect() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
