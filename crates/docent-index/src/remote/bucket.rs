//! Documents in a bucket, as a source that a collection is kept equal to.
//!
//! A look is a listing, with a request per thousand objects. An object's `ETag` changes with its content, so one that still
//! has the `ETag` it was taken in with is not read. Nothing is made of what an `ETag` says: it is the MD5 of the content for
//! some objects and something else for those that came in parts or are encrypted. The same content may get another; then the
//! object is read, its hash is the same, and only the new `ETag` is kept.
//!
//! What is absent: versions of objects, archived objects (they have to be restored first), and keys that no path has (an
//! empty part, `.` or `..`): a bucket that holds one below the prefix cannot be listed.

use super::copies::Copies;
use super::depot::UPLOAD;
use super::place::{Access, Place};
use super::store::{PATIENCE, Read, SLOWEST, Store, code};
use crate::error::Failure;
use async_trait::async_trait;
use bytes::Bytes;
use docent_core::{Refusal, RefusalKind};
use docent_engine::ignored::{self, Ignored};
use docent_engine::ports::{self, Fetched, Seen, SeenFile, Source, Version};
use docent_engine::source::{Naming, SourceFile};
use docent_engine::uploads::{Recognise, refusal_of_size};
use docent_engine::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Attribute, Error as Cause, GetOptions, GetResult, ObjectMeta, ObjectStoreExt};
use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Questions about empty objects that are asked at the same time.
const ASKED_AT_ONCE: usize = 8;

/// What is taken from a bucket.
pub struct BucketSettings {
    /// The folder with the copies of objects that are being read.
    pub copies: PathBuf,
    /// Bytes that an object may have.
    pub object_bytes: u64,
    /// Refuses objects by their names, before they are read.
    pub recognise: Recognise,
}

/// The objects below a prefix of a bucket.
pub struct Bucket {
    store: Store,
    bucket: String,
    naming: Naming,
    settings: BucketSettings,
    copies: Copies,
}

/// An object as the listing shows it.
struct Object {
    /// Its key below the prefix.
    below: String,
    meta: ObjectMeta,
}

impl Bucket {
    /// Gets ready to look; nothing is sent. With a name, it is that source wherever its objects lie.
    ///
    /// # Errors
    /// For a place that is no bucket, a name that is none, variables, a proxy or certificates that cannot be right, and for a
    /// folder of copies that cannot be used.
    pub fn open(place: &Place, access: &Access, name: Option<&str>, settings: BucketSettings) -> Result<Self> {
        let (bucket, naming) = place.documents(name)?;
        let copies = Copies::open(&settings.copies)?;
        let store = Store::connect(place.clone(), access)?;
        Ok(Self { store, bucket, naming, settings, copies })
    }

    /// The path below the prefix of an object that lies there; none for another's.
    pub fn path_below(&self, bucket: &str, key: &str) -> Option<String> {
        let prefix = self.store.prefix.as_ref();
        let below = if prefix.is_empty() { key } else { key.strip_prefix(prefix)?.strip_prefix('/')? };
        (bucket == self.bucket).then(|| below.to_owned())
    }

    async fn list(&self) -> Result<Vec<Object>> {
        let mut listing = self.store.objects.list(Some(&self.store.prefix));
        let mut all = Vec::new();
        loop {
            let next = async { listing.try_next().await.map_err(self.store.failure("list")) };
            let Some(meta) = self.store.in_time(PATIENCE, "list", next).await? else { return Ok(all) };
            let below = meta.location.as_ref().strip_prefix(self.store.prefix.as_ref()).unwrap_or_default();
            let below = below.trim_start_matches('/').to_owned();
            if !below.is_empty() {
                all.push(Object { below, meta });
            }
        }
    }

    /// Objects that are no files but stand for folders. Their keys end with `/`, which the listing has lost; they have no
    /// bytes, and asked for under the key that it shows they are not there.
    async fn folders(&self, objects: &[Object]) -> Result<HashSet<String>> {
        let above = objects.iter().flat_map(|object| above(&object.below));
        let full = objects.iter().filter(|object| object.meta.size > 0).map(|object| object.below.as_str());
        let taken: HashSet<&str> = above.chain(full).collect();
        let empty = objects.iter().filter(|object| object.meta.size == 0);
        let (mut folders, asked): (HashSet<String>, Vec<_>) = (HashSet::new(), empty.collect());
        let is_folder = |object: &'_ Object| {
            let (location, is_taken) = (object.meta.location.clone(), taken.contains(object.below.as_str()));
            let below = object.below.clone();
            async move { Ok::<_, Error>((below, is_taken || self.head(&location).await?.is_none())) }
        };
        let questions: Vec<_> = asked.into_iter().map(is_folder).collect();
        let mut answers = stream::iter(questions).buffer_unordered(ASKED_AT_ONCE);
        while let Some((below, is_folder)) = answers.try_next().await? {
            if is_folder {
                folders.insert(below);
            }
        }
        Ok(folders)
    }

    /// What is known of an object; none if there is none.
    async fn head(&self, location: &Path) -> Result<Option<GetResult>> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let head = async {
            match self.store.objects.get_opts(location, options).await {
                Ok(found) => Ok(Some(found)),
                Err(Cause::NotFound { .. }) => Ok(None),
                Err(cause) => Err(self.store.failure("read from")(cause)),
            }
        };
        Ok(self.store.in_time(PATIENCE, "read from", head).await?)
    }

    fn seen(&self, object: Object) -> SeenFile {
        let Object { below, meta } = object;
        let file = self.file(meta.location.as_ref(), &below);
        SeenFile { version: self.version(&file, meta), file }
    }

    fn file(&self, key: &str, below: &str) -> SourceFile {
        file(&self.naming, &self.bucket, key, below)
    }

    fn version(&self, file: &SourceFile, meta: ObjectMeta) -> std::result::Result<Version, Refusal> {
        match self.refusal(file, meta.size) {
            Some(refusal) => Err(refusal),
            // An object without an `ETag` never is the one that was taken in.
            None => Ok(Version::Word(meta.e_tag.unwrap_or_default())),
        }
    }

    /// The object at a path below the prefix, as it is now.
    async fn place(&self, below: &str, ignored: &Ignored) -> Result<ports::Place> {
        let prefix = self.store.prefix.as_ref();
        let key = if prefix.is_empty() { below.to_owned() } else { format!("{prefix}/{below}") };
        let file = self.file(&key, below);
        if below.is_empty() || below.ends_with('/') || is_hidden(below) || ignored.leaves_out(below) {
            return Ok(empty(file));
        }
        let Ok(location) = Path::parse(&key) else {
            let refusal = Refusal::new(RefusalKind::Unreadable, "its key is no path; rename it");
            return Ok(ports::Place { version: Some(Err(refusal)), ..empty(file) });
        };
        Ok(match self.head(&location).await? {
            Some(GetResult { meta, attributes, .. }) => {
                let upload = attributes.get(&Attribute::Metadata(UPLOAD.into())).map(|id| id.as_ref().to_owned());
                ports::Place { bytes: meta.size, version: Some(self.version(&file, meta)), upload, ..empty(file) }
            }
            None => empty(file),
        })
    }

    fn refusal(&self, file: &SourceFile, bytes: u64) -> Option<Refusal> {
        match bytes {
            0 => Some(Refusal::new(RefusalKind::Empty, "the file has no bytes")),
            bytes if bytes > self.settings.object_bytes => Some(refusal_of_size(self.settings.object_bytes)),
            _ => (self.settings.recognise)(&file.filename, None),
        }
    }

    async fn download(&self, location: &Path) -> std::result::Result<Fetched, Trouble> {
        let found = self.store.objects.get(location).await.map_err(|cause| self.trouble(cause))?;
        if found.meta.size > self.settings.object_bytes {
            return Err(Trouble::File(refusal_of_size(self.settings.object_bytes)));
        }
        let limit = PATIENCE + Duration::from_secs(found.meta.size / SLOWEST);
        let copied = async { Ok(self.copy(found).await) };
        self.store.in_time(limit, "read from", copied).await?
    }

    async fn copy(&self, found: GetResult) -> std::result::Result<Fetched, Trouble> {
        let version = found.meta.e_tag.clone();
        let (mut file, copy) = self.copies.create()?;
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.try_next().await.map_err(|cause| self.trouble(cause))? {
            bytes += piece.len() as u64;
            if bytes > self.settings.object_bytes {
                return Err(Trouble::File(refusal_of_size(self.settings.object_bytes)));
            }
            file = write(file, &mut hasher, piece)?;
        }
        let content_hash = hasher.finalize().to_hex().to_string();
        Ok(Fetched { path: copy.path().to_owned(), content_hash, bytes, version, copy: Some(Box::new(copy)) })
    }

    fn trouble(&self, cause: Cause) -> Trouble {
        let refusal = |detail: &str| Trouble::File(Refusal::new(RefusalKind::Unreadable, detail));
        match &cause {
            Cause::NotFound { .. } => refusal("it is gone from the bucket since it was listed; the next sync will see"),
            Cause::Precondition { .. } => refusal("it was replaced while it was read; the next sync will read it"),
            Cause::PermissionDenied { .. } if code(&cause).is_some_and(|code| code == "InvalidObjectState") => {
                refusal("it is archived; restore it, or leave it out with .docentignore")
            }
            Cause::PermissionDenied { .. } if code(&cause).is_some_and(|code| code == "AccessDenied") => refusal(
                "the bucket denies access to it; its reader must be allowed s3:GetObject, and the use of its key",
            ),
            _ => Trouble::Source(self.store.failure("read from")(cause).into()),
        }
    }
}

/// Pieces are small, and what is written stays in memory at first: no thread of its own is worth it.
fn write(mut file: std::fs::File, hasher: &mut blake3::Hasher, piece: Bytes) -> crate::error::Result<std::fs::File> {
    hasher.update(&piece);
    file.write_all(&piece)?;
    Ok(file)
}

/// Why an object did not come.
enum Trouble {
    File(Refusal),
    Source(Error),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Source(failure.into())
    }
}

/// A place with nothing in it.
fn empty(file: SourceFile) -> ports::Place {
    ports::Place { file, bytes: 0, version: None, upload: None }
}

/// What a source's owner says that does not belong to it.
pub(super) async fn ignored(store: &Store) -> Result<Ignored> {
    match store.read(ignored::FILE, None).await? {
        Read::Changed(text, _) => Ignored::parse(&String::from_utf8_lossy(&text)),
        Read::Unchanged | Read::Missing => Ok(Ignored::default()),
    }
}

/// The file under a key, whose path below the source is `below`.
pub(super) fn file(naming: &Naming, bucket: &str, key: &str, below: &str) -> SourceFile {
    naming.file(PathBuf::from(key), url(bucket, key).as_bytes(), below)
}

fn url(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

impl Place {
    /// The bucket, and how the documents that lie in it are named.
    pub(super) fn documents(&self, name: Option<&str>) -> Result<(String, Naming)> {
        let Some((bucket, prefix)) = self.bucket_and_prefix() else {
            return Err(Error::invalid(format!("{self} is not a bucket")).hint("give s3://BUCKET/PREFIX"));
        };
        let shown = prefix.filename().unwrap_or(bucket);
        Ok((bucket.to_owned(), Naming::new(url(bucket, prefix.as_ref()).as_bytes(), shown, name)?))
    }
}

/// The folders above a path.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

pub(super) fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.'))
}

#[async_trait]
impl Source for Bucket {
    fn id(&self) -> &str {
        self.naming.id()
    }

    async fn look(&self, _threads: usize) -> Result<Seen> {
        let ignored = ignored(&self.store).await?;
        let mut objects = self.list().await?;
        objects.retain(|object| !is_hidden(&object.below) && !ignored.leaves_out(&object.below));
        let folders = self.folders(&objects).await?;
        objects.retain(|object| object.meta.size > 0 || !folders.contains(&object.below));
        let mut files: Vec<_> = objects.into_iter().map(|object| self.seen(object)).collect();
        files.sort_unstable_by(|a, b| a.file.cmp(&b.file));
        Ok(Seen { files, links_outside: Vec::new() })
    }

    /// A request for each.
    async fn look_at(&self, paths: &[String]) -> Result<Vec<ports::Place>> {
        let ignored = ignored(&self.store).await?;
        let asked: Vec<_> = paths.iter().map(|path| self.place(path, &ignored)).collect();
        stream::iter(asked).buffered(ASKED_AT_ONCE).try_collect().await
    }

    /// A listing, and a hash over it.
    async fn stamp(&self) -> Result<String> {
        let mut stamp = blake3::Hasher::new();
        for Object { below, meta } in self.list().await? {
            stamp.update(format!("{below}\0{}\0{:?}\0", meta.size, meta.e_tag).as_bytes());
        }
        Ok(stamp.finalize().to_hex().to_string())
    }

    async fn fetch(&self, seen: &SeenFile) -> Result<std::result::Result<Fetched, Refusal>> {
        let key = seen.file.path.to_string_lossy();
        let location = Path::parse(&key).map_err(|cause| Error::internal("a listed key is no key").because(cause))?;
        match self.download(&location).await {
            Ok(fetched) => Ok(Ok(fetched)),
            Err(Trouble::File(refusal)) => Ok(Err(refusal)),
            Err(Trouble::Source(error)) => Err(error),
        }
    }
}
