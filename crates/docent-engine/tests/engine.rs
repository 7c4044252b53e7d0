//! The verbs on real stores in a temporary folder, with a scripted generator.

#[path = "engine/answering.rs"]
mod answering;
#[path = "engine/budgets.rs"]
mod budgets;
#[path = "engine/deletes.rs"]
mod deletes;
#[path = "engine/embedding.rs"]
mod embedding;
#[path = "engine/following.rs"]
mod following;
#[path = "engine/house.rs"]
mod house;
#[path = "engine/ingesting.rs"]
mod ingesting;
#[path = "engine/lives.rs"]
mod lives;
#[path = "engine/ocr.rs"]
mod ocr;
#[path = "engine/reembed.rs"]
mod reembed;
#[path = "engine/sources.rs"]
mod sources;
#[path = "engine/uploads.rs"]
mod uploads;
#[path = "engine/webhooks.rs"]
mod webhooks;
