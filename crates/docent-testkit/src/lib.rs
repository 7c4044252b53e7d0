//! What tests share: a contract suite per port, a scripted provider with faults, builders of fixtures. Only ever a
//! development dependency.
//!
//! A port's contract suite ([`query_store`], [`key_store`], [`meter`], [`upload_store`], [`upload_reports`], [`source`]) is a list of named checks that any implementation runs against itself, real
//! and whole, so that two implementations keep the same promises. The [`provider`] stands in for the one thing a test
//! cannot have, a language model with moods: it says what a script tells it to, including errors, delays and silence.
//! [`ministack`] is S3 on this machine, [`vector_bucket`] S3 Vectors, [`receiver`] somebody who takes webhooks.
//!
//! What is absent: no clock (checks state every moment they speak of) and no assertion on how long something takes.
#![warn(missing_docs)]

pub mod chroma;
pub mod chunk_index;
pub mod chunk_index_vectors;
pub mod dying_writer;
pub mod fault_proxy;
pub mod key_store;
pub mod meter;
pub mod ministack;
pub mod model_server;
pub mod pdf;
pub mod provider;
pub mod query_store;
pub mod receiver;
pub mod scan;
pub mod source;
pub mod tools;
pub mod upload_reports;
pub mod upload_store;
pub mod vector_bucket;

mod query_store_deletes;
mod query_store_leases;
mod query_store_records;
mod query_store_webhooks;
