//! A folder that a collection is kept equal to.
//!
//! A document of it is identified by the folder and its path below. The folder is known by where it lies, or by a name of
//! its own, for one that lies somewhere else tomorrow (a checkout of a CI run, another machine). By where it lies, its
//! documents are those that an ingest of the same files makes.

use crate::error::{Error, ErrorKind, Result};
use crate::ignored::{self, Ignored};
use crate::ingest::blocking;
use crate::ports::{Fetched, Place, Seen, SeenFile, Source, Version};
use crate::source::{self, Naming, SourceFile, Unreadable};
use async_trait::async_trait;
use docent_core::{Refusal, RefusalKind};
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

/// A folder, open for looking.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    naming: Naming,
}

/// What lies in it.
#[derive(Debug, Default)]
struct Listing {
    /// In the order of their paths.
    files: Vec<SourceFile>,
    links_outside: Vec<String>,
}

impl Folder {
    /// Finds the folder. With a name, it is that source wherever it lies.
    ///
    /// # Errors
    /// `NotFound` or `Invalid`, if it is not there or is not a folder, or for a name that is none.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self> {
        let root = path.canonicalize().map_err(Unreadable::at(path)).map_err(unseen)?;
        if !root.is_dir() {
            return Err(Error::invalid(format!("{} is not a folder", path.display()))
                .hint("a folder is synced as a whole; `docent ingest` takes single files"));
        }
        let own = root.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let naming = Naming::new(root.as_os_str().as_encoded_bytes(), &own, name)?;
        Ok(Self { root, naming })
    }

    /// All files that belong to it. Hidden ones and those that `.docentignore` names do not. Symbolic links are not
    /// followed: what they lead to inside is found without them, and what lies outside does not belong to it.
    fn list(&self) -> Result<Listing> {
        let ignored = self.ignored()?;
        let (mut listing, mut folders) = (Listing::default(), vec![self.root.clone()]);
        while let Some(folder) = folders.pop() {
            let visit = &mut |path: PathBuf, kind: FileType| {
                let below = source::below(&self.root, &path);
                match kind {
                    _ if ignored.matches(&below, kind.is_dir()) => {}
                    _ if kind.is_dir() => folders.push(path),
                    _ if kind.is_symlink() && self.leads_outside(&path) => listing.links_outside.push(below),
                    _ if kind.is_file() => listing.files.push(self.file(path, &below)),
                    _ => {}
                }
            };
            source::list(&folder, visit).map_err(unseen)?;
        }
        listing.files.sort();
        listing.links_outside.sort();
        Ok(listing)
    }

    fn ignored(&self) -> Result<Ignored> {
        let path = self.root.join(ignored::FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ignored::default()),
            read => read.map_err(Unreadable::at(&path)).map_err(unseen)?,
        };
        Ignored::parse(&text)
    }

    fn leads_outside(&self, link: &Path) -> bool {
        link.canonicalize().map_or(true, |target| !target.starts_with(&self.root))
    }

    fn file(&self, path: PathBuf, below: &str) -> SourceFile {
        let absolute = path.as_os_str().as_encoded_bytes().to_owned();
        self.naming.file(path, &absolute, below)
    }

    /// Whatever is no file itself, or lies behind a link, does not belong to it.
    fn places(&self, paths: &[String]) -> Result<Vec<Place>> {
        let ignored = self.ignored()?;
        let is_here = |below: &str, path: &Path| {
            let is_plain = !below.split('/').any(|part| part.is_empty() || part.starts_with('.'));
            let is_file = || path.canonicalize().is_ok_and(|real| real == *path && real.is_file());
            is_plain && !ignored.leaves_out(below) && is_file()
        };
        let place = |below: &String| {
            let path = self.root.join(below);
            let version = is_here(below, &path).then(|| content(&path));
            let bytes = match &version {
                Some(Ok(Version::Content(_, bytes))) => *bytes,
                _ => 0,
            };
            Place { file: self.file(path, below), bytes, version, upload: None }
        };
        Ok(paths.iter().map(place).collect())
    }

    fn stamp_of_all(&self) -> Result<String> {
        let mut stamp = blake3::Hasher::new();
        for file in self.list()?.files {
            let metadata = std::fs::metadata(&file.path).ok();
            let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
            let facts = format!("{}\0{:?}\0{modified:?}\0", file.filename, metadata.map(|metadata| metadata.len()));
            stamp.update(facts.as_bytes());
        }
        Ok(stamp.finalize().to_hex().to_string())
    }
}

#[async_trait]
impl Source for Folder {
    fn id(&self) -> &str {
        self.naming.id()
    }

    /// Every file is hashed.
    async fn look(&self, threads: usize) -> Result<Seen> {
        let folder = self.clone();
        blocking(move || {
            let Listing { files, links_outside } = folder.list()?;
            Ok(Seen { files: hash(files, threads), links_outside })
        })
        .await?
    }

    async fn look_at(&self, paths: &[String]) -> Result<Vec<Place>> {
        let (folder, paths) = (self.clone(), paths.to_owned());
        blocking(move || folder.places(&paths)).await?
    }

    /// A hash over paths, sizes and times.
    async fn stamp(&self) -> Result<String> {
        let folder = self.clone();
        blocking(move || folder.stamp_of_all()).await?
    }

    /// It is here already.
    async fn fetch(&self, seen: &SeenFile) -> Result<std::result::Result<Fetched, Refusal>> {
        let (path, version) = (seen.file.path.clone(), seen.version.clone());
        let (content_hash, bytes) = match version {
            Ok(Version::Content(hash, bytes)) => (hash, bytes),
            Ok(Version::Word(_)) => return Err(Error::internal("a file of a folder has no hash")),
            Err(refusal) => return Ok(Err(refusal)),
        };
        Ok(Ok(Fetched { path, content_hash, bytes, version: None, copy: None }))
    }
}

/// Hashes the files, on so many threads.
fn hash(files: Vec<SourceFile>, threads: usize) -> Vec<SeenFile> {
    let share = files.len().div_ceil(threads.max(1)).max(1);
    let hash = |files: &[SourceFile]| -> Vec<SeenFile> {
        files.iter().map(|file| SeenFile { version: content(&file.path), file: file.clone() }).collect()
    };
    std::thread::scope(|scope| {
        let shares: Vec<_> = files.chunks(share).map(|files| (files, scope.spawn(move || hash(files)))).collect();
        let died = |files: &[SourceFile]| -> Vec<SeenFile> {
            let refusal = Refusal::new(RefusalKind::Unreadable, "a thread died while reading it");
            files.iter().map(|file| SeenFile { file: file.clone(), version: Err(refusal.clone()) }).collect()
        };
        shares.into_iter().flat_map(|(files, thread)| thread.join().unwrap_or_else(|_| died(files))).collect()
    })
}

fn content(path: &Path) -> std::result::Result<Version, Refusal> {
    source::content_hash(path).map(|(hash, bytes)| Version::Content(hash, bytes))
}

/// What cannot be seen must not count as gone.
fn unseen(unreadable: Unreadable) -> Error {
    let is_missing = unreadable.error.kind() == io::ErrorKind::NotFound;
    let kind = if is_missing { ErrorKind::NotFound } else { ErrorKind::Unavailable };
    Error::new(kind, Refusal::from(unreadable).detail)
        .hint("nothing was changed; a folder is synced when all of it can be seen")
}
