//! A folder that a collection is kept equal to.
//!
//! A document of it is identified by the folder and its path below. The folder is known by where it lies, or by a name of
//! its own, for one that lies somewhere else tomorrow (a checkout of a CI run, another machine). By where it lies, its
//! documents are those that an ingest of the same files makes.

use crate::error::{Error, ErrorKind, Result};
use crate::ignored::{self, Ignored};
use crate::source::{self, SourceFile};
use docent_core::{Refusal, RefusalKind};
use std::fs::FileType;
use std::path::{Path, PathBuf};

/// A folder, open for looking.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    name: Option<String>,
    id: String,
}

/// What lies in it.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// In the order of their paths.
    pub(crate) files: Vec<SourceFile>,
    /// Symbolic links that lead out of it and were not followed, by their paths below it.
    pub(crate) links_outside: Vec<String>,
}

/// A file with the hash of its content and its size, or why it has none.
pub(crate) type Hashed = (SourceFile, std::result::Result<(String, u64), Refusal>);

impl Folder {
    /// Finds the folder. With a name, it is that source wherever it lies.
    ///
    /// # Errors
    /// `NotFound` or `Invalid`, if it is not there or is not a folder, or for a name that is none.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self> {
        let root = path.canonicalize().map_err(|error| unseen(&source::unreadable(path, &error)))?;
        if !root.is_dir() {
            return Err(Error::invalid(format!("{} is not a folder", path.display()))
                .hint("a folder is synced as a whole; `docent ingest` takes single files"));
        }
        if name.is_some_and(|name| name.trim().is_empty() || name.contains(['/', '\\', '\0'])) {
            return Err(Error::invalid("a source needs a name without slashes").hint("for example --name handbook"));
        }
        let id = match name {
            Some(name) => source::id("src", &[b"name", name.as_bytes()]),
            None => source::id("src", &[b"place", root.as_os_str().as_encoded_bytes()]),
        };
        Ok(Self { root, name: name.map(str::to_owned), id })
    }

    /// `src_` and 32 hexadecimal digits: what its documents are recorded with.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Changes whenever a file of the folder was written, added or removed: a hash over paths, sizes and times.
    ///
    /// # Errors
    /// As for a sync, if a part of the folder cannot be seen.
    pub fn stamp(&self) -> Result<String> {
        let mut stamp = blake3::Hasher::new();
        for file in self.list()?.files {
            let metadata = std::fs::metadata(&file.path).ok();
            let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
            let facts = format!("{}\0{:?}\0{modified:?}\0", file.filename, metadata.map(|metadata| metadata.len()));
            stamp.update(facts.as_bytes());
        }
        Ok(stamp.finalize().to_hex().to_string())
    }

    /// All files that belong to it. Hidden ones and those that `.docentignore` names do not. Symbolic links are not
    /// followed: what they lead to inside is found without them, and what lies outside does not belong to it.
    pub(crate) fn list(&self) -> Result<Listing> {
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
            source::list(&folder, visit).map_err(|refusal| unseen(&refusal))?;
        }
        listing.files.sort();
        listing.links_outside.sort();
        Ok(listing)
    }

    fn ignored(&self) -> Result<Ignored> {
        let path = self.root.join(ignored::FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Ignored::default()),
            read => read.map_err(|error| unseen(&source::unreadable(&path, &error)))?,
        };
        let wrong = |cause: String| Error::invalid(cause).hint("nothing was changed; patterns are those of .gitignore");
        Ignored::parse(&text).map_err(wrong)
    }

    fn leads_outside(&self, link: &Path) -> bool {
        link.canonicalize().map_or(true, |target| !target.starts_with(&self.root))
    }

    fn file(&self, path: PathBuf, below: &str) -> SourceFile {
        let own = || self.root.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let document_id = match &self.name {
            Some(name) => source::id("doc", &[b"name", name.as_bytes(), below.as_bytes()]),
            None => source::id("doc", &[path.as_os_str().as_encoded_bytes()]),
        };
        let filename = format!("{}/{below}", self.name.clone().unwrap_or_else(own));
        SourceFile { path, filename, document_id }
    }
}

/// Hashes the files, on so many threads.
pub(crate) fn hash(files: Vec<SourceFile>, threads: usize) -> Vec<Hashed> {
    let share = files.len().div_ceil(threads.max(1)).max(1);
    let hash = |files: &[SourceFile]| -> Vec<Hashed> {
        files.iter().map(|file| (file.clone(), source::content_hash(&file.path))).collect()
    };
    std::thread::scope(|scope| {
        let shares: Vec<_> = files.chunks(share).map(|files| (files, scope.spawn(move || hash(files)))).collect();
        let died = |files: &[SourceFile]| -> Vec<Hashed> {
            let refusal = Refusal::new(RefusalKind::Unreadable, "a thread died while reading it");
            files.iter().map(|file| (file.clone(), Err(refusal.clone()))).collect()
        };
        shares.into_iter().flat_map(|(files, thread)| thread.join().unwrap_or_else(|_| died(files))).collect()
    })
}

/// What cannot be seen must not count as gone.
fn unseen(refusal: &Refusal) -> Error {
    let kind = match refusal.detail.contains("no such file") {
        true => ErrorKind::NotFound,
        false => ErrorKind::Unavailable,
    };
    Error::new(kind, refusal.detail.clone()).hint("nothing was changed; a folder is synced when all of it can be seen")
}
