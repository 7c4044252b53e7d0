//! The embedded hybrid index: words and vectors of a collection in one folder, searched by both at once.
//!
//! tantivy is the engine and holds everything. A document becomes three kinds of records ([`schema`]): itself, its
//! pages, and its chunks, which are what is searched. The words of a chunk go through one analysis ([`words`]) into
//! tantivy's inverted index and are ranked by BM25 ([`lexical`]). Its vector becomes signs and eight-bit values
//! ([`codes`]) in a file of the segment ([`vectors`]), scanned flat ([`dense`]). [`search`] fuses both rankings. Because
//! the vectors live and die with their segment, deletes, filters ([`filter`]), merges and commits are tantivy's, and
//! there is one thing to keep consistent.
//!
//! A commit ([`changes`]) is a generation ([`generation`]) and is either there or not, whenever the process dies ([`collection`]).
//! A reader ([`snapshot`]) holds one generation and looks for a newer one with every call ([`embedded`]). Generations
//! are published to a bucket or another folder, and read from there, in [`remote`]. A delete writes the segments that hold
//! what it deleted anew; [`remains`] looks for what is left. A collection gets another model by being made anew beside
//! itself ([`editions`], [`successor`]).
//!
//! What is absent: no approximate graph, no positions, no background threads between calls, no clock.
#![warn(missing_docs)]

mod changes;
mod codes;
mod collection;
mod dense;
mod editions;
mod embedded;
mod error;
mod filter;
mod folder;
mod generation;
mod lexical;
mod remains;
pub mod remote;
mod schema;
mod seal;
mod search;
mod snapshot;
mod stopwords;
mod successor;
mod vectors;
mod words;

pub use embedded::{EmbeddedIndex, Settings};
pub use error::Failure;
pub use remains::Remains;
