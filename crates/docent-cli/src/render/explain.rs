//! How an answer came about, as a person reads it.

use super::text::{Paint, columns, count, place, wrap};
use docent_core::follow_up::Method;
use docent_core::query::Webhook;
use docent_core::{Query, SearchMode};
use docent_engine::trace::{Candidate, FollowUp, Trace};
use std::collections::BTreeSet;

const INDENT: &str = "    ";

/// The trace of a query, section by section.
pub(crate) fn trace(query: &Query, trace: &Trace, width: usize, paint: Paint) -> String {
    let mut out = Vec::new();
    out.push(wrap(&format!("Question: {}", trace.question), width, ""));
    out.extend(trace.follow_up.as_ref().map(|follow_up| wrap(&origin(follow_up), width, "  ")));
    out.push(format!(
        "Collection {}, generation {}, answered by {}",
        query.request.collection, trace.generation, trace.generator
    ));
    if trace.ranking == SearchMode::Dense {
        out.push("Ranked by vectors alone: the store has no index of words".to_owned());
    }
    if let Some(lost) = lost(query) {
        out.push(paint.yellow(&format!("Source deleted since: {lost}")));
    }
    out.push(format!("\n{}", paint.bold("Candidates")));
    out.extend(candidates(&trace.candidates));
    out.push(format!("\n{}", paint.bold("Statements")));
    out.extend(statements(trace, width, paint));
    if let Some(missing) = &trace.missing {
        out.push(wrap(&format!("Missing, by its own account: {missing}"), width, "  "));
    }
    out.push(format!("\n{}", paint.bold("Context")));
    out.push(wrap(&trace.context.join(", "), width, "  "));
    out.push(format!("\n{}", paint.bold("Time and tokens")));
    out.push(format!("  {}", times(trace)));
    if let Some(webhook) = &query.webhook {
        out.push(format!("\n{}", paint.bold("Webhook")));
        out.push(wrap(&told(webhook), width, "  "));
    }
    out.join("\n")
}

/// How far the telling of it is.
fn told(webhook: &Webhook) -> String {
    let status = webhook.status.as_str().replace('_', " ");
    let last = webhook.last_error.as_ref().map(|error| format!("; the last failure: {error}")).unwrap_or_default();
    format!("{status} after {}{last}", count(webhook.attempts, "attempt"))
}

/// What a question that follows others was, and who had it stand alone.
fn origin(follow_up: &FollowUp) -> String {
    let who = match (follow_up.method, &follow_up.failure) {
        (Method::Model, _) => "rewritten by the model".to_owned(),
        (Method::Rule, None) => "understood by rule".to_owned(),
        (Method::Rule, Some(failure)) => format!("understood by rule, as the model failed: {failure}"),
    };
    format!("asked as \u{201c}{}\u{201d}, {who}", follow_up.asked)
}

/// The documents that the answer was made from and that have been deleted since.
fn lost(query: &Query) -> Option<String> {
    let answer = query.answer.as_ref()?;
    let sources = answer.sources.iter().filter(|source| answer.has_lost(&source.document_id));
    let names: BTreeSet<_> = sources.map(|source| source.filename.as_str()).collect();
    (!names.is_empty()).then(|| names.into_iter().collect::<Vec<_>>().join(", "))
}

fn candidates(candidates: &[Candidate]) -> Vec<String> {
    let shown = |score: Option<f32>| score.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}"));
    let head = ["RANK", "SCORE", "WORDS", "MEANING", "FATE", "WHERE"].map(str::to_owned);
    let row = |one: &Candidate| {
        let place = place(one.page, &one.heading_path);
        let place = place.map(|place| format!(" · {place}")).unwrap_or_default();
        vec![
            one.rank.to_string(),
            format!("{:.4}", one.score),
            shown(one.bm25),
            shown(one.dense),
            one.fate.trim_start_matches("dropped: ").to_owned(),
            format!("{}{place}", one.filename),
        ]
    };
    let rows: Vec<_> = std::iter::once(head.to_vec()).chain(candidates.iter().map(row)).collect();
    let lines = columns(&rows, &[0, 1, 2, 3]);
    lines.iter().map(|line| format!("  {line}")).collect()
}

fn statements(trace: &Trace, width: usize, paint: Paint) -> Vec<String> {
    if trace.statements.is_empty() {
        return vec!["  none: nothing in the passages answers the question".to_owned()];
    }
    let mut out = Vec::new();
    for statement in &trace.statements {
        let word = if statement.kept { paint.green("kept") } else { paint.red("dropped") };
        out.push(format!("  {word}"));
        out.push(wrap(&statement.text, width, INDENT));
        for quote in &statement.quotes {
            let text = format!("passage {}, {}: \u{201c}{}\u{201d}", quote.passage, quote.result, quote.quote);
            out.push(wrap(&text, width, "      "));
        }
    }
    out
}

fn times(trace: &Trace) -> String {
    let (times, usage) = (trace.timings, trace.usage);
    let mut text = format!(
        "embedding {:.1} ms, search {:.1} ms, answer {:.1} ms, together {:.1} ms",
        times.embed_ms, times.search_ms, times.generate_ms, times.total_ms
    );
    if usage.total_tokens > 0 {
        text.push_str(&format!("; {} tokens read, {} written", usage.input_tokens, usage.output_tokens));
    }
    text
}
