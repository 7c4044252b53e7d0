//! Why an answer is what it is: everything that was considered, dropped and used.

use docent_core::follow_up::Method;
use docent_core::outcome::StatementCheck;
use docent_core::query::Usage;
use docent_core::{Hit, SearchMode};
use serde::{Deserialize, Serialize};

/// The record that `explain` shows and a store keeps beside the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The question as searched for.
    pub question: String,
    /// How it came to stand alone; none if it follows no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
    /// Index generation.
    pub generation: String,
    /// Which ranking chose the candidates: by vectors alone where the store has no index of words.
    #[serde(default)]
    pub ranking: SearchMode,
    /// Who generated.
    pub generator: String,
    /// What the search returned, best first.
    pub candidates: Vec<Candidate>,
    /// Ids of the chunks that the generator saw, in the order of their numbers.
    pub context: Vec<String>,
    /// Every statement with the check of its quotes.
    pub statements: Vec<StatementCheck>,
    /// What the generator said was missing.
    pub missing: Option<String>,
    /// Tokens spent.
    pub usage: Usage,
    /// Where the time went.
    pub timings: Timings,
}

/// What became of a question that follows others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// The question as it was asked.
    pub asked: String,
    /// Who rewrote it.
    pub method: Method,
    /// Tokens spent on it; a part of the answer's.
    pub usage: Usage,
    /// Why it was not the model, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A chunk that was considered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Place in the ranking, from 1.
    pub rank: usize,
    /// The chunk.
    pub chunk_id: String,
    /// Its document's path to show.
    pub filename: String,
    /// Its page.
    pub page: Option<u32>,
    /// Its headings.
    pub heading_path: Vec<String>,
    /// Fused score.
    pub score: f32,
    /// BM25 score.
    pub bm25: Option<f32>,
    /// Cosine similarity.
    pub dense: Option<f32>,
    /// `used`, or why not.
    pub fate: String,
}

impl Candidate {
    pub(crate) fn new(rank: usize, hit: &Hit, top_k: usize) -> Self {
        let fate = if rank < top_k { "used".to_owned() } else { format!("dropped: below the top {top_k}") };
        Self {
            rank: rank + 1,
            chunk_id: hit.chunk.id.clone(),
            filename: hit.chunk.filename.clone(),
            page: hit.chunk.page,
            heading_path: hit.chunk.heading_path.clone(),
            score: hit.score,
            bm25: hit.bm25,
            dense: hit.dense,
            fate,
        }
    }
}

/// Milliseconds of wall time by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Having a question that follows others stand alone.
    #[serde(default)]
    pub rewrite_ms: f64,
    /// Embedding the question.
    pub embed_ms: f64,
    /// Searching.
    pub search_ms: f64,
    /// Generating, with the check of the quotes, which happens as statements arrive.
    pub generate_ms: f64,
    /// All of it.
    pub total_ms: f64,
}
