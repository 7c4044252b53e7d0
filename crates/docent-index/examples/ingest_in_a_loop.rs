//! Stores documents until it is killed or cannot go on, and says so after each: the tests kill it.
//!
//! usage: `ingest_in_a_loop ROOT COLLECTION FIRST CHUNKS`, numbering documents from FIRST, each of CHUNKS chunks.

use docent_engine::ports::ChunkIndex;
use docent_index::{EmbeddedIndex, Settings};
use docent_testkit::chunk_index::{document, leaning, profile};
use std::io::Write;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, collection, first, chunks] = arguments.as_slice() else { panic!("four arguments") };
    let index = EmbeddedIndex::open(root.into(), Settings::default());
    index.open_or_create(collection, &profile()).await.expect("a collection");
    let texts: Vec<String> = (0..chunks.parse().expect("a number"))
        .map(|place: usize| format!("tea number {place} {}", distinct_words(place)))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for number in first.parse::<usize>().expect("a number").. {
        let own = document(&format!("doc{number:06}"), &texts, &leaning(1 + number % 7, 0.5));
        let shared = document("shared", &[&format!("version {number}")], &leaning(1, 0.5));
        let said = match index.upsert(collection, vec![own, shared]).await {
            Ok(_) => format!("stored {number}"),
            Err(error) => format!("{} {error}", error.kind().as_str()),
        };
        writeln!(std::io::stdout(), "{said}").expect("an open pipe");
        if !said.starts_with("stored") {
            return;
        }
    }
}

/// Words that no two places share, so that the files grow.
fn distinct_words(place: usize) -> String {
    (0..20).map(|word| format!("w{:x} ", (place * 20 + word).wrapping_mul(0x9E37_79B9))).collect()
}
