//! Calls from pages of other origins (CORS), as the first system answered them, and where such calls have no business.

use crate::access;
use crate::problem::Problem;
use crate::state::Api;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

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

/// The address that a client called this server by: `https://docent.example`.
pub(crate) fn own(asked: &HeaderMap) -> String {
    let named = |name: &str| asked.get(name).and_then(|value| value.to_str().ok());
    let scheme = named("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
    format!("{scheme}://{}", named(header::HOST.as_str()).unwrap_or("localhost"))
}

/// Keeps web pages away from a door that is not made for them. A browser says which page is calling, and only the server's own
/// and those that `cors_origins` names one by one may. On a server that is open to this machine the name that it is called
/// by must be this machine's, too: a page that points a name of its own at it (DNS rebinding) is of that name's origin.
pub(crate) async fn keep_out(State(api): State<Api>, request: Request, next: Next) -> Response {
    if let Some(origin) = request.headers().get(header::ORIGIN)
        && !may_call(origin, request.headers(), &api.settings.cors_origins)
    {
        return stranger("pages of this origin may not call here")
            .hint("`cors_origins` can name it; `*` is not enough here")
            .into_response();
    }
    match access::is_open(&api).await {
        Ok(true) if !is_called_by_own_name(request.headers()) => {
            stranger("without a key, this server is called as localhost or 127.0.0.1 only")
                .hint("use that address, or make a key with `docent keys create`")
                .into_response()
        }
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn stranger(message: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", message)
}

/// A proxy may have changed the scheme on the way.
fn may_call(origin: &HeaderValue, asked: &HeaderMap, listed: &[String]) -> bool {
    let authority = |url: &str| url.split_once("://").map(|(_, authority)| authority.to_ascii_lowercase());
    let is_own = origin.to_str().ok().and_then(authority).is_some_and(|from| Some(from) == authority(&own(asked)));
    is_own || listed.iter().any(|listed| listed != "*" && listed.as_bytes() == origin.as_bytes())
}

fn is_called_by_own_name(asked: &HeaderMap) -> bool {
    let host = asked.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(host: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))])
    }

    #[test]
    fn which_pages_may_call() {
        let listed = ["*".to_owned(), "https://inspector.example".to_owned()];
        for (origin, host, may) in [
            ("http://localhost:8080", "localhost:8080", true),
            ("https://docent.example", "docent.example", true),
            ("http://LOCALHOST:8080", "localhost:8080", true),
            ("https://inspector.example", "localhost:8080", true),
            ("http://inspector.example", "localhost:8080", false),
            ("http://localhost:3000", "localhost:8080", false),
            ("https://evil.example", "localhost:8080", false),
            ("null", "localhost:8080", false),
        ] {
            assert_eq!(may_call(&HeaderValue::from_static(origin), &asked(host), &listed), may, "{origin} {host}");
        }
    }

    #[test]
    fn which_names_are_this_machine_s() {
        for (host, own) in [
            ("localhost", true),
            ("LocalHost:8080", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9", true),
            ("[::1]:8080", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("192.168.1.4", false),
            ("0.0.0.0:8080", false),
        ] {
            assert_eq!(is_called_by_own_name(&asked(host)), own, "{host}");
        }
        assert!(!is_called_by_own_name(&HeaderMap::new()));
    }
}
