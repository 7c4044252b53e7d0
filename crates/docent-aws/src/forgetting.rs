//! Answers that were made from documents which are deleted: which they are, and how they are marked or erased.
//!
//! Nothing lists answers by document, so a delete reads the whole table, as `expire` does. That is a request for every
//! megabyte of it, and right for what is rare. An answer is replaced on the condition that it is still the one that was read.
//! A trace is emptied by an update, so that the worker, which may not remove items, can do it.

use crate::expressions;
use crate::item::{self, Item, is_query_id};
use crate::packing::{self, Packed};
use crate::store::{DynamoQueryStore, TRACE, id_of, trace_id};
use crate::table::{Changed, Filter, Part};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use docent_core::query::{QueryRequest, names_document};
use docent_engine::{Error, Result};
use std::collections::{BTreeSet, HashSet};

/// What is read of an item.
const WORDS: &str = "query_id, #request, answer, #trace";
/// How often a change is tried again when somebody else changes the same answer.
const ATTEMPTS: usize = 10;

impl DynamoQueryStore {
    /// Queries of a collection whose answers or traces name one of these documents (none: any).
    pub(crate) async fn answers_naming(&self, collection: &str, documents: Option<&[String]>) -> Result<Vec<String>> {
        let documents: Option<HashSet<&str>> = documents.map(|ids| ids.iter().map(String::as_str).collect());
        let filter = Filter::new("attribute_exists(answer) OR attribute_exists(#trace)", []);
        let (mut found, mut by_trace, mut next) = (BTreeSet::new(), BTreeSet::new(), None);
        loop {
            let Part { items, next: more } = self.table.scan(&filter, WORDS, next).await?;
            for item in items.iter().filter(|item| is_named(item, documents.as_ref())) {
                let id = id_of(item).unwrap_or_default();
                match id.strip_prefix(TRACE) {
                    Some(id) => drop(by_trace.insert(id.to_owned())),
                    None if in_collection(item, collection) => drop(found.insert(id)),
                    None => {}
                }
            }
            next = more;
            if next.is_none() {
                break;
            }
        }
        // A trace does not say which collection it is of.
        for id in by_trace {
            if !found.contains(&id)
                && let Some(item) = self.table.get(&id, Some("#request")).await?
                && in_collection(&item, collection)
            {
                found.insert(id);
            }
        }
        Ok(found.into_iter().collect())
    }

    pub(crate) async fn change_answer(&self, id: &str, documents: Option<&[String]>, erase: bool) -> Result<bool> {
        if !is_query_id(id) {
            return Ok(false);
        }
        if erase {
            self.table.change(&trace_id(id), &expressions::empty_trace(), ReturnValue::None).await?;
        }
        for _ in 0..ATTEMPTS {
            let Some(item) = self.table.get(id, None).await? else { return Ok(false) };
            let Some(before) = item.get("answer").cloned() else { return Ok(false) };
            let Some(mut answer) = self.decode(&item)?.answer else { return Ok(false) };
            if !answer.forget(documents, erase) {
                return Ok(false);
            }
            let attributes = item::answered(&answer, room(item))?.ok_or_else(too_large)?;
            let change = expressions::replace_answer(before, attributes);
            if let Changed::Yes(_) = self.table.change(id, &change, ReturnValue::None).await? {
                return Ok(true);
            }
        }
        Err(Error::unavailable("an answer is being changed by others").hint("repeat the delete"))
    }
}

/// Bytes that an answer may take beside the rest of its item.
fn room(mut item: Item) -> usize {
    for attribute in ["answer", "answer_text", "sources"] {
        item.remove(attribute);
    }
    packing::room(&item)
}

fn is_named(item: &Item, documents: Option<&HashSet<&str>>) -> bool {
    let Some(documents) = documents else { return true };
    // What cannot be read is looked at again when it is changed, and reported there.
    let names = |value: &AttributeValue| {
        Packed::try_from(value).and_then(Packed::text).map_or(true, |text| names_document(&text, documents))
    };
    ["answer", "trace"].iter().filter_map(|name| item.get(*name)).any(names)
}

fn in_collection(item: &Item, collection: &str) -> bool {
    let request = item.get("request").and_then(|value| value.as_s().ok());
    let request = request.and_then(|json| serde_json::from_str::<QueryRequest>(json).ok());
    request.is_some_and(|request| request.collection == collection)
}

fn too_large() -> Error {
    Error::internal("an answer has no room in the query table for the mark of a deleted document")
        .hint("delete with --erase (?erase=true), or delete the question")
}
