//! Addresses in S3 that let whoever has them make one request.
//!
//! The signature covers the bucket, the key and every header that is named, so that a file of another length, or one that says
//! something else of itself, is refused by S3.

use crate::connection::Aws;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use docent_core::Timestamp;
use docent_engine::{Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// What a key's parts are written without.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The same of a value of the query.
const ENCODED_IN_QUERY: &AsciiSet = &ENCODED.add(b'/');

/// A `PUT` of an object.
#[derive(Clone, Debug)]
pub struct PutObject {
    /// Where S3 is, if not where AWS has it.
    pub endpoint: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// Headers that must be sent as they are.
    pub headers: BTreeMap<String, String>,
    /// From when on it holds.
    pub now: Timestamp,
    /// How long; no longer than the credentials that sign it.
    pub lives: Duration,
}

impl Aws {
    /// The address at which this request may be made, in the name of this process's role.
    ///
    /// # Errors
    /// `Unauthorized` without credentials; `Internal` for what cannot be signed.
    pub async fn put_url(&self, put: PutObject) -> Result<String> {
        let config = self.config();
        let missing = || Error::internal("this process has no credentials and no region of AWS to sign with");
        let (provider, region) = config.credentials_provider().zip(config.region()).ok_or_else(missing)?;
        let found = provider.provide_credentials().await;
        let identity = found.map_err(|error| missing().because(error))?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(put.lives);
        // As S3 wants it, unlike every other service.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let since = Duration::from_millis(u64::try_from(put.now.as_millis()).unwrap_or_default());
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region.as_ref())
            .name("s3")
            .time(UNIX_EPOCH + since)
            .settings(settings);
        let params = params.build().map_err(|error| unsigned().because(error))?.into();
        let url = address(&put, region.as_ref());
        let headers = put.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new("PUT", url.as_str(), headers, SignableBody::UnsignedPayload);
        let signed = request.and_then(|request| sign(request, &params)).map_err(|error| unsigned().because(error))?;
        let (instructions, _) = signed.into_parts();
        Ok(format!("{url}?{}", query(instructions.params())))
    }
}

fn address(put: &PutObject, region: &str) -> String {
    let (bucket, key) = (&put.bucket, utf8_percent_encode(&put.key, ENCODED));
    match &put.endpoint {
        Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
        None => format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"),
    }
}

fn query(params: &[(&str, std::borrow::Cow<'static, str>)]) -> String {
    let pairs = params.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ENCODED_IN_QUERY)));
    pairs.collect::<Vec<_>>().join("&")
}

fn unsigned() -> Error {
    Error::internal("an address in S3 could not be signed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_object_is() {
        let put = |endpoint: Option<&str>| PutObject {
            endpoint: endpoint.map(str::to_owned),
            bucket: "docs".to_owned(),
            key: "documents/light house/R\u{e9}sum\u{e9} #1+2.md".to_owned(),
            headers: BTreeMap::new(),
            now: Timestamp::default(),
            lives: Duration::from_secs(60),
        };
        let key = "documents/light%20house/R%C3%A9sum%C3%A9%20%231%2B2.md";
        assert_eq!(address(&put(None), "eu-north-1"), format!("https://docs.s3.eu-north-1.amazonaws.com/{key}"));
        assert_eq!(address(&put(Some("http://127.0.0.1:1/")), "x"), format!("http://127.0.0.1:1/docs/{key}"));
    }
}
