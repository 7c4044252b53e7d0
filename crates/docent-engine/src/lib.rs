//! The verbs of Docent — ingest, retrieve, ask, run a query, sweep, evaluate — and the ports they need.
#![warn(missing_docs)]

pub mod error;
pub mod ports;

pub use error::{Error, ErrorKind, Result};
