//! What a child may say to its parent: an answer, a picture, a table of words. The first byte says how the pipe hands it on: so
//! many bytes at a time.

use docent_core::ParsedDocument;
use docent_parse::{Limits, fuzzing};
use std::io::{self, Read};

/// A pipe that hands on a few bytes at a time.
struct Dripping<'a> {
    left: &'a [u8],
    at_once: usize,
}

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.at_once.min(buffer.len()).min(self.left.len());
        let (given, left) = self.left.split_at(count);
        buffer[..count].copy_from_slice(given);
        self.left = left;
        Ok(count)
    }
}

/// Hears the bytes, first as they are and then as the message that they would be if their length were announced honestly.
pub fn run(data: &[u8]) {
    let Some((drip, said)) = data.split_first() else { return };
    let limits = Limits { output_bytes: 1 << 20, pages: 100, ..Limits::default() };
    let at_once = usize::from(*drip) + 1;
    fuzzing::heard(Dripping { left: said, at_once }, &limits);
    let pixels = fuzzing::pictured(said, &limits);
    assert!(
        pixels.is_none_or(|pixels| pixels <= u64::from(limits.picture_pixels)),
        "a picture is larger than it may be"
    );
    let words = fuzzing::recognised(said);
    assert!(!words.contains(|c: char| c.is_control() && c != '\n'), "what cannot be seen is kept");
    let honest = [&(said.len() as u64).to_le_bytes(), said].concat();
    if let Some(Some(document)) = fuzzing::heard(Dripping { left: &honest, at_once }, &limits) {
        assert!(document.pages.len() <= limits.pages * 64, "more pages than an answer may have values");
        are_heard(&document, &limits);
    }
}

/// What an honest child says is heard word for word.
pub fn are_heard(document: &ParsedDocument, limits: &Limits) {
    let said = fuzzing::said(document).expect("a document can be said");
    let heard = fuzzing::heard(said.as_slice(), limits);
    let too_long = said.len() - 8 > limits.output_bytes;
    assert_eq!(heard, (!too_long).then(|| Some(document.clone())), "it was misheard");
}
