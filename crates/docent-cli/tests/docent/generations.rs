//! Published, read elsewhere, compared, taken back, purged.

use crate::terminal::{Ran, Terminal};
use docent_testkit::ministack::Ministack;
use std::time::Duration;

const LEAVE: &str = "# Leave\n\nEverybody has 25 days of annual leave.\n";
const TRAVEL: &str = "# Travel\n\nThe hotel limit in Bern is CHF 265 per night.\n";

/// A place in the terminal's folder.
fn with_store(terminal: Terminal) -> (Terminal, String) {
    let place = format!("file://{}", terminal.path("store").display());
    (terminal, place)
}

fn published() -> (Terminal, String) {
    let (terminal, place) = with_store(Terminal::new().file("leave.md", LEAVE).file("travel.md", TRAVEL));
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    terminal.docent(&["publish", &place]).succeeded();
    (terminal, place)
}

/// Names of the generations, the newest first.
fn names(terminal: &Terminal, place: &str) -> Vec<String> {
    let listed = terminal.docent(&["generations", "list", "--index", place, "--json"]).json_lines();
    listed.iter().map(|one| one["generation"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn from_publishing_to_purging() {
    let (terminal, place) = with_store(Terminal::new().file("leave.md", LEAVE).file("travel.md", TRAVEL));
    let docent = |arguments: &[&str]| terminal.docent(arguments);
    let words = |words: &str| docent(&["search", words, "--mode", "bm25", "--index", &place]).succeeded().to_owned();
    docent(&["ingest", "leave.md"]).succeeded();
    assert!(docent(&["publish", &place]).succeeded().starts_with("  published  gen_1_"));
    assert!(docent(&["publish", &place]).succeeded().starts_with("  unchanged  gen_1_"));
    docent(&["delete", "leave.md"]).succeeded();
    docent(&["ingest", "travel.md"]).succeeded();
    assert!(docent(&["publish", "--index", &place]).succeeded().starts_with("  published  gen_3_"));
    assert!(words("hotel").contains("CHF 265") && !words("leave").contains("25 days"));

    let names = names(&terminal, &place);
    let list = docent(&["generations", "list", "--index", &place]);
    assert_eq!(list.succeeded().lines().filter(|line| line.contains("  live  ")).count(), 1);
    let diff = docent(&["generations", "diff", &names[1], &names[0], "--index", &place]);
    assert_eq!(diff.succeeded(), "    added  travel.md\n  removed  leave.md\n");
    docent(&["generations", "rollback", &names[1], "--index", &place]).succeeded();
    assert!(words("leave").contains("25 days"));
    docent(&["generations", "rollback", &names[0], "--index", &place]).succeeded();
    assert!(docent(&["generations", "purge", "--index", &place]).succeeded().contains("     gone  leave.md\n"));
    let ran = docent(&["generations", "rollback", &names[1], "--index", &place]);
    refused(&ran, 1, "has no generation", "docent generations list");
}

/// It failed with this status, said this, and said what to do.
#[track_caller]
fn refused(ran: &Ran, status: i32, said: &str, hint: &str) {
    assert_eq!(ran.status, Some(status), "{}", ran.transcript());
    let (error, told) = ran.stderr.split_once("hint: ").unwrap_or_else(|| panic!("{}", ran.transcript()));
    assert!(error.contains(said) && told.contains(hint), "{}", ran.transcript());
}

#[test]
fn an_answer_from_what_was_published() {
    let (terminal, place) = published();
    let here = terminal.docent(&["collections", "--json"]).json();
    let terminal = terminal.with("DOCENT_INDEX", &place);
    let answer = terminal.docent(&["ask", "How many days of annual leave are there?", "--json"]);
    answer.succeeded();
    let answer = answer.json();
    assert_eq!((&answer["outcome"], &answer["generation"]), (&"answered".into(), &here["generation"]));
    assert_eq!(answer["citations"][0]["filename"], "leave.md");
}

#[test]
fn what_cannot_be_done() {
    let (terminal, place) = published();
    let docent = |arguments: &[&str]| terminal.docent(arguments);
    refused(&docent(&["ingest", "travel.md", "--index", &place]), 2, "is read-only", "docent publish");
    refused(&docent(&["delete", "leave.md", "--index", &place]), 2, "is read-only", "docent publish");
    refused(&docent(&["publish"]), 2, "it is not said where", "--index s3://BUCKET/PREFIX");
    refused(&docent(&["publish", "ftp://somewhere"]), 2, "is no place for generations", "s3://BUCKET/PREFIX");
    refused(&docent(&["publish", &place, "-c", "people"]), 1, "there is no collection", "docent ingest PATH");
    refused(&docent(&["generations", "list"]), 2, "it is not said where", "--index s3://BUCKET/PREFIX");
    refused(&docent(&["generations", "list", "--index", &place, "-c", "people"]), 1, "no collection", "docent publish");
    assert_eq!(docent(&["generations", "purge", "--keep", "0", "--index", &place]).status, Some(2));
    let (empty, nowhere) = with_store(Terminal::new());
    let ran = empty.docent(&["search", "leave", "--mode", "bm25", "--index", &nowhere]);
    refused(&ran, 1, "no generation has been published at", "docent publish");
    let server = Terminal::new().with("CHROMA_URL", "http://127.0.0.1:9");
    refused(&server.docent(&["publish", &place]), 2, "on the Chroma server", "--index FOLDER");
    let other = terminal.with("DOCENT_EMBEDDER", "openai");
    refused(
        &other.docent(&["search", "leave", "--index", &place]),
        2,
        "made with the embedding model",
        "configure that model",
    );
}

#[test]
fn over_s3() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Ministack::start(folder.path()) else { return };
    server.make_bucket("docs");
    let mut terminal = Terminal::new().file("leave.md", LEAVE).file("travel.md", TRAVEL);
    for (name, value) in server.variables() {
        terminal = terminal.with(&name, &value);
    }
    let place = "s3://docs/handbook";
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    terminal.docent(&["publish", place]).succeeded();
    assert!(terminal.docent(&["search", "leave", "--index", place]).succeeded().contains("25 days"));

    // Killed at any moment, the old generation or the new one is live, whole.
    terminal.docent(&["ingest", "travel.md"]).succeeded();
    for round in 0..6 {
        let mut killed = terminal.start(&["publish", place]);
        std::thread::sleep(Duration::from_millis(15 * round));
        killed.kill().expect("killed");
        killed.wait().expect("ended");
        assert!(terminal.docent(&["search", "leave", "--index", place]).succeeded().contains("25 days"));
    }
    terminal.docent(&["publish", place]).succeeded();
    assert!(terminal.docent(&["search", "hotel", "--index", place]).succeeded().contains("CHF 265"));
    let purged = terminal.docent(&["generations", "purge", "--index", place, "--json"]);
    purged.succeeded();
    assert_eq!(names(&terminal, place).len(), 1);

    assert_eq!(terminal.docent(&["publish", "s3://no-such-bucket/x"]).status, Some(1));
    let unreachable = terminal.with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let ran = unreachable.docent(&["generations", "list", "--index", place]);
    assert_eq!(ran.status, Some(1), "{}", ran.transcript());
    assert!(
        ran.stderr.contains("cannot read from s3://docs/handbook") && ran.stderr.contains("hint: "),
        "{}",
        ran.stderr
    );
}
