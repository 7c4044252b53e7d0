//! Every route in one list.

use crate::inside::Inside;
use crate::problem::{Problem, internal};
use crate::routes::{chat, collections, documents, health, models, queries, search, uploads};
use crate::state::Api;
use crate::{access, body, docs, events, facade, openapi, origins, page, request_id};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use std::convert::Infallible;
use tower::Service;
use tower_http::catch_panic::CatchPanicLayer;

/// All routes over an engine.
pub fn router(api: Api) -> Router {
    let v1 = Router::new()
        .route("/queries", post(queries::create).get(queries::list))
        .route("/queries/{id}", get(queries::read).delete(queries::delete))
        .route("/queries/{id}/events", get(events::stream))
        .route("/queries/{id}/trace", get(queries::trace))
        .route("/queries/{id}/cancel", post(queries::cancel))
        .route("/queries/{id}/feedback", post(queries::feedback))
        .route("/search", post(search::search))
        .route("/chat/completions", post(chat::complete))
        .route("/models", get(models::list))
        .route("/models/{id}", get(models::read))
        .route("/documents", get(documents::list))
        .route("/documents/{id}", get(documents::read).put(uploads::put).delete(documents::delete))
        .route("/documents/{id}/original", get(uploads::original).put(uploads::put))
        .route("/documents/{id}/pages/{place}", get(documents::page).put(uploads::put))
        // The path of an upload has as many parts as it likes.
        .route("/documents/{id}/{*rest}", put(uploads::put))
        .route("/uploads", get(uploads::settings).post(uploads::announce))
        .route("/jobs", get(uploads::jobs))
        .route("/jobs/{id}", get(uploads::job))
        .route("/collections", get(collections::list))
        .route("/collections/{name}", get(collections::read).delete(collections::delete))
        .method_not_allowed_fallback(method_not_allowed);
    Router::new()
        .nest("/v1", v1)
        .merge(facade::routes())
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(docs::page))
        .fallback(unknown_path)
        .layer(DefaultBodyLimit::max(body::BODY_BYTES_MAX))
        .layer(from_fn_with_state(api.clone(), body::in_time))
        .layer(from_fn_with_state(api.clone(), access::check))
        .route("/assets/{name}", get(page::asset))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(api.clone(), origins::mark))
        .layer(from_fn(request_id::number))
        .with_state(api)
}

/// All routes, and at `/mcp` what is made of them from inside: with their keys and rates, and closed to foreign web pages.
pub fn router_with_mcp<S>(api: Api, door: impl FnOnce(Inside) -> S) -> Router
where
    S: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    let routes = router(api.clone());
    let mcp = Router::new()
        .route_service("/mcp", door(Inside::new(routes.clone())))
        .layer(from_fn_with_state(api.clone(), body::in_time))
        .layer(from_fn_with_state(api.clone(), access::check))
        .layer(from_fn_with_state(api.clone(), origins::keep_out))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(api, origins::mark))
        .layer(from_fn(request_id::number));
    routes.merge(mcp)
}

async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address does not take that method")
        .hint("the `allow` header names those it takes; /docs lists all")
}

async fn unknown_path(uri: Uri) -> Response {
    if uri.path() == "/v1" || uri.path().starts_with("/v1/") {
        return Problem::not_found(format!("there is nothing at `{}`", uri.path()))
            .hint("/docs lists all addresses")
            .into_response();
    }
    facade::unknown_path()
}

#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = said.unwrap_or_default(), request_id = crate::problem::request_id(), "a handler panicked");
    internal().into_response()
}
