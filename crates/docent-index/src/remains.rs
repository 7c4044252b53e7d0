//! What the files of a collection still hold of a document: the proof that a delete deleted.
//!
//! A delete only marks records; their text goes when their segment is written anew. So what is looked through is not what a
//! search sees. The lists of the document's id name its records, deleted ones included. Every stored record is
//! decompressed, deleted ones included, and searched for the id and for words that are asked for. The bytes of every
//! file in the folder are searched as they are, and files of segments that the generation does not name are named.
//!
//! What is absent: the dictionary of words, which is compressed and knows words, not documents, is not read word by word; that
//! no record of the document is left in a segment is what rules its words out. Copies outside the folder (backups, a file
//! system's snapshots, the files' blocks on the disk, what a process holds open) are out of reach.

use crate::collection::Collection;
use crate::error::{Failure, Result};
use crate::folder::Folder;
use crate::snapshot::Snapshot;
use serde::Serialize;
use std::path::Path;
use tantivy::directory::Directory;
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::{DocAddress, DocSet, SegmentReader, TERMINATED, TantivyDocument, TantivyError};

/// What is left of a document in one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// The generation.
    pub generation: String,
    /// Which of a collection's editions, if it is not the one that answers: `previous` or `unfinished`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<&'static str>,
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
        !self.has_records() && self.mentions == 0 && self.named_in.is_empty()
    }

    /// True if the files hold records of the document, or what they hold is not known.
    pub const fn has_records(&self) -> bool {
        self.living > 0 || self.deleted > 0 || !self.strays.is_empty()
    }

    /// What an edition may hold that was removed only halfway: anything.
    pub(crate) fn of_rubbish(files: Vec<String>) -> Self {
        Self { strays: files, ..Self::default() }
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
        let plain: Vec<String> = std::iter::once(id.to_owned()).chain(words.iter().cloned()).collect();
        found.read_files(collection.folder(), &plain)?;
        found.strays = collection.dead_files()?;
        Ok(found)
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

    fn read_files(&mut self, folder: &Path, needles: &[String]) -> Result<()> {
        let mapped = Folder::open(folder).map_err(TantivyError::from)?;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // Folders are other editions.
            if !entry.file_type()?.is_file() {
                continue;
            }
            let name = entry.file_name();
            let bytes = mapped.open_read(Path::new(&name))?.read_bytes()?;
            self.files += 1;
            self.bytes += bytes.len() as u64;
            if needles.iter().any(|needle| holds(&bytes, needle.as_bytes())) {
                self.named_in.push(name.to_string_lossy().into_owned());
            }
        }
        self.named_in.sort_unstable();
        Ok(())
    }
}

/// True if the bytes contain the needle, which is not empty.
fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// The id and the words as they stand in a record, which is JSON.
fn needles(id: &str, words: &[String]) -> Result<Vec<String>> {
    let mut needles = vec![id.to_owned()];
    for words in words {
        let json = serde_json::to_string(words)?;
        needles.push(json[1..json.len() - 1].to_owned());
    }
    Ok(needles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::WriterOptions;
    use crate::embedded::{EmbeddedIndex, Settings};
    use docent_engine::ports::ChunkIndex;
    use docent_testkit::chunk_index::{document, leaning, profile};
    use std::time::Duration;

    #[tokio::test]
    async fn a_delete_that_died_before_it_rewrote_is_finished_by_the_same_delete() {
        let folder = tempfile::tempdir().unwrap();
        let index = EmbeddedIndex::open(folder.path().to_owned(), Settings::default());
        index.open_or_create("c", &profile()).await.unwrap();
        let names: Vec<String> = (0..10).map(|n| format!("doc{n}")).collect();
        let stored = names.iter().map(|id| document(id, &[&format!("the tea of {id}")], &leaning(1, 0.5)));
        index.upsert("c", stored.collect()).await.unwrap();

        // All that a process leaves which dies behind its commit.
        let collection = Collection::open("c", &folder.path().join("c")).unwrap();
        let options = WriterOptions { memory: 15_000_000, patience: Duration::ZERO };
        let delete = |_: &Snapshot, writer: &tantivy::IndexWriter| {
            writer.delete_term(collection.fields().document_term("doc3"));
            Ok(Some("gen_2_dead".to_owned()))
        };
        collection.change(&options, delete).unwrap();
        let words = ["the tea of doc3".to_owned()];
        let left = index.remains("c", "doc3", &words).await.unwrap().remove(0);
        assert_eq!((left.living, left.deleted, left.mentions, left.records), (0, 3, 3, 30), "{left:?}");
        assert!(!left.is_gone());

        let nothing = index.delete("c", &["doc33".to_owned()]).await.unwrap();
        assert_eq!((nothing.documents.len(), nothing.rewritten.len()), (0, 0));
        let finished = index.delete("c", &["doc3".to_owned()]).await.unwrap();
        assert_eq!((finished.documents.len(), finished.rewritten.len()), (0, 1));
        let left = index.remains("c", "doc3", &words).await.unwrap().remove(0);
        assert!(left.is_gone(), "{left:?}");
        assert_eq!((left.records, left.generation.as_str()), (27, "gen_2_dead"));
    }
}
