//! What a child says, on its way to the parent: a message of which nothing is believed before it is looked at.
//!
//! A parser that a hostile file has taken over may say anything. Its message is as long as it announced and no longer than
//! the parent is willing to read, and an answer is decoded only if that cannot take many times the memory.

use crate::child::Answer;
use crate::limits::Limits;
use std::io::Read;

/// Bytes that announce a message's length.
const HEADER: usize = 8;
/// Values that an answer may have for each page: locators and headings, and warnings about it.
const VALUES_PER_PAGE: usize = 64;

/// Why an answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is longer than the parent is willing to read.
    Verbose,
    /// It is not an answer.
    Nonsense,
}

/// A message as far as it has come.
pub(crate) struct Incoming {
    received: Vec<u8>,
    bytes_max: usize,
}

impl Incoming {
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self { received: Vec::new(), bytes_max }
    }

    /// True if all of the message is there.
    pub(crate) fn is_whole(&self) -> Result<bool, Unusable> {
        let Some(length) = self.announced() else { return Ok(false) };
        if length > self.bytes_max as u64 {
            return Err(Unusable::Verbose);
        }
        Ok((self.received.len() - HEADER) as u64 >= length)
    }

    /// What has come.
    pub(crate) fn into_message(mut self) -> Vec<u8> {
        self.received.drain(..HEADER.min(self.received.len()));
        self.received
    }

    /// Reads what there is, once; false at the end of the pipe.
    pub(crate) fn read_some(&mut self, pipe: &mut impl Read) -> bool {
        let start = self.received.len();
        let left = |length: u64| (HEADER as u64 + length).saturating_sub(start as u64);
        let room = self.announced().map_or(64 << 10, left).clamp(HEADER as u64, 1 << 20);
        self.received.resize(start + room as usize, 0);
        let count = pipe.read(&mut self.received[start..]).unwrap_or(0);
        self.received.truncate(start + count);
        count > 0
    }

    /// The length that the first bytes announce.
    fn announced(&self) -> Option<u64> {
        self.received.first_chunk().map(|length| u64::from_le_bytes(*length))
    }
}

/// The answer that a message is.
pub(crate) fn answer(message: &[u8], limits: &Limits) -> Result<Answer, Unusable> {
    if values(message) > limits.pages.saturating_mul(VALUES_PER_PAGE) {
        return Err(Unusable::Nonsense);
    }
    serde_json::from_slice(message).map_err(|_| Unusable::Nonsense)
}
/// Values of a JSON text: a comma outside of a string parts two. An empty string of a list takes three bytes there and eight
/// times that in memory.
fn values(json: &[u8]) -> usize {
    let (mut count, mut within, mut escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = within,
            b'"' => within = !within,
            b',' if !within => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(said: &str, announced: usize) -> Result<Option<&'static str>, Unusable> {
        let limits = Limits { pages: 2, output_bytes: 2_000, ..Limits::default() };
        let mut incoming = Incoming::new(limits.output_bytes);
        let mut pipe = [&(announced as u64).to_le_bytes(), said.as_bytes()].concat();
        let mut pipe: &mut dyn Read = &mut std::io::Cursor::new(&mut pipe);
        while !incoming.is_whole()? {
            if !incoming.read_some(&mut pipe) {
                return Ok(None);
            }
        }
        answer(&incoming.into_message(), &limits).map(|answer| match answer {
            Answer::Parsed(_) => Some("parsed"),
            Answer::Unfinished(_) => Some("unfinished"),
            Answer::Refused(_) => Some("refused"),
            Answer::Probed(_) => Some("probed"),
        })
    }

    #[test]
    fn what_a_child_may_say() {
        let parsed = |warnings: &str| {
            format!(
                r#"{{"Parsed":{{"format":"text","title":null,"pages":[],"warnings":[{warnings}],"unreadable_pages":[]}}}}"#
            )
        };
        let (good, many, words) =
            (parsed(""), parsed(&[r#""""#; 130].join(",")), parsed(&format!("\"{}\"", ",\\\\,\\\",".repeat(100))));
        for (said, announced, expect) in [
            (good.as_str(), good.len(), Ok(Some("parsed"))),
            (&words, words.len(), Ok(Some("parsed"))),
            (r#"{"Refused":{"kind":"empty","detail":""}}"#, 40, Ok(Some("refused"))),
            (r#"{"Unfinished":{"title":null,"pages":[],"states":["Text"]}}"#, 58, Ok(Some("unfinished"))),
            (&many, many.len(), Err(Unusable::Nonsense)),
            (&good, good.len() + 1, Ok(None)),
            ("", 2_001, Err(Unusable::Verbose)),
            ("", usize::MAX, Err(Unusable::Verbose)),
            ("", 0, Err(Unusable::Nonsense)),
        ] {
            assert_eq!(heard(said, announced), expect, "{said}");
        }
    }
}
