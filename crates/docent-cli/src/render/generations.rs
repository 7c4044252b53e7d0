//! What was published, taken back and removed, as lines.

use super::listing::table;
use super::text::{Paint, count};
use docent_api::wire::timestamp;
use docent_app::remote::{Diff, Listed, NamedDocument, Place, Published, Purged};

/// What publishing did.
pub(crate) fn published(published: &Published, place: &Place) -> String {
    let Published { generation, documents, chunks, files, files_sent, .. } = published;
    if !published.is_new {
        return format!("  unchanged  {generation} is live at {place}");
    }
    format!(
        "  published  {generation}  {}, {}\nsent {files_sent} of {} ({} of {}) to {place}",
        count(*documents, "document"),
        count(*chunks, "chunk"),
        count(*files as u64, "file"),
        megabytes(published.bytes_sent),
        megabytes(published.bytes),
    )
}

/// Generations, one a line.
pub(crate) fn list(listed: &[Listed], paint: Paint) -> Vec<String> {
    let head = ["GENERATION", "", "PUBLISHED", "DOCUMENTS", "CHUNKS", "SIZE", "ITS OWN"].map(str::to_owned);
    let row = |one: &Listed| {
        vec![
            one.generation.clone(),
            if one.is_live { "live" } else { "" }.to_owned(),
            timestamp(one.created_at),
            one.documents.to_string(),
            one.chunks.to_string(),
            megabytes(one.bytes),
            megabytes(one.bytes_own),
        ]
    };
    table(head.to_vec(), listed.iter().map(row), &[3, 4, 5, 6], paint)
}

/// The documents that two generations do not have in common.
pub(crate) fn diff(diff: &Diff) -> String {
    let line = |word: &str, document: &NamedDocument| format!("{word:>9}  {}", document.filename);
    let groups = [("added", &diff.added), ("changed", &diff.changed), ("removed", &diff.removed)];
    let lines = groups.iter().flat_map(|(word, documents)| documents.iter().map(|document| line(word, document)));
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { "the same documents".to_owned() } else { lines.join("\n") }
}

/// Which generation is live again.
pub(crate) fn rolled_back(live: &Listed) -> String {
    format!("  live  {}  {}, {}", live.generation, count(live.documents, "document"), count(live.chunks, "chunk"))
}

/// What a purge removed.
pub(crate) fn purged(purged: &Purged) -> String {
    let mut lines: Vec<_> = purged.removed.iter().map(|generation| format!("  removed  {generation}")).collect();
    for gone in &purged.gone {
        let what = if gone.is_replaced { "older text of " } else { "" };
        lines.push(format!("     gone  {what}{}", gone.document.filename));
    }
    lines.extend(
        purged.unreadable.iter().map(|one| format!("   unread  {one}: damaged, its documents cannot be named")),
    );
    if purged.abandoned > 0 {
        lines.push(format!("  cleared  {} that nobody finished", count(purged.abandoned as u64, "upload")));
    }
    let held =
        purged.still_held.iter().map(|one| format!("     held  {}: deleted, but its text is kept", one.filename));
    lines.extend(held);
    lines.push(format!(
        "{} removed ({}); {} is live{}",
        count(purged.objects as u64, "object"),
        megabytes(purged.bytes),
        purged.live,
        if purged.is_rewritten { ", written anew without deleted text" } else { "" }
    ));
    if !purged.still_held.is_empty() {
        lines.push("`docent generations purge --keep 1` removes deleted text from all files".to_owned());
    }
    lines.join("\n")
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
