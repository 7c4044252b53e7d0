//! The vectors of a segment as a file of the segment, written, merged, committed and deleted by tantivy.
//!
//! Layout, little endian, every section on a 64-byte boundary:
//!
//! | section | bytes |
//! | --- | --- |
//! | header | `DOCENTV1`, dimension `u32`, rows `u32`, zeros to 64 |
//! | documents | the segment's document id of each row, ascending, `u32` |
//! | signs | blocks of 16 rows, word by word (see [`crate::codes`]); the last block is filled with zeros |
//! | scales | one `f32` per row |
//! | values | `dimension` times `i8` per row |
//! | fine | per row an `f32` scale for ten bits and the lower two bits of the values, four to a byte |
//!
//! Only chunks have a row; the records of documents and pages have none. A merge keeps the rows of documents that are
//! alive, in the order of the source segments. tantivy does not show its own mapping to plugins; this derivation is
//! right as long as the index is not sorted, and it never is.

use crate::codes::{LANES, decode, encode, fine_bytes, row_bytes, words};
use std::any::Any;
use std::io::{self, Write};
use std::ops::Range;
use tantivy::directory::{OwnedBytes, TerminatingWrite, WritePtr};
use tantivy::index::{SegmentComponent, SegmentReader};
use tantivy::indexer::DocIdMapping;
use tantivy::schema::document::ErasedDocument;
use tantivy::schema::{Field, Schema, Value};
use tantivy::{
    DocId, PluginMergeContext, PluginWriter, PluginWriterContext, Segment, SegmentPlugin, TantivyDocument, TantivyError,
};

const EXTENSION: &str = "vectors";
const MAGIC: &[u8; 8] = b"DOCENTV1";
const ALIGNMENT: usize = 64;

fn component() -> SegmentComponent {
    SegmentComponent::Custom(EXTENSION.to_owned())
}

fn damaged(what: &str) -> TantivyError {
    tantivy::error::DataCorruption::comment_only(format!("vectors of a segment: {what}")).into()
}

/// Where the sections of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layout {
    dimension: usize,
    rows: usize,
    documents: Range<usize>,
    signs: Range<usize>,
    scales: Range<usize>,
    values: Range<usize>,
    fine: Range<usize>,
}

impl Layout {
    fn new(dimension: usize, rows: usize) -> Self {
        let after = |end: usize, length: usize| {
            let start = end.next_multiple_of(ALIGNMENT);
            start..start + length
        };
        let documents = after(ALIGNMENT, rows * 4);
        let signs = after(documents.end, rows.div_ceil(LANES) * LANES * words(dimension) * 8);
        let scales = after(signs.end, rows * 4);
        let values = after(scales.end, rows * dimension);
        let fine = after(values.end, rows * fine_bytes(dimension));
        Self { dimension, rows, documents, signs, scales, values, fine }
    }
}

/// The vectors of one segment, mapped from its file.
#[derive(Clone)]
pub(crate) struct SegmentVectors {
    bytes: OwnedBytes,
    layout: Layout,
}

impl SegmentVectors {
    /// Maps the file; fails when it is missing, cut short or of another dimension.
    pub(crate) fn open(reader: &SegmentReader, dimension: usize) -> tantivy::Result<Self> {
        Self::from_bytes(reader.open_read(component())?.read_bytes()?, dimension)
    }

    fn from_bytes(bytes: OwnedBytes, dimension: usize) -> tantivy::Result<Self> {
        let header = bytes.first_chunk::<16>().ok_or_else(|| damaged("no header"))?;
        let [.., d0, d1, d2, d3, r0, r1, r2, r3] = *header;
        let rows = u32::from_le_bytes([r0, r1, r2, r3]) as usize;
        if !header.starts_with(MAGIC) || u32::from_le_bytes([d0, d1, d2, d3]) as usize != dimension {
            return Err(damaged("another format or dimension"));
        }
        let layout = Layout::new(dimension, rows);
        if bytes.len() < layout.fine.end {
            return Err(damaged("cut short"));
        }
        Ok(Self { bytes, layout })
    }

    /// Number of rows, those of deleted documents included.
    pub(crate) const fn rows(&self) -> usize {
        self.layout.rows
    }

    /// Signs of this many blocks from the one that begins with row `first`.
    pub(crate) fn blocks(&self, first: usize, count: usize) -> &[u8] {
        let row = words(self.layout.dimension) * 8;
        let start = self.layout.signs.start + first * row;
        &self.bytes[start..start + count * LANES * row]
    }

    /// The block that holds the signs of a row, and its lane there.
    pub(crate) fn block_of(&self, row: usize) -> (&[u8], usize) {
        (self.blocks(row - row % LANES, 1), row % LANES)
    }

    /// The segment's document id of a row.
    pub(crate) fn document(&self, row: usize) -> DocId {
        self.documents().get(row).map_or(DocId::MAX, |bytes| DocId::from_le_bytes(*bytes))
    }

    /// The row of a document of the segment.
    pub(crate) fn row_of(&self, document: DocId) -> Option<usize> {
        self.documents().binary_search_by_key(&document, |bytes| DocId::from_le_bytes(*bytes)).ok()
    }

    /// The eight-bit values of a row and their scale.
    pub(crate) fn values(&self, row: usize) -> (&[u8], f32) {
        let start = self.layout.values.start + row * self.layout.dimension;
        let (scales, _) = self.bytes[self.layout.scales.clone()].as_chunks::<4>();
        let scale = scales.get(row).map_or(0.0, |bytes| f32::from_le_bytes(*bytes));
        (&self.bytes[start..start + self.layout.dimension], scale)
    }

    /// The lower bits of a row's values, with the scale of all bits.
    pub(crate) fn fine(&self, row: usize) -> &[u8] {
        let length = fine_bytes(self.layout.dimension);
        let start = self.layout.fine.start + row * length;
        &self.bytes[start..start + length]
    }

    /// A unit vector that becomes this row again, bit by bit, when it is stored.
    pub(crate) fn vector(&self, row: usize) -> Vec<f32> {
        let signs = (0..words(self.layout.dimension)).map(|word| u64::from_le_bytes(self.sign(row, word)));
        decode(&signs.collect::<Vec<_>>(), self.values(row).0, self.fine(row))
    }

    fn documents(&self) -> &[[u8; 4]] {
        self.bytes[self.layout.documents.clone()].as_chunks::<4>().0
    }

    fn sign(&self, row: usize, word: usize) -> [u8; 8] {
        let (block, lane) = self.block_of(row);
        block.as_chunks::<8>().0.get(word * LANES + lane).copied().unwrap_or_default()
    }
}

/// Writes a file of vectors from rows that are asked for section by section, so that nothing is gathered in memory.
struct File {
    out: WritePtr,
    at: usize,
}

impl File {
    fn create(segment: &Segment, layout: &Layout) -> tantivy::Result<Self> {
        let mut file = Self { out: segment.open_write(component())?, at: 0 };
        file.put(MAGIC)?;
        file.put(&(layout.dimension as u32).to_le_bytes())?;
        file.put(&(layout.rows as u32).to_le_bytes())?;
        Ok(file)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len();
        self.out.write_all(bytes)
    }

    /// Fills with zeros up to where a section starts.
    fn pad_to(&mut self, start: usize) -> io::Result<()> {
        self.put(&vec![0; start.saturating_sub(self.at)])
    }

    fn documents(&mut self, layout: &Layout, documents: impl Iterator<Item = DocId>) -> io::Result<()> {
        self.pad_to(layout.documents.start)?;
        documents.into_iter().try_for_each(|document| self.put(&document.to_le_bytes()))
    }

    fn signs(&mut self, layout: &Layout, sign: impl Fn(usize, usize) -> [u8; 8]) -> io::Result<()> {
        self.pad_to(layout.signs.start)?;
        for block in (0..layout.rows).step_by(LANES) {
            for word in 0..words(layout.dimension) {
                for row in block..block + LANES {
                    self.put(&if row < layout.rows { sign(row, word) } else { [0; 8] })?;
                }
            }
        }
        Ok(())
    }

    fn values<'a>(&mut self, layout: &Layout, row: impl Fn(usize) -> (&'a [u8], f32)) -> io::Result<()> {
        self.pad_to(layout.scales.start)?;
        (0..layout.rows).try_for_each(|at| self.put(&row(at).1.to_le_bytes()))?;
        self.pad_to(layout.values.start)?;
        (0..layout.rows).try_for_each(|at| self.put(row(at).0))
    }

    fn fine<'a>(&mut self, layout: &Layout, fine: impl Fn(usize) -> &'a [u8]) -> io::Result<()> {
        self.pad_to(layout.fine.start)?;
        (0..layout.rows).try_for_each(|at| self.put(fine(at)))
    }

    fn close(self) -> tantivy::Result<()> {
        Ok(self.out.terminate()?)
    }
}

/// The plugin: gives each segment a file of the vectors of its chunks.
pub(crate) struct VectorPlugin {
    field: Field,
    dimension: usize,
}

impl VectorPlugin {
    pub(crate) const fn new(field: Field, dimension: usize) -> Self {
        Self { field, dimension }
    }

    /// What to put into a document's vector field.
    pub(crate) fn field_value(vector: &[f32]) -> Vec<u8> {
        encode(vector)
    }
}

impl SegmentPlugin for VectorPlugin {
    fn extensions(&self) -> &[&str] {
        &[EXTENSION]
    }

    fn create_writer(&self, _: &PluginWriterContext) -> tantivy::Result<Box<dyn PluginWriter>> {
        Ok(Box::new(Rows { field: self.field, dimension: self.dimension, documents: Vec::new(), rows: Vec::new() }))
    }

    fn merge(&self, context: PluginMergeContext) -> tantivy::Result<()> {
        let sources = context
            .readers
            .iter()
            .map(|reader| SegmentVectors::open(reader, self.dimension))
            .collect::<tantivy::Result<Vec<_>>>()?;
        let survivors = survivors(context.readers, &sources);
        let layout = Layout::new(self.dimension, survivors.len());
        let source = |at: usize| (&sources[survivors[at].source as usize], survivors[at].row as usize);
        let mut file = File::create(context.target_segment, &layout)?;
        file.documents(&layout, survivors.iter().map(|survivor| survivor.document))?;
        file.signs(&layout, |at, word| {
            let (vectors, row) = source(at);
            vectors.sign(row, word)
        })?;
        file.values(&layout, |at| {
            let (vectors, row) = source(at);
            vectors.values(row)
        })?;
        file.fine(&layout, |at| {
            let (vectors, row) = source(at);
            vectors.fine(row)
        })?;
        file.close()
    }
}

/// A row that a merge keeps, and the document id it gets.
struct Survivor {
    source: u32,
    row: u32,
    document: DocId,
}

fn survivors(readers: &[SegmentReader], sources: &[SegmentVectors]) -> Vec<Survivor> {
    let mut survivors = Vec::with_capacity(sources.iter().map(SegmentVectors::rows).sum());
    let mut next: DocId = 0;
    for (source, (reader, vectors)) in readers.iter().zip(sources).enumerate() {
        let mut row = 0;
        for document in reader.doc_ids_alive() {
            while row < vectors.rows() && vectors.document(row) < document {
                row += 1;
            }
            if row < vectors.rows() && vectors.document(row) == document {
                survivors.push(Survivor { source: source as u32, row: row as u32, document: next });
            }
            next += 1;
        }
    }
    survivors
}

/// The rows of a segment that is being written.
struct Rows {
    field: Field,
    dimension: usize,
    documents: Vec<DocId>,
    rows: Vec<u8>,
}

impl Rows {
    fn row(&self, at: usize) -> &[u8] {
        let length = row_bytes(self.dimension);
        &self.rows[at * length..(at + 1) * length]
    }
}

impl PluginWriter for Rows {
    fn add_document(&mut self, id: DocId, document: &dyn ErasedDocument, _: &Schema) -> tantivy::Result<()> {
        let document = document.as_any().downcast_ref::<TantivyDocument>();
        let value = document.and_then(|document| document.get_first(self.field));
        let Some(row) = value.as_ref().and_then(|value| value.as_custom()) else { return Ok(()) };
        if row.len() != row_bytes(self.dimension) {
            return Err(TantivyError::InvalidArgument("a vector of another dimension".to_owned()));
        }
        self.documents.push(id);
        self.rows.extend_from_slice(row);
        Ok(())
    }

    fn serialize(self: Box<Self>, segment: &Segment, mapping: Option<&DocIdMapping>) -> tantivy::Result<()> {
        if mapping.is_some() {
            return Err(TantivyError::InvalidArgument("a sorted index cannot hold vectors".to_owned()));
        }
        let layout = Layout::new(self.dimension, self.documents.len());
        let scale_at = words(self.dimension) * 8;
        let mut file = File::create(segment, &layout)?;
        file.documents(&layout, self.documents.iter().copied())?;
        file.signs(&layout, |at, word| self.row(at).as_chunks::<8>().0.get(word).copied().unwrap_or_default())?;
        file.values(&layout, |at| {
            let (scale, values) = self.row(at)[scale_at..].split_at(4);
            let scale = scale.first_chunk().map_or(0.0, |bytes| f32::from_le_bytes(*bytes));
            (&values[..self.dimension], scale)
        })?;
        file.fine(&layout, |at| &self.row(at)[scale_at + 4 + self.dimension..])?;
        file.close()
    }

    fn mem_usage(&self) -> usize {
        self.rows.capacity() + self.documents.capacity() * 4
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
