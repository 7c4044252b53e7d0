//! What is read from a collection of ours: only what its documents' records vouch for.

use crate::client::Client;
use crate::place::{Ours, Space, same_dimension};
use crate::records::{self, STATE, Stored, document_id, document_key, is_stored, page_key};
use crate::wire::{Include, QueryBody, Record, Selection};
use docent_core::filter::{Condition, FILTER_KEYS};
use docent_core::{Document, Filter, Hit, Page, SearchMode};
use docent_engine::ports::{Collection, SearchRequest, SearchResponse};
use docent_engine::{Error, Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How often a search is repeated because of chunks that do not count.
const ROUNDS_MAX: usize = 6;

impl Ours {
    /// The collection at a glance. Chunks that a killed ingest left behind are counted too, until they are removed.
    pub(crate) async fn describe(&self, client: &Client) -> Result<Collection> {
        let (chunks, documents, generation) =
            tokio::try_join!(client.count(&self.chunks), self.count_documents(client), self.generation(client))?;
        let (name, profile) = (self.name.clone(), self.profile.clone());
        Ok(Collection { name, generation, profile, documents, chunks, bytes: None })
    }

    async fn count_documents(&self, client: &Client) -> Result<u64> {
        // All but the one that names the generation, which comes with the first commit.
        Ok(client.count(&self.documents).await?.saturating_sub(1))
    }

    pub(crate) async fn generation(&self, client: &Client) -> Result<String> {
        let state = Selection::ids(vec![STATE.to_owned()]);
        let found = client.get(&self.documents, &state, &[Include::Metadatas]).await?;
        Ok(generation_of(&found))
    }

    /// The records of these documents, as far as they are there.
    pub(crate) async fn stored(&self, client: &Client, ids: impl Iterator<Item = &str>) -> Result<Vec<Record>> {
        let keys = Selection::ids(ids.map(document_key).collect());
        let found = client.get(&self.documents, &keys, &[Include::Documents, Include::Metadatas]).await?;
        Ok(found.into_iter().filter(is_stored).collect())
    }

    pub(crate) async fn document(&self, client: &Client, id: &str) -> Result<Option<Stored>> {
        let found = self.stored(client, std::iter::once(id)).await?;
        found.first().map(Stored::read).transpose()
    }

    /// The server keeps no order by id, so all ids are read and a part of them chosen.
    pub(crate) async fn documents(&self, client: &Client, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        let stored = Selection::those(json!({"state": records::STORED}));
        let all = client.get(&self.documents, &stored, &[]).await?;
        let mut ids: Vec<&str> = all.iter().map(document_id).collect();
        ids.sort_unstable();
        let wanted = ids.into_iter().filter(|id| after.is_none_or(|after| *id > after)).take(limit);
        let found = self.stored(client, wanted).await?;
        let mut found = found.iter().map(|record| Ok(Stored::read(record)?.document)).collect::<Result<Vec<_>>>()?;
        found.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    pub(crate) async fn pages(&self, client: &Client, id: &str, places: &[u32]) -> Result<Vec<(u32, Page)>> {
        let Some(stored) = self.document(client, id).await? else { return Ok(Vec::new()) };
        let key = |place: u32| page_key(&stored.revision, place as usize);
        let keys = Selection::ids(places.iter().copied().map(key).collect::<BTreeSet<_>>().into_iter().collect());
        let found = client.get(&self.pages, &keys, &[Include::Documents]).await?;
        let found: BTreeMap<&str, &Record> = found.iter().map(|record| (record.id.as_str(), record)).collect();
        let page = |place: &u32| Some((*place, *found.get(key(*place).as_str())?));
        places.iter().filter_map(page).map(|(place, record)| Ok((place, records::page(record)?))).collect()
    }

    /// The nearest chunks that count. Chunks of a document that is being replaced or removed, or that a killed ingest
    /// left behind, do not: the search is then made once more, with room for them.
    pub(crate) async fn search(&self, client: &Client, request: &SearchRequest) -> Result<SearchResponse> {
        dense_only(&self.name, request.mode)?;
        same_dimension(&self.name, self.profile.embedding.dimension, request.vector.len())?;
        let condition = condition(request.filter.as_ref())?;
        let (mut wanted, mut hits, mut generation) = (request.limit, Vec::new(), String::new());
        let mut dropped_before = 0;
        for _ in 0..ROUNDS_MAX {
            let found = self.nearest(client, request, &condition, wanted).await?;
            let (returned, records) = (found.len(), self.records_of(client, &found).await?);
            generation = generation_of(&records);
            hits = counting(found, &records)?;
            let dropped = returned - hits.len();
            // Seen twice, and nothing else is there: these are leftovers, not a change that is under way.
            let settled = returned < wanted && dropped == dropped_before;
            if dropped == 0 || hits.len() >= request.limit || settled {
                break;
            }
            (wanted, dropped_before) = (request.limit + 2 * dropped, dropped);
        }
        hits.truncate(request.limit);
        Ok(SearchResponse { hits, generation, mode: SearchMode::Dense })
    }

    async fn nearest(
        &self,
        client: &Client,
        request: &SearchRequest,
        condition: &Condition,
        wanted: usize,
    ) -> Result<Vec<Record>> {
        if wanted == 0 || *condition == Condition::Nothing {
            return Ok(Vec::new());
        }
        let condition = clause(condition, |key| key, 0);
        let body = QueryBody {
            query_embeddings: [&request.vector],
            n_results: wanted,
            condition: condition.as_ref(),
            include: &[Include::Distances, Include::Documents, Include::Metadatas],
        };
        client.query(&self.chunks, &body).await
    }

    /// The records of the documents that these chunks belong to, and the one that names the generation, as of one moment.
    async fn records_of(&self, client: &Client, chunks: &[Record]) -> Result<Vec<Record>> {
        let ids: BTreeSet<&str> = chunks.iter().filter_map(|chunk| chunk.word("document_id")).collect();
        let keys = ids.into_iter().map(document_key).chain([STATE.to_owned()]);
        client.get(&self.documents, &Selection::ids(keys.collect()), &[Include::Metadatas]).await
    }
}

fn generation_of(records: &[Record]) -> String {
    let state = records.iter().find(|record| record.id == STATE);
    state.and_then(|state| state.word("generation")).map_or_else(|| crate::writing::FIRST.to_owned(), str::to_owned)
}

/// The chunks whose revision is the one that their document's record names.
fn counting(chunks: Vec<Record>, records: &[Record]) -> Result<Vec<Hit>> {
    let revisions: BTreeMap<&str, &str> = records
        .iter()
        .filter(|record| is_stored(record))
        .filter_map(|record| Some((document_id(record), record.word("revision")?)))
        .collect();
    let counts = |chunk: &Record| {
        let revision = chunk.word("document_id").and_then(|id| revisions.get(id));
        revision.is_some_and(|revision| chunk.word("revision") == Some(revision))
    };
    chunks.into_iter().filter(counts).map(|record| hit(record, Space::Cosine, records::chunk)).collect()
}

/// A found record as a hit.
pub(crate) fn hit(
    record: Record,
    space: Space,
    chunk: impl FnOnce(Record) -> Result<docent_core::Chunk>,
) -> Result<Hit> {
    let similarity = space.similarity(record.distance.unwrap_or(f32::MAX));
    Ok(Hit { chunk: chunk(record)?, score: similarity, bm25: None, dense: Some(similarity) })
}

/// Refuses what only words can answer.
pub(crate) fn dense_only(name: &str, mode: SearchMode) -> Result<()> {
    if mode != SearchMode::Bm25 {
        return Ok(());
    }
    Err(Error::invalid(format!("collection {name:?} is kept in Chroma, which does not rank by words")).hint(
        "search by `dense` or `hybrid`, or keep an index of the words beside it (`words_index`) and ingest again",
    ))
}

/// What a filter means.
pub(crate) fn condition(filter: Option<&Filter>) -> Result<Condition> {
    let understood = filter.map_or(Ok(Condition::Everything), Filter::condition);
    understood.map_err(|message| Error::invalid(message).hint(format!("a filter may name {}", FILTER_KEYS.join(", "))))
}

/// What a key is called in a collection.
pub(crate) type Named = fn(&'static str) -> &'static str;

/// A condition in Chroma's language, with the names that the keys have there and what is counted down from a page
/// number; nothing where every record meets it. [`Condition::Nothing`] is not asked for at all.
pub(crate) fn clause(condition: &Condition, name: Named, page_offset: u32) -> Option<Value> {
    let page = |page: u32| i64::from(page) - i64::from(page_offset);
    let all = |parts: &[Condition]| -> Vec<Value> {
        parts.iter().filter_map(|part| clause(part, name, page_offset)).collect()
    };
    Some(match condition {
        Condition::Everything | Condition::Nothing => return None,
        Condition::Text { key, values, among: true } => json!({ name(key): {"$in": values} }),
        Condition::Text { key, values, among: false } => json!({ name(key): {"$nin": values} }),
        Condition::Pages { values, among } => {
            let values: Vec<i64> = values.iter().copied().map(page).collect();
            let operator = if *among { "$in" } else { "$nin" };
            json!({ name("page"): {operator: values} })
        }
        Condition::Range { least, most } => json!({"$and": [
            {name("page"): {"$gte": page(*least)}},
            {name("page"): {"$lte": page(*most)}},
        ]}),
        Condition::All(parts) => json!({"$and": all(parts)}),
        Condition::Any(parts) => json!({"$or": all(parts)}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_in_the_servers_language() {
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
            assert_eq!(clause(&understood, |key| key, 0), Some(expected), "{filter}");
        }
    }
}
