//! What became of a PDF's pages, and how that is told.
//!
//! A file whose pages have text is finished by the child. Where pages have none and OCR is wanted, the child hands over
//! [`Unfinished`] work; the parent adds what OCR found and finishes it by the same rules.

use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};
use serde::{Deserialize, Serialize};

/// What a page turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Text,
    Blank,
    Scanned,
    Drawn,
    Undecodable,
    Damaged,
    Endless,
    /// Its text comes from OCR.
    Recognised,
    /// OCR found no words on it.
    Wordless,
    /// OCR failed on it.
    Failed,
}

impl State {
    /// True for a page that shows something which OCR may be able to read.
    const fn is_for_ocr(self) -> bool {
        matches!(self, Self::Scanned | Self::Drawn | Self::Undecodable)
    }

    const fn has_text(self) -> bool {
        matches!(self, Self::Text | Self::Recognised)
    }
}

const SENTENCES: &[(State, &str)] = &[
    (State::Scanned, "holds only pictures (a scan?); with tesseract installed, --ocr reads them"),
    (
        State::Undecodable,
        "has a text layer that is not decodable: its fonts do not say which characters they show; with tesseract \
         installed, --ocr reads what they show",
    ),
    (State::Drawn, "holds only drawings and no text"),
    (State::Damaged, "is damaged and could not be read"),
    (State::Endless, "has more drawing operations than are followed"),
    (State::Wordless, "has no text, and OCR found no words on it"),
];

/// Who reads pages that have no text of their own.
pub(crate) struct Reader<'a> {
    /// Name and version.
    pub(crate) name: &'a str,
    /// Languages, as tesseract names them: `eng+deu`.
    pub(crate) languages: &'a str,
}

/// A document with pages that OCR may be able to read.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    pub(crate) title: Option<String>,
    /// All pages in order.
    pub(crate) pages: Vec<Page>,
    /// What each of them is.
    pub(crate) states: Vec<State>,
    /// Numbers of pages that OCR failed on, and why.
    #[serde(skip)]
    failures: Vec<(u32, Refusal)>,
}

impl Unfinished {
    pub(crate) const fn new(title: Option<String>, pages: Vec<Page>, states: Vec<State>) -> Self {
        Self { title, pages, states, failures: Vec::new() }
    }

    /// True if a child can have said this of a document: a state for each page.
    pub(crate) fn is_sound(&self, pages_max: usize) -> bool {
        self.pages.len() == self.states.len() && self.pages.len() <= pages_max
    }

    /// Places of the pages that are worth a try, from 0.
    pub(crate) fn for_ocr(&self) -> Vec<usize> {
        (0..).zip(&self.states).filter(|(_, state)| state.is_for_ocr()).map(|(index, _)| index).collect()
    }

    /// What OCR made of a page.
    pub(crate) fn take_in(&mut self, index: usize, read: Result<String, Refusal>) {
        self.states[index] = match read {
            Ok(text) if text.trim().is_empty() => State::Wordless,
            Ok(text) => {
                self.pages[index].text = text;
                State::Recognised
            }
            Err(failure) => {
                self.failures.push((number(index), failure));
                State::Failed
            }
        };
    }

    /// The document, if it has a page with text; `reader` is who was asked to read the others.
    pub(crate) fn finish(self, reader: Option<&Reader<'_>>) -> Result<ParsedDocument, Refusal> {
        if !self.states.iter().any(|state| state.has_text()) {
            return Err(self.without_text());
        }
        let unreadable_pages = self.numbers(|state| !state.has_text() && state != State::Blank);
        let warnings = self.warnings(reader);
        let was_needed = !unreadable_pages.is_empty() || self.states.contains(&State::Recognised);
        let is_settled = was_needed && self.failures.is_empty();
        let ocr = reader.filter(|_| is_settled).map(|reader| reader.languages.to_owned());
        Ok(ParsedDocument {
            format: Format::Pdf,
            title: self.title,
            pages: self.pages,
            warnings,
            unreadable_pages,
            ocr,
        })
    }

    fn numbers(&self, wanted: impl Fn(State) -> bool) -> Vec<u32> {
        (1..).zip(&self.states).filter(|(_, state)| wanted(**state)).map(|(number, _)| number).collect()
    }

    fn warnings(&self, reader: Option<&Reader<'_>>) -> Vec<String> {
        let of = |wanted: State| Some(self.numbers(|state| state == wanted)).filter(|numbers| !numbers.is_empty());
        let read = reader.zip(of(State::Recognised)).map(|(reader, numbers)| {
            format!("{}: read by OCR ({}, {})", ranges(&numbers), reader.name, reader.languages)
        });
        let sentence =
            |(state, sentence): &(State, &str)| of(*state).map(|numbers| format!("{}: {sentence}", ranges(&numbers)));
        let failures = self.failures();
        read.into_iter().chain(failures).chain(SENTENCES.iter().filter_map(sentence)).collect()
    }

    /// One sentence for the pages that failed in the same way.
    fn failures(&self) -> Vec<String> {
        let mut by_cause: Vec<(&str, Vec<u32>)> = Vec::new();
        for (number, failure) in &self.failures {
            match by_cause.iter_mut().find(|(cause, _)| *cause == failure.detail) {
                Some((_, numbers)) => numbers.push(*number),
                None => by_cause.push((&failure.detail, vec![*number])),
            }
        }
        by_cause.iter().map(|(cause, numbers)| format!("{}: not read by OCR: {cause}", ranges(numbers))).collect()
    }

    fn without_text(&self) -> Refusal {
        let all = self.numbers(|state| state != State::Blank);
        let are_all = |wanted: &[State]| self.states.iter().all(|state| wanted.contains(state));
        let told = |kind| Refusal::new(kind, self.warnings(None).join("; "));
        let count = self.states.len();
        match self.failures.first() {
            _ if all.is_empty() => Refusal::new(RefusalKind::Empty, format!("every page is blank ({count} in all)")),
            // Another run may do better, so this is not the end of it.
            Some((_, failure)) => told(failure.kind),
            None if are_all(&[State::Damaged, State::Blank]) => {
                Refusal::new(RefusalKind::Corrupt, format!("no page could be read ({count} in all)"))
            }
            None if self.states.contains(&State::Endless) => told(RefusalKind::TooLarge),
            None if are_all(&[State::Undecodable]) => Refusal::new(
                RefusalKind::NoText,
                format!(
                    "text layer is not decodable on {}: the fonts do not say which characters they show; with \
                     tesseract installed, --ocr reads what they show",
                    ranges(&all)
                ),
            ),
            None => told(RefusalKind::NoText),
        }
    }
}

/// The number of the page at this place.
fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

/// Page numbers as a person writes them: `pages 1-3, 7`.
fn ranges(numbers: &[u32]) -> String {
    let mut out: Vec<String> = Vec::new();
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        out.push(match run {
            [first, .., last] => format!("{first}-{last}"),
            [only] => only.to_string(),
            [] => continue,
        });
    }
    let prefix = if numbers.len() == 1 { "page" } else { "pages" };
    format!("{prefix} {}", out.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: Reader<'_> = Reader { name: "tesseract 5", languages: "eng" };

    fn unfinished(states: &[State]) -> Unfinished {
        let page =
            |state: &State| Page { text: if *state == State::Text { "words" } else { "" }.into(), ..Page::default() };
        Unfinished::new(None, states.iter().map(page).collect(), states.to_vec())
    }

    fn told(outcome: Result<ParsedDocument, Refusal>) -> (String, Option<String>) {
        match outcome {
            Ok(parsed) => (format!("{:?} {}", parsed.unreadable_pages, parsed.warnings.join("; ")), parsed.ocr),
            Err(refusal) => (refusal.to_string(), None),
        }
    }

    #[test]
    fn what_ocr_did_is_told_of_each_page() {
        let mut work = unfinished(&[State::Text, State::Scanned, State::Scanned, State::Undecodable, State::Blank]);
        assert_eq!(work.for_ocr(), [1, 2, 3]);
        work.take_in(1, Ok("found".to_owned()));
        work.take_in(2, Ok(" \n".to_owned()));
        work.take_in(3, Ok("found".to_owned()));
        let expected =
            "[3] pages 2, 4: read by OCR (tesseract 5, eng); page 3: has no text, and OCR found no words on it";
        assert_eq!(told(work.finish(Some(&READER))), (expected.to_owned(), Some("eng".to_owned())));
    }

    #[test]
    fn a_failure_is_told_once_for_all_its_pages_and_leaves_the_document_open() {
        let late = || Err(Refusal::new(RefusalKind::Timeout, "tesseract took too long"));
        let mut work = unfinished(&[State::Scanned, State::Text, State::Scanned]);
        work.take_in(0, late());
        work.take_in(2, late());
        let expected = "[1, 3] pages 1, 3: not read by OCR: tesseract took too long";
        assert_eq!(told(work.finish(Some(&READER))), (expected.to_owned(), None));

        let mut work = unfinished(&[State::Scanned, State::Blank]);
        work.take_in(0, late());
        assert_eq!(told(work.finish(Some(&READER))).0, "timeout: page 1: not read by OCR: tesseract took too long");
    }

    #[test]
    fn the_way_to_ocr_is_shown_where_it_leads_somewhere() {
        let hint = |states: &[State]| told(unfinished(states).finish(None)).0.contains("--ocr");
        assert!(hint(&[State::Scanned]) && hint(&[State::Text, State::Scanned]) && hint(&[State::Undecodable]));
        assert!(
            !hint(&[State::Drawn]) && !hint(&[State::Damaged]) && !hint(&[State::Blank]) && !hint(&[State::Endless])
        );
        let mut tried = unfinished(&[State::Scanned]);
        tried.take_in(0, Ok(String::new()));
        assert_eq!(told(tried.finish(Some(&READER))).0, "no_text: page 1: has no text, and OCR found no words on it");
    }
}
