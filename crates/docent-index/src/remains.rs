//! What the files of a collection still hold of a document: the proof that a delete deleted.
//!
//! A delete only marks records; their text goes when their segment is written anew. So what is looked through is not what a
//! search sees. The lists of the document's id name its records, deleted ones included. Every stored record is
//! decompressed, deleted ones included, and searched for the id and for words that are asked for. And the bytes of every
//! file in the folder are searched as they are, files that no generation names any more included. What is absent: copies
//! outside the folder (backups, a file system's snapshots, the files' blocks on the disk).

use crate::collection::Collection;
use crate::error::{Failure, Result};
use crate::snapshot::Snapshot;
use serde::Serialize;
use std::path::Path;
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::{DocAddress, DocSet, SegmentReader, TERMINATED, TantivyDocument};

/// What is left of a document in one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// The generation.
    pub generation: String,
    /// Files that were looked through.
    pub files: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Stored records that were read, deleted ones included.
    pub records: u64,
    /// Records of the document that a search can still find.
    pub living: u64,
    /// Records of the document that were deleted and whose text the files still hold.
    pub deleted: u64,
    /// Stored records, of whatever document, that hold its id or the words.
    pub mentions: u64,
    /// Files whose plain bytes hold its id or the words.
    pub named_in: Vec<String>,
    /// Files of segments that the generation does not have any more: what they hold is not known.
    pub strays: Vec<String>,
}

impl Remains {
    /// True if nothing was found.
    pub const fn is_gone(&self) -> bool {
        self.living == 0
            && self.deleted == 0
            && self.mentions == 0
            && self.named_in.is_empty()
            && self.strays.is_empty()
    }

    /// Looks for a document, by its id and by words of it.
    pub(crate) fn find(collection: &Collection, snapshot: &Snapshot, id: &str, words: &[String]) -> Result<Self> {
        let mut found = Self { generation: snapshot.generation.clone(), ..Self::default() };
        let needles = needles(id, words)?;
        for (segment, reader) in snapshot.searcher.segment_readers().iter().enumerate() {
            found.count_records(snapshot, reader, id)?;
            for document in 0..reader.max_doc() {
                found.read_record(snapshot, DocAddress::new(segment as u32, document), &needles)?;
            }
        }
        found.read_files(collection.folder(), id, words)?;
        found.find_strays(collection, snapshot)?;
        Ok(found)
    }

    fn find_strays(&mut self, collection: &Collection, snapshot: &Snapshot) -> Result<()> {
        let segments = snapshot.searcher.segment_readers();
        let own: Vec<String> = segments.iter().map(|segment| segment.segment_id().uuid_string()).collect();
        for entry in std::fs::read_dir(collection.folder())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let segment = name.split('.').next().unwrap_or_default();
            let is_segment = segment.len() == 32 && segment.bytes().all(|b| b.is_ascii_hexdigit());
            if is_segment && !own.iter().any(|id| id == segment) {
                self.strays.push(name);
            }
        }
        self.strays.sort_unstable();
        Ok(())
    }

    fn count_records(&mut self, snapshot: &Snapshot, reader: &SegmentReader, id: &str) -> Result<()> {
        let fields = &snapshot.fields;
        let inverted = reader.inverted_index(fields.document_id)?;
        let Some(mut postings) = inverted.read_postings(&fields.document_term(id), IndexRecordOption::Basic)? else {
            return Ok(());
        };
        while postings.doc() != TERMINATED {
            match reader.is_deleted(postings.doc()) {
                true => self.deleted += 1,
                false => self.living += 1,
            }
            postings.advance();
        }
        Ok(())
    }

    fn read_record(&mut self, snapshot: &Snapshot, address: DocAddress, needles: &[String]) -> Result<()> {
        let record: TantivyDocument = snapshot.searcher.doc(address)?;
        let json = record.get_first(snapshot.fields.record);
        let json = json.as_ref().and_then(|value| value.as_str());
        let json = json.ok_or_else(|| Failure::damaged("a record is empty"))?;
        self.records += 1;
        self.mentions += u64::from(needles.iter().any(|needle| json.contains(needle.as_str())));
        Ok(())
    }

    fn read_files(&mut self, folder: &Path, id: &str, words: &[String]) -> Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let bytes = std::fs::read(entry.path())?;
            self.files += 1;
            self.bytes += bytes.len() as u64;
            let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            if std::iter::once(id).chain(words.iter().map(String::as_str)).any(|needle| holds(needle.as_bytes())) {
                self.named_in.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        self.named_in.sort_unstable();
        Ok(())
    }
}

/// The id and the words as they stand in a record, which is JSON.
fn needles(id: &str, words: &[String]) -> Result<Vec<String>> {
    let mut needles = vec![id.to_owned()];
    for words in words {
        needles.push(serde_json::to_string(words)?.trim_matches('"').to_owned());
    }
    Ok(needles)
}
