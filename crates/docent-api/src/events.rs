//! A query's progress as server-sent events (WHATWG HTML, section 9.2).
//!
//! Events are numbered from 1 in the order of [`QueryEvent`]; a client that comes back says the last number it saw in
//! `Last-Event-ID` and is told what followed. A query that this process works on is watched through its log; one that
//! is done is replayed from the store; one that another process works on is looked up until it is done.

use crate::access::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::routes::queries::visible;
use crate::state::Api;
use crate::wire::{QueryBody, citations, sources};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use docent_engine::progress::{Log, QueryEvent, replay};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// How often a watcher looks whether its log is still the one in force.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often a query of another process is looked up.
const POLL: Duration = Duration::from_millis(250);
/// How often a silent connection is shown to be alive.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Tells what happens to a query until it is terminal.
#[utoipa::path(get, path = "/v1/queries/{id}/events", operation_id = "watch_query", tag = "queries",
    params(("id" = String, Path), ("Last-Event-ID" = Option<u64>, Header, description = "Go on behind this event")),
    responses((status = 200, description = "Server-sent events: status, sources, statement, done"), (status = 404, body = ProblemBody)))]
pub(crate) async fn stream(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let stored = visible(&api, &caller, &id).await?.id;
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|seen| seen.parse().ok());
    let events = told(api, stored, seen.unwrap_or(0)).map(|(place, event)| Ok(encoded(place, &event)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// Numbers and events of a query behind the number `seen`, until it is done.
pub(crate) fn told(api: Api, id: String, seen: usize) -> impl Stream<Item = (usize, QueryEvent)> {
    let watch = Watch { api, id, place: seen, log: None, done: false };
    futures::stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) })
}

/// One watcher: where it is, and what it reads from. It holds no events of its own.
struct Watch {
    api: Api,
    id: String,
    place: usize,
    log: Option<Arc<Log>>,
    done: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<(usize, QueryEvent)> {
        while !self.done {
            if self.log.is_none() {
                self.log = self.api.engine.progress.watch(&self.id);
            }
            let event = match self.log.clone() {
                Some(log) => self.read_log(&log).await,
                None => self.read_store().await,
            };
            if let Some(event) = event {
                self.place += 1;
                self.done = matches!(event, QueryEvent::Done(_));
                return Some((self.place, event));
            }
        }
        None
    }

    /// The next event of the log; none if it takes long, and then the log is looked for anew: it may have been replaced.
    async fn read_log(&mut self, log: &Log) -> Option<QueryEvent> {
        let event = tokio::time::timeout(LOOK_AGAIN, log.event(self.place)).await.ok();
        if event.is_none() {
            self.log = None;
            if self.is_terminal().await {
                return self.read_store().await;
            }
        }
        event
    }

    async fn is_terminal(&self) -> bool {
        matches!(self.api.engine.queries.get(&self.id).await, Ok(Some(query)) if query.status.is_terminal())
    }

    /// The next event of a terminal query; none after a pause if it is not terminal yet.
    async fn read_store(&mut self) -> Option<QueryEvent> {
        match self.api.engine.queries.get(&self.id).await {
            Ok(Some(query)) if query.status.is_terminal() => {
                let mut events = replay(&query);
                // Whoever saw all of an earlier attempt is told the end, at least.
                let at = self.place.min(events.len() - 1);
                Some(events.swap_remove(at))
            }
            Ok(Some(_)) => {
                tokio::time::sleep(POLL).await;
                None
            }
            // Deleted meanwhile, or the store is in trouble: the connection ends and the client comes back.
            Ok(None) | Err(_) => {
                self.done = true;
                None
            }
        }
    }
}

fn encoded(number: usize, event: &QueryEvent) -> Event {
    let (name, data): (&str, Value) = match event {
        QueryEvent::Started => ("status", json!({"status": "in_progress"})),
        QueryEvent::Sources(found) => ("sources", json!({"sources": sources(found, &[])})),
        QueryEvent::Statement { text, citations: found } => {
            ("statement", json!({"text": text, "citations": citations(found, &[])}))
        }
        QueryEvent::Done(query) => ("done", json!(QueryBody::from(&**query))),
    };
    Event::default().id(number.to_string()).event(name).data(data.to_string())
}
