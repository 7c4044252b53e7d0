//! A question and its life: queued, in progress, then exactly one of completed, failed or cancelled.

use crate::{Cost, Filter, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Where a query stands. The last three are terminal: nothing leaves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryStatus {
    /// Accepted and stored; no worker has it.
    Queued,
    /// A worker holds a lease on it.
    InProgress,
    /// Answered, or found not answerable; see the outcome.
    Completed,
    /// Given up, with the reason in `error`.
    Failed,
    /// Stopped at the user's wish.
    Cancelled,
}

impl QueryStatus {
    /// The name used in JSON and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Queued, Self::InProgress, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    /// True when nothing will change it any more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// What a completed query came to, decided by the evidence that survived the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every statement of the answer is backed by a quote that stands in the documents.
    Answered,
    /// Some statements are, others lost their evidence and were left out.
    Partial,
    /// The documents do not answer it; the nearest passages are in `sources`.
    NotFound,
}

/// How a quote was found in the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Word for word, but for white space, hyphenation, ligatures, quotation marks and case.
    Verified,
    /// Nearly; the page's own words replaced the model's.
    Repaired,
}

/// Evidence for a statement: words that code has found in the stored text of a document.
///
/// It proves that the words are there, not that the statement follows from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The chunk that was cited.
    pub chunk_id: String,
    /// The document.
    pub document_id: String,
    /// Its path to show.
    pub filename: String,
    /// Its title.
    pub title: String,
    /// Headings above the quote.
    pub heading_path: Vec<String>,
    /// Page of the first quoted character, 1-based, if the format has pages.
    pub start_page_number: Option<u32>,
    /// Page of the last quoted character.
    pub end_page_number: Option<u32>,
    /// Place of that page among the document's pages, from 0.
    pub page_index: u32,
    /// The quote in the page's own words.
    pub cited_text: String,
    /// First character in the page text.
    pub start_char_index: u32,
    /// One past the last character in the page text.
    pub end_char_index: u32,
    /// How it was found.
    pub verification: Verification,
    /// First character of the answer that this backs.
    pub answer_start_index: u32,
    /// One past the last character of the answer that this backs.
    pub answer_end_index: u32,
}

/// A retrieved chunk that the answer was made from, cited or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The chunk.
    pub chunk_id: String,
    /// The document.
    pub document_id: String,
    /// Its path to show.
    pub filename: String,
    /// Its title.
    pub title: String,
    /// Page number, if the format has pages.
    pub page_number: Option<u32>,
    /// Headings above it.
    pub heading_path: Vec<String>,
    /// Its words.
    pub text: String,
    /// The score it was ranked by.
    pub score: f32,
    /// Place of its page among the document's pages, from 0. This and the offsets are absent in answers that were stored
    /// before sources had them.
    #[serde(default)]
    pub page_index: Option<u32>,
    /// First character in the page text.
    #[serde(default)]
    pub start_char_index: Option<u32>,
    /// One past the last character in the page text.
    #[serde(default)]
    pub end_char_index: Option<u32>,
}

/// Tokens spent on an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens the model read.
    pub input_tokens: u64,
    /// Tokens the model wrote.
    pub output_tokens: u64,
    /// Their sum.
    pub total_tokens: u64,
    /// Tokens that were embedded.
    pub embedding_tokens: u64,
}

impl Usage {
    /// Adds what another call spent.
    pub fn add(&mut self, other: &Self) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.total_tokens += other.total_tokens;
        self.embedding_tokens += other.embedding_tokens;
    }
}

/// A quote that a generator offers as evidence, before it is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The passage's number in the prompt, from 1.
    pub passage: usize,
    /// Words claimed to stand there.
    pub text: String,
}

/// One statement of an answer with its evidence, as a generator wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The sentence.
    pub text: String,
    /// Its evidence; none means it is not backed.
    pub quotes: Vec<Quote>,
}

/// A question that failed, as the user is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A word programs can branch on.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a worker writes when it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Decided by the evidence.
    pub outcome: Outcome,
    /// The surviving statements, joined; for `not_found` a sentence that says so.
    pub text: String,
    /// Evidence, in the order of the answer.
    pub citations: Vec<Citation>,
    /// What was retrieved; for `not_found` the nearest passages.
    pub sources: Vec<Source>,
    /// Tokens spent.
    pub usage: Usage,
    /// What that cost; none for answers that were stored before costs were estimated.
    #[serde(default)]
    pub cost: Option<Cost>,
    /// Index generation that was searched.
    pub generation: String,
    /// Generator and model that answered.
    pub model: String,
    /// Documents that it was made from and that have been deleted since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted_documents: Vec<String>,
    /// True once its words were erased with a document.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_erased: bool,
}

impl Answer {
    /// What an erased answer says.
    pub const ERASED: &str = "This answer was erased with a document that it was made from.";

    /// Ids of the documents that it was made from; none once it is erased.
    pub fn documents(&self) -> BTreeSet<&str> {
        let cited = self.citations.iter().map(|citation| citation.document_id.as_str());
        cited.chain(self.sources.iter().map(|source| source.document_id.as_str())).collect()
    }

    /// Remembers that these documents (none: all that it was made from) are deleted, or erases everything that could repeat
    /// their words. False if nothing changed: it was made from none of them, or is marked already.
    pub fn forget(&mut self, deleted: Option<&[String]>, erase: bool) -> bool {
        let is_deleted = |id: &str| deleted.is_none_or(|deleted| deleted.iter().any(|one| one == id));
        let lost: Vec<String> = self.documents().into_iter().filter(|id| is_deleted(id)).map(str::to_owned).collect();
        let before = self.deleted_documents.len();
        for id in &lost {
            if !self.has_lost(id) {
                self.deleted_documents.push(id.clone());
            }
        }
        if erase && !lost.is_empty() {
            Self::ERASED.clone_into(&mut self.text);
            self.citations.clear();
            self.sources.clear();
            self.is_erased = true;
            return true;
        }
        self.deleted_documents.len() > before
    }

    /// True if this document has been deleted since.
    pub fn has_lost(&self, document_id: &str) -> bool {
        self.deleted_documents.iter().any(|id| id == document_id)
    }
}

/// True if a stored answer or trace, which is JSON, names one of these documents, by its id or by the id of a chunk. It says
/// so of more than [`Answer::forget`] would change, never of less.
pub fn names_document(json: &str, documents: &HashSet<&str>) -> bool {
    json.split('"').any(|word| documents.contains(word.split('#').next().unwrap_or_default()))
}

/// What the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryRequest {
    /// The question.
    pub text: String,
    /// Where to look.
    pub collection: String,
    /// The API key that asks, by its id; none for the command line, an open server or a key of the settings. Another key
    /// never sees the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who asks; `nobody` when not said.
    pub user_id: String,
    /// How many passages the answer may be made from.
    pub top_k: u32,
    /// Which chunks count.
    pub filter: Option<Filter>,
    /// The user's own wishes for tone and form, added to the prompt.
    pub instructions: Option<String>,
    /// The user's own labels, kept and returned.
    pub metadata: BTreeMap<String, String>,
    /// The query this one follows.
    pub previous_query_id: Option<String>,
    /// What was asked before it in the same conversation, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
    /// Where its ending is to be told. Absent from requests that were stored before there were webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
}

/// How far the telling of a query's ending is. The last two are terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookStatus {
    /// The query has not ended.
    Waiting,
    /// It has, and the receiver has not taken the news yet.
    Pending,
    /// The receiver has answered that it has it.
    Delivered,
    /// The receiver was not reached in all attempts, does not want it, or may not be called.
    GivenUp,
}

impl WebhookStatus {
    /// The name used in JSON and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Pending, Self::Delivered, Self::GivenUp]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// The delivery of a query's ending to its `webhook_url`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// How far it is.
    pub status: WebhookStatus,
    /// How often it was tried, or somebody set out to try.
    pub attempts: u32,
    /// What went wrong the last time that something did.
    pub last_error: Option<String>,
    /// From when on anybody may try, while it is pending.
    pub due: Option<Timestamp>,
}

impl Webhook {
    /// That of a query which has not ended.
    pub const fn waiting() -> Self {
        Self { status: WebhookStatus::Waiting, attempts: 0, last_error: None, due: None }
    }
}

/// What a user thought of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// True for thumbs up.
    pub helpful: bool,
    /// Why.
    pub reason: Option<String>,
}

/// A worker's right to a query, until it lapses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub worker: String,
    /// When it lapses unless renewed.
    pub until: Timestamp,
}

/// A query as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// 32 hexadecimal digits that sort by creation; shown as `qry_…` on the wire.
    pub id: String,
    /// What was asked.
    pub request: QueryRequest,
    /// Where it stands.
    pub status: QueryStatus,
    /// How many times a worker has claimed it.
    pub attempt: u32,
    /// The claim in force, while in progress.
    pub lease: Option<Lease>,
    /// The answer, once completed.
    pub answer: Option<Answer>,
    /// Why it failed, once failed.
    pub failure: Option<Failure>,
    /// What the user thought of it.
    pub feedback: Option<Feedback>,
    /// How far its webhook is, if the request has one.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it became terminal.
    pub completed_at: Option<Timestamp>,
    /// No attempt starts after this; the sweep fails it then.
    pub deadline: Timestamp,
    /// When the store may forget it.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_named_by_its_id_or_by_its_chunks() {
        let wanted = HashSet::from(["doc_1"]);
        for (json, is_named) in [
            (r#"{"document_id":"doc_1"}"#, true),
            (r#"{"context":["doc_2#0","doc_1#12"]}"#, true),
            (r#"{"document_id":"doc_11","text":"it is doc_1"}"#, false),
            ("", false),
        ] {
            assert_eq!(names_document(json, &wanted), is_named, "{json}");
        }
    }
}
