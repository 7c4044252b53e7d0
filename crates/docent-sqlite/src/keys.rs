//! API keys: a row each, with columns for what changes and JSON for what does not.

use crate::rows;
use crate::store::SqliteQueryStore;
use async_trait::async_trait;
use docent_core::{ApiKey, Timestamp};
use docent_engine::ports::KeyStore;
use docent_engine::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};

#[async_trait]
impl KeyStore for SqliteQueryStore {
    async fn create(&self, key: &ApiKey) -> Result<()> {
        let (key, record) = (key.clone(), self.column(rows::to_json(key))?);
        let is_new = self.writer.write(move |c| insert(c, &key, &record)).await?;
        if is_new { Ok(()) } else { Err(Error::conflict("an API key with this id exists already")) }
    }

    async fn get(&self, id: &str) -> Result<Option<ApiKey>> {
        self.read(|c| get(c, id))
    }

    async fn list(&self) -> Result<Vec<ApiKey>> {
        self.read(|c| {
            let mut all =
                c.prepare_cached("SELECT record, last_used, revoked_at FROM api_keys ORDER BY created_at, id")?;
            all.query_map([], key)?.collect()
        })
    }

    async fn revoke(&self, id: &str, now: Timestamp) -> Result<Option<ApiKey>> {
        let id = id.to_owned();
        self.writer.write(move |c| revoke(c, &id, now)).await
    }

    async fn touch(&self, id: &str, day: Timestamp) -> Result<()> {
        let id = id.to_owned();
        self.writer.write(move |c| touch(c, &id, day)).await
    }
}

fn insert(connection: &Connection, key: &ApiKey, record: &str) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "INSERT INTO api_keys (id, created_at, last_used, revoked_at, record) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            key.id,
            key.created_at.as_millis(),
            key.last_used.map(Timestamp::as_millis),
            key.revoked_at.map(Timestamp::as_millis),
            record
        ])?;
    Ok(changed == 1)
}

fn get(connection: &Connection, id: &str) -> rusqlite::Result<Option<ApiKey>> {
    connection
        .prepare_cached("SELECT record, last_used, revoked_at FROM api_keys WHERE id = ?")?
        .query_row([id], key)
        .optional()
}

fn key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let moment = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis));
    Ok(ApiKey { last_used: moment(1)?, revoked_at: moment(2)?, ..rows::required_json(row, 0)? })
}

fn revoke(connection: &Connection, id: &str, now: Timestamp) -> rusqlite::Result<Option<ApiKey>> {
    connection
        .prepare_cached("UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1")?
        .execute(params![id, now.as_millis()])?;
    get(connection, id)
}

fn touch(connection: &Connection, id: &str, day: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE api_keys SET last_used = max(coalesce(last_used, ?2), ?2) WHERE id = ?1")?
        .execute(params![id, day.as_millis()])
        .map(drop)
}
