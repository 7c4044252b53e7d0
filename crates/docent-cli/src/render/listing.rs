//! Hits, documents, collections, settings and checks as lines.

use super::text::{Paint, columns, count, excerpt, parts, place, wrap};
use docent_app::config::Shown;
use docent_app::doctor::{Check, Status};
use docent_core::{Document, Hit};
use docent_engine::ports::Collection;

const INDENT: &str = "    ";
/// Lines shown of a passage.
const PASSAGE_LINES: usize = 4;

/// A retrieved chunk with its scores.
pub(crate) fn hit(rank: usize, hit: &Hit, width: usize, paint: Paint) -> String {
    let chunk = &hit.chunk;
    let mut head = format!("{rank}. {}", chunk.filename);
    if let Some(place) = place(chunk.page, &chunk.heading_path) {
        head.push_str(" · ");
        head.push_str(&place);
    }
    format!(
        "{}\n{INDENT}{}\n{}",
        paint.bold(&wrap(&head, width, "")),
        paint.dim(&scores(hit)),
        excerpt(&chunk.text, width, INDENT, PASSAGE_LINES)
    )
}

fn scores(hit: &Hit) -> String {
    let shown = |score: Option<f32>| score.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}"));
    format!("score {:.4} · words {} · meaning {} · {}", hit.score, shown(hit.bm25), shown(hit.dense), hit.chunk.id)
}

/// Documents, one a line.
pub(crate) fn documents(documents: &[Document], paint: Paint) -> Vec<String> {
    let head = ["DOCUMENT", "FORMAT", "PARTS", "CHUNKS", "TITLE"].map(str::to_owned);
    let row = |one: &Document| {
        vec![
            one.filename.clone(),
            one.format.as_str().to_owned(),
            parts(one.format, one.pages).unwrap_or_else(|| "-".to_owned()),
            one.chunks.to_string(),
            one.title.clone(),
        ]
    };
    table(head.to_vec(), documents.iter().map(row), &[2, 3], paint)
}

/// Collections, one a line.
pub(crate) fn collections(collections: &[Collection], paint: Paint) -> Vec<String> {
    let head = ["COLLECTION", "DOCUMENTS", "CHUNKS", "SIZE", "EMBEDDED WITH"].map(str::to_owned);
    let row = |one: &Collection| {
        let size = one.bytes.map(|bytes| format!("{:.1} MB", bytes as f64 / 1e6));
        vec![
            one.name.clone(),
            one.documents.to_string(),
            one.chunks.to_string(),
            size.unwrap_or_else(|| "-".to_owned()),
            one.profile.embedding.name.clone(),
        ]
    };
    table(head.to_vec(), collections.iter().map(row), &[1, 2, 3], paint)
}

/// Rows below a dimmed head; columns in `right` are flush right.
pub(crate) fn table(
    head: Vec<String>,
    rows: impl Iterator<Item = Vec<String>>,
    right: &[usize],
    paint: Paint,
) -> Vec<String> {
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let mut lines = columns(&rows, right);
    lines[0] = paint.dim(&lines[0]);
    lines
}

/// Settings, one a line.
pub(crate) fn settings(settings: &[Shown]) -> Vec<String> {
    let row = |one: &Shown| {
        let value = one.value.clone().unwrap_or_else(|| "-".to_owned());
        vec![one.key.to_owned(), value, one.origin.clone()]
    };
    columns(&settings.iter().map(row).collect::<Vec<_>>(), &[])
}

/// A check, and what to do.
pub(crate) fn check(check: &Check, width: usize, paint: Paint) -> String {
    let word = match check.status {
        Status::Ok => paint.green("  ok"),
        Status::Warn => paint.yellow("warn"),
        Status::Fail => paint.red("fail"),
    };
    let indent = " ".repeat(23);
    let detail = wrap(&check.detail, width, &indent);
    let mut text = format!("{word}  {:<15}  {}", check.name, detail.trim_start());
    if let Some(fix) = &check.fix {
        text.push('\n');
        text.push_str(&wrap(&format!("hint: {fix}"), width, &indent));
    }
    text
}

/// What the checks come to.
pub(crate) fn checks(checks: &[Check]) -> String {
    let of = |status| checks.iter().filter(|check| check.status == status).count() as u64;
    match (of(Status::Fail), of(Status::Warn)) {
        (0, 0) => "everything works".to_owned(),
        (0, warnings) => format!("everything works, with {}", count(warnings, "warning")),
        (failures, _) => format!("{} to fix", count(failures, "part")),
    }
}
