//! What the worker does with an event.

use docent_app::function::{FailedDelivery, WorkerEvent};
use docent_core::Timestamp;
use docent_core::query::Failure;
use docent_engine::correlation::{self, Correlation};
use docent_engine::queries::Ran;
use docent_engine::{Engine, Error, Result};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use std::time::Duration;
use tracing::Instrument;

/// Time of the function that is kept back to write how a query ended, retries of the store included; of a function with
/// little time, at most a quarter.
const RESERVE: Duration = Duration::from_secs(12);
/// How long a query may be queued before the sweep takes its dispatch for lost.
const QUEUED_FOR: Duration = Duration::from_secs(60);

/// Does what an event asks for; `collection` is the one whose generation a sweep measures.
///
/// # Errors
/// For Lambda, which delivers the event again: `invalid` for one that is not understood, else those of the query store.
/// What goes wrong with an answer is its query's failure and no error here.
pub async fn on_event(
    engine: &Engine,
    collection: &str,
    event: LambdaEvent<Value>,
) -> std::result::Result<Value, Diagnostic> {
    let (payload, context) = event.into_parts();
    let understood = WorkerEvent::parse(&payload);
    let caller = match &understood {
        Ok(WorkerEvent::Query { correlation, .. }) => correlation.clone(),
        _ => None,
    };
    let correlation = Correlation::continued(caller, number_of(&context.request_id));
    let request_id = context.request_id.as_str();
    let span = tracing::error_span!("invocation", request_id, trace_id = correlation.trace_id());
    let work = async {
        let done = match understood {
            Ok(event) => work_on(engine, collection, event, &context).await,
            Err(error) => Err(error),
        };
        done.map_err(|error| told(&error))
    };
    correlation::within(correlation, work).instrument(span).await
}

/// The error's cause goes to the log, what can be acted on to Lambda.
pub(crate) fn told(error: &Error) -> Diagnostic {
    let (kind, hint) = (error.kind().as_str(), error.hint_text().unwrap_or_default());
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(kind, %error, cause, hint, "the event was not dealt with");
    Diagnostic { error_type: kind.to_owned(), error_message: format!("{error}; hint: {hint}") }
}

async fn work_on(engine: &Engine, collection: &str, event: WorkerEvent, context: &Context) -> Result<Value> {
    match event {
        WorkerEvent::Query { id, .. } => {
            let ran = engine.run_query_within(&id, &worker_name(context), time_to_answer(engine, context)).await?;
            engine.deliver_waiting_webhooks(time_left(engine, context)).await;
            Ok(json!({"query_id": id, "finished": ran == Ran::Finished}))
        }
        WorkerEvent::Sweep { queued_for } => {
            let found = engine.sweep(queued_for.unwrap_or(QUEUED_FOR)).await?;
            if let Err(error) = engine.measure_generation(collection).await {
                tracing::warn!(collection, %error, "the generation cannot be measured");
            }
            engine.deliver_waiting_webhooks(time_left(engine, context)).await;
            Ok(json!({"unattended": found}))
        }
        WorkerEvent::Failures(deliveries) => Ok(fail_all(engine, &deliveries).await),
    }
}

/// Nobody else has this name: a process of Lambda has a log stream of its own, and works on one event at a time.
fn worker_name(context: &Context) -> String {
    format!("{}/{}", context.env_config.log_stream, context.request_id)
}

fn time_left(engine: &Engine, context: &Context) -> Duration {
    let deadline = Timestamp::from_millis(i64::try_from(context.deadline).unwrap_or(i64::MAX));
    deadline.since((engine.clock)())
}

fn time_to_answer(engine: &Engine, context: &Context) -> Duration {
    let left = time_left(engine, context);
    left - RESERVE.min(left / 4)
}

/// Ends the queries that Lambda could not have worked on. Names the messages that are to come again, in the shape that
/// Lambda's queue poller reads.
async fn fail_all(engine: &Engine, deliveries: &[FailedDelivery]) -> Value {
    let mut again = Vec::new();
    for delivery in deliveries {
        let Some(id) = &delivery.query_id else {
            tracing::warn!(condition = delivery.condition, "a delivery failed that was about no query");
            continue;
        };
        if let Err(error) = engine.fail(id, &given_up(&delivery.condition)).await {
            log(id, &error);
            again.push(json!({"itemIdentifier": delivery.message_id}));
        }
    }
    json!({"batchItemFailures": again})
}

fn log(query_id: &str, error: &Error) {
    tracing::error!(query_id, kind = error.kind().as_str(), %error, "a failed delivery could not be noted");
}

fn given_up(condition: &str) -> Failure {
    Failure {
        code: "worker_failed".to_owned(),
        message: format!("no worker was able to take it up ({condition})"),
        hint: Some("the worker's log has the cause".to_owned()),
    }
}

/// Lambda's request ids are random numbers in hexadecimal digits.
fn number_of(request_id: &str) -> u128 {
    let digits: String = request_id.chars().filter(char::is_ascii_hexdigit).take(32).collect();
    u128::from_str_radix(&digits, 16).unwrap_or(1)
}
