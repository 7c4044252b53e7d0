//! Whether the process is up, and whether it can work.

use crate::state::Api;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The process is up.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "Up")))]
pub(crate) async fn alive() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// The index and the query store answer.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "Ready"), (status = 503, description = "Not ready, with what fails")))]
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    let index = api.engine.index.collections().await.err();
    let queries = api.engine.queries.get("readiness").await.err();
    let state = |error: &Option<docent_engine::Error>| error.as_ref().map_or("ok".to_owned(), ToString::to_string);
    let status = if index.is_none() && queries.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"index": state(&index), "queries": state(&queries)}))).into_response()
}
