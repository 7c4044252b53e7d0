//! Where Docent is put together.
//!
//! [`config`] finds out what is wanted: flag, environment, `docent.toml`, default, in this order. [`wiring`] makes it, one
//! step per part, and at its end stands an engine with every port filled. Two roots use it: `App` for one machine (feature
//! `machine`), `Function` for the Lambda functions (feature `aws`) and `Intake` for the one that takes documents in (and feature
//! `documents`). `doctor` makes the parts one by one and says what is
//! wrong with which. [`logging`] decides where log lines go.
//!
//! This is the only crate that sees every adapter, reads the environment and asks the clock; its features keep out of a
//! program what it does not use. What is absent: printing (the command line does it) and sockets (the caller brings them).
#![warn(missing_docs)]

#[cfg(feature = "machine")]
mod app;
mod cloud;
pub mod config;
pub mod costs;
#[cfg(feature = "machine")]
pub mod doctor;
#[cfg(feature = "documents")]
mod documents;
#[cfg(feature = "aws")]
pub mod function;
#[cfg(all(feature = "aws", feature = "documents"))]
pub mod intake;
pub mod logging;
pub mod wiring;

#[cfg(feature = "machine")]
pub use app::App;
pub use config::{Config, Environment, Flags};
pub use docent_index::{Remains, remote};
#[cfg(feature = "documents")]
pub use docent_parse::worker_main as parse_worker;
#[cfg(feature = "documents")]
pub use documents::{ParserProgram, Reader, bucket_from_config};
