//! The engine's measures as lines of CloudWatch's embedded metric format: metrics without a call to CloudWatch.
//!
//! A line names its metrics in `_aws` and holds their values and what they are about beside it, so a figure that looks odd
//! leads to the query it came from. Counts of queries are kept by function and outcome, all else by function.

use docent_engine::{Clock, measures};
use serde_json::{Map, Value, json};
use std::fmt::Debug;
use std::io::Write;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;

/// Where the metrics are found.
const NAMESPACE: &str = "Docent";
/// Fields of a measure that are metrics: name, unit.
const METRICS: [(&str, &str, &str); 20] = [
    ("queries", "Queries", "Count"),
    ("attempt", "Attempts", "Count"),
    ("retrieve_ms", "RetrieveLatency", "Milliseconds"),
    ("generate_ms", "GenerateLatency", "Milliseconds"),
    ("answer_ms", "AnswerLatency", "Milliseconds"),
    ("input_tokens", "InputTokens", "Count"),
    ("output_tokens", "OutputTokens", "Count"),
    ("embedding_tokens", "EmbeddingTokens", "Count"),
    ("cost_usd", "EstimatedCost", "None"),
    ("sweeps", "Sweeps", "Count"),
    ("unattended", "UnattendedQueries", "Count"),
    ("oldest_open_ms", "OldestOpenQuery", "Milliseconds"),
    ("submit_ms", "SubmitLatency", "Milliseconds"),
    ("generation_published", "GenerationPublished", "None"),
    ("generation_age_s", "GenerationAge", "Seconds"),
    ("generation_chunks", "GenerationChunks", "Count"),
    ("cold_starts", "ColdStarts", "Count"),
    ("files", "IngestedFiles", "Count"),
    ("files_refused", "RefusedFiles", "Count"),
    ("ingest_ms", "IngestLatency", "Milliseconds"),
];
/// The metric that is also kept by outcome.
const BY_OUTCOME: &str = "Queries";

/// Writes the engine's measures as metrics; other events pass by.
pub struct EmfLayer<W> {
    writer: W,
    function: String,
    clock: Clock,
}

impl<W> EmfLayer<W> {
    /// Lines go to `writer`, under the name of the function.
    pub fn new(writer: W, function: impl Into<String>, clock: Clock) -> Self {
        Self { writer, function: function.into(), clock }
    }

    /// The line of a measure; none without a metric.
    fn line(&self, fields: Map<String, Value>) -> Option<Value> {
        let mut line = json!({"Function": self.function});
        let mut metrics = Vec::new();
        for (name, value) in fields {
            match METRICS.iter().find(|(field, ..)| *field == name) {
                Some((_, metric, unit)) => {
                    metrics.push(json!({"Name": metric, "Unit": unit}));
                    line[*metric] = value;
                }
                None if name == "outcome" => line["Outcome"] = value,
                None => line[name] = value,
            }
        }
        let counted = line.get("Outcome").is_some();
        let (by_outcome, plain): (Vec<_>, Vec<_>) =
            metrics.into_iter().partition(|metric| counted && metric["Name"] == BY_OUTCOME);
        let directive = |metrics: Vec<Value>, dimensions: Value| {
            (!metrics.is_empty()).then(|| json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}))
        };
        let directives: Vec<Value> = [
            directive(by_outcome, json!([["Function"], ["Function", "Outcome"]])),
            directive(plain, json!([["Function"]])),
        ]
        .into_iter()
        .flatten()
        .collect();
        let has_metrics = !directives.is_empty();
        line["_aws"] = json!({"Timestamp": (self.clock)().as_millis(), "CloudWatchMetrics": directives});
        has_metrics.then_some(line)
    }
}

impl<S, W> Layer<S> for EmfLayer<W>
where
    S: Subscriber,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != measures::TARGET {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(line) = self.line(fields.0) {
            // Nobody could be told that the log cannot be written.
            let _unwritten = writeln!(self.writer.make_writer(), "{line}");
        }
    }
}

/// Fields of an event as JSON, without its message.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        if field.name() != "message" {
            self.0.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_core::Timestamp;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn measures_become_metrics_and_other_events_do_not() {
        let lines = Lines::default();
        let writer = lines.clone();
        let clock: Clock = Arc::new(|| Timestamp::from_millis(1_795_392_000_123));
        let layer = EmfLayer::new(move || writer.clone(), "worker", clock);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(retrieve_ms = 3.0, "an event of another kind");
            tracing::info!(
                target: measures::TARGET, queries = 1, query_id = "0192", attempt = 2, outcome = "answered",
                retrieve_ms = 1.5, input_tokens = 900_u64, "query finished"
            );
            tracing::info!(target: measures::TARGET, cold_starts = 1, "started");
        });
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let written: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            written,
            [
                json!({
                    "Function": "worker", "Outcome": "answered", "query_id": "0192",
                    "Queries": 1, "Attempts": 2, "RetrieveLatency": 1.5, "InputTokens": 900,
                    "_aws": {"Timestamp": 1_795_392_000_123_i64, "CloudWatchMetrics": [
                        {"Namespace": "Docent", "Dimensions": [["Function"], ["Function", "Outcome"]],
                         "Metrics": [{"Name": "Queries", "Unit": "Count"}]},
                        {"Namespace": "Docent", "Dimensions": [["Function"]], "Metrics": [
                            {"Name": "Attempts", "Unit": "Count"}, {"Name": "InputTokens", "Unit": "Count"},
                            {"Name": "RetrieveLatency", "Unit": "Milliseconds"}]}]},
                }),
                json!({
                    "Function": "worker", "ColdStarts": 1,
                    "_aws": {"Timestamp": 1_795_392_000_123_i64, "CloudWatchMetrics": [
                        {"Namespace": "Docent", "Dimensions": [["Function"]],
                         "Metrics": [{"Name": "ColdStarts", "Unit": "Count"}]}]},
                }),
            ]
        );
    }
}
