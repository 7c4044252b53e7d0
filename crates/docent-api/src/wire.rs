//! Bodies of requests and responses.

mod jobs;
mod webhooks;

pub use jobs::{
    AnnounceUpload, JobBody, LastUploadBody, ReportBody, UploadAddressBody, UploadsBody, shown_job, stored_job,
};
pub use webhooks::{WebhookBody, WebhookEvent};

use docent_core::query::{Failure, Feedback, Query};
use docent_core::{
    Citation, Cost, Document, Filter, Hit, MicroDollars, Outcome, Page, QueryStatus, SearchMode, Source, Timestamp,
    Verification,
};
use docent_engine::ports::{Collection, SearchResponse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

/// A point in time as RFC 3339 in UTC, with milliseconds.
pub fn timestamp(at: Timestamp) -> String {
    let nanos = i128::from(at.as_millis()) * 1_000_000;
    let formatted = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|at| at.format(&Rfc3339).ok());
    formatted.unwrap_or_default()
}

/// A query's id as clients see it.
pub fn shown_id(id: &str) -> String {
    format!("qry_{id}")
}

/// A query's id as it is stored, from either form.
pub fn stored_id(id: &str) -> &str {
    id.strip_prefix("qry_").unwrap_or(id)
}

/// Asks a question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateQuery {
    /// The question, 1 to 2,000 characters.
    pub query: String,
    /// Where to look; the server's default if absent.
    pub collection: Option<String>,
    /// Which chunks count: `{"type": "eq", "key": "format", "value": "pdf"}` and so on.
    #[schema(value_type = Option<Object>)]
    pub filters: Option<Filter>,
    /// How many passages the answer may be made from, 1 to 50.
    pub top_k: Option<u32>,
    /// Who asks; `nobody` if absent.
    pub user_id: Option<String>,
    /// Wishes for tone and form.
    pub instructions: Option<String>,
    /// The query that this one follows.
    pub previous_query_id: Option<String>,
    /// Seconds to wait for the answer, 0 to 60.
    pub wait: Option<f64>,
    /// Labels of your own, returned as they are.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Where a signed `POST` goes when it has ended: an https address of a public host.
    pub webhook_url: Option<String>,
}

/// A query and, once it is completed, its answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueryBody {
    /// `qry_` and 32 hexadecimal digits that sort by creation.
    pub id: String,
    /// `query`.
    pub object: &'static str,
    /// `queued`, `in_progress`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    pub status: QueryStatus,
    /// `answered`, `partial` or `not_found`, once completed.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<Outcome>,
    /// The question.
    pub query: String,
    /// The answer, once completed.
    pub answer: Option<String>,
    /// True if the answer was erased with a document that it was made from; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub answer_erased: bool,
    /// Evidence for the answer.
    pub citations: Vec<CitationBody>,
    /// What the answer was made from; for `not_found` the nearest passages.
    pub sources: Vec<SourceBody>,
    /// Tokens spent.
    pub usage: Option<UsageBody>,
    /// What the answer cost, as an estimate.
    pub cost: Option<CostBody>,
    /// The index generation that was searched.
    pub generation: Option<String>,
    /// Who answered.
    pub model: Option<String>,
    /// Why it failed, once failed.
    pub error: Option<FailureBody>,
    /// Where it looks.
    pub collection: String,
    /// Who asked.
    pub user_id: String,
    /// Your labels.
    pub metadata: BTreeMap<String, String>,
    /// What the user thought of the answer.
    pub feedback: Option<FeedbackBody>,
    /// The query that this one follows.
    pub previous_query_id: Option<String>,
    /// How far its webhook is; null if none was asked for.
    pub webhook: Option<WebhookBody>,
    /// How often a worker took it up.
    pub attempt: u32,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, once terminal.
    pub completed_at: Option<String>,
}

/// Words that were found in the stored text of a document.
#[derive(Debug, Serialize, ToSchema)]
pub struct CitationBody {
    /// The document.
    pub document_id: String,
    /// Its path.
    pub filename: String,
    /// Its title.
    pub title: String,
    /// The chunk.
    pub chunk_id: String,
    /// Page of the first character, from 1; null where the format has none.
    pub start_page_number: Option<u32>,
    /// Page of the last character.
    pub end_page_number: Option<u32>,
    /// Place of the page (or section) in the document, from 1: `GET /v1/documents/{id}/pages/{place}` has its text.
    pub page_place: u32,
    /// Headings above.
    pub heading_path: Vec<String>,
    /// The words, as they stand there.
    pub cited_text: String,
    /// First character in the page's text.
    pub start_char_index: u32,
    /// One past the last.
    pub end_char_index: u32,
    /// First character of the answer that this backs.
    pub answer_start_index: u32,
    /// One past the last.
    pub answer_end_index: u32,
    /// `verified` (word for word) or `repaired` (nearly; these are the page's words).
    #[schema(value_type = String)]
    pub verification: Verification,
    /// True if the document has been deleted since; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub source_deleted: bool,
}

/// A retrieved chunk.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceBody {
    /// The chunk.
    pub chunk_id: String,
    /// The document.
    pub document_id: String,
    /// Its path.
    pub filename: String,
    /// Its title.
    pub title: String,
    /// Page, from 1; null where the format has none.
    pub page_number: Option<u32>,
    /// Headings above.
    pub heading_path: Vec<String>,
    /// Its words.
    pub text: String,
    /// What it was ranked by.
    pub score: f32,
    /// Place of its page (or section) in the document, from 1; null, like the offsets, in answers of older versions.
    pub page_place: Option<u32>,
    /// First character in the page's text.
    pub start_char_index: Option<u32>,
    /// One past the last.
    pub end_char_index: Option<u32>,
    /// True if the document has been deleted since; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub source_deleted: bool,
}

/// Tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageBody {
    /// Read by the model.
    pub input_tokens: u64,
    /// Written by the model.
    pub output_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// Embedded.
    pub embedding_tokens: u64,
}

/// Money, estimated from the tokens and a price list.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostBody {
    /// US dollars; null if it cannot be known, and then `note` says why.
    pub usd: Option<f64>,
    /// The model that answered.
    pub model: String,
    /// The day of the price list, `2026-11-05`; null if nothing was charged for.
    pub prices_as_of: Option<String>,
    /// Why there is no estimate.
    pub note: Option<String>,
}

impl From<&Cost> for CostBody {
    fn from(cost: &Cost) -> Self {
        Self {
            usd: cost.money.map(MicroDollars::dollars),
            model: cost.model.clone(),
            prices_as_of: cost.prices_as_of.clone(),
            note: cost.note.clone(),
        }
    }
}

/// Why a query failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureBody {
    /// A word programs can branch on.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<&Query> for QueryBody {
    fn from(query: &Query) -> Self {
        let answer = query.answer.as_ref();
        Self {
            id: shown_id(&query.id),
            object: "query",
            status: query.status,
            outcome: answer.map(|answer| answer.outcome),
            query: query.request.text.clone(),
            answer: answer.map(|answer| answer.text.clone()),
            answer_erased: answer.is_some_and(|answer| answer.is_erased),
            citations: answer.map(|answer| citations(&answer.citations, &answer.deleted_documents)).unwrap_or_default(),
            sources: answer.map(|answer| sources(&answer.sources, &answer.deleted_documents)).unwrap_or_default(),
            usage: answer.map(|answer| UsageBody {
                input_tokens: answer.usage.input_tokens,
                output_tokens: answer.usage.output_tokens,
                total_tokens: answer.usage.total_tokens,
                embedding_tokens: answer.usage.embedding_tokens,
            }),
            cost: answer.and_then(|answer| answer.cost.as_ref()).map(CostBody::from),
            generation: answer.map(|answer| answer.generation.clone()),
            model: answer.map(|answer| answer.model.clone()),
            error: query.failure.as_ref().map(FailureBody::from),
            collection: query.request.collection.clone(),
            user_id: query.request.user_id.clone(),
            metadata: query.request.metadata.clone(),
            feedback: query.feedback.as_ref().map(FeedbackBody::from),
            previous_query_id: query.request.previous_query_id.as_deref().map(shown_id),
            webhook: WebhookBody::of(query),
            attempt: query.attempt,
            created_at: timestamp(query.created_at),
            completed_at: query.completed_at.map(timestamp),
        }
    }
}

impl From<&Failure> for FailureBody {
    fn from(failure: &Failure) -> Self {
        Self { code: failure.code.clone(), message: failure.message.clone(), hint: failure.hint.clone() }
    }
}

pub(crate) fn citations(citations: &[Citation], deleted: &[String]) -> Vec<CitationBody> {
    let body = |citation: &Citation| CitationBody {
        document_id: citation.document_id.clone(),
        filename: citation.filename.clone(),
        title: citation.title.clone(),
        chunk_id: citation.chunk_id.clone(),
        start_page_number: citation.start_page_number,
        end_page_number: citation.end_page_number,
        page_place: citation.page_index + 1,
        heading_path: citation.heading_path.clone(),
        cited_text: citation.cited_text.clone(),
        start_char_index: citation.start_char_index,
        end_char_index: citation.end_char_index,
        answer_start_index: citation.answer_start_index,
        answer_end_index: citation.answer_end_index,
        verification: citation.verification,
        source_deleted: deleted.contains(&citation.document_id),
    };
    citations.iter().map(body).collect()
}

pub(crate) fn sources(sources: &[Source], deleted: &[String]) -> Vec<SourceBody> {
    let body = |source: &Source| SourceBody {
        chunk_id: source.chunk_id.clone(),
        document_id: source.document_id.clone(),
        filename: source.filename.clone(),
        title: source.title.clone(),
        page_number: source.page_number,
        heading_path: source.heading_path.clone(),
        text: source.text.clone(),
        score: source.score,
        page_place: source.page_index.map(|index| index + 1),
        start_char_index: source.start_char_index,
        end_char_index: source.end_char_index,
        source_deleted: deleted.contains(&source.document_id),
    };
    sources.iter().map(body).collect()
}

/// A list, or part of one.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// `list`.
    pub object: &'static str,
    /// The entries.
    pub data: Vec<T>,
    /// True if more follow behind `last_id`.
    pub has_more: bool,
    /// Give it as `after` to go on.
    pub last_id: Option<String>,
}

impl<T> List<T> {
    pub(crate) fn whole(data: Vec<T>) -> Self {
        Self::part(data, false, None)
    }

    pub(crate) fn part(data: Vec<T>, has_more: bool, last_id: Option<String>) -> Self {
        Self { object: "list", data, has_more, last_id }
    }
}

/// What a user thought of an answer.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackBody {
    /// Thumbs up?
    pub helpful: bool,
    /// Why.
    pub reason: Option<String>,
}

impl From<&Feedback> for FeedbackBody {
    fn from(feedback: &Feedback) -> Self {
        Self { helpful: feedback.helpful, reason: feedback.reason.clone() }
    }
}

/// Searches.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchBody {
    /// The words, 1 to 2,000 characters.
    pub query: String,
    /// Where to look; the server's default if absent.
    pub collection: Option<String>,
    /// Which chunks count.
    #[schema(value_type = Option<Object>)]
    pub filters: Option<Filter>,
    /// How many, 1 to 100; 10 if absent.
    pub max_num_results: Option<usize>,
    /// Which ranking; `hybrid` if absent.
    pub mode: Option<ModeBody>,
}

/// Which ranking answers a search.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModeBody {
    /// Words.
    Bm25,
    /// Vectors.
    Dense,
    /// Both, fused.
    Hybrid,
}

impl From<ModeBody> for SearchMode {
    fn from(mode: ModeBody) -> Self {
        match mode {
            ModeBody::Bm25 => Self::Bm25,
            ModeBody::Dense => Self::Dense,
            ModeBody::Hybrid => Self::Hybrid,
        }
    }
}

/// What a search found.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchResults {
    /// `list`.
    pub object: &'static str,
    /// Best first.
    pub data: Vec<HitBody>,
    /// Where they were found.
    pub collection: String,
    /// The index generation that was searched.
    pub generation: String,
    /// Which ranking it is: `bm25`, `dense` or `hybrid`. Not the one that was asked for where the store has no index of
    /// words.
    pub mode: &'static str,
}

impl SearchResults {
    /// What was found in a collection.
    pub fn new(collection: String, found: SearchResponse) -> Self {
        Self {
            object: "list",
            data: found.hits.into_iter().map(HitBody::from).collect(),
            collection,
            generation: found.generation,
            mode: found.mode.as_str(),
        }
    }
}

/// A chunk with the scores that brought it here.
#[derive(Debug, Serialize, ToSchema)]
pub struct HitBody {
    /// The chunk.
    pub chunk_id: String,
    /// The document.
    pub document_id: String,
    /// Its path.
    pub filename: String,
    /// Its title.
    pub title: String,
    /// Page, from 1; null where the format has none.
    pub page_number: Option<u32>,
    /// Headings above.
    pub heading_path: Vec<String>,
    /// Its words.
    pub text: String,
    /// What it is ranked by.
    pub score: f32,
    /// BM25.
    pub bm25: Option<f32>,
    /// Cosine similarity.
    pub dense: Option<f32>,
    /// Place of its page (or section) in the document, from 1: `GET /v1/documents/{id}/pages/{place}` has its text.
    pub page_place: u32,
    /// First character in the page's text.
    pub start_char_index: u32,
    /// One past the last.
    pub end_char_index: u32,
}

impl From<Hit> for HitBody {
    fn from(hit: Hit) -> Self {
        let Hit { chunk, score, bm25, dense } = hit;
        Self {
            chunk_id: chunk.id,
            document_id: chunk.document_id,
            filename: chunk.filename,
            title: chunk.title,
            page_number: chunk.page,
            heading_path: chunk.heading_path,
            text: chunk.text,
            score,
            bm25,
            dense,
            page_place: chunk.page_index + 1,
            start_char_index: chunk.start_char,
            end_char_index: chunk.end_char,
        }
    }
}

/// A document: everything but its text.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct DocumentBody {
    /// `doc_` and 32 hexadecimal digits.
    pub id: String,
    /// `document`.
    pub object: &'static str,
    /// Its path.
    pub filename: String,
    /// Its title.
    pub title: String,
    /// `pdf`, `markdown`, `html`, `text`, `docx`, `pptx`, `xlsx`, `csv`, `epub`, `notebook`, `email` or `code`; null if
    /// nothing is stored.
    pub format: Option<&'static str>,
    /// BLAKE3 of its bytes.
    pub content_hash: String,
    /// Size of the file.
    pub bytes: u64,
    /// Pages (or sections).
    pub pages: u32,
    /// Characters of text.
    pub characters: u64,
    /// Chunks.
    pub chunks: u32,
    /// Pages whose text could not be read.
    pub unreadable_pages: Vec<u32>,
    /// What the reader noticed.
    pub warnings: Vec<String>,
    /// RFC 3339; null if nothing is stored.
    pub ingested_at: Option<String>,
    /// `stored`; or, of a file that was uploaded or put into the bucket and of which nothing is stored, `refused` or `failed`: `last_upload` says why.
    pub state: &'static str,
    /// Where the original file is, if this server keeps it.
    pub original: Option<String>,
    /// How it went with its last file, if that was uploaded or came through the bucket. One that was refused leaves the version of before.
    pub last_upload: Option<LastUploadBody>,
}

impl From<Document> for DocumentBody {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            object: "document",
            filename: document.filename,
            title: document.title,
            format: Some(document.format.as_str()),
            content_hash: document.content_hash,
            bytes: document.bytes,
            pages: document.pages,
            characters: document.characters,
            chunks: document.chunks,
            unreadable_pages: document.unreadable_pages,
            warnings: document.warnings,
            ingested_at: Some(timestamp(document.ingested_at)),
            state: "stored",
            original: None,
            last_upload: None,
        }
    }
}

/// The text of one page.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageBody {
    /// The document.
    pub document_id: String,
    /// Its place in the document, from 1.
    pub place: u32,
    /// Its page number; null where the format has none.
    pub page_number: Option<u32>,
    /// Headings above.
    pub heading_path: Vec<String>,
    /// The text that offsets count in.
    pub text: String,
}

impl PageBody {
    pub(crate) fn new(document_id: String, place: u32, page: Page) -> Self {
        Self { document_id, place, page_number: page.number, heading_path: page.heading_path, text: page.text }
    }
}

/// A collection at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionBody {
    /// Its name.
    pub name: String,
    /// `collection`.
    pub object: &'static str,
    /// What a search would see.
    pub generation: String,
    /// Model of its vectors.
    pub embedding_model: String,
    /// Length of its vectors.
    pub dimension: usize,
    /// Documents.
    pub documents: u64,
    /// Chunks.
    pub chunks: u64,
    /// Bytes on disk, if known.
    pub bytes: Option<u64>,
}

impl From<Collection> for CollectionBody {
    fn from(collection: Collection) -> Self {
        Self {
            name: collection.name,
            object: "collection",
            generation: collection.generation,
            embedding_model: collection.profile.embedding.name,
            dimension: collection.profile.embedding.dimension,
            documents: collection.documents,
            chunks: collection.chunks,
            bytes: collection.bytes,
        }
    }
}
