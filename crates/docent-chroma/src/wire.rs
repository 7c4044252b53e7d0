//! Bodies of Chroma's API v2, as far as they are used.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Metadata of a record or a collection: texts, numbers, truths.
pub(crate) type Metadata = Map<String, Value>;

/// A collection as the server describes it; other fields are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct CollectionBody {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) metadata: Option<Metadata>,
    /// Known once the first vector has come.
    #[serde(default)]
    pub(crate) dimension: Option<usize>,
    #[serde(default)]
    pub(crate) configuration_json: Value,
}

#[derive(Debug, Serialize)]
pub(crate) struct CreateBody<'a> {
    pub(crate) name: &'a str,
    pub(crate) metadata: Metadata,
    pub(crate) configuration: Value,
}

/// One part of a record that an answer may hold.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Include {
    Distances,
    Documents,
    Embeddings,
    Metadatas,
}

/// Records to write; the lists belong together.
#[derive(Debug, Default, Serialize)]
pub(crate) struct UpsertBody {
    pub(crate) ids: Vec<String>,
    pub(crate) embeddings: Vec<Vec<f32>>,
    pub(crate) documents: Vec<String>,
    pub(crate) metadatas: Vec<Metadata>,
}

impl UpsertBody {
    pub(crate) fn push(&mut self, record: NewRecord) {
        self.ids.push(record.id);
        self.embeddings.push(record.vector);
        self.documents.push(record.text);
        self.metadatas.push(record.metadata);
    }
}

/// A record to write.
#[derive(Debug)]
pub(crate) struct NewRecord {
    pub(crate) id: String,
    pub(crate) vector: Vec<f32>,
    pub(crate) text: String,
    pub(crate) metadata: Metadata,
}

/// Metadata to change; the lists belong together.
#[derive(Debug, Serialize)]
pub(crate) struct UpdateBody<'a> {
    pub(crate) ids: Vec<String>,
    pub(crate) metadatas: Vec<&'a Metadata>,
}

/// Which records: by id, by condition, or both.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Selection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ids: Option<Vec<String>>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<Value>,
}

impl Selection {
    pub(crate) fn everything() -> Self {
        Self::default()
    }

    pub(crate) fn ids(ids: Vec<String>) -> Self {
        Self { ids: Some(ids), condition: None }
    }

    pub(crate) fn those(condition: Value) -> Self {
        Self { ids: None, condition: Some(condition) }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct GetBody<'a> {
    #[serde(flatten)]
    pub(crate) selection: &'a Selection,
    pub(crate) include: &'a [Include],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(crate) struct QueryBody<'a> {
    pub(crate) query_embeddings: [&'a [f32]; 1],
    pub(crate) n_results: usize,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<&'a Value>,
    pub(crate) include: &'a [Include],
}

/// Lists that belong together; those that were not asked for are absent.
#[derive(Debug, Deserialize)]
pub(crate) struct GetAnswer {
    ids: Vec<String>,
    documents: Option<Vec<Option<String>>>,
    embeddings: Option<Vec<Option<Vec<f32>>>>,
    metadatas: Option<Vec<Option<Metadata>>>,
}

/// The same, once per question; we ask one.
#[derive(Debug, Deserialize)]
pub(crate) struct QueryAnswer {
    ids: Vec<Vec<String>>,
    documents: Option<Vec<Vec<Option<String>>>>,
    metadatas: Option<Vec<Vec<Option<Metadata>>>>,
    distances: Option<Vec<Vec<Option<f32>>>>,
}

/// A stored record, with what was asked for of it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) text: Option<String>,
    pub(crate) vector: Option<Vec<f32>>,
    pub(crate) metadata: Metadata,
    pub(crate) distance: Option<f32>,
}

impl GetAnswer {
    pub(crate) fn records(self) -> Vec<Record> {
        let mut texts = self.documents.unwrap_or_default().into_iter();
        let mut vectors = self.embeddings.unwrap_or_default().into_iter();
        let mut metadatas = self.metadatas.unwrap_or_default().into_iter();
        let record = |id| Record {
            id,
            text: texts.next().flatten(),
            vector: vectors.next().flatten(),
            metadata: metadatas.next().flatten().unwrap_or_default(),
            distance: None,
        };
        self.ids.into_iter().map(record).collect()
    }
}

impl QueryAnswer {
    pub(crate) fn records(self) -> Vec<Record> {
        let mut texts = first(self.documents).into_iter();
        let mut metadatas = first(self.metadatas).into_iter();
        let mut distances = first(self.distances).into_iter();
        let record = |id| Record {
            id,
            text: texts.next().flatten(),
            vector: None,
            metadata: metadatas.next().flatten().unwrap_or_default(),
            distance: distances.next().flatten(),
        };
        self.ids.into_iter().next().unwrap_or_default().into_iter().map(record).collect()
    }
}

fn first<T>(lists: Option<Vec<Vec<T>>>) -> Vec<T> {
    lists.and_then(|lists| lists.into_iter().next()).unwrap_or_default()
}

impl Record {
    /// A text among the metadata.
    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).and_then(Value::as_str)
    }

    /// A whole number among the metadata.
    pub(crate) fn number(&self, key: &str) -> Option<u32> {
        u32::try_from(self.metadata.get(key)?.as_i64()?).ok()
    }
}
