//! The pure part of Docent: what a document, a chunk, a query, an answer and a citation are, and the decisions that
//! need nothing but their inputs.
//!
//! What a file is, [`kind`] tells from its name and first bytes. A parsed document is a list of pages. [`chunking`] cuts each page into chunks that remember where in the page they
//! came from; [`tables`] sets long tables so that no part of them is without its header row. [`fusion`] merges the lexical
//! and the dense ranking, [`selection`] keeps what is worth a place. [`prompt`] turns the best chunks into what a model
//! reads. [`quotes`] looks every quote of an answer up in the stored page text, and [`outcome`] decides from what
//! survives whether the question was answered.
//!
//! What is absent: no async, no clock, no environment, no files, no network. Time and identifiers arrive as values, so
//! nothing here can fail from outside and every function can be tested as a table. Types derive serde because both
//! query stores keep them as JSON and the wire shows them under the same names.
#![warn(missing_docs)]

pub mod access;
pub mod chunking;
pub mod document;
pub mod document_path;
pub mod filter;
pub mod follow_up;
pub mod fusion;
pub mod kind;
pub mod outcome;
pub mod prompt;
pub mod query;
pub mod quotes;
pub mod rate;
mod running;
pub mod search;
pub mod selection;
pub mod sentences;
pub mod spending;
pub mod tables;
pub mod timestamp;
pub mod words;

pub use access::{ApiKey, Scope};
pub use document::{Chunk, Document, Format, IngestOutcome, Page, ParsedDocument, Refusal, RefusalKind};
pub use filter::Filter;
pub use query::{Answer, Citation, Outcome, Query, QueryStatus, Source, Statement, Usage, Verification};
pub use search::{Hit, SearchMode};
pub use spending::{Caps, Cost, MicroDollars, Prices, Spending};
pub use timestamp::Timestamp;
