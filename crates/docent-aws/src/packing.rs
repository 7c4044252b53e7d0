//! What happens to an answer or a trace that is larger than an item may be (400 KB).
//!
//! Text of some length is compressed. If that is not enough, an answer loses the texts of its last sources (each says so;
//! the citations, which hold the words that count, stay) and a trace is replaced by a note.

use crate::item::{Item, json};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use docent_core::query::Answer;
use docent_engine::{Error, Result};
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use std::io::Read;

/// Bytes of an item that are used: some less than the 409,600 there are, for attributes that come later.
const ITEM_BYTES: usize = 390_000;
/// Text up to this length is stored as it is, readable in the console.
const PLAIN_BYTES: usize = 16_384;
/// Most bytes that stored text may unpack to.
const UNPACKED_BYTES: u64 = 64 << 20;
/// What stands in a source's text that was left out.
const LEFT_OUT: &str = "(left out: the answer is too large to be stored with all its sources)";

/// Text as an attribute: plain, or compressed.
#[derive(Debug)]
pub(crate) enum Packed {
    Plain(String),
    Deflated(Vec<u8>),
}

impl Packed {
    pub(crate) fn new(text: String) -> Result<Self> {
        if text.len() <= PLAIN_BYTES {
            return Ok(Self::Plain(text));
        }
        let mut bytes = Vec::new();
        ZlibEncoder::new(text.as_bytes(), Compression::fast())
            .read_to_end(&mut bytes)
            .map_err(|error| Error::internal("a text cannot be compressed").because(error))?;
        Ok(Self::Deflated(bytes))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Deflated(bytes) => bytes.len(),
        }
    }

    pub(crate) fn text(self) -> Result<String> {
        let bytes = match self {
            Self::Plain(text) => return Ok(text),
            Self::Deflated(bytes) => bytes,
        };
        let mut text = String::new();
        ZlibDecoder::new(bytes.as_slice())
            .take(UNPACKED_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| Error::internal("a compressed text of the query table is damaged").because(error))?;
        Ok(text)
    }

    /// The answer in it, without its text.
    pub(crate) fn answer(self) -> Result<Answer> {
        serde_json::from_str(&self.text()?)
            .map_err(|error| Error::internal("an answer of the query table is damaged").because(error))
    }
}

impl From<Packed> for AttributeValue {
    fn from(packed: Packed) -> Self {
        match packed {
            Packed::Plain(text) => Self::S(text),
            Packed::Deflated(bytes) => Self::B(Blob::new(bytes)),
        }
    }
}

impl TryFrom<&AttributeValue> for Packed {
    type Error = Error;

    fn try_from(value: &AttributeValue) -> Result<Self> {
        match value {
            AttributeValue::S(text) => Ok(Self::Plain(text.clone())),
            AttributeValue::B(blob) => Ok(Self::Deflated(blob.as_ref().to_vec())),
            _ => Err(Error::internal("a text of the query table is neither text nor bytes")),
        }
    }
}

/// Bytes of a value as DynamoDB counts them.
pub(crate) fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len() / 2 + 2,
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// Bytes that are left beside these attributes.
pub(crate) fn room(item: &Item) -> usize {
    let taken: usize = item.iter().map(|(name, value)| name.len() + size(value)).sum();
    ITEM_BYTES.saturating_sub(taken)
}

/// An answer without its text, in at most `room` bytes; none if it does not fit without all its sources either.
pub(crate) fn answer(answer: &Answer, room: usize) -> Result<Option<Packed>> {
    let mut answer = Answer { text: String::new(), ..answer.clone() };
    let mut kept = answer.sources.len();
    loop {
        let packed = Packed::new(json(&answer)?)?;
        if packed.len() <= room {
            return Ok(Some(packed));
        }
        if kept == 0 {
            return Ok(None);
        }
        let keep = kept / 2;
        answer.sources[keep..kept].iter_mut().for_each(|source| LEFT_OUT.clone_into(&mut source.text));
        kept = keep;
    }
}

/// A trace in an item of its own.
pub(crate) fn trace(trace: &str) -> Result<Packed> {
    let packed = Packed::new(trace.to_owned())?;
    if packed.len() <= ITEM_BYTES {
        return Ok(packed);
    }
    let note = format!("this trace has {} bytes, more than the query table holds, and was left out", trace.len());
    Ok(Packed::Plain(serde_json::json!({"note": note}).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_core::query::Source;
    use docent_testkit::query_store::sample_answer;

    /// Text that does not compress well: hexadecimal digits of hashes.
    fn noise(bytes: usize, seed: usize) -> String {
        let blocks =
            (0..bytes.div_ceil(64)).map(|n| blake3::hash(format!("{seed} {n}").as_bytes()).to_hex().to_string());
        let mut text: String = blocks.collect();
        text.truncate(bytes);
        text
    }

    fn with_sources(count: usize, bytes: usize) -> Answer {
        let mut answer = sample_answer("");
        let like = answer.sources[0].clone();
        answer.sources = (0..count).map(|n| Source { text: noise(bytes, n), ..like.clone() }).collect();
        answer
    }

    #[test]
    fn an_answer_of_usual_size_is_stored_whole() {
        for answer in [sample_answer(""), with_sources(8, 1_000), with_sources(50, 8_000)] {
            let packed = super::answer(&answer, ITEM_BYTES).unwrap().expect("it fits");
            assert!(packed.len() <= ITEM_BYTES);
            assert_eq!(packed.answer().unwrap(), answer);
        }
    }

    #[test]
    fn an_answer_too_large_loses_the_texts_of_its_last_sources_and_says_so() {
        let answer = with_sources(50, 40_000);
        let packed = super::answer(&answer, ITEM_BYTES).unwrap().expect("it fits without them");
        assert!(packed.len() <= ITEM_BYTES);
        let stored = packed.answer().unwrap();
        assert_eq!(stored.citations, answer.citations);
        assert_eq!(stored.sources[0], answer.sources[0]);
        assert_eq!(stored.sources[49].text, LEFT_OUT);
        assert_eq!(super::answer(&answer, 100).unwrap().map(|packed| packed.len()), None);
    }

    #[test]
    fn a_trace_is_stored_whole_compressed_or_as_a_note() {
        for (bytes, whole) in [(10, true), (100_000, true), (2_000_000, false)] {
            let text = format!("\"{}\"", noise(bytes, 7));
            let packed = trace(&text).unwrap();
            assert!(packed.len() <= ITEM_BYTES);
            let stored = packed.text().unwrap();
            assert_eq!(stored == text, whole);
            assert!(whole || stored.contains("more than the query table holds"), "{stored}");
        }
    }
}
