//! Workers inside one process: a queue of query ids, tasks that take from it, a sweep that feeds what was lost, and one who
//! delivers webhooks.

use crate::Engine;
use crate::error::{Error, Result};
use crate::ports::Dispatcher;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, watch};

/// Ids that may wait in memory; what does not fit waits in the store for the sweep.
const QUEUE_LENGTH: usize = 1_024;
/// How often the sweep looks.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How long a query may be queued before the sweep takes its dispatch for lost.
const QUEUED_FOR: Duration = Duration::from_secs(10);

/// Puts query ids into the queue of this process's workers.
pub struct InProcess {
    queue: mpsc::Sender<String>,
}

/// The other end of [`InProcess`].
pub struct WorkQueue {
    ids: Mutex<mpsc::Receiver<String>>,
}

/// A dispatcher and the queue that workers take from.
pub fn in_process() -> (InProcess, WorkQueue) {
    let (queue, ids) = mpsc::channel(QUEUE_LENGTH);
    (InProcess { queue }, WorkQueue { ids: Mutex::new(ids) })
}

#[async_trait]
impl Dispatcher for InProcess {
    async fn dispatch(&self, query_id: &str) -> Result<()> {
        self.queue.try_send(query_id.to_owned()).map_err(|_| Error::unavailable("the work queue is full or closed"))
    }
}

/// Runs `count` workers, a sweep and the deliveries until `shutdown` turns true; workers finish what they are working on.
pub async fn run_workers(
    engine: Arc<Engine>,
    queue: WorkQueue,
    name: &str,
    count: usize,
    shutdown: watch::Receiver<bool>,
) {
    let queue = Arc::new(queue);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count.max(1) {
        tasks.spawn(work(Arc::clone(&engine), Arc::clone(&queue), format!("{name}-{number}"), shutdown.clone()));
    }
    tasks.spawn(deliver(Arc::clone(&engine), shutdown.clone()));
    tasks.spawn(sweep(engine, shutdown));
    while tasks.join_next().await.is_some() {}
}

async fn work(engine: Arc<Engine>, queue: Arc<WorkQueue>, name: String, mut shutdown: watch::Receiver<bool>) {
    loop {
        let id = tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => return,
            id = async { queue.ids.lock().await.recv().await } => id,
        };
        let Some(id) = id else { return };
        if let Err(error) = engine.run_query(&id, &name).await {
            // The lease lapses and the sweep finds the query again.
            tracing::error!(query_id = id, %error, "the query store failed a worker");
        }
    }
}

/// Apart from the workers: a receiver that is slow keeps no question waiting.
async fn deliver(engine: Arc<Engine>, mut shutdown: watch::Receiver<bool>) {
    let stop = async { drop(shutdown.wait_for(|stop| *stop).await) };
    engine.deliver_webhooks(stop).await;
}

async fn sweep(engine: Arc<Engine>, mut shutdown: watch::Receiver<bool>) {
    // The first sweep takes up what an earlier process left, without the grace that fresh queries get.
    let mut queued_for = Duration::ZERO;
    loop {
        let swept = match engine.sweep(queued_for).await {
            Ok(_) => engine.forget_expired().await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = swept {
            tracing::error!(%error, "the sweep failed");
        }
        queued_for = QUEUED_FOR;
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}
