//! Stores one query after the other until it is killed, and prints each id once the store has acknowledged it. The crash
//! test runs it: `submit_in_a_loop FILE WORKERS`.

use docent_engine::Result;
use docent_engine::ports::{Ending, QueryStore};
use docent_sqlite::{Settings, SqliteQueryStore};
use docent_testkit::query_store::{START, sample_answer, sample_query};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().unwrap_or_default());
    let workers = arguments.next().and_then(|n| n.to_str()?.parse().ok()).unwrap_or(1_usize);
    let store = Arc::new(SqliteQueryStore::open(&path, &Settings::default())?);
    let workers: Vec<_> = (0..workers).map(|_| tokio::spawn(submit(Arc::clone(&store)))).collect();
    for worker in workers {
        worker.await.map_err(|error| docent_engine::Error::internal("a worker died").because(error))??;
    }
    Ok(())
}

/// Creates, claims and finishes; every line says what has been acknowledged.
async fn submit(store: Arc<SqliteQueryStore>) -> Result<()> {
    loop {
        let query = sample_query("loop", &"question ".repeat(50), START);
        store.create(&query, None).await?;
        say("created", &query.id);
        let lease = docent_core::query::Lease { worker: "loop".to_owned(), until: START.plus(Duration::from_secs(60)) };
        store.claim(&query.id, &lease, START, 3).await?;
        let ending = Ending::Completed(Box::new(sample_answer("answer")));
        if store.finish(&query.id, 1, &ending, Some("{}"), START).await? {
            say("finished", &query.id);
        }
    }
}

/// One write per line, so that a kill cannot cut a line that was read.
fn say(what: &str, id: &str) {
    let line = format!("{what} {id}\n");
    // The reader is gone when the test is: then there is nothing left to prove.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}
