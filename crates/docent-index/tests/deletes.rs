//! That what was deleted is in no file of the index any more, and what that takes.
#![expect(clippy::unwrap_used, reason = "outside of #[test] functions, which may")]

use docent_core::SearchMode;
use docent_engine::ports::{ChunkIndex, TextInFiles};
use docent_index::{EmbeddedIndex, Remains, Settings};
use docent_testkit::chunk_index::{document, found, leaning, profile, question};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn open(root: &Path) -> EmbeddedIndex {
    EmbeddedIndex::open(root.to_owned(), Settings::default())
}

async fn collection(root: &Path) -> EmbeddedIndex {
    let index = open(root);
    index.open_or_create("c", &profile()).await.unwrap();
    index
}

async fn store(index: &EmbeddedIndex, id: &str, text: &str) {
    index.upsert("c", vec![document(id, &[text], &leaning(1, 0.5))]).await.unwrap();
}

async fn delete(index: &EmbeddedIndex, id: &str) -> docent_engine::ports::Deleted {
    index.delete("c", &[id.to_owned()]).await.unwrap()
}

/// Looks with eyes of its own.
async fn is_gone(root: &Path, id: &str, words: &str) -> bool {
    let found = open(root).remains("c", id, &[words.to_owned()]).await.unwrap();
    found.iter().all(Remains::is_gone)
}

#[tokio::test]
async fn every_version_of_a_document_leaves_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let index = collection(folder.path()).await;
    store(&index, "other", "nobody deletes coffee").await;
    for words in ["xylophonewaffle one", "xylophonewaffle two"] {
        store(&index, "secret", words).await;
    }
    let before = index.remains("c", "secret", &["xylophonewaffle".to_owned()]).await.unwrap().remove(0);
    assert_eq!(before.living, 3, "its record, its page and its chunk");
    assert!(before.mentions >= 3 && before.files > 3, "{before:?}");

    let receipt = delete(&index, "secret").await;
    assert_eq!(
        (receipt.documents.as_slice(), receipt.text_in_files),
        (&["secret".to_owned()][..], TextInFiles::Removed)
    );
    assert!(!receipt.rewritten.is_empty());
    assert_ne!(receipt.removed_from, receipt.generation);
    assert!(is_gone(folder.path(), "secret", "xylophonewaffle").await);
    assert!(!is_gone(folder.path(), "other", "coffee").await, "the search for traces finds what is there");
    let hits = found(&index, "c", &question(SearchMode::Bm25, "coffee", Vec::new())).await;
    assert_eq!(hits, ["other#0"]);

    delete(&index, "other").await;
    assert!(is_gone(folder.path(), "other", "coffee").await, "of an empty collection no segment is left");
    store(&index, "other", "coffee is back").await;
    let hits = found(&index, "c", &question(SearchMode::Bm25, "coffee", Vec::new())).await;
    assert_eq!(hits, ["other#0"]);
}

/// Each document lies in a segment of its own until there are many.
#[tokio::test]
async fn a_segment_without_deleted_records_is_not_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let index = collection(folder.path()).await;
    for id in ["a", "b", "c"] {
        store(&index, id, &format!("the tea of {id}")).await;
    }
    let segments = || {
        let names = std::fs::read_dir(folder.path().join("c")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> =
            names.filter_map(|name| name.to_str()?.strip_suffix(".store").map(str::to_owned)).collect();
        names.sort();
        names
    };
    let before = segments();
    let receipt = delete(&index, "b").await;
    let kept: Vec<_> = before.into_iter().filter(|name| !receipt.rewritten.contains(name)).collect();
    assert_eq!((receipt.rewritten.len(), &segments()), (1, &kept));
}

/// tantivy's clean-up knows the files of its own process alone.
#[tokio::test]
async fn what_another_process_has_stored_is_removed_too() {
    let folder = tempfile::tempdir().unwrap();
    let first = collection(folder.path()).await;
    store(&first, "other", "nobody deletes coffee").await;
    store(&open(folder.path()), "secret", "xylophonewaffle").await;
    delete(&first, "secret").await;
    assert!(is_gone(folder.path(), "secret", "xylophonewaffle").await);
    std::fs::write(folder.path().join("c/0123456789abcdef0123456789abcdef.store"), "of a killed delete").unwrap();
    assert!(!is_gone(folder.path(), "secret", "xylophonewaffle").await, "what it holds is not known");
    delete(&open(folder.path()), "secret").await;
    assert!(is_gone(folder.path(), "secret", "xylophonewaffle").await);
}

/// A reader that looks at the list of segments keeps their files for a moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_the_same_process_do_not_keep_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let index = collection(folder.path()).await;
    for n in 0..12 {
        store(&index, &format!("doc{n:02}"), &format!("xylophonewaffle{n:02} and tea")).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (index, stop) = (index.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    found(&index, "c", &question(SearchMode::Bm25, "tea", Vec::new())).await;
                }
            })
        })
        .collect();
    for n in 0..12 {
        delete(&index, &format!("doc{n:02}")).await;
        let words = [format!("xylophonewaffle{n:02} and")];
        let left = open(folder.path()).remains("c", &format!("doc{n:02}"), &words).await.unwrap().remove(0);
        assert!(left.living == 0 && left.mentions == 0 && left.strays.is_empty(), "{left:?}");
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}
