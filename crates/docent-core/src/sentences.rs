//! Finds the sentences of a text, as places in it.
//!
//! A line that ends without a full stop (a heading, a table row, a list item) is a unit of its own. Line breaks inside a
//! wrapped paragraph are not ends. The rules know initials and common abbreviations; they are meant for showing and
//! ranking sentences, where a wrong cut costs little.

use crate::chunking::join_wrapped_lines;
use std::ops::Range;

/// Abbreviations that are followed by more of the sentence.
const ABBREVIATIONS: [&str; 22] = [
    "e.g", "i.e", "mr", "mrs", "ms", "dr", "prof", "st", "vs", "no", "nr", "fig", "eq", "sec", "approx", "cf", "incl",
    "min", "max", "p", "pp", "al",
];

/// Byte ranges of the sentences, in order, without surrounding white space.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let prepared = join_wrapped_lines(text);
    let mut out = Vec::new();
    let mut line_start = 0;
    for line in prepared.split_inclusive('\n') {
        let mut start = line_start;
        for end in ends(line) {
            push_trimmed(&mut out, text, start..line_start + end);
            start = line_start + end;
        }
        line_start += line.len();
        push_trimmed(&mut out, text, start..line_start);
    }
    out
}

fn push_trimmed(out: &mut Vec<Range<usize>>, text: &str, range: Range<usize>) {
    let piece = &text[range.clone()];
    let start = range.start + (piece.len() - piece.trim_start().len());
    let trimmed = piece.trim();
    if trimmed.chars().any(char::is_alphanumeric) {
        out.push(start..start + trimmed.len());
    }
}

/// Where sentences end in a line, in bytes.
fn ends(line: &str) -> Vec<usize> {
    let mut out = Vec::new();
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if matches!(c, '\u{3002}' | '\u{ff01}' | '\u{ff1f}') {
            out.push(at + c.len_utf8());
            continue;
        }
        if !matches!(c, '.' | '!' | '?' | '\u{2026}') {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some(&(at, closing)) = chars.peek()
            && matches!(closing, '.' | '!' | '?' | '"' | '\'' | ')' | ']' | '\u{201d}' | '\u{2019}' | '\u{bb}')
        {
            end = at + closing.len_utf8();
            chars.next();
        }
        if begins_sentence(&line[end..]) && !(c == '.' && is_abbreviation(&line[..at])) {
            out.push(end);
        }
    }
    out
}

fn begins_sentence(rest: &str) -> bool {
    let begins = |c: char| !c.is_lowercase() && !matches!(c, ',' | ';' | ':');
    rest.starts_with(char::is_whitespace) && rest.trim_start().chars().next().is_some_and(begins)
}

fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let mut chars = word.chars();
    let initial = matches!((chars.next(), chars.next()), (Some(c), None) if c.is_uppercase());
    initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<&str> = sentences(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn cuts_where_a_reader_would() {
        check("One. Two! Three? Four", &["One.", "Two!", "Three?", "Four"]);
        check("He said \"Stop.\" Then he left.", &["He said \"Stop.\"", "Then he left."]);
        check("Ask Dr. Smith or J. Doe, e.g. by mail.", &["Ask Dr. Smith or J. Doe, e.g. by mail."]);
        check("It costs 3.50 EUR. 4 people came.", &["It costs 3.50 EUR.", "4 people came."]);
        check("Version 1.2.3 is out at example.org today.", &["Version 1.2.3 is out at example.org today."]);
        check(
            "\u{7b2c}\u{4e00}\u{3002}\u{7b2c}\u{4e8c}\u{3002}",
            &["\u{7b2c}\u{4e00}\u{3002}", "\u{7b2c}\u{4e8c}\u{3002}"],
        );
    }

    #[test]
    fn lines_are_units_but_wrapped_paragraphs_are_not() {
        check(
            "Leave\n- 25 days a year\n- 5 days of study\n\nDays | 25\n",
            &["Leave", "- 25 days a year", "- 5 days of study", "Days | 25"],
        );
        let wrapped = "A paragraph whose lines were broken by the width of\na page is still one sentence. And another.";
        check(
            wrapped,
            &["A paragraph whose lines were broken by the width of\na page is still one sentence.", "And another."],
        );
    }

    #[test]
    fn nothing_to_say() {
        check("", &[]);
        check(" \n--- \n...\n", &[]);
    }
}
