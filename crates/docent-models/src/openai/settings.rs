//! What must be known to talk to an endpoint.

use super::keys::KeySource;
use super::retry::Retries;
use docent_engine::{Error, Result};
use reqwest::Url;
use std::fmt;
use std::time::Duration;

/// A value that never prints: its `Debug` is three stars and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret; white space around it (the line end of a key file) is dropped.
    pub fn new(value: impl AsRef<str>) -> Self {
        Self(value.as_ref().trim().to_owned())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An OpenAI-compatible endpoint and how to use it.
#[derive(Clone, Debug)]
pub struct OpenAiSettings {
    /// Where it is, with or without a trailing slash or `/v1`: `https://api.openai.com`, `http://localhost:11434/v1/`. A URL
    /// with a path of its own is taken as it is.
    pub base_url: String,
    /// Sent as bearer token; local servers often need none.
    pub api_key: Option<Secret>,
    /// Where the key comes from when it is not given in `api_key`.
    pub key_source: Option<KeySource>,
    /// The chat model.
    pub model: String,
    /// The embedding model.
    pub embedding_model: String,
    /// Length of the embedding model's vectors. Needed only for models that Docent does not know and does not probe; for
    /// models that can shorten their vectors, the length to ask for.
    pub embedding_dimension: Option<usize>,
    /// All the time that one batch of embeddings gets, retries included.
    pub embedding_time_limit: Duration,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest silence: before the answer begins, and between two parts of it.
    pub idle_timeout: Duration,
    /// Longest time that one attempt may take in all.
    pub request_timeout: Duration,
    /// Most tokens the model may write; none leaves it to the endpoint.
    pub max_output_tokens: Option<u32>,
    /// 0 for the most repeatable answers; none leaves it to the endpoint.
    pub temperature: Option<f32>,
    /// Tokens of the prompt that passages may take.
    pub passage_tokens: usize,
    /// How often and how patiently transient faults are tried again.
    pub retries: Retries,
    /// A proxy for all requests, as a URL (which may hold a password).
    pub proxy: Option<Secret>,
    /// Certificates in PEM to trust besides the public ones, for endpoints inside a company.
    pub extra_roots_pem: Option<String>,
}

impl Default for OpenAiSettings {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key: None,
            key_source: None,
            model: "gpt-4o-mini".to_owned(),
            embedding_model: "text-embedding-3-small".to_owned(),
            embedding_dimension: None,
            embedding_time_limit: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(120),
            max_output_tokens: Some(2_000),
            temperature: Some(0.0),
            passage_tokens: 6_000,
            retries: Retries::default(),
            proxy: None,
            extra_roots_pem: None,
        }
    }
}

/// The base URL, understood: every path is appended to it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint(String);

impl Endpoint {
    /// Reads what a person typed. A pasted `…/chat/completions` loses its end; a bare host gains `/v1`.
    pub(crate) fn parse(typed: &str) -> Result<Self> {
        let url = Url::parse(typed.trim()).map_err(|cause| bad_url().because(cause))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(bad_url());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid("the base URL of the model endpoint holds a user name or password")
                .hint("put the key into OPENAI_API_KEY and leave it out of the URL"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad_url());
        }
        let text = url.as_str().trim_end_matches('/');
        let text = text.strip_suffix("/chat/completions").or(text.strip_suffix("/embeddings")).unwrap_or(text);
        Ok(Self(if url.path().trim_matches('/').is_empty() { format!("{text}/v1") } else { text.to_owned() }))
    }

    /// The URL of a path that begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// What to show to people.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn bad_url() -> Error {
    Error::invalid("the base URL of the model endpoint is not an http or https URL")
        .hint("set OPENAI_BASE_URL to something like https://api.openai.com/v1 or http://localhost:11434/v1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_read_as_people_write_them() {
        for (typed, url) in [
            ("https://api.openai.com", "https://api.openai.com/v1/x"),
            ("https://api.openai.com/", "https://api.openai.com/v1/x"),
            ("https://api.openai.com/v1", "https://api.openai.com/v1/x"),
            (" https://api.openai.com/v1/ ", "https://api.openai.com/v1/x"),
            ("http://127.0.0.1:9101//", "http://127.0.0.1:9101/v1/x"),
            ("http://localhost:11434/v1/chat/completions", "http://localhost:11434/v1/x"),
            ("http://localhost:11434/v1/embeddings/", "http://localhost:11434/v1/x"),
            ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1/x"),
            ("https://example.com/v1beta/openai/", "https://example.com/v1beta/openai/x"),
            ("http://[::1]:8080", "http://[::1]:8080/v1/x"),
        ] {
            assert_eq!(Endpoint::parse(typed).unwrap().url("/x"), url, "{typed}");
        }
    }

    #[test]
    fn wrong_base_urls_are_refused_with_a_hint() {
        for typed in
            ["", "api.openai.com", "ftp://example.com", "http://", "https://x.org/v1?key=1", "http://me:pw@host/v1"]
        {
            let error = Endpoint::parse(typed).unwrap_err();
            assert_eq!(error.kind(), docent_engine::ErrorKind::Invalid, "{typed}");
            assert!(error.hint_text().is_some_and(|hint| hint.contains("OPENAI_")), "{typed}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn secrets_never_print() {
        let settings = OpenAiSettings { api_key: Some(Secret::new("sk-123\n")), ..OpenAiSettings::default() };
        assert!(!format!("{settings:?}").contains("sk-123"));
        assert_eq!(settings.api_key.map(|key| key.expose().to_owned()).as_deref(), Some("sk-123"));
    }
}
