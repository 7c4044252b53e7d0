//! The port, call by call.

use crate::expressions::{self, Change, End};
use crate::item::{self, Item, is_query_id, number, text, ttl};
use crate::packing::{self, Packed};
use crate::table::{Changed, Filter, IDENTITY, Part, Table, Transacted};
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use docent_core::query::{Answer, Failure, Feedback, Lease, QueryRequest};
use docent_core::{Query, QueryStatus, Timestamp};
use docent_engine::ports::{Claim, Created, Ending, IdempotencyKey, QueryStore, WebhookEnding};
use docent_engine::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest user id: DynamoDB's limit for a partition key.
const USER_BYTES_MAX: usize = 2_048;
/// Bytes of an item that an answer may take at first; less when the item turns out to hold a long question.
const ANSWER_BYTES: usize = 320_000;
/// An answer that is not stored in this many bytes cannot be stored at all.
const ANSWER_BYTES_MIN: usize = 10_000;
/// What the id of a query's trace begins with.
pub(crate) const TRACE: &str = "trace#";
/// How often a key is looked at again whose query has just been forgotten.
const KEY_ATTEMPTS: usize = 5;

/// Which table, and how it is used.
#[derive(Clone, Debug)]
pub struct DynamoSettings {
    /// Its name.
    pub table: String,
    /// All the time that one call gets, retries included; then it fails as `Unavailable`.
    pub patience: Duration,
    /// How long a trace is kept; it should not go before its query.
    pub retention: Duration,
    /// What a question of the first system means beyond its text and user: collection, number of passages.
    pub usual: QueryRequest,
}

/// Queries in one DynamoDB table; see the crate's story.
#[derive(Debug)]
pub struct DynamoQueryStore {
    pub(crate) table: Table,
    usual: QueryRequest,
    /// How long what is forgotten with time is kept.
    pub(crate) retention: Duration,
    said_unindexed: AtomicBool,
}

impl DynamoQueryStore {
    pub(crate) fn new(client: Client, settings: DynamoSettings) -> Self {
        Self {
            table: Table::new(client, settings.table),
            usual: settings.usual,
            retention: settings.retention,
            said_unindexed: AtomicBool::new(false),
        }
    }

    pub(crate) fn decode(&self, item: &Item) -> Result<Query> {
        item::decode(item, &self.usual)
    }

    async fn create_with_key(&self, query: &Query, mut item: Item, key: &IdempotencyKey) -> Result<Created> {
        let key_id = key_id(query.request.owner.as_deref(), &query.request.user_id, &key.key);
        item.insert("idempotency_item".to_owned(), text(&key_id));
        let claim = Item::from([
            ("query_id".to_owned(), text(&key_id)),
            ("for_query".to_owned(), text(&query.id)),
            ("fingerprint".to_owned(), text(&key.fingerprint)),
            ("ttl".to_owned(), ttl(query.expires_at)),
        ]);
        for _ in 0..KEY_ATTEMPTS {
            let writes = vec![self.table.putting_new(item.clone())?, self.table.putting_new(claim.clone())?];
            match self.table.transact(writes).await? {
                Transacted::Done => return Ok(Created::New),
                Transacted::Refused(0) => return Err(id_taken()),
                Transacted::Refused(_) => {}
            }
            if let Some(earlier) = self.created_before(&key_id, key).await? {
                return Ok(Created::Existing(Box::new(earlier)));
            }
        }
        Err(Error::unavailable("the idempotency key is in use").hint("try again in a moment"))
    }

    /// The query that was made with this key; none, and the key is free, if it is gone.
    async fn created_before(&self, key_id: &str, key: &IdempotencyKey) -> Result<Option<Query>> {
        let Some(found) = self.table.get(key_id, None).await? else { return Ok(None) };
        let says = |name: &str| found.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        if says("fingerprint") != key.fingerprint {
            return Err(Error::conflict("this idempotency key was used for another request")
                .hint("use a new key for a new request; a key may only repeat the same request"));
        }
        let earlier = self.get(&says("for_query")).await?;
        if earlier.is_none() {
            self.table.transact(vec![self.table.deleting(key_id, None)?]).await?;
        }
        Ok(earlier)
    }

    /// Why a claim was refused, from the item that refused it.
    fn refused(&self, item: &Item, lease: &Lease, now: Timestamp) -> Result<Claim> {
        let query = self.decode(item)?;
        Ok(match &query.lease {
            _ if query.status.is_terminal() => Claim::Finished,
            // The answer to our own claim was lost, and the SDK sent it again.
            Some(held) if held == lease => Claim::Granted(Box::new(query)),
            Some(held) if held.until > now => Claim::Held,
            _ => Claim::Exhausted,
        })
    }

    /// Writes an ending and, with it or not at all, the trace.
    async fn write_ending(&self, id: &str, change: &Change, trace: Option<&str>, now: Timestamp) -> Result<bool> {
        let mut writes = vec![self.table.changing(id, change)?];
        if let Some(trace) = trace {
            let item = Item::from([
                ("query_id".to_owned(), text(trace_id(id))),
                ("trace".to_owned(), packing::trace(trace)?.into()),
                ("ttl".to_owned(), ttl(now.plus(self.retention))),
            ]);
            writes.push(self.table.putting(item)?);
        }
        Ok(self.table.transact(writes).await? == Transacted::Done)
    }

    /// Writes an ending; false if this attempt does not hold the query any more, or somebody is to be told and `end` says
    /// that nobody is.
    async fn finish_as(&self, id: &str, attempt: u32, ending: &Ending, trace: Option<&str>, end: End) -> Result<bool> {
        match ending {
            Ending::Completed(answer) => self.finish_answered(id, attempt, answer, trace, end).await,
            Ending::Failed(failure) => {
                let change = expressions::finish(attempt, QueryStatus::Failed, item::failed(failure)?, end);
                self.write_ending(id, &change, trace, end.now).await
            }
        }
    }

    async fn finish_answered(
        &self,
        id: &str,
        attempt: u32,
        answer: &Answer,
        trace: Option<&str>,
        end: End,
    ) -> Result<bool> {
        let mut room = ANSWER_BYTES;
        while room >= ANSWER_BYTES_MIN {
            let Some(attributes) = item::answered(answer, room)? else { break };
            let change = expressions::finish(attempt, QueryStatus::Completed, attributes, end);
            match self.write_ending(id, &change, trace, end.now).await {
                Err(error) if error.kind() == ErrorKind::Invalid => room /= 2,
                written => return written,
            }
        }
        tracing::error!(query_id = id, attempt, "the answer is too large to be stored");
        let failure = too_large();
        let change = expressions::finish(attempt, QueryStatus::Failed, item::failed(&failure)?, end);
        self.write_ending(id, &change, trace, end.now).await
    }

    /// Where a list goes on behind this query, whether it still exists or not.
    async fn behind(&self, listed_under: &str, after: &str) -> Result<Option<Item>> {
        let stored = self.table.get(after, Some("create_time")).await?;
        let create_time = match stored.and_then(|mut item| item.remove("create_time")) {
            Some(create_time) => Some(create_time),
            None => item::create_time_of_id(after).map(number),
        };
        Ok(create_time.map(|create_time| {
            Item::from([
                ("query_id".to_owned(), text(after)),
                ("user_id".to_owned(), text(listed_under)),
                ("create_time".to_owned(), create_time),
            ])
        }))
    }

    /// What a filter lets through and counts, oldest first, under a key of the sparse index; on a table without that index, of
    /// all items that the `else_of` expression is true for.
    pub(crate) async fn indexed(
        &self,
        under: &str,
        else_of: Filter,
        filter: &Filter,
        limit: usize,
        counts: impl Fn(&Item) -> bool,
    ) -> Result<Vec<Item>> {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let Some(part) = self.table.indexed(under, filter, next).await? else { break };
            found.extend(part.items.into_iter().filter(&counts));
            next = part.next;
            if next.is_none() || found.len() >= limit {
                return Ok(found);
            }
        }
        if !self.said_unindexed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                index = crate::table::OPEN_QUERIES,
                "the query table lacks an index; the sweep reads it whole"
            );
        }
        let expression = format!("({}) AND ({})", else_of.expression, filter.expression);
        let values = filter.values.clone().into_iter().chain(else_of.values).collect();
        let mut found = self.scan_all(&Filter { expression, values }).await?;
        found.retain(counts);
        Ok(found)
    }

    async fn scan_all(&self, filter: &Filter) -> Result<Vec<Item>> {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let Part { items, next: more } = self.table.scan(filter, IDENTITY, next).await?;
            found.extend(items);
            next = more;
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

fn key_id(owner: Option<&str>, user_id: &str, key: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    if let Some(owner) = owner {
        hasher.update(b"owner").update(&(owner.len() as u64).to_le_bytes()).update(owner.as_bytes());
    }
    hasher.update(&(user_id.len() as u64).to_le_bytes()).update(user_id.as_bytes()).update(key.as_bytes());
    format!("key#{}", hasher.finalize().to_hex())
}

pub(crate) fn trace_id(id: &str) -> String {
    format!("{TRACE}{id}")
}

fn id_taken() -> Error {
    Error::conflict("a query with this id exists already")
}

fn too_large() -> Failure {
    Failure {
        code: "answer_too_large".to_owned(),
        message: "the answer is larger than the query table can store".to_owned(),
        hint: Some("ask a narrower question, or lower top_k".to_owned()),
    }
}

pub(crate) fn id_of(item: &Item) -> Option<String> {
    item.get("query_id").and_then(|id| id.as_s().ok()).cloned()
}

/// Creation as a number that sorts; only for items of a scan, which come in no order.
fn created(item: &Item) -> (f64, Option<&String>) {
    let digits = item.get("create_time").and_then(|time| time.as_n().ok());
    (digits.and_then(|digits| digits.parse().ok()).unwrap_or(0.0), digits)
}

#[async_trait]
impl QueryStore for DynamoQueryStore {
    async fn create(&self, query: &Query, idempotency: Option<&IdempotencyKey>) -> Result<Created> {
        let item = item::encode(query)?;
        let listed_under = item::listed_under(query.request.owner.as_deref(), &query.request.user_id);
        if listed_under.len() > USER_BYTES_MAX || packing::room(&item) == 0 {
            return Err(Error::invalid("this question is larger than the query table can store")
                .hint("shorten the question, its user id, its instructions or its metadata"));
        }
        if let Some(key) = idempotency {
            return self.create_with_key(query, item, key).await;
        }
        match self.table.put_new(item).await? {
            Changed::Yes(_) => Ok(Created::New),
            // The answer to our own write was lost, and the SDK sent it again.
            Changed::No(Some(stored)) if self.decode(&stored)? == *query => Ok(Created::New),
            Changed::No(_) => Err(id_taken()),
        }
    }

    async fn get(&self, id: &str) -> Result<Option<Query>> {
        if !is_query_id(id) {
            return Ok(None);
        }
        let item = self.table.get(id, None).await?;
        item.map(|item| self.decode(&item)).transpose()
    }

    async fn list(&self, owner: Option<&str>, user_id: &str, limit: usize, after: Option<&str>) -> Result<Vec<Query>> {
        let listed_under = item::listed_under(owner, user_id);
        if user_id.is_empty() || listed_under.len() > USER_BYTES_MAX || limit == 0 {
            return Ok(Vec::new());
        }
        let mut next = match after.filter(|after| is_query_id(after)) {
            Some(after) => self.behind(&listed_under, after).await?,
            None => None,
        };
        let mut found = Vec::new();
        loop {
            let part = self.table.of_user(&listed_under, limit - found.len(), next).await?;
            for item in &part.items {
                let query = self.decode(item)?;
                // A user without a key may bear the name that another's owner and user make together.
                if query.request.owner.as_deref() == owner {
                    found.push(query);
                }
            }
            next = part.next;
            if next.is_none() || found.len() >= limit {
                return Ok(found);
            }
        }
    }

    async fn claim(&self, id: &str, lease: &Lease, now: Timestamp, attempts_max: u32) -> Result<Claim> {
        if !is_query_id(id) {
            return Ok(Claim::Missing);
        }
        let change = expressions::claim(lease, now, attempts_max);
        match self.table.change(id, &change, ReturnValue::AllNew).await? {
            Changed::Yes(Some(item)) => Ok(Claim::Granted(Box::new(self.decode(&item)?))),
            Changed::No(Some(item)) => self.refused(&item, lease, now),
            Changed::Yes(None) | Changed::No(None) => Ok(Claim::Missing),
        }
    }

    async fn renew(&self, id: &str, attempt: u32, until: Timestamp) -> Result<bool> {
        let changed = self.table.change(id, &expressions::renew(attempt, until), ReturnValue::None).await?;
        Ok(matches!(changed, Changed::Yes(_)))
    }

    async fn finish(
        &self,
        id: &str,
        attempt: u32,
        ending: &Ending,
        trace: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let untold = End { now, is_told: false };
        if self.finish_as(id, attempt, ending, trace, untold).await? {
            return Ok(true);
        }
        Ok(self.has_webhook(id).await?
            && self.finish_as(id, attempt, ending, trace, End { is_told: true, ..untold }).await?)
    }

    async fn release(&self, id: &str, attempt: u32) -> Result<bool> {
        let changed = self.table.change(id, &expressions::release(attempt), ReturnValue::None).await?;
        Ok(matches!(changed, Changed::Yes(_)))
    }

    async fn cancel(&self, id: &str, now: Timestamp) -> Result<Option<Query>> {
        if !is_query_id(id) {
            return Ok(None);
        }
        match self.change_at_end(id, |is_told| expressions::cancel(End { now, is_told })).await? {
            Changed::Yes(item) | Changed::No(item) => item.map(|item| self.decode(&item)).transpose(),
        }
    }

    async fn fail_unheld(&self, id: &str, failure: &Failure, now: Timestamp) -> Result<bool> {
        let failed = item::failed(failure)?;
        let change = |is_told| expressions::fail_unheld(failed.clone(), End { now, is_told });
        Ok(matches!(self.change_at_end(id, change).await?, Changed::Yes(_)))
    }

    async fn unattended(&self, now: Timestamp, queued_before: Timestamp, limit: usize) -> Result<Vec<String>> {
        let filter = Filter::new(expressions::UNATTENDED, expressions::unattended(now));
        let incomplete = Filter::new("is_complete = :no", [(":no", AttributeValue::Bool(false))]);
        let counts = |item: &Item| expressions::has_waited(item, queued_before);
        let mut items = self.indexed(item::OPEN, incomplete, &filter, limit, counts).await?;
        items.sort_by(|a, b| created(a).partial_cmp(&created(b)).unwrap_or(std::cmp::Ordering::Equal));
        Ok(items.iter().filter_map(id_of).take(limit).collect())
    }

    async fn set_feedback(&self, id: &str, feedback: &Feedback) -> Result<bool> {
        if !is_query_id(id) {
            return Ok(false);
        }
        let change = expressions::set_feedback(item::json(feedback)?);
        Ok(matches!(self.table.change(id, &change, ReturnValue::None).await?, Changed::Yes(_)))
    }

    async fn trace(&self, id: &str) -> Result<Option<String>> {
        if !is_query_id(id) {
            return Ok(None);
        }
        let item = self.table.get(&trace_id(id), None).await?;
        item.as_ref().and_then(|item| item.get("trace")).map(|trace| Packed::try_from(trace)?.text()).transpose()
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        if !is_query_id(id) {
            return Ok(false);
        }
        let Some(item) = self.table.get(id, Some("query_id, idempotency_item")).await? else { return Ok(false) };
        let mut writes = vec![
            self.table.deleting(id, Some("attribute_exists(query_id)"))?,
            self.table.deleting(&trace_id(id), None)?,
        ];
        if let Some(key) = item.get("idempotency_item").and_then(|key| key.as_s().ok()) {
            writes.push(self.table.deleting(key, None)?);
        }
        Ok(self.table.transact(writes).await? == Transacted::Done)
    }

    async fn answers_from(&self, collection: &str, documents: Option<&[String]>) -> Result<Vec<String>> {
        self.answers_naming(collection, documents).await
    }

    async fn forget_in_answer(&self, id: &str, documents: Option<&[String]>, erase: bool) -> Result<bool> {
        self.change_answer(id, documents, erase).await
    }

    async fn expire(&self, now: Timestamp) -> Result<u64> {
        let filter = Filter::new(
            "expires_at <= :now OR (attribute_not_exists(expires_at) AND attribute_exists(query_text) AND #ttl <= :seconds)",
            [(":now", item::millis(now)), (":seconds", number(now.as_secs()))],
        );
        let mut forgotten = 0;
        for id in self.scan_all(&filter).await?.iter().filter_map(id_of) {
            forgotten += u64::from(self.delete(&id).await?);
        }
        Ok(forgotten)
    }

    async fn due_webhooks(&self, now: Timestamp, limit: usize) -> Result<Vec<String>> {
        self.webhooks_due(now, limit).await
    }

    async fn claim_webhook(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<Option<Query>> {
        self.take_webhook(id, now, until).await
    }

    async fn end_webhook(&self, id: &str, attempt: u32, ending: &WebhookEnding) -> Result<bool> {
        if !is_query_id(id) {
            return Ok(false);
        }
        let change = expressions::end_webhook(attempt, ending);
        Ok(matches!(self.table.change(id, &change, ReturnValue::None).await?, Changed::Yes(_)))
    }
}
