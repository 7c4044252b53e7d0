//! Docent over HTTP: `/v1`, the first system's contract, and their description.
//!
//! [`router`] takes an engine and gives an axum router; the same one is served by [`serve`] on a socket that the caller
//! owns, and can be driven by anything else that speaks tower. A handler decodes, calls the engine and encodes. What goes
//! wrong becomes a [`problem`]; what a running query tells becomes server-sent [`events`].
//!
//! What is absent: sockets, configuration, rules of the product. Wire types live in [`wire`], apart from the core's, so a
//! field of the core may be renamed without breaking a client.
#![warn(missing_docs)]

mod access;
mod body;
pub mod docs;
pub mod events;
mod facade;
mod openapi;
mod origins;
mod problem;
mod python_json;
mod request_id;
mod router;
mod routes;
mod serve;
mod state;
pub mod wire;

pub use openapi::openapi;
pub use router::router;
pub use serve::{ServeSettings, serve};
pub use state::{Api, ApiSettings};
