//! What the fuzz targets do with bytes, one module for each.
//!
//! A module has one function, `run`, that takes any bytes and panics if a promise is broken. The targets call it for ten
//! minutes each (`make fuzz`); `make test` calls the same function with what is kept in `corpus/` and `findings/`, on the
//! compiler of every day, so that neither can rot. Input is text where that is possible: a person can read and write it.

pub mod answers;
pub mod child;
pub mod chunks;
pub mod files;
pub mod packages;
pub mod pdf;
pub mod quotes;
pub mod texts;
pub mod wire;
