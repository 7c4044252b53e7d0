//! What stores of vectors have in common: those that rank by vectors alone, know no transaction over several requests,
//! and share one language of filters.
//!
//! Such a store writes a document's chunks under a *revision* of their own first; a record that names the revision makes
//! them count. A search drops what does not count, and [`counted`] asks again with room for what was dropped.
//! The order of the requests is each store's own, since each can do something else in one of them.

use crate::error::{Error, Result};
use crate::ports::{EmbeddingModel, IndexDocument, SearchResponse};
use docent_core::filter::{Condition, FILTER_KEYS};
use docent_core::{Filter, Hit, SearchMode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::pin::Pin;

/// The generation of an empty collection.
pub const FIRST_GENERATION: &str = "gen_0";
/// How often a change is made again because another process disturbed it.
pub const ATTEMPTS: usize = 4;
/// Hexadecimal digits of a revision.
const REVISION_DIGITS: usize = 24;
/// Digits of the hash in a generation's name.
const GENERATION_DIGITS: usize = 12;
/// How often a search is repeated because of chunks that do not count.
const ROUNDS_MAX: usize = 6;

/// Name of one content of one document: a hash over the content and the revision before. A document that returns to an
/// earlier content gets a new one, so a revision that was replaced never comes back; and an ingest that was killed and
/// is repeated writes the same records again.
///
/// # Errors
/// `Internal` if the content cannot be written as JSON.
pub fn revision(document: &IndexDocument, before: Option<&str>) -> Result<String> {
    // Neither the moment nor the vectors count: they may differ each time although nothing has changed.
    let IndexDocument { document, pages, chunks, .. } = document;
    let content = (&document.id, &document.content_hash, pages, chunks, before);
    let bytes = serde_json::to_vec(&content)
        .map_err(|cause| Error::internal("a document's content cannot be written").because(cause))?;
    Ok(blake3::hash(&bytes).to_hex()[..REVISION_DIGITS].to_owned())
}

/// The name of the state after a change: its number, and a hash over the name before and what has changed.
pub fn next_generation<'a>(before: &'a str, touched: impl Iterator<Item = &'a str>) -> String {
    let number: u64 = before.split('_').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    let mut hasher = blake3::Hasher::new();
    for part in std::iter::once(before).chain(touched) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    format!("gen_{}_{}", number + 1, &hasher.finalize().to_hex()[..GENERATION_DIGITS])
}

/// The documents by id, checked: as many vectors as chunks, of this model. The last of several with one id wins, as if
/// they had been stored one after the other.
///
/// # Errors
/// `Invalid` for vectors of another length, `Conflict` for those of another model, `Internal` for another number of them.
pub fn arriving(
    collection: &str,
    wanted: &EmbeddingModel,
    documents: Vec<IndexDocument>,
) -> Result<BTreeMap<String, IndexDocument>> {
    for IndexDocument { document, chunks, vectors, model, .. } in &documents {
        if chunks.len() != vectors.len() {
            let (id, chunks, vectors) = (&document.id, chunks.len(), vectors.len());
            return Err(Error::internal(format!("document {id} has {chunks} chunks and {vectors} vectors")));
        }
        vectors.iter().try_for_each(|vector| same_dimension(collection, wanted.dimension, vector.len()))?;
        if *model != wanted.name {
            let made = format!(
                "collection {collection:?} was made with the embedding model {}, not with {model}",
                wanted.name
            );
            return Err(Error::conflict(made).hint("it was made anew meanwhile; configure its model, then repeat"));
        }
    }
    Ok(documents.into_iter().map(|document| (document.document.id.clone(), document)).collect())
}

/// Refuses a vector that is not of the collection's length.
///
/// # Errors
/// `Invalid`.
pub fn same_dimension(collection: &str, wanted: usize, found: usize) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    Err(Error::invalid(format!("a vector has {found} dimensions, collection {collection:?} holds vectors of {wanted}"))
        .hint("use the embedding model the collection was made with"))
}

/// Refuses what only words can answer; `store` is the store's name.
///
/// # Errors
/// `Invalid`.
pub fn dense_only(collection: &str, store: &str, mode: SearchMode) -> Result<()> {
    if mode != SearchMode::Bm25 {
        return Ok(());
    }
    Err(Error::invalid(format!("collection {collection:?} is kept in {store}, which does not rank by words")).hint(
        "search by `dense` or `hybrid`, or keep an index of the words beside it (`words_index`) and ingest again",
    ))
}

/// The error of a change that other processes disturbed each time.
pub fn disturbed(collection: &str) -> Error {
    Error::conflict(format!("another process keeps changing the same documents of collection {collection:?}"))
        .hint("wait until it is done, then repeat")
}

/// What a filter means.
///
/// # Errors
/// `Invalid` for a key that does not exist or a value of the wrong kind.
pub fn condition(filter: Option<&Filter>) -> Result<Condition> {
    let understood = filter.map_or(Ok(Condition::Everything), Filter::condition);
    understood.map_err(|message| Error::invalid(message).hint(format!("a filter may name {}", FILTER_KEYS.join(", "))))
}

/// What a field is called in a store, and how it keeps a text of it.
#[derive(Clone, Copy)]
pub struct Fields {
    /// The name of a field.
    pub name: fn(&'static str) -> &'static str,
    /// The value that is kept of a text.
    pub text: fn(&str) -> String,
    /// What is counted down from a page number.
    pub page_offset: u32,
}

impl Fields {
    /// Everything as it is here.
    pub const PLAIN: Self = Self { name: |key| key, text: str::to_owned, page_offset: 0 };
}

/// A condition in the language that these stores share (`$in`, `$nin`, `$gte`, `$lte`, `$and`, `$or`); nothing where
/// every record meets it. [`Condition::Nothing`] is not to be asked for at all.
pub fn clause(condition: &Condition, fields: Fields) -> Option<Value> {
    let page = |page: u32| i64::from(page) - i64::from(fields.page_offset);
    let all = |parts: &[Condition]| -> Vec<Value> { parts.iter().filter_map(|part| clause(part, fields)).collect() };
    let operator = |among: bool| if among { "$in" } else { "$nin" };
    Some(match condition {
        Condition::Everything | Condition::Nothing => return None,
        Condition::Text { key, values, among } => {
            let values: Vec<String> = values.iter().map(|value| (fields.text)(value)).collect();
            json!({ (fields.name)(key): {operator(*among): values} })
        }
        Condition::Pages { values, among } => {
            let values: Vec<i64> = values.iter().copied().map(page).collect();
            json!({ (fields.name)("page"): {operator(*among): values} })
        }
        Condition::Range { least, most } => json!({"$and": [
            {(fields.name)("page"): {"$gte": page(*least)}},
            {(fields.name)("page"): {"$lte": page(*most)}},
        ]}),
        Condition::All(parts) => json!({"$and": all(parts)}),
        Condition::Any(parts) => json!({"$or": all(parts)}),
    })
}

/// What one look into a store found.
pub struct Look {
    /// Chunks that the store returned.
    pub returned: usize,
    /// Those of them that count, nearest first.
    pub hits: Vec<Hit>,
    /// The state of the collection.
    pub generation: String,
}

/// A look on its way.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Result<Look>> + Send + 'a>>;

/// The nearest chunks that count. Chunks of a document that is being replaced or removed, or that a killed ingest left
/// behind, do not: `look` is then asked once more, with room for them, but never for more than `most`.
///
/// # Errors
/// Those of `look`.
pub async fn counted<'a>(
    limit: usize,
    most: usize,
    look: impl Fn(usize) -> Looking<'a> + Send + Sync,
) -> Result<SearchResponse> {
    let (mut wanted, mut dropped_before) = (limit.min(most), 0);
    let mut found = look(wanted).await?;
    for _ in 1..ROUNDS_MAX {
        let dropped = found.returned - found.hits.len();
        // Seen twice, and nothing else is there: these are leftovers, not a change that is under way.
        let settled = found.returned < wanted && dropped == dropped_before;
        let more = limit.saturating_add(2 * dropped).min(most);
        if dropped == 0 || found.hits.len() >= limit || settled || (more <= wanted && wanted == most) {
            break;
        }
        (wanted, dropped_before) = (more, dropped);
        found = look(wanted).await?;
    }
    found.hits.truncate(limit);
    Ok(SearchResponse { hits: found.hits, generation: found.generation, mode: SearchMode::Dense })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_in_the_stores_language() {
        for (filter, expected) in [
            (json!({"type": "eq", "key": "title", "value": "a"}), json!({"title": {"$in": ["a"]}})),
            (json!({"type": "ne", "key": "page", "value": 3}), json!({"page": {"$nin": [3]}})),
            (
                json!({"type": "gt", "key": "page", "value": 3}),
                json!({"$and": [{"page": {"$gte": 4}}, {"page": {"$lte": 4_294_967_295_u32}}]}),
            ),
            (
                json!({"type": "or", "filters": [
                    {"type": "nin", "key": "format", "value": ["pdf"]}, {"type": "eq", "key": "document_id", "value": "d"}]}),
                json!({"$or": [{"format": {"$nin": ["pdf"]}}, {"document_id": {"$in": ["d"]}}]}),
            ),
        ] {
            let understood = serde_json::from_value::<Filter>(filter.clone()).unwrap().condition().unwrap();
            assert_eq!(clause(&understood, Fields::PLAIN), Some(expected), "{filter}");
        }
    }

    #[test]
    fn generations_count_up_and_differ_by_what_was_touched() {
        let first = next_generation(FIRST_GENERATION, ["a"].into_iter());
        assert!(first.starts_with("gen_1_"), "{first}");
        assert_ne!(first, next_generation(FIRST_GENERATION, ["b"].into_iter()));
        assert!(next_generation(&first, ["a"].into_iter()).starts_with("gen_2_"));
    }
}
