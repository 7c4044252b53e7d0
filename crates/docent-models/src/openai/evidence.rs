//! Prose to statements, for models that ignore the form they are asked for.
//!
//! Each sentence is offered as its own quote, and so is what it puts between quotation marks. A model that quotes word
//! for word thus keeps its citations, and every other sentence loses them in the check, as it must.

use docent_core::query::{Quote, Statement, Verification};
use docent_core::quotes::SearchablePage;
use docent_engine::ports::Passage;
use std::collections::HashSet;

/// Passages prepared for look-ups.
pub(crate) struct Evidence(Vec<Searchable>);

struct Searchable {
    number: usize,
    page: SearchablePage,
    characters: usize,
    words: HashSet<String>,
}

/// Characters that a passage between quotation marks must have to be tried on its own.
const QUOTATION_CHARS: usize = 12;

impl Evidence {
    pub(crate) fn new<'a>(passages: impl Iterator<Item = &'a Passage>) -> Self {
        Self(passages.map(|passage| Searchable::new(passage.number, &passage.hit.chunk.text)).collect())
    }

    /// One statement per sentence.
    pub(crate) fn statements(&self, prose: &str) -> Vec<Statement> {
        sentences(prose).into_iter().map(|text| Statement { quotes: self.quotes(&text), text }).collect()
    }

    /// What of the sentence stands in a passage, or else the whole sentence against the passage that it is most like.
    fn quotes(&self, sentence: &str) -> Vec<Quote> {
        let plain = without_marks(sentence);
        let whole = self.find(&plain);
        let parts = || quotations(&plain).into_iter().filter_map(|part| self.find(part)).collect();
        let found: Vec<Quote> = whole.map_or_else(parts, |quote| vec![quote]);
        if found.is_empty() { self.nearest(&plain).into_iter().collect() } else { found }
    }

    /// The first passage that has the words, exactly if any has them exactly.
    fn find(&self, text: &str) -> Option<Quote> {
        let located =
            |passage: &Searchable| passage.page.locate(text, 0..passage.characters).map(|found| found.verification);
        let found: Vec<(usize, Verification)> =
            self.0.iter().filter_map(|passage| Some((passage.number, located(passage)?))).collect();
        let exact = found.iter().find(|(_, verification)| *verification == Verification::Verified);
        let (passage, _) = exact.or(found.first())?;
        Some(Quote { passage: *passage, text: text.to_owned() })
    }

    fn nearest(&self, text: &str) -> Option<Quote> {
        let wanted = words(text);
        let shared = |passage: &&Searchable| passage.words.intersection(&wanted).count();
        let best = self.0.iter().rev().max_by_key(shared)?;
        Some(Quote { passage: best.number, text: text.to_owned() })
    }
}

impl Searchable {
    fn new(number: usize, text: &str) -> Self {
        Self { number, page: SearchablePage::new(text), characters: text.chars().count(), words: words(text) }
    }
}

fn words(text: &str) -> HashSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Sentences of a text, line by line, without list marks and code fences.
fn sentences(prose: &str) -> Vec<String> {
    let lines = prose.lines().map(without_list_mark).filter(|line| !line.starts_with("```"));
    lines.flat_map(split_line).filter(|sentence| sentence.chars().any(char::is_alphanumeric)).collect()
}

/// A sentence ends at `.`, `!` or `?` (and closing marks) before white space that no lower-case letter follows, so `e.g. so`
/// stays whole; and at the full stops of scripts without spaces.
fn split_line(line: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let current = sentences.len() - 1;
        sentences[current].push(character);
        let ends = sentences[current].trim_end_matches(CLOSING).ends_with(['.', '!', '?']);
        let space = characters.peek().is_some_and(|next| next.is_whitespace());
        let wide = matches!(character, '。' | '！' | '？');
        if wide || (ends && space && !followed_by_lower_case(characters.clone())) {
            sentences.push(String::new());
        }
    }
    sentences.into_iter().map(|sentence| sentence.trim().to_owned()).collect()
}

const CLOSING: [char; 7] = ['"', '\'', ')', ']', '”', '’', '»'];

fn followed_by_lower_case(mut rest: impl Iterator<Item = char>) -> bool {
    rest.find(|c| !c.is_whitespace()).is_some_and(char::is_lowercase)
}

fn without_list_mark(line: &str) -> &str {
    let line = line.trim().trim_start_matches(['#', '>']).trim_start();
    let bullet = line.strip_prefix("- ").or(line.strip_prefix("* ")).or(line.strip_prefix("• "));
    let number = || {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < line.len()).then(|| rest.strip_prefix(". ").or(rest.strip_prefix(") "))).flatten()
    };
    bullet.or_else(number).unwrap_or(line).trim_start()
}

/// The sentence without emphasis and without reference marks such as `[1]`.
fn without_marks(sentence: &str) -> String {
    let mut plain = sentence.replace("**", "").replace("__", "").replace('`', "");
    while let Some((before, after)) = plain.split_once('[').and_then(|(before, rest)| {
        let (mark, after) = rest.split_once(']')?;
        (!mark.is_empty() && mark.chars().all(|c| c.is_ascii_digit() || ", ".contains(c))).then_some((before, after))
    }) {
        plain = format!("{}{after}", before.trim_end());
    }
    plain.trim().to_owned()
}

/// What stands between quotation marks.
fn quotations(sentence: &str) -> Vec<&str> {
    let pieces = sentence.split(['"', '“', '”', '„', '«', '»']);
    let inner = pieces.enumerate().filter(|(place, _)| place % 2 == 1).map(|(_, piece)| piece.trim());
    inner.filter(|piece| piece.chars().count() >= QUOTATION_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Evidence {
        let texts =
            ["Full-time staff get 25 days of annual\nleave per year.", "Expenses are paid back within 14 days."];
        Evidence(texts.iter().enumerate().map(|(at, text)| Searchable::new(at + 1, text)).collect())
    }

    #[test]
    fn prose_is_cut_into_sentences() {
        for (prose, expected) in [
            ("One. Two! Three?", vec!["One.", "Two!", "Three?"]),
            (
                "It costs 3.50 in total, e.g. at noon. Then more.",
                vec!["It costs 3.50 in total, e.g. at noon.", "Then more."],
            ),
            ("He said \"Stop.\" Then left.", vec!["He said \"Stop.\"", "Then left."]),
            (
                "- first point\n2. second point\n\n## A heading\n```\ncode\n```",
                vec!["first point", "second point", "A heading", "code"],
            ),
            ("年次休暇は25日です。詳細は人事へ。", vec!["年次休暇は25日です。", "詳細は人事へ。"]),
            ("  \n--\n", vec![]),
        ] {
            assert_eq!(sentences(prose), expected, "{prose}");
        }
    }

    #[test]
    fn a_sentence_is_its_own_quote_against_the_passage_that_has_it() {
        for (sentence, quotes) in [
            (
                "Full-time staff get 25 days of annual leave per year.",
                vec![(1, "Full-time staff get 25 days of annual leave per year.")],
            ),
            ("**Expenses are paid back within 14 days** [2].", vec![(2, "Expenses are paid back within 14 days.")]),
            (
                "It says \"paid back within 14 days\" and “25 days of annual leave”.",
                vec![(2, "paid back within 14 days"), (1, "25 days of annual leave")],
            ),
            ("Staff get 30 days of leave per year.", vec![(1, "Staff get 30 days of leave per year.")]),
            ("I do not know.", vec![(1, "I do not know.")]),
        ] {
            let found: Vec<Quote> = evidence().quotes(sentence);
            let found: Vec<(usize, &str)> = found.iter().map(|quote| (quote.passage, quote.text.as_str())).collect();
            assert_eq!(found, quotes, "{sentence}");
        }
    }

    #[test]
    fn without_passages_nothing_is_quoted() {
        let statements = Evidence(Vec::new()).statements("It is 25 days.");
        assert_eq!(statements, [Statement { text: "It is 25 days.".into(), quotes: vec![] }]);
    }
}
