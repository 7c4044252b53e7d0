//! What can be seen of a receiver's URL without looking its host up.

use crate::addresses::is_public;
use docent_engine::{Error, Result};
use reqwest::Url;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 2_048;

/// Hosts that may be called whatever their address is, and without TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(BTreeSet<String>);

impl AllowedHosts {
    pub(crate) fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| bare(host).to_ascii_lowercase()).collect())
    }

    pub(crate) fn has(&self, host: &str) -> bool {
        self.0.contains(bare(host))
    }
}

/// An IPv6 address without its brackets, and everything else as it is.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The URL of a receiver that may be called, as far as can be seen from here. Numbers in other notations (`0x7f.1`) are
/// addresses to the parser too.
pub(crate) fn understood(text: &str, allowed: &AllowedHosts) -> Result<Url> {
    if text.len() > URL_BYTES_MAX {
        let message = format!("`webhook_url` is longer than {URL_BYTES_MAX} bytes");
        return Err(Error::invalid(message).hint("shorten it; labels belong into `metadata`"));
    }
    let url = Url::parse(text).ok().filter(Url::has_host).ok_or_else(|| {
        Error::invalid("`webhook_url` is not a URL").hint("it looks like this: https://example.com/hooks/docent")
    })?;
    let host = url.host_str().unwrap_or_default();
    let is_allowed = allowed.has(host);
    if url.scheme() != "https" && !(url.scheme() == "http" && is_allowed) {
        return Err(Error::invalid("`webhook_url` must begin with https://")
            .hint("http is for hosts that the server's setting `webhook_hosts` names"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid("`webhook_url` holds a user name or a password")
            .hint("leave them out: a webhook is signed, and its receiver checks the signature"));
    }
    let is_literal_within = bare(host).parse::<IpAddr>().is_ok_and(|address| !is_public(address));
    if is_literal_within && !is_allowed {
        return Err(Error::invalid("`webhook_url` names an address that is not public")
            .hint("name a public host; a receiver inside the network needs the server's setting `webhook_hosts`"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(url: &str) -> Option<String> {
        let allowed = AllowedHosts::new(&["Receiver.internal".to_owned(), "127.0.0.9".to_owned(), "[::9]".to_owned()]);
        let error = understood(url, &allowed).err()?;
        assert_eq!(error.kind(), docent_engine::ErrorKind::Invalid);
        assert!(error.hint_text().is_some(), "{url}");
        Some(error.to_string())
    }

    #[test]
    fn public_hosts_over_https_and_named_ones_over_both_pass() {
        for url in [
            "https://example.com/hook?for=docent#part",
            "https://example.com:8443",
            "HTTPS://EXAMPLE.com/",
            "https://8.8.8.8/",
            "https://[2600::1]/",
            "https://localhost/",
            "http://receiver.internal:8080/hook",
            "http://RECEIVER.INTERNAL/",
            "http://127.0.0.9/",
            "http://127.9/",
            "https://[::9]/",
        ] {
            let verdict = complaint(url);
            // A name is looked up when it is called; `127.9` is 127.0.0.9 in another notation.
            assert_eq!(verdict, None, "{url}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_sentence() {
        let scheme = "`webhook_url` must begin with https://";
        let within = "`webhook_url` names an address that is not public";
        let no_url = "`webhook_url` is not a URL";
        let user = "`webhook_url` holds a user name or a password";
        for (url, sentence) in [
            ("http://example.com/", scheme),
            ("http://127.0.0.1/", scheme),
            ("ftp://example.com/", scheme),
            ("file://host/etc/passwd", scheme),
            ("gopher://127.0.0.1/", scheme),
            ("https://127.0.0.1/", within),
            ("https://127.1/", within),
            ("https://2130706433/", within),
            ("https://0x7f.0.0.1/", within),
            ("https://017700000001/", within),
            ("https://127.0.0.1./", within),
            ("https://10.0.0.8:8443/x", within),
            ("https://169.254.169.254/latest/meta-data/", within),
            ("https://[::1]/", within),
            ("https://[::ffff:127.0.0.1]/", within),
            ("https://[::ffff:a9fe:a9fe]/", within),
            ("https://[fe80::1]/", within),
            ("https://[fd00:ec2::254]/", within),
            ("https://me@example.com/", user),
            ("https://me:secret@example.com/", user),
            ("https://example.com@127.0.0.1/", user),
            ("https://", no_url),
            ("example.com/hook", no_url),
            ("/hook", no_url),
            ("data:text/plain,hi", no_url),
            ("", no_url),
            (&format!("https://example.com/{}", "x".repeat(2_048)), "`webhook_url` is longer than 2048 bytes"),
        ] {
            assert_eq!(complaint(url).as_deref(), Some(sentence), "{url}");
        }
    }
}
