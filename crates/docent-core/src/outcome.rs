//! Decides from the evidence what an answer is worth.
//!
//! Statements arrive one by one, each with the quotes that a generator offers for it. A statement whose quotes are all
//! gone after the look-up is left out: an answer holds only what the documents say. Nothing left means `not_found`.

use crate::query::{Citation, Outcome, Quote, Statement};
use crate::quotes::{Located, SearchablePage};
use crate::{Chunk, Page};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What is said when the documents do not answer.
pub const NOT_FOUND_TEXT: &str = "The documents do not answer this question.";

/// What became of one offered quote; kept in the trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteCheck {
    /// Number of the passage it was said to stand in, from 1.
    pub passage: usize,
    /// The words offered.
    pub quote: String,
    /// `verified`, `repaired`, or why it was dropped.
    pub result: String,
}

/// What became of one statement; kept in the trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementCheck {
    /// The statement as generated.
    pub text: String,
    /// True if at least one quote survived.
    pub kept: bool,
    /// Its quotes.
    pub quotes: Vec<QuoteCheck>,
}

/// Checks an answer statement by statement against the pages its passages come from.
pub struct EvidenceCheck {
    chunks: Vec<Chunk>,
    pages: HashMap<(String, u32), SearchablePage>,
    text: String,
    citations: Vec<Citation>,
    trace: Vec<StatementCheck>,
}

/// The answer that is left.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What it is worth.
    pub outcome: Outcome,
    /// Surviving statements, or [`NOT_FOUND_TEXT`].
    pub text: String,
    /// Their evidence.
    pub citations: Vec<Citation>,
    /// How that came about.
    pub trace: Vec<StatementCheck>,
}

impl EvidenceCheck {
    /// `chunks` are the passages in the order of their numbers; `pages` the stored pages they come from, by document id
    /// and place in the document.
    pub fn new(chunks: Vec<Chunk>, pages: impl IntoIterator<Item = ((String, u32), Page)>) -> Self {
        let pages = pages.into_iter().map(|(key, page)| (key, SearchablePage::new(&page.text))).collect();
        Self { chunks, pages, text: String::new(), citations: Vec::new(), trace: Vec::new() }
    }

    /// Checks the next statement. Returns what may be shown: its text as it stands in the answer and its citations, or
    /// nothing if it lost its evidence.
    pub fn statement(&mut self, statement: &Statement) -> Option<(String, Vec<Citation>)> {
        let mut found: Vec<Citation> = Vec::new();
        let mut checks = Vec::with_capacity(statement.quotes.len());
        for quote in &statement.quotes {
            let (citation, result) = self.check_quote(quote);
            checks.push(QuoteCheck { passage: quote.passage, quote: quote.text.clone(), result: result.to_owned() });
            // The same words offered twice are one citation.
            found.extend(citation.filter(|new| !found.iter().any(|old| same_place(old, new))));
        }
        let text = statement.text.trim();
        let kept = !found.is_empty() && !text.is_empty();
        self.trace.push(StatementCheck { text: statement.text.clone(), kept, quotes: checks });
        kept.then(|| self.keep(text, found))
    }

    fn keep(&mut self, text: &str, mut found: Vec<Citation>) -> (String, Vec<Citation>) {
        if !self.text.is_empty() {
            self.text.push(if text.starts_with(['-', '*', '|']) { '\n' } else { ' ' });
        }
        let start = char_count(&self.text);
        self.text.push_str(text);
        let end = char_count(&self.text);
        for citation in &mut found {
            (citation.answer_start_index, citation.answer_end_index) = (start, end);
        }
        self.citations.extend(found.iter().cloned());
        (text.to_owned(), found)
    }

    /// Looks in the named passage's page first, then in the others': a wrong number does not make true words false.
    fn check_quote(&self, quote: &Quote) -> (Option<Citation>, &'static str) {
        let named = quote.passage.checked_sub(1).and_then(|i| self.chunks.get(i));
        let others = self.chunks.iter().filter(|chunk| named.is_none_or(|named| named.id != chunk.id));
        for chunk in named.into_iter().chain(others) {
            if let Some(citation) = self.locate(chunk, &quote.text) {
                let result = match citation.verification {
                    crate::Verification::Verified => "verified",
                    crate::Verification::Repaired => "repaired",
                };
                return (Some(citation), result);
            }
        }
        (None, "dropped: the words do not stand in the passages")
    }

    fn locate(&self, chunk: &Chunk, quote: &str) -> Option<Citation> {
        let page = self.pages.get(&(chunk.document_id.clone(), chunk.page_index))?;
        let near = chunk.start_char as usize..chunk.end_char as usize;
        let located = page.locate(quote, near)?;
        Some(citation(chunk, page, located))
    }

    /// Decides. `missing` is what the generator said it could not answer.
    pub fn verdict(self, missing: Option<&str>) -> Verdict {
        let lost_some = self.trace.iter().any(|statement| !statement.kept);
        let outcome = match () {
            () if self.citations.is_empty() => Outcome::NotFound,
            () if lost_some || missing.is_some_and(|m| !m.trim().is_empty()) => Outcome::Partial,
            () => Outcome::Answered,
        };
        let text = if outcome == Outcome::NotFound { NOT_FOUND_TEXT.to_owned() } else { self.text };
        Verdict { outcome, text, citations: self.citations, trace: self.trace }
    }
}

fn citation(chunk: &Chunk, page: &SearchablePage, located: Located) -> Citation {
    Citation {
        chunk_id: chunk.id.clone(),
        document_id: chunk.document_id.clone(),
        filename: chunk.filename.clone(),
        title: chunk.title.clone(),
        heading_path: chunk.heading_path.clone(),
        start_page_number: chunk.page,
        end_page_number: chunk.page,
        page_index: chunk.page_index,
        cited_text: page.slice(located.start_char..located.end_char),
        start_char_index: u32::try_from(located.start_char).unwrap_or(u32::MAX),
        end_char_index: u32::try_from(located.end_char).unwrap_or(u32::MAX),
        verification: located.verification,
        answer_start_index: 0,
        answer_end_index: 0,
    }
}

fn same_place(a: &Citation, b: &Citation) -> bool {
    a.document_id == b.document_id
        && a.page_index == b.page_index
        && a.start_char_index == b.start_char_index
        && a.end_char_index == b.end_char_index
}

fn char_count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Verification;

    fn chunk(document: &str, page_index: u32, text: &str) -> Chunk {
        Chunk {
            id: format!("{document}#{page_index}"),
            document_id: document.to_owned(),
            filename: format!("{document}.pdf"),
            title: document.to_owned(),
            ordinal: page_index,
            page_index,
            page: Some(page_index + 1),
            heading_path: vec![],
            text: text.to_owned(),
            start_char: 0,
            end_char: u32::try_from(text.chars().count()).expect("short"),
        }
    }

    fn check() -> EvidenceCheck {
        let texts = ["Annual leave is 25 days.", "Sick leave is paid for six weeks."];
        let chunks = vec![chunk("leave", 0, texts[0]), chunk("leave", 1, texts[1])];
        let page = |i: usize| Page { number: Some(1), heading_path: vec![], text: texts[i].to_owned() };
        EvidenceCheck::new(chunks, [(("leave".to_owned(), 0), page(0)), (("leave".to_owned(), 1), page(1))])
    }

    fn statement(text: &str, quotes: &[(usize, &str)]) -> Statement {
        let quotes =
            quotes.iter().map(|(passage, text)| Quote { passage: *passage, text: (*text).to_owned() }).collect();
        Statement { text: text.to_owned(), quotes }
    }

    #[test]
    fn answered_when_every_statement_has_evidence() {
        let mut check = check();
        check.statement(&statement("You get 25 days.", &[(1, "Annual leave is 25 days")])).expect("kept");
        check.statement(&statement("Sick pay lasts six weeks.", &[(2, "paid for six weeks")])).expect("kept");
        let verdict = check.verdict(None);
        assert_eq!(verdict.outcome, Outcome::Answered);
        assert_eq!(verdict.text, "You get 25 days. Sick pay lasts six weeks.");
        let ranges: Vec<_> = verdict.citations.iter().map(|c| (c.answer_start_index, c.answer_end_index)).collect();
        assert_eq!(ranges, [(0, 16), (17, 42)]);
        assert_eq!(verdict.citations[1].start_page_number, Some(2));
        assert_eq!(verdict.citations[1].cited_text, "paid for six weeks");
    }

    #[test]
    fn partial_when_a_statement_lost_its_evidence_or_something_is_missing() {
        let mut lost = check();
        lost.statement(&statement("You get 25 days.", &[(1, "Annual leave is 25 days")]));
        assert_eq!(lost.statement(&statement("And a car.", &[(1, "everybody gets a company car")])), None);
        let verdict = lost.verdict(None);
        assert_eq!((verdict.outcome, verdict.text.as_str()), (Outcome::Partial, "You get 25 days."));
        assert!(verdict.trace[1].quotes[0].result.starts_with("dropped"));

        let mut incomplete = check();
        incomplete.statement(&statement("You get 25 days.", &[(1, "Annual leave is 25 days")]));
        assert_eq!(incomplete.verdict(Some("who approves it")).outcome, Outcome::Partial);
    }

    #[test]
    fn not_found_without_a_surviving_quote() {
        let mut none = check();
        none.statement(&statement("Yes.", &[]));
        let verdict = none.verdict(None);
        assert_eq!((verdict.outcome, verdict.text.as_str()), (Outcome::NotFound, NOT_FOUND_TEXT));
        assert_eq!(check().verdict(None).outcome, Outcome::NotFound);
    }

    #[test]
    fn a_wrong_passage_number_is_put_right() {
        let mut check = check();
        let (_, citations) = check.statement(&statement("Six weeks.", &[(9, "paid for six weeks")])).expect("kept");
        assert_eq!(citations[0].chunk_id, "leave#1");
        assert_eq!(citations[0].verification, Verification::Verified);
    }
}
