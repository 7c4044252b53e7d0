//! Webhooks of queries: found when they are due, taken, and what became of the attempt.

use crate::rows::{self, columns};
use docent_core::{Query, Timestamp};
use docent_engine::ports::WebhookEnding;
use rusqlite::{Connection, OptionalExtension, Result, params};

/// The first condition is the one of the partial index, word for word.
pub(crate) const DUE: &str =
    "SELECT id FROM queries WHERE webhook = 'pending' AND webhook_due <= ? ORDER BY webhook_due LIMIT ?";

pub(crate) fn due(connection: &Connection, now: Timestamp, limit: usize) -> Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection.prepare_cached(DUE)?.query_map(params![now.as_millis(), limit], |row| row.get(0))?.collect()
}

pub(crate) fn claim(connection: &Connection, id: &str, now: Timestamp, until: Timestamp) -> Result<Option<Query>> {
    connection
        .prepare_cached(concat!(
            "UPDATE queries SET webhook_attempts = webhook_attempts + 1, webhook_due = ?3 ",
            "WHERE id = ?1 AND webhook = 'pending' AND webhook_due <= ?2 RETURNING ",
            columns!()
        ))?
        .query_row(params![id, now.as_millis(), until.as_millis()], rows::query)
        .optional()
}

pub(crate) fn end(connection: &Connection, id: &str, attempt: u32, ending: &WebhookEnding) -> Result<bool> {
    let (status, due, error) = match ending {
        WebhookEnding::Delivered => ("delivered", None, None),
        WebhookEnding::Again { due, error } => ("pending", Some(due.as_millis()), Some(error)),
        WebhookEnding::GivenUp { error } => ("given_up", None, Some(error)),
    };
    let changed = connection
        .prepare_cached(
            "UPDATE queries SET webhook = ?3, webhook_due = ?4, webhook_error = coalesce(?5, webhook_error) \
             WHERE id = ?1 AND webhook = 'pending' AND webhook_attempts = ?2",
        )?
        .execute(params![id, attempt, status, due, error])?;
    Ok(changed == 1)
}
