//! What is worth counting, as log lines under a target of their own.
//!
//! A server's log shows them like any other line; a layer of the subscriber may turn them into metrics. They hold ids,
//! words of fixed lists and numbers, never text of questions, answers or documents.

use crate::trace::Trace;

/// The target of these lines.
pub const TARGET: &str = "docent::measures";

/// A query has ended in an attempt of this process.
pub(crate) fn ended(query_id: &str, attempt: u32, outcome: &str, trace: Option<&Trace>) {
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
        "query ended"
    );
}

/// A sweep has looked after this many queries. Most find none, which is not worth a line in a server's log.
pub(crate) fn swept(unattended: usize) {
    if unattended > 0 {
        tracing::info!(target: TARGET, sweeps = 1, unattended, "swept");
    } else {
        tracing::debug!(target: TARGET, sweeps = 1, unattended, "swept");
    }
}

/// A process has begun to work.
pub fn started() {
    tracing::info!(target: TARGET, cold_starts = 1, "started");
}
