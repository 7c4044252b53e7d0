//! Under which number a call is known, and to which trace it belongs.

use crate::problem::REQUEST_ID;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use docent_engine::correlation::{self, Correlation};
use tracing::Instrument;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest request id that is taken over from a client.
const REQUEST_ID_MAX: usize = 128;

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
