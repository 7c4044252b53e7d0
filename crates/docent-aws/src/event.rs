//! What a worker function may be told.
//!
//! A query, by us (ids only) or by the first system (its whole item); a sweep, by a schedule; or that deliveries failed,
//! by the queue that Lambda puts them into after its last attempt. Anything else is refused by name.

use docent_engine::correlation::Correlation;
use docent_engine::{Error, Result};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Version of our events.
const VERSION: u64 = 1;

/// An event, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerEvent {
    /// Work on this query.
    Query {
        /// Its id.
        id: String,
        /// The call that it comes from, if the event says.
        correlation: Option<Correlation>,
    },
    /// Look after queries that nobody works on.
    Sweep {
        /// How long a query must have been queued to count; none leaves it to the worker.
        queued_for: Option<Duration>,
    },
    /// Deliveries that were given up.
    Failures(Vec<FailedDelivery>),
}

/// A delivery that Lambda gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDelivery {
    /// The message's own id in the queue, to say which was not dealt with.
    pub message_id: String,
    /// The query that was to be worked on; none if it was about something else.
    pub query_id: Option<String>,
    /// Why it was given up, for example `RetriesExhausted`.
    pub condition: String,
}

/// The event that asks for a query to be worked on.
pub(crate) fn query(id: &str, correlation: Option<&Correlation>) -> Value {
    let mut event = json!({"version": VERSION, "query_id": id});
    if let Some(correlation) = correlation {
        event["traceparent"] = correlation.traceparent().into();
    }
    event
}

impl WorkerEvent {
    /// Understands an event.
    ///
    /// # Errors
    /// `Invalid`, saying what is wrong with it; nothing of its content is repeated.
    pub fn parse(event: &Value) -> Result<Self> {
        let fields = event.as_object().ok_or_else(|| malformed("it is not a JSON object"))?;
        check_version(fields)?;
        if let Some(sweep) = fields.get("sweep") {
            return Ok(Self::Sweep { queued_for: queued_for(sweep)? });
        }
        if let Some(records) = fields.get("Records") {
            let records = records.as_array().ok_or_else(|| malformed("`Records` is not a list"))?;
            return Ok(Self::Failures(records.iter().map(failed_delivery).collect::<Result<_>>()?));
        }
        let id = fields.get("query_id").ok_or_else(|| malformed("it has none of `query_id`, `sweep` and `Records`"))?;
        let id = id.as_str().filter(|id| !id.is_empty()).ok_or_else(|| malformed("`query_id` is not a text"))?;
        let correlation = fields.get("traceparent").and_then(Value::as_str).and_then(Correlation::parse);
        Ok(Self::Query { id: id.to_owned(), correlation })
    }
}

/// The first system's events have no version.
fn check_version(fields: &Map<String, Value>) -> Result<()> {
    match fields.get("version") {
        None => Ok(()),
        Some(version) if version.as_u64() == Some(VERSION) => Ok(()),
        Some(_) => Err(Error::invalid(format!("the event has a version that is not {VERSION}"))
            .hint("deploy the API and the worker from the same release")),
    }
}

fn queued_for(sweep: &Value) -> Result<Option<Duration>> {
    match sweep {
        Value::Bool(true) => Ok(None),
        Value::Object(fields) => match fields.get("queued_for_s") {
            None => Ok(None),
            Some(seconds) => {
                let seconds = seconds.as_u64().ok_or_else(|| malformed("`queued_for_s` is not a number of seconds"))?;
                Ok(Some(Duration::from_secs(seconds)))
            }
        },
        _ => Err(malformed("`sweep` is neither true nor an object")),
    }
}

/// A message of the queue: what it holds is Lambda's record of the invocation, and in that our own event.
fn failed_delivery(record: &Value) -> Result<FailedDelivery> {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let message_id = text("messageId").ok_or_else(|| malformed("a record has no `messageId`"))?.to_owned();
    if text("eventSource") != Some("aws:sqs") {
        return Err(malformed("a record does not come from a queue"));
    }
    let body: Value = text("body").and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let condition = body.pointer("/requestContext/condition").and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let query_id = body.pointer("/requestPayload/query_id").and_then(Value::as_str).map(str::to_owned);
    Ok(FailedDelivery { message_id, query_id, condition })
}

fn malformed(what: &str) -> Error {
    Error::invalid(format!("the worker does not understand its event: {what}"))
        .hint("send {\"version\": 1, \"query_id\": \"…\"}, {\"sweep\": true}, or records of a queue")
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_engine::ErrorKind;

    fn parsed(text: &str) -> Result<WorkerEvent> {
        WorkerEvent::parse(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn our_own_events_come_back() {
        let correlation = Correlation::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        for correlation in [None, correlation] {
            let event = query("0192", correlation.as_ref());
            let understood = WorkerEvent::Query { id: "0192".to_owned(), correlation };
            assert_eq!(WorkerEvent::parse(&event).unwrap(), understood);
        }
        assert_eq!(query("0192", None).to_string(), r#"{"query_id":"0192","version":1}"#);
    }

    #[test]
    fn the_first_systems_item_is_a_query() {
        let item = r#"{"query_id":"9b1c","user_id":"nobody","create_time":1720000000,"ttl":1735552000,
            "query_text":"secret","answer_text":null,"sources":[],"is_complete":false}"#;
        assert_eq!(parsed(item).unwrap(), WorkerEvent::Query { id: "9b1c".to_owned(), correlation: None });
    }

    #[test]
    fn a_sweep_may_say_how_long() {
        for (event, queued_for) in [
            (r#"{"sweep":true}"#, None),
            (r#"{"version":1,"sweep":{}}"#, None),
            (r#"{"sweep":{"queued_for_s":5}}"#, Some(Duration::from_secs(5))),
        ] {
            assert_eq!(parsed(event).unwrap(), WorkerEvent::Sweep { queued_for }, "{event}");
        }
    }

    #[test]
    fn failed_deliveries_name_their_query() {
        let lost = json!({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": {"query_id": "0192"}});
        let record = |id: &str, body: String| json!({"messageId": id, "eventSource": "aws:sqs", "body": body});
        let event = json!({"Records": [record("m1", lost.to_string()), record("m2", "no JSON".to_owned())]});
        let delivery = |id: &str, query: Option<&str>, condition: &str| FailedDelivery {
            message_id: id.to_owned(),
            query_id: query.map(str::to_owned),
            condition: condition.to_owned(),
        };
        let expected = vec![delivery("m1", Some("0192"), "RetriesExhausted"), delivery("m2", None, "unknown")];
        assert_eq!(WorkerEvent::parse(&event).unwrap(), WorkerEvent::Failures(expected));
    }

    #[test]
    fn everything_else_is_refused_without_repeating_it() {
        for (event, says) in [
            ("7", "not a JSON object"),
            ("null", "not a JSON object"),
            (r#"{"secret":1}"#, "none of `query_id`"),
            (r#"{"query_id":7}"#, "`query_id` is not a text"),
            (r#"{"query_id":""}"#, "`query_id` is not a text"),
            (r#"{"version":2,"query_id":"secret"}"#, "version"),
            (r#"{"sweep":false}"#, "`sweep`"),
            (r#"{"sweep":{"queued_for_s":"secret"}}"#, "`queued_for_s`"),
            (r#"{"Records":"secret"}"#, "`Records`"),
            (r#"{"Records":[{"body":"secret"}]}"#, "`messageId`"),
            (r#"{"Records":[{"messageId":"m","eventSource":"aws:s3"}]}"#, "queue"),
        ] {
            let error = parsed(event).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(says) && !error.to_string().contains("secret"), "{event}: {error}");
            assert!(error.hint_text().is_some());
        }
    }
}
