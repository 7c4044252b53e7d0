//! Deletes that delete: the index's bytes, and what answers repeat of them.

use crate::snapshot;
use crate::terminal::{Ran, Terminal};
use serde_json::Value;

const LEAVE: &str = "# Leave\n\nEverybody has 25 days of annual leave.\n";
const TRAVEL: &str = "# Travel\n\nThe hotel limit in Bern is CHF 265 per night.\n";
const WORDS: &str = "days of annual leave";

fn people() -> Terminal {
    let terminal = Terminal::new().file("leave.md", LEAVE).file("travel.md", TRAVEL);
    terminal.docent(&["ingest", "leave.md", "travel.md"]).succeeded();
    terminal
}

fn id(terminal: &Terminal, name: &str) -> String {
    let documents = terminal.docent(&["documents", "--json"]).json_lines();
    let found = documents.iter().find(|one| one["filename"] == name).expect("there");
    found["id"].as_str().expect("an id").to_owned()
}

fn verify(terminal: &Terminal, id: &str) -> Ran {
    terminal.docent(&["verify-deleted", id, "--text", WORDS, "--json"])
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[test]
fn no_byte_is_left_and_that_can_be_proved() {
    let terminal = people();
    let leave = id(&terminal, "leave.md");
    let before = verify(&terminal, &leave);
    assert_eq!(before.status, Some(1), "{}", before.transcript());
    let found = before.json();
    assert_eq!((number(&found["living"]), number(&found["deleted"])), (3, 0), "a document, a page, a chunk");

    // The version that an update replaced is deleted text, too, and goes with the delete.
    terminal.write("leave.md", LEAVE.replace("25", "30"));
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    let receipt = terminal.docent(&["delete", "leave.md", "--json"]).json();
    assert_eq!(receipt["documents"], serde_json::json!([leave]));
    assert!(!receipt["rewritten"].as_array().expect("segments").is_empty(), "{receipt}");
    assert_ne!(receipt["removed_from"], receipt["generation"], "{receipt}");
    let after = verify(&terminal, &leave);
    after.succeeded();
    let found = after.json();
    assert!(number(&found["files"]) > 3 && number(&found["records"]) == 3, "only the other document is left: {found}");
    assert!(terminal.docent(&["search", "hotel", "--mode", "bm25"]).succeeded().contains("CHF 265"));
    let elsewhere = terminal.docent(&["verify-deleted", &leave, "--text", "CHF 265"]);
    assert_eq!(elsewhere.status, Some(1), "{}", elsewhere.transcript());
    assert!(elsewhere.stderr.contains("another document has them in its text"), "{}", elsewhere.transcript());
    snapshot!(terminal.docent(&["verify-deleted", "leave.md"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: `leave.md` is not the id of a document

    hint: `docent delete` shows the id: doc_ and 32 digits
    ");
}

#[test]
fn a_sync_that_removes_a_document_leaves_no_byte_either() {
    let terminal = Terminal::new().file("people/leave.md", LEAVE).file("people/travel.md", TRAVEL);
    terminal.docent(&["sync", "people"]).succeeded();
    let leave = id(&terminal, "people/leave.md");
    std::fs::remove_file(terminal.path("people/leave.md")).expect("removed");
    terminal.docent(&["sync", "people", "--allow-deletes"]).succeeded();
    verify(&terminal, &leave).succeeded();
}

#[test]
fn what_was_published_is_proved_generation_by_generation() {
    let terminal = people();
    let place = format!("file://{}", terminal.path("store").display());
    let leave = id(&terminal, "leave.md");
    terminal.docent(&["publish", &place]).succeeded();
    terminal.docent(&["delete", "leave.md"]).succeeded();
    terminal.docent(&["publish", &place]).succeeded();
    let published = ["verify-deleted", &leave, "--text", WORDS, "--index", &place, "--json"];
    let ran = terminal.docent(&published);
    assert_eq!(ran.status, Some(1), "the older generation has it: {}", ran.transcript());
    let living: Vec<_> = ran.json_lines().iter().map(|one| number(&one["living"])).collect();
    assert_eq!(living, [0, 3], "the newest first");
    assert!(ran.stderr.contains("docent generations purge"), "{}", ran.transcript());
    terminal.docent(&["generations", "purge", "--index", &place]).succeeded();
    terminal.docent(&published).succeeded();
}

/// Asks about leave; the id of the query.
fn asked(terminal: &Terminal) -> String {
    let query = terminal.docent(&["ask", "How many days of annual leave do we have?", "--json"]).json();
    assert_eq!(query["outcome"], "answered", "{query}");
    query["id"].as_str().expect("an id").to_owned()
}

#[test]
fn answers_that_cite_it_say_so() {
    let terminal = people();
    let query = asked(&terminal);
    let receipt = terminal.docent(&["delete", "leave.md", "--json"]).json();
    assert_eq!((&receipt["answers"], &receipt["answers_erased"]), (&1.into(), &false.into()), "{receipt}");
    assert_eq!((&receipt["text_in_files"], &receipt["uploads"]), (&"removed".into(), &0.into()), "{receipt}");
    let explained = terminal.docent(&["explain", &query, "--json"]).json();
    let citation = &explained["query"]["citations"][0];
    assert_eq!((&citation["filename"], &citation["source_deleted"]), (&"leave.md".into(), &true.into()));
    assert_eq!(explained["query"].get("answer_erased"), None);
    let shown = terminal.docent(&["explain", &query]);
    assert!(shown.succeeded().contains("Source deleted since: leave.md"), "{}", shown.transcript());
}

#[test]
fn answers_are_erased_if_wanted_and_the_question_stays() {
    let terminal = people();
    let query = asked(&terminal);
    snapshot!(terminal.docent(&["delete", "leave.md", "--erase"]), @r"
    exit 0
    --- stdout
      deleted  leave.md  1 chunk  doc_[ID]
               was in gen_[ID], is not in gen_[ID]
               1 answer made from it erased
    --- stderr
    ");
    let explained = terminal.docent(&["explain", &query, "--json"]).json();
    assert_eq!(explained["trace"], Value::Null);
    assert_eq!(explained["query"]["query"], "How many days of annual leave do we have?");
    assert_eq!(explained["query"]["answer"], "This answer was erased with a document that it was made from.");
    assert_eq!(
        (&explained["query"]["citations"], &explained["query"]["sources"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
    assert!(terminal.docent(&["explain", &query]).stderr.contains("were erased"));
    let left = std::fs::read(terminal.path("data/queries.sqlite")).expect("read");
    let words = b"25 days of annual leave";
    assert!(!left.windows(words.len()).any(|window| window == words), "the store of queries repeats the text");
}

#[test]
fn a_collection_takes_its_answers_along() {
    let terminal = people();
    let query = asked(&terminal);
    snapshot!(terminal.docent(&["delete", "--all", "--collection", "default", "--erase"]), @r"
    exit 0
    --- stdout
      deleted  collection default
               1 answer made from it erased
    --- stderr
    ");
    assert!(terminal.docent(&["explain", &query]).stderr.contains("were erased"));
}

#[test]
fn words_that_cannot_be_looked_for_are_refused() {
    let terminal = people();
    let id = id(&terminal, "leave.md");
    assert_eq!(terminal.docent(&["verify-deleted", &id, "--text", ""]).status, Some(2));
    let ran = terminal.docent(&["verify-deleted", &id, "--index", "http://127.0.0.1:9"]);
    assert_eq!(ran.status, Some(2), "{}", ran.transcript());
    assert!(ran.stderr.contains("cannot be looked into from here"), "{}", ran.transcript());
}
