//! Publishes a collection: the tests kill it on the way.
//!
//! usage: `publish_once ROOT COLLECTION PLACE SCRATCH ID`

use docent_core::Timestamp;
use docent_index::remote::{Access, Generations, Place, Publication, Store};
use docent_index::{EmbeddedIndex, Settings};
use std::io::Write;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, collection, place, scratch, id] = arguments.as_slice() else { panic!("five arguments") };
    let index = EmbeddedIndex::open(root.into(), Settings::default());
    let store = Store::connect(Place::parse(place).expect("a place"), &Access::default()).expect("a store");
    let publication = Publication { id: id.clone(), created_at: Timestamp::from_millis(0) };
    let generations = Generations::new(store, scratch.into());
    let published = generations.publish(&index, collection, &publication).await.expect("published");
    writeln!(std::io::stdout(), "{}", published.generation).expect("an open pipe");
}
