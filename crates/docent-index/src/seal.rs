//! The files of a collection's newest commit, held fast while writers go on, and freed of text that was deleted.

use crate::collection::{Collection, META, WriterOptions};
use crate::error::{Failure, Result};
use crate::folder::Folder;
use crate::schema::Kind;
use docent_engine::ports::IndexProfile;
use std::path::Path;
use tantivy::directory::{Directory, OwnedBytes};
use tantivy::index::SegmentMeta;

/// One commit, whole.
pub(crate) struct Sealed {
    pub(crate) generation: String,
    pub(crate) profile: IndexProfile,
    pub(crate) documents: u64,
    pub(crate) chunks: u64,
    /// Records of deleted documents that its files still hold.
    pub(crate) deleted_records: u64,
    /// By name.
    pub(crate) files: Vec<SealedFile>,
}

/// A file of it, mapped: it stays readable after a merge has removed it.
pub(crate) struct SealedFile {
    pub(crate) name: String,
    pub(crate) bytes: OwnedBytes,
}

impl Collection {
    /// The newest commit. A segment that holds deleted records is first written anew without them, unless it has left
    /// the folder already, which `is_out` says of the beginning of its files' names. Keeps writers out until the files
    /// are mapped, no longer.
    pub(crate) fn seal(&self, options: &WriterOptions, is_out: &dyn Fn(&str) -> bool) -> Result<Sealed> {
        let mut writer = self.quiet_writer(options)?;
        let segments = self.index().load_metas()?.segments;
        let doomed = |segment: &&SegmentMeta| segment.has_deletes() && !is_out(&segment.id().uuid_string());
        let doomed: Vec<_> = segments.iter().filter(doomed).map(SegmentMeta::id).collect();
        if !doomed.is_empty() {
            writer.merge(&doomed).wait()?;
        }
        let gone = || Failure::Replaced { name: self.name().to_owned() };
        let snapshot = self.snapshot()?.ok_or_else(gone)?;
        let meta = self.index().load_metas()?;
        let folder = Folder::open(self.folder()).map_err(tantivy::TantivyError::from)?;
        let mut files = Vec::new();
        for path in meta.list_segment_files() {
            // Not every segment has every kind of file.
            if folder.exists(&path)? {
                files.push(SealedFile { name: name(&path), bytes: folder.open_read(&path)?.read_bytes()? });
            }
        }
        let list = folder.atomic_read(Path::new(META))?;
        files.push(SealedFile { name: META.to_owned(), bytes: OwnedBytes::new(list) });
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Sealed {
            generation: snapshot.generation.clone(),
            profile: self.profile().clone(),
            documents: snapshot.count(Kind::Document)?,
            chunks: snapshot.count(Kind::Chunk)?,
            deleted_records: meta.segments.iter().map(|segment| u64::from(segment.num_deleted_docs())).sum(),
            files,
        })
    }
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
