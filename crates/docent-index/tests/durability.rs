//! What is left when a process dies, the disk is full, a file is damaged or two write at once.
#![expect(clippy::unwrap_used, reason = "outside of #[test] functions, which may")]

use docent_core::filter::FilterValue;
use docent_core::{Filter, SearchMode};
use docent_engine::ErrorKind;
use docent_engine::ports::ChunkIndex;
use docent_index::{EmbeddedIndex, Settings};
use docent_testkit::chunk_index::{document, found, leaning, profile, question};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn open(root: &Path) -> EmbeddedIndex {
    EmbeddedIndex::open(root.to_owned(), Settings::default())
}

/// The example of this crate, which cargo builds beside the tests.
fn ingest_in_a_loop() -> PathBuf {
    example("ingest_in_a_loop")
}

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(built.with_extension(std::env::consts::EXE_EXTENSION).is_file(), "build the crate's examples first");
    built
}

/// Runs the loop until it has said `lines` things, kills it, and returns all it said.
fn kill_after(lines: usize, root: &Path, first: usize) -> Vec<String> {
    let mut child = Command::new(ingest_in_a_loop())
        .arg(root)
        .args(["killed", &first.to_string(), "5"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said: Vec<String> = output.by_ref().take(lines).map(Result::unwrap).collect();
    child.kill().unwrap();
    said.extend(output.map(Result::unwrap));
    child.wait().unwrap();
    said
}

fn of_document(id: &str) -> Option<Filter> {
    Some(Filter::Eq { key: "document_id".to_owned(), value: FilterValue::Text(id.to_owned()) })
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = 0;
    for lines in [1, 2, 5, 9, 14] {
        let said = kill_after(lines, folder.path(), first);
        let index = open(folder.path());
        let documents = index.documents("killed", None, 1000).await.unwrap();
        for line in &said {
            let number: usize = line.strip_prefix("stored ").unwrap().parse().unwrap();
            assert!(
                documents.iter().any(|document| document.id == format!("doc{number:06}")),
                "{line}, and it is lost"
            );
        }
        for document in &documents {
            let mut request = question(SearchMode::Dense, "", leaning(1, 0.5));
            request.filter = of_document(&document.id);
            let chunks = found(&index, "killed", &request).await.len();
            assert_eq!(chunks as u32, document.chunks, "{} is not whole", document.id);
        }
        let collection = index.collection("killed").await.unwrap().unwrap();
        assert_eq!(collection.chunks, documents.iter().map(|document| u64::from(document.chunks)).sum::<u64>());
        first = documents.len() + 10;
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.open_or_create("full", &profile()).await.unwrap();
    let before = index.upsert("full", vec![document("kept", &["tea"], &leaning(1, 0.5))]).await.unwrap();
    // A limit on the size of files stands for the full disk: writing beyond it fails in the same places.
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 100; trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(ingest_in_a_loop())
        .arg(folder.path())
        .args(["full", "0", "3000"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("internal there is no room on the disk"), "{said} {:?}", output.stderr);
    assert_eq!(index.collection("full").await.unwrap().unwrap().generation, before);
    let request = question(SearchMode::Hybrid, "tea", leaning(1, 0.5));
    assert_eq!(found(&index, "full", &request).await, ["kept#0"]);
    index.upsert("full", vec![document("new", &["tea"], &leaning(1, 0.5))]).await.unwrap();
    assert_eq!(found(&index, "full", &request).await.len(), 2);
}

#[tokio::test]
async fn a_damaged_collection_is_named_and_can_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let damage: [fn(&Path); 3] = [
        |folder| fs::write(folder.join("meta.json"), "{\"segments\": [").unwrap(),
        |folder| truncate(folder, "vectors"),
        |folder| truncate(folder, "term"),
    ];
    for damage in damage {
        let index = open(folder.path());
        index.open_or_create("broken", &profile()).await.unwrap();
        index.upsert("broken", vec![document("a", &["tea"], &leaning(1, 0.5))]).await.unwrap();
        damage(&folder.path().join("broken"));
        let index = open(folder.path());
        let request = question(SearchMode::Hybrid, "tea", leaning(1, 0.5));
        let error = index.search("broken", &request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(error.to_string(), "collection \"broken\" is damaged");
        assert!(error.hint_text().is_some());
        assert!(index.delete_collection("broken").await.unwrap());
    }
}

fn truncate(folder: &Path, extension: &str) {
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|found| found == extension)).unwrap();
    fs::OpenOptions::new().write(true).open(file).unwrap().set_len(40).unwrap();
}

#[tokio::test]
async fn a_second_writer_waits_and_then_says_who_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let hurried = Settings { writer_wait: Duration::from_millis(60), ..Settings::default() };
    let index = EmbeddedIndex::open(folder.path().to_owned(), hurried);
    index.open_or_create("busy", &profile()).await.unwrap();
    let other = fs::File::create(folder.path().join("busy").join(".tantivy-writer.lock")).unwrap();
    other.lock().unwrap();
    let error = index.upsert("busy", vec![document("a", &["tea"], &leaning(1, 0.5))]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.to_string(), "another ingest is writing to collection \"busy\"");
    assert!(error.hint_text().is_some());
    let request = question(SearchMode::Bm25, "tea", Vec::new());
    assert!(found(&index, "busy", &request).await.is_empty(), "reading goes on meanwhile");
    other.unlock().unwrap();
    index.upsert("busy", vec![document("a", &["tea"], &leaning(1, 0.5))]).await.unwrap();
    assert_eq!(found(&index, "busy", &request).await, ["a#0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_collection_take_turns_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let handles = [open(folder.path()), open(folder.path())];
    handles[0].open_or_create("shared", &profile()).await.unwrap();
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let index = handles[number % 2].clone();
            let stored = document(&format!("doc{number:02}"), &["tea"], &leaning(1, 0.5));
            tokio::spawn(async move { index.upsert("shared", vec![stored]).await.unwrap() })
        })
        .collect();
    let mut generations = std::collections::BTreeSet::new();
    for task in tasks {
        generations.insert(task.await.unwrap());
    }
    assert_eq!(generations.len(), 24);
    assert_eq!(handles[0].collection("shared").await.unwrap().unwrap().documents, 24);
}

#[tokio::test]
async fn names_that_could_leave_the_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    for name in ["", "..", "a/b", "-a", "_a", "A", "ä", "a b", &"a".repeat(65)] {
        let error = index.open_or_create(name, &profile()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name:?}");
        assert!(error.hint_text().is_some());
    }
    index.open_or_create(&"a".repeat(64), &profile()).await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// As in a container image. Root may write anywhere, unless it gives up its capabilities.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_index_is_read_where_nothing_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.open_or_create("baked", &profile()).await.unwrap();
    index.upsert("baked", vec![document("a", &["tea"], &leaning(1, 0.5))]).await.unwrap();
    let collection = folder.path().join("baked");
    fs::remove_file(collection.join(".tantivy-meta.lock")).unwrap();
    let before = names(&collection);
    set_writable(folder.path(), false);
    let mut command = Command::new(example("search_once"));
    if rustix::process::getuid().is_root() {
        command = Command::new("setpriv");
        command.arg("--bounding-set=-all").arg(example("search_once"));
    }
    let output = command.arg(folder.path()).args(["baked", "tea"]).output().unwrap();
    set_writable(folder.path(), true);
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines, ["a#0", "the index could not be read or written"], "{:?}", String::from_utf8(output.stderr));
    assert_eq!(names(&collection), before);
}

#[cfg(target_os = "linux")]
fn names(folder: &Path) -> std::collections::BTreeSet<std::ffi::OsString> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[cfg(target_os = "linux")]
fn set_writable(path: &Path, writable: bool) {
    use std::os::unix::fs::PermissionsExt;
    let is_folder = path.is_dir();
    if is_folder && !writable {
        fs::read_dir(path).unwrap().for_each(|entry| set_writable(&entry.unwrap().path(), writable));
    }
    let mode = if is_folder { 0o555 } else { 0o444 } | if writable { 0o200 } else { 0 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if is_folder && writable {
        fs::read_dir(path).unwrap().for_each(|entry| set_writable(&entry.unwrap().path(), writable));
    }
}
