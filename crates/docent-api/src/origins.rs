//! Calls from pages of other origins (CORS), as the first system answered them.

use crate::state::Api;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What a page may read of an answer beside its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "location, retry-after, www-authenticate, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, \
     x-ratelimit-reset-requests, x-request-id",
);
const METHODS: HeaderValue = HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");

/// Answers preflights and marks other answers.
pub(crate) async fn mark(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else { return next.run(request).await };
    let allowed = &api.settings.cors_origins;
    let is_any = allowed.iter().any(|origin| origin == "*");
    let is_allowed = is_any || allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        return preflight(request.headers(), origin, is_allowed);
    }
    let mut response = next.run(request).await;
    if is_allowed && response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        let shown = if is_any { HeaderValue::from_static("*") } else { origin };
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, shown);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if !is_any {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
    }
    response
}

fn preflight(asked: &HeaderMap, origin: HeaderValue, is_allowed: bool) -> Response {
    if !is_allowed {
        return (StatusCode::BAD_REQUEST, "Disallowed CORS origin").into_response();
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    (StatusCode::OK, headers, "OK").into_response()
}
