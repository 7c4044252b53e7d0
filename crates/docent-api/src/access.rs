//! Who may call, and what for.
//!
//! Every request passes [`check`] before its handler: the caller is identified by its key, metered, and held against
//! the scopes that the route needs ([`need`], one table). The handler gets the [`Caller`] and asks it which queries
//! and collections there are for it; for another key they do not exist (404), so nothing can be found out by asking. A
//! route that the table does not know needs `admin`: forgetting it closes it.

use crate::problem::{Problem, seconds, whole_seconds};
use crate::routes::collections;
use crate::state::{Api, ApiSettings};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use docent_core::Query;
use docent_core::access::{ApiKey, Scope};
use docent_core::rate::Taken;
use docent_engine::keys::{Recognised, same_secret};
use std::collections::BTreeSet;
use std::sync::Arc;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");
/// Whose queries those of callers without a key are, on a public server; no key is called this.
const PUBLIC: &str = "public";

/// What a route asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: anybody may.
    Nothing,
    /// One of these scopes.
    OneOf(&'static [Scope]),
}

/// What a route needs, by its method and the path it was declared with.
pub(crate) fn need(method: &Method, path: &str) -> Need {
    use Scope::{Admin, Ask, Read, Write};
    let reads = method == Method::GET || method == Method::HEAD;
    let resource = path.strip_prefix("/v1/").map(|path| path.split('/').next().unwrap_or_default());
    Need::OneOf(match (resource, path) {
        (None, "/" | "/healthz" | "/readyz" | "/openapi.json" | "/docs") => return Need::Nothing,
        (None, "/submit_query" | "/submit_query/") => &[Ask],
        (None, "/get_query" | "/get_query/" | "/list_query" | "/list_query/" | "/mcp") => &[Read, Ask],
        (Some("queries"), _) if reads => &[Read, Ask],
        (Some("queries"), _) => &[Ask],
        (Some("search" | "models"), _) => &[Read],
        (Some("chat"), _) => &[Ask],
        (Some("jobs" | "uploads"), _) if reads => &[Read, Write],
        (Some("uploads"), _) => &[Write],
        (Some("documents" | "collections"), _) if reads => &[Read],
        (Some("documents" | "collections"), _) => &[Write],
        _ => &[Admin],
    })
}

/// Who is calling.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Somebody who may do everything: with a key of the settings, or on a server of this machine that has no keys.
    Root,
    /// With a key that was made with `docent keys create`.
    Key(Arc<ApiKey>),
    /// Without a key, on a server that says what such callers may do.
    Public(Arc<BTreeSet<Scope>>),
}

impl Caller {
    /// Whose the queries are that it asks.
    pub(crate) fn owner(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::Key(key) => Some(&key.id),
            Self::Public(_) => Some(PUBLIC),
        }
    }

    /// True if it has the scope.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Root => true,
            Self::Key(key) => key.may(scope),
            Self::Public(scopes) => scopes.contains(&scope),
        }
    }

    /// True if the query exists for it: it asked it, or may see everything.
    pub(crate) fn sees(&self, query: &Query) -> bool {
        self.may(Scope::Admin) || query.request.owner.as_deref() == self.owner()
    }

    /// True if the collection exists for it.
    pub(crate) fn sees_collection(&self, name: &str) -> bool {
        match self {
            Self::Root | Self::Public(_) => true,
            Self::Key(key) => key.sees(name),
        }
    }

    /// The collection that is meant. Where none is named it is the usual one, or, for a key that does not see that, the first
    /// of its own: so a key for one collection need never name it.
    pub(crate) fn collection(&self, named: Option<String>, usual: &str) -> Result<String, Problem> {
        let of_key = || match self {
            Self::Key(key) if !key.sees(usual) => key.collections.as_ref()?.first().cloned(),
            _ => None,
        };
        let name = named.or_else(of_key).unwrap_or_else(|| usual.to_owned());
        if self.sees_collection(&name) { Ok(name) } else { Err(collections::unknown(&name)) }
    }

    fn bucket(&self) -> &str {
        self.owner().unwrap_or("root")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// A handler that nobody checked the caller of answers nobody.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(no_key)
    }
}

/// Lets a request pass if its caller may make it, and tells the caller what is left of its rate.
pub(crate) async fn check(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let need = matched.map(|path| need(request.method(), path.as_str()));
    if need == Some(Need::Nothing) {
        return next.run(request).await;
    }
    let known = request.extensions().get::<Caller>().cloned();
    let (caller, taken) = match admitted(&api, known, request.headers()).await {
        Ok(admitted) => admitted,
        Err(problem) => return problem.into_response(),
    };
    let mut response = match need {
        Some(Need::OneOf(scopes)) if !scopes.iter().any(|scope| caller.may(*scope)) => missing(scopes).into_response(),
        // A path without a route has no need either; its answer is that there is nothing.
        _ => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    };
    if let (Some(taken), Some(rate)) = (taken, api.settings.rate) {
        mark(response.headers_mut(), rate.limit(), &taken);
    }
    response
}

/// Who calls, and what is left of its rate. A call from inside this process was looked at when it came in: what a request
/// carries beside its bytes cannot be sent.
async fn admitted(api: &Api, known: Option<Caller>, headers: &HeaderMap) -> Result<(Caller, Option<Taken>), Problem> {
    if let Some(caller) = known {
        return Ok((caller, None));
    }
    let caller = identified(api, headers).await?;
    let taken = metered(api, &caller).await?;
    Ok((caller, taken))
}

async fn identified(api: &Api, headers: &HeaderMap) -> Result<Caller, Problem> {
    let Some(sent) = bearer(headers) else { return without_key(api).await };
    if is_of_settings(sent, &api.settings) {
        return Ok(Caller::Root);
    }
    match api.engine.recognise_key(sent).await? {
        Recognised::Active(key) => Ok(Caller::Key(Arc::new(key))),
        Recognised::Expired => Err(refused("this key has expired")),
        Recognised::Revoked => Err(refused("this key was revoked")),
        // Some clients cannot be told to send nothing.
        Recognised::Unknown if is_open(api).await? => Ok(Caller::Root),
        Recognised::Unknown => Err(refused("this key is not known")),
    }
}

async fn without_key(api: &Api) -> Result<Caller, Problem> {
    if is_open(api).await? {
        return Ok(Caller::Root);
    }
    if api.settings.public.is_empty() {
        return Err(no_key());
    }
    Ok(Caller::Public(Arc::new(api.settings.public.clone())))
}

/// A server of this machine is open until there is a key or a word about who may come in.
pub(crate) async fn is_open(api: &Api) -> Result<bool, Problem> {
    let ApiSettings { api_keys, public, open_without_keys, .. } = &*api.settings;
    Ok(*open_without_keys && api_keys.is_empty() && public.is_empty() && api.engine.keys.list().await?.is_empty())
}

/// What was sent as a bearer token; the scheme's name may be written in any case.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, sent) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| sent.trim())
}

/// Looks at all of them, so that the time of the answer says nothing about any.
fn is_of_settings(sent: &str, settings: &ApiSettings) -> bool {
    settings.api_keys.iter().fold(false, |found, key| found | same_secret(key, sent))
}

async fn metered(api: &Api, caller: &Caller) -> Result<Option<Taken>, Problem> {
    let Some(rate) = api.settings.rate else { return Ok(None) };
    let taken = api.engine.meter.take(caller.bucket(), rate, (api.engine.clock)()).await?;
    if taken.granted {
        return Ok(Some(taken));
    }
    let wait = whole_seconds(taken.retry_after);
    let message = format!("more than {} requests a minute with this key", rate.limit());
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message)
        .hint(format!("try again in {wait} s; `?wait=` asks less often than polling"))
        .header(header::RETRY_AFTER, seconds(wait));
    Err(problem.headers(|headers| mark(headers, rate.limit(), &taken)))
}

/// The names and forms that clients of OpenAI's interface know.
fn mark(headers: &mut HeaderMap, limit: u32, taken: &Taken) {
    headers.insert(LIMIT, HeaderValue::from(limit));
    headers.insert(REMAINING, HeaderValue::from(taken.remaining));
    let reset = format!("{}s", whole_seconds(taken.full_in));
    headers.insert(RESET, HeaderValue::try_from(reset).unwrap_or(HeaderValue::from_static("0s")));
}

fn no_key() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "this server asks for a key")
        .hint("send `Authorization: Bearer KEY`; `docent keys create` makes keys")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn refused(message: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
        .hint("ask whoever runs this server for another; `docent keys list` shows those in force")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
}

/// Says which scope is missing; where one of several would do, all of them.
pub(crate) fn missing(scopes: &[Scope]) -> Problem {
    let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    let shown = names.join("` or `");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", names.join(" "));
    let challenge = HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    Problem::new(StatusCode::FORBIDDEN, "missing_scope", format!("this needs the scope `{shown}`, which the key lacks"))
        .hint("scopes are given when a key is made: docent keys create NAME --scope read,ask")
        .header(header::WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_routes_need() {
        use Scope::{Admin, Ask, Read, Write};
        for (method, path, need_of_it) in [
            ("GET", "/healthz", Need::Nothing),
            ("GET", "/", Need::Nothing),
            ("POST", "/v1/queries", Need::OneOf(&[Ask])),
            ("GET", "/v1/queries", Need::OneOf(&[Read, Ask])),
            ("GET", "/v1/queries/{id}/trace", Need::OneOf(&[Read, Ask])),
            ("POST", "/v1/queries/{id}/cancel", Need::OneOf(&[Ask])),
            ("DELETE", "/v1/queries/{id}", Need::OneOf(&[Ask])),
            ("POST", "/v1/search", Need::OneOf(&[Read])),
            ("HEAD", "/v1/documents", Need::OneOf(&[Read])),
            ("DELETE", "/v1/documents/{id}", Need::OneOf(&[Write])),
            ("PUT", "/v1/documents/{id}", Need::OneOf(&[Write])),
            ("PUT", "/v1/documents/{id}/{*rest}", Need::OneOf(&[Write])),
            ("GET", "/v1/documents/{id}/original", Need::OneOf(&[Read])),
            ("GET", "/v1/jobs/{id}", Need::OneOf(&[Read, Write])),
            ("POST", "/v1/uploads", Need::OneOf(&[Write])),
            ("DELETE", "/v1/jobs/{id}", Need::OneOf(&[Admin])),
            ("POST", "/v1/documents", Need::OneOf(&[Write])),
            ("DELETE", "/v1/collections/{name}", Need::OneOf(&[Write])),
            ("POST", "/submit_query", Need::OneOf(&[Ask])),
            ("GET", "/list_query", Need::OneOf(&[Read, Ask])),
            ("POST", "/mcp", Need::OneOf(&[Read, Ask])),
            ("GET", "/v1/keys", Need::OneOf(&[Admin])),
            ("GET", "/something/new", Need::OneOf(&[Admin])),
            ("GET", "/v1/healthz", Need::OneOf(&[Admin])),
        ] {
            assert_eq!(need(&method.parse().unwrap(), path), need_of_it, "{method} {path}");
        }
    }
}
