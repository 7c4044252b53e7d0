//! An answer as a person reads it: statements with numbers, then what the numbers stand for.

use super::text::{Paint, excerpt, place, wrap};
use docent_core::query::{Answer, Citation, Source};
use docent_core::{Outcome, Query, Verification};
use docent_engine::progress::{self, QueryEvent};
use docent_engine::trace::Trace;

const INDENT: &str = "    ";
/// Lines shown of a passage that is only near.
const NEAREST_LINES: usize = 2;

/// Sets an answer statement by statement and remembers what was cited.
pub(crate) struct AnswerText {
    width: usize,
    paint: Paint,
    cited: Vec<Citation>,
}

impl AnswerText {
    pub(crate) const fn new(width: usize, paint: Paint) -> Self {
        let cited = Vec::new();
        Self { width, paint, cited }
    }

    /// The whole of a finished answer.
    pub(crate) fn whole(query: &Query, answer: &Answer, width: usize, paint: Paint) -> String {
        let mut text = Self::new(width, paint);
        let mut parts = Vec::new();
        for event in progress::replay(query) {
            if let QueryEvent::Statement { text: said, citations } = event {
                parts.push(text.statement(&said, &citations));
            }
        }
        parts.push(text.rest(answer));
        parts.join("\n")
    }

    /// A statement with the numbers of its citations.
    pub(crate) fn statement(&mut self, said: &str, citations: &[Citation]) -> String {
        let mut numbers: Vec<_> = citations.iter().map(|one| self.number(one)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let marks: String = numbers.iter().map(|number| format!("[{number}]")).collect();
        wrap(&format!("{said} {marks}"), self.width, "")
    }

    fn number(&mut self, citation: &Citation) -> usize {
        let same = |one: &Citation| {
            one.chunk_id == citation.chunk_id
                && one.start_char_index == citation.start_char_index
                && one.end_char_index == citation.end_char_index
        };
        let known = self.cited.iter().position(same);
        known.unwrap_or_else(|| {
            self.cited.push(citation.clone());
            self.cited.len() - 1
        }) + 1
    }

    /// What follows the statements: the quotes, or the nearest passages.
    pub(crate) fn rest(&self, answer: &Answer) -> String {
        if answer.outcome == Outcome::NotFound || answer.is_erased {
            return self.not_found(answer);
        }
        let mut parts = Vec::new();
        if answer.outcome == Outcome::Partial {
            let note = "Part of the answer is left out, as the documents do not bear it out.";
            parts.push(format!("\n{}", self.paint.yellow(note)));
        }
        for (number, citation) in (1..).zip(&self.cited) {
            parts.push(format!("\n{}", self.citation(number, citation, answer)));
        }
        parts.join("\n")
    }

    fn citation(&self, number: usize, citation: &Citation, answer: &Answer) -> String {
        let place = place(citation.start_page_number, &citation.heading_path);
        let (word, painted) = match citation.verification {
            Verification::Verified => ("verified", self.paint.green("verified")),
            Verification::Repaired => ("repaired", self.paint.yellow("repaired")),
        };
        let head = heading(&format!("[{number}]"), &citation.filename, place);
        let lost = if answer.has_lost(&citation.document_id) { " · source deleted" } else { "" };
        let room = self.width.saturating_sub(word.len() + lost.len() + 3);
        let head = wrap(&head, room, "");
        let quote = format!("\u{201c}{}\u{201d}", citation.cited_text);
        format!(
            "{} · {painted}{}\n{}",
            self.paint.bold(&head),
            self.paint.yellow(lost),
            wrap(&quote, self.width, INDENT)
        )
    }

    fn not_found(&self, answer: &Answer) -> String {
        let mut text = self.paint.yellow(&wrap(&answer.text, self.width, ""));
        if !answer.sources.is_empty() {
            text.push_str("\n\nNearest passages:");
        }
        for source in &answer.sources {
            text.push_str("\n\n");
            text.push_str(&self.passage(source));
        }
        text
    }

    fn passage(&self, source: &Source) -> String {
        let place = place(source.page_number, &source.heading_path);
        let head = heading("-", &source.filename, place);
        let words = excerpt(&source.text, self.width, INDENT, NEAREST_LINES);
        format!("{}\n{}", wrap(&head, self.width, ""), self.paint.dim(&words))
    }
}

fn heading(mark: &str, filename: &str, place: Option<String>) -> String {
    match place {
        Some(place) => format!("{mark} {filename} · {place}"),
        None => format!("{mark} {filename}"),
    }
}

/// What an answer came to and where its time went, in one line.
pub(crate) fn summary(answer: &Answer, trace: Option<&Trace>) -> String {
    let outcome = match answer.outcome {
        Outcome::Answered => "answered",
        Outcome::Partial => "partly answered",
        Outcome::NotFound => "not found",
    };
    let mut text = format!("{outcome} by {}", answer.model);
    if let Some(timings) = trace.map(|trace| trace.timings) {
        text.push_str(&format!(
            " in {:.0} ms (embedding {:.0}, search {:.0}, answer {:.0})",
            timings.total_ms, timings.embed_ms, timings.search_ms, timings.generate_ms
        ));
    }
    if answer.usage.total_tokens > 0 {
        text.push_str(&format!(", {} tokens", answer.usage.total_tokens));
    }
    match answer.cost.as_ref().map(|cost| cost.money) {
        Some(Some(money)) if money.0 > 0 => text.push_str(&format!(", about ${money}")),
        Some(None) => text.push_str(", cost not known"),
        _ => {}
    }
    text
}
