//! What travels, who wins, and what a death leaves behind.
#![expect(clippy::unwrap_used, reason = "outside of #[test] functions, which may")]

use crate::site::{Site, TEA, Time, answering, find, publication, put};
use docent_engine::ErrorKind;
use docent_engine::ports::ChunkIndex;
use docent_testkit::chunk_index::profile;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_new_travels() {
    for site in Site::all() {
        let index = site.index_with("local", &[("a", "green tea"), ("b", "black tea")]).await;
        let first = site.publish(&index).await;
        assert!(first.is_new && first.parent.is_none());
        assert_eq!((first.documents, first.chunks, first.files_sent), (2, 2, first.files));
        let again = site.publish(&index).await;
        assert_eq!((again.is_new, again.generation.as_str(), again.files_sent), (false, first.generation.as_str(), 0));
        put(&index, &[("c", "white tea")]).await;
        let second = site.publish(&index).await;
        assert!(second.is_new && second.files_sent < second.files && second.bytes_sent < second.bytes);
        assert_eq!((second.parent.as_ref(), second.documents), (Some(&first.generation), 3));
        assert_eq!(site.found_afresh("tea").await, ["a#0", "b#0", "c#0"]);

        let listed = site.generations().list(TEA).await.unwrap();
        let shown: Vec<_> = listed.iter().map(|one| (one.generation.as_str(), one.is_live, one.documents)).collect();
        assert_eq!(shown, [(second.generation.as_str(), true, 3), (first.generation.as_str(), false, 2)]);
        assert_eq!(listed[0].bytes_own, second.bytes_sent);
    }
}

#[tokio::test]
async fn a_deleted_documents_text_does_not_travel() {
    let site = Site::folder();
    let index = site.index_with("local", &[("a", "green tea"), ("b", "unspeakable words")]).await;
    index.delete(TEA, &["b".to_owned()]).await.unwrap();
    site.publish(&index).await;
    assert_eq!(site.generations().list(TEA).await.unwrap()[0].deleted_records, 0);
    assert_eq!(find(&index, "tea").await, ["a#0"], "the folder was written anew and still answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_publishers_at_once_one_wins_and_the_others_hear_of_it() {
    const PUBLISHERS: usize = 8;
    for site in Site::all() {
        let base = site.index_with("base", &[("base", "tea")]).await;
        site.publish(&base).await;
        let mut indexes = Vec::new();
        for number in 0..PUBLISHERS {
            indexes.push(site.index_with(&format!("local{number}"), &[(&format!("d{number}"), "tea")]).await);
        }
        let publish = |index| {
            let generations = site.generations();
            tokio::spawn(async move { generations.publish(&index, TEA, &publication()).await })
        };
        let attempts: Vec<_> = indexes.into_iter().map(publish).collect();
        let (mut won, mut lost) = (Vec::new(), 0);
        for attempt in attempts {
            match attempt.await.unwrap() {
                Ok(published) => won.push(published.generation),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                    assert_eq!(
                        error.to_string(),
                        "somebody else changed the generations of collection \"tea\" meanwhile"
                    );
                    assert!(error.hint_text().unwrap().contains("docent generations list"));
                    lost += 1;
                }
            }
        }
        assert!(!won.is_empty() && lost > 0, "{won:?}");
        let listed = site.generations().list(TEA).await.unwrap();
        assert_eq!(listed.len(), 1 + won.len());
        for generation in won {
            site.generations().rollback(TEA, &generation).await.unwrap();
            assert_eq!(site.found_afresh("tea").await.len(), 1, "nothing of it was lost");
        }
        let purged = site.generations().purge(TEA, 1, &publication()).await.unwrap();
        assert_eq!(purged.abandoned, lost);
    }
}

/// The example of this crate, which cargo builds beside the tests.
fn publisher() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("examples").join("publish_once");
    assert!(built.is_file(), "build the crate's examples first");
    built
}

#[tokio::test]
async fn a_publisher_that_is_killed_leaves_a_whole_generation_live() {
    let site = Site::folder();
    let index = site.index_with("local", &[("d0", "tea")]).await;
    site.publish(&index).await;
    let mut live = 1;
    for round in 1..=16 {
        put(&index, &[(&format!("d{round}"), "tea")]).await;
        let mut child = Command::new(publisher())
            .arg(site.path("local"))
            .args([TEA, site.place()])
            .arg(site.path("scratch"))
            .arg(format!("killed-{round}"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(3 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = site.count_afresh().await;
        assert!(found == live || found == 1 + round as usize, "round {round}: {found}");
        live = found;
    }
    site.publish(&index).await;
    assert_eq!(site.count_afresh().await, 17);
    site.generations().purge(TEA, 1, &publication()).await.unwrap();
    let objects = crate::purging::files(&site.objects());
    let listed = site.generations().list(TEA).await.unwrap();
    assert_eq!(listed.len(), 1);
    let again = site.publish(&index).await;
    // The pointer, its lock, the manifest and the files: nothing of those that were killed.
    let staged = |path: &&PathBuf| path.to_string_lossy().contains('#');
    assert_eq!(objects.iter().filter(|path| !staged(path)).count(), 3 + again.files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_that_was_live_becomes_live_again() {
    for site in Site::all() {
        let index = site.index_with("local", &[("a", "green tea")]).await;
        let first = site.publish(&index).await.generation;
        put(&index, &[("a", "black tea"), ("b", "white tea")]).await;
        let second = site.publish(&index).await.generation;
        let time = Time::default();
        let reader = site.reader(&time);
        assert_eq!(answering(&reader).await, second);

        let diff = site.generations().diff(TEA, &first, &second).await.unwrap();
        let names = |documents: &[docent_index::remote::NamedDocument]| {
            documents.iter().map(|document| document.filename.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (names(&diff.added), names(&diff.changed), names(&diff.removed)),
            (vec!["b.pdf".to_owned()], vec!["a.pdf".to_owned()], vec![])
        );

        let back = site.generations().rollback(TEA, &first).await.unwrap();
        assert!(back.is_live && back.generation == first);
        time.pass(Duration::from_secs(61));
        assert_eq!(answering(&reader).await, first);
        assert_eq!(find(&reader, "tea").await, ["a#0"]);
        let listed = site.generations().list(TEA).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.is_live).collect::<Vec<_>>(), [false, true]);

        // Forth again, under a name of its own, as the first upload may be purged at any time.
        let third = site.publish(&index).await;
        assert_eq!(third.generation, format!("{second}-2"));
        assert_eq!(site.found_afresh("tea").await, ["a#0", "b#0"]);

        let error = site.generations().rollback(TEA, "gen_9").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.hint_text().unwrap().contains("docent generations list"));
    }
}

#[tokio::test]
async fn a_collection_of_another_model_is_another_generation() {
    let site = Site::folder();
    let index = site.index_with("local", &[("a", "green tea")]).await;
    site.publish(&index).await;
    let time = Time::default();
    let reader = site.reader(&time);
    answering(&reader).await;
    let anew = site.index("anew");
    let mut other = profile();
    other.embedding.name = "test/other-model".to_owned();
    anew.open_or_create(TEA, &other).await.unwrap();
    site.publish(&anew).await;
    time.pass(Duration::from_secs(61));
    assert_eq!(reader.document(TEA, "a").await.unwrap(), None);
    let collection = reader.collection(TEA).await.unwrap().unwrap();
    assert_eq!(collection.profile.embedding.name, "test/other-model", "the engine refuses to ask it with our model");
}
