//! API keys: what one may do, which collections it sees, and until when.
//!
//! A key's secret is never kept, only its hash; how a secret becomes a hash is the engine's business.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a key may be allowed to do. No scope contains another, but for `admin`, which is allowed everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Search, documents, collections, the key's own queries.
    Read,
    /// Ask questions; see, stop and forget the key's own queries.
    Ask,
    /// Take documents in and remove them.
    Write,
    /// Everything, the queries and traces of other keys included.
    Admin,
}

impl Scope {
    /// All scopes, the weakest first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Ask, Self::Write, Self::Admin];

    /// The name used on the command line, in JSON and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Ask => "ask",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// A key as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// `key_` and the first 16 hexadecimal digits of the hash, so that whoever has the secret can find the record.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the secret, 64 hexadecimal digits.
    pub hash: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// The collections it sees; none for all, also those to come.
    pub collections: Option<BTreeSet<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused, if ever.
    pub expires_at: Option<Timestamp>,
    /// Beginning of the day (UTC) on which it was used last.
    pub last_used: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Whether a key opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It does.
    Active,
    /// Not any more, as it was made to last until then.
    Expired,
    /// Not any more, as somebody said so.
    Revoked,
}

impl KeyState {
    /// The name used in JSON and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl ApiKey {
    /// What it is worth at a moment.
    pub fn state(&self, now: Timestamp) -> KeyState {
        match () {
            () if self.revoked_at.is_some() => KeyState::Revoked,
            () if self.expires_at.is_some_and(|end| end <= now) => KeyState::Expired,
            () => KeyState::Active,
        }
    }

    /// True if it has the scope, or may do everything.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// True if the collection exists for it.
    pub fn sees(&self, collection: &str) -> bool {
        self.collections.as_ref().is_none_or(|names| names.contains(collection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scopes: &[Scope], collections: Option<&[&str]>) -> ApiKey {
        ApiKey {
            id: "key_0123456789abcdef".to_owned(),
            name: "test".to_owned(),
            hash: String::new(),
            scopes: scopes.iter().copied().collect(),
            collections: collections.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            created_at: Timestamp::from_millis(0),
            expires_at: None,
            last_used: None,
            revoked_at: None,
        }
    }

    #[test]
    fn scopes_stand_alone_and_admin_is_all() {
        for (has, may) in [
            (vec![], vec![]),
            (vec![Scope::Read], vec![Scope::Read]),
            (vec![Scope::Ask], vec![Scope::Ask]),
            (vec![Scope::Write], vec![Scope::Write]),
            (vec![Scope::Admin], Scope::ALL.to_vec()),
        ] {
            let key = key(&has, None);
            let allowed: Vec<_> = Scope::ALL.into_iter().filter(|scope| key.may(*scope)).collect();
            assert_eq!(allowed, may, "{has:?}");
        }
        assert!(Scope::ALL.iter().all(|scope| Scope::parse(scope.as_str()) == Some(*scope)));
        assert_eq!(Scope::parse("root"), None);
    }

    #[test]
    fn collections_are_all_some_or_none() {
        for (collections, people, product) in
            [(None, true, true), (Some(&["people"][..]), true, false), (Some(&[][..]), false, false)]
        {
            let key = key(&[Scope::Read], collections);
            assert_eq!((key.sees("people"), key.sees("product")), (people, product), "{collections:?}");
        }
    }

    #[test]
    fn a_key_ends_by_time_or_by_word() {
        let at = Timestamp::from_millis;
        let expiring = ApiKey { expires_at: Some(at(10)), ..key(&[], None) };
        assert_eq!((expiring.state(at(9)), expiring.state(at(10))), (KeyState::Active, KeyState::Expired));
        let revoked = ApiKey { revoked_at: Some(at(5)), ..expiring };
        assert_eq!((revoked.state(at(0)), revoked.state(at(10))), (KeyState::Revoked, KeyState::Revoked));
    }
}
