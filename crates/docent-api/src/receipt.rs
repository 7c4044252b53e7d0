//! The receipt of a delete, as it travels.

use crate::wire::timestamp;
use docent_core::Timestamp;
use docent_engine::deletes::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

/// The receipt of a delete.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedBody {
    /// What is gone.
    pub(crate) documents: Vec<String>,
    /// Chunks that went with it.
    pub(crate) chunks: u64,
    /// The index generation without it.
    pub(crate) generation: String,
    /// The generation that still had it; the same if nothing was stored.
    pub(crate) removed_from: String,
    /// Segments of the index that held its text; their files are gone. None where a server keeps the text.
    pub(crate) rewritten_segments: Vec<String>,
    /// `removed`: the files that held its text are gone. `pending`: nobody is shown it any more, and it leaves the files with the next
    /// generation. `unknown`: a server keeps the files, or older generations lie elsewhere; it does not return the text any more,
    /// and what its files hold is not known.
    pub(crate) text_in_files: &'static str,
    /// Uploads of it that were cancelled or forgotten, with the files that were kept of them.
    pub(crate) uploads: u64,
    /// Stored answers that were marked or erased.
    pub(crate) answers: u64,
    /// True if these answers were erased, false if they were marked.
    pub(crate) answers_erased: bool,
    /// RFC 3339.
    pub(crate) deleted_at: String,
}

impl DeletedBody {
    pub(crate) fn new(id: String, receipt: Receipt, now: Timestamp) -> Self {
        let Receipt { index, uploads, answers, answers_erased } = receipt;
        Self {
            documents: vec![id],
            chunks: index.chunks,
            generation: index.generation,
            removed_from: index.removed_from,
            rewritten_segments: index.rewritten,
            text_in_files: index.text_in_files.as_str(),
            uploads,
            answers,
            answers_erased,
            deleted_at: timestamp(now),
        }
    }
}
