//! The folder of uploads: what arrives, what waits to be read, what is kept.
//!
//! ```text
//! incoming/ID.part                     arrives
//! incoming/ID                          waits for a worker, under the upload's id
//! originals/COLLECTION/DOCUMENT/HASH   kept: hashes all three
//! ```
//! Every name is made of hexadecimal digits, so none can lead out of the folder. A file appears under its second and third
//! name by a rename or a link, whole.

use crate::error::{Error, Result};
use futures::Stream;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of an original that are read at once.
const PIECE_BYTES: usize = 256 << 10;
const PART: &str = ".part";

pub(crate) struct Disk {
    incoming: PathBuf,
    originals: PathBuf,
}

/// A file that is removed with this, unless it is kept.
pub(crate) struct Part {
    path: PathBuf,
    kept: bool,
}

impl Part {
    fn at(path: PathBuf) -> Self {
        Self { path, kept: false }
    }

    pub(crate) fn file(&self) -> Result<File> {
        File::create(&self.path).map_err(|error| trouble("an uploaded file could not be created", error))
    }

    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is found by the next tidying.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// An original file, open.
pub struct Original {
    file: File,
    /// Its size.
    pub bytes: u64,
}

impl Original {
    /// Its bytes, piece by piece: one piece is in memory at a time.
    pub fn pieces(self) -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
        futures::stream::unfold(Some(self.file), |file| async move {
            let file = file?;
            let read = tokio::task::spawn_blocking(move || next_piece(file)).await;
            match read.unwrap_or_else(|died| Err(io::Error::other(died))) {
                Ok((piece, _)) if piece.is_empty() => None,
                Ok((piece, file)) => Some((Ok(piece), Some(file))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

fn next_piece(mut file: File) -> io::Result<(Vec<u8>, File)> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
    Ok((piece, file))
}

impl Disk {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { incoming: folder.join("incoming"), originals: folder.join("originals") }
    }

    /// Where a body is written while it arrives.
    pub(crate) fn part(&self, id: &str) -> Result<Part> {
        make(&self.incoming)?;
        Ok(Part::at(self.incoming.join(format!("{id}{PART}"))))
    }

    /// Gives a file that has arrived its place under the upload's id.
    pub(crate) fn stage(&self, part: Part, id: &str) -> Result<Part> {
        let place = self.waiting(id);
        let moved = fs::rename(&part.path, &place).and_then(|()| sync(&self.incoming));
        moved.map_err(|error| trouble("an uploaded file could not be put in its place", error))?;
        part.keep();
        Ok(Part::at(place))
    }

    pub(crate) fn waiting(&self, id: &str) -> PathBuf {
        self.incoming.join(id)
    }

    pub(crate) fn remove_waiting(&self, ids: &[String]) {
        for id in ids {
            // What cannot be removed now is found by the next tidying.
            let _ = fs::remove_file(self.waiting(id));
        }
    }

    /// Ids of what arrives (true) and waits (false).
    pub(crate) fn incoming(&self) -> Vec<(String, bool)> {
        let Ok(entries) = fs::read_dir(&self.incoming) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let told = |name: String| match name.strip_suffix(PART) {
            Some(id) => (id.to_owned(), true),
            None => (name, false),
        };
        names.map(told).collect()
    }

    pub(crate) fn remove_part(&self, id: &str) {
        let _ = fs::remove_file(self.incoming.join(format!("{id}{PART}")));
    }

    fn of_collection(&self, collection: &str) -> PathBuf {
        self.originals.join(&blake3::hash(collection.as_bytes()).to_hex()[..32])
    }

    fn of_document(&self, collection: &str, document_id: &str) -> PathBuf {
        self.of_collection(collection).join(&blake3::hash(document_id.as_bytes()).to_hex()[..32])
    }

    pub(crate) fn original(&self, collection: &str, document_id: &str, content_hash: &str) -> PathBuf {
        let name = blake3::hash(content_hash.as_bytes()).to_hex();
        self.of_document(collection, document_id).join(&name[..32])
    }

    pub(crate) fn has_original(&self, collection: &str, document_id: &str, content_hash: &str) -> bool {
        self.original(collection, document_id, content_hash).is_file()
    }

    pub(crate) fn open_original(&self, collection: &str, document_id: &str, hash: &str) -> Result<Option<Original>> {
        let open = File::open(self.original(collection, document_id, hash));
        let opened = open.and_then(|file| file.metadata().map(|facts| Original { bytes: facts.len(), file }));
        match opened {
            Ok(original) => Ok(Some(original)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(trouble("an original file could not be opened", error)),
        }
    }

    /// Keeps a file that waits as its document's original, in place of any other.
    pub(crate) fn keep_original(&self, id: &str, collection: &str, document_id: &str, hash: &str) -> Result<()> {
        let place = self.original(collection, document_id, hash);
        let folder = self.of_document(collection, document_id);
        make(&folder)?;
        if !place.is_file() {
            link(&self.waiting(id), &place).map_err(|error| trouble("an original file could not be kept", error))?;
        }
        remove_others(&folder, &place)
    }

    /// Removes originals of a document that are not of the version that is stored.
    pub(crate) fn remove_stale_originals(&self, collection: &str, document_id: &str, hash: &str) -> Result<()> {
        let place = self.original(collection, document_id, hash);
        remove_others(&self.of_document(collection, document_id), &place)
    }

    pub(crate) fn forget_document(&self, collection: &str, document_id: &str) -> Result<()> {
        remove_folder(&self.of_document(collection, document_id))
    }

    pub(crate) fn forget_collection(&self, collection: &str) -> Result<()> {
        remove_folder(&self.of_collection(collection))
    }
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| trouble("the folder of uploads cannot be used", error))
}

fn remove_others(folder: &Path, kept: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    let mut others = entries.flatten().map(|entry| entry.path()).filter(|path| path != kept);
    let removed = others.try_for_each(fs::remove_file);
    removed.map_err(|error| trouble("an original file could not be removed", error))
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(trouble("an original file could not be removed", error))
        }
        _ => Ok(()),
    }
}

/// A second name for a file; a copy where the file system has no second names.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let unfinished = to.with_extension("new");
    fs::copy(from, &unfinished)?;
    fs::rename(unfinished, to)
}

/// A rename is on the disk when its folder is.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn trouble(what: &str, error: io::Error) -> Error {
    Error::internal(what).because(error).hint("check the data folder: its free space and who may write to it")
}
