//! How a reader keeps up, and what it does when it cannot.
#![expect(clippy::unwrap_used, reason = "outside of #[test] functions, which may")]

use crate::purging::files;
use crate::site::{Site, TEA, Time, answering, find, put};
use docent_core::SearchMode;
use docent_engine::ErrorKind;
use docent_engine::ports::{ChunkIndex, Deleted, TextInFiles};
use docent_testkit::chunk_index::{document, leaning, profile, question};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// tantivy's, made when a generation is opened.
const LOCK: &str = ".tantivy-meta.lock";

/// Waits for what comes from another task.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_pointer_is_noticed_and_the_old_generation_answers_meanwhile() {
    for site in Site::all() {
        let index = site.index_with("local", &[("a", "green tea")]).await;
        let first = site.publish(&index).await.generation;
        let time = Time::default();
        let reader = site.reader(&time);
        assert_eq!(answering(&reader).await, first);
        put(&index, &[("b", "black tea")]).await;
        let second = site.publish(&index).await.generation;
        time.pass(Duration::from_secs(14));
        assert_eq!(answering(&reader).await, first, "not looked yet");
        time.pass(Duration::from_secs(2));
        assert_eq!(answering(&reader).await, first, "the old one answers the question that looked");
        until(async || answering(&reader).await == second).await;

        index.delete(TEA, &["a".to_owned()]).await.unwrap();
        let third = site.publish(&index).await.generation;
        time.pass(Duration::from_secs(3_600));
        assert_eq!(answering(&reader).await, third, "after a long sleep the question waits for the newest");
        assert_eq!(find(&reader, "tea").await, ["b#0"], "what was deleted cannot be found");
        assert_eq!(reader.document(TEA, "a").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_question_is_answered_from_the_generation_it_was_asked_in() {
    let site = Site::folder();
    let index = site.index_with("local", &[("a", "green tea")]).await;
    site.publish(&index).await;
    let time = Time::default();
    let reader = site.reader(&time);
    let before = answering(&reader).await;
    put(&index, &[("a", "black tea")]).await;
    site.publish(&index).await;
    time.pass(Duration::from_secs(100));
    assert_ne!(answering(&reader).await, before);
    let text = |pages: Vec<(u32, docent_core::Page)>| pages[0].1.text.clone();
    assert_eq!(text(reader.pages_at(TEA, &before, "a", &[0]).await.unwrap()), "green tea");
    assert_eq!(text(reader.pages(TEA, "a", &[0]).await.unwrap()), "black tea");
    time.pass(Duration::from_secs(200));
    answering(&reader).await;
    assert_eq!(text(reader.pages_at(TEA, &before, "a", &[0]).await.unwrap()), "black tea", "it is not kept for ever");
}

#[tokio::test]
async fn what_nobody_uses_leaves_the_scratch_folder() {
    let site = Site::folder();
    let index = site.index_with("local", &[("d0", "tea")]).await;
    let time = Time::default();
    let reader = site.reader(&time);
    for round in 1..6 {
        put(&index, &[(&format!("d{round}"), "tea")]).await;
        site.publish(&index).await;
        time.pass(Duration::from_secs(400));
        answering(&reader).await;
    }
    time.pass(Duration::from_secs(400));
    answering(&reader).await;
    let published = site.publish(&index).await;
    let kept = files(&site.path("reader"));
    let folders: std::collections::BTreeSet<_> = kept.iter().map(|path| path.parent().unwrap()).collect();
    assert_eq!(folders.len(), 2, "one generation and the pool: {folders:?}");
    let of_index = |path: &&PathBuf| path.parent().unwrap().file_name().unwrap() != "pool" && !path.ends_with(LOCK);
    assert_eq!(kept.iter().filter(of_index).count(), published.files);
}

#[tokio::test]
async fn nothing_published_is_said_with_what_to_do() {
    for site in Site::all() {
        let reader = site.reader(&Time::default());
        let request = question(SearchMode::Bm25, "tea", Vec::new());
        let error = reader.search(TEA, &request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.to_string(), format!("no generation has been published at {} yet", site.place()));
        let hint = format!("publish it from where its folder is: docent publish {} --collection tea", site.place());
        assert_eq!(error.hint_text(), Some(hint.as_str()));
        assert_eq!(reader.collection(TEA).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(reader.collections().await.unwrap().is_empty());

        let index = site.index_with("local", &[("a", "tea")]).await;
        site.publish(&index).await;
        assert_eq!(find(&reader, "tea").await, ["a#0"], "and as soon as it is there it answers");
        assert_eq!(reader.collection("coffee").await.unwrap(), None);
        assert_eq!(reader.search("coffee", &request).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn what_is_published_is_not_written_to() {
    let site = Site::folder();
    let published = site.publish(&site.index_with("local", &[("a", "green tea")]).await).await.generation;
    let reader = site.reader(&Time::default());
    let nothing = reader.delete(TEA, &["b".to_owned()]).await.unwrap();
    assert_eq!(nothing, Deleted::nothing(published, TextInFiles::Unknown), "what is not there is gone");
    let stored = document("a", &["tea"], &leaning(1, 0.5));
    let refusals = [
        reader.open_or_create(TEA, &profile()).await.unwrap_err(),
        reader.upsert(TEA, vec![stored]).await.unwrap_err(),
        reader.delete(TEA, &["a".to_owned()]).await.unwrap_err(),
        reader.delete_collection(TEA).await.unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.kind(), ErrorKind::Invalid);
        assert_eq!(refusal.to_string(), format!("the index at {} is read-only", site.place()));
        assert!(refusal.hint_text().unwrap().contains("docent publish"));
    }
}

fn object(site: &Site, extension: &str) -> PathBuf {
    let mut objects = files(&site.objects());
    objects.retain(|path| path.extension().is_some_and(|found| found == extension));
    objects.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    objects.pop().unwrap()
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[tokio::test]
async fn an_object_that_is_missing_or_wrong_leaves_the_old_generation_answering() {
    let damage: [fn(&Path); 3] = [|path| fs::remove_file(path).unwrap(), flip, cut];
    for damage in damage {
        let site = Site::folder();
        let index = site.index_with("local", &[("a", "green tea")]).await;
        let first = site.publish(&index).await.generation;
        let time = Time::default();
        let reader = site.reader(&time);
        assert_eq!(answering(&reader).await, first);
        put(&index, &[("b", "black tea")]).await;
        let second = site.publish(&index).await.generation;
        let damaged = object(&site, "store");
        let whole = fs::read(&damaged).unwrap();
        damage(&damaged);
        time.pass(Duration::from_secs(61));
        assert_eq!(answering(&reader).await, first);
        assert_eq!(answering(&reader).await, first);

        let request = question(SearchMode::Bm25, "tea", Vec::new());
        let error = site.reader_in("other", &Time::default()).search(TEA, &request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.to_string().starts_with(&format!("generation {second} is damaged at ")), "{error}");
        assert!(error.hint_text().unwrap().contains("docent generations rollback"));

        fs::write(&damaged, whole).unwrap();
        time.pass(Duration::from_secs(61));
        assert_eq!(answering(&reader).await, second);
    }
}

#[tokio::test]
async fn a_pointer_that_makes_no_sense_is_said() {
    let site = Site::folder();
    let index = site.index_with("local", &[("a", "green tea")]).await;
    site.publish(&index).await;
    let time = Time::default();
    let reader = site.reader(&time);
    answering(&reader).await;
    let pointer = site.objects().join(TEA).join("current.json");
    for (content, said) in [("{", "collection \"tea\" is damaged"), ("{\"format\":99}", "the index has format 99")] {
        fs::write(&pointer, content).unwrap();
        time.pass(Duration::from_secs(61));
        assert_eq!(find(&reader, "tea").await, ["a#0"], "whoever has a generation goes on with it");
        let error = site.generations().list(TEA).await.unwrap_err();
        assert!(error.to_string().starts_with(said), "{error}");
    }
    fs::remove_file(&pointer).unwrap();
    time.pass(Duration::from_secs(61));
    let request = question(SearchMode::Bm25, "tea", Vec::new());
    let error = reader.search(TEA, &request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "without a pointer there is nothing that may be read");
}

#[tokio::test]
async fn a_scratch_folder_that_was_harmed_is_fetched_again() {
    let site = Site::folder();
    let index = site.index_with("local", &[("a", "green tea")]).await;
    site.publish(&index).await;
    answering(&site.reader(&Time::default())).await;
    for path in files(&site.path("reader")).iter().filter(|path| path.extension().is_some_and(|e| e == "vectors")) {
        fs::write(path, vec![0; fs::metadata(path).unwrap().len() as usize]).unwrap();
    }
    assert_eq!(find(&site.reader(&Time::default()), "tea").await, ["a#0"]);
}
