//! API keys as lines and as JSON; the secret only when the key was just made.

use super::listing;
use super::text::Paint;
use docent_api::wire::timestamp;
use docent_core::{ApiKey, Timestamp};
use docent_engine::keys::KeySecret;
use serde::Serialize;

/// A key in JSON.
#[derive(Serialize)]
pub(crate) struct KeyBody<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    state: &'static str,
    scopes: Vec<&'static str>,
    /// Null for all.
    collections: Option<Vec<&'a str>>,
    created_at: String,
    expires_at: Option<String>,
    last_used_on: Option<String>,
    revoked_at: Option<String>,
}

impl<'a> KeyBody<'a> {
    pub(crate) fn new(key: &'a ApiKey, now: Timestamp) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            key: None,
            state: key.state(now).as_str(),
            scopes: scopes(key),
            collections: key.collections.as_ref().map(|names| names.iter().map(String::as_str).collect()),
            created_at: timestamp(key.created_at),
            expires_at: key.expires_at.map(timestamp),
            last_used_on: key.last_used.map(day),
            revoked_at: key.revoked_at.map(timestamp),
        }
    }

    pub(crate) fn with_secret(self, secret: &'a KeySecret) -> Self {
        Self { key: Some(secret.expose()), ..self }
    }
}

fn scopes(key: &ApiKey) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.as_str()).collect()
}

fn day(at: Timestamp) -> String {
    timestamp(at).chars().take_while(|c| *c != 'T').collect()
}

fn collections(key: &ApiKey) -> String {
    let names = key.collections.as_ref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    names.map_or_else(|| "all".to_owned(), |names| names.join(", "))
}

/// What a new key is.
pub(crate) fn summary(key: &ApiKey) -> String {
    let end = key.expires_at.map_or_else(|| "until it is revoked".to_owned(), |end| format!("until {}", day(end)));
    format!("{} · {} · may {} · collections: {} · {end}", key.id, key.name, scopes(key).join(", "), collections(key))
}

/// Keys, one a line.
pub(crate) fn table(keys: &[ApiKey], now: Timestamp, paint: Paint) -> Vec<String> {
    let head = ["KEY", "STATE", "SCOPES", "COLLECTIONS", "CREATED", "EXPIRES", "LAST USED", "NAME"].map(str::to_owned);
    let date = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), day);
    let row = |key: &ApiKey| {
        vec![
            key.id.clone(),
            key.state(now).as_str().to_owned(),
            scopes(key).join(","),
            collections(key),
            day(key.created_at),
            date(key.expires_at),
            date(key.last_used),
            key.name.clone(),
        ]
    };
    listing::table(head.to_vec(), keys.iter().map(row), &[], paint)
}
