//! What must be known to talk to a Chroma server.

use docent_engine::{Error, Result};
use reqwest::Url;
use std::fmt;
use std::time::Duration;

/// A token that never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a token; white space around it is dropped.
    pub fn new(value: impl AsRef<str>) -> Self {
        Self(value.as_ref().trim().to_owned())
    }

    /// The token itself, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A Chroma server and how to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is, for example `http://localhost:8000`; a path, if a proxy has one, is kept.
    pub url: String,
    /// Sent as bearer token and as `x-chroma-token`, if the server or what stands before it asks for one.
    pub token: Option<Token>,
    /// The tenant.
    pub tenant: String,
    /// The database in it.
    pub database: String,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest time that one request may take.
    pub request_timeout: Duration,
    /// How often a request is sent at most when the server is down or busy.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles with each.
    pub pause: Duration,
    /// A proxy for addresses that begin with https, as a URL.
    pub proxy: Option<Token>,
    /// Certificates in PEM to trust besides the public ones.
    pub extra_roots_pem: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "http://localhost:8000".to_owned(),
            token: None,
            tenant: "default_tenant".to_owned(),
            database: "default_database".to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            attempts: 3,
            pause: Duration::from_millis(200),
            proxy: None,
            extra_roots_pem: None,
        }
    }
}

impl Settings {
    /// The address of the API, without a slash at its end.
    pub(crate) fn api(&self) -> Result<Url> {
        let url = Url::parse(self.url.trim()).map_err(|cause| bad_url().because(cause))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(bad_url());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid("the URL of the Chroma server holds a user name or password")
                .hint("put the token into CHROMA_TOKEN and leave it out of the URL"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad_url());
        }
        let base = url.as_str().trim_end_matches('/');
        let base = base.strip_suffix("/api/v2").or(base.strip_suffix("/api/v1")).unwrap_or(base);
        Url::parse(&format!("{base}/api/v2")).map_err(|cause| bad_url().because(cause))
    }
}

fn bad_url() -> Error {
    Error::invalid("the address of the Chroma server is not an http or https URL")
        .hint("set CHROMA_URL to something like http://localhost:8000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (typed, api) in [
            ("http://localhost:8000", "http://localhost:8000/api/v2"),
            (" http://localhost:8000/ ", "http://localhost:8000/api/v2"),
            ("http://localhost:8000/api/v1", "http://localhost:8000/api/v2"),
            ("https://example.com/chroma/api/v2/", "https://example.com/chroma/api/v2"),
        ] {
            let settings = Settings { url: typed.to_owned(), ..Settings::default() };
            assert_eq!(settings.api().unwrap().as_str(), api, "{typed}");
        }
    }

    #[test]
    fn wrong_addresses_are_refused_with_a_hint() {
        for typed in ["", "localhost:8000", "/data/chroma", "ftp://x.org", "http://me:pw@host", "http://host/?a=1"] {
            let error = Settings { url: typed.to_owned(), ..Settings::default() }.api().unwrap_err();
            assert_eq!(error.kind(), docent_engine::ErrorKind::Invalid, "{typed}");
            assert!(error.hint_text().is_some_and(|hint| hint.contains("CHROMA_")), "{typed}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_token_never_prints() {
        let settings = Settings { token: Some(Token::new("tok-123\n")), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("tok-123"));
        assert_eq!(settings.token.as_ref().map(Token::expose), Some("tok-123"));
    }
}
