//! One file per command.

pub(crate) mod ask;
pub(crate) mod collections;
pub(crate) mod config;
pub(crate) mod delete;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod documents;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod filter;
pub(crate) mod generations;
pub(crate) mod ingest;
pub(crate) mod keys;
pub(crate) mod mcp;
pub(crate) mod parse;
pub(crate) mod publish;
pub(crate) mod reembed;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod sync;
pub(crate) mod verify_deleted;
