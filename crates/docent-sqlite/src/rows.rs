//! A row and a query: the two directions of one mapping.

use docent_core::query::{Lease, Webhook, WebhookStatus};
use docent_core::{Query, QueryStatus, Timestamp};
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The columns [`query`] reads, in its order.
macro_rules! columns {
    () => {
        "id, request, status, attempt, lease_worker, lease_until, answer, failure, feedback, created_at, \
         completed_at, deadline, expires_at, webhook, webhook_attempts, webhook_error, webhook_due"
    };
}
pub(crate) use columns;

/// The query in a row of [`columns!`].
pub(crate) fn query(row: &Row<'_>) -> rusqlite::Result<Query> {
    Ok(Query {
        id: row.get(0)?,
        request: from_json(row, 1)?.unwrap_or_default(),
        status: status(row, 2)?,
        attempt: row.get(3)?,
        lease: lease(row)?,
        answer: from_json(row, 6)?,
        failure: from_json(row, 7)?,
        feedback: from_json(row, 8)?,
        webhook: webhook(row)?,
        created_at: time(row, 9)?,
        completed_at: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_millis),
        deadline: time(row, 11)?,
        expires_at: time(row, 12)?,
    })
}

/// The status in a column.
pub(crate) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<QueryStatus> {
    QueryStatus::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| FromSqlError::InvalidType.into())
}

/// The moment in a column.
pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// JSON for a column.
pub(crate) fn to_json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The JSON in a column that is never null.
pub(crate) fn required_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    from_json(row, column)?.ok_or_else(|| FromSqlError::InvalidType.into())
}

fn lease(row: &Row<'_>) -> rusqlite::Result<Option<Lease>> {
    let worker: Option<String> = row.get(4)?;
    let until: Option<i64> = row.get(5)?;
    Ok(worker.zip(until).map(|(worker, until)| Lease { worker, until: Timestamp::from_millis(until) }))
}

fn webhook(row: &Row<'_>) -> rusqlite::Result<Option<Webhook>> {
    let Some(status) = row.get_ref(13)?.as_str_or_null()? else { return Ok(None) };
    Ok(Some(Webhook {
        status: WebhookStatus::parse(status).ok_or(FromSqlError::InvalidType)?,
        attempts: row.get(14)?,
        last_error: row.get(15)?,
        due: row.get::<_, Option<i64>>(16)?.map(Timestamp::from_millis),
    }))
}

/// Parsed straight from SQLite's memory: an answer with its sources is some ten kilobytes, and this is the hot path.
pub(crate) fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else {
        return Ok(None);
    };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
