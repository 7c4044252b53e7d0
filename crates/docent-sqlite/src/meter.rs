//! Counters. Each call reads, decides and writes within one transaction of the thread that writes, and SQLite lets one
//! process write at a time: so nobody can pass a limit by being quick.

use crate::store::SqliteQueryStore;
use async_trait::async_trait;
use docent_core::rate::{Rate, Taken};
use docent_core::{Caps, MicroDollars, Spending, Timestamp};
use docent_engine::Result;
use docent_engine::ports::{Account, Meter, Reservation};
use rusqlite::{Connection, OptionalExtension, Row, params};

#[async_trait]
impl Meter for SqliteQueryStore {
    async fn take(&self, bucket: &str, rate: Rate, now: Timestamp) -> Result<Taken> {
        let bucket = bucket.to_owned();
        self.writer.write(move |c| take(c, &bucket, rate, now)).await
    }

    async fn reserve(&self, account: &Account, id: &str, estimate: Spending, caps: Caps) -> Result<Reservation> {
        let (account, id) = (account.clone(), id.to_owned());
        self.writer.write(move |c| reserve(c, &account, &id, estimate, caps)).await
    }

    async fn settle(&self, account: &Account, id: &str, real: Spending) -> Result<bool> {
        let (account, id) = (account.clone(), id.to_owned());
        self.writer.write(move |c| settle(c, &account, &id, real)).await
    }

    async fn spent(&self, account: &Account) -> Result<Spending> {
        self.read(|c| spent(c, account))
    }
}

fn take(connection: &Connection, bucket: &str, rate: Rate, now: Timestamp) -> rusqlite::Result<Taken> {
    let full_at: Option<i64> = connection
        .prepare_cached("SELECT full_at FROM buckets WHERE name = ?")?
        .query_row([bucket], |row| row.get(0))
        .optional()?;
    let (full_at, taken) = rate.take(full_at, now);
    if taken.granted {
        connection
            .prepare_cached("INSERT OR REPLACE INTO buckets (name, full_at) VALUES (?, ?)")?
            .execute(params![bucket, full_at])?;
    }
    Ok(taken)
}

fn reserve(
    connection: &Connection,
    account: &Account,
    id: &str,
    estimate: Spending,
    caps: Caps,
) -> rusqlite::Result<Reservation> {
    if reserved(connection, account, id)?.is_some() {
        return Ok(Reservation::Granted);
    }
    let before = spent(connection, account)?;
    let after = before.plus(estimate);
    if let Some(cap) = caps.exceeded(after) {
        return Ok(Reservation::Refused { cap, spent: before });
    }
    store(connection, account, after)?;
    connection
        .prepare_cached("INSERT INTO reservations (day, name, id, tokens, money) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![account.day, account.name, id, column(estimate.tokens), column(estimate.money.0)])?;
    Ok(Reservation::Granted)
}

fn settle(connection: &Connection, account: &Account, id: &str, real: Spending) -> rusqlite::Result<bool> {
    let Some(estimate) = reserved(connection, account, id)? else {
        return Ok(false);
    };
    connection.prepare_cached("DELETE FROM reservations WHERE day = ? AND name = ? AND id = ?")?.execute(params![
        account.day,
        account.name,
        id
    ])?;
    let after = spent(connection, account)?.minus(estimate).plus(real);
    store(connection, account, after)?;
    Ok(true)
}

fn reserved(connection: &Connection, account: &Account, id: &str) -> rusqlite::Result<Option<Spending>> {
    connection
        .prepare_cached("SELECT tokens, money FROM reservations WHERE day = ? AND name = ? AND id = ?")?
        .query_row(params![account.day, account.name, id], spending)
        .optional()
}

fn spent(connection: &Connection, account: &Account) -> rusqlite::Result<Spending> {
    let spent = connection
        .prepare_cached("SELECT tokens, money FROM accounts WHERE day = ? AND name = ?")?
        .query_row(params![account.day, account.name], spending)
        .optional()?;
    Ok(spent.unwrap_or_default())
}

fn store(connection: &Connection, account: &Account, spent: Spending) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO accounts (day, name, tokens, money) VALUES (?, ?, ?, ?)")?
        .execute(params![account.day, account.name, column(spent.tokens), column(spent.money.0)])
        .map(drop)
}

/// SQLite's numbers are signed; nobody spends half of what they hold.
fn column(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

fn spending(row: &Row<'_>) -> rusqlite::Result<Spending> {
    let amount = |column| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0));
    Ok(Spending { tokens: amount(0)?, money: MicroDollars(amount(1)?) })
}

/// Whether there is something to forget; asked first, since most of the time there is not and a write costs a flush.
pub(crate) fn has_old(connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM accounts WHERE day < ?1) OR EXISTS (SELECT 1 FROM buckets WHERE full_at < ?2)",
        )?
        .query_row(params![oldest_day(now), full_before(now)], |row| row.get(0))
}

/// Forgets accounts from before yesterday and buckets that have been full since then.
pub(crate) fn forget_old(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM accounts WHERE day < ?")?.execute([oldest_day(now)])?;
    connection.prepare_cached("DELETE FROM reservations WHERE day < ?")?.execute([oldest_day(now)])?;
    connection.prepare_cached("DELETE FROM buckets WHERE full_at < ?")?.execute([full_before(now)]).map(drop)
}

const fn oldest_day(now: Timestamp) -> i64 {
    now.day() - 1
}

const fn full_before(now: Timestamp) -> i64 {
    Timestamp::start_of_day(oldest_day(now)).as_millis().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Settings;
    use docent_engine::ports::QueryStore;
    use std::num::NonZeroU32;

    #[tokio::test]
    async fn what_is_older_than_yesterday_is_forgotten_with_expired_queries() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteQueryStore::open(&folder.path().join("queries.db"), &Settings::default()).unwrap();
        let rate = Rate::per_minute(NonZeroU32::MIN);
        let account = |day| Account { name: "key".to_owned(), day };
        let amount = Spending { tokens: 5, money: MicroDollars(5) };
        for day in 100..103 {
            let bucket = format!("bucket of {day}");
            assert!(store.take(&bucket, rate, Timestamp::start_of_day(day)).await.unwrap().granted);
            store.reserve(&account(day), "r", amount, Caps::default()).await.unwrap();
        }
        assert_eq!(store.expire(Timestamp::start_of_day(102)).await.unwrap(), 0);
        assert_eq!(store.spent(&account(100)).await.unwrap(), Spending::default());
        assert!(!store.settle(&account(100), "r", amount).await.unwrap());
        assert_eq!(store.spent(&account(101)).await.unwrap(), amount);
        assert!(store.settle(&account(102), "r", amount).await.unwrap());
        let buckets: i64 = store.read(|c| c.query_row("SELECT count(*) FROM buckets", [], |row| row.get(0))).unwrap();
        assert_eq!(buckets, 2);
    }
}
