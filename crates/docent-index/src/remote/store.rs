//! The few things that are done with objects: read, read if changed, write, write if unchanged, list, delete.

use super::place::{Access, Place};
use crate::error::{Failure, Result};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use std::fs::File;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// How long small things may take, retries included.
pub(super) const PATIENCE: Duration = Duration::from_secs(40);
/// The slowest upload that is waited for, in bytes a second.
pub(super) const SLOWEST: u64 = 100_000;

/// A store of generations: a bucket or a folder, with a prefix for all that is Docent's.
#[derive(Clone)]
pub struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    place: Place,
    has_credentials: bool,
}

/// Which version of an object was read.
pub(super) type Version = UpdateVersion;

/// What a conditional read found.
pub(super) enum Read {
    /// The version that is known already.
    Unchanged,
    /// Another one.
    Changed(Bytes, Version),
    /// No such object.
    Missing,
}

/// An object as a listing shows it.
pub(super) struct Listed {
    /// Its name below the store's prefix.
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Store {
    /// Gets ready to talk to the store at a place; nothing is sent.
    ///
    /// # Errors
    /// For variables, a proxy or certificates that cannot be right.
    pub fn connect(place: Place, access: &Access) -> docent_engine::Result<Self> {
        let (objects, prefix) = place.connect(access)?;
        Ok(Self { objects, prefix, place, has_credentials: access.has_credentials() })
    }

    /// Where it is.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    pub(super) fn failure(&self, doing: &'static str) -> impl Fn(Error) -> Failure {
        move |cause| {
            let place = self.place.to_string();
            match code(&cause) {
                Some(code) if code == "NoSuchBucket" => Failure::NoBucket { place },
                Some(code) if is_denial(&cause) => Failure::Denied { doing, place, code },
                None if !self.has_credentials && asked_the_machine(&cause) => Failure::NoCredentials { place },
                _ => Failure::Store { doing, place, cause: Box::new(cause) },
            }
        }
    }

    pub(super) async fn in_time<T>(
        &self,
        limit: Duration,
        doing: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let slow = |_| self.failure(doing)(Error::Generic { store: "Docent", source: "it takes too long".into() });
        tokio::time::timeout(limit, work).await.map_err(slow)?
    }

    /// The object, unless it still is the version that is known.
    pub(super) async fn read(&self, name: &str, known: Option<&Version>) -> Result<Read> {
        let if_none_match = known.and_then(|known| known.e_tag.clone());
        let options = GetOptions { if_none_match, ..GetOptions::default() };
        let work = async {
            match self.objects.get_opts(&self.path(name), options).await {
                Ok(found) => {
                    let version = Version { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
                    Ok(Read::Changed(found.bytes().await.map_err(self.failure("read from"))?, version))
                }
                Err(Error::NotModified { .. }) => Ok(Read::Unchanged),
                Err(Error::NotFound { .. }) => Ok(Read::Missing),
                Err(cause) => Err(self.failure("read from")(cause)),
            }
        };
        self.in_time(PATIENCE, "read from", work).await
    }

    /// A part of an object; none if there is no such object.
    pub(super) async fn range(&self, name: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        let work = async {
            match self.objects.get_range(&self.path(name), range).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(cause) => Err(self.failure("read from")(cause)),
            }
        };
        self.in_time(PATIENCE, "read from", work).await
    }

    /// Writes an object whose name nobody else uses.
    pub(super) async fn write(&self, name: &str, bytes: Bytes) -> Result<()> {
        let limit = PATIENCE + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let work = async {
            let put = self.objects.put(&self.path(name), PutPayload::from(bytes)).await;
            put.map(|_| ()).map_err(self.failure("write to"))
        };
        self.in_time(limit, "write to", work).await
    }

    /// Replaces an object if it still is the version that was read, or, with none, if there is no such object. False if
    /// somebody else was faster.
    pub(super) async fn swap(&self, name: &str, read: Option<&Version>, bytes: Bytes) -> Result<bool> {
        let work = async {
            let _lock = self.lock().await?;
            let mode = match (self.place.folder(), read) {
                (Some(_), Some(read)) if !self.is_still(name, read).await? => return Ok(false),
                (Some(_), Some(_)) => PutMode::Overwrite,
                (None, Some(read)) => PutMode::Update(read.clone()),
                (_, None) => PutMode::Create,
            };
            match self.objects.put_opts(&self.path(name), PutPayload::from(bytes), mode.into()).await {
                Ok(_) => Ok(true),
                Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => Ok(false),
                Err(cause) => Err(self.failure("write to")(cause)),
            }
        };
        self.in_time(PATIENCE, "write to", work).await
    }

    async fn is_still(&self, name: &str, read: &Version) -> Result<bool> {
        Ok(self.head(name).await?.is_some_and(|found| found.e_tag == read.e_tag))
    }

    /// An object's size; none if there is no such object.
    pub(super) async fn size(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.head(name).await?.map(|found| found.size))
    }

    async fn head(&self, name: &str) -> Result<Option<ObjectMeta>> {
        match self.objects.head(&self.path(name)).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.failure("read from")(cause)),
        }
    }

    /// In a folder, keeps others from moving a pointer; a bucket needs no lock.
    async fn lock(&self) -> Result<Option<File>> {
        let Some(folder) = self.place.folder().map(ToOwned::to_owned) else { return Ok(None) };
        let lock = move || {
            std::fs::create_dir_all(&folder)?;
            let file = File::create(folder.join(".lock"))?;
            file.lock()?;
            Ok(Some(file))
        };
        tokio::task::spawn_blocking(lock).await.map_err(|_| Failure::Died)?
    }

    /// All objects whose names begin with this folder.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let path = self.path(folder);
        let skipped = self.prefix.parts().count();
        let listed = |meta: ObjectMeta| Listed {
            name: meta
                .location
                .parts()
                .skip(skipped)
                .map(|part| part.as_ref().to_owned())
                .collect::<Vec<_>>()
                .join("/"),
            bytes: meta.size,
        };
        let listing = self.objects.list(Some(&path)).map_ok(listed).try_collect();
        listing.await.map_err(self.failure("list"))
    }

    /// The folders right below the prefix.
    pub(super) async fn folders(&self) -> Result<Vec<String>> {
        match self.objects.list_with_delimiter(Some(&self.prefix)).await {
            Ok(found) => {
                let last = |path: &Path| path.filename().map(str::to_owned);
                Ok(found.common_prefixes.iter().filter_map(last).collect())
            }
            Err(Error::NotFound { .. }) => Ok(Vec::new()),
            Err(cause) => Err(self.failure("list")(cause)),
        }
    }

    /// Removes objects; those that are gone already are no trouble.
    pub(super) async fn delete(&self, names: &[String]) -> Result<()> {
        let paths: Vec<_> = names.iter().map(|name| Ok(self.path(name))).collect();
        let mut done = self.objects.delete_stream(futures::stream::iter(paths).boxed());
        while let Some(deleted) = done.next().await {
            match deleted {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(cause) => return Err(self.failure("delete from")(cause)),
            }
        }
        Ok(())
    }
}

/// S3's own word for what is wrong, from the body of its answer, if it has one.
pub(super) fn code(cause: &Error) -> Option<String> {
    let text = cause.to_string();
    let (_, code) = text.split_once("<Code>")?;
    Some(code.split_once("</Code>")?.0.to_owned())
}

/// True if access was denied. Of a listing, `object_store` tells the status only in words.
fn is_denial(cause: &Error) -> bool {
    matches!(cause, Error::PermissionDenied { .. } | Error::Unauthenticated { .. })
        || cause.to_string().contains(" 403 Forbidden")
}

/// True if what failed was the question for the machine's role, the last resort of who has no credentials.
fn asked_the_machine(cause: &Error) -> bool {
    let mut causes = std::iter::successors(Some(cause as &dyn std::error::Error), |cause| cause.source());
    causes.any(|cause| ["/latest/api/token", "/latest/meta-data"].iter().any(|path| cause.to_string().contains(path)))
}
