//! A query as an item of the table.
//!
//! The fields of the first system are kept (`query_id`, `user_id`, `create_time`, `ttl`, `query_text`, `answer_text`,
//! `sources`, `is_complete`), so an item of ours means something to its readers and an item of its can be read by us: one
//! without `status` is either complete or waits for a first attempt.
//!
//! `create_time` is the sort key of the index of a user's queries. Ours has the milliseconds and, behind them, the rest of
//! the id as a number, so no two are equal and the index's order is the order of creation. 38 digits are the most that
//! DynamoDB keeps; ten for the seconds, three for the milliseconds and 25 for 80 bits of the id use them up.

use crate::packing::{self, Packed};
use aws_sdk_dynamodb::types::AttributeValue;
use docent_core::query::{Answer, Failure, Lease, QueryRequest, Source, Webhook, WebhookStatus};
use docent_core::{Outcome, Query, QueryStatus, Timestamp, Usage};
use docent_engine::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// Attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// What stands between an owner and a user.
const OWNER_END: char = '/';
/// Digits that a number of DynamoDB has at most.
const DIGITS_MAX: usize = 38;
/// Longest id that is looked for; ours have 32 characters.
const ID_BYTES_MAX: usize = 256;
/// The one key of the index of open queries. Absent from an item whose query has ended.
pub(crate) const OPEN: &str = "open";
/// The key of that index for queries that have ended and whose webhook is pending.
pub(crate) const WEBHOOKS: &str = "webhooks";
/// What a first system's answer is said to come from.
const FIRST_SYSTEM: &str = "first system";

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn millis(time: Timestamp) -> AttributeValue {
    number(time.as_millis())
}

/// Seconds for the table's time to live, rounded up: never before its time.
pub(crate) fn ttl(expires_at: Timestamp) -> AttributeValue {
    number(expires_at.as_millis().div_euclid(1000) + i64::from(expires_at.as_millis().rem_euclid(1000) > 0))
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("a query cannot be written as JSON").because(error))
}

/// True for what may be a query's id; keys and traces, which share the table, have a `#` in theirs.
pub(crate) fn is_query_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && !id.contains('#')
}

/// Who a query is listed under: its user, and the API key in front of it if one asked. The first system's readers and items
/// know users alone, which is what a query without an owner has.
pub(crate) fn listed_under(owner: Option<&str>, user_id: &str) -> String {
    owner.map_or_else(|| user_id.to_owned(), |owner| format!("{owner}{OWNER_END}{user_id}"))
}

/// The place of a query among its user's.
pub(crate) fn create_time(created_at: Timestamp, id: &str) -> String {
    let seconds = created_at.as_secs().to_string();
    let millis = created_at.as_millis().rem_euclid(1000);
    let tail = id.get(id.len().saturating_sub(20)..).and_then(|tail| u128::from_str_radix(tail, 16).ok());
    let mut fraction = format!("{millis:03}{:025}", tail.unwrap_or(0));
    fraction.truncate(DIGITS_MAX.saturating_sub(seconds.len()));
    format!("{seconds}.{fraction}")
}

/// The place of a query that has been deleted: ids begin with their milliseconds.
pub(crate) fn create_time_of_id(id: &str) -> Option<String> {
    let millis = i64::from_str_radix(id.get(..12)?, 16).ok()?;
    Some(create_time(Timestamp::from_millis(millis), id))
}

pub(crate) fn created_at(create_time: &str) -> Option<Timestamp> {
    let (seconds, fraction) = create_time.split_once('.').unwrap_or((create_time, ""));
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(Timestamp::from_millis(seconds.parse::<i64>().ok()? * 1000 + millis.parse::<i64>().ok()?))
}

/// The whole query as an item.
pub(crate) fn encode(query: &Query) -> Result<Item> {
    let request = QueryRequest { text: String::new(), user_id: String::new(), ..query.request.clone() };
    let mut item: Item = [
        ("query_id", text(&query.id)),
        ("user_id", text(listed_under(query.request.owner.as_deref(), &query.request.user_id))),
        ("create_time", number(create_time(query.created_at, &query.id))),
        ("ttl", ttl(query.expires_at)),
        ("query_text", text(&query.request.text)),
        ("is_complete", AttributeValue::Bool(query.status.is_terminal())),
        ("request", text(json(&request)?)),
        ("status", text(query.status.as_str())),
        ("attempt", number(query.attempt)),
        ("deadline", millis(query.deadline)),
        ("expires_at", millis(query.expires_at)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut add = |name: &str, value| drop(item.insert(name.to_owned(), value));
    if !query.status.is_terminal() {
        add(OPEN, text(OPEN));
    }
    if let Some(lease) = &query.lease {
        add("lease_worker", text(&lease.worker));
        add("lease_until", millis(lease.until));
    }
    if let Some(webhook) = &query.webhook {
        add("webhook", text(webhook.status.as_str()));
        add("webhook_attempts", number(webhook.attempts));
        if let Some(error) = &webhook.last_error {
            add("webhook_error", text(error));
        }
        if let Some(due) = webhook.due {
            add(OPEN, text(WEBHOOKS));
            add("lease_until", millis(due));
        }
    }
    if let Some(time) = query.completed_at {
        add("completed_at", millis(time));
    }
    if let Some(feedback) = &query.feedback {
        add("feedback", text(json(feedback)?));
    }
    let ending = match (&query.answer, &query.failure) {
        (Some(answer), _) => answered(answer, packing::room(&item))?.unwrap_or_default(),
        (None, Some(failure)) => failed(failure)?,
        (None, None) => Vec::new(),
    };
    item.extend(ending.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Ok(item)
}

/// The attributes of an answer within `room` bytes; none if it cannot be made to fit.
pub(crate) fn answered(answer: &Answer, room: usize) -> Result<Option<Vec<(&'static str, AttributeValue)>>> {
    let mut ids: Vec<&str> = answer.sources.iter().map(|source| source.chunk_id.as_str()).collect();
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let sources = AttributeValue::L(ids.into_iter().map(text).collect());
    let taken = answer.text.len() + packing::size(&sources) + 64;
    let Some(packed) = packing::answer(answer, room.saturating_sub(taken))? else { return Ok(None) };
    Ok(Some(vec![("answer", packed.into()), ("answer_text", text(&answer.text)), ("sources", sources)]))
}

/// The attributes of a failure; the first system's readers see the reason where they look for an answer.
pub(crate) fn failed(failure: &Failure) -> Result<Vec<(&'static str, AttributeValue)>> {
    Ok(vec![("failure", text(json(failure)?)), ("answer_text", text(&failure.message))])
}

/// An item read by name.
struct Fields<'a>(&'a Item);

impl Fields<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    fn demand(&self, name: &str) -> Result<&str> {
        self.text(name).ok_or_else(|| damaged(name))
    }

    fn digits(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.as_n().ok()).map(String::as_str)
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.digits(name)?.parse().ok().map(Timestamp::from_millis)
    }

    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(json) = self.text(name) else { return Ok(None) };
        serde_json::from_str(json).map(Some).map_err(|error| damaged(name).because(error))
    }

    /// The answer of ours, or what the first system has of one.
    fn answer(&self, is_complete: bool) -> Result<Option<Answer>> {
        let packed = self.0.get("answer").map(Packed::try_from).transpose()?;
        let text = self.text("answer_text").unwrap_or_default().to_owned();
        match packed {
            Some(packed) => Ok(Some(Answer { text, ..packed.answer()? })),
            None if is_complete && self.text("status").is_none() => Ok(Some(self.first_systems_answer(text))),
            None => Ok(None),
        }
    }

    fn webhook(&self) -> Result<Option<Webhook>> {
        let Some(name) = self.text("webhook") else { return Ok(None) };
        let status = WebhookStatus::parse(name).ok_or_else(|| damaged("webhook"))?;
        Ok(Some(Webhook {
            status,
            attempts: self.digits("webhook_attempts").and_then(|attempts| attempts.parse().ok()).unwrap_or(0),
            last_error: self.text("webhook_error").map(str::to_owned),
            due: self.time("lease_until").filter(|_| status == WebhookStatus::Pending),
        }))
    }

    /// Nobody has looked its quotes up, so it is no more than partly answered.
    fn first_systems_answer(&self, text: String) -> Answer {
        let listed = self.0.get("sources").and_then(|value| value.as_l().ok());
        let ids = listed.into_iter().flatten().filter_map(|id| id.as_s().ok());
        let sources = ids.map(|id| Source {
            chunk_id: id.clone(),
            document_id: id.clone(),
            filename: id.clone(),
            title: id.clone(),
            page_number: None,
            page_index: None,
            start_char_index: None,
            end_char_index: None,
            heading_path: Vec::new(),
            text: String::new(),
            score: 0.0,
        });
        Answer {
            outcome: Outcome::Partial,
            text,
            citations: Vec::new(),
            sources: sources.collect(),
            usage: Usage::default(),
            generation: String::new(),
            model: FIRST_SYSTEM.to_owned(),
            cost: None,
            deleted_documents: Vec::new(),
            is_erased: false,
        }
    }
}

fn damaged(name: &str) -> Error {
    Error::internal(format!("an item of the query table has no readable `{name}`"))
}

/// The user in what a query is listed under.
fn user_id(listed_under: &str, owner: Option<&str>) -> String {
    let behind = owner.and_then(|owner| listed_under.strip_prefix(owner)?.strip_prefix(OWNER_END));
    behind.unwrap_or(listed_under).to_owned()
}

/// The query of an item. `usual` says what a request of the first system, which names only question and user, means.
pub(crate) fn decode(item: &Item, usual: &QueryRequest) -> Result<Query> {
    let fields = Fields(item);
    let is_complete = item.get("is_complete").and_then(|value| value.as_bool().ok()).copied().unwrap_or(false);
    let status = match fields.text("status") {
        Some(name) => QueryStatus::parse(name).ok_or_else(|| damaged("status"))?,
        None if is_complete => QueryStatus::Completed,
        None => QueryStatus::Queued,
    };
    let created_at = fields.digits("create_time").and_then(created_at).ok_or_else(|| damaged("create_time"))?;
    let forgotten_at = fields.digits("ttl").and_then(|ttl| ttl.parse::<i64>().ok()).map(|ttl| ttl.saturating_mul(1000));
    let expires_at = fields.time("expires_at").or(forgotten_at.map(Timestamp::from_millis)).unwrap_or(created_at);
    let request: QueryRequest = fields.json("request")?.unwrap_or_else(|| usual.clone());
    let lease = fields.text("lease_worker").zip(fields.time("lease_until"));
    Ok(Query {
        id: fields.demand("query_id")?.to_owned(),
        request: QueryRequest {
            text: fields.demand("query_text")?.to_owned(),
            user_id: user_id(fields.text("user_id").unwrap_or("nobody"), request.owner.as_deref()),
            ..request
        },
        status,
        attempt: fields.digits("attempt").and_then(|attempt| attempt.parse().ok()).unwrap_or(0),
        lease: lease.map(|(worker, until)| Lease { worker: worker.to_owned(), until }),
        answer: fields.answer(is_complete)?,
        failure: fields.json("failure")?,
        feedback: fields.json("feedback")?,
        webhook: fields.webhook()?,
        created_at,
        // The first system does not say when it was done.
        completed_at: fields.time("completed_at").or(is_complete.then_some(created_at)),
        deadline: fields.time("deadline").unwrap_or(expires_at),
        expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_testkit::query_store::{START, sample_answer, sample_query};

    #[test]
    fn create_times_sort_like_creation_and_keep_the_milliseconds() {
        let id = |tail: &str| format!("01a0{tail:0>28}");
        let time = |millis: i64, tail: &str| create_time(Timestamp::from_millis(1_795_392_000_000 + millis), &id(tail));
        let mut times = vec![time(0, "a"), time(0, "b"), time(0, "ffffffffffffffffffff"), time(1, "0"), time(999, "1")];
        let sorted = times.clone();
        times.sort();
        assert_eq!(times, sorted);
        assert!(times.iter().all(|time| time.replace('.', "").len() == DIGITS_MAX), "{times:?}");
        assert_eq!(created_at(&times[4]), Some(Timestamp::from_millis(1_795_392_000_999)));
        assert_eq!(created_at("1795392000"), Some(START));
        assert_eq!(created_at("1795392000.5"), Some(Timestamp::from_millis(START.as_millis() + 500)));
    }

    #[test]
    fn a_query_survives_its_item() {
        let mut query = sample_query("user", "How many days?", Timestamp::from_millis(START.as_millis() + 7));
        assert_eq!(decode(&encode(&query).unwrap(), &QueryRequest::default()).unwrap(), query);
        query.status = QueryStatus::Completed;
        query.answer = Some(sample_answer("25 days."));
        query.completed_at = Some(START);
        let item = encode(&query).unwrap();
        assert!(!item.contains_key(OPEN), "it has ended");
        assert_eq!(decode(&item, &QueryRequest::default()).unwrap(), query);
    }

    #[test]
    fn items_of_the_first_system_are_read() {
        let usual = QueryRequest { collection: "default".to_owned(), top_k: 8, ..QueryRequest::default() };
        let mut item: Item = [
            ("query_id", text("9b1c7f0e5d3a4c21a0de1f2b3c4d5e6f")),
            ("user_id", text("nobody")),
            ("create_time", number(1_720_000_000)),
            ("ttl", number(1_735_552_000)),
            ("query_text", text("How long is it?")),
            ("is_complete", AttributeValue::Bool(false)),
            ("sources", AttributeValue::L(vec![])),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let waiting = decode(&item, &usual).unwrap();
        assert_eq!((waiting.status, waiting.attempt, waiting.answer), (QueryStatus::Queued, 0, None));
        assert_eq!((waiting.request.collection.as_str(), waiting.request.top_k), ("default", 8));
        assert_eq!((waiting.created_at.as_secs(), waiting.expires_at.as_secs()), (1_720_000_000, 1_735_552_000));

        item.insert("is_complete".to_owned(), AttributeValue::Bool(true));
        item.insert("answer_text".to_owned(), text("Ten days."));
        item.insert("sources".to_owned(), AttributeValue::L(vec![text("a.pdf:1:0"), text("a.pdf:2:0")]));
        let done = decode(&item, &usual).unwrap();
        let answer = done.answer.unwrap();
        assert_eq!((done.status, answer.text.as_str()), (QueryStatus::Completed, "Ten days."));
        assert_eq!(
            answer.sources.iter().map(|source| source.chunk_id.as_str()).collect::<Vec<_>>(),
            ["a.pdf:1:0", "a.pdf:2:0"]
        );
    }
}
