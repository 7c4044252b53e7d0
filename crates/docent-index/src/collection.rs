//! One collection: a folder that is a tantivy index, opened for reading and, for the time of one change, for writing.

use crate::editions::{self, Editions};
use crate::error::{Failure, Result};
use crate::folder::Folder;
use crate::schema::{self, Fields};
use crate::snapshot::Snapshot;
use docent_engine::ports::IndexProfile;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tantivy::directory::error::LockError;
use tantivy::directory::{Directory, META_LOCK};
use tantivy::index::{SegmentId, SegmentMeta};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, NoMergePolicy};
use tantivy::{Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyError};

/// tantivy's list of segments; replacing it is the commit.
pub(crate) const META: &str = "meta.json";

/// How often a writer looks whether the other one is done.
const POLL: Duration = Duration::from_millis(25);

/// Decompressed blocks of stored records that are kept per segment.
const CACHED_BLOCKS: usize = 64;

/// Bytes of stored records that are compressed together: a hit costs the decompression of one such block.
const BLOCK_BYTES: usize = 4096;

/// Share of deleted records at which a segment is rewritten without them.
const DELETED_SHARE: f32 = 0.3;

/// A collection's folder, open.
pub(crate) struct Collection {
    name: String,
    folder: PathBuf,
    /// Where it is said which edition answers, and the number of this one; none if that is not asked.
    edition: Option<(PathBuf, u32)>,
    profile: IndexProfile,
    fields: Fields,
    index: Index,
    reader: IndexReader,
    current: Mutex<Option<(Stamp, Arc<Snapshot>)>>,
}

/// Tells one `meta.json` from the next without reading it.
#[derive(Clone, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    /// None when there is no index in the folder.
    fn of(folder: &Path) -> Result<Option<Self>> {
        match std::fs::metadata(folder.join(META)) {
            Ok(metadata) => {
                Ok(Some(Self { length: metadata.len(), modified: metadata.modified().ok(), inode: inode(&metadata) }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

impl Collection {
    /// True when the folder holds an index.
    pub(crate) fn exists(folder: &Path) -> Result<bool> {
        Ok(Stamp::of(folder)?.is_some())
    }

    /// Makes the folder with an empty index in it. It appears complete or not at all, and never replaces another.
    pub(crate) fn create(folder: &Path, profile: &IndexProfile) -> Result<()> {
        let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let unfinished = folder.with_file_name(format!(".new-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&unfinished)?;
        let schema = schema::build(profile)?;
        let fields = Fields::of(&schema)?;
        let settings = IndexSettings {
            docstore_blocksize: BLOCK_BYTES,
            docstore_compress_dedicated_thread: false,
            ..IndexSettings::default()
        };
        let builder = Index::builder().schema(schema).settings(settings).tokenizers(schema::tokenizers());
        builder.register_plugin(schema::plugin(profile, &fields)).create_in_dir(&unfinished)?;
        if let Err(error) = std::fs::rename(&unfinished, folder) {
            std::fs::remove_dir_all(&unfinished)?;
            if !Self::exists(folder)? {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Opens the index in the folder.
    pub(crate) fn open(name: &str, folder: &Path) -> Result<Self> {
        let directory = Folder::open(folder).map_err(TantivyError::from)?;
        let mut index = Index::open(directory)?;
        let profile = schema::profile(&index.schema())?;
        let fields = Fields::of(&index.schema())?;
        schema::equip(&mut index, &profile, &fields);
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(CACHED_BLOCKS)
            .try_into()?;
        let (name, folder) = (name.to_owned(), folder.to_owned());
        Ok(Self { name, folder, edition: None, profile, fields, index, reader, current: Mutex::new(None) })
    }

    /// Opens the edition that answers in a collection's folder.
    pub(crate) fn open_live(name: &str, home: &Path) -> Result<Self> {
        let editions = Editions::read(home)?;
        let collection = Self::open(name, &editions.live_folder(home))?;
        Ok(Self { edition: Some((home.to_owned(), editions.live)), ..collection })
    }

    /// The number of the edition, if it was opened as the one that answers.
    pub(crate) fn live_edition(&self) -> Option<u32> {
        self.edition.as_ref().map(|(_, number)| *number)
    }

    fn was_replaced(&self) -> Result<bool> {
        let Some((home, number)) = &self.edition else { return Ok(false) };
        Ok(Editions::read(home)?.live != *number)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) const fn profile(&self) -> &IndexProfile {
        &self.profile
    }

    pub(crate) const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The newest generation. None when the collection is gone or was made anew, and has to be opened again.
    pub(crate) fn snapshot(&self) -> Result<Option<Arc<Snapshot>>> {
        if self.was_replaced()? {
            return Ok(None);
        }
        let Some(stamp) = Stamp::of(&self.folder)? else { return Ok(None) };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, snapshot)) = current.as_ref()
            && *known == stamp
        {
            return Ok(Some(Arc::clone(snapshot)));
        }
        if self.index.load_metas()?.schema != self.index.schema() {
            return Ok(None);
        }
        let dimension = self.profile.embedding.dimension;
        let snapshot = Arc::new(Snapshot::load(&self.index, &self.reader, self.fields, dimension)?);
        *current = Some((stamp, Arc::clone(&snapshot)));
        Ok(Some(snapshot))
    }

    /// Makes one change in one commit. The change sees the newest generation, which nobody else can replace meanwhile,
    /// and returns the name of the next; with none nothing is committed. [`Failure::Replaced`] when another edition took the place
    /// of this one while the writer was waited for.
    pub(crate) fn change(
        &self,
        options: &WriterOptions,
        change: impl FnOnce(&Snapshot, &IndexWriter) -> Result<Option<String>>,
    ) -> Result<Option<String>> {
        let mut writer = self.writer(options)?;
        let generation = self.commit(&mut writer, change)?;
        if generation.is_some()
            && let Err(error) = writer.wait_merging_threads()
        {
            tracing::warn!(collection = self.name, %error, "segments could not be merged; the commit stands");
        }
        Ok(generation)
    }

    /// The same for a change that deletes documents: then every segment that holds deleted records is written anew without
    /// them, and the old files are removed, with what an earlier call that died has left. Returns the segments that held
    /// records of these documents, too; they are gone. If none did, no segment is written.
    pub(crate) fn change_and_expunge(
        &self,
        options: &WriterOptions,
        document_ids: &[String],
        change: impl FnOnce(&Snapshot, &IndexWriter) -> Result<Option<String>>,
    ) -> Result<(Option<String>, Vec<String>)> {
        let mut writer = self.quiet_writer(options)?;
        let gone = || Failure::Replaced { name: self.name.clone() };
        let holding = self.snapshot()?.ok_or_else(gone)?.holding(document_ids)?;
        let generation = self.commit(&mut writer, change)?;
        let doomed = if holding.is_empty() { Vec::new() } else { self.segments_with_deletes()? };
        // A segment of which nothing is left went with the commit.
        if !doomed.is_empty() {
            writer.merge(&doomed).wait()?;
        }
        self.remove_dead_files()?;
        writer.wait_merging_threads()?;
        Ok((generation, holding.iter().map(SegmentId::uuid_string).collect()))
    }

    fn segments_with_deletes(&self) -> Result<Vec<SegmentId>> {
        let segments = self.index.load_metas()?.segments;
        Ok(segments.iter().filter(|segment| segment.has_deletes()).map(SegmentMeta::id).collect())
    }

    /// Removes the files of segments that the commit does not name. tantivy's own clean-up knows only files that it has seen
    /// being made in this process, and keeps those that somebody reads. To be called while no other writer is at work; its
    /// lock keeps readers from being surprised while they open a commit, and who has opened one keeps what it mapped.
    fn remove_dead_files(&self) -> Result<()> {
        let folder = Folder::open(&self.folder).map_err(TantivyError::from)?;
        let _lock = folder.acquire_lock(&META_LOCK).map_err(|error| TantivyError::LockFailure(error, None))?;
        for file in self.dead_files()? {
            std::fs::remove_file(self.folder.join(&file)).map_err(|cause| Failure::Leftover {
                name: self.name.clone(),
                file,
                cause,
            })?;
        }
        Ok(folder.sync_directory()?)
    }

    /// Names of files of segments that the newest commit does not have.
    pub(crate) fn dead_files(&self) -> Result<Vec<String>> {
        let living: Vec<_> = self.index.load_metas()?.segments.iter().map(|one| one.id().uuid_string()).collect();
        let mut dead = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let segment = name.split('.').next().unwrap_or_default();
            let is_segment = segment.len() == 32 && segment.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_segment && !living.iter().any(|id| id == segment) {
                dead.push(name);
            }
        }
        dead.sort_unstable();
        Ok(dead)
    }

    fn commit(
        &self,
        writer: &mut IndexWriter,
        change: impl FnOnce(&Snapshot, &IndexWriter) -> Result<Option<String>>,
    ) -> Result<Option<String>> {
        let gone = || Failure::Replaced { name: self.name.clone() };
        let snapshot = self.snapshot()?.ok_or_else(gone)?;
        let Some(generation) = change(&snapshot, writer).map_err(|failure| cause(writer, failure))? else {
            return Ok(None);
        };
        drop(snapshot);
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&generation);
        commit.commit()?;
        Ok(Some(generation))
    }

    fn writer(&self, options: &WriterOptions) -> Result<IndexWriter> {
        let memory = IndexWriterOptions::builder().memory_budget_per_thread(options.memory);
        let settings = memory.num_worker_threads(1).num_merge_threads(1).build();
        let mut left = options.patience;
        loop {
            match self.index.writer_with_options(settings.clone()) {
                Ok(writer) => {
                    writer.set_merge_policy(Box::new(merge_policy()));
                    return Ok(writer);
                }
                Err(TantivyError::LockFailure(LockError::LockBusy, _)) if !left.is_zero() => {
                    std::thread::sleep(POLL.min(left));
                    left = left.saturating_sub(POLL);
                }
                Err(TantivyError::LockFailure(LockError::LockBusy, _)) => {
                    return Err(Failure::Busy { name: self.name.clone() });
                }
                Err(TantivyError::LockFailure(LockError::IoError(error), _)) => {
                    return Err(TantivyError::IoError(error).into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A writer that merges only what it is told to.
    pub(crate) fn quiet_writer(&self, options: &WriterOptions) -> Result<IndexWriter> {
        let writer = self.writer(options)?;
        writer.set_merge_policy(Box::new(NoMergePolicy));
        Ok(writer)
    }

    /// The one generation that a folder nobody writes to holds, under the name it was published with.
    pub(crate) fn published(&self, generation: &str) -> Result<Snapshot> {
        let dimension = self.profile.embedding.dimension;
        let mut snapshot = Snapshot::load(&self.index, &self.reader, self.fields, dimension)?;
        generation.clone_into(&mut snapshot.generation);
        Ok(snapshot)
    }

    /// Bytes of all files of this edition.
    pub(crate) fn bytes(&self) -> Option<u64> {
        editions::bytes(&self.folder)
    }

    /// Keeps all writers out while it lives.
    pub(crate) fn lock(&self, options: &WriterOptions) -> Result<IndexWriter> {
        self.writer(options)
    }
}

/// How a writer behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriterOptions {
    /// Bytes gathered before a segment is written.
    pub(crate) memory: usize,
    /// How long to wait for another writer.
    pub(crate) patience: Duration,
}

fn merge_policy() -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    policy.set_del_docs_ratio_before_merge(DELETED_SHARE);
    policy
}

/// When the indexing thread dies, adding only reports that it is dead; joining it tells why.
fn cause(writer: &mut IndexWriter, failure: Failure) -> Failure {
    match (failure, writer.prepare_commit()) {
        (Failure::Engine(_), Err(error)) => error.into(),
        (failure, _) => failure,
    }
}
