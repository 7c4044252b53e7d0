//! One generation, open for reading: searcher, vectors and name that belong together.

use crate::error::{Failure, Result};
use crate::generation;
use crate::schema::{Fields, Kind, document_key, page_key};
use crate::vectors::SegmentVectors;
use docent_core::{Chunk, Document, Page};
use docent_engine::embedding::TextKey;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use tantivy::collector::Count;
use tantivy::directory::error::OpenReadError;
use tantivy::index::{IndexMeta, SegmentId};
use tantivy::query::TermQuery;
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::{
    DocAddress, DocSet, Index, IndexReader, Searcher, SegmentReader, TERMINATED, TantivyDocument, TantivyError, Term,
};

/// How often opening is repeated when another process merges its segments away under us.
const ATTEMPTS: usize = 8;

/// One generation, open for reading.
pub(crate) struct Snapshot {
    pub(crate) searcher: Searcher,
    /// One per segment, in the searcher's order.
    pub(crate) vectors: Vec<SegmentVectors>,
    pub(crate) generation: String,
    pub(crate) fields: Fields,
}

impl Snapshot {
    /// Opens what `meta.json` names now.
    pub(crate) fn load(index: &Index, reader: &IndexReader, fields: Fields, dimension: usize) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::try_load(index, reader, fields, dimension) {
                Ok(Some(snapshot)) => return Ok(snapshot),
                Ok(None) if attempt < ATTEMPTS => {}
                Ok(None) => return Err(Failure::damaged("it changes faster than it can be opened")),
                Err(TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_))) if attempt < ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
            attempt += 1;
        }
    }

    /// None when a commit came between reading the name and opening the segments.
    fn try_load(
        index: &Index,
        reader: &IndexReader,
        fields: Fields,
        dimension: usize,
    ) -> tantivy::Result<Option<Self>> {
        let meta = index.load_metas()?;
        reader.reload()?;
        let searcher = reader.searcher();
        if !same_segments(&meta, &searcher) {
            return Ok(None);
        }
        let open = |reader| SegmentVectors::open(reader, dimension);
        let vectors = searcher.segment_readers().iter().map(open).collect::<tantivy::Result<_>>()?;
        let generation = meta.payload.unwrap_or_else(generation::first);
        Ok(Some(Self { searcher, vectors, generation, fields }))
    }

    /// Chunks in all segments, deleted ones that no merge has removed yet included: what BM25 counts.
    pub(crate) fn chunk_rows(&self) -> u64 {
        self.vectors.iter().map(|vectors| vectors.rows() as u64).sum()
    }

    /// Segments that hold records of these documents, living or deleted.
    pub(crate) fn holding(&self, document_ids: &[String]) -> Result<Vec<SegmentId>> {
        let terms: Vec<Term> = document_ids.iter().map(|id| self.fields.document_term(id)).collect();
        let mut holding = Vec::new();
        for reader in self.searcher.segment_readers() {
            let inverted = reader.inverted_index(self.fields.document_id)?;
            for term in &terms {
                if inverted.doc_freq(term)? > 0 {
                    holding.push(reader.segment_id());
                    break;
                }
            }
        }
        Ok(holding)
    }

    /// Records of a kind that are alive.
    pub(crate) fn count(&self, kind: Kind) -> Result<u64> {
        let query = TermQuery::new(self.fields.kind_term(kind), IndexRecordOption::Basic);
        Ok(self.searcher.search(&query, &Count)? as u64)
    }

    /// A chunk by its place.
    pub(crate) fn chunk(&self, address: DocAddress) -> Result<Chunk> {
        self.stored(address)
    }

    /// A document's record.
    pub(crate) fn document(&self, id: &str) -> Result<Option<Document>> {
        self.find(&document_key(id))?.map(|address| self.stored(address)).transpose()
    }

    /// A page of a document by its place from 0.
    pub(crate) fn page(&self, document_id: &str, place: u32) -> Result<Option<Page>> {
        self.find(&page_key(document_id, place as usize))?.map(|address| self.stored(address)).transpose()
    }

    /// Pages of a document by their places, in that order; a place that does not exist is left out.
    pub(crate) fn pages(&self, document_id: &str, places: &[u32]) -> Result<Vec<(u32, Page)>> {
        let page = |place: &u32| Ok(self.page(document_id, *place)?.map(|page| (*place, page)));
        places.iter().filter_map(|place| page(place).transpose()).collect()
    }

    /// The chunks of a document, in order.
    pub(crate) fn chunks(&self, document_id: &str) -> Result<Vec<Chunk>> {
        let mut chunks: Vec<Chunk> = Vec::new();
        let term = self.fields.document_term(document_id);
        for (segment, (reader, vectors)) in self.searcher.segment_readers().iter().zip(&self.vectors).enumerate() {
            let inverted = reader.inverted_index(self.fields.document_id)?;
            let Some(mut postings) = inverted.read_postings(&term, IndexRecordOption::Basic)? else { continue };
            while postings.doc() != TERMINATED {
                let record = postings.doc();
                // Of a document's records only chunks have a vector.
                if !reader.is_deleted(record) && vectors.row_of(record).is_some() {
                    chunks.push(self.stored(DocAddress::new(segment as u32, record))?);
                }
                postings.advance();
            }
        }
        chunks.sort_unstable_by_key(|chunk| chunk.ordinal);
        Ok(chunks)
    }

    /// Vectors of living chunks by the keys of their texts.
    pub(crate) fn vectors_of(&self, texts: &[TextKey]) -> Result<HashMap<TextKey, Vec<f32>>> {
        let mut found = HashMap::new();
        let Some(field) = self.fields.text_key else { return Ok(found) };
        for (reader, vectors) in self.searcher.segment_readers().iter().zip(&self.vectors) {
            let inverted = reader.inverted_index(field)?;
            for text in texts.iter().filter(|text| !found.contains_key(*text)).collect::<Vec<_>>() {
                let term = Term::from_field_bytes(field, text);
                let postings = inverted.read_postings(&term, IndexRecordOption::Basic)?;
                let chunk = postings.and_then(|postings| first_alive(reader, postings));
                if let Some(row) = chunk.and_then(|chunk| vectors.row_of(chunk)) {
                    found.insert(*text, vectors.vector(row));
                }
            }
        }
        Ok(found)
    }

    /// Records of deleted documents that no merge has removed yet.
    pub(crate) fn deleted_documents(&self) -> Result<Vec<Document>> {
        let mut found = Vec::new();
        for (segment, reader) in self.searcher.segment_readers().iter().enumerate() {
            for document in (0..reader.max_doc()).filter(|document| reader.is_deleted(*document)) {
                // Pages and chunks are records of another shape.
                if let Ok(document) = self.stored(DocAddress::new(segment as u32, document)) {
                    found.push(document);
                }
            }
        }
        Ok(found)
    }

    /// Records of documents in the order of their ids, from behind `after`.
    pub(crate) fn documents(&self, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        let mut found = BTreeMap::new();
        for (segment, reader) in self.searcher.segment_readers().iter().enumerate() {
            for (key, document) in document_keys(reader, &self.fields, after, limit)? {
                found.insert(key, DocAddress::new(segment as u32, document));
            }
        }
        found.into_values().take(limit).map(|address| self.stored(address)).collect()
    }

    /// The one living record with this key.
    fn find(&self, key: &str) -> Result<Option<DocAddress>> {
        let term = Term::from_field_text(self.fields.key, key);
        for (segment, reader) in self.searcher.segment_readers().iter().enumerate() {
            let postings = reader.inverted_index(self.fields.key)?.read_postings(&term, IndexRecordOption::Basic)?;
            if let Some(document) = postings.and_then(|postings| first_alive(reader, postings)) {
                return Ok(Some(DocAddress::new(segment as u32, document)));
            }
        }
        Ok(None)
    }

    fn stored<T: DeserializeOwned>(&self, address: DocAddress) -> Result<T> {
        let record: TantivyDocument = self.searcher.doc(address)?;
        let json = record.get_first(self.fields.record);
        let json =
            json.as_ref().and_then(|value| value.as_str()).ok_or_else(|| Failure::damaged("a record is empty"))?;
        Ok(serde_json::from_str(json)?)
    }
}

fn same_segments(meta: &IndexMeta, searcher: &Searcher) -> bool {
    let open = searcher.generation().segments();
    meta.segments.len() == open.len()
        && meta.segments.iter().all(|segment| open.get(&segment.id()) == Some(&segment.delete_opstamp()))
}

fn first_alive(reader: &SegmentReader, mut postings: impl DocSet) -> Option<u32> {
    let mut document = postings.doc();
    while document != TERMINATED && reader.is_deleted(document) {
        document = postings.advance();
    }
    (document != TERMINATED).then_some(document)
}

/// Keys of up to `limit` living documents of a segment, with the place of their records.
fn document_keys(
    reader: &SegmentReader,
    fields: &Fields,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, u32)>> {
    let inverted = reader.inverted_index(fields.key)?;
    let range = inverted.terms().range().lt(b"e");
    let range = match after {
        Some(after) => range.gt(document_key(after)),
        None => range.ge(b"d"),
    };
    let mut stream = range.into_stream()?;
    let mut found = Vec::new();
    while found.len() < limit && stream.advance() {
        let postings = inverted.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
        if let Some(document) = first_alive(reader, postings) {
            found.push((stream.key().to_vec(), document));
        }
    }
    Ok(found)
}
