//! What is read of a collection in a vector bucket: only what its documents' records vouch for.

use crate::vector_bucket::{Bucket, Found, NEAREST_MAX};
use crate::vector_records::{
    Entry, FORMAT, HEADER, Header, carried, entry_key, filtered, parse, revision_of, text_key,
};
use docent_core::filter::Condition;
use docent_core::{Chunk, Document, Hit, Page, SearchMode};
use docent_engine::embedding::{TextKey, key_of};
use docent_engine::ports::{Collection, SearchRequest, SearchResponse};
use docent_engine::vectors::{FIRST_GENERATION, Fields, Look, clause, condition, counted, dense_only, same_dimension};
use docent_engine::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What messages call the store.
const STORE: &str = "S3 Vectors";
/// Names of the indexes beside a collection's own.
const DOCUMENTS: &str = ".documents";
const PAGES: &str = ".pages";
/// Longest name of a collection: that of an index, with room for the longer of the two.
const NAME_MAX: usize = 63 - DOCUMENTS.len();

/// The index that holds a collection's documents.
pub(crate) fn documents_of(name: &str) -> String {
    format!("{name}{DOCUMENTS}")
}

/// The index that holds a collection's pages.
pub(crate) fn pages_of(name: &str) -> String {
    format!("{name}{PAGES}")
}

/// The collection whose documents an index holds.
pub(crate) fn collection_of(index: &str) -> Option<&str> {
    index.strip_suffix(DOCUMENTS).filter(|name| is_name(name))
}

/// What can be the name of a collection here.
pub(crate) fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (3..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|b| letter(b) || b == b'-')
        && name.bytes().next().is_some_and(letter)
        && name.bytes().last().is_some_and(letter)
}

/// A collection that is there.
pub(crate) struct Held<'a> {
    pub(crate) bucket: &'a Bucket,
    pub(crate) name: String,
    pub(crate) header: Header,
}

/// A document's record as it was read.
pub(crate) struct Stored {
    pub(crate) entry: Entry,
    found: Found,
}

impl Stored {
    fn all(found: Vec<Found>) -> Result<Vec<Self>> {
        let stored = |found: Found| Ok(Entry::read(&found)?.map(|entry| Self { entry, found }));
        found.into_iter().filter_map(|found| stored(found).transpose()).collect()
    }
}

impl<'a> Held<'a> {
    /// The collection of this name, if there is one.
    pub(crate) async fn find(bucket: &'a Bucket, name: &str) -> Result<Option<Self>> {
        if !is_name(name) {
            return Ok(None);
        }
        let found = match bucket.get(&documents_of(name), &[HEADER.to_owned()], true).await {
            // The bucket may be missing as well: then that is what has to be said.
            Err(error) if error.kind() == ErrorKind::NotFound => return bucket.indexes().await.map(|_| None),
            found => found?,
        };
        let Some(found) = found.first() else { return Ok(None) };
        let header = Header::read(found)?;
        if header.format != FORMAT {
            return Err(other_format(name, header.format));
        }
        Ok(Some(Self { bucket, name: name.to_owned(), header }))
    }

    /// The collection of this name.
    pub(crate) async fn demand(bucket: &'a Bucket, name: &str) -> Result<Self> {
        Self::find(bucket, name).await?.ok_or_else(|| unknown(name))
    }

    /// The collection at a glance.
    pub(crate) fn describe(&self) -> Collection {
        let Header { profile, generation, documents, chunks, .. } = self.header.clone();
        Collection { name: self.name.clone(), generation, profile, documents, chunks, bytes: None }
    }

    /// The records of these documents that are there.
    pub(crate) async fn stored(&self, ids: impl Iterator<Item = &str>) -> Result<Vec<Stored>> {
        let keys: BTreeSet<String> = ids.map(|id| entry_key(&filtered(id))).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        Stored::all(self.bucket.get(&documents_of(&self.name), &keys, true).await?)
    }

    pub(crate) async fn document(&self, id: &str) -> Result<Option<Document>> {
        match self.stored(std::iter::once(id)).await?.first() {
            Some(stored) => self.read(stored).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read(&self, stored: &Stored) -> Result<Document> {
        whole(self.bucket, &self.name, &stored.found, &stored.entry.revision.name).await
    }

    /// The bucket keeps no order by key, so all records are read and a part of them chosen.
    pub(crate) async fn documents(&self, after: Option<&str>, limit: usize) -> Result<Vec<Document>> {
        let mut all = Stored::all(self.bucket.list(&documents_of(&self.name)).await?)?;
        all.retain(|stored| after.is_none_or(|after| stored.entry.id.as_str() > after));
        all.sort_unstable_by(|a, b| a.entry.id.cmp(&b.entry.id));
        let mut documents = Vec::new();
        for stored in all.iter().take(limit) {
            documents.push(self.read(stored).await?);
        }
        Ok(documents)
    }

    pub(crate) async fn pages(&self, id: &str, places: &[u32]) -> Result<Vec<(u32, Page)>> {
        let Some(stored) = self.stored(std::iter::once(id)).await?.pop() else { return Ok(Vec::new()) };
        let revision = &stored.entry.revision.name;
        // Texts behind the pages are pieces of others.
        let pages = self.read(&stored).await?.pages;
        let wanted: BTreeSet<u32> = places.iter().copied().filter(|place| *place < pages).collect();
        let keys: Vec<String> = wanted.iter().map(|place| text_key(revision, *place)).collect();
        let found = self.bucket.get(&pages_of(&self.name), &keys, true).await?;
        let found: BTreeMap<&str, &Found> = found.iter().map(|found| (found.key.as_str(), found)).collect();
        let mut all = Vec::new();
        for place in places {
            if let Some(found) = found.get(text_key(revision, *place).as_str()) {
                all.push((*place, whole(self.bucket, &self.name, found, revision).await?));
            }
        }
        Ok(all)
    }

    /// Vectors that these documents have for these texts; the bucket cannot be asked for a text itself.
    pub(crate) async fn vectors(&self, texts: &[TextKey], ids: &[String]) -> Result<HashMap<TextKey, Vec<f32>>> {
        let (texts, mut found) = (texts.iter().collect::<BTreeSet<_>>(), HashMap::new());
        for stored in self.stored(ids.iter().map(String::as_str)).await? {
            let revision = &stored.entry.revision;
            let keys: Vec<String> = revision.chunk_keys().collect();
            for (chunk, numbers) in self.bucket.get_whole(&self.name, &keys).await? {
                let text = key_of(&whole::<Chunk>(self.bucket, &self.name, &chunk, &revision.name).await?);
                if texts.contains(&text) {
                    found.insert(text, numbers);
                }
            }
        }
        Ok(found)
    }
}

/// Answers a search. The collection is looked up while its vectors are searched; what it says comes first.
pub(crate) async fn search(bucket: &Bucket, name: &str, request: &SearchRequest) -> Result<SearchResponse> {
    if !is_name(name) {
        return Err(unknown(name));
    }
    dense_only(name, STORE, request.mode)?;
    let condition = &condition(request.filter.as_ref())?;
    let searched =
        counted(request.limit, NEAREST_MAX, move |wanted| Box::pin(look(bucket, name, request, condition, wanted)));
    let (held, found) = tokio::join!(Held::demand(bucket, name), searched);
    let held = held?;
    same_dimension(name, held.header.profile.embedding.dimension, request.vector.len())?;
    found.map(|found| SearchResponse { mode: SearchMode::Dense, ..found })
}

async fn look(
    bucket: &Bucket,
    name: &str,
    request: &SearchRequest,
    condition: &Condition,
    wanted: usize,
) -> Result<Look> {
    let found = if wanted == 0 || *condition == Condition::Nothing {
        Vec::new()
    } else {
        let clause = clause(condition, Fields { text: filtered, ..Fields::PLAIN });
        bucket.query(name, &request.vector, clause.as_ref(), wanted).await?
    };
    let ids: BTreeSet<&str> = found.iter().filter_map(|chunk| chunk.word("document_id")).collect();
    let keys: Vec<String> = std::iter::once(HEADER.to_owned()).chain(ids.into_iter().map(entry_key)).collect();
    let records = bucket.get(&documents_of(name), &keys, true).await?;
    let header = records.iter().find(|record| record.key == HEADER).map(Header::read).transpose()?;
    let generation = header.map_or_else(|| FIRST_GENERATION.to_owned(), |header| header.generation);
    let (returned, mut hits) = (found.len(), Vec::new());
    for chunk in counting(found, records)? {
        hits.push(hit(bucket, name, &chunk).await?);
    }
    Ok(Look { returned, hits, generation })
}

/// The chunks whose revision is the one that their document's record names.
fn counting(chunks: Vec<Found>, records: Vec<Found>) -> Result<Vec<Found>> {
    let stored = Stored::all(records)?;
    let revisions: BTreeSet<&str> = stored.iter().map(|stored| stored.entry.revision.name.as_str()).collect();
    Ok(chunks.into_iter().filter(|chunk| revisions.contains(revision_of(chunk))).collect())
}

async fn hit(bucket: &Bucket, name: &str, found: &Found) -> Result<Hit> {
    let similarity = 1.0 - found.distance.unwrap_or(f32::MAX);
    let chunk = whole(bucket, name, found, revision_of(found)).await?;
    Ok(Hit { chunk, score: similarity, bm25: None, dense: Some(similarity) })
}

/// What a record's text says, with the pieces of it that stand elsewhere.
async fn whole<T: DeserializeOwned>(bucket: &Bucket, name: &str, found: &Found, revision: &str) -> Result<T> {
    let (mut text, rest) = carried(found, revision);
    if !rest.is_empty() {
        let pieces = bucket.get(&pages_of(name), &rest, true).await?;
        let pieces: BTreeMap<&str, &Found> = pieces.iter().map(|piece| (piece.key.as_str(), piece)).collect();
        rest.iter().filter_map(|key| pieces.get(key.as_str())?.word("body")).for_each(|piece| text.push_str(piece));
    }
    parse(&found.key, &text)
}

fn unknown(name: &str) -> Error {
    Error::not_found(format!("there is no collection {name:?} in the vector bucket"))
        .hint(format!("ingest into it first: docent ingest PATH --collection {name}"))
}

fn other_format(name: &str, format: u32) -> Error {
    Error::invalid(format!("collection {name:?} has format {format}, which this version does not read"))
        .hint("use the version that made it, or remove its three indexes from the vector bucket and ingest again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_indexes_with_room_for_their_companions() {
        for (name, is) in [
            ("default", true),
            ("a-1", true),
            ("ab", false),
            ("with_underscore", false),
            ("Abc", false),
            ("-abc", false),
            ("abc.pages", false),
            (&"a".repeat(53), true),
            (&"a".repeat(54), false),
        ] {
            assert_eq!(is_name(name), is, "{name}");
        }
        assert_eq!(collection_of("people.documents"), Some("people"));
        assert_eq!(collection_of("people.pages"), None);
        assert_eq!(collection_of("people"), None);
    }
}
