//! API keys: made once, shown once, recognised by their hash.
//!
//! A secret is `dk_` and 64 hexadecimal digits: 256 random bits behind a beginning that scanners for leaked keys can look
//! for. The store has its SHA-256, which leads to nothing: a guess costs as much as the key itself. A plain hash is right
//! here, and would be wrong for passwords, which people choose.

use crate::error::{Error, Result};
use crate::{Engine, ports};
use docent_core::Timestamp;
use docent_core::access::{ApiKey, KeyState, Scope};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Random bytes in a secret.
pub const SECRET_BYTES: usize = 32;
const PREFIX: &str = "dk_";
/// Digits of the hash in an id.
const ID_DIGITS: usize = 16;
/// Longest name of a key, in characters.
const NAME_CHARS_MAX: usize = 100;

/// What a caller shows. Its `Debug` is three stars and it has no `Display`.
#[derive(Clone)]
pub struct KeySecret(String);

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl KeySecret {
    /// From bytes of the system's random source.
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(format!("{PREFIX}{}", hex(&random)))
    }

    /// Of what a caller sent: none if it cannot be a key.
    pub fn parse(sent: &str) -> Option<Self> {
        let digits = sent.strip_prefix(PREFIX)?;
        let is_one =
            digits.len() == 2 * SECRET_BYTES && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| Self(sent.to_owned()))
    }

    /// The secret itself, for the one place that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the store keeps.
    pub fn hash(&self) -> String {
        hash(&self.0)
    }

    /// The id of its record.
    pub fn id(&self) -> String {
        format!("key_{}", &self.hash()[..ID_DIGITS])
    }
}

/// SHA-256 in hexadecimal.
fn hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
pub fn same_secret(one: &str, other: &str) -> bool {
    Sha256::digest(one.as_bytes()).ct_eq(&Sha256::digest(other.as_bytes())).into()
}

/// What a new key shall be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: BTreeSet<Scope>,
    /// The collections it sees; none for all.
    pub collections: Option<BTreeSet<String>>,
    /// How long it lasts; none for ever.
    pub lifetime: Option<Duration>,
}

impl NewKey {
    fn check(&self) -> Result<()> {
        let characters = self.name.chars().count();
        if self.name.trim().is_empty() || characters > NAME_CHARS_MAX {
            return Err(Error::invalid(format!("the name of a key has 1 to {NAME_CHARS_MAX} characters"))
                .hint("name the program or person that will use it"));
        }
        if self.scopes.is_empty() {
            return Err(
                Error::invalid("a key without scopes opens nothing").hint("--scope read,ask is a common choice")
            );
        }
        let bound = self.collections.as_ref();
        if bound.is_some() && self.scopes.contains(&Scope::Admin) {
            return Err(Error::invalid("a key with the scope `admin` cannot be bound to collections")
                .hint("it sees everything; leave out --collection, or give it other scopes"));
        }
        if bound.is_some_and(|names| names.is_empty() || names.iter().any(|name| name.trim().is_empty())) {
            return Err(Error::invalid("a collection of the key has no name").hint("leave out --collection for all"));
        }
        Ok(())
    }
}

impl Engine {
    /// Makes a key. The secret is returned this once and kept nowhere.
    ///
    /// # Errors
    /// `Invalid` for a key that would make no sense.
    pub async fn create_key(&self, wanted: NewKey, random: [u8; SECRET_BYTES]) -> Result<(ApiKey, KeySecret)> {
        wanted.check()?;
        let (now, secret) = ((self.clock)(), KeySecret::new(random));
        let key = ApiKey {
            id: secret.id(),
            name: wanted.name.trim().to_owned(),
            hash: secret.hash(),
            scopes: wanted.scopes,
            collections: wanted.collections,
            created_at: now,
            expires_at: wanted.lifetime.map(|lifetime| now.plus(lifetime)),
            last_used: None,
            revoked_at: None,
        };
        self.keys.create(&key).await?;
        Ok((key, secret))
    }

    /// The key that a caller's secret belongs to, if it is one and in force. Remembers the day of use.
    pub async fn recognise_key(&self, sent: &str) -> Result<Recognised> {
        let Some(secret) = KeySecret::parse(sent) else { return Ok(Recognised::Unknown) };
        let (hash, now) = (secret.hash(), (self.clock)());
        let Some(key) = self.keys.get(&secret.id()).await? else { return Ok(Recognised::Unknown) };
        if !bool::from(key.hash.as_bytes().ct_eq(hash.as_bytes())) {
            return Ok(Recognised::Unknown);
        }
        match key.state(now) {
            KeyState::Active => {
                self.remember_use(&key, now).await;
                Ok(Recognised::Active(key))
            }
            KeyState::Expired => Ok(Recognised::Expired),
            KeyState::Revoked => Ok(Recognised::Revoked),
        }
    }

    /// Once a day and key. That it fails is no reason to turn a caller away.
    async fn remember_use(&self, key: &ApiKey, now: Timestamp) {
        let today = Timestamp::start_of_day(now.day());
        if key.last_used.is_some_and(|day| day >= today) {
            return;
        }
        if let Err(error) = self.keys.touch(&key.id, today).await {
            tracing::warn!(key_id = key.id, %error, "the use of a key was not remembered");
        }
    }

    /// Revokes a key; from the next request on it is refused.
    ///
    /// # Errors
    /// `NotFound` if there is no such key.
    pub async fn revoke_key(&self, id: &str) -> Result<ApiKey> {
        let revoked = self.keys.revoke(id, (self.clock)()).await?;
        revoked.ok_or_else(|| {
            Error::not_found(format!("there is no API key `{id}`")).hint("`docent keys list` shows the ids of all keys")
        })
    }
}

/// What a caller's secret turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// A key in force.
    Active(ApiKey),
    /// One that had an end.
    Expired,
    /// One that was taken back.
    Revoked,
    /// Nothing we made.
    Unknown,
}

/// True if somebody could come in with a key of this store.
///
/// # Errors
/// Those of the store.
pub async fn any_active(keys: &dyn ports::KeyStore, now: Timestamp) -> Result<bool> {
    Ok(keys.list().await?.iter().any(|key| key.state(now) == KeyState::Active))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_one_form() {
        let secret = KeySecret::new([0xab; SECRET_BYTES]);
        let text = format!("dk_{}", "ab".repeat(32));
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), (text.as_str(), "***"));
        assert_eq!(KeySecret::parse(&text).map(|parsed| parsed.id()), Some(secret.id()));
        assert_eq!(secret.id(), format!("key_{}", &secret.hash()[..16]));
        let long = format!("{text}0");
        for wrong in ["", "dk_", &text[3..], &text[..66], &long, &text.to_uppercase(), &text.replace('a', "g")] {
            assert!(KeySecret::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_hash_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(same_secret("abc", "abc") && !same_secret("abc", "abx") && !same_secret("", "a"));
    }
}
