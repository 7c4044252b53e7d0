//! What the one tantivy index of a collection holds, and how it says what it was made with.
//!
//! There are three kinds of records. Each carries its document's id, so that one term deletes a document whole:
//!
//! | kind | key | stored | searched by |
//! | --- | --- | --- | --- |
//! | `document` | `d` + id | the record | key |
//! | `page` | `p` + id + `/` + place | number, headings, text | key |
//! | `chunk` | none | the chunk | words, vector, filter fields, key of its text |
//!
//! Title, headings and text of a chunk share one field of words: BM25 then weighs a term once per chunk, wherever it
//! stands, which is how the collections' baselines were measured, and a question costs one posting list per term.
//! Positions are not kept, nothing asks for them.
//!
//! Collections that were made before chunks had the key of their text have no field for it; their vectors are not found by it.
//!
//! The profile (format version, embedding model, dimension, chunking) is kept as parameters of the vector field, in
//! the schema, in `meta.json`: it is written with the index and cannot be separated from it.

use crate::error::{Failure, Result};
use crate::vectors::VectorPlugin;
use crate::words::WordTokenizer;
use docent_core::{Chunk, Document, Page};
use docent_engine::embedding::key_of;
use docent_engine::ports::{IndexDocument, IndexProfile};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tantivy::schema::{
    BytesOptions, Field, FieldType, INDEXED, IndexRecordOption, STORED, Schema, SchemaBuilder, TextFieldIndexing,
    TextOptions,
};
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager};
use tantivy::{Index, TantivyDocument, Term};

/// Counts up whenever an index of the version before cannot be read any more.
const FORMAT: u32 = 1;

const VECTOR: &str = "vector";
const TEXT_KEY: &str = "text_key";
const TOKENIZER: &str = "docent_words_1";

/// What the vector field's parameters say.
#[derive(Serialize, Deserialize)]
struct Parameters {
    format: u32,
    profile: IndexProfile,
}

/// The fields.
#[derive(Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) kind: Field,
    pub(crate) key: Field,
    pub(crate) document_id: Field,
    pub(crate) filename: Field,
    pub(crate) format: Field,
    pub(crate) title: Field,
    pub(crate) page: Field,
    pub(crate) words: Field,
    pub(crate) record: Field,
    pub(crate) vector: Field,
    pub(crate) text_key: Option<Field>,
}

/// What a record is about.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Document,
    Page,
    Chunk,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Page => "page",
            Self::Chunk => "chunk",
        }
    }
}

fn raw() -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer("raw").set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing.set_index_option(IndexRecordOption::Basic))
}

fn words() -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer(TOKENIZER);
    TextOptions::default().set_indexing_options(indexing.set_index_option(IndexRecordOption::WithFreqs))
}

/// The schema of a new collection.
pub(crate) fn build(profile: &IndexProfile) -> Result<Schema> {
    let parameters = serde_json::to_value(Parameters { format: FORMAT, profile: profile.clone() })?;
    let mut schema = SchemaBuilder::new();
    for name in ["kind", "key", "document_id", "filename", "format", "title"] {
        schema.add_text_field(name, raw());
    }
    schema.add_u64_field("page", INDEXED);
    schema.add_text_field("words", words());
    schema.add_text_field("record", STORED);
    schema.add_bytes_field(TEXT_KEY, BytesOptions::default().set_indexed());
    schema.add_custom_field(VECTOR, "docent_vector", parameters);
    Ok(schema.build())
}

/// The profile an index was made with.
pub(crate) fn profile(schema: &Schema) -> Result<IndexProfile> {
    let entry = schema.get_field(VECTOR).map(|field| schema.get_field_entry(field).field_type().clone());
    let Ok(FieldType::Custom(options)) = entry else { return Err(Failure::OtherFormat { found: None }) };
    match serde_json::from_value::<Parameters>(options.params().clone()) {
        Ok(parameters) if parameters.format == FORMAT => Ok(parameters.profile),
        _ => Err(Failure::OtherFormat { found: options.params()["format"].as_u64() }),
    }
}

impl Fields {
    pub(crate) fn of(schema: &Schema) -> Result<Self> {
        let field = |name| schema.get_field(name).map_err(|_| Failure::OtherFormat { found: None });
        Ok(Self {
            kind: field("kind")?,
            key: field("key")?,
            document_id: field("document_id")?,
            filename: field("filename")?,
            format: field("format")?,
            title: field("title")?,
            page: field("page")?,
            words: field("words")?,
            record: field("record")?,
            vector: field(VECTOR)?,
            text_key: schema.get_field(TEXT_KEY).ok(),
        })
    }

    /// Selects all records of a kind.
    pub(crate) fn kind_term(&self, kind: Kind) -> Term {
        Term::from_field_text(self.kind, kind.as_str())
    }

    /// Selects everything a document consists of.
    pub(crate) fn document_term(&self, id: &str) -> Term {
        Term::from_field_text(self.document_id, id)
    }

    /// Everything a document consists of, as records.
    pub(crate) fn records(&self, document: &IndexDocument) -> Result<Vec<TantivyDocument>> {
        let mut records = vec![self.document_record(&document.document)?];
        for (place, page) in document.pages.iter().enumerate() {
            records.push(self.page_record(&document.document.id, place, page)?);
        }
        for (chunk, vector) in document.chunks.iter().zip(&document.vectors) {
            records.push(self.chunk_record(&document.document, chunk, vector)?);
        }
        Ok(records)
    }

    fn record(&self, kind: Kind, document_id: &str, content: &impl Serialize) -> Result<TantivyDocument> {
        let mut record = TantivyDocument::default();
        record.add_text(self.kind, kind.as_str());
        record.add_text(self.document_id, document_id);
        record.add_text(self.record, serde_json::to_string(content)?);
        Ok(record)
    }

    fn document_record(&self, document: &Document) -> Result<TantivyDocument> {
        let mut record = self.record(Kind::Document, &document.id, document)?;
        record.add_text(self.key, document_key(&document.id));
        Ok(record)
    }

    fn page_record(&self, document_id: &str, place: usize, page: &Page) -> Result<TantivyDocument> {
        let mut record = self.record(Kind::Page, document_id, page)?;
        record.add_text(self.key, page_key(document_id, place));
        Ok(record)
    }

    fn chunk_record(&self, document: &Document, chunk: &Chunk, vector: &[f32]) -> Result<TantivyDocument> {
        let mut record = self.record(Kind::Chunk, &document.id, chunk)?;
        record.add_text(self.filename, &chunk.filename);
        record.add_text(self.format, document.format.as_str());
        record.add_text(self.title, &chunk.title);
        if let Some(page) = chunk.page {
            record.add_u64(self.page, u64::from(page));
        }
        record.add_text(self.words, &chunk.title);
        for heading in chunk.heading_path.iter().filter(|heading| **heading != chunk.title) {
            record.add_text(self.words, heading);
        }
        record.add_text(self.words, &chunk.text);
        if let Some(field) = self.text_key {
            record.add_bytes(field, &key_of(chunk));
        }
        record.add_custom(self.vector, &VectorPlugin::field_value(vector));
        Ok(record)
    }
}

/// Key of a document's record; all of them sort together, by id.
pub(crate) fn document_key(id: &str) -> String {
    format!("d{id}")
}

/// Key of a page's record.
pub(crate) fn page_key(document_id: &str, place: usize) -> String {
    format!("p{document_id}/{place}")
}

/// Gives an index the tokenizer and the plugin its schema asks for.
pub(crate) fn equip(index: &mut Index, profile: &IndexProfile, fields: &Fields) {
    index.set_tokenizers(tokenizers());
    index.register_plugin(plugin(profile, fields));
}

pub(crate) fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(TOKENIZER, TextAnalyzer::from(WordTokenizer::default()));
    tokenizers
}

pub(crate) fn plugin(profile: &IndexProfile, fields: &Fields) -> Arc<VectorPlugin> {
    Arc::new(VectorPlugin::new(fields.vector, profile.embedding.dimension))
}
