//! The Lambda functions, as drivers of the same library calls that a server and a command line make.
//!
//! `api` answers a function URL with the router of docent-api. `worker` understands its events ([`work`]): it answers one
//! query, sweeps, or marks as failed what Lambda gave up. `ingest` hears of objects that were put or removed, and publishes
//! the collection as it is with them ([`take_in`]).
//!
//! What is absent: rules of their own. All are put together in docent-app, a query lives in them as it does on one machine, and
//! a document comes in as it does there.
#![warn(missing_docs)]

#[cfg(feature = "ingest")]
pub mod take_in;
pub mod work;
