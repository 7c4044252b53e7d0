//! Collections, documents, pages and chunks as vectors of an index, and back.
//!
//! A vector carries 40 KB at most, of which 2 KB can be filtered by. So every text is cut to fit ([`Texts`]): its first piece stands where it
//! belongs, the others among the texts of its revision. A name that is filtered by and long is kept there as its hash.

use crate::vector_bucket::{Found, Metadata, Record, escaped};
use aws_smithy_types::Document;
use docent_core::Chunk;
use docent_engine::ports::{IndexDocument, IndexProfile};
use docent_engine::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Counts up whenever collections of the version before cannot be read any more.
pub(crate) const FORMAT: u32 = 1;
/// Key of the record that says what a collection is, among its documents.
pub(crate) const HEADER: &str = "collection";
/// Bytes of a piece of text, as JSON: with what stands beside it, below what a vector carries.
const PIECE_BYTES: usize = 30_000;
/// Bytes of a text that can be filtered by; of a longer one, the hash.
const FILTERED_BYTES: usize = 256;
/// What vectors that are never searched have instead: a zero is refused.
const NO_VECTOR: [f32; 1] = [1.0];
/// The page of a chunk that has none, as filters see it: outside every range, and none of any pages.
const NO_PAGE: i64 = -1;

/// What a collection is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) profile: IndexProfile,
    pub(crate) generation: String,
    pub(crate) documents: u64,
    pub(crate) chunks: u64,
}

/// One content of one document: the keys of its chunks and texts follow from this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revision {
    pub(crate) name: String,
    pub(crate) chunks: u32,
    pub(crate) texts: u32,
}

/// What stands before the body of a document's record: the revision that counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) revision: Revision,
}

/// Says that a revision may have chunks and texts, whether it counts or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) document_id: String,
    pub(crate) revision: Revision,
}

/// A document as it is written.
pub(crate) struct Filled {
    pub(crate) entry: Entry,
    pub(crate) record: Record,
    pub(crate) texts: Vec<Record>,
    pub(crate) chunks: Vec<Record>,
}

impl Revision {
    pub(crate) fn chunk_keys(&self) -> impl Iterator<Item = String> {
        (0..self.chunks).map(|place| chunk_key(&self.name, place))
    }

    pub(crate) fn text_keys(&self) -> impl Iterator<Item = String> {
        (0..self.texts).map(|place| text_key(&self.name, place))
    }
}

fn chunk_key(revision: &str, place: u32) -> String {
    format!("{revision}#{place}")
}

/// Pages come first, in their order.
pub(crate) fn text_key(revision: &str, place: u32) -> String {
    format!("{revision}/{place}")
}

/// The revision in the key of a chunk.
pub(crate) fn revision_of(chunk: &Found) -> &str {
    chunk.key.split('#').next().unwrap_or_default()
}

/// Key of a document's record, by what [`filtered`] makes of its id.
pub(crate) fn entry_key(filtered_id: &str) -> String {
    format!("d:{filtered_id}")
}

/// A text as it can be filtered by.
pub(crate) fn filtered(text: &str) -> String {
    let bytes: usize = text.chars().map(escaped).sum();
    if bytes <= FILTERED_BYTES { text.to_owned() } else { format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex()) }
}

impl Mark {
    pub(crate) fn key(&self) -> String {
        format!("r:{}", self.revision.name)
    }

    pub(crate) fn record(&self) -> Result<Record> {
        Ok(unsearched(self.key(), Metadata::from([("head".to_owned(), json(self)?.into())])))
    }

    /// The mark in a record, if it is one.
    pub(crate) fn read(found: &Found) -> Result<Option<Self>> {
        if found.key.starts_with("r:") { head(found).map(Some) } else { Ok(None) }
    }
}

impl Entry {
    /// The entry in a record, if it is one.
    pub(crate) fn read(found: &Found) -> Result<Option<Self>> {
        if found.key.starts_with("d:") { head(found).map(Some) } else { Ok(None) }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { document_id: self.id.clone(), revision: self.revision.clone() }
    }
}

impl Header {
    pub(crate) fn record(&self) -> Result<Record> {
        Ok(unsearched(HEADER.to_owned(), Metadata::from([("head".to_owned(), json(self)?.into())])))
    }

    pub(crate) fn read(found: &Found) -> Result<Self> {
        head(found)
    }
}

/// The texts of one revision, as they come.
struct Texts<'a> {
    revision: &'a str,
    next: u32,
    records: Vec<Record>,
}

impl Texts<'_> {
    /// Keeps a text: all but its first piece here. Returns what carries it.
    fn keep(&mut self, text: &str) -> Metadata {
        let mut pieces = pieces(text).into_iter();
        let first = pieces.next().unwrap_or_default();
        let mut carried = Metadata::from([("body".to_owned(), first.to_owned().into())]);
        let from = self.next;
        for piece in pieces {
            let metadata = Metadata::from([("body".to_owned(), piece.to_owned().into())]);
            self.records.push(unsearched(text_key(self.revision, self.next), metadata));
            self.next += 1;
        }
        if self.next > from {
            carried.insert("more_from".to_owned(), u64::from(from).into());
            carried.insert("more_count".to_owned(), u64::from(self.next - from).into());
        }
        carried
    }
}

fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        bytes += escaped(character);
        if bytes > PIECE_BYTES {
            pieces.push(&text[start..at]);
            (start, bytes) = (at, escaped(character));
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// The first piece of a text, and the keys of the others.
pub(crate) fn carried(found: &Found, revision: &str) -> (String, Vec<String>) {
    let number = |key: &str| match found.metadata.get(key) {
        Some(Document::Number(number)) => number.to_f64_lossy() as u32,
        _ => 0,
    };
    let (from, count) = (number("more_from"), number("more_count"));
    let rest = (from..from.saturating_add(count)).map(|place| text_key(revision, place)).collect();
    (found.word("body").unwrap_or_default().to_owned(), rest)
}

/// A document under a revision of this name.
pub(crate) fn filled(document: &IndexDocument, name: String) -> Result<Filled> {
    let pages = u32::try_from(document.pages.len())
        .map_err(|_| Error::invalid("a document has more pages than can be counted"))?;
    let mut texts = Texts { revision: &name, next: pages, records: Vec::new() };
    for (place, page) in (0..pages).zip(&document.pages) {
        let carried = texts.keep(&json(page)?);
        texts.records.push(unsearched(text_key(&name, place), carried));
    }
    let mut chunks = Vec::with_capacity(document.chunks.len());
    for (place, (chunk, vector)) in (0..).zip(document.chunks.iter().zip(&document.vectors)) {
        let mut metadata = texts.keep(&json(chunk)?);
        metadata.extend(filters(chunk, document.document.format.as_str()));
        chunks.push(Record { key: chunk_key(&name, place), vector: vector.clone(), metadata });
    }
    let mut metadata = texts.keep(&json(&document.document)?);
    let (count, texts) = (chunks.len() as u32, texts.records);
    let revision = Revision { name, chunks: count, texts: texts.len() as u32 };
    let entry = Entry { id: document.document.id.clone(), revision };
    metadata.insert("head".to_owned(), json(&entry)?.into());
    let record = unsearched(entry_key(&filtered(&entry.id)), metadata);
    [&record].into_iter().chain(&texts).chain(&chunks).try_for_each(Record::check)?;
    Ok(Filled { entry, record, texts, chunks })
}

/// What a chunk can be filtered by.
fn filters(chunk: &Chunk, format: &str) -> [(String, Document); 5] {
    let text = |key: &str, value: &str| (key.to_owned(), Document::from(filtered(value)));
    [
        text("document_id", &chunk.document_id),
        text("filename", &chunk.filename),
        text("title", &chunk.title),
        text("format", format),
        ("page".to_owned(), chunk.page.map_or(NO_PAGE, i64::from).into()),
    ]
}

fn unsearched(key: String, metadata: Metadata) -> Record {
    Record { key, vector: NO_VECTOR.to_vec(), metadata }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|cause| Error::internal("a record cannot be written as JSON").because(cause))
}

fn head<T: DeserializeOwned>(found: &Found) -> Result<T> {
    parse(&found.key, found.word("head").unwrap_or_default())
}

/// What a record of this key says.
pub(crate) fn parse<T: DeserializeOwned>(key: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|cause| {
        Error::internal(format!("record {key:?} in the vector bucket is not as docent wrote it"))
            .because(cause)
            .hint("delete the document and ingest it again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_testkit::chunk_index::{document, leaning};

    #[test]
    fn a_text_is_cut_into_pieces_that_fit_and_lose_nothing() {
        for text in ["", "short", &"x".repeat(30_000), &"x".repeat(30_001), &"é\"\n".repeat(40_000)] {
            let cut = pieces(text);
            assert_eq!(cut.concat(), text);
            assert!(cut.iter().all(|piece| piece.chars().map(escaped).sum::<usize>() <= PIECE_BYTES));
        }
        assert_eq!((pieces("short").len(), pieces(&"x".repeat(30_001)).len()), (1, 2));
    }

    #[test]
    fn the_keys_of_a_revision_are_those_that_were_written() {
        let (long, short) = ("\"quoted\" ".repeat(20_000), "short");
        let filled = filled(&document("a", &[&long, short], &leaning(1, 0.5)), "rev".to_owned()).unwrap();
        let sorted = |keys: Vec<String>| keys.into_iter().collect::<std::collections::BTreeSet<_>>();
        let keys = |records: &[Record]| sorted(records.iter().map(|record| record.key.clone()).collect());
        assert_eq!(keys(&filled.texts), sorted(filled.entry.revision.text_keys().collect()));
        assert_eq!(keys(&filled.chunks), sorted(filled.entry.revision.chunk_keys().collect()));
        assert!(filled.texts.len() > 12, "{} texts", filled.texts.len());
    }

    #[test]
    fn names_of_any_length_can_be_filtered_by() {
        assert_eq!(filtered("people/leave.md"), "people/leave.md");
        let (one, other) = (filtered(&"é".repeat(2_000)), filtered(&"é".repeat(2_001)));
        assert!(one != other && one.len() < FILTERED_BYTES && one.starts_with("blake3:"), "{one}");
    }
}
