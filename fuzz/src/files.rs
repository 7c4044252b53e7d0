//! What every parsed file must keep to, whatever it was.

use super::{answers, chunks};
use docent_core::chunking::ChunkSettings;
use docent_parse::{Limits, parse_within};

/// The child's limits, lower where they only cost time.
fn limits() -> Limits {
    Limits {
        html_bytes: 256 << 10,
        unpacked_bytes: 4 << 20,
        pages: 500,
        characters: 1_000_000,
        operations_per_page: 50_000,
        ..Limits::default()
    }
}

/// Parses a file, says it over the child's protocol and cuts it into chunks.
pub fn read(bytes: Vec<u8>, filename: &str) {
    let limits = limits();
    let parsed = match parse_within(bytes, filename, &limits) {
        Ok(parsed) => parsed,
        Err(refusal) => {
            assert!(!refusal.detail.is_empty(), "a refusal without a reason");
            return;
        }
    };
    assert!(parsed.pages.len() <= limits.pages, "{} pages", parsed.pages.len());
    let characters: usize = parsed.pages.iter().map(|page| page.text.chars().count()).sum();
    assert!(characters <= limits.characters, "{characters} characters");
    let numbered = |number: &u32| parsed.pages.iter().any(|page| page.number == Some(*number));
    assert!(parsed.unreadable_pages.iter().all(numbered), "a page that is not there cannot be read");
    answers::are_heard(&parsed, &limits);
    chunks::check(parsed.pages, &ChunkSettings { tokens_max: 60, overlap: 0 });
}
