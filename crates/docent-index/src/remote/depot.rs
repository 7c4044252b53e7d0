//! The same bucket, for who puts documents into it that another process takes in.
//!
//! A file says in its metadata which upload has put it there. What makes an address for somebody else's `PUT` is passed in, since
//! `object_store` cannot sign how long a body is to be.

use super::bucket::{file, ignored, is_hidden};
use super::place::{Access, Place};
use super::store::{PATIENCE, SLOWEST, Store};
use async_trait::async_trait;
use docent_core::{Refusal, RefusalKind, Timestamp};
use docent_engine::ports::{Address, Depot, Stored};
use docent_engine::source::{Naming, SourceFile};
use docent_engine::{Error, Result};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error as Cause, GetOptions, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What an object's metadata calls the upload that has put it there.
pub(super) const UPLOAD: &str = "docent-upload";

/// A `PUT` of an object that is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToSign {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// Headers that are signed and must be sent as they are.
    pub headers: BTreeMap<String, String>,
    /// From when on it holds.
    pub now: Timestamp,
    /// How long.
    pub lives: Duration,
}

/// Makes the URL of a signed request.
pub type Sign = Arc<dyn Fn(ToSign) -> BoxFuture<'static, Result<String>> + Send + Sync>;

/// The objects below a prefix of a bucket, as a place to put documents.
pub struct BucketDepot {
    place: Place,
    access: Access,
    prefix: String,
    bucket: String,
    naming: Naming,
    sign: Sign,
    /// Made by the first call: most processes that could take files in are asked other things.
    store: OnceLock<Store>,
}

impl BucketDepot {
    /// Gets ready; nothing is made and nothing is sent. Variables, a proxy or certificates that cannot be right are an error of the
    /// first call.
    ///
    /// # Errors
    /// For a place that is no bucket.
    pub fn open(place: Place, access: Access, sign: Sign) -> Result<Self> {
        let (bucket, naming) = place.documents(None)?;
        let prefix = place.bucket_and_prefix().map(|(_, prefix)| prefix.to_string()).unwrap_or_default();
        Ok(Self { place, access, prefix, bucket, naming, sign, store: OnceLock::new() })
    }

    fn store(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::connect(self.place.clone(), &self.access)?;
        Ok(self.store.get_or_init(|| store))
    }

    fn key(&self, path: &str) -> String {
        let prefix = &self.prefix;
        if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") }
    }

    /// Paths were looked at before.
    fn location(&self, path: &str) -> Result<Path> {
        Path::parse(self.key(path)).map_err(|cause| Error::invalid("no object can have this path").because(cause))
    }
}

fn is_gone(cause: &Cause) -> bool {
    matches!(cause, Cause::NotFound { .. } | Cause::Precondition { .. })
}

#[async_trait]
impl Depot for BucketDepot {
    fn source(&self) -> &str {
        self.naming.id()
    }

    fn file(&self, path: &str) -> SourceFile {
        file(&self.naming, &self.bucket, &self.key(path), path)
    }

    async fn refusal(&self, path: &str) -> Result<Option<Refusal>> {
        let left_out = |detail: &str| Ok(Some(Refusal::new(RefusalKind::Unsupported, detail)));
        if is_hidden(path) {
            return left_out("a file or folder whose name begins with a dot is not taken in; rename it");
        }
        if Path::parse(self.key(path)).is_err() {
            return left_out("no object can have this path; rename it");
        }
        if ignored(self.store()?).await?.leaves_out(path) {
            return left_out("`.docentignore` in the bucket leaves it out; rename it, or change that");
        }
        Ok(None)
    }

    async fn put(&self, path: &str, upload_id: &str, bytes: Vec<u8>) -> Result<()> {
        let (store, location) = (self.store()?, self.location(path)?);
        let limit = PATIENCE + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::Metadata(UPLOAD.into()), upload_id.to_owned().into());
        let options = PutOptions { mode: PutMode::Overwrite, attributes, ..PutOptions::default() };
        let put = async {
            let put = store.objects.put_opts(&location, PutPayload::from(bytes), options).await;
            put.map(drop).map_err(store.failure("write to"))
        };
        Ok(store.in_time(limit, "write to", put).await?)
    }

    async fn address(
        &self,
        path: &str,
        upload_id: &str,
        bytes: u64,
        now: Timestamp,
        lives: Duration,
    ) -> Result<Address> {
        let headers = BTreeMap::from([(format!("x-amz-meta-{UPLOAD}"), upload_id.to_owned())]);
        let length = ("content-length".to_owned(), bytes.to_string());
        let signed = headers.clone().into_iter().chain([length]).collect();
        let to_sign = ToSign { bucket: self.bucket.clone(), key: self.key(path), headers: signed, now, lives };
        // How long it is, a client says by itself.
        Ok(Address { url: (self.sign)(to_sign).await?, headers })
    }

    async fn open(&self, path: &str, version: &str) -> Result<Option<Stored>> {
        let options = GetOptions { if_match: Some(version.to_owned()), ..GetOptions::default() };
        let (store, location) = (self.store()?, self.location(path)?);
        let get = async {
            match store.objects.get_opts(&location, options).await {
                Ok(found) => Ok(Some(found)),
                Err(cause) if is_gone(&cause) => Ok(None),
                Err(cause) => Err(store.failure("read from")(cause)),
            }
        };
        let found = store.in_time(PATIENCE, "read from", get).await?;
        Ok(found.map(|found| Stored {
            bytes: found.meta.size,
            pieces: found.into_stream().map_ok(|piece| piece.to_vec()).map_err(io::Error::other).boxed(),
        }))
    }

    async fn remove(&self, path: &str) -> Result<()> {
        let (store, location) = (self.store()?, self.location(path)?);
        let remove = async {
            match store.objects.delete(&location).await {
                Ok(()) => Ok(()),
                Err(cause) if is_gone(&cause) => Ok(()),
                Err(cause) => Err(store.failure("delete from")(cause)),
            }
        };
        Ok(store.in_time(PATIENCE, "delete from", remove).await?)
    }
}
