//! What an error of an SDK means to the engine.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use docent_engine::{Error, ErrorKind};
use std::fmt;

/// Codes that ask for a pause. The SDK has waited and tried again by then.
const BUSY: [&str; 6] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
];
/// Codes of credentials that may not do this, or are none.
const REFUSED: [&str; 5] = [
    "AccessDeniedException",
    "UnrecognizedClientException", // typos:ignore (the service's own word)
    "InvalidSignatureException",
    "ExpiredTokenException",
    "MissingAuthenticationTokenException",
];

/// Who was asked, as messages name it, and what to look at when it is not there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// For example ``the table `queries` ``.
    pub(crate) what: &'a str,
    /// The setting that names it.
    pub(crate) setting: &'a str,
    /// The action that its policy must allow.
    pub(crate) action: &'a str,
}

/// The service's own code and message: a cause that names no request.
#[derive(Debug)]
pub(crate) struct Said(String);

impl Said {
    /// Of an error that the service returned.
    pub(crate) fn of<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let said = error.as_service_error();
        let code = said.and_then(ProvideErrorMetadata::code).unwrap_or_default();
        Self(format!("{code} ({status}): {}", said.and_then(ProvideErrorMetadata::message).unwrap_or_default()))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

impl Asked<'_> {
    /// The engine's error for one of an SDK's.
    pub(crate) fn explain<E: ProvideErrorMetadata + std::error::Error + 'static>(
        self,
        error: &SdkError<E, HttpResponse>,
    ) -> Error {
        let what = self.what;
        match error {
            SdkError::ServiceError(context) => {
                let (status, said) = (context.raw().status().as_u16(), context.err());
                self.refusal(status, said.code().unwrap_or_default(), said.message().unwrap_or_default())
            }
            SdkError::TimeoutError(_) => Error::unavailable(format!("{what} did not answer in time")).hint("try again"),
            SdkError::DispatchFailure(failure) if failure.is_user() => self.no_credentials(),
            SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
                Error::unavailable(format!("{what} cannot be reached"))
                    .because(Said(cause(error)))
                    .hint("try again; check the region, the endpoint and the network if this recurs")
            }
            _ => self.no_credentials().because(Said(cause(error))),
        }
    }

    /// The meaning of a refusal by its code.
    pub(crate) fn refusal(self, status: u16, code: &str, message: &str) -> Error {
        let Self { what, setting, action } = self;
        let error = match code {
            "ResourceNotFoundException" => Error::unavailable(format!("{what} does not exist"))
                .hint(format!("check {setting} and the region; the name must be that of the deployed stack")),
            code if BUSY.contains(&code) => Error::unavailable(format!("{what} is busy")).hint("try again in a moment"),
            code if REFUSED.contains(&code) => Error::internal(format!("{what} may not be used"))
                .hint(format!("the role of this function must be allowed {action}")),
            "ValidationException" if message.contains("size") => {
                Error::invalid(format!("this is more than {what} can store in one item")).hint("shorten it")
            }
            _ if status >= 500 => Error::unavailable(format!("{what} is in trouble")).hint("try again in a moment"),
            _ => Error::new(ErrorKind::Internal, format!("{what} refused the request")),
        };
        error.because(Said(format!("{code} ({status}): {message}")))
    }

    /// The meaning of a transaction that was called off, by the first reason that is one.
    pub(crate) fn cancelled(self, code: &str, message: &str) -> Error {
        match code {
            "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded" => {
                self.refusal(400, "TransactionConflictException", message)
            }
            "ValidationError" => self.refusal(400, "ValidationException", message),
            _ => self.refusal(400, code, message),
        }
    }

    fn no_credentials(self) -> Error {
        Error::internal(format!("{} cannot be asked without credentials", self.what))
            .hint("run it under a role, or set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    }
}

/// The innermost cause: the outer ones say no more than that the dispatch failed.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}
