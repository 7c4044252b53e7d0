//! What a running query tells those who watch it.
//!
//! Each running query has one append-only log that all watchers share and read at their own pace: a slow one holds no
//! memory of its own, and one that comes back goes on behind the last event it saw. When the query is done its log leaves
//! the table; whoever comes later is told the same events from the stored query ([`replay`]).

use docent_core::query::{Citation, Source};
use docent_core::{Outcome, Query, QueryStatus};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// One thing that happened to a query. Events are numbered from 1 in this order: started, sources, statements, done.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryEvent {
    /// A worker has begun.
    Started,
    /// What was retrieved.
    Sources(Vec<Source>),
    /// The next statement of the answer, with the evidence that was found for it.
    Statement {
        /// Its words.
        text: String,
        /// Its evidence.
        citations: Vec<Citation>,
    },
    /// It is terminal; this is how it ended.
    Done(Box<Query>),
}

/// The shared log of one running query.
#[derive(Debug)]
pub struct Log {
    events: Mutex<Vec<QueryEvent>>,
    length: watch::Sender<usize>,
}

impl Log {
    fn new() -> Self {
        Self { events: Mutex::new(Vec::new()), length: watch::Sender::new(0) }
    }

    fn push(&self, event: QueryEvent) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
        self.length.send_replace(events.len());
    }

    /// The event at a place from 0; waits until it has happened.
    pub async fn event(&self, place: usize) -> QueryEvent {
        let mut length = self.length.subscribe();
        loop {
            // Read under the lock, wait outside it.
            let event = self.events.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned();
            match event {
                Some(event) => return event,
                // Cannot fail: the sender is part of self.
                None => drop(length.changed().await),
            }
        }
    }

    /// Waits until the query is terminal.
    pub async fn done(&self) -> Query {
        let mut place = 0;
        loop {
            if let QueryEvent::Done(query) = self.event(place).await {
                return *query;
            }
            place += 1;
        }
    }
}

/// The logs of all running queries of this process.
#[derive(Debug, Default)]
pub struct Progress {
    logs: Mutex<HashMap<String, Arc<Log>>>,
}

impl Progress {
    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Log>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a query's log anew.
    pub(crate) fn start(&self, id: &str) -> Arc<Log> {
        let log = Arc::new(Log::new());
        self.table().insert(id.to_owned(), Arc::clone(&log));
        log.push(QueryEvent::Started);
        log
    }

    /// Adds what happened, if the query runs here.
    pub(crate) fn tell(&self, id: &str, event: QueryEvent) {
        if let Some(log) = self.watch(id) {
            log.push(event);
        }
    }

    /// Ends a query's log, if it runs here.
    pub(crate) fn end(&self, query: &Query) {
        if let Some(log) = self.table().remove(&query.id) {
            log.push(QueryEvent::Done(Box::new(query.clone())));
        }
    }

    /// Ends a query's log if nobody watches it, who would have to be told how it ended; false if somebody does.
    pub(crate) fn end_unwatched(&self, id: &str) -> bool {
        let mut table = self.table();
        // Who watches holds the log, and takes hold of it under the same lock.
        let is_watched = table.get(id).is_some_and(|log| Arc::strong_count(log) > 1);
        if !is_watched {
            table.remove(id);
        }
        !is_watched
    }

    /// The log of a query that runs in this process.
    pub fn watch(&self, id: &str) -> Option<Arc<Log>> {
        self.table().get(id).cloned()
    }
}

/// The events of a terminal query, as its watchers saw them.
pub fn replay(query: &Query) -> Vec<QueryEvent> {
    let mut events = Vec::new();
    if query.attempt > 0 {
        events.push(QueryEvent::Started);
    }
    if let Some(answer) = query.answer.as_ref().filter(|_| query.status == QueryStatus::Completed) {
        events.push(QueryEvent::Sources(answer.sources.clone()));
        if answer.outcome != Outcome::NotFound {
            events.extend(statements(&answer.text, &answer.citations));
        }
    }
    events.push(QueryEvent::Done(Box::new(query.clone())));
    events
}

fn statements(answer: &str, citations: &[Citation]) -> Vec<QueryEvent> {
    citations
        .chunk_by(|a, b| a.answer_start_index == b.answer_start_index)
        .map(|citations| {
            let (start, end) = (citations[0].answer_start_index, citations[0].answer_end_index);
            let text = answer.chars().skip(start as usize).take(end.saturating_sub(start) as usize).collect();
            QueryEvent::Statement { text, citations: citations.to_vec() }
        })
        .collect()
}
