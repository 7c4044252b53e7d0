//! What is worth counting, as log lines under a target of their own.
//!
//! A server's log shows them like any other line; a layer of the subscriber may turn them into metrics. They hold ids,
//! words of fixed lists and numbers, never text of questions, answers or documents.

use crate::ports::Collection;
use crate::trace::Trace;
use docent_core::Timestamp;
use std::time::Duration;

/// The target of these lines.
pub const TARGET: &str = "docent::measures";

/// A query has ended in an attempt of this process.
pub(crate) fn ended(query_id: &str, attempt: u32, outcome: &str, cost_usd: Option<f64>, trace: Option<&Trace>) {
    let Some(trace) = trace else {
        tracing::info!(target: TARGET, queries = 1, query_id, attempt, outcome, "query ended");
        return;
    };
    let (timings, usage) = (trace.timings, trace.usage);
    tracing::info!(
        target: TARGET,
        queries = 1,
        query_id,
        attempt,
        outcome,
        generation = trace.generation,
        retrieve_ms = timings.embed_ms + timings.search_ms,
        generate_ms = timings.generate_ms,
        answer_ms = timings.total_ms,
        input_tokens = usage.input_tokens,
        output_tokens = usage.output_tokens,
        embedding_tokens = usage.embedding_tokens,
        cost_usd,
        "query ended"
    );
}

/// A question was taken in and, if it is new, somebody asked to work on it.
pub(crate) fn submitted(query_id: &str, took: Duration) {
    tracing::info!(target: TARGET, query_id, submit_ms = whole(took.as_millis()), "query submitted");
}

/// A sweep has looked after this many queries, and the oldest that waits has done so for so long. Most find none, which is
/// not worth a line in a server's log.
pub(crate) fn swept(unattended: usize, longest_wait: Duration) {
    let oldest_open_ms = whole(longest_wait.as_millis());
    if unattended > 0 {
        tracing::info!(target: TARGET, sweeps = 1, unattended, oldest_open_ms, "swept");
    } else {
        tracing::debug!(target: TARGET, sweeps = 1, unattended, oldest_open_ms, "swept");
    }
}

/// Files of a source were looked at, and what has changed is published: how many there were, how many of them were refused,
/// and how long it took since the first of them changed.
pub fn taken_in(files: usize, refused: usize, generation: &str, took: Duration) {
    let ingest_ms = whole(took.as_millis());
    tracing::info!(target: TARGET, files, files_refused = refused, ingest_ms, generation, "documents taken in");
}

/// What there is to be asked. Only ids of published generations hold the time they were made at.
pub(crate) fn generation(found: Option<&Collection>, now: Timestamp) {
    let Some(Collection { generation, chunks, .. }) = found else {
        tracing::info!(target: TARGET, generation_published = 0, "no generation");
        return;
    };
    let generation_age_s = made_at(generation).map(|made| now.since(made).as_secs());
    tracing::info!(
        target: TARGET, generation_published = 1, generation_chunks = chunks, generation_age_s, generation, "generation"
    );
}

/// The time in an id of [`crate::queries::new_id`].
fn made_at(id: &str) -> Option<Timestamp> {
    let id = uuid::Uuid::try_parse(id).ok()?;
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let millis = seconds.saturating_mul(1000).saturating_add(u64::from(nanos / 1_000_000));
    i64::try_from(millis).ok().map(Timestamp::from_millis)
}

fn whole(millis: u128) -> u64 {
    u64::try_from(millis).unwrap_or(u64::MAX)
}

/// A process has begun to work.
pub fn started() {
    tracing::info!(target: TARGET, cold_starts = 1, "started");
}
