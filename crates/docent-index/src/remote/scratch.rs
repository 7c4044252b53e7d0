//! The copy of generations on this machine: a pool of verified files by their hash, and per generation a folder of hard
//! links to them under the names that tantivy gave them.
//!
//! What two generations share is fetched once, and what a process that died has fetched is not fetched again. Processes
//! may share a scratch folder: whatever one of them removes under another's hands is fetched again.

use super::manifest::{IndexFile, Manifest};
use super::store::Store;
use crate::error::{Failure, Result};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that one request asks for: a large file comes over several connections.
const PIECE: u64 = 4 << 20;
/// Requests under way at the same time.
const PIECES_AT_ONCE: usize = 8;
/// How often fetching begins anew when files disappear under it.
const ATTEMPTS: usize = 3;

/// A collection's part of the scratch folder.
#[derive(Clone)]
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Below `root`, apart from collections of the same name at other places.
    pub(super) fn new(root: &Path, store: &Store, collection: &str) -> Self {
        let place = blake3::hash(store.place().to_string().as_bytes()).to_hex();
        Self { folder: root.join(&place[..16]).join(collection) }
    }

    fn pool(&self) -> PathBuf {
        self.folder.join("pool")
    }

    fn pooled(&self, file: &IndexFile) -> PathBuf {
        self.pool().join(&file.blake3)
    }

    fn generation(&self, upload: &str) -> PathBuf {
        self.folder.join(upload)
    }

    /// The folder with all files of a generation, fetched and verified where they are missing.
    pub(super) async fn fetch(&self, store: &Store, manifest: &Manifest) -> Result<PathBuf> {
        let mut attempt = 1;
        loop {
            match self.try_fetch(store, manifest).await {
                // Another process has tidied up.
                Err(Failure::Io(error)) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                    attempt += 1
                }
                fetched => return fetched,
            }
        }
    }

    async fn try_fetch(&self, store: &Store, manifest: &Manifest) -> Result<PathBuf> {
        let folder = self.generation(&manifest.upload);
        if is_complete(&folder, manifest) {
            return Ok(folder);
        }
        fs::create_dir_all(self.pool())?;
        let mut missing: Vec<&IndexFile> = manifest.files.iter().filter(|file| !self.has(file)).collect();
        missing.sort_unstable_by(|a, b| a.blake3.cmp(&b.blake3));
        missing.dedup_by(|a, b| a.blake3 == b.blake3);
        let parts = missing.into_iter().map(|file| Part::new(self, file)).collect::<Result<Vec<_>>>()?;
        let pieces = parts.iter().flat_map(|part| part.pieces().map(move |range| (part, range)));
        let fetched: Vec<_> = pieces.map(|(part, range)| part.fetch(store, manifest, range).boxed()).collect();
        futures::stream::iter(fetched).buffer_unordered(PIECES_AT_ONCE).try_collect::<()>().await?;
        let (scratch, manifest, store) = (self.clone(), manifest.clone(), store.clone());
        let put_together = move || {
            parts.into_iter().try_for_each(|part| part.finish(&store, &manifest.generation))?;
            scratch.assemble(&manifest)
        };
        tokio::task::spawn_blocking(put_together).await.map_err(|_| Failure::Died)?
    }

    /// Takes what a generation needs and a folder has, so that it need not be fetched.
    pub(super) fn offer(&self, folder: &Path, manifest: &Manifest) -> Result<()> {
        fs::create_dir_all(self.pool())?;
        for file in manifest.files.iter().filter(|file| !self.has(file)) {
            let here = folder.join(&file.name);
            if has_length(&here, file.bytes) && hash(&here)? == file.blake3 {
                link(&here, &self.pooled(file))?;
            }
        }
        Ok(())
    }

    fn has(&self, file: &IndexFile) -> bool {
        has_length(&self.pooled(file), file.bytes)
    }

    /// The folder appears complete or not at all.
    fn assemble(&self, manifest: &Manifest) -> Result<PathBuf> {
        let folder = self.generation(&manifest.upload);
        let unfinished = self.folder.join(format!(".new-{}", unique()));
        fs::create_dir(&unfinished)?;
        for file in &manifest.files {
            link(&self.pooled(file), &unfinished.join(&file.name))?;
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        match fs::rename(&unfinished, &folder) {
            Err(_) if is_complete(&folder, manifest) => fs::remove_dir_all(&unfinished)?,
            renamed => renamed?,
        }
        Ok(folder)
    }

    /// Removes everything but these generations. Files that are mapped stay readable.
    pub(super) fn retain(&self, kept: &[&Manifest]) -> Result<()> {
        let folders: BTreeSet<PathBuf> = kept.iter().map(|manifest| self.generation(&manifest.upload)).collect();
        let files: BTreeSet<PathBuf> =
            kept.iter().flat_map(|manifest| &manifest.files).map(|file| self.pooled(file)).collect();
        let pool = self.pool();
        for path in entries(&self.folder)?.into_iter().filter(|path| *path != pool && !folders.contains(path)) {
            gone(fs::remove_dir_all(path))?;
        }
        for path in entries(&pool)?.into_iter().filter(|path| !files.contains(path)) {
            gone(fs::remove_file(path))?;
        }
        Ok(())
    }

    /// Removes a generation that turned out to be damaged on its way or since.
    pub(super) fn discard(&self, manifest: &Manifest) -> Result<()> {
        gone(fs::remove_dir_all(self.generation(&manifest.upload)))?;
        manifest.files.iter().try_for_each(|file| gone(fs::remove_file(self.pooled(file))))
    }
}

/// The same file under another name; a copy on file systems that have no hard links.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn is_complete(folder: &Path, manifest: &Manifest) -> bool {
    manifest.files.iter().all(|file| has_length(&folder.join(&file.name), file.bytes))
}

fn has_length(path: &Path, bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() == bytes)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Somebody else may have removed it first.
pub(super) fn gone(removed: io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Tells apart what several processes and tasks make at the same time.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A file that is being fetched.
struct Part {
    file: IndexFile,
    path: PathBuf,
    pooled: PathBuf,
    out: Arc<std::sync::Mutex<File>>,
}

impl Part {
    fn new(scratch: &Scratch, file: &IndexFile) -> Result<Self> {
        let pooled = scratch.pooled(file);
        let path = pooled.with_extension(format!("part-{}", unique()));
        let out = File::create(&path)?;
        out.set_len(file.bytes)?;
        Ok(Self { file: file.clone(), path, pooled, out: Arc::new(std::sync::Mutex::new(out)) })
    }

    fn pieces(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let bytes = self.file.bytes;
        (0..bytes).step_by(PIECE as usize).map(move |start| start..bytes.min(start + PIECE))
    }

    async fn fetch(&self, store: &Store, manifest: &Manifest, range: Range<u64>) -> Result<()> {
        let start = range.start;
        let damaged = || store.damaged(&manifest.generation, &format!("{} is missing or cut short", self.file.name));
        let object = self.file.object(&manifest.collection);
        let bytes = match store.range(&object, range).await {
            Ok(bytes) => bytes.ok_or_else(damaged)?,
            // What is asked for beyond an object's end is refused in as many words as there are stores.
            Err(failure) => match store.size(&object).await {
                Ok(size) if size != Some(self.file.bytes) => return Err(damaged()),
                _ => return Err(failure),
            },
        };
        let out = Arc::clone(&self.out);
        let write = move || put(&out, start, &bytes);
        Ok(tokio::task::spawn_blocking(write).await.map_err(|_| Failure::Died)??)
    }

    /// Checks what has come and puts it into the pool.
    fn finish(self, store: &Store, generation: &str) -> Result<()> {
        if hash(&self.path)? != self.file.blake3 {
            gone(fs::remove_file(&self.path))?;
            return Err(store.damaged(generation, &format!("{} has other bytes than it had", self.file.name)));
        }
        Ok(fs::rename(&self.path, &self.pooled)?)
    }
}

fn put(out: &std::sync::Mutex<File>, start: u64, bytes: &Bytes) -> io::Result<()> {
    let mut out = out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    out.seek(SeekFrom::Start(start))?;
    out.write_all(bytes)
}
