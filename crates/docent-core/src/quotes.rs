//! Looks a quote up in the stored text of a page.
//!
//! A quote counts as `verified` when it stands in the page word for word, but for white space, line-end hyphenation,
//! ligatures, quotation marks, dashes and case. It counts as `repaired` when a contiguous stretch of the page matches at
//! least 90 % of it (edit distance) over at least 12 characters, with the same numbers and the same negations; the page's
//! own words then replace the model's. Anything else is not a quote.
//!
//! The approximate search is Sellers' algorithm (P. Sellers, "The theory and computation of evolutionary distances",
//! Journal of Algorithms 1, 1980): edit distance in which the match may begin and end anywhere in the text.

use crate::query::Verification;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;

/// Fewest letters and digits a quote must have; shorter ones stand anywhere and prove nothing.
const ALPHANUMERIC_MIN: usize = 3;
/// Fewest normalised characters of a repaired quote.
const REPAIR_CHARS_MIN: usize = 12;
/// How far from the cited chunk an approximate match may lie, in characters of the page.
const REPAIR_REACH_CHARS: usize = 2_000;
/// Longest quote that is searched for approximately, in normalised characters; bounds the time spent on a bad answer.
const REPAIR_QUOTE_CHARS_MAX: usize = 1_500;
/// Words that turn a sentence around; a repair may neither add nor lose one.
const NEGATIONS: [&str; 12] =
    ["not", "no", "never", "none", "nor", "neither", "without", "cannot", "can't", "don't", "won't", "except"];

/// Where in a page a quote was found, in characters of the page text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// First quoted character.
    pub start_char: usize,
    /// One past the last quoted character.
    pub end_char: usize,
    /// How well it matched.
    pub verification: Verification,
}

/// A page prepared for look-ups: its normalised characters and where each came from.
#[derive(Clone, Debug)]
pub struct SearchablePage {
    folded: Folded,
    chars: Vec<char>,
}

impl SearchablePage {
    /// Prepares a page's text. Costs one pass over it.
    pub fn new(text: &str) -> Self {
        Self { folded: Folded::new(text), chars: text.chars().collect() }
    }

    /// Looks `quote` up; `near` is the cited chunk's place in the page (characters), around which an approximate match is
    /// searched. The occurrence closest to it wins.
    pub fn locate(&self, quote: &str, near: Range<usize>) -> Option<Located> {
        let needle = trimmed(Folded::new(quote).chars);
        if needle.iter().filter(|c| c.is_alphanumeric()).count() < ALPHANUMERIC_MIN {
            return None;
        }
        self.exact(&needle, near.start).or_else(|| self.approximate(&needle, near))
    }

    /// The words between two character offsets of the page.
    pub fn slice(&self, range: Range<usize>) -> String {
        self.chars[range.start.min(self.chars.len())..range.end.min(self.chars.len())].iter().collect()
    }

    fn exact(&self, needle: &[char], near: usize) -> Option<Located> {
        let text = &self.folded.chars;
        let mut best: Option<(usize, usize)> = None;
        let mut from = 0;
        while let Some(found) = find(&text[from..], needle).map(|at| at + from) {
            from = found + 1;
            if !self.stands_alone(found, found + needle.len()) {
                continue;
            }
            let distance = (self.folded.origin[found] as usize).abs_diff(near);
            if best.is_none_or(|(_, closest)| distance < closest) {
                best = Some((found, distance));
            }
        }
        best.map(|(at, _)| self.located(at..at + needle.len(), Verification::Verified))
    }

    /// True unless the match begins or ends inside a word.
    fn stands_alone(&self, start: usize, end: usize) -> bool {
        let text = &self.folded.chars;
        let glued = |a: Option<&char>, b: Option<&char>| {
            a.is_some_and(|c| c.is_alphanumeric()) && b.is_some_and(|c| c.is_alphanumeric())
        };
        let before = start.checked_sub(1).and_then(|i| text.get(i));
        !glued(before, text.get(start)) && !glued(text.get(end - 1), text.get(end))
    }

    fn approximate(&self, needle: &[char], near: Range<usize>) -> Option<Located> {
        if !(REPAIR_CHARS_MIN..=REPAIR_QUOTE_CHARS_MAX).contains(&needle.len()) {
            return None;
        }
        let lo = self.folded.index_of(near.start.saturating_sub(REPAIR_REACH_CHARS));
        let hi = self.folded.index_of(near.end.saturating_add(REPAIR_REACH_CHARS));
        let window = &self.folded.chars[lo..hi];
        let (distance, span) = closest_span(window, needle)?;
        let widened = whole_words(window, span);
        let span = without_spaces(window, widened.clone());
        // A space that goes may have been one of the quote's.
        let distance = distance + (widened.len() - span.len());
        let matched = &window[span.clone()];
        let long_enough = matched.len() >= REPAIR_CHARS_MIN;
        // At least 90 % of the quote must be there.
        let close_enough = distance * 10 <= needle.len();
        if !long_enough || !close_enough || !same_claims(matched, needle) {
            return None;
        }
        Some(self.located(lo + span.start..lo + span.end, Verification::Repaired))
    }

    fn located(&self, folded: Range<usize>, verification: Verification) -> Located {
        let start_char = self.folded.origin[folded.start] as usize;
        let end_char = self.folded.origin[folded.end - 1] as usize + 1;
        Located { start_char, end_char, verification }
    }
}

/// Characters after normalisation, each with the index of the character it came from.
#[derive(Clone, Debug, Default)]
struct Folded {
    chars: Vec<char>,
    origin: Vec<u32>,
}

impl Folded {
    fn new(text: &str) -> Self {
        let mut out = Self::default();
        let mut chars = text.chars().enumerate().peekable();
        while let Some((index, c)) = chars.next() {
            if c.is_whitespace() {
                out.push_space(index);
            } else if is_hyphen(c) {
                // "exam-\nple", "exam\u{ad}ple" and "exam-ple" are one word; "10-20" is not "1020".
                let after_letter = out.chars.last().is_some_and(|c| c.is_alphabetic());
                let mut line_end = false;
                while chars.peek().is_some_and(|(_, c)| c.is_whitespace()) {
                    line_end |= chars.next().is_some_and(|(_, c)| c == '\n');
                }
                let before_letter = chars.peek().is_some_and(|(_, c)| c.is_alphabetic());
                if !(after_letter && before_letter) {
                    out.push('-', index);
                    if line_end {
                        out.push_space(index);
                    }
                }
            } else if !is_invisible(c) {
                out.push_folded(c, index);
            }
        }
        out
    }

    fn push(&mut self, c: char, index: usize) {
        self.chars.push(c);
        self.origin.push(u32::try_from(index).unwrap_or(u32::MAX));
    }

    fn push_space(&mut self, index: usize) {
        if self.chars.last().is_some_and(|c| *c != ' ') {
            self.push(' ', index);
        }
    }

    fn push_folded(&mut self, c: char, index: usize) {
        if c.is_ascii() {
            let plain = if c == '`' { '\'' } else { c.to_ascii_lowercase() };
            return self.push(plain, index);
        }
        for folded in std::iter::once(c).nfkc().flat_map(char::to_lowercase) {
            self.push(plain_mark(folded), index);
        }
    }

    /// First normalised index at or behind a character of the original.
    fn index_of(&self, original: usize) -> usize {
        self.origin.partition_point(|&at| (at as usize) < original)
    }
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

fn plain_mark(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{ab}' | '\u{bb}' => '"',
        other => other,
    }
}

/// Drops spaces, quotation marks and closing punctuation around a quote: models add and lose them freely.
fn trimmed(chars: Vec<char>) -> Vec<char> {
    let edge = |c: &char| c.is_whitespace() || matches!(c, '"' | '\'' | '.' | ',' | ';' | ':' | '*' | '_' | '-' | '|');
    let Some(start) = chars.iter().position(|c| !edge(c)) else {
        return Vec::new();
    };
    let end = chars.iter().rposition(|c| !edge(c)).map_or(start, |i| i + 1);
    chars[start..end].to_vec()
}

fn find(text: &[char], needle: &[char]) -> Option<usize> {
    let (&first, rest) = needle.split_first()?;
    let last_start = text.len().checked_sub(needle.len())?;
    (0..=last_start).find(|&i| text[i] == first && text[i + 1..i + needle.len()] == *rest)
}

/// The stretch of `text` with the smallest edit distance to `needle`, and that distance.
fn closest_span(text: &[char], needle: &[char]) -> Option<(usize, Range<usize>)> {
    // One column per text position; each cell is (distance, where the match began).
    let mut column: Vec<(usize, usize)> = (0..=needle.len()).map(|cost| (cost, 0)).collect();
    let mut best: Option<(usize, Range<usize>)> = None;
    for (at, &c) in text.iter().enumerate() {
        let mut diagonal = column[0];
        column[0] = (0, at + 1);
        for (row, &wanted) in needle.iter().enumerate() {
            let substituted = (diagonal.0 + usize::from(c != wanted), diagonal.1);
            let inserted = (column[row + 1].0 + 1, column[row + 1].1);
            let deleted = (column[row].0 + 1, column[row].1);
            diagonal = column[row + 1];
            column[row + 1] = substituted.min(inserted).min(deleted);
        }
        let (cost, start) = column[needle.len()];
        if best.as_ref().is_none_or(|(lowest, _)| cost < *lowest) && start <= at {
            best = Some((cost, start..at + 1));
        }
    }
    best
}

/// Widens a span so that it cuts no word.
fn whole_words(text: &[char], span: Range<usize>) -> Range<usize> {
    let word = |i: usize| text.get(i).is_some_and(|c| c.is_alphanumeric());
    let (mut start, mut end) = (span.start, span.end);
    while start > 0 && word(start) && word(start - 1) {
        start -= 1;
    }
    while end > 0 && word(end) && word(end - 1) {
        end += 1;
    }
    start..end
}

/// A span without spaces at its ends: one may stand for a letter that the page has not, and is nobody's word.
fn without_spaces(text: &[char], span: Range<usize>) -> Range<usize> {
    let is_word = |at: &usize| text[*at] != ' ';
    let Some(start) = span.clone().find(is_word) else { return span.start..span.start };
    let end = span.rev().find(is_word).map_or(start, |last| last + 1);
    start..end
}

/// True when two near-equal texts have the same numbers and negations, in the same order.
fn same_claims(a: &[char], b: &[char]) -> bool {
    claims(a) == claims(b)
}

fn claims(text: &[char]) -> Vec<String> {
    let text: String = text.iter().collect();
    text.split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| word.chars().any(char::is_numeric) || NEGATIONS.contains(word))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Staff may work from abroad for up to 30 days per calendar year.\nThe \u{fb01}rst request goes to \
        your man-\nager; it must not be sent later than 14 days before departure. \u{201c}Core hours\u{201d} are 10\u{2013}15.";

    fn check(quote: &str, expect: Option<(&str, Verification)>) {
        let page = SearchablePage::new(PAGE);
        let found = page.locate(quote, 0..PAGE.chars().count());
        let shown = found.map(|f| (page.slice(f.start_char..f.end_char), f.verification));
        assert_eq!(shown, expect.map(|(text, how)| (text.to_owned(), how)), "quote: {quote}");
    }

    #[test]
    fn verified_but_for_form() {
        use Verification::Verified;
        check("up to 30 days per calendar year", Some(("up to 30 days per calendar year", Verified)));
        check("UP TO  30 days\nper calendar year.", Some(("up to 30 days per calendar year", Verified)));
        check("The first request", Some(("The \u{fb01}rst request", Verified)));
        check("goes to your manager", Some(("goes to your man-\nager", Verified)));
        check("\"Core hours\" are 10-15", Some(("Core hours\u{201d} are 10\u{2013}15", Verified)));
    }

    #[test]
    fn repaired_when_nearly_there() {
        use Verification::Repaired;
        check(
            "Staff may work from abroad up to 30 days per calendar year",
            Some(("Staff may work from abroad for up to 30 days per calendar year", Repaired)),
        );
        check(
            "it must not be sent latter than 14 days before the departure",
            Some(("it must not be sent later than 14 days before departure", Repaired)),
        );
    }

    #[test]
    fn repaired_without_a_space_for_a_lost_letter() {
        let found = |page: &str, quote: &str| {
            let page = SearchablePage::new(page);
            page.locate(quote, 0..30).map(|found| page.slice(found.start_char..found.end_char))
        };
        let shown = found("Hn taff may work from home x.", "Staff may work from home");
        assert_eq!(shown.as_deref(), Some("taff may work from home"));
        // Eleven characters and a space are not twelve.
        assert_eq!(found("Hn taff m37 52.", "Staff m37 52"), None);
    }

    #[test]
    fn refused_when_it_says_something_else() {
        check("up to 31 days per calendar year", None);
        check("it must be sent later than 14 days before departure", None);
        check("Staff may never work from abroad for up to 30 days per year", None);
        check("work from a", None);
        check("of", None);
        check("\u{201c}.\u{201d}", None);
        check("", None);
        check("Employees are entitled to a company car after two years", None);
    }

    #[test]
    fn the_occurrence_near_the_chunk_wins() {
        let page = SearchablePage::new("Open a ticket. Some words in between. Open a ticket.");
        let found = page.locate("Open a ticket", 38..52).expect("it stands there twice");
        assert_eq!((found.start_char, found.end_char), (38, 51));
    }

    #[test]
    fn a_page_that_was_cut_short_is_no_reason_to_panic() {
        for text in ["", "-", "\u{ad}", "a", "- ", "\u{200b}"] {
            assert_eq!(SearchablePage::new(text).locate("twenty-five days of leave", 0..100), None);
        }
    }
}
