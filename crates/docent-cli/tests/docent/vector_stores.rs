//! The program on a Chroma server, with its own collections and with one that LangChain filled; and on a vector bucket.

use crate::terminal::{Ran, Terminal};
use docent_engine::ports::Embedder;
use docent_models::local::LocalEmbedder;
use docent_testkit::chroma::ChromaServer;
use docent_testkit::ministack::REGION;
use docent_testkit::vector_bucket::{BUCKET_ARN, VectorBucket};
use serde_json::json;

const LEAVE: &str = "# Leave policy\n\n## Annual leave\n\nEverybody has 25 days of annual leave in a calendar year.\n\n\
                     ## Sick leave\n\nSick leave is paid in full for the first ten weeks.\n";

struct Place {
    server: ChromaServer,
    terminal: Terminal,
}

fn place() -> Option<Place> {
    let terminal = Terminal::new().file("handbook/leave.md", LEAVE);
    let server = ChromaServer::start(&terminal.path("home"))?;
    let terminal = terminal.with("CHROMA_URL", &server.url());
    Some(Place { server, terminal })
}

#[test]
fn documents_in_chroma_are_asked_changed_and_deleted() {
    let Some(Place { terminal, server: _server }) = place() else { return };
    are_asked_changed_and_deleted(&terminal);
}

/// Only a program that was built with what AWS offers can do this: in a build of the whole workspace it is.
#[test]
fn documents_in_a_vector_bucket_are_asked_changed_and_deleted() {
    let terminal = Terminal::new().file("handbook/leave.md", LEAVE).with("DOCENT_INDEX", BUCKET_ARN);
    let Some(bucket) = VectorBucket::start(&terminal.path("home")) else { return };
    let terminal = terminal
        .with("AWS_ENDPOINT_URL", &bucket.endpoint())
        .with("AWS_REGION", REGION)
        .with("AWS_ACCESS_KEY_ID", "key")
        .with("AWS_SECRET_ACCESS_KEY", "secret");
    let first = terminal.docent(&["collections"]);
    if first.stderr.contains("built without what AWS offers") {
        assert!(first.stderr.contains("--features aws"), "{}", first.transcript());
        println!("skipped: this program was built without what AWS offers");
        return;
    }
    are_asked_changed_and_deleted(&terminal);
}

fn are_asked_changed_and_deleted(terminal: &Terminal) {
    terminal.docent(&["ingest", "handbook"]).succeeded();
    let question = "How many days of annual leave do we have?";
    let answer = terminal.docent(&["ask", question, "--json"]).json();
    assert_eq!(answer["outcome"], "answered", "{answer}");
    assert_eq!(answer["citations"][0]["verification"], "verified", "{answer}");
    assert!(terminal.docent(&["explain", "last"]).succeeded().contains("Ranked by vectors alone"));
    assert_eq!(terminal.docent(&["search", "leave", "--json"]).json()["mode"], "dense");
    refused(&terminal.docent(&["search", "leave", "--mode", "bm25"]), &["does not rank by words", "words_index"]);

    // The same file costs nothing; a changed one is found as it is now.
    let again = terminal.docent(&["ingest", "handbook"]);
    assert!(again.succeeded().contains("unchanged") || again.stderr.contains("unchanged"), "{}", again.transcript());
    terminal.write("handbook/leave.md", LEAVE.replace("25 days", "30 days"));
    terminal.docent(&["ingest", "handbook"]).succeeded();
    let answer = terminal.docent(&["ask", question, "--json"]).json();
    assert!(answer["answer"].as_str().is_some_and(|text| text.contains("30 days")), "{answer}");

    let receipt = terminal.docent(&["delete", "handbook/leave.md", "--json"]).json();
    assert_eq!((&receipt["text_in_files"], &receipt["rewritten"]), (&json!("unknown"), &json!([])), "{receipt}");
    assert_eq!(receipt["answers"], 2, "{receipt}");
    let found = terminal.docent(&["search", "leave", "--json"]).json();
    assert_eq!(found["data"], json!([]), "{found}");
    let id = receipt["documents"][0].as_str().expect("an id");
    refused(&terminal.docent(&["verify-deleted", id]), &["cannot be looked into from here"]);
}

#[test]
fn with_an_index_of_the_words_both_count() {
    let Some(Place { terminal, server: _server }) = place() else { return };
    let terminal = terminal.with("DOCENT_WORDS_INDEX", "words");
    terminal.docent(&["ingest", "handbook"]).succeeded();
    let found = terminal.docent(&["search", "sick leave", "--json"]).json();
    assert_eq!(found["mode"], "hybrid");
    assert!(found["data"][0]["text"].as_str().is_some_and(|text| text.contains("ten weeks")), "{found}");
    let found = terminal.docent(&["search", "ten weeks", "--mode", "bm25", "--json"]).json();
    assert_eq!((&found["mode"], found["data"].as_array().map(Vec::len)), (&json!("bm25"), Some(1)));
}

#[tokio::test]
async fn what_langchain_stored_is_asked_without_ingesting_again() {
    let Some(Place { terminal, server }) = place() else { return };
    let texts = [
        "Trains are booked in second class.\nThe hotel limit in Bern is CHF 265 per night.",
        "Penetration tests are carried out by Quillmark Labs once a year.",
    ];
    let vectors = LocalEmbedder::bundled(None).embed(&texts.map(str::to_owned)).await.expect("vectors");
    server.python(
        "collection = client.get_or_create_collection('langchain', embedding_function=None)\n\
         metadatas = [{'source': '/build/src/data/travel.pdf', 'page': page, 'id': f'travel.pdf:{page}:0'} for page in (0, 4)]\n\
         collection.upsert(ids=[one['id'] for one in metadatas], metadatas=metadatas, **given)",
        &json!({"documents": texts, "embeddings": vectors}),
    );
    let terminal = terminal.with("DOCENT_COLLECTION", "langchain");
    let answer = terminal.docent(&["ask", "What is the hotel limit in Bern?", "--json"]).json();
    assert_eq!(answer["outcome"], "answered", "{answer}");
    let citation = &answer["citations"][0];
    assert_eq!(citation["filename"], "travel.pdf", "{citation}");
    assert_eq!(citation["start_page_number"], 1, "{citation}");
    assert_eq!(citation["verification"], "verified", "{citation}");
    assert_eq!(answer["sources"][0]["chunk_id"], "travel.pdf:0:0", "{answer}");
    assert!(terminal.docent(&["documents"]).succeeded().contains("travel.pdf"));
    for change in [["ingest", "handbook"], ["delete", "travel.pdf"]] {
        refused(
            &terminal.docent(&change),
            &["\"langchain\" was not made by docent", "hint: ingest into a collection of another"],
        );
    }
}

#[test]
fn a_store_that_cannot_be_used_says_what_to_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let table: [(&str, &str, &[&str]); 3] = [
        ("CHROMA_PATH", "/data/chroma", &["chroma run --path /data/chroma", "CHROMA_URL"]),
        ("CHROMA_URL", &nobody, &["the Chroma server cannot be reached", &nobody]),
        ("CHROMA_URL", "localhost:8000", &["`chroma_url` must be the address of a server", "environment CHROMA_URL"]),
    ];
    for (name, value, words) in table {
        refused(&Terminal::new().with(name, value).docent(&["collections"]), words);
    }
}

/// It failed, with these words.
#[track_caller]
fn refused(ran: &Ran, words: &[&str]) {
    assert_ne!(ran.status, Some(0), "{}", ran.transcript());
    for word in words {
        assert!(ran.stderr.contains(word), "no {word:?}: {}", ran.transcript());
    }
}
