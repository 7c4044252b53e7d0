//! Pages are cut into chunks. The first line has the most tokens of a chunk, the overlap, and `n` if pages have numbers; the pages
//! below it are parted by form feeds.

use docent_core::Page;
use docent_core::chunking::{ChunkOrigin, ChunkSettings, chunk_pages};

/// Cuts the pages and looks at the chunks.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (how, text) = text.split_once('\n').unwrap_or(("", text));
    let mut words = how.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<usize>().ok()).map_or(8, |number| number % 300);
    let settings = ChunkSettings { tokens_max: number(), overlap: number() };
    let has_numbers = words.next() == Some("n");
    let page = |(at, text): (usize, &str)| Page {
        number: has_numbers.then(|| u32::try_from(at + 1).expect("few pages")),
        heading_path: Vec::new(),
        text: text.to_owned(),
    };
    check(text.split('\u{c}').enumerate().map(page).collect(), &settings);
}

/// Cuts the pages and panics unless the chunks are what the crate promises.
pub fn check(mut pages: Vec<Page>, settings: &ChunkSettings) {
    let before = pages.clone();
    let origin = ChunkOrigin { document_id: "doc_1", filename: "a", title: "A" };
    let chunks = chunk_pages(&mut pages, &origin, settings, &characters);
    assert_eq!(before.len(), pages.len(), "cutting changes no page but its text");
    for (before, after) in before.iter().zip(&pages) {
        assert!(has_all_lines(&after.text, &before.text), "a repeated header row replaced something");
    }
    let texts: Vec<Vec<char>> = pages.iter().map(|page| page.text.chars().collect()).collect();
    let mut cut: Vec<Vec<bool>> = texts.iter().map(|text| vec![false; text.len()]).collect();
    let mut last = (0, 0);
    for (ordinal, chunk) in chunks.iter().enumerate() {
        let (page, start, end) = (chunk.page_index as usize, chunk.start_char as usize, chunk.end_char as usize);
        assert_eq!((chunk.ordinal as usize, &chunk.id), (ordinal, &format!("doc_1#{ordinal}")));
        assert_eq!((chunk.page, &chunk.heading_path), (pages[page].number, &pages[page].heading_path));
        assert!(start < end && end <= texts[page].len(), "{start}..{end} of {}", texts[page].len());
        assert!(chunk.text.chars().eq(texts[page][start..end].iter().copied()), "offsets point at other words");
        assert!(characters(&chunk.text).len() <= settings.tokens_max.max(1), "too long: {:?}", chunk.text);
        assert!(last <= (page, start), "chunks are out of order");
        last = (page, if settings.overlap == 0 { end } else { start });
        cut[page][start..end].fill(true);
    }
    for (page, cut) in pages.iter().zip(&mut cut) {
        cut[..leading_headings(page)].fill(true);
    }
    // Running heads are kept out of the chunks; fewer pages have none.
    if pages.len() < 4 || pages.iter().any(|page| page.number.is_none()) {
        let lost = |page: usize| texts[page].iter().zip(&cut[page]).any(|(c, cut)| c.is_alphanumeric() && !cut);
        assert!(!(0..pages.len()).any(lost), "words that no chunk has");
    }
}

/// Every character that is not white space is a token: counting needs no neighbours, so a chunk has as many alone as in its page.
fn characters(text: &str) -> Vec<u32> {
    let starts = text.char_indices().filter(|(_, c)| !c.is_whitespace());
    starts.map(|(at, _)| u32::try_from(at).expect("short")).collect()
}

/// Characters of the headings that a page begins with; they are in the heading path of its chunks.
fn leading_headings(page: &Page) -> usize {
    let is_heading =
        |line: &str| line.trim().is_empty() || page.heading_path.iter().any(|heading| heading == line.trim());
    page.text.split_inclusive('\n').take_while(|line| is_heading(line)).map(|line| line.chars().count()).sum()
}

/// True if `after` has all lines of `before`, in their order.
fn has_all_lines(after: &str, before: &str) -> bool {
    let mut after = after.lines();
    before.lines().filter(|line| !line.trim().is_empty()).all(|line| after.any(|other| other == line))
}
