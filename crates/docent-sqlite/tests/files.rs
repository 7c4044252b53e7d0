//! What is found at the path: nothing, our file, a damaged one, somebody else's; and a process that dies while writing.

use docent_core::QueryStatus;
use docent_engine::ports::QueryStore;
use docent_engine::{Error, ErrorKind};
use docent_sqlite::{Settings, SqliteQueryStore};
use docent_testkit::query_store::{START, sample_query};
use rusqlite::Connection;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

fn open(path: &Path) -> Result<SqliteQueryStore, Error> {
    SqliteQueryStore::open(path, &Settings::default())
}

/// The error of opening `path`, which must have left the file's bytes alone.
fn refusal(path: &Path) -> (ErrorKind, String, String) {
    let before = fs::read(path).expect("a file");
    let error = open(path).err().expect("it is refused");
    assert_eq!(fs::read(path).expect("a file"), before, "a refused file is not changed");
    let message = error.to_string().replace(&path.display().to_string(), "FILE");
    (error.kind(), message, error.hint_text().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("folder").join("queries.db");
    let query = sample_query("user", "question", START);
    open(&path).unwrap().create(&query, None).await.unwrap();
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "closing leaves one file, no log");
    assert_eq!(open(&path).unwrap().get(&query.id).await.unwrap(), Some(query));
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_what_is_created() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("queries.db");
    let store = open(&path).unwrap();
    store.create(&sample_query("user", "question", START), None).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "the file, its log and the log's index: {files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_file_name_is_never_read_as_a_uri_or_pattern() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file:q?mode=memory#é.db");
    let query = sample_query("user", "question", START);
    open(&path).unwrap().create(&query, None).await.unwrap();
    assert!(path.is_file());
    assert_eq!(open(&path).unwrap().get(&query.id).await.unwrap(), Some(query));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    fs::write(&path, "Dear diary, this is not a database. ".repeat(200)).unwrap();
    let (kind, message, hint) = refusal(&path);
    assert_eq!((kind, message.as_str()), (ErrorKind::Invalid, "FILE is not a query store"));
    assert!(hint.starts_with("move that file away"), "{hint}");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    let (kind, message, _) = refusal(&path);
    assert_eq!(kind, ErrorKind::Invalid);
    assert_eq!(message, "FILE is a database of another program, not a query store");
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let (kind, message, hint) = refusal(&path);
    assert_eq!(kind, ErrorKind::Invalid);
    assert_eq!(message, "the query store at FILE has schema 99, and this docent knows schemas up to 4");
    assert!(hint.contains("upgrade"), "{hint}");
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    let store = open(&path).unwrap();
    let queries: Vec<_> = (0..50).map(|_| sample_query("user", &"text ".repeat(200), START)).collect();
    for query in &queries {
        store.create(query, None).await.unwrap();
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let error = match open(&path) {
        Ok(store) => store.get(&queries[0].id).await.expect_err("every page but the first is nonsense"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().ends_with("queries.db is damaged"), "{error}");
    assert!(error.hint_text().unwrap().contains("move the file and its -wal and -shm neighbours away"));
}

#[test]
fn a_place_that_cannot_hold_a_file_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("a file");
    fs::write(&blocked, "").unwrap();
    for path in [folder.path().to_path_buf(), blocked.join("queries.db")] {
        let error = open(&path).err().expect("it is refused");
        assert!(error.to_string().ends_with(" cannot be opened for writing"), "{error}");
        assert!(error.hint_text().unwrap().starts_with("check that the folder exists"));
    }
}

#[tokio::test]
async fn a_store_that_another_process_keeps_locked_is_unavailable_and_still_readable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    let settings = Settings { busy_timeout: Duration::from_millis(20), ..Settings::default() };
    let store = SqliteQueryStore::open(&path, &settings).unwrap();
    let query = sample_query("user", "question", START);
    store.create(&query, None).await.unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.cancel(&query.id, START).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the query store is being written by another program");
    assert_eq!(store.get(&query.id).await.unwrap(), Some(query.clone()));
    other.execute_batch("COMMIT").unwrap();
    let cancelled = store.cancel(&query.id, START).await.unwrap().unwrap();
    assert_eq!(cancelled.status, QueryStatus::Cancelled);
}

#[test]
fn many_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..25 {
        let path = folder.path().join(format!("{round}.db"));
        let barrier = Arc::new(Barrier::new(8));
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let (path, barrier) = (path.clone(), Arc::clone(&barrier));
                thread::spawn(move || {
                    barrier.wait();
                    open(&path).map(drop)
                })
            })
            .collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    }
}

/// The example of this crate, which cargo builds beside the tests.
fn submit_in_a_loop() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let example = test.ancestors().nth(2).expect("it lies in deps/").join("examples").join("submit_in_a_loop");
    assert!(example.with_extension(std::env::consts::EXE_EXTENSION).is_file(), "build the crate's examples first");
    example
}

/// Runs the loop until it has said `lines` things, kills it, and returns all it said.
fn kill_after(lines: usize, path: &Path, workers: usize) -> Vec<String> {
    let mut child = Command::new(submit_in_a_loop())
        .arg(path)
        .arg(workers.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut said: Vec<String> = output.by_ref().take(lines).map(Result::unwrap).collect();
    child.kill().expect("kill");
    said.extend(output.map(Result::unwrap));
    child.wait().expect("wait");
    assert!(said.len() >= lines, "it was killed and did not end by itself: {said:?}");
    said
}

#[tokio::test]
async fn what_one_or_several_processes_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries.db");
    let mut said = Vec::new();
    for (lines, workers, processes) in [(1, 1, 1), (37, 1, 1), (250, 32, 1), (100, 8, 3)] {
        thread::scope(|scope| {
            let killed: Vec<_> = (0..processes).map(|_| scope.spawn(|| kill_after(lines, &path, workers))).collect();
            said.extend(killed.into_iter().flat_map(|child| child.join().unwrap()));
        });
        let store = open(&path).unwrap();
        for line in &said {
            let (what, id) = line.split_once(' ').unwrap();
            let query = store.get(id).await.unwrap().unwrap_or_else(|| panic!("{line}, and now it is lost"));
            if what == "finished" {
                assert_eq!(query.status, QueryStatus::Completed, "{line}");
                assert!(query.answer.is_some() && store.trace(id).await.unwrap().is_some(), "{line}");
            }
        }
    }
    let check: String =
        Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
