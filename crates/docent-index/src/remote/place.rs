//! Where generations are kept, and how a store there is reached.

use super::transport::Transport;
use crate::error::{Failure, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A request is tried again this often and this long; readers go on with what they have meanwhile.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(30);

/// Where generations are kept: `s3://BUCKET/PREFIX` or `file:///FOLDER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    url: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Bucket { name: String, prefix: Path },
    Folder(PathBuf),
}

impl Place {
    /// Understands the text.
    ///
    /// # Errors
    /// [`Failure::BadPlace`] for anything but a bucket or an absolute folder.
    pub fn parse(text: &str) -> std::result::Result<Self, Failure> {
        let bad = || Failure::BadPlace { given: text.to_owned() };
        let url = Url::parse(text).map_err(|_| bad())?;
        let kind = match url.scheme() {
            "s3" => {
                let name = url.host_str().filter(|name| !name.is_empty()).ok_or_else(bad)?.to_owned();
                Kind::Bucket { name, prefix: Path::from_url_path(url.path()).map_err(|_| bad())? }
            }
            "file" => Kind::Folder(url.to_file_path().map_err(|()| bad())?),
            _ => return Err(bad()),
        };
        Ok(Self { url: text.trim_end_matches('/').to_owned(), kind })
    }

    /// True when the text is a URL rather than the name of a folder.
    pub fn is_url(text: &str) -> bool {
        text.contains("://")
    }

    /// Gets ready to talk to the store there; nothing is sent. Objects lie below the path that comes with it.
    pub(super) fn connect(&self, access: &Access) -> Result<(Arc<dyn ObjectStore>, Path)> {
        match &self.kind {
            Kind::Bucket { name, prefix } => Ok((Arc::new(self.bucket(name, access)?), prefix.clone())),
            Kind::Folder(folder) => {
                let prefix = Path::from_absolute_path(folder).map_err(|error| self.unusable(error.into()))?;
                let store = LocalFileSystem::new().with_automatic_cleanup(true).with_fsync(true);
                Ok((Arc::new(store), prefix))
            }
        }
    }

    /// The folder, if it is one: it cannot write conditionally, so whoever moves a pointer takes a lock there.
    pub(super) fn folder(&self) -> Option<&std::path::Path> {
        match &self.kind {
            Kind::Folder(folder) => Some(folder),
            Kind::Bucket { .. } => None,
        }
    }

    /// The bucket and the prefix, if it is one.
    pub(super) fn bucket_and_prefix(&self) -> Option<(&str, &Path)> {
        match &self.kind {
            Kind::Bucket { name, prefix } => Some((name, prefix)),
            Kind::Folder(_) => None,
        }
    }

    fn bucket(&self, name: &str, access: &Access) -> Result<object_store::aws::AmazonS3> {
        let mut builder = AmazonS3Builder::new();
        for (variable, value) in &access.variables {
            // Other programs have variables there, too.
            if let Ok(key) = variable.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let transport = Transport::new(access)?;
        let store = builder.with_bucket_name(name).with_retry(retry).with_http_connector(transport).build();
        store.map_err(|error| self.unusable(error))
    }

    fn unusable(&self, cause: object_store::Error) -> Failure {
        Failure::Store { doing: "use", place: self.url.clone(), cause: Box::new(cause) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// How S3 is reached.
#[derive(Clone, Default)]
pub struct Access {
    /// Variables as AWS names them: `AWS_REGION`, `AWS_ENDPOINT_URL`, credentials or where to get them. Those that mean
    /// nothing to S3 are ignored.
    pub variables: BTreeMap<String, String>,
    /// A proxy, as a URL, for `https` addresses.
    pub proxy: Option<String>,
    /// Certificates in PEM to trust besides the public ones.
    pub extra_roots_pem: Option<String>,
}

impl Access {
    /// True if the variables hold credentials, say where to get them, or say that none are needed.
    pub(super) fn has_credentials(&self) -> bool {
        let sources = [
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_SKIP_SIGNATURE",
        ];
        sources.iter().any(|source| self.variables.contains_key(*source))
    }
}

impl fmt::Debug for Access {
    /// Names only: most of the values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("variables", &self.variables.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_place() {
        for good in ["s3://bucket", "s3://bucket/", "s3://bucket/a/b", "file:///srv/docent"] {
            assert_eq!(Place::parse(good).unwrap().to_string(), good.trim_end_matches('/'));
        }
        for bad in ["", "bucket/prefix", "s3://", "s3:///prefix", "http://host/bucket", "file://relative", "/srv"] {
            assert!(Place::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let access = Access {
            variables: BTreeMap::from([("AWS_SECRET_ACCESS_KEY".to_owned(), "hidden".to_owned())]),
            ..Access::default()
        };
        let shown = format!("{access:?}");
        assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("hidden"), "{shown}");
    }
}
