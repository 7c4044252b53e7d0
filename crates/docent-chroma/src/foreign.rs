//! A collection that somebody else made, read as it is: by LangChain in most cases.
//!
//! LangChain keeps a text in each record and, in the metadata, what its loader knew: `source` (a path), `page` (from 0).
//! Each record is a chunk here, and its text is its own page: quotes are checked against what is stored, and nothing
//! else is. A `source` is a document; a record without one is a document of its own. A chunk's place is the place of
//! its record among those of its source, in the order in which they were written.
//!
//! Nothing says which model made the vectors, and vectors of two models may well have the same length. So before the
//! first search a stored text is embedded and compared with its stored vector.

use crate::client::Client;
use crate::place::{Foreign, STORE};
use crate::reading::hit;
use crate::wire::{Include, QueryBody, Record, Selection};
use docent_core::filter::Condition;
use docent_core::{Chunk, Document, Format, Page, SearchMode, Timestamp};
use docent_engine::ports::{Collection, Embedder, EmbeddingModel, IndexProfile, SearchRequest, SearchResponse};
use docent_engine::vectors::{Fields, clause, condition, dense_only, same_dimension};
use docent_engine::{Error, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Least cosine of a stored vector and the one that the same model makes of the same text today.
const SAME_MODEL: f32 = 0.9;
/// Records looked through for one with a text to compare.
const SAMPLES: usize = 20;
/// What a filter may name here; anything else is not recorded.
const KEYS: &str = "in a collection that docent did not make, a filter may name document_id (the `source`) and page";

/// What a filter names, in LangChain's words.
const FIELDS: Fields =
    Fields { name: |key| if key == "document_id" { "source" } else { "page" }, page_offset: 1, ..Fields::PLAIN };

/// What is known of the records of one source.
#[derive(Default)]
struct Source {
    records: u32,
    pages: BTreeSet<u32>,
}

impl Foreign {
    /// The collection at a glance; `documents` is counted by [`Self::count_documents`].
    pub(crate) fn describe(&self, chunks: u64, documents: u64, embedder: Option<&dyn Embedder>) -> Collection {
        let (name, generation) = (self.name.clone(), self.generation(chunks));
        Collection { name, generation, profile: self.profile(embedder), documents, chunks, bytes: None }
    }

    /// There are no commits to name; the number of records at least tells that something came or went.
    fn generation(&self, chunks: u64) -> String {
        format!("foreign_{chunks}_{}", self.id.split('-').next().unwrap_or_default())
    }

    /// What is configured, where the length of the vectors does not speak against it; a search then makes sure.
    fn profile(&self, embedder: Option<&dyn Embedder>) -> IndexProfile {
        let dimension = self.dimension.unwrap_or_default();
        let fits = embedder.map(Embedder::model).filter(|model| dimension == model.dimension || dimension == 0);
        let unknown = || EmbeddingModel { name: format!("unrecorded ({dimension} dimensions)"), dimension };
        IndexProfile {
            embedding: fits.cloned().unwrap_or_else(unknown),
            chunk_tokens: 0,
            chunk_overlap: 0,
            chunking: "not docent's".to_owned(),
        }
    }

    /// Sources in it, by reading all of its metadata.
    pub(crate) async fn count_documents(&self, client: &Client) -> Result<u64> {
        Ok(self.sources(client, &Selection::everything()).await?.len() as u64)
    }

    async fn sources(&self, client: &Client, selection: &Selection) -> Result<BTreeMap<String, Source>> {
        let mut sources: BTreeMap<String, Source> = BTreeMap::new();
        for record in client.get(&self.id, selection, &[Include::Metadatas]).await? {
            let source = sources.entry(source(&record).to_owned()).or_default();
            source.records += 1;
            source.pages.extend(page(&record));
        }
        Ok(sources)
    }

    pub(crate) async fn documents(&self, client: &Client, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        let all = self.sources(client, &Selection::everything()).await?;
        let behind = all.into_iter().filter(|(id, _)| after.is_none_or(|after| id.as_str() > after));
        Ok(behind.take(limit).map(|(id, source)| document(id, &source)).collect())
    }

    pub(crate) async fn document(&self, client: &Client, id: &str) -> Result<Option<Document>> {
        for selection in [from_source(id), Selection::ids(vec![id.to_owned()])] {
            let mut found = self.sources(client, &selection).await?;
            if let Some(source) = found.remove(id) {
                return Ok(Some(document(id.to_owned(), &source)));
            }
        }
        Ok(None)
    }

    pub(crate) async fn pages(&self, client: &Client, id: &str, places: &[u32]) -> Result<Vec<(u32, Page)>> {
        let mut found = Vec::new();
        for place in places {
            let mut record = self.nth(client, &from_source(id), *place).await?;
            if record.is_none() && *place == 0 {
                record = self.nth(client, &Selection::ids(vec![id.to_owned()]), 0).await?;
            }
            found.extend(record.map(|record| (*place, whole_page(record))));
        }
        Ok(found)
    }

    async fn nth(&self, client: &Client, selection: &Selection, place: u32) -> Result<Option<Record>> {
        let include = [Include::Documents, Include::Metadatas];
        Ok(client.get_part(&self.id, selection, &include, place as usize, 1).await?.pop())
    }

    pub(crate) async fn search(&self, client: &Client, request: &SearchRequest) -> Result<SearchResponse> {
        dense_only(&self.name, STORE, request.mode)?;
        let condition = condition(request.filter.as_ref())?;
        check_keys(&condition)?;
        let chunks = client.count(&self.id).await?;
        let mut hits = Vec::new();
        if chunks > 0 && request.limit > 0 && condition != Condition::Nothing {
            self.check_dimension(request.vector.len())?;
            let found = self.nearest(client, request, &condition).await?;
            let places = self.places(client, &found).await?;
            for record in found {
                let place = places.get(&record.id).copied().unwrap_or_default();
                hits.push(hit(record, self.space, |record| Ok(chunk(record, place)))?);
            }
        }
        Ok(SearchResponse { hits, generation: self.generation(chunks), mode: SearchMode::Dense })
    }

    fn check_dimension(&self, found: usize) -> Result<()> {
        let wanted = self.dimension.unwrap_or(found);
        same_dimension(&self.name, wanted, found)
    }

    async fn nearest(&self, client: &Client, request: &SearchRequest, condition: &Condition) -> Result<Vec<Record>> {
        let condition = clause(condition, FIELDS);
        let body = QueryBody {
            query_embeddings: [&request.vector],
            n_results: request.limit,
            condition: condition.as_ref(),
            include: &[Include::Distances, Include::Documents, Include::Metadatas],
        };
        client.query(&self.id, &body).await
    }

    /// The place of each of these records among those of its source.
    async fn places(&self, client: &Client, found: &[Record]) -> Result<BTreeMap<String, u32>> {
        let sources: BTreeSet<&str> = found.iter().filter_map(|record| record.word("source")).collect();
        let mut places = BTreeMap::new();
        for source in sources {
            let records = client.get(&self.id, &from_source(source), &[]).await?;
            places.extend((0..).zip(records).map(|(place, record)| (record.id, place)));
        }
        Ok(places)
    }

    /// Refuses an embedder whose vectors have nothing to do with the stored ones: a search would find anything at all.
    pub(crate) async fn check_model(&self, client: &Client, embedder: &dyn Embedder) -> Result<()> {
        let include = [Include::Documents, Include::Embeddings];
        let records = client.get_part(&self.id, &Selection::everything(), &include, 0, SAMPLES).await?;
        let speaking = |record: Record| Some((record.text.filter(|text| !text.trim().is_empty())?, record.vector?));
        let Some((text, stored)) = records.into_iter().find_map(speaking) else { return Ok(()) };
        let made = embedder.embed(&[text]).await?;
        if made.first().is_some_and(|made| cosine(made, &stored) >= SAME_MODEL) {
            return Ok(());
        }
        let (name, model) = (&self.name, &embedder.model().name);
        Err(Error::invalid(format!("the vectors of collection {name:?} were not made by the embedding model {model}"))
            .hint("configure the model they were made with, for example DOCENT_EMBEDDER=openai and OPENAI_EMBEDDING_MODEL=text-embedding-ada-002"))
    }
}

fn from_source(source: &str) -> Selection {
    Selection::those(json!({ "source": source }))
}

fn source(record: &Record) -> &str {
    record.word("source").unwrap_or(&record.id)
}

/// LangChain counts pages from 0.
fn page(record: &Record) -> Option<u32> {
    record.number("page")?.checked_add(1)
}

fn whole_page(record: Record) -> Page {
    Page { number: page(&record), heading_path: Vec::new(), text: record.text.unwrap_or_default() }
}

fn chunk(record: Record, place: u32) -> Chunk {
    let source = source(&record).to_owned();
    let (filename, page) = (filename(&source), page(&record));
    let title = record.word("title").filter(|title| !title.trim().is_empty()).unwrap_or(&filename).to_owned();
    let text = record.text.unwrap_or_default();
    Chunk {
        id: record.id,
        document_id: source,
        filename,
        title,
        ordinal: place,
        page_index: place,
        page,
        heading_path: Vec::new(),
        start_char: 0,
        end_char: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
        text,
    }
}

/// A path of the machine that wrote it is nobody's business: of an absolute one, the last part is shown.
fn filename(source: &str) -> String {
    let absolute = source.starts_with('/') || source.get(1..3).is_some_and(|drive| drive == ":\\" || drive == ":/");
    let last = || source.rsplit(['/', '\\']).next().filter(|last| !last.is_empty());
    let shown = if absolute { last().unwrap_or(source) } else { source };
    shown.to_owned()
}

fn document(id: String, source: &Source) -> Document {
    let filename = filename(&id);
    let extension = filename.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    let format = match extension.as_deref() {
        Some("pdf") => Format::Pdf,
        Some("md" | "markdown") => Format::Markdown,
        Some("html" | "htm") => Format::Html,
        _ => Format::Text,
    };
    Document {
        id,
        title: filename.clone(),
        filename,
        format,
        content_hash: String::new(),
        bytes: 0,
        pages: u32::try_from(source.pages.len()).unwrap_or(u32::MAX),
        characters: 0,
        chunks: source.records,
        unreadable_pages: Vec::new(),
        warnings: vec!["stored by another program, which did not record the rest".to_owned()],
        ingested_at: Timestamp::from_millis(0),
        source: None,
        source_version: None,
        ocr: None,
    }
}

fn check_keys(condition: &Condition) -> Result<()> {
    match condition {
        Condition::Text { key, .. } if *key != "document_id" => {
            Err(Error::invalid(format!("{key:?} is not recorded there")).hint(KEYS))
        }
        Condition::All(parts) | Condition::Any(parts) => parts.iter().try_for_each(check_keys),
        _ => Ok(()),
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_machine_are_not_shown() {
        for (source, shown) in [
            ("src/data/guide.pdf", "src/data/guide.pdf"),
            ("/me/src/data/guide.pdf", "guide.pdf"),
            ("C:\\data\\guide.pdf", "guide.pdf"),
            ("https://example.com/a", "https://example.com/a"),
            ("/", "/"),
        ] {
            assert_eq!(filename(source), shown);
        }
    }
}
