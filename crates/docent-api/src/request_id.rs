//! Under which number a call is known.

use crate::problem::REQUEST_ID;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from a client.
const REQUEST_ID_MAX: usize = 128;

/// Gives each request an id that its log lines and its error carry.
pub(crate) async fn number(request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(|| format!("req_{}", uuid::Uuid::now_v7().simple()));
    let value = HeaderValue::try_from(&id).ok();
    let mut response = REQUEST_ID.scope(id, next.run(request)).await;
    if let Some(value) = value {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let is_sane = (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_sane.then(|| id.to_owned())
}
