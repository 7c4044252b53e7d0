//! Carries webhooks to their receivers, and to no address that is not public.
//!
//! Whoever may ask a question may name the address that its ending is told to, so the server makes requests that others
//! choose. What keeps them out of the network that the server stands in:
//!
//! - **The scheme and what can be seen of the host** ([`HttpCourier`] as the engine's `Courier`) are checked when the question
//!   comes in and again before each attempt: https, no user, no literal of an address that is not public.
//! - **The name is looked up by us** (`resolver`), once for each connection, and only what was checked is connected to. A name
//!   whose answers are not all public ([`is_public`]) is not connected to at all. There is no second look that could see
//!   something else (DNS rebinding), and no connection is kept for the next delivery.
//! - **Redirects are not followed**, and nothing goes through a proxy: it would look the name up itself.
//! - **Nothing of the answer is read** but its status. What a caller learns is that status, or one of a few sentences that name no
//!   address.
//!
//! Hosts that a setting names are exempt, by exactly that name: for receivers inside a network, and for tests.
//!
//! What is absent: the life of a delivery, signatures and secrets. They are the engine's; a letter arrives here signed.
#![warn(missing_docs)]

mod addresses;
mod courier;
mod failure;
mod resolver;
mod target;

pub use addresses::is_public;
pub use courier::{HttpCourier, Settings};
pub use resolver::{Lookup, system_lookup};
