//! What went wrong with an attempt, in words that may be shown to whoever named the receiver.

use docent_engine::ports::Undelivered;
use reqwest::StatusCode;
use std::error::Error;

/// A name led to an address that is not public.
#[derive(Debug, thiserror::Error)]
#[error("not a public address")]
pub(crate) struct NotPublic;

/// Somebody may try again.
pub(crate) fn again(error: impl Into<String>) -> Undelivered {
    Undelivered { error: error.into(), is_final: false }
}

/// Nobody should.
pub(crate) fn finally(error: impl Into<String>) -> Undelivered {
    Undelivered { error: error.into(), is_final: true }
}

/// The meaning of an answer.
pub(crate) fn of_status(status: StatusCode) -> Result<(), Undelivered> {
    match status.as_u16() {
        200..=299 => Ok(()),
        300..=399 => Err(again(format!("the receiver answered {status}, and redirects are not followed"))),
        410 => Err(finally(format!("the receiver answered {status}: it wants none"))),
        _ => Err(again(format!("the receiver answered {status}"))),
    }
}

/// The meaning of no answer. The cause may name addresses of this network, so only the log has it.
pub(crate) fn of_connection(cause: reqwest::Error) -> Undelivered {
    if is_not_public(&cause) {
        return finally("the receiver's host is not at a public address");
    }
    let is_connect = cause.is_connect();
    tracing::debug!(cause = ?cause.without_url(), "a webhook's receiver did not answer");
    again(match is_connect {
        true => "no connection to the receiver: it cannot be reached, or its certificate is not trusted",
        false => "the receiver broke the connection off",
    })
}

fn is_not_public(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}
