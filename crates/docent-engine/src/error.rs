//! The one error of the engine and its ports: a sentence, a kind, its cause and, when we know it, a hint.

use std::time::Duration;

/// What callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The named thing does not exist.
    NotFound,
    /// The request cannot be right, however often it is repeated.
    Invalid,
    /// Somebody else's change is in the way.
    Conflict,
    /// Too many requests; try again after the time, if one is known.
    RateLimited {
        /// What the other side asked for.
        retry_after: Option<Duration>,
    },
    /// A cap on what a day may cost is reached; it is lifted after this time.
    BudgetExceeded {
        /// Until the next day.
        retry_after: Duration,
    },
    /// Over a deadline.
    Timeout,
    /// The other side is down or refuses us; a retry may help.
    Unavailable,
    /// The other side refuses Docent's own credentials; a retry cannot help.
    Unauthorized,
    /// A defect, or a machine in trouble (disk full, damaged file).
    Internal,
}

impl ErrorKind {
    /// The word used in logs and JSON, and in what a failed query keeps.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::RateLimited { .. } => "rate_limited",
            Self::BudgetExceeded { .. } => "budget_exceeded",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Unauthorized => "upstream_unauthorized",
            Self::Internal => "internal",
        }
    }
}

/// An error of the engine or of something behind a port.
///
/// The message is a lower-case sentence without full stop and never contains a document's text, a question or a secret.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// [`ErrorKind::Conflict`].
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// [`ErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What callers tell apart.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it, when we know.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// True when the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::RateLimited { .. } | ErrorKind::Timeout | ErrorKind::Unavailable)
    }
}

/// Shorthand.
pub type Result<T> = std::result::Result<T, Error>;
