//! The verbs of Docent — ingest, search, answer, run a query, sweep, evaluate — and the ports they need.
//!
//! A document's way in is [`ingest`], its way out [`deletes`]; [`sync`] makes a collection equal to a [`folder`] or a bucket, and
//! [`uploads`] takes in files that arrive over a network, [`deposits`] puts them into a bucket for others; [`entrance`] is whichever
//! there is, and [`withheld`] what was deleted there. [`ocr`] says which files are read again now that scans are.
//! A question's way to an answer is [`answer`]; [`queries`] wraps it in a life that
//! ends, whatever happens to the worker; [`worker`] runs that inside one process. [`progress`] is what watchers see.
//! [`webhooks`] tell who wants to know that a query has ended.
//! [`keys`] says who may ask and [`budget`] what a day may cost.
//! [`embedding`] makes vectors, each once, and [`reembed`] all of a collection anew with another model; [`vectors`] is what stores of vectors share.
//! [`eval`] measures retrieval on labelled questions. [`correlation`] and [`measures`] are what logs and metrics know.
//!
//! What is absent: vendors. Nothing here names a database, a cloud or a model; adapters implement [`ports`] and the
//! composition root puts them into one [`Engine`]. There is no clock and no environment either: both are passed in.
#![warn(missing_docs)]

pub mod answer;
pub mod beside;
pub mod budget;
pub mod correlation;
pub mod deletes;
pub mod deposits;
pub mod embedding;
mod engine;
pub mod entrance;
pub mod error;
pub mod eval;
pub mod folder;
pub mod ignored;
pub mod ingest;
pub mod keys;
pub mod measures;
pub mod ocr;
pub mod ports;
pub mod progress;
pub mod queries;
pub mod reembed;
pub mod source;
pub mod sync;
pub mod trace;
mod understand;
pub mod uploads;
pub mod vectors;
pub mod webhooks;
pub mod withheld;
pub mod worker;

pub use engine::{Clock, Engine, Settings};
pub use error::{Error, ErrorKind, Result};
