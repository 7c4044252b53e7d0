//! Searches a collection and then tries to write to it: the tests run it where nothing can be written.
//!
//! usage: `search_once ROOT COLLECTION WORDS`

use docent_core::SearchMode;
use docent_engine::ports::ChunkIndex;
use docent_index::{EmbeddedIndex, Settings};
use docent_testkit::chunk_index::{document, found, leaning, question};
use std::io::Write;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, collection, words] = arguments.as_slice() else { panic!("three arguments") };
    let index = EmbeddedIndex::open(root.into(), Settings::default());
    let request = question(SearchMode::Hybrid, words, leaning(1, 0.5));
    let found = found(&index, collection, &request).await.join(" ");
    let stored = index.upsert(collection, vec![document("new", &["tea"], &leaning(1, 0.5))]).await;
    let refused = stored.expect_err("a refusal");
    writeln!(std::io::stdout(), "{found}\n{refused}").expect("an open pipe");
}
