//! What a Chroma server's refusal means, and what to do about it.

use docent_engine::{Error, ErrorKind};
use reqwest::StatusCode;
use serde::Deserialize;
use std::time::Duration;

/// Characters of the server's message that are shown.
const MESSAGE_CHARS: usize = 200;

/// What the server says when it refuses.
#[derive(Debug, Default, Deserialize)]
struct Complaint {
    #[serde(default)]
    message: String,
}

/// What one attempt at a request came to, other than success.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The named thing does not exist.
    Missing,
    /// There is one of that name already.
    Exists,
    /// Anything else; true if the same request may succeed soon.
    Failed(Error, bool),
}

/// The meaning of an answer that is not a success.
pub(crate) fn refusal(server: &str, status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Refusal {
    let said = said(body);
    match status.as_u16() {
        404 if said.is_empty() => Refusal::Failed(too_old(server), false),
        404 => Refusal::Missing,
        409 => Refusal::Exists,
        401 | 403 => Refusal::Failed(unauthorised(&said), false),
        410 | 405 | 501 => Refusal::Failed(too_old(server), false),
        429 => Refusal::Failed(busy(retry_after), true),
        502..=504 => Refusal::Failed(unavailable(server, status, &said), true),
        500.. => Refusal::Failed(unavailable(server, status, &said), false),
        _ => Refusal::Failed(refused(status, &said), false),
    }
}

/// The server's message as the end of a sentence.
fn said(body: &[u8]) -> String {
    let complaint: Complaint = serde_json::from_slice(body).unwrap_or_default();
    let line = complaint.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.trim_end_matches('.').chars().take(MESSAGE_CHARS).collect();
    if short.len() < line.trim_end_matches('.').len() {
        short.push('…');
    }
    if short.is_empty() { short } else { format!(": {short}") }
}

fn unauthorised(said: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, format!("the Chroma server refused the token{said}"))
        .hint("check CHROMA_TOKEN: it must be valid for this server, tenant and database")
}

fn busy(retry_after: Option<Duration>) -> Error {
    Error::new(ErrorKind::RateLimited { retry_after }, "the Chroma server asks for a pause")
        .hint("wait, or send fewer requests at the same time")
}

fn unavailable(server: &str, status: StatusCode, said: &str) -> Error {
    Error::unavailable(format!("the Chroma server failed with status {}{said}", status.as_u16()))
        .hint(format!("try again later, or look at the log of the server at {server}"))
}

fn refused(status: StatusCode, said: &str) -> Error {
    Error::invalid(format!("the Chroma server refused the request with status {}{said}", status.as_u16()))
        .hint("check CHROMA_TENANT and CHROMA_DATABASE, and that the server is Chroma 1.0 or newer")
}

/// No API v2 at this address.
fn too_old(server: &str) -> Error {
    Error::invalid(format!("there is no Chroma API v2 at {server}"))
        .hint("check CHROMA_URL, and that the server is Chroma 1.0 or newer: older ones speak v1 only")
}

/// The address answers, but not as Chroma does.
pub(crate) fn malformed(server: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::unavailable(format!("what answers at {server} does not speak as a Chroma server does"))
        .because(cause)
        .hint("check CHROMA_URL")
}

/// The meaning of a request that got no answer.
pub(crate) fn unreachable(server: &str, cause: reqwest::Error) -> Refusal {
    if cause.is_timeout() {
        let error =
            Error::new(ErrorKind::Timeout, "the Chroma server did not answer in time").because(cause.without_url());
        return Refusal::Failed(error.hint(format!("try again, or look at the load of the server at {server}")), false);
    }
    let what = if cause.is_connect() { "cannot be reached" } else { "broke the connection off" };
    let error = Error::unavailable(format!("the Chroma server {what}")).because(cause.without_url());
    let hint = format!("check that it is running at {server} (CHROMA_URL): chroma run --path FOLDER");
    Refusal::Failed(error.hint(hint), true)
}

/// The tenant or the database does not exist.
pub(crate) fn no_database(tenant: &str, database: &str) -> Error {
    Error::not_found(format!("the Chroma server has no database {database:?} in tenant {tenant:?}"))
        .hint("check CHROMA_TENANT and CHROMA_DATABASE")
}
