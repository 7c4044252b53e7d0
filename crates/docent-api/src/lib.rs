//! Docent over HTTP: `/v1`, the first system's contract, and their description.
//!
//! [`router`] takes an engine and gives an axum router; the same one is served by [`serve`] on a socket that the caller
//! owns, and can be driven by anything else that speaks tower. A handler decodes, calls the engine and encodes. What goes
//! wrong becomes a [`problem`]; what a running query tells becomes server-sent [`events`]. A door of another kind, as the MCP
//! server is, calls the routes from [`Inside`] and so has their rules.
//!
//! What is absent: sockets, configuration, rules of the product. Wire types live in [`wire`], apart from the core's, so a
//! field of the core may be renamed without breaking a client.
#![warn(missing_docs)]

mod access;
mod body;
mod chat_request;
mod chat_text;
pub mod docs;
pub mod events;
mod facade;
#[doc(hidden)]
pub mod fuzzing;
mod inside;
mod openapi;
mod origins;
mod page;
mod problem;
mod python_json;
mod receipt;
mod request_id;
mod router;
mod routes;
mod serve;
mod state;
pub mod wire;

pub use inside::{Inside, Refusal, Visitor};
pub use openapi::openapi;
pub use router::{router, router_with_mcp};
pub use serve::{ServeSettings, serve};
pub use state::{Api, ApiSettings};
