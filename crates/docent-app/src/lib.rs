//! Where Docent is put together.
//!
//! [`config`] finds out what is wanted: flag, environment, `docent.toml`, default, in this order. [`wiring`] makes it:
//! one step per part, read from top to bottom, and at its end stands an [`App`] with every port filled. [`doctor`] makes
//! the parts one by one and says what is wrong with which. [`logging`] decides where log lines go.
//!
//! This is the only crate that sees every adapter, reads the environment and asks the clock. What is absent: printing
//! (the command line does it) and sockets (the caller brings them).
#![warn(missing_docs)]

pub mod config;
pub mod costs;
pub mod doctor;
pub mod logging;
pub mod wiring;

pub use config::{Config, Environment, Flags};
pub use docent_index::{Remains, remote};
pub use docent_parse::worker_main as parse_worker;
pub use wiring::App;
