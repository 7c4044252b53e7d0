//! A collection that is made anew beside itself: the switch, the way back, and that deletes reach all of it.
#![expect(clippy::unwrap_used, reason = "outside of #[test] functions, which may")]

use docent_core::SearchMode;
use docent_engine::ErrorKind;
use docent_engine::ports::{ChunkIndex, IndexDocument, IndexProfile, NewEdition, StoredDocument};
use docent_index::{EmbeddedIndex, Remains, Settings};
use docent_testkit::chunk_index::{document, found, leaning, profile, question};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn open(root: &Path) -> EmbeddedIndex {
    EmbeddedIndex::open(root.to_owned(), Settings::default())
}

/// A model of the same dimension, whose vectors nobody could tell apart.
fn other() -> IndexProfile {
    let mut profile = profile();
    profile.embedding.name = "test/other".to_owned();
    profile
}

fn tea(id: &str) -> IndexDocument {
    document(id, &[&format!("the tea of {id}"), "more tea"], &leaning(1, 0.5))
}

async fn collection(root: &Path, ids: &[&str]) -> EmbeddedIndex {
    let index = open(root);
    index.open_or_create("c", &profile()).await.unwrap();
    index.upsert("c", ids.iter().map(|id| tea(id)).collect()).await.unwrap();
    index
}

async fn generation(index: &EmbeddedIndex) -> String {
    index.collection("c").await.unwrap().unwrap().generation
}

/// The documents as the other model makes them.
fn made_anew(stored: Vec<StoredDocument>) -> Vec<IndexDocument> {
    let anew = |one: StoredDocument| IndexDocument {
        vectors: vec![leaning(2, 0.5); one.chunks.len()],
        document: one.document,
        pages: one.pages,
        chunks: one.chunks,
        model: other().embedding.name,
    };
    stored.into_iter().map(anew).collect()
}

async fn carry_over(edition: &dyn NewEdition, ids: &[&str]) {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let stored = edition.stored(&ids).await.unwrap();
    edition.store(made_anew(stored)).await.unwrap();
}

/// A collection of three documents that was switched to the other model.
async fn switched(root: &Path) -> EmbeddedIndex {
    let index = collection(root, &["alder", "birch", "cedar"]).await;
    let edition = index.new_edition("c", &other()).await.unwrap();
    carry_over(&*edition, &["alder", "birch", "cedar"]).await;
    edition.take_over(&generation(&index).await).await.unwrap().unwrap();
    index
}

async fn remains(root: &Path, id: &str) -> Vec<Remains> {
    open(root).remains("c", id, &[format!("the tea of {id}")]).await.unwrap()
}

async fn is_gone(root: &Path, id: &str) -> bool {
    remains(root, id).await.iter().all(Remains::is_gone)
}

async fn delete(index: &EmbeddedIndex, id: &str) -> usize {
    index.delete("c", &[id.to_owned()]).await.unwrap().rewritten.len()
}

#[tokio::test]
async fn it_takes_over_in_one_step_and_others_notice() {
    let folder = tempfile::tempdir().unwrap();
    let index = collection(folder.path(), &["alder", "birch"]).await;
    let reader = open(folder.path());
    let before = reader.collection("c").await.unwrap().unwrap();
    let pages = reader.pages("c", "birch", &[0, 1]).await.unwrap();

    let edition = index.new_edition("c", &other()).await.unwrap();
    let stored = edition.stored(&["birch".to_owned(), "nobody".to_owned()]).await.unwrap();
    let as_it_was = tea("birch");
    assert_eq!((stored.len(), &stored[0].chunks, &stored[0].pages), (1, &as_it_was.chunks, &as_it_was.pages));
    carry_over(&*edition, &["alder", "birch"]).await;
    assert_eq!(reader.collection("c").await.unwrap().unwrap(), before, "nobody sees it before");

    let after = edition.take_over(&before.generation).await.unwrap().unwrap();
    assert!(after.generation.starts_with("gen_2_"), "the count goes on: {}", after.generation);
    assert_eq!((after.documents, after.chunks, &after.profile), (2, 4, &other()));
    assert_eq!(reader.collection("c").await.unwrap().unwrap(), after);
    assert_eq!(reader.pages("c", "birch", &[0, 1]).await.unwrap(), pages);
    let hits = found(&reader, "c", &question(SearchMode::Dense, "", leaning(2, 0.5))).await;
    assert_eq!(hits.len(), 4);
    drop(edition);
    let previous = reader.previous_edition("c").await.unwrap().unwrap();
    assert_eq!((previous.profile, previous.generation), (before.profile, before.generation));

    // Back is the same with the profile of the previous one.
    let back = reader.new_edition("c", &profile()).await.unwrap();
    assert_eq!(back.documents().await.unwrap().len(), 2, "all of it is there");
    let after = back.take_over(&generation(&index).await).await.unwrap().unwrap();
    assert!(after.generation.starts_with("gen_3_") && after.profile == profile(), "{after:?}");
    assert_eq!(index.collection("c").await.unwrap().unwrap(), after);
}

#[tokio::test]
async fn it_does_not_take_over_what_has_changed_or_what_it_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let index = collection(folder.path(), &["alder", "birch"]).await;
    let edition = index.new_edition("c", &other()).await.unwrap();
    carry_over(&*edition, &["alder"]).await;
    let generation = generation(&index).await;
    let refusal = edition.take_over(&generation).await.unwrap_err();
    assert!(refusal.to_string().contains("has 1 documents and 2 chunks and not 2 documents"), "{refusal}");
    carry_over(&*edition, &["birch"]).await;
    open(folder.path()).upsert("c", vec![tea("d")]).await.unwrap();
    assert_eq!(edition.take_over(&generation).await.unwrap(), None);
    assert_eq!(index.collection("c").await.unwrap().unwrap().profile, profile());
}

#[tokio::test]
async fn vectors_of_the_old_model_do_not_get_into_the_new_edition() {
    let folder = tempfile::tempdir().unwrap();
    let late = collection(folder.path(), &[]).await;
    switched(folder.path()).await;
    let refusal = late.upsert("c", vec![tea("d")]).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
    assert!(refusal.to_string().contains("was made with the embedding model test/other"), "{refusal}");
    assert_eq!(late.open_or_create("c", &profile()).await.unwrap_err().kind(), ErrorKind::Invalid);
}

/// It opened the old edition, and waits for the lock of its writers when the new one takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_waited_meanwhile_writes_to_the_new_edition() {
    let folder = tempfile::tempdir().unwrap();
    let index = collection(folder.path(), &["alder", "birch", "cedar"]).await;
    let edition = index.new_edition("c", &other()).await.unwrap();
    carry_over(&*edition, &["alder", "birch", "cedar"]).await;
    let before = generation(&index).await;
    let writers = (0..4).map(|n| {
        let root = folder.path().to_owned();
        tokio::spawn(async move {
            let id = format!("new{n}");
            let mut anew = tea(&id);
            anew.model = other().embedding.name;
            // Refused as long as the old edition answers.
            while open(&root).upsert("c", vec![anew.clone()]).await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    edition.take_over(&before).await.unwrap().unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(index.collection("c").await.unwrap().unwrap().documents, 7);
    assert_eq!(index.previous_edition("c").await.unwrap().unwrap().documents, 3);
}

#[tokio::test]
async fn a_delete_reaches_the_edition_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let index = switched(folder.path()).await;
    let found = remains(folder.path(), "birch").await;
    let editions: Vec<_> = found.iter().map(|one| (one.edition, one.living)).collect();
    assert_eq!(editions, [(None, 5), (Some("previous"), 5)]);
    assert_eq!(delete(&index, "birch").await, 2, "a segment of each");
    assert!(is_gone(folder.path(), "birch").await);
    assert_eq!(index.previous_edition("c").await.unwrap().unwrap().documents, 2);
}

#[tokio::test]
async fn a_delete_reaches_an_edition_that_is_being_made() {
    let folder = tempfile::tempdir().unwrap();
    let index = collection(folder.path(), &["alder", "birch", "cedar"]).await;
    let edition = index.new_edition("c", &other()).await.unwrap();
    carry_over(&*edition, &["alder"]).await;
    let read_before = edition.stored(&["alder".to_owned(), "birch".to_owned()]).await.unwrap();
    assert_eq!(remains(folder.path(), "alder").await[1].edition, Some("unfinished"));
    let elsewhere = open(folder.path());
    for id in ["alder", "birch"] {
        delete(&elsewhere, id).await;
    }
    assert!(is_gone(folder.path(), "alder").await);
    // What had been read before the delete is stored after it, and so is a newer document of that id.
    elsewhere.upsert("c", vec![document("birch", &["another birch"], &leaning(1, 0.5))]).await.unwrap();
    edition.store(made_anew(read_before)).await.unwrap();
    assert!(edition.documents().await.unwrap().is_empty(), "neither comes back");
    assert!(is_gone(folder.path(), "alder").await);
}

#[tokio::test]
async fn what_an_interrupted_run_has_left_is_gone_on_with_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let index = collection(folder.path(), &["alder", "birch"]).await;
    let edition = index.new_edition("c", &other()).await.unwrap();
    carry_over(&*edition, &["alder"]).await;
    let refusal = open(folder.path()).new_edition("c", &other()).await.err().unwrap();
    assert_eq!(refusal.kind(), ErrorKind::Conflict, "one at a time");
    assert_eq!(index.delete_collection("c").await.unwrap_err().kind(), ErrorKind::Conflict);
    drop(edition);

    let again = open(folder.path()).new_edition("c", &other()).await.unwrap();
    assert_eq!(again.documents().await.unwrap().len(), 1);
    drop(again);
    let mut third = other();
    third.chunk_tokens += 1;
    let third = index.new_edition("c", &third).await.unwrap();
    assert!(third.documents().await.unwrap().is_empty());
    assert!(!folder.path().join("c/edition-2").exists(), "of another profile");
    drop(third);
    assert!(index.forget_editions("c").await.unwrap().is_some());
    assert_eq!(index.forget_editions("c").await.unwrap(), None);
    assert_eq!(index.collection("c").await.unwrap().unwrap().documents, 2);
}

#[tokio::test]
async fn forgetting_leaves_no_byte_of_the_previous_edition() {
    let folder = tempfile::tempdir().unwrap();
    let index = switched(folder.path()).await;
    assert!(index.forget_editions("c").await.unwrap().unwrap() > 1_000);
    assert_eq!(index.previous_edition("c").await.unwrap(), None);
    assert_eq!(remains(folder.path(), "alder").await.len(), 1);
    let left: Vec<_> =
        std::fs::read_dir(folder.path().join("c")).unwrap().map(|one| one.unwrap().file_name()).collect();
    let plain: Vec<_> = left.iter().filter(|name| !name.to_string_lossy().starts_with('.')).collect();
    assert_eq!(plain.len(), 2, "the pointer and the edition: {left:?}");
    // And on from there.
    let edition = index.new_edition("c", &profile()).await.unwrap();
    assert!(edition.documents().await.unwrap().is_empty());
    drop(edition);
    assert!(index.delete_collection("c").await.unwrap());
    assert!(!folder.path().join("c").exists());
}

/// A process that died while it removed an edition.
#[tokio::test]
async fn an_edition_that_was_removed_halfway_is_found_and_goes_with_the_next_delete() {
    let folder = tempfile::tempdir().unwrap();
    let index = switched(folder.path()).await;
    for (left, at) in [("c", "c/meta.json"), ("c/edition-9", "c/edition-9/nothing")] {
        std::fs::create_dir_all(folder.path().join(left)).unwrap();
        std::fs::write(folder.path().join(at), "").unwrap();
        std::fs::remove_file(folder.path().join(at)).unwrap();
    }
    std::fs::write(folder.path().join("c/edition-9/0123456789abcdef0123456789abcdef.store"), "of a").unwrap();
    let found = remains(folder.path(), "nobody").await;
    assert!(found[0].is_gone() && !found[1].is_gone() && !found[2].is_gone(), "{found:?}");
    delete(&index, "nobody").await;
    assert!(is_gone(folder.path(), "nobody").await);
    assert_eq!(index.collection("c").await.unwrap().unwrap().documents, 3);
}

/// A kept edition that cannot be read must not let a delete say that it is done.
#[tokio::test]
async fn a_damaged_edition_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let index = switched(folder.path()).await;
    std::fs::write(folder.path().join("c/meta.json"), "{").unwrap();
    let refusal = index.delete("c", &["alder".to_owned()]).await.unwrap_err();
    assert!(refusal.to_string().contains("but not from another edition"), "{refusal}");
    assert!(refusal.hint_text().unwrap().contains("--forget-previous"));
    assert_eq!(index.document("c", "alder").await.unwrap(), None);
    index.forget_editions("c").await.unwrap().unwrap();
    delete(&index, "alder").await;
    assert!(is_gone(folder.path(), "alder").await);
}

#[tokio::test]
async fn there_is_nothing_to_make_anew_of_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let index: Arc<dyn ChunkIndex> = Arc::new(open(folder.path()));
    assert_eq!(index.new_edition("c", &other()).await.err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(index.forget_editions("c").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(index.previous_edition("c").await.unwrap(), None);
    assert!(!folder.path().join("c").exists());
}
