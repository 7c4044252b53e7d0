//! The tables, how they came to be, and how a file is opened.

use crate::store::Settings;
use crate::trouble::Place;
use docent_engine::Result;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Marks a file as ours (SQLite's `application_id`): "Dcnt".
const APPLICATION_ID: i64 = 0x4463_6e74;

/// Every step from an empty file to the present schema. Steps are only ever added: `user_version` counts those taken.
const MIGRATIONS: [&str; 4] = [
    "
    CREATE TABLE queries (
        id           TEXT PRIMARY KEY NOT NULL,
        user_id      TEXT NOT NULL,
        status       TEXT NOT NULL,
        attempt      INTEGER NOT NULL,
        lease_worker TEXT,
        lease_until  INTEGER,
        created_at   INTEGER NOT NULL,
        completed_at INTEGER,
        deadline     INTEGER NOT NULL,
        expires_at   INTEGER NOT NULL,
        request      TEXT NOT NULL,
        answer       TEXT,
        failure      TEXT,
        feedback     TEXT
    ) STRICT;
    CREATE INDEX queries_of_user ON queries (user_id, created_at, id);
    CREATE INDEX queries_open ON queries (created_at, id) WHERE status IN ('queued', 'in_progress');
    CREATE INDEX queries_expiring ON queries (expires_at);
    CREATE TABLE traces (
        query_id TEXT PRIMARY KEY NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
        trace    TEXT NOT NULL
    ) STRICT;
    CREATE TABLE idempotency_keys (
        user_id     TEXT NOT NULL,
        key         TEXT NOT NULL,
        query_id    TEXT NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
        fingerprint TEXT NOT NULL,
        PRIMARY KEY (user_id, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_keys_of_query ON idempotency_keys (query_id);
",
    // Who asked, by API key; keys; what was spent. What was stored before belongs to no key.
    "
    ALTER TABLE queries ADD COLUMN owner TEXT NOT NULL DEFAULT '';
    DROP INDEX queries_of_user;
    CREATE INDEX queries_of_owner ON queries (owner, user_id, created_at, id);
    ALTER TABLE idempotency_keys RENAME TO idempotency_keys_before;
    CREATE TABLE idempotency_keys (
        owner       TEXT NOT NULL,
        user_id     TEXT NOT NULL,
        key         TEXT NOT NULL,
        query_id    TEXT NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
        fingerprint TEXT NOT NULL,
        PRIMARY KEY (owner, user_id, key)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO idempotency_keys SELECT '', user_id, key, query_id, fingerprint FROM idempotency_keys_before;
    DROP TABLE idempotency_keys_before;
    CREATE INDEX idempotency_keys_of_query ON idempotency_keys (query_id);
    CREATE TABLE api_keys (
        id         TEXT PRIMARY KEY NOT NULL,
        created_at INTEGER NOT NULL,
        last_used  INTEGER,
        revoked_at INTEGER,
        record     TEXT NOT NULL
    ) STRICT;
    CREATE TABLE buckets (
        name    TEXT PRIMARY KEY NOT NULL,
        full_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX buckets_full ON buckets (full_at);
    CREATE TABLE accounts (
        day    INTEGER NOT NULL,
        name   TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        money  INTEGER NOT NULL,
        PRIMARY KEY (day, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE reservations (
        day    INTEGER NOT NULL,
        name   TEXT NOT NULL,
        id     TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        money  INTEGER NOT NULL,
        PRIMARY KEY (day, name, id)
    ) STRICT, WITHOUT ROWID;
",
    // Uploads. `refused` is 1 for those that ended and stored nothing.
    "
    CREATE TABLE uploads (
        id           TEXT PRIMARY KEY NOT NULL,
        collection   TEXT NOT NULL,
        document_id  TEXT NOT NULL,
        filename     TEXT NOT NULL,
        bytes        INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        status       TEXT NOT NULL,
        attempt      INTEGER NOT NULL,
        lease_worker TEXT,
        lease_until  INTEGER,
        refused      INTEGER NOT NULL DEFAULT 0,
        report       TEXT,
        failure      TEXT,
        created_at   INTEGER NOT NULL,
        completed_at INTEGER
    ) STRICT;
    CREATE INDEX uploads_of_document ON uploads (collection, document_id, id);
    CREATE INDEX uploads_of_collection ON uploads (collection, id);
    CREATE INDEX uploads_open ON uploads (id) WHERE status IN ('queued', 'in_progress');
    CREATE INDEX uploads_refused ON uploads (collection, document_id) WHERE refused = 1;
    CREATE INDEX uploads_ended ON uploads (completed_at);
",
    // Webhooks of queries. `webhook` is how far it is, null for a query that has none.
    "
    ALTER TABLE queries ADD COLUMN webhook TEXT;
    ALTER TABLE queries ADD COLUMN webhook_attempts INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE queries ADD COLUMN webhook_error TEXT;
    ALTER TABLE queries ADD COLUMN webhook_due INTEGER;
    CREATE INDEX queries_to_tell ON queries (webhook_due) WHERE webhook = 'pending';
",
];

/// Opens the connection that writes: creates the file if there is none, refuses one that is not ours, brings an older
/// one up to date.
pub(crate) fn open_writer(place: &Place, settings: &Settings) -> Result<Connection> {
    create_private(place.path()).map_err(|error| place.not_accessible().because(error))?;
    let mut connection = connect(place, settings)?;
    refuse_foreign(&connection, place)?;
    let mode = use_wal(&connection, settings.busy_timeout).map_err(|error| place.explain(&error))?;
    if mode != "wal" {
        return Err(place.without_wal(&mode));
    }
    prepare_writer(&mut connection).map_err(|error| place.explain(&error))?;
    Ok(connection)
}

/// Opens a connection that can only read. The writer must have been opened before.
pub(crate) fn open_reader(place: &Place, settings: &Settings) -> Result<Connection> {
    let connection = connect(place, settings)?;
    connection.pragma_update(None, "query_only", true).map_err(|error| place.explain(&error))?;
    Ok(connection)
}

/// The file holds questions and answers, so nobody but its owner may read it. SQLite gives the `-wal` and `-shm` files
/// beside it the same permissions.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut folder = fs::DirBuilder::new();
    let mut file = fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folder.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folder.recursive(true).create(parent)?;
    }
    file.read(true).append(true).create(true).open(path).map(drop)
}

/// Not opened as a URI: a file name is a file name, whatever is in it. Each connection stays behind one lock or in one
/// thread, so SQLite need not lock as well.
fn connect(place: &Place, settings: &Settings) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(place.path(), flags).map_err(|error| place.explain(&error))?;
    connection.busy_timeout(settings.busy_timeout).map_err(|error| place.explain(&error))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn refuse_foreign(connection: &Connection, place: &Place) -> Result<()> {
    let (is_ours, version) = identify(connection).map_err(|error| place.explain(&error))?;
    if !is_ours {
        return Err(place.foreign());
    }
    if version > MIGRATIONS.len() {
        return Err(place.newer(version, MIGRATIONS.len()));
    }
    Ok(())
}

/// Whether the file is empty or ours, and its schema; read in one transaction, since another process may be creating the
/// tables in this moment.
fn identify(connection: &Connection) -> rusqlite::Result<(bool, usize)> {
    let snapshot = connection.unchecked_transaction()?;
    let tables: i64 = snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application = pragma(&snapshot, "application_id")?;
    let is_ours = application == APPLICATION_ID || (application == 0 && tables == 0);
    Ok((is_ours, version(&snapshot)?))
}

/// Turns the write-ahead log on and returns the journal mode in force. Two processes that open a new file in the same
/// moment collide here without SQLite's busy handler being asked, hence the loop.
fn use_wal(connection: &Connection, patience: Duration) -> rusqlite::Result<String> {
    let started = Instant::now();
    loop {
        let answer = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        let busy = matches!(&answer, Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        if !busy || started.elapsed() > patience {
            return answer;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// `secure_delete` overwrites deleted text with zeros; the log's copy goes with the next checkpoint.
fn prepare_writer(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA journal_size_limit = 16777216;",
    )?;
    migrate(connection, &MIGRATIONS)
}

fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let taken = version(&transaction)?;
    for step in migrations.iter().skip(taken) {
        transaction.execute_batch(step)?;
    }
    if taken < migrations.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(migrations.len()).unwrap_or(i64::MAX))?;
    }
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    Ok(usize::try_from(pragma(connection, "user_version")?).unwrap_or(0))
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_added_later_keeps_the_rows_of_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        let one = "CREATE TABLE t (a TEXT) STRICT; INSERT INTO t VALUES ('kept');";
        let two = "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 7;";
        migrate(&mut connection, &[one]).unwrap();
        migrate(&mut connection, &[one, two]).unwrap();
        migrate(&mut connection, &[one, two]).unwrap();
        let row: (String, i64) =
            connection.query_row("SELECT a, b FROM t", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(row, ("kept".to_owned(), 7));
        assert_eq!(version(&connection).unwrap(), 2);
    }

    #[test]
    fn what_was_stored_before_there_were_keys_belongs_to_nobody() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &MIGRATIONS[..1]).unwrap();
        let stored = "INSERT INTO queries (id, user_id, status, attempt, created_at, deadline, expires_at, request)
                VALUES ('q', 'ada', 'queued', 0, 1, 2, 3, '{}');
            INSERT INTO idempotency_keys VALUES ('ada', 'k', 'q', 'f');";
        connection.execute_batch(stored).unwrap();
        migrate(&mut connection, &MIGRATIONS).unwrap();
        let joined = "SELECT q.owner || k.owner || k.user_id || k.key || k.fingerprint FROM queries q
            JOIN idempotency_keys k ON k.query_id = q.id";
        let row: String = connection.query_row(joined, [], |row| row.get(0)).unwrap();
        assert_eq!(row, "adakf");
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_and_the_tables_of_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        let one = "CREATE TABLE t (a TEXT) STRICT;";
        migrate(&mut connection, &[one]).unwrap();
        migrate(&mut connection, &[one, "CREATE TABLE u (a TEXT); CREATE TABLE t (a TEXT);"]).unwrap_err();
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&connection).unwrap(), tables), (1, 1));
    }
}
