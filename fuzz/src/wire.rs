//! Bodies of requests, and what the stores keep as JSON: any text is read or refused, and what is read is written and read again
//! as the same.

use docent_core::query::{Query, QueryRequest};
use docent_core::{Answer, Document, Filter, ParsedDocument};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Reads the bytes as everything that comes as JSON.
pub fn run(data: &[u8]) {
    docent_api::fuzzing::read_as_every_request(data);
    same_again::<Query>(data);
    same_again::<QueryRequest>(data);
    same_again::<Answer>(data);
    same_again::<Document>(data);
    same_again::<ParsedDocument>(data);
    same_again::<Filter>(data);
}

fn same_again<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(read, again);
}
