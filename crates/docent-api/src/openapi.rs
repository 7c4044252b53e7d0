//! The description of all routes (OpenAPI 3.1).

use crate::routes::{chat, collections, documents, health, models, queries, search};
use crate::{events, facade};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Docent", description = "Answers from your documents, with quotes that were checked against the page."),
    paths(
        queries::create, queries::list, queries::read, queries::delete, queries::trace, queries::cancel, queries::feedback,
        events::stream, search::search, chat::complete, models::list, models::read,
        documents::list, documents::read, documents::delete, documents::page,
        collections::list, collections::read, collections::delete,
        health::alive, health::ready,
        facade::index, facade::submit_query, facade::get_query, facade::list_query,
    ),
    tags(
        (name = "queries", description = "Ask, wait, watch, list, cancel, forget"),
        (name = "search", description = "Ranked chunks without an answer"),
        (name = "chat", description = "For clients of OpenAI's chat completions; a model is a collection"),
        (name = "documents", description = "What the answers are made from"),
        (name = "collections", description = "Documents that belong together"),
        (name = "health", description = "Whether it works"),
        (name = "first system", description = "The contract of the system that this one replaces"),
    )
)]
struct Description;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| serde_json::to_string(&openapi()).unwrap_or_default());

/// The description as a value.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}
