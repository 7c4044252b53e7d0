//! An answer as running text for chat clients: statements with the numbers of their quotes, and the quotes below.
//!
//! A client that shows nothing but text shows the evidence all the same; one that reads annotations finds each number at
//! its place, counted in characters.

use docent_core::query::{Citation, Outcome, Query};
use serde_json::{Value, json};

/// The text so far.
pub(crate) struct ChatText {
    url: String,
    /// Characters written.
    length: usize,
    quoted: Vec<Citation>,
    annotations: Vec<Value>,
}

impl ChatText {
    /// `url` is where a person can look the quotes up.
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), length: 0, quoted: Vec::new(), annotations: Vec::new() }
    }

    /// The next statement, with the numbers of its quotes.
    pub(crate) fn statement(&mut self, words: &str, citations: &[Citation]) -> String {
        let mut piece = String::new();
        if self.length > 0 {
            piece.push(if words.starts_with(['-', '*', '|']) { '\n' } else { ' ' });
        }
        piece.push_str(words);
        for citation in citations {
            piece.push(' ');
            let number = self.number(citation);
            let start = self.length + piece.chars().count();
            piece.push_str(&format!("[{number}]"));
            self.annotate(citation, start, self.length + piece.chars().count());
        }
        self.length += piece.chars().count();
        piece
    }

    /// What stands below the answer: the quotes, or the passages that came nearest.
    pub(crate) fn ending(&mut self, query: &Query) -> String {
        let Some(answer) = &query.answer else { return String::new() };
        let mut piece = if self.length == 0 { answer.text.clone() } else { String::new() };
        let lines: Vec<String> = match answer.outcome {
            Outcome::NotFound => {
                answer.sources.iter().map(|source| nearest(&source.filename, source.page_number)).collect()
            }
            Outcome::Answered | Outcome::Partial => (1..).zip(&self.quoted).map(quote_line).collect(),
        };
        if !lines.is_empty() {
            piece.push_str(if answer.outcome == Outcome::NotFound { "\n\nThe nearest passages:\n" } else { "\n\n" });
            piece.push_str(&lines.join("\n"));
        }
        self.length += piece.chars().count();
        piece
    }

    pub(crate) fn annotations(&self) -> &[Value] {
        &self.annotations
    }

    /// The same words have the same number.
    fn number(&mut self, citation: &Citation) -> usize {
        let place =
            |one: &Citation| (one.document_id.clone(), one.page_index, one.start_char_index, one.end_char_index);
        if let Some(known) = self.quoted.iter().position(|known| place(known) == place(citation)) {
            return known + 1;
        }
        self.quoted.push(citation.clone());
        self.quoted.len()
    }

    fn annotate(&mut self, citation: &Citation, start: usize, end: usize) {
        let page = citation.start_page_number.map(|page| format!(", page {page}")).unwrap_or_default();
        let title = format!("{}{page}", citation.title);
        let citation = json!({"start_index": start, "end_index": end, "title": title, "url": self.url});
        self.annotations.push(json!({"type": "url_citation", "url_citation": citation}));
    }
}

fn quote_line((number, citation): (usize, &Citation)) -> String {
    let words = citation.cited_text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("[{number}] \u{201c}{words}\u{201d} ({})", located(&citation.filename, citation.start_page_number))
}

fn nearest(filename: &str, page: Option<u32>) -> String {
    format!("- {}", located(filename, page))
}

fn located(filename: &str, page: Option<u32>) -> String {
    page.map_or_else(|| filename.to_owned(), |page| format!("{filename}, page {page}"))
}
