//! What is read from a collection of ours: only what its documents' records vouch for.

use crate::client::Client;
use crate::place::{Ours, STORE, Space};
use crate::records::{self, STATE, Stored, TEXT_KEY, document_id, document_key, is_stored, key_name, page_key};
use crate::wire::{Include, QueryBody, Record, Selection};
use docent_core::filter::Condition;
use docent_core::{Document, Hit, Page};
use docent_engine::Result;
use docent_engine::embedding::TextKey;
use docent_engine::ports::{Collection, SearchRequest, SearchResponse};
use docent_engine::vectors::{FIRST_GENERATION, Fields, Look, clause, condition, counted, dense_only, same_dimension};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Texts that are looked for in one request.
const TEXTS_AT_ONCE: usize = 500;

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

    /// Vectors that are stored for these texts. Whether their chunks still count does not matter: a text keeps its vector.
    pub(crate) async fn vectors(&self, client: &Client, texts: &[TextKey]) -> Result<HashMap<TextKey, Vec<f32>>> {
        let mut found = HashMap::new();
        for part in texts.chunks(TEXTS_AT_ONCE) {
            let names: BTreeMap<String, TextKey> = part.iter().map(|text| (key_name(text), *text)).collect();
            let those = Selection::those(json!({TEXT_KEY: {"$in": names.keys().collect::<Vec<_>>()}}));
            for mut record in client.get(&self.chunks, &those, &[Include::Embeddings, Include::Metadatas]).await? {
                let text = record.word(TEXT_KEY).and_then(|name| names.get(name)).copied();
                found.extend(text.zip(record.vector.take()));
            }
        }
        Ok(found)
    }

    /// The nearest chunks that count. Chunks of a document that is being replaced or removed, or that a killed ingest
    /// left behind, do not: the search is then made once more, with room for them.
    pub(crate) async fn search(&self, client: &Client, request: &SearchRequest) -> Result<SearchResponse> {
        dense_only(&self.name, STORE, request.mode)?;
        same_dimension(&self.name, self.profile.embedding.dimension, request.vector.len())?;
        let condition = &condition(request.filter.as_ref())?;
        counted(request.limit, usize::MAX, move |wanted| Box::pin(self.look(client, request, condition, wanted))).await
    }

    async fn look(
        &self,
        client: &Client,
        request: &SearchRequest,
        condition: &Condition,
        wanted: usize,
    ) -> Result<Look> {
        let found = self.nearest(client, request, condition, wanted).await?;
        let (returned, records) = (found.len(), self.records_of(client, &found).await?);
        Ok(Look { returned, hits: counting(found, &records)?, generation: generation_of(&records) })
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
        let condition = clause(condition, Fields::PLAIN);
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
    state.and_then(|state| state.word("generation")).map_or_else(|| FIRST_GENERATION.to_owned(), str::to_owned)
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
