//! Reads JSON bodies and query strings, and says which field is wrong when one is.

use crate::problem::Problem;
use crate::state::Api;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Largest body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// All the time that a file may take to arrive.
const FILE_TIME: Duration = Duration::from_secs(60 * 60);

/// A JSON body; whatever its content type says.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unreadable(&rejection))?;
        read(&bytes).map(JsonBody)
    }
}

/// Reads a body.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| wrong(&error))
}

/// The query string.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let parsed = Query::<T>::try_from_uri(&parts.uri);
        parsed.map(|Query(params)| Params(params)).map_err(|rejection| {
            let message = rejection.body_text();
            let param = named(&message);
            let problem = Problem::invalid(message);
            param.into_iter().fold(problem, Problem::param)
        })
    }
}

/// Gives a request's body so much time to arrive; what comes later is an error to whoever reads it. A file (the body of a `PUT`)
/// has that time for each piece, and an hour for all of them.
pub(crate) async fn in_time(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (started, time) = (Instant::now(), api.settings.body_time);
    let is_file = request.method() == Method::PUT;
    let (parts, body) = request.into_parts();
    let pieces = futures::stream::unfold(body.into_data_stream(), move |mut pieces| async move {
        let deadline = if is_file { (Instant::now() + time).min(started + FILE_TIME) } else { started + time };
        let piece = timeout_at(deadline, pieces.next()).await;
        let piece = piece.unwrap_or_else(|late| Some(Err(axum::Error::new(late))))?;
        Some((piece, pieces))
    });
    next.run(Request::from_parts(parts, Body::from_stream(pieces))).await
}

fn unreadable(rejection: &BytesRejection) -> Problem {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            let message = format!("the body has more than {BODY_BYTES_MAX} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
        }
        _ => Problem::invalid("the body broke off, or took too long to arrive"),
    }
}

fn wrong(error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let problem = match named(&message) {
        Some(field) if error.is_data() => Problem::invalid(message).param(field),
        _ if error.is_data() => Problem::invalid(message),
        _ => Problem::invalid(format!("the body is not JSON: {message}")),
    };
    problem.hint("/docs describes every field")
}

/// The first name in backticks: serde puts the field there.
fn named(message: &str) -> Option<String> {
    let is_about_a_field = message.contains("field `");
    let name = message.split('`').nth(1)?;
    is_about_a_field.then(|| name.to_owned())
}
