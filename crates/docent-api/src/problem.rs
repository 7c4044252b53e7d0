//! What goes wrong, as a client sees it: OpenAI's error shape, with a hint and the request's id.
//!
//! A client learns what it can act on. The cause of a defect goes to the log, once, here.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use docent_engine::{Error, ErrorKind};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

tokio::task_local! {
    /// The id of the request that this task answers.
    pub(crate) static REQUEST_ID: String;
}

/// The body of every response that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    error: ProblemDetail,
    /// Name it when you ask somebody for help.
    request_id: String,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDetail {
    /// `invalid_request_error`, `authentication_error`, `permission_error`, `not_found_error`, `conflict_error`, `rate_limit_error`, `server_error`.
    r#type: &'static str,
    /// A word programs can branch on.
    code: &'static str,
    /// A sentence.
    message: String,
    /// The field or parameter that is wrong, if it is one.
    param: Option<String>,
    /// What to do about it, when we know.
    hint: Option<String>,
}

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    param: Option<String>,
    hint: Option<String>,
    headers: Box<HeaderMap>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), param: None, hint: None, headers: Box::default() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn headers(mut self, add: impl FnOnce(&mut HeaderMap)) -> Self {
        add(&mut self.headers);
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::CONFLICT => "conflict_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::RateLimited { .. } | ErrorKind::BudgetExceeded { .. } => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            // The caller's own credentials are fine: 401 would send him after the wrong key.
            ErrorKind::Unauthorized => StatusCode::BAD_GATEWAY,
            ErrorKind::Internal => return defect(&error),
        };
        let code = error.kind().as_str();
        let problem = Self { hint: error.hint_text().map(str::to_owned), ..Self::new(status, code, error.to_string()) };
        match error.kind() {
            ErrorKind::RateLimited { retry_after } => {
                problem.header(header::RETRY_AFTER, seconds(retry_after.map_or(1, |wait| wait.as_secs().max(1))))
            }
            ErrorKind::BudgetExceeded { retry_after } => {
                problem.header(header::RETRY_AFTER, seconds(whole_seconds(retry_after)))
            }
            ErrorKind::Unavailable => problem.header(header::RETRY_AFTER, seconds(1)),
            _ => problem,
        }
    }
}

/// A defect or a machine in trouble: the log has the cause, the client its number.
fn defect(error: &Error) -> Problem {
    let causes: Vec<String> = std::iter::successors(std::error::Error::source(error), |cause| cause.source())
        .map(ToString::to_string)
        .collect();
    tracing::error!(request_id = request_id(), %error, ?causes, "request failed");
    internal().hint("the server's log has the cause under the request id")
}

/// All that a client learns of a defect.
pub(crate) fn internal() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something is wrong on this side")
}

/// The id of the request being answered.
pub(crate) fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Seconds, rounded up: who waits that long has waited enough.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
}

/// A number of seconds as a header's value.
pub(crate) fn seconds(seconds: u64) -> HeaderValue {
    HeaderValue::from(seconds)
}

impl Problem {
    /// What the client reads.
    pub(crate) fn body(&self) -> ProblemBody {
        let detail = ProblemDetail {
            r#type: self.kind(),
            code: self.code,
            message: self.message.clone(),
            param: self.param.clone(),
            hint: self.hint.clone(),
        };
        ProblemBody { error: detail, request_id: request_id() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(self.body());
        (self.status, *self.headers, body).into_response()
    }
}
