//! What the engine needs from outside, as object-safe traits next to the code that needs them.
//!
//! A port has at least two real implementations, each of which runs the port's contract suite in `docent-testkit`; those of
//! uploads that wait and of new editions have one (decisions 0014 and 0019), and [`Courier`], [`Depot`] and what goes with it are there
//! so that nothing here names an HTTP client, a bucket or a table (decisions 0017 and 0023).
//! Time, ids and randomness are not ports: they arrive as values.

mod courier;
mod depot;
mod editions;
mod sources;
mod uploads;

pub use courier::{Courier, Letter, Undelivered};
pub use depot::{Address, DepositStore, Depot, Stored, Withheld, WithheldDocuments};
pub use editions::{NewEdition, StoredDocument};
pub use sources::{Fetched, Place, Seen, SeenFile, Source, Version};
pub use uploads::{Forgotten, UploadEnding, UploadReports, UploadStore};

use crate::embedding::TextKey;
use crate::error::{Error, Result};
use async_trait::async_trait;
use docent_core::query::{Answer, Failure, Feedback, Lease, Statement, Usage};
use docent_core::rate::{Rate, Taken};
use docent_core::spending::Cap;
use docent_core::{ApiKey, Caps, Chunk, Document, Filter, Hit, Page, Query, SearchMode, Spending, Timestamp};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Which model made a vector; an index refuses vectors of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingModel {
    /// Name with provider, for example `local/all-MiniLM-L6-v2-q8` or `openai/text-embedding-3-small`.
    pub name: String,
    /// Length of its vectors.
    pub dimension: usize,
}

/// Texts to unit vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The model behind it.
    fn model(&self) -> &EmbeddingModel;

    /// One unit-length vector per text, in the order of the texts.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>>;

    /// The same, with the tokens that the other side counted; none where nobody is paid for them.
    async fn embed_counted(&self, texts: &[String]) -> Result<Embedded> {
        Ok(Embedded { vectors: self.embed(texts).await?, tokens: 0 })
    }
}

/// Vectors and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// One unit-length vector per text, in the order of the texts.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that were charged for.
    pub tokens: u64,
}

/// A passage that a generator may use and must point at, by its number from 1.
#[derive(Clone, Debug)]
pub struct Passage {
    /// Number in the prompt, from 1.
    pub number: usize,
    /// What it says and where it stands.
    pub hit: Hit,
}

/// What a generator gets.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// The question.
    pub question: String,
    /// Evidence to choose from, best first.
    pub passages: Vec<Passage>,
    /// The user's wishes for tone and form.
    pub instructions: Option<String>,
    /// All the time there is, retries included.
    pub time_limit: Duration,
}

/// What a generator sends while it works: statements as they are complete, then exactly one `Done`.
#[derive(Clone, Debug, PartialEq)]
pub enum GenerateEvent {
    /// The next statement of the answer, with the quotes that back it. An answer without any statement means "the
    /// passages do not answer this".
    Statement(Statement),
    /// The end.
    Done {
        /// Tokens spent, retries included where the other side counted them.
        usage: Usage,
        /// What is missing, in the generator's words, when it could not answer (all of) it.
        missing: Option<String>,
    },
}

/// A question that follows others, to be rewritten so that it stands alone.
#[derive(Clone, Debug)]
pub struct RewriteRequest {
    /// The questions before it, oldest first; at least one.
    pub earlier: Vec<String>,
    /// The question.
    pub question: String,
    /// All the time there is.
    pub time_limit: Duration,
}

/// A question that stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The question; the same as before if it did already.
    pub question: String,
    /// Tokens spent, where the other side counted them.
    pub usage: Usage,
}

/// A question and passages to statements with quotes.
pub trait Generator: Send + Sync {
    /// Name with provider, for example `quoting` or `openai/gpt-4o-mini`.
    fn name(&self) -> &str;

    /// Streams the answer. The first error ends the stream; its kind says whether a retry can help and when. Transient
    /// faults before the first statement are retried inside, within the time limit.
    fn generate(&self, request: GenerateRequest) -> BoxStream<'static, Result<GenerateEvent>>;

    /// Rewrites a question that follows others so that it stands alone; none where there is no model that could. Tried once:
    /// who asks has a rule for when it fails.
    fn rewrite(&self, _request: RewriteRequest) -> BoxFuture<'static, Result<Option<Rewritten>>> {
        Box::pin(async { Ok(None) })
    }
}

/// How a collection's chunks were made; recorded in the index, which refuses a different one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexProfile {
    /// Model of the vectors.
    pub embedding: EmbeddingModel,
    /// Tokens a chunk may have.
    pub chunk_tokens: u32,
    /// Tokens repeated from the chunk before.
    pub chunk_overlap: u32,
    /// Name and version of the chunking rules and their tokenizer.
    pub chunking: String,
}

impl IndexProfile {
    /// Refuses a profile that is not this one, that of a collection, with what differs and what to do.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn accept(&self, collection: &str, wanted: &Self) -> Result<()> {
        let pairs = self.facts().into_iter().zip(wanted.facts());
        let (found, wanted): (Vec<_>, Vec<_>) = pairs.filter(|(found, wanted)| found != wanted).unzip();
        if found.is_empty() {
            return Ok(());
        }
        let (found, wanted) = (found.join(", "), wanted.join(", "));
        let differs = format!("collection {collection:?} was made with {found}, not with {wanted}");
        Err(Error::invalid(differs).hint(format!(
            "configure that model and chunking again, or make the collection anew with those that are configured now: \
             docent reembed --collection {collection}"
        )))
    }

    /// True if both cut the same chunks from the same pages.
    pub fn cuts_like(&self, other: &Self) -> bool {
        let embedding = &self.embedding;
        *self == Self { embedding: embedding.clone(), ..other.clone() }
    }

    fn facts(&self) -> [String; 5] {
        [
            format!("model {}", self.embedding.name),
            format!("{} dimensions", self.embedding.dimension),
            format!("chunks of {} tokens", self.chunk_tokens),
            format!("an overlap of {} tokens", self.chunk_overlap),
            format!("chunking {}", self.chunking),
        ]
    }
}

/// A collection at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// The commit that a search would see.
    pub generation: String,
    /// How it was made.
    pub profile: IndexProfile,
    /// Documents in it.
    pub documents: u64,
    /// Chunks in it.
    pub chunks: u64,
    /// Bytes it takes, if known.
    pub bytes: Option<u64>,
}

/// A document ready to be stored: its record, its pages, its chunks and one vector per chunk.
#[derive(Clone, Debug)]
pub struct IndexDocument {
    /// The record.
    pub document: Document,
    /// Its text.
    pub pages: Vec<Page>,
    /// Its chunks.
    pub chunks: Vec<Chunk>,
    /// One unit vector per chunk.
    pub vectors: Vec<Vec<f32>>,
    /// Name of the model that made them; a collection of another refuses them with `Conflict`.
    pub model: String,
}

/// A question to the index.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// The words, for BM25.
    pub text: String,
    /// The question's vector, for dense search; may be empty in BM25 mode.
    pub vector: Vec<f32>,
    /// Which ranking.
    pub mode: SearchMode,
    /// Hits wanted.
    pub limit: usize,
    /// Which chunks count.
    pub filter: Option<Filter>,
}

/// What the index found.
#[derive(Clone, Debug)]
pub struct SearchResponse {
    /// Best first.
    pub hits: Vec<Hit>,
    /// The commit that was searched.
    pub generation: String,
    /// Which ranking it is: not the one that was asked for where a store has no index of words.
    pub mode: SearchMode,
}

/// What a delete removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// Ids of the documents that were there and are gone.
    pub documents: Vec<String>,
    /// Chunks that went with them.
    pub chunks: u64,
    /// The commit without them.
    pub generation: String,
    /// The commit that still had them; the same as `generation` if nothing was there.
    pub removed_from: String,
    /// Segments that held records of them, which are gone from the folder; none where a server keeps the text.
    pub rewritten: Vec<String>,
    /// What is known of the files.
    pub text_in_files: TextInFiles,
}

impl Deleted {
    /// What a delete of nothing says: none of the documents was there.
    pub fn nothing(generation: String, text_in_files: TextInFiles) -> Self {
        let removed_from = generation.clone();
        Self { documents: Vec::new(), chunks: 0, generation, removed_from, rewritten: Vec::new(), text_in_files }
    }
}

/// What a delete knows of its documents' text in the files of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextInFiles {
    /// The files that held it were written anew and removed.
    Removed,
    /// Nothing: a server has the files, or older generations lie elsewhere. It does not return the text any more.
    Unknown,
    /// Nobody is shown it any more; it leaves the files when whoever changes the index gets to it.
    Pending,
}

impl TextInFiles {
    /// The name used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
        }
    }
}

/// Chunks, their text and their vectors, searchable.
#[async_trait]
pub trait ChunkIndex: Send + Sync {
    /// All collections, by name.
    async fn collections(&self) -> Result<Vec<Collection>>;

    /// One collection, if it exists.
    async fn collection(&self, name: &str) -> Result<Option<Collection>>;

    /// The collection, created empty if it does not exist. One that was made with another profile is refused with an
    /// `Invalid` error that says what differs and what to do.
    async fn open_or_create(&self, name: &str, profile: &IndexProfile) -> Result<Collection>;

    /// Removes a collection and all it holds; false if there was none.
    async fn delete_collection(&self, name: &str) -> Result<bool>;

    /// Stores documents, each replacing what was stored under its id, all in one commit: after a crash either all of
    /// them are there or none. Waits a while for another writer, then fails with `Conflict`. Returns the generation.
    async fn upsert(&self, collection: &str, documents: Vec<IndexDocument>) -> Result<String>;

    /// Removes documents. When it returns, no search can return their text, and an index that keeps its own files has
    /// removed it from them, with what an earlier delete of them that died has left. What could store them again (an upload)
    /// has to be stopped before.
    async fn delete(&self, collection: &str, document_ids: &[String]) -> Result<Deleted>;

    /// Records of documents in order of their ids, from behind `after`.
    async fn documents(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>>;

    /// One document's record.
    async fn document(&self, collection: &str, id: &str) -> Result<Option<Document>>;

    /// Pages of a document by their place from 0, in that order; a place that does not exist is left out.
    async fn pages(&self, collection: &str, document_id: &str, indices: &[u32]) -> Result<Vec<(u32, Page)>>;

    /// The same in the generation that a search was answered from, as long as it is at hand, so that a question is answered
    /// from one generation though a newer one arrives meanwhile. An index that keeps no older one reads the newest.
    async fn pages_at(
        &self,
        collection: &str,
        _generation: &str,
        document_id: &str,
        indices: &[u32],
    ) -> Result<Vec<(u32, Page)>> {
        self.pages(collection, document_id, indices).await
    }

    /// Which of these documents are not there any more, as seen by somebody who has found them in `generation`.
    async fn missing(&self, collection: &str, generation: &str, ids: &[String]) -> Result<Vec<String>> {
        let Some(now) = self.collection(collection).await? else { return Ok(ids.to_vec()) };
        let mut missing = Vec::new();
        if now.generation != generation {
            for id in ids {
                if self.document(collection, id).await?.is_none() {
                    missing.push(id.clone());
                }
            }
        }
        Ok(missing)
    }

    /// Vectors that are stored for these texts, so that they need not be embedded again; stored once more they are the same
    /// to the last bit. Whatever is not at hand is left out. `documents` are those that are being replaced: a store that
    /// cannot look for a text looks at theirs. An index that is only read has no use for this.
    async fn vectors(
        &self,
        _collection: &str,
        _texts: &[TextKey],
        _documents: &[String],
    ) -> Result<HashMap<TextKey, Vec<f32>>> {
        Ok(HashMap::new())
    }

    /// Begins to make a collection anew with another profile, beside itself. Goes on with what an interrupted call with the
    /// same profile has left, or with the previous edition if it has that profile. `Conflict` while somebody else does so.
    async fn new_edition(&self, _collection: &str, _profile: &IndexProfile) -> Result<Arc<dyn NewEdition>> {
        Err(Error::invalid("this index cannot make a collection anew beside itself")
            .hint("ingest into a new collection with the new model, then delete the old one"))
    }

    /// The edition that answered before the last one took over, if it is kept.
    async fn previous_edition(&self, _collection: &str) -> Result<Option<Collection>> {
        Ok(None)
    }

    /// Removes the previous edition and what interrupted calls have left; returns how many bytes they took, none if there was
    /// nothing.
    async fn forget_editions(&self, _collection: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Searches. An unknown collection is `NotFound`, a vector of the wrong length or an unknown filter key `Invalid`.
    async fn search(&self, collection: &str, request: &SearchRequest) -> Result<SearchResponse>;
}

/// A client's own name for a request, so that sending it twice makes one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Unique per owner and user.
    pub key: String,
    /// Hash of the request: the same key with another request is a conflict.
    pub fingerprint: String,
}

/// What became of a create.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// Stored.
    New,
    /// The same idempotency key and request were stored before: this is that query.
    Existing(Box<Query>),
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// It is ours until the lease lapses; `attempt` has been counted up.
    Granted(Box<Query>),
    /// Another worker holds a lease that has not lapsed.
    Held,
    /// It is terminal; nothing is left to do.
    Finished,
    /// No attempts are left, or its deadline has passed: the sweep must fail it.
    Exhausted,
    /// No such query.
    Missing,
}

/// How a query ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// With an answer.
    Completed(Box<Answer>),
    /// With a reason.
    Failed(Failure),
}

/// How an attempt at a webhook ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookEnding {
    /// The receiver has it.
    Delivered,
    /// Not yet: anybody may try again from `due` on.
    Again {
        /// When.
        due: Timestamp,
        /// What went wrong.
        error: String,
    },
    /// Nobody will try again.
    GivenUp {
        /// What went wrong.
        error: String,
    },
}

/// Queries and their lives. Every change is conditional on the state it expects, so two workers cannot both win.
#[async_trait]
pub trait QueryStore: Send + Sync {
    /// Stores a new query. The same key with another fingerprint is `Conflict`.
    async fn create(&self, query: &Query, idempotency: Option<&IdempotencyKey>) -> Result<Created>;

    /// One query.
    async fn get(&self, id: &str) -> Result<Option<Query>>;

    /// A user's queries among those of an owner (none: those that no API key asked), newest first (also within one
    /// second), from behind the id `after`.
    async fn list(&self, owner: Option<&str>, user_id: &str, limit: usize, after: Option<&str>) -> Result<Vec<Query>>;

    /// Claims a queued query, or one whose lease has lapsed, if fewer than `attempts_max` attempts were made and `now` is
    /// before its deadline.
    async fn claim(&self, id: &str, lease: &Lease, now: Timestamp, attempts_max: u32) -> Result<Claim>;

    /// Moves the lease's end; false if this attempt does not hold the query any more (then stop working on it).
    async fn renew(&self, id: &str, attempt: u32, until: Timestamp) -> Result<bool>;

    /// Writes the ending and the trace; false if this attempt does not hold the query any more (then nothing changed).
    async fn finish(
        &self,
        id: &str,
        attempt: u32,
        ending: &Ending,
        trace: Option<&str>,
        now: Timestamp,
    ) -> Result<bool>;

    /// Gives a claimed query back to the queue, for a shutdown that cannot wait; false if it was not ours any more. The
    /// attempt is not counted.
    async fn release(&self, id: &str, attempt: u32) -> Result<bool>;

    /// Cancels unless terminal. Returns the query as it is then.
    async fn cancel(&self, id: &str, now: Timestamp) -> Result<Option<Query>>;

    /// Fails a query that is not terminal and that no live lease holds; false if there was nothing to fail.
    async fn fail_unheld(&self, id: &str, failure: &Failure, now: Timestamp) -> Result<bool>;

    /// Ids of queries that somebody must look after: queued since before `queued_before`, or with a lapsed lease, oldest
    /// first.
    async fn unattended(&self, now: Timestamp, queued_before: Timestamp, limit: usize) -> Result<Vec<String>>;

    /// Stores what the user thought; false if there is no such query.
    async fn set_feedback(&self, id: &str, feedback: &Feedback) -> Result<bool>;

    /// The trace of the attempt that finished it, as JSON.
    async fn trace(&self, id: &str) -> Result<Option<String>>;

    /// Forgets a query, its trace and its idempotency key; false if there was none.
    async fn delete(&self, id: &str) -> Result<bool>;

    /// Ids of a collection's queries whose answers or traces name these documents (none: any), by
    /// [`docent_core::query::names_document`]. Looks through all that is stored, so it is for deletes, which are rare.
    async fn answers_from(&self, collection: &str, documents: Option<&[String]>) -> Result<Vec<String>>;

    /// [`Answer::forget`] on a stored answer; with `erase`, its trace goes, too. True if the answer changed. An answer that
    /// somebody else changes meanwhile loses neither change.
    async fn forget_in_answer(&self, id: &str, documents: Option<&[String]>, erase: bool) -> Result<bool>;

    /// Forgets what has expired; returns how many.
    async fn expire(&self, now: Timestamp) -> Result<u64>;

    /// Ids of queries whose webhook is pending and due. Every ending of a query that has a webhook makes it pending, and due at
    /// once, by the same write.
    async fn due_webhooks(&self, now: Timestamp, limit: usize) -> Result<Vec<String>>;

    /// Takes a webhook that is pending and due until a moment, counting an attempt; none if there is nothing to take. Who dies
    /// with it leaves it due from then on.
    async fn claim_webhook(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<Option<Query>>;

    /// Writes how an attempt ended; false if it is not the last one that was made (then nothing changed).
    async fn end_webhook(&self, id: &str, attempt: u32, ending: &WebhookEnding) -> Result<bool>;
}

/// API keys. Records of keys that are revoked or over stay, so that a list can show them.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores a new key; one with this id is `Conflict`.
    async fn create(&self, key: &ApiKey) -> Result<()>;

    /// One key, whatever its state. Called with every request, by the id that its secret leads to.
    async fn get(&self, id: &str) -> Result<Option<ApiKey>>;

    /// All keys, oldest first.
    async fn list(&self) -> Result<Vec<ApiKey>>;

    /// Revokes a key; its first revocation stands. Returns the key as it is then, none if there is no such key.
    async fn revoke(&self, id: &str, now: Timestamp) -> Result<Option<ApiKey>>;

    /// Remembers the day of use, given by its first moment. Only ever moves forwards; an unknown key is nothing to remember.
    async fn touch(&self, id: &str, day: Timestamp) -> Result<()>;
}

/// What is counted together: the spending of one API key, or of all, on one day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// The id of a key, or a name that no key has.
    pub name: String,
    /// Days since the Unix epoch, in UTC.
    pub day: i64,
}

/// What became of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// It counts as spent until it is settled.
    Granted,
    /// It would go over the caps; nothing changed.
    Refused {
        /// The cap in the way.
        cap: Cap,
        /// What the account has spent and reserved.
        spent: Spending,
    },
}

/// Counters that many processes share. Each call is one atomic change, so no race can pass a limit. Accounts may be forgotten
/// from the second day after theirs, and buckets when they are full.
#[async_trait]
pub trait Meter: Send + Sync {
    /// Takes a call out of a bucket, by the rule of [`Rate::take`].
    async fn take(&self, bucket: &str, rate: Rate, now: Timestamp) -> Result<Taken>;

    /// Counts `estimate` as spent if the account then is within `caps`. A reservation that stands already under this id is
    /// granted and not counted again. What is never settled stays counted, as it may have been spent.
    async fn reserve(&self, account: &Account, id: &str, estimate: Spending, caps: Caps) -> Result<Reservation>;

    /// Replaces what was reserved under the id by what was really spent, even if that goes over a cap; false if no such
    /// reservation stands (then nothing changed). So settling twice counts once.
    async fn settle(&self, account: &Account, id: &str, real: Spending) -> Result<bool>;

    /// What an account has spent and reserved; nothing for an unknown one.
    async fn spent(&self, account: &Account) -> Result<Spending>;
}

/// Wakes a worker for a query. At-least-once and only a hint: the store is the truth, so a lost dispatch delays a query
/// until the next sweep and a doubled one changes nothing.
#[async_trait]
pub trait Dispatcher: Send + Sync {
    /// Asks for the query to be worked on soon.
    async fn dispatch(&self, query_id: &str) -> Result<()>;
}
