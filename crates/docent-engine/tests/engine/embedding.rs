//! What is embedded, and what is not embedded twice.

use crate::house::{House, parser};
use docent_engine::ingest::IngestSummary;
use docent_testkit::provider::ScriptedGenerator;
use futures::stream;

fn house() -> House {
    House::new(ScriptedGenerator::quoting_the_best_passage())
}

/// As many paragraphs, each a chunk of its own.
fn paragraphs(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word} ").repeat(150) + "\n\n").collect()
}

/// Ingests the house's files and says how many texts were embedded for it.
async fn embedded(house: &House, collection: &str) -> (IngestSummary, usize) {
    let before = house.embedder.texts().len();
    let (summary, _) = house.ingest_into(collection).await;
    (summary, house.embedder.texts().len() - before)
}

#[tokio::test]
async fn only_what_changed_in_a_document_is_embedded() {
    let house = house();
    house.write("a.txt", &paragraphs(&["otter", "badger", "weasel", "marten"]));
    let (first, texts) = embedded(&house, "default").await;
    assert_eq!((first.chunks, texts), (4, 4));
    house.write("a.txt", &paragraphs(&["beaver", "otter", "badger", "stoat", "marten"]));
    let (second, texts) = embedded(&house, "default").await;
    assert_eq!((second.updated, second.chunks, texts), (1, 5, 2));
    assert!(house.embedder.texts()[4].contains("beaver") && house.embedder.texts()[5].contains("stoat"));
}

#[tokio::test]
async fn a_moved_document_and_one_for_another_collection_cost_nothing() {
    let house = house();
    let path = house.write("a.txt", &paragraphs(&["otter", "badger"]));
    embedded(&house, "default").await;
    house.write("deep/er/a.txt", &paragraphs(&["otter", "badger"]));
    std::fs::remove_file(path).expect("removed");
    let (moved, texts) = embedded(&house, "default").await;
    assert_eq!((moved.added, moved.chunks, texts), (1, 2, 0));
    let (other, texts) = embedded(&house, "other").await;
    assert_eq!((other.added, other.chunks, texts), (1, 2, 0));
}

#[tokio::test]
async fn a_text_that_stands_in_many_places_is_embedded_once() {
    let house = house();
    for folder in ["a", "b", "c"] {
        house.write(&format!("{folder}/terms.txt"), &paragraphs(&["warranty"]));
    }
    let (summary, texts) = embedded(&house, "default").await;
    assert_eq!((summary.added, summary.chunks, texts), (3, 3, 1));
}

#[tokio::test]
async fn what_was_deleted_is_forgotten() {
    let house = house();
    house.write("a.txt", &paragraphs(&["otter", "badger"]));
    embedded(&house, "default").await;
    let documents = house.engine.all_documents("default").await.expect("listed");
    house.engine.index.delete("default", &[documents[0].id.clone()]).await.expect("deleted");
    let (again, texts) = embedded(&house, "default").await;
    assert_eq!((again.added, texts), (1, 2));
}

#[tokio::test]
async fn a_collection_that_cannot_be_read_fails_no_ingest() {
    let house = house();
    let damaged = house.folder.path().join("index/damaged");
    std::fs::create_dir_all(&damaged).expect("made");
    std::fs::write(damaged.join("meta.json"), "{").expect("written");
    house.write("a.txt", &paragraphs(&["otter", "badger"]));
    let (summary, texts) = embedded(&house, "default").await;
    assert_eq!((summary.added, summary.refused, texts), (1, 0, 2));
    house.write("a.txt", &paragraphs(&["otter", "stoat"]));
    assert_eq!(embedded(&house, "default").await.1, 1, "what its own collection holds is found");
}

#[tokio::test]
async fn an_upload_learns_nothing_of_other_collections() {
    let house = house();
    house.write("a.txt", &paragraphs(&["otter"]));
    embedded(&house, "secret").await;
    let uploads = house.uploads(parser(), false);
    for (path, wanted) in [("a.txt", 1), ("deep/a.txt", 0)] {
        let before = house.embedder.texts().len();
        let body = stream::iter([Ok::<_, ()>(paragraphs(&["otter"]).into_bytes())]);
        uploads.accept("default", path, body).await.expect("accepted");
        assert!(uploads.take_up("w").await.expect("worked"));
        assert_eq!(house.embedder.texts().len() - before, wanted, "{path}");
    }
}
