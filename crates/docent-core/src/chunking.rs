//! Cuts pages into chunks of a limited number of tokens.
//!
//! A chunk never crosses a page (or a section, where headings take the place of pages), so its page number is never a
//! guess. Where to cut is `text-splitter`'s work: at the largest of paragraph, line, sentence and word that fits. Its
//! input is prepared here: the line breaks inside a paragraph are made spaces first (a line end would outrank a sentence
//! end), and a run without any line break is cut every 8 KiB, as the splitter's time grows with the square of its length.
//! Both preparations keep every byte in place, so offsets into the prepared text are offsets into the page.
//!
//! Three things are done before that: long tables get their header row repeated in the page's text
//! ([`tables`](crate::tables)), running heads of numbered pages are left out of the chunks, and so are the headings that
//! a page begins with, as each of its chunks has them in its heading path.

use crate::{Chunk, Page, running, tables};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use text_splitter::{ChunkConfig, ChunkSizer, TextSplitter};

/// Name of these rules, recorded in an index: chunks cut by other rules do not mix with these.
pub const CHUNKING_RULES: &str = "page-bound-v3/wordpiece";

/// Longest run without a line break that the splitter gets to see, in bytes.
const RUN_BYTES_MAX: usize = 8 * 1024;
/// A line at least this long, in bytes, was broken by the page's width rather than by its author.
const WRAPPED_LINE_BYTES_MIN: usize = 45;

/// How long chunks may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkSettings {
    /// Most tokens of a chunk, without its title and headings.
    pub tokens_max: usize,
    /// Tokens repeated from the chunk before.
    pub overlap: usize,
}

impl Default for ChunkSettings {
    fn default() -> Self {
        Self { tokens_max: 200, overlap: 0 }
    }
}

/// Where each token of a text begins, in bytes, ascending: what a tokenizer must be able to say.
pub type TokenStarts<'a> = &'a dyn Fn(&str) -> Vec<u32>;

/// What all chunks of a document have in common.
#[derive(Clone, Copy, Debug)]
pub struct ChunkOrigin<'a> {
    /// Document id.
    pub document_id: &'a str,
    /// Path to show.
    pub filename: &'a str,
    /// Title.
    pub title: &'a str,
}

/// Cuts all pages of a document. The text of a page with a long table changes: its header row is repeated.
pub fn chunk_pages(
    pages: &mut [Page],
    origin: &ChunkOrigin<'_>,
    settings: &ChunkSettings,
    tokens: TokenStarts<'_>,
) -> Vec<Chunk> {
    for page in &mut *pages {
        if let Some(set) = tables::repeat_headers(&page.text, settings.tokens_max, tokens) {
            page.text = set;
        }
    }
    let mut chunks = Vec::new();
    for (page_index, (page, body)) in pages.iter().zip(running::bodies(pages)).enumerate() {
        for span in spans(&page.text, below_headings(page, body), settings, tokens) {
            chunks.push(Chunk {
                id: format!("{}#{}", origin.document_id, chunks.len()),
                document_id: origin.document_id.to_owned(),
                filename: origin.filename.to_owned(),
                title: origin.title.to_owned(),
                ordinal: index(chunks.len()),
                page_index: index(page_index),
                page: page.number,
                heading_path: page.heading_path.clone(),
                text: page.text[span.bytes].to_owned(),
                start_char: index(span.chars.start),
                end_char: index(span.chars.end),
            });
        }
    }
    chunks
}

/// What stands below the headings that a page's text begins with. They can be searched as the heading path of every chunk,
/// and a chunk of nothing else would take the place of one that says something. A page of nothing but headings stays.
fn below_headings(page: &Page, body: Range<usize>) -> Range<usize> {
    let mut start = body.start;
    for line in page.text[body.clone()].split_inclusive('\n') {
        let words = line.trim();
        if !words.is_empty() && page.heading_path.iter().all(|heading| heading != words) {
            return start..body.end;
        }
        start += line.len();
    }
    body
}

fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A chunk's place in its page.
struct Span {
    bytes: Range<usize>,
    chars: Range<usize>,
}

/// The chunks of the part `body` of a page's text.
fn spans(text: &str, body: Range<usize>, settings: &ChunkSettings, tokens: TokenStarts<'_>) -> Vec<Span> {
    let prepared = join_wrapped_lines(&text[body.clone()]);
    let sizer = TokenCount { base: prepared.as_ptr() as usize, starts: tokens(&prepared) };
    let overlap = settings.overlap.min(settings.tokens_max.saturating_sub(1));
    let config = ChunkConfig::new(settings.tokens_max.max(1)).with_sizer(sizer);
    // Cannot fail: the overlap was just made smaller than the capacity.
    let Ok(config) = config.with_overlap(overlap) else {
        return Vec::new();
    };
    let splitter = TextSplitter::new(config);
    let mut place = CharPlace::default();
    let mut spans = Vec::new();
    for run in runs(&prepared) {
        for (offset, chunk) in splitter.chunk_indices(&prepared[run.clone()]) {
            let start = body.start + run.start + offset;
            let bytes = start..start + chunk.len();
            if chunk.chars().any(char::is_alphanumeric) {
                let chars = place.at(text, bytes.start)..place.at(text, bytes.end);
                spans.push(Span { bytes, chars });
            }
        }
    }
    spans
}

/// Counts the tokens of any piece of one text by looking up where they begin, so the text is tokenised once.
struct TokenCount {
    base: usize,
    starts: Vec<u32>,
}

impl ChunkSizer for TokenCount {
    fn size(&self, piece: &str) -> usize {
        let begin = (piece.as_ptr() as usize).wrapping_sub(self.base);
        let end = begin.saturating_add(piece.len());
        let before = |at: usize| self.starts.partition_point(|&start| (start as usize) < at);
        before(end) - before(begin)
    }
}

/// Turns byte offsets into character offsets; cheap when asked in ascending order, right in any.
#[derive(Default)]
struct CharPlace {
    byte: usize,
    char: usize,
}

impl CharPlace {
    fn at(&mut self, text: &str, byte: usize) -> usize {
        if byte >= self.byte {
            self.char += text[self.byte..byte].chars().count();
        } else {
            self.char -= text[byte..self.byte].chars().count();
        }
        self.byte = byte;
        self.char
    }
}

/// Replaces the line breaks inside wrapped paragraphs by spaces, byte for byte.
pub(crate) fn join_wrapped_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let body = line.strip_suffix('\n').unwrap_or(line);
        let wrapped = line.len() > body.len()
            && body.len() >= WRAPPED_LINE_BYTES_MIN
            && !is_row(body)
            && lines.peek().is_some_and(|next| continues_paragraph(next));
        out.push_str(body);
        if line.len() > body.len() {
            out.push(if wrapped { ' ' } else { '\n' });
        }
    }
    out
}

/// A row of a table: its cells are kept apart by bars, tabs or wide gaps.
fn is_row(line: &str) -> bool {
    let line = line.trim();
    line.contains(" | ") || line.contains('\t') || line.contains("  ") || line.starts_with('|')
}

fn continues_paragraph(line: &str) -> bool {
    let bullet = |c: char| matches!(c, '-' | '*' | '+' | '#' | '>' | '|' | '\u{2022}');
    line.chars().next().is_some_and(|c| !c.is_whitespace() && !bullet(c)) && !is_row(line)
}

/// Stretches of the text of which none has more than [`RUN_BYTES_MAX`] bytes without a line break.
fn runs(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut start, mut line_start) = (0, 0);
    while line_start < text.len() {
        let line_end = text[line_start..].find('\n').map_or(text.len(), |at| line_start + at + 1);
        if line_end - line_start <= RUN_BYTES_MAX {
            line_start = line_end;
            continue;
        }
        let cut = cut_before(text, line_start + RUN_BYTES_MAX, line_start + RUN_BYTES_MAX / 2);
        out.push(start..cut);
        (start, line_start) = (cut, cut);
    }
    if start < text.len() {
        out.push(start..text.len());
    }
    out
}

/// The best place to cut at or before `at`: behind a sentence, behind a word, or hard; never before `floor`.
fn cut_before(text: &str, at: usize, floor: usize) -> usize {
    let boundary = |mut i: usize| {
        while !text.is_char_boundary(i) {
            i -= 1;
        }
        i
    };
    let (at, floor) = (boundary(at), boundary(floor));
    let window = &text[floor..at];
    let sentence = window.rfind(". ").map(|i| i + 2);
    let word = || window.rfind(char::is_whitespace).map(|i| boundary(floor + i + 1) - floor);
    sentence.or_else(word).map_or(at, |i| floor + i)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token a word, as good as any for these tests.
    fn words(text: &str) -> Vec<u32> {
        let starts = |(i, c): (usize, char)| {
            let first = text[..i].chars().next_back().is_none_or(char::is_whitespace);
            (first && !c.is_whitespace()).then(|| u32::try_from(i).expect("short"))
        };
        text.char_indices().filter_map(starts).collect()
    }

    fn cut(text: &str, tokens_max: usize) -> Vec<Chunk> {
        let mut pages = [Page { number: Some(1), heading_path: vec![], text: text.to_owned() }];
        let origin = ChunkOrigin { document_id: "doc_1", filename: "a.pdf", title: "A" };
        let chunks = chunk_pages(&mut pages, &origin, &ChunkSettings { tokens_max, overlap: 0 }, &words);
        for chunk in &chunks {
            let range = chunk.start_char as usize..chunk.end_char as usize;
            let there: String = pages[0].text.chars().skip(range.start).take(range.len()).collect();
            assert_eq!(there, chunk.text, "offsets must point at the words");
            assert!(words(&chunk.text).len() <= tokens_max, "too long: {}", chunk.text);
        }
        chunks
    }

    fn texts(chunks: &[Chunk]) -> Vec<&str> {
        chunks.iter().map(|chunk| chunk.text.as_str()).collect()
    }

    #[test]
    fn cuts_at_sentences_not_at_line_ends() {
        let text = "The first sentence is long enough to be wrapped by\nthe page. The second sentence follows it.";
        let expect =
            ["The first sentence is long enough to be wrapped by\nthe page.", "The second sentence follows it."];
        assert_eq!(texts(&cut(text, 13)), expect);
    }

    #[test]
    fn rows_of_a_table_are_not_a_wrapped_paragraph() {
        let text = "Sweden  SEK 560 per day  SEK 1,450 per night  Stockholm\nSwitzerland  CHF 92 per day  CHF 265 per night  Geneva";
        assert_eq!(join_wrapped_lines(text), text);
    }

    #[test]
    fn keeps_paragraphs_together_while_they_fit() {
        let text = "One two three.\n\nFour five six.\n\nSeven eight nine.";
        assert_eq!(texts(&cut(text, 6)), ["One two three.\n\nFour five six.", "Seven eight nine."]);
    }

    #[test]
    fn offsets_count_characters_not_bytes() {
        let chunks = cut("Größe: über fünf Meter.\n\nDanach: 日本語 text \u{1F600} Ende.", 4);
        assert_eq!(chunks[1].start_char, 25);
        assert_eq!(chunks[1].text, "Danach: 日本語 text \u{1F600}");
    }

    #[test]
    fn pages_are_not_crossed_and_blank_ones_give_nothing() {
        let page = |n, text: &str| Page { number: Some(n), heading_path: vec![], text: text.to_owned() };
        let mut pages = [page(1, "First page."), page(2, " \n --- \n"), page(3, "Third page.")];
        let origin = ChunkOrigin { document_id: "d", filename: "f", title: "t" };
        let chunks = chunk_pages(&mut pages, &origin, &ChunkSettings::default(), &words);
        let places: Vec<_> = chunks.iter().map(|c| (c.ordinal, c.page_index, c.page)).collect();
        assert_eq!(places, [(0, 0, Some(1)), (1, 2, Some(3))]);
    }

    #[test]
    fn long_text_without_line_breaks_or_spaces_is_cut() {
        let with_spaces = "word and another. ".repeat(4_000);
        assert_eq!(cut(&with_spaces, 200).iter().map(|c| words(&c.text).len()).sum::<usize>(), 12_000);
        let without = "äx".repeat(40_000);
        let total: usize = cut(&without, 200).iter().map(|c| c.text.len()).sum();
        assert_eq!(total, without.len());
    }

    #[test]
    fn every_chunk_of_a_table_has_the_header() {
        let rows: String = (1..40).map(|day| format!("{day} March | Tarn Hall | {day} guests\n")).collect();
        let text = format!("Who came when:\nDate | Place | Guests\n{rows}");
        let chunks = cut(&text, 60);
        assert!(chunks.len() > 4, "{}", chunks.len());
        for chunk in &chunks[1..] {
            assert!(chunk.text.starts_with("Date | Place | Guests\n"), "{}", chunk.text);
        }
        for day in 1..40 {
            let row = format!("{day} March | Tarn Hall | {day} guests");
            assert!(chunks.iter().any(|chunk| chunk.text.lines().any(|line| line == row)), "{row}");
        }
    }

    #[test]
    fn running_heads_are_kept_out() {
        let page = |n: u32| Page {
            number: Some(n),
            heading_path: vec![],
            text: format!("Annual Report 2023\n\n{} words, größer.\n\n{n}", "word ".repeat(n as usize)),
        };
        let mut pages: Vec<Page> = (1..6).map(page).collect();
        let origin = ChunkOrigin { document_id: "d", filename: "f", title: "t" };
        let chunks = chunk_pages(&mut pages, &origin, &ChunkSettings::default(), &words);
        assert_eq!(texts(&chunks)[1], "word word  words, größer.");
        assert_eq!((chunks[1].start_char, chunks[1].end_char), (20, 45));
    }

    #[test]
    fn headings_are_in_the_path_of_a_chunk_and_not_in_its_words() {
        let path = ["Leave".to_owned(), "Annual".to_owned()];
        let table: &[(&str, &[&str])] = &[
            ("Leave\n\nAnnual\n\nIt is 25 days.", &["It is 25 days."]),
            ("Annual\n\nIt is 25.\n\nAnnual\n\nSince 2019.", &["It is 25.\n\nAnnual", "Since 2019."]),
            ("Annual leave\n\nIt is 25.", &["Annual leave", "It is 25."]),
            ("Leave\n\nAnnual\n", &["Leave\n\nAnnual"]),
        ];
        for (text, expected) in table {
            let mut pages = [Page { number: None, heading_path: path.to_vec(), text: (*text).to_owned() }];
            let origin = ChunkOrigin { document_id: "d", filename: "f", title: "t" };
            let chunks = chunk_pages(&mut pages, &origin, &ChunkSettings { tokens_max: 4, overlap: 0 }, &words);
            assert_eq!(texts(&chunks), *expected, "{text}");
            for chunk in &chunks {
                let there: String =
                    text.chars().skip(chunk.start_char as usize).take(chunk.text.chars().count()).collect();
                assert_eq!((there, &chunk.heading_path[..]), (chunk.text.clone(), &path[..]));
            }
        }
    }

    #[test]
    fn overlap_repeats_the_end_of_the_chunk_before() {
        let mut pages = [Page { number: None, heading_path: vec![], text: "a b. c d. e f. g h.".to_owned() }];
        let origin = ChunkOrigin { document_id: "d", filename: "f", title: "t" };
        let chunks = chunk_pages(&mut pages, &origin, &ChunkSettings { tokens_max: 4, overlap: 2 }, &words);
        assert_eq!(texts(&chunks), ["a b. c d.", "c d. e f.", "e f. g h."]);
    }
}
