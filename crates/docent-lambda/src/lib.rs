//! The two Lambda functions, as drivers of the same library calls that a server makes.
//!
//! `api` answers a function URL with the router of docent-api. `worker` understands its events ([`work`]): it answers one
//! query, sweeps, or marks as failed what Lambda gave up.
//!
//! What is absent: rules of their own. Both are put together in docent-app, and a query lives in them as it does on one
//! machine.
#![warn(missing_docs)]

pub mod work;
