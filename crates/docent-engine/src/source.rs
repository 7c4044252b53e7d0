//! Files to take in: finding them, naming them, and reading them once.
//!
//! A document's identity is where its file lies, so the same file found through another argument or from another working
//! directory is the same document. Only a hash of that place is kept: an index never carries a path of the machine.

use crate::error::{Error, Result as Done};
use docent_core::{Refusal, RefusalKind};
use std::fs::FileType;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A file found below an argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// Where to read it; in a bucket, its key.
    pub path: PathBuf,
    /// Path to show: below the argument, beginning with the argument's own last part.
    pub filename: String,
    /// `doc_` and 32 hexadecimal digits.
    pub document_id: String,
}

/// What could not be read, and why.
#[derive(Debug)]
pub(crate) struct Unreadable {
    path: PathBuf,
    pub(crate) error: io::Error,
}

impl Unreadable {
    /// Of an error that came up at a path.
    pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self { path: path.to_owned(), error }
    }
}

impl From<Unreadable> for Refusal {
    fn from(Unreadable { path, error }: Unreadable) -> Self {
        let what = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied; check who may read it".to_owned(),
            _ => error.to_string(),
        };
        Self::new(RefusalKind::Unreadable, format!("{}: {what}", path.display()))
    }
}

/// The id of the document at a path. The file need not exist any more.
pub fn document_id(path: &Path) -> String {
    id("doc", &[absolute(path).as_os_str().as_encoded_bytes()])
}

/// What the documents of a source are called, and what they are recorded with.
#[derive(Clone, Debug)]
pub struct Naming {
    name: Option<String>,
    shown: String,
    id: String,
}

impl Naming {
    /// Of a source that is known by its `place` or, with a name, by that wherever it lies. Without a name, `shown` is what
    /// the paths of its documents begin with.
    ///
    /// # Errors
    /// `Invalid`, for a name that is none.
    pub fn new(place: &[u8], shown: &str, name: Option<&str>) -> Done<Self> {
        if name.is_some_and(|name| name.trim().is_empty() || name.contains(['/', '\\', '\0'])) {
            return Err(Error::invalid("a source needs a name without slashes").hint("for example --name handbook"));
        }
        let id = match name {
            Some(name) => id("src", &[b"name", name.as_bytes()]),
            None => id("src", &[b"place", place]),
        };
        let shown = name.unwrap_or(shown).to_owned();
        Ok(Self { name: name.map(str::to_owned), shown, id })
    }

    /// `src_` and 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The file at `path`, which is what `absolute` says to everybody; `below` is its path below the source.
    pub fn file(&self, path: PathBuf, absolute: &[u8], below: &str) -> SourceFile {
        let document_id = match &self.name {
            Some(name) => id("doc", &[b"name", name.as_bytes(), below.as_bytes()]),
            None => id("doc", &[absolute]),
        };
        SourceFile { path, filename: format!("{}/{below}", self.shown), document_id }
    }
}

/// A name made of a kind and a hash over parts, which cannot run into each other.
pub(crate) fn id(kind: &str, parts: &[&[u8]]) -> String {
    let hash = blake3::hash(&parts.join(&0));
    format!("{kind}_{}", &hash.to_hex()[..32])
}

/// The real place of a path: symbolic links resolved as far as it exists, the rest taken literally.
fn absolute(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return absolute;
    };
    self::absolute(parent).join(name)
}

/// All files below `argument`, in a stable order. Hidden files and folders are left out unless named themselves; symbolic
/// links to folders are not followed, so a loop cannot trap the walk.
///
/// # Errors
/// `unreadable`, if the argument does not exist or a folder cannot be listed.
pub fn find_files(argument: &Path) -> Result<Vec<SourceFile>, Refusal> {
    let metadata = std::fs::metadata(argument).map_err(Unreadable::at(argument))?;
    let base = absolute(argument);
    let base = base.parent().unwrap_or(&base).to_owned();
    let mut files = Vec::new();
    if metadata.is_dir() {
        let mut folders = vec![absolute(argument)];
        while let Some(folder) = folders.pop() {
            list(&folder, &mut |path, kind| match kind {
                _ if kind.is_dir() => folders.push(path),
                _ if path.is_file() => files.push(path),
                _ => {}
            })?;
        }
    } else {
        files.push(absolute(argument));
    }
    let mut files: Vec<_> = files.into_iter().map(|path| source_file(&base, path)).collect();
    files.sort();
    Ok(files)
}

/// Calls `visit` with everything that lies directly in a folder and is not hidden.
pub(crate) fn list(folder: &Path, visit: &mut dyn FnMut(PathBuf, FileType)) -> Result<(), Unreadable> {
    let entries = std::fs::read_dir(folder).map_err(Unreadable::at(folder))?;
    for entry in entries {
        let entry = entry.map_err(Unreadable::at(folder))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            let kind = entry.file_type().map_err(Unreadable::at(&entry.path()))?;
            visit(entry.path(), kind);
        }
    }
    Ok(())
}

fn source_file(base: &Path, path: PathBuf) -> SourceFile {
    let filename = below(base, &path);
    SourceFile { document_id: document_id(&path), filename, path }
}

/// The part of a path below `base`, with `/` between its parts on every system.
pub(crate) fn below(base: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(base).unwrap_or(path).components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// BLAKE3 of a file's bytes and its size, read in pieces.
///
/// # Errors
/// `unreadable`, with the system's reason.
pub fn content_hash(path: &Path) -> Result<(String, u64), Refusal> {
    let mut file = std::fs::File::open(path).map_err(Unreadable::at(path))?;
    let mut hasher = blake3::Hasher::new();
    let bytes = io::copy(&mut file, &mut hasher).map_err(Unreadable::at(path))?;
    Ok((hasher.finalize().to_hex().to_string(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_is_the_same_document_however_it_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("handbook");
        std::fs::create_dir_all(root.join("people")).expect("made");
        std::fs::write(root.join("people/leave.md"), "25 days").expect("written");
        std::fs::write(root.join(".hidden"), "x").expect("written");

        let by_folder = find_files(&root).expect("found");
        let by_file = find_files(&root.join("people/../people/leave.md")).expect("found");
        assert_eq!(by_folder.len(), 1);
        assert_eq!(by_folder[0].filename, "handbook/people/leave.md");
        assert_eq!(by_file[0].filename, "leave.md");
        assert_eq!(by_folder[0].document_id, by_file[0].document_id);

        let id = by_file[0].document_id.clone();
        std::fs::remove_file(root.join("people/leave.md")).expect("removed");
        assert_eq!(document_id(&root.join("people/leave.md")), id, "also when the file is gone");
    }

    #[test]
    fn a_missing_path_is_named() {
        let refusal = find_files(Path::new("no/such/place")).expect_err("missing");
        assert_eq!(refusal.to_string(), "unreadable: no/such/place: there is no such file or folder");
    }
}
