//! Documents, pages and chunks as records of Chroma, and back.

use crate::wire::{Metadata, NewRecord, Record};
use docent_core::{Chunk, Document, Page};
use docent_engine::embedding::{TextKey, key_of};
use docent_engine::ports::IndexDocument;
use docent_engine::{Error, Result};
use serde_json::Value;

/// Id of the record that names the generation, among the documents.
pub(crate) const STATE: &str = "state";
/// What records that are never searched by vector have instead of one.
const NO_VECTOR: [f32; 1] = [0.0];

/// Id of a document's record.
pub(crate) fn document_key(id: &str) -> String {
    format!("d:{id}")
}

/// Id of a page's record.
pub(crate) fn page_key(revision: &str, place: usize) -> String {
    format!("{revision}/{place}")
}

/// A document's record as it stands on the server.
pub(crate) struct Stored {
    pub(crate) document: Document,
    /// The revision that counts.
    pub(crate) revision: String,
    /// The one before, whose chunks and pages are there until `unswept` is 0.
    pub(crate) replaced: Option<String>,
}

impl Stored {
    pub(crate) fn read(record: &Record) -> Result<Self> {
        let word = |key| record.word(key).filter(|word| !word.is_empty()).map(str::to_owned);
        Ok(Self {
            document: parse(record)?,
            revision: word("revision").ok_or_else(|| damaged(record, "no revision"))?,
            replaced: word("replaced"),
        })
    }

    pub(crate) fn write(&self) -> Result<NewRecord> {
        let replaced = self.replaced.as_deref().unwrap_or_default();
        let metadata = metadata([
            ("state", STORED.into()),
            ("revision", self.revision.as_str().into()),
            ("replaced", replaced.into()),
            ("unswept", u32::from(self.replaced.is_some()).into()),
        ]);
        let text = serde_json::to_string(&self.document).map_err(unwritable)?;
        Ok(NewRecord { id: document_key(&self.document.id), vector: NO_VECTOR.to_vec(), text, metadata })
    }
}

/// The value of `state` of a document that is there.
pub(crate) const STORED: &str = "stored";
/// The value of `state` of a document that is being removed.
pub(crate) const DELETED: &str = "deleted";

/// True for the record of a document that is there.
pub(crate) fn is_stored(record: &Record) -> bool {
    record.word("state") == Some(STORED)
}

/// The id of the document that a record is about.
pub(crate) fn document_id(record: &Record) -> &str {
    record.id.strip_prefix("d:").unwrap_or(&record.id)
}

/// The record that takes a document's place while its chunks and pages are removed.
pub(crate) fn tombstone(id: &str) -> NewRecord {
    let metadata =
        metadata([("state", DELETED.into()), ("revision", "".into()), ("replaced", "".into()), ("unswept", 1.into())]);
    NewRecord { id: document_key(id), vector: NO_VECTOR.to_vec(), text: "{}".to_owned(), metadata }
}

/// What changes in a record when nothing of its past is left.
pub(crate) fn swept() -> Metadata {
    metadata([("unswept", 0.into())])
}

/// The record that names the generation.
pub(crate) fn state(generation: &str) -> NewRecord {
    let metadata = metadata([("generation", generation.into())]);
    NewRecord { id: STATE.to_owned(), vector: NO_VECTOR.to_vec(), text: generation.to_owned(), metadata }
}

pub(crate) fn page_records(document: &IndexDocument, revision: &str) -> Result<Vec<NewRecord>> {
    let record = |(place, page): (usize, &Page)| {
        Ok(NewRecord {
            id: page_key(revision, place),
            vector: NO_VECTOR.to_vec(),
            text: serde_json::to_string(page).map_err(unwritable)?,
            metadata: metadata([("document_id", document.document.id.as_str().into()), ("revision", revision.into())]),
        })
    };
    document.pages.iter().enumerate().map(record).collect()
}

pub(crate) fn chunk_records<'a>(
    document: &'a IndexDocument,
    revision: &'a str,
) -> impl Iterator<Item = NewRecord> + use<'a> {
    let format = document.document.format.as_str();
    document.chunks.iter().zip(&document.vectors).enumerate().map(move |(place, (chunk, vector))| NewRecord {
        id: format!("{revision}#{place}"),
        vector: vector.clone(),
        text: chunk.text.clone(),
        metadata: chunk_metadata(chunk, format, revision),
    })
}

fn chunk_metadata(chunk: &Chunk, format: &str, revision: &str) -> Metadata {
    let mut metadata = metadata([
        ("document_id", chunk.document_id.as_str().into()),
        ("revision", revision.into()),
        ("chunk_id", chunk.id.as_str().into()),
        (TEXT_KEY, key_name(&key_of(chunk)).into()),
        ("filename", chunk.filename.as_str().into()),
        ("title", chunk.title.as_str().into()),
        ("format", format.into()),
        ("ordinal", chunk.ordinal.into()),
        ("page_index", chunk.page_index.into()),
        ("start_char", chunk.start_char.into()),
        ("end_char", chunk.end_char.into()),
        // Chroma's metadata are flat.
        ("heading_path", Value::from(chunk.heading_path.as_slice()).to_string().into()),
    ]);
    if let Some(page) = chunk.page {
        metadata.insert("page".to_owned(), page.into());
    }
    metadata
}

/// The name of the key of a chunk's text, among its metadata.
pub(crate) const TEXT_KEY: &str = "text_key";

/// The key of a text as it stands there: 32 hexadecimal digits.
pub(crate) fn key_name(key: &TextKey) -> String {
    format!("{:032x}", u128::from_be_bytes(*key))
}

/// The chunk in a record that was asked for with text and metadata.
pub(crate) fn chunk(mut record: Record) -> Result<Chunk> {
    let lacking = |key: &str| damaged(&record, &format!("no {key}"));
    let word = |key: &str| record.word(key).map(str::to_owned).ok_or_else(|| lacking(key));
    let number = |key: &str| record.number(key).ok_or_else(|| lacking(key));
    let headings = word("heading_path")?;
    let mut chunk = Chunk {
        id: word("chunk_id")?,
        document_id: word("document_id")?,
        filename: word("filename")?,
        title: word("title")?,
        ordinal: number("ordinal")?,
        page_index: number("page_index")?,
        page: record.number("page"),
        heading_path: serde_json::from_str(&headings)
            .map_err(|cause| damaged(&record, "no headings").because(cause))?,
        text: String::new(),
        start_char: number("start_char")?,
        end_char: number("end_char")?,
    };
    chunk.text = record.text.take().unwrap_or_default();
    Ok(chunk)
}

/// The page in a record that was asked for with its text.
pub(crate) fn page(record: &Record) -> Result<Page> {
    parse(record)
}

fn parse<T: serde::de::DeserializeOwned>(record: &Record) -> Result<T> {
    let text = record.text.as_deref().unwrap_or_default();
    serde_json::from_str(text).map_err(|cause| damaged(record, "a text of another shape").because(cause))
}

fn damaged(record: &Record, what: &str) -> Error {
    Error::internal(format!("record {:?} in Chroma is not as docent wrote it: it has {what}", record.id))
        .hint("delete the document and ingest it again")
}

fn metadata<const N: usize>(pairs: [(&str, Value); N]) -> Metadata {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn unwritable(cause: serde_json::Error) -> Error {
    Error::internal("a record for Chroma cannot be written").because(cause)
}
