//! A key that Secrets Manager keeps.

use crate::trouble::Asked;
use aws_sdk_secretsmanager::Client;
use docent_engine::{Error, Result};

/// A secret whose value is a key: the bare text, or a JSON object with a field that is called as its variable would be,
/// for example `OPENAI_API_KEY`.
#[derive(Clone, Debug)]
pub struct SecretKey {
    client: Client,
    arn: String,
    field: &'static str,
    setting: &'static str,
    what: String,
}

impl SecretKey {
    pub(crate) fn new(client: Client, arn: String, field: &'static str, setting: &'static str) -> Self {
        let what = format!("the secret `{arn}`");
        Self { client, arn, field, setting, what }
    }

    /// The key as it is now.
    ///
    /// # Errors
    /// `Unavailable` when there is no such secret or no answer, `Internal` when this role may not read it, `Invalid` when
    /// it holds no key.
    pub async fn fetch(&self) -> Result<String> {
        let asked = Asked { what: &self.what, setting: self.setting, action: "secretsmanager:GetSecretValue" };
        let got = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let value = got.map_err(|error| asked.explain(&error))?.secret_string.unwrap_or_default();
        key_in(&value, self.field).ok_or_else(|| {
            Error::invalid(format!("{} holds no key", self.what))
                .hint(format!("store the bare key in it, or a JSON object with a field {}", self.field))
        })
    }
}

fn key_in(value: &str, field: &str) -> Option<String> {
    let value = value.trim();
    let key = match serde_json::from_str::<serde_json::Value>(value) {
        Ok(serde_json::Value::Object(fields)) => fields.get(field)?.as_str()?.trim().to_owned(),
        _ => value.to_owned(),
    };
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::key_in;

    #[test]
    fn keys_are_found_bare_or_in_a_field() {
        for (value, key) in [
            ("sk-1\n", Some("sk-1")),
            (r#"{"OPENAI_API_KEY": " sk-2 ", "other": 1}"#, Some("sk-2")),
            (r#"{"other": "sk-3"}"#, None),
            (r#"{"OPENAI_API_KEY": 4}"#, None),
            ("", None),
            (" \n", None),
        ] {
            assert_eq!(key_in(value, "OPENAI_API_KEY").as_deref(), key, "{value}");
        }
    }
}
