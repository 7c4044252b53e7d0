//! What each change sets, and what it expects of the item: DynamoDB's own words, in one place.

use crate::item::{Item, OPEN, WEBHOOKS, created_at, millis, number, text};
use aws_sdk_dynamodb::types::AttributeValue;
use docent_core::query::{Lease, WebhookStatus};
use docent_core::{QueryStatus, Timestamp};
use docent_engine::ports::WebhookEnding;
use std::collections::HashMap;

/// Attributes whose names DynamoDB reserves, by the names that the expressions use.
const RESERVED: [(&str, &str); 5] =
    [("#status", "status"), ("#open", OPEN), ("#ttl", "ttl"), ("#request", "request"), ("#trace", "trace")];

/// Of an item that the first system made and did not finish.
const FIRST_SYSTEMS: &str = "(attribute_not_exists(#status) AND is_complete = :no)";
/// It has not ended.
const LIVES: &str =
    "(#status = :queued OR #status = :in_progress OR (attribute_not_exists(#status) AND is_complete = :no))";
/// What every ending does beside setting a status.
const ENDS: &str = "is_complete = :yes, completed_at = :now REMOVE lease_worker, lease_until, #open";
/// And where somebody is to be told of it: that is due, so the query goes from the open ones to those with a webhook. When it is
/// due stands in `lease_until`, which every index of ours has.
const ENDS_TO_BE_TOLD: &str = "is_complete = :yes, completed_at = :now, webhook = :pending, lease_until = :now, \
     #open = :webhooks REMOVE lease_worker";

/// A change of one item, with the condition under which it is made.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) update: String,
    pub(crate) condition: String,
    values: Vec<(&'static str, AttributeValue)>,
    /// A name of its own that DynamoDB would not read as it is.
    name: Option<(&'static str, String)>,
}

impl Change {
    pub(crate) fn new(update: impl Into<String>, condition: impl Into<String>) -> Self {
        Self { update: update.into(), condition: condition.into(), values: Vec::new(), name: None }
    }

    pub(crate) fn named(mut self, name: &'static str, attribute: String) -> Self {
        self.name = Some((name, attribute));
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.values.push((name, value));
        self
    }

    /// The states and truths that its expressions mention.
    fn with_states(mut self) -> Self {
        let states = [
            (":queued", text(QueryStatus::Queued.as_str())),
            (":in_progress", text(QueryStatus::InProgress.as_str())),
            (":no", AttributeValue::Bool(false)),
            (":yes", AttributeValue::Bool(true)),
        ];
        let mentioned = states.into_iter().filter(|(name, _)| self.mentions(name)).collect::<Vec<_>>();
        self.values.extend(mentioned);
        self
    }

    fn mentions(&self, name: &str) -> bool {
        mentions(&self.update, name) || mentions(&self.condition, name)
    }

    /// Values by their names; DynamoDB refuses an empty list of them.
    pub(crate) fn values(&self) -> Option<Item> {
        let values: Item = self.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        (!values.is_empty()).then_some(values)
    }

    /// The reserved names that it mentions, DynamoDB refuses others, and its own.
    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        let mut all = names(&[&self.update, &self.condition]).unwrap_or_default();
        all.extend(self.name.iter().map(|(name, attribute)| ((*name).to_owned(), attribute.clone())));
        (!all.is_empty()).then_some(all)
    }
}

fn mentions(expression: &str, name: &str) -> bool {
    expression.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '#'))).any(|word| word == name)
}

/// The reserved names that expressions mention.
pub(crate) fn names(expressions: &[&str]) -> Option<HashMap<String, String>> {
    let used = RESERVED.iter().filter(|(name, _)| expressions.iter().any(|expression| mentions(expression, name)));
    let names: HashMap<_, _> = used.map(|(name, attribute)| ((*name).to_owned(), (*attribute).to_owned())).collect();
    (!names.is_empty()).then_some(names)
}

/// Takes a free query, counts the attempt, and puts it among the open ones (a first system's item is not there yet).
pub(crate) fn claim(lease: &Lease, now: Timestamp, attempts_max: u32) -> Change {
    Change::new(
        "SET #status = :in_progress, attempt = if_not_exists(attempt, :none) + :one, lease_worker = :worker, \
         lease_until = :until, #open = :open",
        format!(
            "(#status = :queued OR (#status = :in_progress AND lease_until <= :now) OR {FIRST_SYSTEMS}) \
             AND (attribute_not_exists(attempt) OR attempt < :attempts_max) \
             AND (attribute_not_exists(deadline) OR deadline > :now)"
        ),
    )
    .with(":none", number(0))
    .with(":one", number(1))
    .with(":worker", text(&lease.worker))
    .with(":until", millis(lease.until))
    .with(":open", text(OPEN))
    .with(":now", millis(now))
    .with(":attempts_max", number(attempts_max))
    .with_states()
}

/// Expects that this attempt still holds the query.
const HELD: &str = "#status = :in_progress AND attempt = :attempt";

pub(crate) fn renew(attempt: u32, until: Timestamp) -> Change {
    Change::new("SET lease_until = :until", HELD)
        .with(":until", millis(until))
        .with(":attempt", number(attempt))
        .with_states()
}

pub(crate) fn release(attempt: u32) -> Change {
    Change::new("SET #status = :queued, attempt = attempt - :one REMOVE lease_worker, lease_until", HELD)
        .with(":one", number(1))
        .with(":attempt", number(attempt))
        .with_states()
}

/// When a query ends, and whether somebody is to be told; who supposes wrongly that nobody is, is refused.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) now: Timestamp,
    pub(crate) is_told: bool,
}

/// Writes an ending's attributes if this attempt still holds the query.
pub(crate) fn finish(
    attempt: u32,
    status: QueryStatus,
    attributes: Vec<(&'static str, AttributeValue)>,
    end: End,
) -> Change {
    ending(HELD, status, attributes, end).with(":attempt", number(attempt)).with_states()
}

/// Cancels what has not ended.
pub(crate) fn cancel(end: End) -> Change {
    ending(LIVES, QueryStatus::Cancelled, Vec::new(), end).with_states()
}

/// Fails what has not ended and nobody holds.
pub(crate) fn fail_unheld(attributes: Vec<(&'static str, AttributeValue)>, end: End) -> Change {
    let unheld = format!("(#status = :queued OR (#status = :in_progress AND lease_until <= :now) OR {FIRST_SYSTEMS})");
    ending(&unheld, QueryStatus::Failed, attributes, end).with_states()
}

/// The condition must be such that another can be added to it by AND.
fn ending(condition: &str, status: QueryStatus, attributes: Vec<(&'static str, AttributeValue)>, end: End) -> Change {
    let change = Change::new("", condition).with(":ended", text(status.as_str())).with(":now", millis(end.now));
    let (sets, change) = setting(change, attributes);
    if !end.is_told {
        let condition = format!("{condition} AND attribute_not_exists(webhook)");
        return Change { update: format!("SET #status = :ended, {sets}{ENDS}"), condition, ..change };
    }
    let change = change.with(":pending", pending()).with(":webhooks", text(WEBHOOKS));
    Change { update: format!("SET #status = :ended, {sets}{ENDS_TO_BE_TOLD}"), ..change }
}

/// What sets the attributes of an answer or a failure, each followed by a comma.
fn setting(mut change: Change, attributes: Vec<(&'static str, AttributeValue)>) -> (String, Change) {
    const VALUES: [(&str, &str); 4] =
        [("answer", ":answer"), ("answer_text", ":answer_text"), ("sources", ":sources"), ("failure", ":failure")];
    let mut sets = String::new();
    for (name, value) in attributes {
        if let Some((_, placeholder)) = VALUES.iter().find(|(known, _)| *known == name) {
            sets.push_str(&format!("{name} = {placeholder}, "));
            change = change.with(placeholder, value);
        }
    }
    (sets, change)
}

/// Replaces an answer if it is still the one that was read.
pub(crate) fn replace_answer(before: AttributeValue, attributes: Vec<(&'static str, AttributeValue)>) -> Change {
    let (sets, change) = setting(Change::new("", "answer = :before").with(":before", before), attributes);
    Change { update: format!("SET {}", sets.trim_end_matches(", ")), ..change }
}

/// Removes the text of a trace; what is left of the item goes with its time.
pub(crate) fn empty_trace() -> Change {
    Change::new("REMOVE #trace", "attribute_exists(query_id)")
}

fn pending() -> AttributeValue {
    text(WebhookStatus::Pending.as_str())
}

/// Takes a webhook that is due, and counts the attempt.
pub(crate) fn claim_webhook(now: Timestamp, until: Timestamp) -> Change {
    Change::new(
        "SET webhook_attempts = webhook_attempts + :one, lease_until = :until",
        "webhook = :pending AND lease_until <= :now",
    )
    .with(":one", number(1))
    .with(":until", millis(until))
    .with(":pending", pending())
    .with(":now", millis(now))
}

/// What became of the last attempt at a webhook.
pub(crate) fn end_webhook(attempt: u32, ending: &WebhookEnding) -> Change {
    const LAST: &str = "webhook = :pending AND webhook_attempts = :attempt";
    let ended = |status: WebhookStatus| (":ended", text(status.as_str()));
    let (update, values) = match ending {
        WebhookEnding::Delivered => {
            ("SET webhook = :ended REMOVE lease_until, #open", vec![ended(WebhookStatus::Delivered)])
        }
        WebhookEnding::Again { due, error } => {
            ("SET lease_until = :due, webhook_error = :error", vec![(":due", millis(*due)), (":error", text(error))])
        }
        WebhookEnding::GivenUp { error } => (
            "SET webhook = :ended, webhook_error = :error REMOVE lease_until, #open",
            vec![ended(WebhookStatus::GivenUp), (":error", text(error))],
        ),
    };
    let change = Change::new(update, LAST).with(":pending", pending()).with(":attempt", number(attempt));
    values.into_iter().fold(change, |change, (name, value)| change.with(name, value))
}

/// Keeps a user's opinion.
pub(crate) fn set_feedback(feedback: String) -> Change {
    Change::new("SET feedback = :feedback", "attribute_exists(query_id)").with(":feedback", text(feedback))
}

/// What the sweep looks for among open queries. How long a queued one has waited is looked at afterwards ([`has_waited`]): its
/// time is a key of the index, which a filter may not name.
pub(crate) const UNATTENDED: &str =
    "#status = :queued OR attribute_not_exists(#status) OR (#status = :in_progress AND lease_until <= :now)";

/// False for a query that was queued at `queued_before` or later.
pub(crate) fn has_waited(item: &Item, queued_before: Timestamp) -> bool {
    let holds =
        |name: &str, value: &str| item.get(name).and_then(|value| value.as_s().ok()).is_some_and(|s| s == value);
    let created = || item.get("create_time").and_then(|time| time.as_n().ok()).and_then(|time| created_at(time));
    holds("status", QueryStatus::InProgress.as_str()) || created().is_some_and(|created| created < queued_before)
}

/// The values of [`UNATTENDED`].
pub(crate) fn unattended(now: Timestamp) -> Vec<(&'static str, AttributeValue)> {
    vec![
        (":queued", text(QueryStatus::Queued.as_str())),
        (":in_progress", text(QueryStatus::InProgress.as_str())),
        (":now", millis(now)),
    ]
}
