//! What a call costs: CPU time of the whole process and wall time, in microseconds per call.
//!
//! `cargo bench -p docent-sqlite`. CPU time comes from the system's own account in `/proc` and is left out elsewhere.

use docent_core::query::Lease;
use docent_engine::Result;
use docent_engine::ports::{Ending, QueryStore};
use docent_sqlite::{Settings, SqliteQueryStore};
use docent_testkit::query_store::{START, sample_answer, sample_query};
use std::fs;
use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Queries that stand in the file already.
const STORED: usize = 20_000;
const CALLS: usize = 100_000;
const CHANGES: usize = 3_000;

#[tokio::main]
async fn main() -> Result<()> {
    let folder =
        tempfile::tempdir().map_err(|error| docent_engine::Error::internal("no temporary folder").because(error))?;
    let store = Arc::new(SqliteQueryStore::open(&folder.path().join("queries.db"), &Settings::default())?);
    let ids = measure("create, 32 callers at once", STORED, create(&store, STORED, 32)).await?;
    measure("get, queued", CALLS, get(&store, &ids)).await?;
    measure("get, queued, by spawn_blocking", CALLS, get_elsewhere(&store, &ids)).await?;
    measure("claim + finish, 32 callers at once", STORED, work(&store, &ids, 32)).await?;
    measure("get, completed, answer of 10 kB", CALLS, get(&store, &ids)).await?;
    measure("list, 25 completed", 2_000, list(&store)).await?;
    let fresh = measure("create, one caller", CHANGES, create(&store, CHANGES, 1)).await?;
    measure("claim + finish, one caller", CHANGES, work(&store, &fresh, 1)).await?;
    measure("unattended, 20,000 queries ended", 10_000, unattended(&store)).await
}

async fn measure<T>(what: &str, calls: usize, work: impl Future<Output = Result<T>>) -> Result<T> {
    let (cpu, wall) = (cpu_time(), Instant::now());
    let result = work.await?;
    let wall = wall.elapsed();
    let per_call = |time: Duration| time.as_secs_f64() * 1e6 / calls as f64;
    let cpu = cpu.zip(cpu_time()).map(|(before, after)| per_call(after - before));
    let cpu = cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1}"));
    let line = format!("{what:36} {cpu:>8} us CPU {:>9.1} us wall\n", per_call(wall));
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
    Ok(result)
}

/// User and system time of this process, at the usual hundred ticks a second.
fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

/// Runs `one` for every place below `count`, by `callers` tasks.
async fn share<F, Fut>(count: usize, callers: usize, one: F) -> Result<()>
where
    F: Fn(usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let one = one.clone();
            tokio::spawn(async move {
                for place in (caller..count).step_by(callers) {
                    one(place).await?;
                }
                Ok::<(), docent_engine::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| docent_engine::Error::internal("a task died").because(error))??;
    }
    Ok(())
}

async fn create(store: &Arc<SqliteQueryStore>, count: usize, callers: usize) -> Result<Vec<String>> {
    let text = "How many days of annual leave do part-time staff have in their first year?";
    let queries: Vec<_> = (0..count).map(|n| sample_query(&format!("user {}", n % 200), text, START)).collect();
    let ids = queries.iter().map(|query| query.id.clone()).collect();
    let (store, queries) = (Arc::clone(store), Arc::new(queries));
    share(count, callers, move |place| {
        let (store, queries) = (Arc::clone(&store), Arc::clone(&queries));
        async move { store.create(&queries[place], None).await.map(drop) }
    })
    .await?;
    Ok(ids)
}

async fn work(store: &Arc<SqliteQueryStore>, ids: &[String], callers: usize) -> Result<()> {
    let mut answer = sample_answer("Part-time staff have leave in proportion to their hours.");
    let source = answer.sources[0].clone();
    answer.sources = (0..8).map(|_| docent_core::Source { text: "word ".repeat(200), ..source.clone() }).collect();
    let lease = Lease { worker: "bench".to_owned(), until: START.plus(Duration::from_secs(60)) };
    let shared = Arc::new((ids.to_vec(), lease, Ending::Completed(Box::new(answer))));
    let store = Arc::clone(store);
    share(ids.len(), callers, move |place| {
        let (store, shared) = (Arc::clone(&store), Arc::clone(&shared));
        async move {
            let (ids, lease, ending) = &*shared;
            store.claim(&ids[place], lease, START, 3).await?;
            store.finish(&ids[place], 1, ending, Some("{}"), START).await.map(drop)
        }
    })
    .await
}

async fn get(store: &SqliteQueryStore, ids: &[String]) -> Result<()> {
    for call in 0..CALLS {
        // A stride that visits the whole file in no order.
        std::hint::black_box(store.get(&ids[call * 7919 % ids.len()]).await?);
    }
    Ok(())
}

/// What the store does not do: the same read in a thread for blocking work.
async fn get_elsewhere(store: &Arc<SqliteQueryStore>, ids: &[String]) -> Result<()> {
    for call in 0..CALLS {
        let (store, id) = (Arc::clone(store), ids[call * 7919 % ids.len()].clone());
        let runtime = tokio::runtime::Handle::current();
        let read = tokio::task::spawn_blocking(move || runtime.block_on(store.get(&id)));
        std::hint::black_box(
            read.await.map_err(|error| docent_engine::Error::internal("a task died").because(error))??,
        );
    }
    Ok(())
}

async fn list(store: &SqliteQueryStore) -> Result<()> {
    for call in 0..2_000 {
        std::hint::black_box(store.list(None, &format!("user {}", call % 200), 25, None).await?);
    }
    Ok(())
}

async fn unattended(store: &SqliteQueryStore) -> Result<()> {
    for _ in 0..10_000 {
        std::hint::black_box(store.unattended(START, START, 100).await?);
    }
    Ok(())
}
