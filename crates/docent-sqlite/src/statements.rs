//! The statements. Each change carries the state it expects in its `WHERE`; zero changed rows is an answer, not an error.

use crate::rows::{self, columns};
use docent_core::query::{Lease, names_document};
use docent_core::{Query, QueryStatus, Timestamp};
use docent_engine::ports::{Claim, Ending, IdempotencyKey};
use rusqlite::{Connection, OptionalExtension, Result, named_params, params};
use std::collections::HashSet;

/// What became of an insert.
pub(crate) enum Inserted {
    New,
    /// The key was used for the same request before.
    Existing(Box<Query>),
    /// The key was used for another request before.
    KeyTaken,
    /// There is a query with this id.
    IdTaken,
}

pub(crate) fn insert(connection: &Connection, query: &Query, key: Option<&IdempotencyKey>) -> Result<Inserted> {
    if let Some(key) = key
        && let Some(earlier) = inserted_before(connection, query, key)?
    {
        return Ok(earlier);
    }
    if !insert_query(connection, query)? {
        return Ok(Inserted::IdTaken);
    }
    if let Some(key) = key {
        connection
            .prepare_cached(
                "INSERT INTO idempotency_keys (owner, user_id, key, query_id, fingerprint) VALUES (?, ?, ?, ?, ?)",
            )?
            .execute(params![owner(query), query.request.user_id, key.key, query.id, key.fingerprint])?;
    }
    Ok(Inserted::New)
}

/// As a column, which is empty for a query that no API key asked.
fn owner(query: &Query) -> &str {
    query.request.owner.as_deref().unwrap_or_default()
}

fn inserted_before(connection: &Connection, query: &Query, key: &IdempotencyKey) -> Result<Option<Inserted>> {
    let found: Option<(String, String)> = connection
        .prepare_cached(
            "SELECT query_id, fingerprint FROM idempotency_keys WHERE owner = ? AND user_id = ? AND key = ?",
        )?
        .query_row(params![owner(query), query.request.user_id, key.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, fingerprint)) = found else {
        return Ok(None);
    };
    if fingerprint != key.fingerprint {
        return Ok(Some(Inserted::KeyTaken));
    }
    Ok(get(connection, &id)?.map(|query| Inserted::Existing(Box::new(query))))
}

fn insert_query(connection: &Connection, query: &Query) -> Result<bool> {
    let answer = query.answer.as_ref().map(rows::to_json).transpose()?;
    let failure = query.failure.as_ref().map(rows::to_json).transpose()?;
    let feedback = query.feedback.as_ref().map(rows::to_json).transpose()?;
    let webhook = query.webhook.as_ref();
    let changed = connection
        .prepare_cached(concat!(
            "INSERT INTO queries (",
            columns!(),
            ", owner, user_id) VALUES (:id, :request, :status, :attempt, :lease_worker, :lease_until, :answer, :failure, ",
            ":feedback, :created_at, :completed_at, :deadline, :expires_at, :webhook, :webhook_attempts, :webhook_error, ",
            ":webhook_due, :owner, :user_id) ON CONFLICT (id) DO NOTHING"
        ))?
        .execute(named_params! {
            ":id": query.id,
            ":request": rows::to_json(&query.request)?,
            ":status": query.status.as_str(),
            ":attempt": query.attempt,
            ":lease_worker": query.lease.as_ref().map(|lease| &lease.worker),
            ":lease_until": query.lease.as_ref().map(|lease| lease.until.as_millis()),
            ":answer": answer,
            ":failure": failure,
            ":feedback": feedback,
            ":created_at": query.created_at.as_millis(),
            ":completed_at": query.completed_at.map(Timestamp::as_millis),
            ":deadline": query.deadline.as_millis(),
            ":expires_at": query.expires_at.as_millis(),
            ":webhook": webhook.map(|webhook| webhook.status.as_str()),
            ":webhook_attempts": webhook.map_or(0, |webhook| webhook.attempts),
            ":webhook_error": webhook.and_then(|webhook| webhook.last_error.as_deref()),
            ":webhook_due": webhook.and_then(|webhook| webhook.due).map(Timestamp::as_millis),
            ":owner": owner(query),
            ":user_id": query.request.user_id,
        })?;
    Ok(changed == 1)
}

pub(crate) fn get(connection: &Connection, id: &str) -> Result<Option<Query>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM queries WHERE id = ?"))?
        .query_row([id], rows::query)
        .optional()
}

const FIRST_PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM queries WHERE owner = ?1 AND user_id = ?2 ORDER BY created_at DESC, id DESC LIMIT ?3"
);
const NEXT_PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM queries WHERE owner = ?1 AND user_id = ?2 AND (created_at, id) < (?4, ?5) \
     ORDER BY created_at DESC, id DESC LIMIT ?3"
);
/// The query to go on from has been deleted since. Ids sort by creation, so its id alone still tells the place.
const NEXT_PAGE_AFTER_DELETED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM queries WHERE owner = ?1 AND user_id = ?2 AND id < ?4 ORDER BY created_at DESC, id DESC LIMIT ?3"
);

pub(crate) fn list(
    connection: &Connection,
    owner: &str,
    user_id: &str,
    limit: usize,
    after: Option<&str>,
) -> Result<Vec<Query>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let Some(after) = after else {
        let mut page = connection.prepare_cached(FIRST_PAGE)?;
        return page.query_map(params![owner, user_id, limit], rows::query)?.collect();
    };
    let created_at: Option<i64> = connection
        .prepare_cached("SELECT created_at FROM queries WHERE id = ?")?
        .query_row([after], |row| row.get(0))
        .optional()?;
    if let Some(created_at) = created_at {
        let mut page = connection.prepare_cached(NEXT_PAGE)?;
        page.query_map(params![owner, user_id, limit, created_at, after], rows::query)?.collect()
    } else {
        let mut page = connection.prepare_cached(NEXT_PAGE_AFTER_DELETED)?;
        page.query_map(params![owner, user_id, limit, after], rows::query)?.collect()
    }
}

pub(crate) fn claim(
    connection: &Connection,
    id: &str,
    lease: &Lease,
    now: Timestamp,
    attempts_max: u32,
) -> Result<Claim> {
    let granted = connection
        .prepare_cached(concat!(
            "UPDATE queries SET status = 'in_progress', attempt = attempt + 1, lease_worker = :worker, ",
            "lease_until = :until WHERE id = :id AND attempt < :attempts_max AND deadline > :now AND ",
            "(status = 'queued' OR (status = 'in_progress' AND lease_until <= :now)) RETURNING ",
            columns!()
        ))?
        .query_row(
            named_params! {
                ":id": id,
                ":worker": lease.worker,
                ":until": lease.until.as_millis(),
                ":now": now.as_millis(),
                ":attempts_max": attempts_max,
            },
            rows::query,
        )
        .optional()?;
    match granted {
        Some(query) => Ok(Claim::Granted(Box::new(query))),
        None => why_not_claimed(connection, id, now),
    }
}

/// Asked in the transaction of the failed claim, so the state is the one that refused it.
fn why_not_claimed(connection: &Connection, id: &str, now: Timestamp) -> Result<Claim> {
    let found: Option<(QueryStatus, Option<i64>)> = connection
        .prepare_cached("SELECT status, lease_until FROM queries WHERE id = ?")?
        .query_row([id], |row| Ok((rows::status(row, 0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        None => Claim::Missing,
        Some((status, _)) if status.is_terminal() => Claim::Finished,
        Some((_, Some(until))) if until > now.as_millis() => Claim::Held,
        Some(_) => Claim::Exhausted,
    })
}

pub(crate) fn renew(connection: &Connection, id: &str, attempt: u32, until: Timestamp) -> Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE queries SET lease_until = ?3 WHERE id = ?1 AND attempt = ?2 AND status = 'in_progress'",
        )?
        .execute(params![id, attempt, until.as_millis()])?;
    Ok(changed == 1)
}

/// An ending as columns, serialised by the caller's thread so that the writer's does not wait for it.
pub(crate) struct EndingColumns {
    status: QueryStatus,
    answer: Option<String>,
    failure: Option<String>,
}

impl EndingColumns {
    pub(crate) fn new(ending: &Ending) -> Result<Self> {
        Ok(match ending {
            Ending::Completed(answer) => {
                Self { status: QueryStatus::Completed, answer: Some(rows::to_json(answer)?), failure: None }
            }
            Ending::Failed(failure) => {
                Self { status: QueryStatus::Failed, answer: None, failure: Some(rows::to_json(failure)?) }
            }
        })
    }
}

/// What every ending does beside setting a status, in a statement whose `:now` says when: nobody holds the query any more, and
/// if somebody is to be told, that is due.
macro_rules! ends {
    () => {
        "completed_at = :now, lease_worker = NULL, lease_until = NULL, \
         webhook = CASE WHEN webhook IS NOT NULL THEN 'pending' END, \
         webhook_due = CASE WHEN webhook IS NOT NULL THEN :now END"
    };
}

pub(crate) fn finish(
    connection: &Connection,
    id: &str,
    attempt: u32,
    ending: &EndingColumns,
    trace: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    let changed = connection
        .prepare_cached(concat!(
            "UPDATE queries SET status = :status, answer = :answer, failure = :failure, ",
            ends!(),
            " WHERE id = :id AND attempt = :attempt AND status = 'in_progress'"
        ))?
        .execute(named_params! {
            ":id": id,
            ":attempt": attempt,
            ":status": ending.status.as_str(),
            ":answer": ending.answer,
            ":failure": ending.failure,
            ":now": now.as_millis(),
        })?;
    if changed == 1
        && let Some(trace) = trace
    {
        connection
            .prepare_cached("INSERT OR REPLACE INTO traces (query_id, trace) VALUES (?, ?)")?
            .execute(params![id, trace])?;
    }
    Ok(changed == 1)
}

pub(crate) fn release(connection: &Connection, id: &str, attempt: u32) -> Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE queries SET status = 'queued', attempt = attempt - 1, lease_worker = NULL, lease_until = NULL \
             WHERE id = ? AND attempt = ? AND status = 'in_progress'",
        )?
        .execute(params![id, attempt])?;
    Ok(changed == 1)
}

pub(crate) fn cancel(connection: &Connection, id: &str, now: Timestamp) -> Result<Option<Query>> {
    connection
        .prepare_cached(concat!(
            "UPDATE queries SET status = 'cancelled', ",
            ends!(),
            " WHERE id = :id AND status IN ('queued', 'in_progress')"
        ))?
        .execute(named_params! { ":id": id, ":now": now.as_millis() })?;
    get(connection, id)
}

pub(crate) fn fail_unheld(connection: &Connection, id: &str, failure: &str, now: Timestamp) -> Result<bool> {
    let changed = connection
        .prepare_cached(concat!(
            "UPDATE queries SET status = 'failed', failure = :failure, ",
            ends!(),
            " WHERE id = :id AND (status = 'queued' OR (status = 'in_progress' AND lease_until <= :now))"
        ))?
        .execute(named_params! { ":id": id, ":failure": failure, ":now": now.as_millis() })?;
    Ok(changed == 1)
}

/// The first condition is the one of the partial index, word for word, so that only open queries are looked at.
const UNATTENDED: &str = "SELECT id FROM queries WHERE status IN ('queued', 'in_progress') AND \
     ((status = 'queued' AND created_at < ?2) OR (status = 'in_progress' AND lease_until <= ?1)) \
     ORDER BY created_at, id LIMIT ?3";

pub(crate) fn unattended(
    connection: &Connection,
    now: Timestamp,
    queued_before: Timestamp,
    limit: usize,
) -> Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(UNATTENDED)?
        .query_map(params![now.as_millis(), queued_before.as_millis(), limit], |row| row.get(0))?
        .collect()
}

pub(crate) fn set_feedback(connection: &Connection, id: &str, feedback: &str) -> Result<bool> {
    let changed =
        connection.prepare_cached("UPDATE queries SET feedback = ?2 WHERE id = ?1")?.execute(params![id, feedback])?;
    Ok(changed == 1)
}

pub(crate) fn trace(connection: &Connection, id: &str) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT trace FROM traces WHERE query_id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()
}

/// Traces and idempotency keys go with it, by their foreign keys.
pub(crate) fn delete(connection: &Connection, id: &str) -> Result<bool> {
    Ok(connection.prepare_cached("DELETE FROM queries WHERE id = ?")?.execute([id])? == 1)
}

/// A part of all answers, with their traces. A delete is rare; an index by document would cost every answer.
const ANSWERS: &str = "SELECT q.id, q.answer, t.trace FROM queries q LEFT JOIN traces t ON t.query_id = q.id \
     WHERE q.id > ?1 AND q.answer IS NOT NULL AND json_extract(q.request, '$.collection') = ?2 ORDER BY q.id LIMIT ?3";

/// Which of the next `limit` answers of a collection behind `after` name one of these documents (none: any), and where the
/// next part begins; none at the end.
pub(crate) fn answers_from(
    connection: &Connection,
    collection: &str,
    documents: Option<&HashSet<&str>>,
    after: &str,
    limit: usize,
) -> Result<(Vec<String>, Option<String>)> {
    let mut statement = connection.prepare_cached(ANSWERS)?;
    let mut rows = statement.query(params![after, collection, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let (mut found, mut seen, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let names = |column| -> Result<bool> {
            let json = row.get_ref(column)?.as_str_or_null()?.unwrap_or_default();
            Ok(documents.is_none_or(|documents| names_document(json, documents)))
        };
        if names(1)? || names(2)? {
            found.push(id.clone());
        }
        (seen, last) = (seen + 1, Some(id));
    }
    Ok((found, last.filter(|_| seen == limit)))
}

/// Marks or erases an answer; with `erase` its trace goes, too. True if the answer changed.
pub(crate) fn forget_in_answer(
    connection: &Connection,
    id: &str,
    documents: Option<&[String]>,
    erase: bool,
) -> Result<bool> {
    if erase {
        connection.prepare_cached("DELETE FROM traces WHERE query_id = ?")?.execute([id])?;
    }
    let Some(mut answer) = get(connection, id)?.and_then(|query| query.answer) else { return Ok(false) };
    let is_changed = answer.forget(documents, erase);
    if is_changed {
        let mut update = connection.prepare_cached("UPDATE queries SET answer = ?2 WHERE id = ?1")?;
        update.execute(params![id, rows::to_json(&answer)?])?;
    }
    Ok(is_changed)
}

const EXPIRED: &str = "DELETE FROM queries WHERE id IN (SELECT id FROM queries WHERE expires_at <= ? LIMIT ?)";

/// Forgets at most `limit` expired queries, so that a large backlog does not keep the writer from others.
pub(crate) fn expire(connection: &Connection, now: Timestamp, limit: usize) -> Result<usize> {
    connection.prepare_cached(EXPIRED)?.execute(params![now.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;
    use crate::store::Settings;
    use crate::trouble::Place;

    /// What SQLite would do, one step a line.
    fn plan(connection: &Connection, statement: &str) -> String {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        for parameter in 1..=explain.parameter_count() {
            explain.raw_bind_parameter(parameter, 1).unwrap();
        }
        let mut steps = explain.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = steps.next().unwrap() {
            lines.push(row.get::<_, String>(3).unwrap());
        }
        lines.join("\n")
    }

    #[test]
    fn no_statement_over_many_rows_scans_the_table_or_sorts() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder.path().join("queries.db"));
        let connection = schema::open_writer(&place, &Settings::default()).unwrap();
        for (statement, index) in [
            (FIRST_PAGE, "queries_of_owner"),
            (NEXT_PAGE, "queries_of_owner"),
            (NEXT_PAGE_AFTER_DELETED, "queries_of_owner"),
            (UNATTENDED, "queries_open"),
            (EXPIRED, "queries_expiring"),
            (crate::webhooks::DUE, "queries_to_tell"),
        ] {
            let plan = plan(&connection, statement);
            assert!(plan.contains(index), "{statement}\n{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
            let scans_the_table = plan.lines().any(|step| step.starts_with("SCAN queries") && !step.contains(index));
            assert!(!scans_the_table, "{statement}\n{plan}");
        }
    }
}
