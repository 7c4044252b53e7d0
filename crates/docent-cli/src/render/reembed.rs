//! What became of collections that were made anew.

use super::text::count;
use docent_engine::reembed::ReembedSummary;

/// A collection's lines.
pub(crate) fn summary(summary: &ReembedSummary) -> String {
    let ReembedSummary { collection, model, .. } = summary;
    if !summary.switched {
        return format!("nothing to do in collection {collection}: it was made with {model} and the configured chunks");
    }
    let held = format!("{}, {}", count(summary.documents, "document"), count(summary.chunks, "chunk"));
    format!(
        "collection {collection} answers with {model} now: {held}, {} embedded, {}\n\
         the edition made with {} is kept: --back goes back to it, --forget-previous removes it",
        count(summary.embedded, "text"),
        summary.generation,
        summary.model_before
    )
}

/// What was removed of a collection.
pub(crate) fn forgotten(collection: &str, bytes: Option<u64>) -> String {
    match bytes {
        Some(bytes) => {
            format!("  removed  the other editions of collection {collection}  {:.1} MB", bytes as f64 / 1e6)
        }
        None => format!("nothing to do in collection {collection}: no other edition of it is kept"),
    }
}
