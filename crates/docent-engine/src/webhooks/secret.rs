//! What webhooks are signed with, and how: HMAC-SHA256 over id, time and body, as the Standard Webhooks specification has it,
//! so that its libraries verify them.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD_INDIFFERENT};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::ops::RangeInclusive;

/// What a secret begins with where people keep it.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const BYTES: RangeInclusive<usize> = 24..=64;

/// With or without `=` at the end, as people copy it.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PAD_INDIFFERENT);

/// A secret that sender and receiver share. It never prints.
#[derive(Clone)]
pub struct SigningSecret(Hmac<Sha256>);

impl SigningSecret {
    /// From its base64, with or without `whsec_` before it.
    ///
    /// # Errors
    /// What it must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let encoded = text.trim();
        let bytes = BASE64.decode(encoded.strip_prefix(PREFIX).unwrap_or(encoded)).ok();
        let bytes = bytes.filter(|bytes| BYTES.contains(&bytes.len()));
        let keyed = bytes.and_then(|bytes| Hmac::new_from_slice(&bytes).ok());
        keyed
            .map(Self)
            .ok_or_else(|| format!("`{PREFIX}` and the base64 of {} to {} bytes", BYTES.start(), BYTES.end()))
    }

    /// Several, separated by commas; at least one.
    ///
    /// # Errors
    /// What each must be.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(Self::parse).collect()
    }

    fn signature(&self, content: &str) -> String {
        let code = self.0.clone().chain_update(content).finalize().into_bytes();
        format!("v1,{}", BASE64.encode(code))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The value of `webhook-signature`: one for each secret, so that a receiver that has the older or the newer one is content.
pub fn sign(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &str) -> String {
    let content = format!("{id}.{timestamp}.{body}");
    secrets.iter().map(|secret| secret.signature(&content)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac` and `base64`.
    const SECRET: &str = "whsec_Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9v";
    const SIGNED: &str = "v1,CriZwGaq1/T8MJ/WmnqxwFyJnyYzDDV9n3LLQh12p1w=";

    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        let body = r#"{"type":"query.completed"}"#;
        assert_eq!(sign(std::slice::from_ref(&secret), "msg_0192", 1_795_392_000, body), SIGNED);
        let other = SigningSecret::parse(&"bmV3".repeat(8)).unwrap();
        let both = sign(&[other, secret], "msg_0192", 1_795_392_000, body);
        let (first, second) = both.split_once(' ').unwrap();
        assert!(first.starts_with("v1,") && first != SIGNED && second == SIGNED, "{both}");
    }

    #[test]
    fn secrets_are_read_as_people_keep_them_and_never_print() {
        let short = "c2hvcnQ=";
        for (text, is_one) in [
            (SECRET, true),
            ("Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9v\n", true),
            ("whsec_Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vOA==", true),
            ("whsec_Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vOA", true),
            (short, false),
            ("whsec_", false),
            ("whsec_not base64, not at all, not one bit", false),
            (&"Zm9v".repeat(22), false),
        ] {
            assert_eq!(SigningSecret::parse(text).is_ok(), is_one, "{text}");
        }
        let complaint = SigningSecret::parse(short).unwrap_err();
        assert_eq!(complaint, "`whsec_` and the base64 of 24 to 64 bytes");
        assert_eq!(SigningSecret::parse_all(&format!("{SECRET}, {SECRET}")).map(|all| all.len()), Ok(2));
        assert!(SigningSecret::parse_all(&format!("{SECRET},")).is_err());
        assert_eq!(format!("{:?}", SigningSecret::parse(SECRET)), "Ok(***)");
    }
}
