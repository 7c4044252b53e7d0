//! Requests through the real router, on the real index and query store in a temporary folder.

#[path = "http/access.rs"]
mod access;
#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/chat.rs"]
mod chat;
#[path = "http/client.rs"]
mod client;
#[path = "http/events.rs"]
mod events;
#[path = "http/first_system.rs"]
mod first_system;
#[path = "http/front_ends.rs"]
mod front_ends;
#[expect(dead_code, reason = "shared with the engine's tests, which use all of it")]
#[path = "../../docent-engine/tests/engine/house.rs"]
mod house;
#[path = "http/page.rs"]
mod page;
#[path = "http/sockets.rs"]
mod sockets;
#[path = "http/uploads.rs"]
mod uploads;
#[path = "http/v1.rs"]
mod v1;
#[path = "http/webhooks.rs"]
mod webhooks;
