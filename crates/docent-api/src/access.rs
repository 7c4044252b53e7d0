//! Who may call, and under which number a call is known.

use crate::problem::{Problem, REQUEST_ID};
use crate::state::Api;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use docent_engine::correlation::{self, Correlation};
use tracing::Instrument;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest request id that is taken over from a client.
const REQUEST_ID_MAX: usize = 128;
/// What anybody may see.
const OPEN_PATHS: [&str; 5] = ["/healthz", "/readyz", "/openapi.json", "/docs", "/"];

/// Gives each request an id that its log lines and its error carry, and a place in the caller's trace or in a new one.
pub(crate) async fn number(request: Request, next: Next) -> Response {
    let unique = uuid::Uuid::now_v7();
    let id = given_id(request.headers()).unwrap_or_else(|| format!("req_{}", unique.simple()));
    let correlation = Correlation::continued(given_correlation(request.headers()), unique.as_u128());
    // An error's span, so that no level of logging takes the ids from its lines.
    let span = tracing::error_span!("request", request_id = id, trace_id = correlation.trace_id());
    let value = HeaderValue::try_from(&id).ok();
    let answering = REQUEST_ID.scope(id, correlation::within(correlation, next.run(request)));
    let mut response = answering.instrument(span).await;
    if let Some(value) = value {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

fn given_correlation(headers: &HeaderMap) -> Option<Correlation> {
    Correlation::parse(headers.get(TRACEPARENT)?.to_str().ok()?)
}

fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let is_sane = (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_sane.then(|| id.to_owned())
}

/// Lets a request pass if no key is configured or it shows one of them.
pub(crate) async fn check_key(State(api): State<Api>, request: Request, next: Next) -> Response {
    let keys = &api.settings.api_keys;
    if keys.is_empty() || OPEN_PATHS.contains(&request.uri().path()) || shows_key(request.headers(), keys) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "this server asks for a key")
        .hint("send `Authorization: Bearer KEY` with the key from the server's settings")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        .into_response()
}

fn shows_key(headers: &HeaderMap, keys: &[String]) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(shown) = shown.and_then(|value| value.strip_prefix("Bearer ")) else { return false };
    // Hashes are compared in constant time, so the time of the answer says nothing about a key.
    let shown = blake3::hash(shown.trim().as_bytes());
    keys.iter().fold(false, |found, key| found | (blake3::hash(key.as_bytes()) == shown))
}
