//! A query's life: submitted, claimed, worked on, finished; and what happens when any of that goes wrong.
//!
//! The store is the truth. A worker may die, a dispatch may be lost or doubled, two workers may race: the conditional
//! writes of the store let one attempt finish a query, and the sweep sees to those that nobody works on.

use crate::Engine;
use crate::answer::Answered;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::unknown_collection;
use crate::measures;
use crate::ports::{Claim, Created, Ending, IdempotencyKey};
use crate::progress::QueryEvent;
use crate::trace::Trace;
use docent_core::query::{Failure, Feedback, Lease, Query, QueryRequest, QueryStatus, Webhook};
use docent_core::{Outcome, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing::Instrument;
use tracing::field::Empty;

/// Longest question, in characters; the first system's limit.
pub const QUESTION_CHARS_MAX: usize = 2_000;
/// Most passages an answer may be made from.
pub const TOP_K_MAX: u32 = 50;
/// Longest wishes for tone and form, in characters: they are paid for with every answer.
pub const INSTRUCTIONS_CHARS_MAX: usize = 4_000;
/// The first and the longest pause of a waiting caller between two looks into the store, for queries that another process
/// works on.
const POLL: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(250));

/// What became of a call to [`Engine::run_query`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// This attempt finished it.
    Finished,
    /// Somebody else has it, or nothing is left to do.
    NotOurs,
}

impl Engine {
    /// Checks a question, stores it and asks for it to be worked on. A dispatch that fails is only a delay: the sweep finds
    /// the query.
    ///
    /// # Errors
    /// `Invalid` or `NotFound` for a request that cannot work, `Conflict` for a reused idempotency key, `BudgetExceeded` when
    /// the day's budget is used up.
    pub async fn submit(&self, request: QueryRequest, key: Option<&IdempotencyKey>) -> Result<Query> {
        let begun = (self.clock)();
        let (query, is_new) = self.accept(request, key).await?;
        if is_new {
            self.dispatch(&query.id).await;
        }
        measures::submitted(&query.id, (self.clock)().since(begun));
        Ok(query)
    }

    /// Asks for a query to be worked on. That it fails is only a delay: the sweep finds the query.
    pub async fn dispatch(&self, id: &str) {
        if let Err(error) = self.dispatcher.dispatch(id).await {
            tracing::warn!(query_id = id, %error, "dispatch failed; the sweep will find the query");
        }
    }

    /// As [`Self::submit`], without asking anybody to work on it; says whether it is new.
    pub async fn accept(&self, request: QueryRequest, key: Option<&IdempotencyKey>) -> Result<(Query, bool)> {
        let request = self.checked(request)?;
        if self.index.collection(&request.collection).await?.is_none() {
            return Err(unknown_collection(&request.collection));
        }
        self.accept_unchecked(request, key).await
    }

    /// As [`Self::accept`] for callers that promise to take any question, as the first system's contract does: what is
    /// wrong with it becomes the reason why the query fails.
    pub async fn accept_unchecked(&self, request: QueryRequest, key: Option<&IdempotencyKey>) -> Result<(Query, bool)> {
        let query = self.new_query(request);
        let reserved = self.reserve(&query, 1, query.created_at).await?;
        let created = self.queries.create(&query, key).await;
        if !matches!(created, Ok(Created::New)) {
            self.give_back(&reserved).await;
        }
        match created? {
            Created::New => Ok((query, true)),
            Created::Existing(existing) => Ok((*existing, false)),
        }
    }

    /// As [`Self::submit`] for callers of [`Self::accept_unchecked`].
    pub async fn submit_unchecked(&self, request: QueryRequest) -> Result<Query> {
        let begun = (self.clock)();
        let (query, _) = self.accept_unchecked(request, None).await?;
        self.dispatch(&query.id).await;
        measures::submitted(&query.id, (self.clock)().since(begun));
        Ok(query)
    }

    /// Stores a question that cannot be answered, with the reason, for callers that promise to take any.
    pub async fn accept_as_failed(&self, request: QueryRequest, failure: &Failure) -> Result<Query> {
        let query = self.new_query(request);
        self.queries.create(&query, None).await?;
        self.queries.fail_unheld(&query.id, failure, (self.clock)()).await?;
        Ok(self.queries.get(&query.id).await?.unwrap_or(query))
    }

    fn checked(&self, request: QueryRequest) -> Result<QueryRequest> {
        let characters = request.text.chars().count();
        if request.text.trim().is_empty() {
            return Err(Error::invalid("the question is empty")
                .hint("ask something, for example: how many days of leave do we have?"));
        }
        if characters > QUESTION_CHARS_MAX {
            return Err(Error::invalid(format!(
                "the question has {characters} characters; at most {QUESTION_CHARS_MAX} are allowed"
            ))
            .hint("shorten it; background belongs into the documents"));
        }
        if request.instructions.as_ref().is_some_and(|wishes| wishes.chars().count() > INSTRUCTIONS_CHARS_MAX) {
            let message = format!("the instructions have more than {INSTRUCTIONS_CHARS_MAX} characters");
            return Err(Error::invalid(message).hint("shorten them; background belongs into the documents"));
        }
        if request.top_k == 0 || request.top_k > TOP_K_MAX {
            return Err(Error::invalid(format!("top_k is {}; it must be from 1 to {TOP_K_MAX}", request.top_k))
                .hint("leave it out for the default"));
        }
        if let Some(url) = &request.webhook_url {
            self.webhooks.check(url)?;
        }
        Ok(request)
    }

    fn new_query(&self, mut request: QueryRequest) -> Query {
        if request.user_id.is_empty() {
            "nobody".clone_into(&mut request.user_id);
        }
        let now = (self.clock)();
        Query {
            id: new_id(now),
            webhook: request.webhook_url.as_ref().map(|_| Webhook::waiting()),
            request,
            status: QueryStatus::Queued,
            attempt: 0,
            lease: None,
            answer: None,
            failure: None,
            feedback: None,
            created_at: now,
            completed_at: None,
            deadline: now.plus(self.settings.query_deadline),
            expires_at: now.plus(self.settings.query_retention),
        }
    }

    /// Works on a query if it can be claimed: answers it, and writes the answer or the reason why there is none.
    ///
    /// # Errors
    /// Only those of the store. What goes wrong while answering is the query's failure, not this call's.
    pub async fn run_query(&self, id: &str, worker: &str) -> Result<Ran> {
        self.run_query_within(id, worker, Duration::MAX).await
    }

    /// As [`Self::run_query`], for a worker that itself has only so much time left: the answer gets no more than `limit`, so
    /// that its ending can still be written.
    pub async fn run_query_within(&self, id: &str, worker: &str, limit: Duration) -> Result<Ran> {
        let now = (self.clock)();
        let lease = Lease { worker: worker.to_owned(), until: now.plus(self.settings.lease) };
        match self.queries.claim(id, &lease, now, self.settings.attempts_max).await? {
            Claim::Granted(query) => {
                let span = tracing::error_span!("query", query_id = id, attempt = query.attempt, generation = Empty);
                self.work_on(&query, limit).instrument(span).await
            }
            Claim::Exhausted => {
                self.give_up(id).await?;
                Ok(Ran::NotOurs)
            }
            Claim::Held | Claim::Finished | Claim::Missing => Ok(Ran::NotOurs),
        }
    }

    async fn work_on(&self, query: &Query, limit: Duration) -> Result<Ran> {
        let (id, attempt) = (query.id.as_str(), query.attempt);
        self.progress.start(id);
        let mut tell = |event: QueryEvent| self.progress.tell(id, event);
        let answered = tokio::select! {
            answered = self.answer_within_budget(query, limit, &mut tell) => answered,
            () = self.keep_lease(id, attempt) => {
                tracing::info!(query_id = id, attempt, "the lease is gone; stopped working");
                self.tell_ending(query).await?;
                return Ok(Ran::NotOurs);
            }
        };
        let (ending, trace) = match answered {
            Ok(Answered { answer, trace, .. }) => (Ending::Completed(Box::new(answer)), Some(trace)),
            Err(error) => {
                tracing::warn!(query_id = id, attempt, kind = error.kind().as_str(), %error, "query failed");
                (Ending::Failed(failure(&error)), None)
            }
        };
        if let Some(trace) = &trace {
            tracing::Span::current().record("generation", trace.generation.as_str());
        }
        let ours = self.store_ending(query, ending, trace.as_ref()).await?;
        self.tell_ending(query).await?;
        Ok(if ours { Ran::Finished } else { Ran::NotOurs })
    }

    /// Writes how it ended; false if the query is not this attempt's any more. An answer from documents that have been deleted
    /// meanwhile is stored erased, and one that a delete has just overtaken is erased then.
    async fn store_ending(&self, query: &Query, mut ending: Ending, trace: Option<&Trace>) -> Result<bool> {
        let (id, attempt) = (query.id.as_str(), query.attempt);
        let mut text = trace.and_then(|trace| serde_json::to_string(trace).ok());
        if let Ending::Completed(answer) = &mut ending
            && answer.forget(Some(&self.lost_since(query, answer).await), true)
        {
            text = None;
        }
        let ours = self.queries.finish(id, attempt, &ending, text.as_deref(), (self.clock)()).await?;
        if ours {
            measures::ended(id, attempt, outcome(&ending), cost(&ending), trace);
            if let Ending::Completed(answer) = &ending {
                let lost = self.lost_since(query, answer).await;
                if !lost.is_empty() {
                    self.queries.forget_in_answer(id, Some(&lost), true).await?;
                }
            }
        }
        Ok(ours)
    }

    /// The reservation of the first attempt was made when the question came in, and is found again here.
    async fn answer_within_budget(
        &self,
        query: &Query,
        limit: Duration,
        tell: &mut (dyn FnMut(QueryEvent) + Send),
    ) -> Result<Answered> {
        let reserved = self.reserve(query, query.attempt, (self.clock)()).await?;
        let answered = self.answer(&query.request, self.time_left(query).min(limit), tell).await;
        match &answered {
            Ok(Answered { spent: Some(spent), .. }) => self.settle(&reserved, *spent).await,
            Err(error) if is_free(error) => self.give_back(&reserved).await,
            // Nobody knows what was spent: the estimate stands.
            Ok(_) | Err(_) => {}
        }
        answered
    }

    fn time_left(&self, query: &Query) -> Duration {
        self.settings.answer_timeout.min(query.deadline.since((self.clock)()))
    }

    /// Renews the lease for as long as this attempt holds it; returns when it does not any more.
    async fn keep_lease(&self, id: &str, attempt: u32) {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            let until = (self.clock)().plus(self.settings.lease);
            match self.queries.renew(id, attempt, until).await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease runs on for two more tries.
                Err(error) => tracing::warn!(query_id = id, %error, "lease not renewed"),
            }
        }
    }

    /// Tells those who watch a query, and has those told who are not here, how it ended; reads nothing if there is nobody.
    async fn tell_ending(&self, query: &Query) -> Result<()> {
        if query.webhook.is_none() && self.progress.end_unwatched(&query.id) {
            return Ok(());
        }
        if let Some(ended) = self.queries.get(&query.id).await? {
            self.announce(&ended);
        }
        Ok(())
    }

    /// Tells those who watch a query, and has those told who are not here.
    fn announce(&self, query: &Query) {
        self.progress.end(query);
        self.webhooks.ended(query);
    }

    /// Looks after queries that nobody works on: dispatches them again, or fails those out of attempts or time; and takes up
    /// webhooks that are due. Returns how many queries it found.
    pub async fn sweep(&self, queued_for: Duration) -> Result<usize> {
        const AT_ONCE: usize = 500;
        let now = (self.clock)();
        let before =
            Timestamp::from_millis(now.as_millis() - i64::try_from(queued_for.as_millis()).unwrap_or(i64::MAX));
        let ids = self.queries.unattended(now, before, AT_ONCE).await?;
        for id in &ids {
            let Some(query) = self.queries.get(id).await? else {
                continue;
            };
            if query.attempt >= self.settings.attempts_max || now >= query.deadline {
                self.give_up(id).await?;
            } else {
                self.dispatch(id).await;
            }
        }
        self.collect_due_webhooks(now).await?;
        measures::swept(ids.len(), self.longest_wait(now).await?);
        Ok(ids.len())
    }

    /// How long the oldest query has waited that nobody works on at this moment; nothing if there is none.
    async fn longest_wait(&self, now: Timestamp) -> Result<Duration> {
        let oldest = self.queries.unattended(now, now, 1).await?;
        let Some(id) = oldest.first() else { return Ok(Duration::ZERO) };
        let query = self.queries.get(id).await?;
        Ok(query.map_or(Duration::ZERO, |query| now.since(query.created_at)))
    }

    /// Says for the metrics which generation of a collection is there to be asked: whether, how old, how large.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn measure_generation(&self, collection: &str) -> Result<()> {
        let found = self.index.collection(collection).await?;
        measures::generation(found.as_ref(), (self.clock)());
        Ok(())
    }

    /// Forgets queries whose time is over, for stores that do not forget by themselves; returns how many.
    pub async fn forget_expired(&self) -> Result<u64> {
        self.queries.expire((self.clock)()).await
    }

    /// Ends a query that is not terminal and that nobody works on, for a reason that the caller knows; false if there was
    /// nothing to end.
    pub async fn fail(&self, id: &str, failure: &Failure) -> Result<bool> {
        let failed = self.queries.fail_unheld(id, failure, (self.clock)()).await?;
        if let Some(query) = self.queries.get(id).await? {
            if failed {
                self.give_back_unstarted(&query).await;
                tracing::warn!(query_id = id, code = failure.code, "query given up");
                measures::ended(id, query.attempt, QueryStatus::Failed.as_str(), None, None);
            }
            self.announce(&query);
        }
        Ok(failed)
    }

    async fn give_up(&self, id: &str) -> Result<()> {
        let Some(query) = self.queries.get(id).await? else {
            return Ok(());
        };
        let now = (self.clock)();
        let failure = if now >= query.deadline {
            Failure {
                code: "deadline_exceeded".to_owned(),
                message: format!("no worker finished it within {} s", self.settings.query_deadline.as_secs()),
                hint: Some("ask again; if this recurs, `docent doctor` says what is wrong".to_owned()),
            }
        } else {
            Failure {
                code: "attempts_exhausted".to_owned(),
                message: format!("{} attempts were cut off before they could finish", query.attempt),
                hint: Some("the server's log has the cause".to_owned()),
            }
        };
        self.fail(id, &failure).await.map(drop)
    }

    /// The query as it is when it becomes terminal, or after `patience`.
    pub async fn wait(&self, id: &str, patience: Duration) -> Result<Option<Query>> {
        let give_up = tokio::time::Instant::now() + patience;
        let (mut pause, longest) = POLL;
        loop {
            let Some(query) = self.queries.get(id).await? else {
                return Ok(None);
            };
            let left = give_up.saturating_duration_since(tokio::time::Instant::now());
            if query.status.is_terminal() || left.is_zero() {
                return Ok(Some(query));
            }
            match self.progress.watch(id) {
                Some(log) => drop(tokio::time::timeout(longest.min(left), log.done()).await),
                None => tokio::time::sleep(pause.min(left)).await,
            }
            pause = longest.min(pause * 2);
        }
    }

    /// Stops a query unless it is terminal already; returns it as it is then.
    pub async fn cancel(&self, id: &str) -> Result<Option<Query>> {
        let now = (self.clock)();
        let query = self.queries.cancel(id, now).await?;
        if let Some(query) = query.as_ref().filter(|query| query.status == QueryStatus::Cancelled) {
            if query.completed_at == Some(now) {
                measures::ended(id, query.attempt, QueryStatus::Cancelled.as_str(), None, None);
            }
            self.announce(query);
            self.give_back_unstarted(query).await;
        }
        Ok(query)
    }

    /// Stores what the user thought of an answer; false if there is no such query.
    pub async fn give_feedback(&self, id: &str, feedback: &Feedback) -> Result<bool> {
        self.queries.set_feedback(id, feedback).await
    }
}

/// An id that sorts by time: UUID version 7 (RFC 9562) in 32 hexadecimal digits.
pub fn new_id(now: Timestamp) -> String {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
    let sequence = SEQUENCE.lock().unwrap_or_else(PoisonError::into_inner);
    let stamp = uuid::Timestamp::from_unix(&*sequence, millis / 1000, nanos);
    uuid::Uuid::new_v7(stamp).simple().to_string()
}

/// When an id of [`new_id`] was made, to the millisecond; none for anything else.
pub fn id_time(id: &str) -> Option<docent_core::Timestamp> {
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let millis = is_id.then(|| i64::from_str_radix(&id[..12], 16).ok())??;
    Some(docent_core::Timestamp::from_millis(millis))
}

/// Orders ids made within one millisecond.
static SEQUENCE: Mutex<uuid::ContextV7> = Mutex::new(uuid::ContextV7::new());

/// The word that an ending is counted under.
fn outcome(ending: &Ending) -> &'static str {
    match ending {
        Ending::Failed(_) => QueryStatus::Failed.as_str(),
        Ending::Completed(answer) => match answer.outcome {
            Outcome::Answered => "answered",
            Outcome::Partial => "partial",
            Outcome::NotFound => "not_found",
        },
    }
}

/// What an answer cost, in US dollars, if that is known.
fn cost(ending: &Ending) -> Option<f64> {
    let Ending::Completed(answer) = ending else { return None };
    let money = answer.cost.as_ref()?.money?;
    money.to_string().parse().ok()
}

/// True if nobody was paid for what failed: it was refused, not broken off.
const fn is_free(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::Invalid
        | ErrorKind::Conflict
        | ErrorKind::RateLimited { .. }
        | ErrorKind::BudgetExceeded { .. }
        | ErrorKind::Unauthorized => true,
        ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Internal => false,
    }
}

fn failure(error: &Error) -> Failure {
    Failure {
        code: error.kind().as_str().to_owned(),
        message: error.to_string(),
        hint: error.hint_text().map(str::to_owned),
    }
}
