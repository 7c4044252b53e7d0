//! Text to terms, the same for chunks and questions.
//!
//! A run of letters, digits and inner connectors (`x_frame_options`, `ERR-4711`, `foo.bar`, `getUserName`, `1,234.5`)
//! gives its parts, lower-cased, without accents and stemmed as English, and the run as a whole besides: joined when
//! only hyphens or letter case hold it together (`e-mail` finds `email`, `ERR-4711` finds `err4711`), with its
//! separators otherwise. Chinese and Japanese characters, which are written without spaces, give overlapping pairs.
//!
//! What is absent: stop words stay in the index, so that a question made of nothing else still finds something; they
//! are dropped from all other questions.

use crate::stopwords::is_stop_word;
use frostem::{Algorithm, Stemmer};
use std::collections::HashMap;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::UnicodeNormalization;

/// Longest run that is indexed as a whole, in bytes; beyond it only the parts are.
const WHOLE_LIMIT: usize = 80;

/// Longest part that is indexed; what is longer is no word (encoded data, for example).
const PART_LIMIT: usize = 120;

/// Most words whose stems one analyser remembers: text repeats itself, and stemming is the slow step.
const REMEMBERED: usize = 20_000;

/// A term with the lower-case word it was made from.
struct Word<'a> {
    plain: &'a str,
    term: &'a str,
}

/// Makes terms and remembers stems.
#[derive(Clone)]
pub(crate) struct Analyser {
    stemmer: Stemmer,
    stems: HashMap<String, String>,
}

impl Default for Analyser {
    fn default() -> Self {
        Self { stemmer: Stemmer::new(Algorithm::English), stems: HashMap::new() }
    }
}

impl Analyser {
    fn analyse(&mut self, text: &str, emit: &mut impl FnMut(Word)) {
        for run in text.split(|c: char| !(is_letter(c) || is_connector(c))) {
            for run in split_commas(run) {
                let run = trim_run(run);
                if !run.is_empty() {
                    self.analyse_run(run, emit);
                }
            }
        }
    }

    fn analyse_run(&mut self, run: &str, emit: &mut impl FnMut(Word)) {
        let mut parts = 0;
        for part in run.split(|c: char| !is_letter(c) && !is_apostrophe(c)) {
            let part = part.trim_matches(is_apostrophe);
            if !part.is_empty() {
                parts += 1;
                self.analyse_part(part, emit);
            }
        }
        let marked = run.ends_with(['+', '#']);
        if (parts > 1 || marked) && run.len() <= WHOLE_LIMIT {
            self.emit_whole(run, emit);
        }
    }

    fn emit_whole(&mut self, run: &str, emit: &mut impl FnMut(Word)) {
        let joinable = run.chars().all(|c| is_letter(c) || c == '-' || is_apostrophe(c));
        let whole: String = run.chars().filter(|c| *c != ',' && (is_letter(*c) || !joinable)).collect();
        self.emit_folded(&whole, emit);
    }

    fn analyse_part(&mut self, part: &str, emit: &mut impl FnMut(Word)) {
        if part.len() > PART_LIMIT {
            return;
        }
        if part.chars().any(is_unspaced) {
            emit_pairs(part, emit);
            return;
        }
        if part.is_ascii() {
            let humps = humps(part);
            if humps.len() > 1 {
                humps.into_iter().for_each(|hump| self.emit_folded(hump, emit));
            }
        }
        self.emit_folded(part, emit);
    }

    fn emit_folded(&mut self, word: &str, emit: &mut impl FnMut(Word)) {
        let plain = fold(word);
        if !plain.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'') {
            emit(Word { plain: &plain, term: &plain });
            return;
        }
        if let Some(term) = self.stems.get(&plain) {
            emit(Word { plain: &plain, term });
            return;
        }
        let term = self.stemmer.stem(&plain).into_owned();
        emit(Word { plain: &plain, term: &term });
        if self.stems.len() < REMEMBERED {
            self.stems.insert(plain, term);
        }
    }
}

/// Terms of a question with how often each occurs, in the order of their first occurrence, without stop words unless
/// there is nothing else.
pub(crate) fn question_terms(text: &str) -> Vec<(String, u32)> {
    let mut terms: Vec<(String, u32, bool)> = Vec::new();
    Analyser::default().analyse(text, &mut |word| match terms.iter_mut().find(|(term, ..)| term == word.term) {
        Some((_, count, _)) => *count += 1,
        None => terms.push((word.term.to_owned(), 1, is_stop_word(word.plain))),
    });
    let only_stop_words = terms.iter().all(|(.., stop)| *stop);
    terms.into_iter().filter(|(.., stop)| only_stop_words || !stop).map(|(term, count, _)| (term, count)).collect()
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}')
}

const fn is_connector(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | ':' | '/' | '@' | '&' | '+' | '#' | ',' | '\u{2010}' | '\u{2011}') || is_apostrophe(c)
}

/// Written without spaces between words.
const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

/// A comma connects digits only.
fn split_commas(run: &str) -> impl Iterator<Item = &str> {
    let bytes = run.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let mut start = 0;
    let mut cuts: Vec<&str> = Vec::new();
    for (at, _) in run.match_indices(',') {
        if !(digit(at.checked_sub(1)) && digit(Some(at + 1))) {
            cuts.push(&run[start..at]);
            start = at + 1;
        }
    }
    cuts.push(&run[start..]);
    cuts.into_iter()
}

/// Cuts connectors off both ends, but leaves what belongs to a short name: `c++`, `c#`.
fn trim_run(run: &str) -> &str {
    let run = run.trim_start_matches(is_connector);
    let plain = run.trim_end_matches(is_connector);
    let named = plain.len() <= 2 && plain.chars().all(char::is_alphabetic);
    match &run[plain.len()..] {
        rest if named && rest.starts_with("++") => &run[..plain.len() + 2],
        rest if named && rest.starts_with('#') => &run[..plain.len() + 1],
        _ => plain,
    }
}

/// The words of `getUserName` or `HTTPServer`; digits stay with what they follow.
fn humps(part: &str) -> Vec<&str> {
    let bytes = part.as_bytes();
    let mut humps = Vec::new();
    let mut start = 0;
    for at in 1..bytes.len() {
        let upper = bytes[at].is_ascii_uppercase();
        let after_lower = bytes[at - 1].is_ascii_lowercase();
        let before_lower = bytes[at - 1].is_ascii_uppercase() && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        if upper && (after_lower || before_lower) {
            humps.push(&part[start..at]);
            start = at;
        }
    }
    humps.push(&part[start..]);
    humps
}

/// Lower case, without accents, in one form.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let bare = word.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).nfc();
    bare.map(|c| if is_apostrophe(c) { '\'' } else { c }).flat_map(char::to_lowercase).collect()
}

/// Overlapping pairs of characters; other scripts between them are kept as words of their own.
fn emit_pairs(part: &str, emit: &mut impl FnMut(Word)) {
    let characters: Vec<char> = fold(part).chars().collect();
    for group in characters.chunk_by(|a, b| is_unspaced(*a) == is_unspaced(*b)) {
        let width = if group.first().is_some_and(|c| is_unspaced(*c)) { 2.min(group.len()) } else { group.len() };
        for pair in group.windows(width) {
            let term: String = pair.iter().collect();
            emit(Word { plain: &term, term: &term });
        }
    }
}

/// [`Analyser`] as tantivy's tokenizer.
#[derive(Clone, Default)]
pub(crate) struct WordTokenizer {
    analyser: Analyser,
    terms: String,
    ends: Vec<usize>,
    token: Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        let Self { analyser, terms, ends, token } = self;
        terms.clear();
        ends.clear();
        token.reset();
        analyser.analyse(text, &mut |word| {
            terms.push_str(word.term);
            ends.push(terms.len());
        });
        WordStream { terms, ends, token, next: 0 }
    }
}

/// The terms of one text, made in advance; offsets are not kept, nobody asks for them.
pub(crate) struct WordStream<'a> {
    terms: &'a str,
    ends: &'a [usize],
    token: &'a mut Token,
    next: usize,
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(end) = self.ends.get(self.next) else { return false };
        let start = self.next.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.token.text.clear();
        self.token.text.push_str(&self.terms[start..*end]);
        self.token.position = self.next;
        self.next += 1;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> String {
        let mut found = Vec::new();
        Analyser::default().analyse(text, &mut |word| found.push(word.term.to_owned()));
        found.join(" ")
    }

    #[test]
    fn words_and_identifiers() {
        let table = [
            ("The running dogs' owners", "the run dog owner"),
            ("Don't panic.", "don't panic"),
            ("x_frame_options", "x frame option x_frame_options"),
            ("X-Frame-Options:", "x frame option xframeopt"),
            ("(ERR-4711)", "err 4711 err4711"),
            ("e-mails", "e mail email"),
            ("192.168.0.1, then", "192 168 0 1 192.168.0.1 then"),
            ("v1.2.3", "v1 2 3 v1.2.3"),
            ("foo.bar()", "foo bar foo.bar"),
            ("crate::io::Error", "crate io error crate::io::error"),
            ("getUserName HTTPServer2", "get user name getusernam http server2 httpserver2"),
            ("$1,234.50 in red,green", "1 234 50 1234.50 in red green"),
            ("C++, C# and a+", "c c++ c c# and a"),
            ("Café NAÏVE ﬁle", "cafe naiv file"),
            ("Docent’s", "docent"),
            ("東京都 PDFの", "東京 京都 pdf の"),
            ("… -- _ .", ""),
        ];
        for (text, expected) in table {
            assert_eq!(terms(text), expected, "{text}");
        }
    }

    #[test]
    fn questions_lose_stop_words_unless_nothing_is_left() {
        let question = |text| question_terms(text).into_iter().map(|(term, _)| term).collect::<Vec<_>>().join(" ");
        assert_eq!(question("What is the capital of France?"), "capit franc");
        assert_eq!(question("to be or not to be"), "to be or not");
        assert_eq!(question_terms("dogs and a dog"), [("dog".to_owned(), 2)]);
    }

    #[test]
    fn encoded_data_gives_no_giant_terms() {
        assert_eq!(terms(&"A1".repeat(400)), "");
        assert!(terms(&"abc/".repeat(100)).split(' ').all(|term| term == "abc"));
    }
}
