//! Source code and other files that programs read: text, a few lines to a page, cut where the author left a line free.

use crate::sections::span;
use crate::text;
use docent_core::kind::language;
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};

/// Characters of a page: about what fits into a chunk, so that a citation names few lines.
const PAGE_CHARACTERS: usize = 600;

pub(crate) fn parse(bytes: &[u8], extension: &str) -> Result<ParsedDocument, Refusal> {
    let source = text::tidy(&text::decode(bytes, None)?);
    let language = language(extension).unwrap_or("source");
    let lines: Vec<&str> = source.lines().collect();
    let pages: Vec<Page> = parts(&lines)
        .into_iter()
        .map(|(first, last)| Page {
            number: None,
            heading_path: vec![language.to_owned(), span("line", first as u32 + 1, last as u32 + 1)],
            text: lines[first..=last].join("\n"),
        })
        .collect();
    if pages.is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "the file holds nothing but white space"));
    }
    Ok(ParsedDocument {
        format: Format::Code,
        title: None,
        pages,
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    })
}

/// First and last line of each page. A page ends before it is too long: at the last free line in its second half, if
/// there is one, else anywhere.
fn parts(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut first = 0;
    while first < lines.len() {
        let mut characters = 0;
        let fits = |line: &&&str| {
            characters += line.len() + 1;
            characters <= PAGE_CHARACTERS
        };
        let count = lines[first..].iter().take_while(fits).count().max(1);
        let end = first + count;
        let free = (first + count.div_ceil(2)..end).rev().find(|at| lines[*at].trim().is_empty());
        let end = if end < lines.len() { free.map_or(end, |free| free + 1) } else { end };
        let written = |at: &usize| !lines[*at].trim().is_empty();
        let (top, bottom) = ((first..end).find(written), (first..end).rev().find(written));
        out.extend(top.zip(bottom));
        first = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_named_and_functions_stay_whole() {
        let function = |name: &str| format!("fn {name}() {{\n{}}}\n\n", "    // what it does\n".repeat(15));
        let source = format!("\n{}{}{}", function("one"), function("two"), function("three"));
        let parsed = parse(source.as_bytes(), "rs").expect("parses");
        let seen: Vec<(String, &str)> = parsed
            .pages
            .iter()
            .map(|page| (page.heading_path.join(" > "), page.text.lines().next().unwrap_or_default()))
            .collect();
        let expected = [
            ("Rust > lines 2–18", "fn one() {"),
            ("Rust > lines 20–36", "fn two() {"),
            ("Rust > lines 38–54", "fn three() {"),
        ];
        assert_eq!(seen, expected.map(|(path, line)| (path.to_owned(), line)));
    }

    #[test]
    fn a_line_without_an_end_is_a_page() {
        let parsed = parse("x".repeat(10_000).as_bytes(), "json").expect("parses");
        assert_eq!(parsed.pages[0].heading_path, ["JSON", "line 1"]);
        assert_eq!(parse(b"\n \n", "py").expect_err("empty").kind, RefusalKind::Empty);
    }
}
