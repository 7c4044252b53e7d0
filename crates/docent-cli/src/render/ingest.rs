//! What became of files.

use super::text::{Paint, count, parts, wrap};
use docent_core::IngestOutcome;
use docent_engine::ingest::{FileReport, IngestSummary};
use docent_engine::sync::SyncSummary;

/// A file's line, and what else there is to say about it.
pub(crate) fn file(report: &FileReport, is_dry: bool, width: usize, paint: Paint) -> String {
    let word = if is_dry { planned(report.outcome) } else { report.outcome.as_str() };
    let word = format!("{word:>9}");
    let word = match report.outcome {
        IngestOutcome::Refused => paint.red(&word),
        IngestOutcome::Partial => paint.yellow(&word),
        IngestOutcome::Unchanged => paint.dim(&word),
        _ => paint.green(&word),
    };
    let mut text = format!("{word}  {}", report.file);
    if let Some(reason) = &report.reason {
        push_remark(&mut text, reason, width);
    } else if report.outcome != IngestOutcome::Unchanged {
        let chunks = count(report.chunks, "chunk");
        let parts = report.format.and_then(|format| parts(format, report.pages));
        let size = parts.map_or_else(|| chunks.clone(), |parts| format!("{parts}, {chunks}"));
        text.push_str(&paint.dim(&format!("  {size}")));
    }
    if !report.unreadable_pages.is_empty() {
        let pages = ranges(&report.unreadable_pages);
        push_remark(&mut text, &format!("without readable text: page {pages}"), width);
    }
    for warning in &report.warnings {
        push_remark(&mut text, warning, width);
    }
    text
}

/// What has not happened yet.
const fn planned(outcome: IngestOutcome) -> &'static str {
    match outcome {
        IngestOutcome::Added => "add",
        IngestOutcome::Updated => "update",
        IngestOutcome::Deleted => "delete",
        IngestOutcome::Unchanged | IngestOutcome::Partial | IngestOutcome::Refused => outcome.as_str(),
    }
}

fn push_remark(text: &mut String, remark: &str, width: usize) {
    text.push('\n');
    text.push_str(&wrap(remark, width, "           "));
}

/// `1-3, 7` for 1, 2, 3, 7.
fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let shown = runs.filter_map(|run| match (run.first()?, run.last()?) {
        (first, last) if first == last => Some(first.to_string()),
        (first, last) => Some(format!("{first}-{last}")),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The whole run in one line.
pub(crate) fn summary(summary: &IngestSummary, collection: &str) -> String {
    let parts = counts(summary, IngestOutcome::as_str);
    let stored = count(summary.chunks, "chunk");
    match (parts.is_empty(), summary.chunks) {
        (true, _) => format!("nothing to do in collection {collection}"),
        (false, 0) => format!("{} in collection {collection}", parts.join(", ")),
        (false, _) => format!("{} in collection {collection} ({stored})", parts.join(", ")),
    }
}

fn counts(summary: &IngestSummary, word: impl Fn(IngestOutcome) -> &'static str) -> Vec<String> {
    let counts = [
        (summary.added, IngestOutcome::Added),
        (summary.updated, IngestOutcome::Updated),
        (summary.deleted, IngestOutcome::Deleted),
        (summary.partial, IngestOutcome::Partial),
        (summary.unchanged, IngestOutcome::Unchanged),
        (summary.refused, IngestOutcome::Refused),
    ];
    let happened = counts.into_iter().filter(|(number, _)| *number > 0);
    happened.map(|(number, outcome)| format!("{number} {}", word(outcome))).collect()
}

/// What a sync did or would do, in one line.
pub(crate) fn synced(synced: &SyncSummary, collection: &str) -> String {
    if !synced.dry_run {
        return summary(&synced.files, collection);
    }
    let parts = counts(&synced.files, planned);
    match parts.is_empty() {
        true => format!("nothing would change in collection {collection}"),
        false => format!("{} in collection {collection}; nothing was changed", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_pages_are_joined() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
    }

    #[test]
    fn a_summary_names_only_what_happened() {
        let mut counts = IngestSummary::default();
        assert_eq!(summary(&counts, "default"), "nothing to do in collection default");
        counts.unchanged = 2;
        assert_eq!(summary(&counts, "default"), "2 unchanged in collection default");
        (counts.added, counts.pages, counts.chunks) = (1, 1, 4);
        assert_eq!(summary(&counts, "default"), "1 added, 2 unchanged in collection default (4 chunks)");
    }
}
