//! Comma-separated values, and what goes by that name: the character between two fields is found by looking.

use crate::rows::Rows;
use crate::text;
use docent_core::{Format, ParsedDocument, Refusal, RefusalKind};

/// Lines that are looked at to find the delimiter.
const SAMPLE: usize = 20;
const DELIMITERS: &[u8] = b",;\t|";

pub(crate) fn parse(bytes: &[u8]) -> Result<ParsedDocument, Refusal> {
    let source = text::tidy(&text::decode(bytes, None)?);
    // Excel's way of saying which delimiter follows.
    let stated = source.strip_prefix("sep=").and_then(|rest| rest.split_once('\n'));
    let (delimiter, source) = match stated {
        Some((delimiter, rest)) if delimiter.len() == 1 => (delimiter.as_bytes()[0], rest),
        _ => (delimiter(&source), source.as_str()),
    };
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).has_headers(false).delimiter(delimiter).from_reader(source.as_bytes());
    let mut rows = Rows::new(Vec::new());
    for (number, record) in (1..).zip(reader.records()) {
        let record = record
            .map_err(|error| Refusal::new(RefusalKind::Corrupt, format!("row {number} cannot be read: {error}")))?;
        let fields = record.iter().map(|field| field.split_whitespace().collect::<Vec<_>>().join(" "));
        rows.push(number, fields.enumerate().filter(|(_, field)| !field.is_empty()).collect());
    }
    let pages = rows.finish();
    if pages.is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "the table has no field with something in it"));
    }
    Ok(ParsedDocument {
        format: Format::Csv,
        title: None,
        pages,
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    })
}

/// The delimiter that cuts the first lines into the same number of fields, most of them if several do.
fn delimiter(source: &str) -> u8 {
    let lines: Vec<&str> = source.lines().filter(|line| !line.trim().is_empty()).take(SAMPLE).collect();
    let score = |delimiter: &&u8| {
        let counts: Vec<usize> = lines.iter().map(|line| count(line, **delimiter)).collect();
        let usual = counts.first().copied().unwrap_or_default();
        let alike = counts.iter().filter(|count| **count == usual && usual > 0).count();
        (alike, usual)
    };
    // Of equals the last wins: a comma is what it is called after.
    DELIMITERS.iter().rev().max_by_key(score).copied().unwrap_or(b',')
}

/// Delimiters of a line outside quotation marks.
fn count(line: &str, delimiter: u8) -> usize {
    let mut quoted = false;
    let counts = |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == delimiter && !quoted
    };
    line.bytes().filter(counts).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_found() {
        let table = [
            ("a,b\n1,2\n", "a | b\n1 | 2"),
            ("Name;Price\nTie;9,50\nHat;12,00\n", "Name | Price\nTie | 9,50\nHat | 12,00"),
            ("a\tb\n1\t2\n", "a | b\n1 | 2"),
            ("\"x, y\",\"two\nlines\"\n\"say \"\"hi\"\"\",2\n", "x, y | two lines\nsay \"hi\" | 2"),
            ("sep=;\na;b\n1;2\n", "a | b\n1 | 2"),
            ("only\nwords\n", "only\nwords"),
        ];
        for (source, expected) in table {
            let parsed = parse(source.as_bytes()).expect(source);
            assert_eq!(parsed.pages[0].text, expected, "{source}");
        }
        assert_eq!(parse(b",,\n,\n").expect_err("empty").kind, RefusalKind::Empty);
    }
}
