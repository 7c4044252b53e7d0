//! Where documents lie that a collection is kept equal to.

use crate::error::Result;
use crate::source::SourceFile;
use async_trait::async_trait;
use docent_core::Refusal;
use std::path::PathBuf;

/// A place with files: a folder of this machine, what lies below a prefix of a bucket.
#[async_trait]
pub trait Source: Send + Sync {
    /// `src_` and 32 hexadecimal digits: what its documents are recorded with.
    fn id(&self) -> &str;

    /// Everything that belongs to it, in the order of its paths; `threads` may work on it. If a part of it cannot be seen
    /// this fails, because what cannot be seen must not count as gone.
    async fn look(&self, threads: usize) -> Result<Seen>;

    /// The files at these paths below it, in the order of the paths, as they are now: of a few it costs less than
    /// [`Self::look`]. Fails where that would.
    async fn look_at(&self, paths: &[String]) -> Result<Vec<Place>>;

    /// Changes whenever a file was written, added or removed. Costs less than [`Self::look`].
    async fn stamp(&self) -> Result<String>;

    /// Brings a file that was seen to this machine. The outer error concerns the whole source, the inner one this file.
    async fn fetch(&self, file: &SeenFile) -> Result<std::result::Result<Fetched, Refusal>>;
}

/// What a look at a source found.
#[derive(Debug, Default)]
pub struct Seen {
    /// The files that belong to it.
    pub files: Vec<SeenFile>,
    /// Symbolic links that lead out of it and were not followed, by their paths below it.
    pub links_outside: Vec<String>,
}

/// A file of a source.
#[derive(Clone, Debug)]
pub struct SeenFile {
    /// Its name, its document, and where the source finds it again.
    pub file: SourceFile,
    /// What tells whether it has changed, or why it cannot be taken in.
    pub version: std::result::Result<Version, Refusal>,
}

/// A place in a source where a file may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file that is there, was there or could be.
    pub file: SourceFile,
    /// Its size; 0 if there is none.
    pub bytes: u64,
    /// As in [`SeenFile`]; none if nothing is there that belongs to the source.
    pub version: Option<std::result::Result<Version, Refusal>>,
    /// The upload that has put it there, if it says so.
    pub upload: Option<String>,
}

/// What tells whether a file has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The hash of its content, and its bytes.
    Content(String, u64),
    /// A word of the source's own that is never the same for another content of the same file. The same content may get
    /// another word.
    Word(String),
}

/// A file that is on this machine for as long as this lives.
pub struct Fetched {
    /// Where.
    pub path: PathBuf,
    /// BLAKE3 of its content, hexadecimal.
    pub content_hash: String,
    /// Its size.
    pub bytes: u64,
    /// The source's word for this content, if it has one.
    pub version: Option<String>,
    /// Takes the file away when it is dropped, if it is a copy.
    pub copy: Option<Box<dyn Send>>,
}
