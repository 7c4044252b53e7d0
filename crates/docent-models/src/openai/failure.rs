//! What an endpoint's refusal means, and what to do about it.

use super::settings::{Endpoint, Secret};
use docent_engine::{Error, ErrorKind};
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::time::Duration;

/// A failed call: the error for people, and what the endpoint said where another dialect may help.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) complaint: Option<String>,
    /// The pause that the endpoint asked for.
    pub(crate) pause: Option<Duration>,
}

/// What one attempt comes to.
pub(crate) type Attempt<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, complaint: None, pause: None }
    }
}

/// Who was asked for what: the facts that hints are made of.
#[derive(Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) model: &'a str,
    pub(crate) key: Option<Secret>,
}

/// Characters of a provider's message that are shown.
const MESSAGE_CHARS: usize = 300;

impl Asked<'_> {
    /// The meaning of an answer that is not a success.
    pub(crate) fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &str) -> Failure {
        let pause = retry_after(headers);
        let error = self.error(status, pause, &Complaint::read(body));
        let negotiable = matches!(status.as_u16(), 400 | 404 | 415 | 422 | 501);
        Failure { error, complaint: negotiable.then(|| body.to_owned()), pause }
    }

    /// The meaning of an error object inside a stream that began well.
    pub(crate) fn broken_stream(&self, error: &Value) -> Failure {
        let complaint = Complaint::read(&Value::from_iter([("error", error.clone())]).to_string());
        let code = error.get("code").and_then(Value::as_u64).or(error.get("status").and_then(Value::as_u64));
        let status = code.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
        let status = status.filter(|status| status.as_u16() >= 400).unwrap_or(StatusCode::BAD_GATEWAY);
        self.error(status, None, &complaint).into()
    }

    fn error(&self, status: StatusCode, retry_after: Option<Duration>, complaint: &Complaint) -> Error {
        let (endpoint, model) = (self.endpoint.as_str(), self.model);
        let said = self.shown(&complaint.message);
        match status.as_u16() {
            _ if complaint.is("insufficient_quota") => used_up(&said),
            402 => used_up(&said),
            401 | 403 => Error::new(ErrorKind::Unauthorized, format!("the model endpoint refused the key{said}"))
                .hint("check OPENAI_API_KEY: it must be valid for this endpoint and allowed to use this model"),
            404 => Error::not_found(format!("the model endpoint does not know {model}{said}"))
                .hint(format!("check the model's name against {endpoint}/models and the base URL {endpoint}")),
            408 | 409 | 425 | 500.. => {
                Error::unavailable(format!("the model endpoint failed with status {status}{said}"))
                    .hint(format!("try again later, or check the server at {endpoint}"))
            }
            429 => {
                Error::new(ErrorKind::RateLimited { retry_after }, format!("the model endpoint asks for a pause{said}"))
                    .hint("wait, or ask the provider for a higher rate limit")
            }
            300..=399 | 405 => {
                Error::invalid(format!("there is no such service at the model endpoint (status {status})"))
                    .hint(format!("check OPENAI_BASE_URL: requests went to {endpoint}"))
            }
            _ if complaint.is("context_length_exceeded") || complaint.message.contains("context length") => {
                Error::invalid(format!("the prompt is too long for {model}{said}"))
                    .hint("lower top_k or the token budget for passages, or choose a model with a longer context")
            }
            _ => Error::invalid(format!("the model endpoint refused the request with status {status}{said}"))
                .hint("check the model's name and the settings of the endpoint"),
        }
    }

    /// The provider's message as the end of a sentence, in one line, short, and without the key.
    fn shown(&self, message: &str) -> String {
        let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = match self.key.as_ref().map(Secret::expose).filter(|key| !key.is_empty()) {
            Some(key) => line.replace(key, "***"),
            None => line,
        };
        let mut short: String = line.trim_end_matches('.').chars().take(MESSAGE_CHARS).collect();
        if short.len() < line.trim_end_matches('.').len() {
            short.push('…');
        }
        if short.is_empty() { short } else { format!(": {short}") }
    }

    /// The meaning of a request that got no answer.
    pub(crate) fn unreachable(&self, cause: reqwest::Error) -> Error {
        let endpoint = self.endpoint.as_str();
        if cause.is_timeout() {
            return super::retry::timed_out();
        }
        if is_distrust(&cause) {
            return Error::unavailable("the certificate of the model endpoint is not trusted")
                .because(cause.without_url())
                .hint(format!("if {endpoint} is your company's, name its root certificates with `ca_file`"));
        }
        let what = if cause.is_connect() { "cannot be reached" } else { "broke the connection off" };
        Error::unavailable(format!("the model endpoint {what}")).because(cause.without_url()).hint(format!(
            "check that a server is running at {endpoint} (OPENAI_BASE_URL) and that it is reachable from here"
        ))
    }
}

/// True when TLS failed because nobody we trust vouches for the endpoint.
fn is_distrust(error: &reqwest::Error) -> bool {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    chain.filter_map(|error| error.downcast_ref()).any(holds_distrust)
}

/// An I/O error is not the source of the one around it, so a walk over sources does not meet what lies in both.
fn holds_distrust(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        let refused = inner.downcast_ref().is_some_and(|tls| matches!(tls, rustls::Error::InvalidCertificate(_)));
        refused || inner.downcast_ref().is_some_and(holds_distrust)
    })
}

fn used_up(said: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, format!("the quota of the key for the model endpoint is used up{said}"))
        .hint("add credit at the provider or use another key")
}

/// An answer that is not what the protocol says.
pub(crate) fn malformed(what: &str) -> Error {
    Error::unavailable(format!("the model endpoint sent {what}"))
        .hint("check that OPENAI_BASE_URL is an OpenAI-compatible endpoint, or try again")
}

/// A provider's explanation, whatever its shape.
#[derive(Debug, Default)]
struct Complaint {
    message: String,
    codes: Vec<String>,
}

impl Complaint {
    fn read(body: &str) -> Self {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let error = value.get("error").unwrap_or(&value);
        let words = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = words("message").or(error.as_str().map(str::to_owned)).or(words("detail"));
        Self { message: message.unwrap_or_default(), codes: ["code", "type"].into_iter().filter_map(words).collect() }
    }

    fn is(&self, code: &str) -> bool {
        self.codes.iter().any(|known| known == code)
    }
}

/// The pause that was asked for: milliseconds, seconds, or a date, which counts from the answer's own `Date` (so the two
/// clocks need not agree).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |name: &str| text(name).and_then(|value| value.parse::<f64>().ok());
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or(number(RETRY_AFTER.as_str()));
    if let Some(seconds) = seconds {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(text(RETRY_AFTER.as_str())?).ok()?;
    let now = httpdate::parse_http_date(text(DATE.as_str())?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Error {
        let endpoint = Endpoint::parse("http://127.0.0.1:9").unwrap();
        let key = Secret::new("sk-very-secret");
        let asked = Asked { endpoint: &endpoint, model: "gpt-x", key: Some(key) };
        asked.refusal(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body).error
    }

    #[test]
    fn statuses_become_kinds_with_hints() {
        for (status, body, kind, hint) in [
            (401, r#"{"error":{"message":"bad key"}}"#, "upstream_unauthorized", "OPENAI_API_KEY"),
            (403, "<html>", "upstream_unauthorized", "OPENAI_API_KEY"),
            (402, "", "upstream_unauthorized", "credit"),
            (404, r#"{"error":{"code":"model_not_found"}}"#, "not_found", "http://127.0.0.1:9/v1/models"),
            (400, r#"{"error":{"message":"bad thing."}}"#, "invalid", "settings"),
            (400, r#"{"error":{"code":"context_length_exceeded"}}"#, "invalid", "top_k"),
            (413, "", "invalid", "settings"),
            (405, "", "invalid", "OPENAI_BASE_URL"),
            (302, "", "invalid", "OPENAI_BASE_URL"),
            (429, r#"{"error":{"type":"rate_limit_error"}}"#, "rate_limited", "wait"),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, "upstream_unauthorized", "credit"),
            (408, "", "unavailable", "try again"),
            (500, "oops", "unavailable", "try again"),
            (503, r#"{"error":"loading"}"#, "unavailable", "try again"),
            (529, "", "unavailable", "try again"),
        ] {
            let error = refusal(status, body);
            assert_eq!(error.kind().as_str(), kind, "{status} {body}");
            assert!(error.hint_text().is_some_and(|text| text.contains(hint)), "{status} {body}: {error:?}");
        }
    }

    #[test]
    fn the_providers_words_are_kept_short_and_free_of_the_key() {
        for (body, end) in [
            (r#"{"error":{"message":"no\n such thing."}}"#, "400 Bad Request: no such thing"),
            (r#"{"error":"loading"}"#, "400 Bad Request: loading"),
            (r#"{"detail":"odd"}"#, "400 Bad Request: odd"),
            (r#"{"error":{"message":"you sent sk-very-secret"}}"#, "400 Bad Request: you sent ***"),
            ("<html>", "400 Bad Request"),
        ] {
            let message = refusal(400, body).to_string();
            assert!(message.ends_with(end), "{message}");
        }
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "ü".repeat(1000));
        assert!(refusal(400, &long).to_string().chars().count() < MESSAGE_CHARS + 80);
    }

    #[test]
    fn pauses_are_read_in_every_form() {
        let date = ("date", "Mon, 23 Nov 2026 10:00:00 GMT");
        for (headers, pause) in [
            (vec![("retry-after", "2")], Some(2000)),
            (vec![("retry-after", " 1.5 ")], Some(1500)),
            (vec![("retry-after-ms", "250"), ("retry-after", "2")], Some(250)),
            (vec![("retry-after", "Mon, 23 Nov 2026 10:00:07 GMT"), date], Some(7000)),
            (vec![("retry-after", "Mon, 23 Nov 2026 09:00:00 GMT"), date], Some(0)),
            (vec![("retry-after", "Mon, 23 Nov 2026 10:00:07 GMT")], None),
            (vec![("retry-after", "-1")], None),
            (vec![("retry-after", "soon"), date], None),
            (vec![], None),
        ] {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| (name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap()))
                .collect();
            assert_eq!(retry_after(&map), pause.map(Duration::from_millis), "{headers:?}");
        }
    }
}
