//! What a search returns.

use crate::Chunk;
use serde::{Deserialize, Serialize};

/// Which ranking answers a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMode {
    /// Words only.
    Bm25,
    /// Vectors only.
    Dense,
    /// Both, fused.
    #[default]
    Hybrid,
}

impl SearchMode {
    /// The name used on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bm25 => "bm25",
            Self::Dense => "dense",
            Self::Hybrid => "hybrid",
        }
    }
}

/// A retrieved chunk with the scores that brought it here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The chunk.
    pub chunk: Chunk,
    /// The score it is ranked by; larger is better. In hybrid mode the fused score. What [`selection`](crate::selection) takes
    /// off is taken off.
    pub score: f32,
    /// BM25 score, if the words matched.
    pub bm25: Option<f32>,
    /// Cosine similarity to the question, if it was computed.
    pub dense: Option<f32>,
}
