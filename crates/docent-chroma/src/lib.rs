//! The chunk index on a Chroma server, over its HTTP API v2.
//!
//! Chroma knows collections of records: an id, a vector, a text, and a flat map of metadata. A collection of ours
//! ([`place`]) is three of them:
//!
//! | in Chroma | a record is | id | text |
//! | --- | --- | --- | --- |
//! | `NAME` | a chunk, with its vector | revision `#` ordinal | the chunk's words |
//! | `NAME.docent-pages` | a page | revision `/` place | the page as JSON |
//! | `NAME.docent-documents` | a document | `d:` + its id | the record as JSON |
//!
//! Only the first is searched by vector; the other two carry a vector of one zero, because Chroma asks for one. The
//! metadata of `NAME` keep the profile (embedding model, dimension, chunking) and the ids of the other two, so that a
//! collection made anew never meets the leftovers of the one before.
//!
//! Chroma has no transaction over several requests, so a document has a *revision*, a hash of its content and of the
//! revision before ([`records`]). Chunks and pages are written under the new revision first, then all records of the
//! batch with the name of the new generation in one request: that is the commit ([`writing`]). A search keeps only
//! chunks whose revision is the one that their document's record names ([`reading`]), so whatever dies in between, the
//! old document is found until the new one is whole, and what was replaced or deleted is never returned. What is then
//! left over is removed, by the next ingest if this one cannot any more.
//!
//! A collection that Docent did not make, by LangChain in most cases, is read as it is ([`foreign`]) and never changed.
//!
//! What is absent: BM25 (Chroma's own server has none; `docent_engine::beside` fuses an index of words that is kept
//! beside it), a cache of anything (each call asks the server, which other processes change too), and any reading of a
//! store's files: an embedded Chroma store is opened by `chroma run`.
#![warn(missing_docs)]

mod client;
mod failure;
mod foreign;
mod index;
mod place;
mod reading;
mod records;
mod settings;
mod wire;
mod writing;

pub use index::ChromaIndex;
pub use settings::{Settings, Token};
