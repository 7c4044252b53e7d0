//! The contract of a [`Source`]: what a sync relies on, whatever the files lie in.

use docent_core::RefusalKind;
use docent_engine::ports::{Source, Version};
use docent_engine::source::content_hash;
use std::sync::Arc;

/// A place that files are put into, empty at first.
pub trait Place {
    /// Puts a file there, or replaces it.
    fn put(&self, path: &str, content: &[u8]);

    /// Takes a file away.
    fn remove(&self, path: &str);

    /// The place as a source, under a name if there is one; `a` and `b` are two places, `b` stays empty.
    fn source(&self, place: &str, name: Option<&str>) -> Arc<dyn Source>;
}

/// Runs every check.
///
/// # Panics
/// When the source breaks the promise.
pub async fn contract(place: &impl Place) {
    everything_that_belongs_to_it_is_seen(place).await;
    a_look_at_some_places_sees_what_a_look_at_all_sees(place).await;
    a_name_makes_two_places_one_source(place).await;
    what_is_fetched_is_what_was_put(place).await;
    a_change_is_seen(place).await;
    patterns_that_cannot_be_right_stop_the_look(place).await;
}

async fn names(source: &dyn Source) -> Vec<String> {
    let seen = source.look(2).await.expect("seen");
    seen.files.into_iter().map(|seen| seen.file.filename.split_once('/').expect("a path").1.to_owned()).collect()
}

async fn everything_that_belongs_to_it_is_seen(place: &impl Place) {
    let files =
        ["b.md", "a/c.md", "a/b/with space é.md", "a/100%.md", "drafts/no.md", "a/no.tmp", ".hidden.md", "a/.git/x.md"];
    files.iter().for_each(|path| place.put(path, path.as_bytes()));
    place.put(".docentignore", b"drafts/\n*.tmp\n");
    let source = place.source("a", None);
    let mut found = names(&*source).await;
    found.sort();
    assert_eq!(found, ["a/100%.md", "a/b/with space é.md", "a/c.md", "b.md"]);
    assert!(names(&*place.source("b", None)).await.is_empty());
}

async fn a_look_at_some_places_sees_what_a_look_at_all_sees(place: &impl Place) {
    let paths = [
        "b.md",
        "a/c.md",
        "a/b/with space é.md",
        "a/100%.md",
        "drafts/no.md",
        "a/no.tmp",
        ".hidden.md",
        "a",
        "nowhere.md",
    ];
    let source = place.source("a", None);
    let all = source.look(2).await.expect("seen").files;
    let found = source.look_at(&paths.map(str::to_owned)).await.expect("seen");
    assert_eq!(found.len(), paths.len());
    for (path, place) in paths.iter().zip(&found) {
        let seen = all.iter().find(|seen| seen.file.document_id == place.file.document_id);
        assert_eq!(place.version.as_ref(), seen.map(|seen| &seen.version), "{path}");
        assert!(seen.is_none_or(|seen| seen.file == place.file), "{path}");
        assert_eq!(place.file.filename.split_once('/').map(|(_, below)| below), Some(*path));
        assert_eq!(place.bytes, if seen.is_some() { path.len() as u64 } else { 0 }, "{path}");
    }
    assert_eq!(found.iter().filter(|place| place.version.is_some()).count(), 4);
}

async fn ids(source: &dyn Source) -> Vec<String> {
    let seen = source.look(2).await.expect("seen");
    seen.files.into_iter().map(|seen| seen.file.document_id).collect()
}

async fn a_name_makes_two_places_one_source(place: &impl Place) {
    let (here, there) = (place.source("a", None), place.source("b", None));
    let (named, elsewhere) = (place.source("a", Some("manual")), place.source("b", Some("manual")));
    assert_ne!(here.id(), there.id());
    assert_eq!(named.id(), elsewhere.id());
    assert!(named.id().starts_with("src_") && named.id() != here.id());
    assert_eq!(ids(&*here).await, ids(&*place.source("a", None)).await);
    assert!(ids(&*here).await.iter().all(|id| id.starts_with("doc_")));
    assert_ne!(ids(&*here).await, ids(&*named).await);
}

async fn what_is_fetched_is_what_was_put(place: &impl Place) {
    let content = vec![b'x'; 300_000];
    place.put("large.md", &content);
    place.put("empty.md", b"");
    let source = place.source("a", None);
    let seen = source.look(2).await.expect("seen");
    for file in &seen.files {
        let is_empty = file.file.filename.ends_with("/empty.md");
        let fetched = match (&file.version, is_empty) {
            (Err(refusal), true) => {
                assert_eq!(refusal.kind, RefusalKind::Empty);
                continue;
            }
            (version, _) => {
                version.as_ref().expect("it can be taken in");
                source.fetch(file).await.expect("the source is well").expect("and so is the file")
            }
        };
        let (hash, length) = content_hash(&fetched.path).expect("it is here");
        assert_eq!((&fetched.content_hash, fetched.bytes), (&hash, length));
        match (file.version.as_ref().expect("as before"), &fetched.version) {
            (Version::Content(said, bytes), None) => assert_eq!((said, *bytes), (&hash, length)),
            (Version::Word(word), told) => assert_eq!(Some(word), told.as_ref(), "the look and the content agree"),
            (version, told) => panic!("{version:?} and {told:?}"),
        }
        if file.file.filename.ends_with("/large.md") {
            assert!(std::fs::read(&fetched.path).expect("read") == content);
        }
        let (path, is_copy) = (fetched.path, fetched.copy.is_some());
        drop(fetched.copy);
        assert_eq!(path.is_file(), !is_copy, "a copy goes, an original stays");
    }
    place.remove("empty.md");
}

async fn versions(source: &dyn Source) -> Vec<(String, Version)> {
    let seen = source.look(2).await.expect("seen").files.into_iter();
    seen.map(|seen| (seen.file.document_id, seen.version.expect("it can be taken in"))).collect()
}

async fn a_change_is_seen(place: &impl Place) {
    let source = place.source("a", None);
    let (before, stamp) = (versions(&*source).await, source.stamp().await.expect("a stamp"));
    assert_eq!((versions(&*source).await, source.stamp().await.expect("a stamp")), (before.clone(), stamp.clone()));
    place.put("b.md", b"another text");
    let (after, changed) = (versions(&*source).await, source.stamp().await.expect("a stamp"));
    let differ = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert_eq!((before.len(), differ), (after.len(), 1));
    assert_ne!(changed, stamp);
    place.remove("b.md");
    assert_eq!(versions(&*source).await.len(), before.len() - 1);
    assert_ne!(source.stamp().await.expect("a stamp"), changed);
}

async fn patterns_that_cannot_be_right_stop_the_look(place: &impl Place) {
    place.put(".docentignore", b"*.tmp\n[a-\n");
    let wrong = place.source("a", None).look(2).await.expect_err("a wrong pattern");
    assert!(wrong.to_string().contains(".docentignore line 2"), "{wrong}");
}
