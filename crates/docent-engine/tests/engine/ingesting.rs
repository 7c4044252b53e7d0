//! What becomes of files.

use crate::house::{House, parser};
use docent_core::{IngestOutcome, SearchMode};
use docent_engine::ErrorKind;
use docent_engine::answer::Search;
use docent_engine::deletes::DeleteOptions;
use docent_testkit::provider::ScriptedGenerator;
use std::path::PathBuf;

fn house() -> House {
    House::new(ScriptedGenerator::quoting_the_best_passage())
}

async fn found(house: &House, words: &str) -> Vec<String> {
    let search = Search {
        collection: "default".to_owned(),
        text: words.to_owned(),
        mode: SearchMode::Bm25,
        limit: 10,
        filter: None,
    };
    let hits = house.engine.search(&search).await.expect("searched").hits;
    hits.into_iter().map(|hit| hit.chunk.text).collect()
}

#[tokio::test]
async fn files_are_added_left_alone_and_replaced() {
    let house = house();
    house.write("a.txt", "Otters live in rivers.");
    house.write("b/b.txt", "Badgers live in setts.");
    let (first, reports) = house.ingest().await;
    assert_eq!((first.added, first.unchanged, first.chunks), (2, 0, 2));
    assert_eq!(reports[1].file, "docs/b/b.txt");

    let (second, _) = house.ingest().await;
    assert_eq!((second.added, second.unchanged), (0, 2));
    assert_eq!(second.generation, first.generation, "nothing was committed");

    house.write("a.txt", "Otters live in the sea.");
    let (third, _) = house.ingest().await;
    assert_eq!((third.updated, third.unchanged), (1, 1));
    assert_ne!(third.generation, first.generation);
    assert_eq!(found(&house, "otters").await, ["Otters live in the sea."], "the old words are gone");
}

#[tokio::test]
async fn a_bad_file_costs_one_file() {
    let house = house();
    house.write("bad.txt", "REFUSE me");
    house.write("blank.txt", " \n ");
    house.write("good.txt", "Otters live in rivers.");
    let (summary, reports) = house.ingest().await;
    assert_eq!((summary.added, summary.refused), (1, 2));
    assert_eq!(reports[0].reason.as_deref(), Some("corrupt: it says so itself"));
    assert_eq!(reports[1].reason.as_deref(), Some("no_text: no words were found in it"));

    let missing = [PathBuf::from("no/such/file.txt")];
    let mut reasons = Vec::new();
    let mut tell = |event| {
        if let docent_engine::ingest::IngestEvent::Done(report) = event {
            reasons.push(report.reason.expect("refused"));
        }
    };
    house.engine.ingest("default", &missing, parser(), &mut tell).await.expect("the run goes on");
    assert_eq!(reasons, ["unreadable: no/such/file.txt: there is no such file or folder"]);
}

#[tokio::test]
async fn a_changed_file_that_cannot_be_read_keeps_its_earlier_version() {
    let house = house();
    house.write("a.txt", "Otters live in rivers.");
    house.ingest().await;
    house.write("a.txt", "REFUSE me");
    let (_, reports) = house.ingest().await;
    assert_eq!(reports[0].outcome, IngestOutcome::Refused);
    assert_eq!(reports[0].warnings, ["the version taken in earlier stays searchable"]);
    assert_eq!(found(&house, "otters").await.len(), 1);
}

#[tokio::test]
async fn documents_are_deleted_by_id_path_or_name() {
    let house = house();
    let path = house.write("a.txt", "Otters live in rivers.");
    house.write("b.txt", "Badgers live in setts.");
    house.write("c.txt", "Voles live in banks.");
    let (_, reports) = house.ingest().await;
    for wanted in [path.to_str().expect("plain"), "docs/b.txt", &reports[2].document_id] {
        let deleted = house.engine.delete("default", wanted, DeleteOptions::default()).await.expect("deleted").index;
        assert_eq!((deleted.documents.len(), deleted.chunks), (1, 1), "{wanted}");
    }
    assert!(found(&house, "otters badgers voles live").await.is_empty());
    let error = house.engine.delete("default", "docs/b.txt", DeleteOptions::default()).await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let nowhere = house.engine.delete("attic", "docs/b.txt", DeleteOptions::default()).await;
    let error = nowhere.expect_err("no such collection");
    assert_eq!(error.to_string(), "there is no collection `attic`");
}

#[tokio::test]
async fn many_small_files_are_committed_in_batches() {
    let house = house();
    for n in 0..1_500 {
        house.write(&format!("{n:04}.txt"), &format!("Note {n} is about topic{n}."));
    }
    let (summary, reports) = house.ingest().await;
    assert_eq!((summary.added, summary.chunks, reports.len()), (1_500, 1_500, 1_500));
    assert_eq!(found(&house, "topic1234").await, ["Note 1234 is about topic1234."]);
}
