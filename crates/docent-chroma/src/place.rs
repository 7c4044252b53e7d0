//! Where a collection lies in Chroma, and what it was made with.

use crate::client::Client;
use crate::wire::{CollectionBody, CreateBody, Metadata};
use docent_engine::ports::{EmbeddingModel, IndexProfile};
use docent_engine::{Error, Result};
use serde_json::{Value, json};

/// Counts up whenever collections of the version before cannot be read any more.
const FORMAT: u64 = 1;
/// Neighbours that a search looks at; more than the server's own 100, as an answer asks for 20 and a filter may hide some.
const SEARCH_WIDTH: usize = 200;
/// What messages call the store.
pub(crate) const STORE: &str = "Chroma";
const DOCUMENTS: &str = ".docent-documents";
const PAGES: &str = ".docent-pages";

/// A collection on the server.
pub(crate) enum Place {
    /// One of ours.
    Ours(Ours),
    /// One that somebody else made.
    Foreign(Foreign),
}

/// The three collections of Chroma that are one of ours, by their ids there.
pub(crate) struct Ours {
    pub(crate) name: String,
    pub(crate) chunks: String,
    pub(crate) documents: String,
    pub(crate) pages: String,
    pub(crate) profile: IndexProfile,
}

/// A collection that is read as it is.
pub(crate) struct Foreign {
    pub(crate) name: String,
    pub(crate) id: String,
    /// Absent while it is empty.
    pub(crate) dimension: Option<usize>,
    pub(crate) space: Space,
}

/// How Chroma measures distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Cosine,
    SquaredEuclidean,
    InnerProduct,
}

impl Space {
    fn of(body: &CollectionBody) -> Self {
        let configured = &body.configuration_json;
        let named = ["hnsw", "spann"].iter().find_map(|index| configured[index]["space"].as_str());
        let older = || body.metadata.as_ref().and_then(|metadata| metadata.get("hnsw:space")).and_then(Value::as_str);
        match named.or_else(older) {
            Some("cosine") => Self::Cosine,
            Some("ip") => Self::InnerProduct,
            _ => Self::SquaredEuclidean,
        }
    }

    /// Cosine similarity from a distance, for vectors of length one.
    pub(crate) fn similarity(self, distance: f32) -> f32 {
        match self {
            Self::Cosine | Self::InnerProduct => 1.0 - distance,
            Self::SquaredEuclidean => 1.0 - distance / 2.0,
        }
    }
}

impl Place {
    /// The collection of this name, if there is one.
    pub(crate) async fn find(client: &Client, name: &str) -> Result<Option<Self>> {
        if !is_name(name) {
            return Ok(None);
        }
        client.collection(name).await?.map(Self::understand).transpose()
    }

    /// The collection of this name.
    pub(crate) async fn demand(client: &Client, name: &str) -> Result<Self> {
        Self::find(client, name).await?.ok_or_else(|| unknown(name))
    }

    /// All collections by name, without the parts of ours that are not collections to anybody else.
    pub(crate) async fn all(client: &Client) -> Result<Vec<Self>> {
        let mut bodies = client.collections().await?;
        bodies.retain(|body| is_name(&body.name));
        bodies.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        bodies.into_iter().map(Self::understand).collect()
    }

    fn understand(body: CollectionBody) -> Result<Self> {
        let metadata = body.metadata.as_ref();
        let Some(format) = metadata.and_then(|metadata| metadata.get("docent_format")) else {
            let space = Space::of(&body);
            return Ok(Self::Foreign(Foreign { name: body.name, id: body.id, dimension: body.dimension, space }));
        };
        let understood =
            metadata.filter(|_| format.as_u64() == Some(FORMAT)).and_then(|metadata| ours(&body, metadata));
        understood.map(Self::Ours).ok_or_else(|| other_format(&body.name, format))
    }
}

impl Ours {
    /// Makes the collection. It exists when the last of its three parts does, whose metadata name the others; what a
    /// collection of this name left behind is removed before.
    pub(crate) async fn create(client: &Client, name: &str, profile: &IndexProfile) -> Result<()> {
        check_name(name)?;
        let documents = part(client, &format!("{name}{DOCUMENTS}")).await?;
        let pages = part(client, &format!("{name}{PAGES}")).await?;
        let configuration = json!({"hnsw": {"space": "cosine", "ef_search": SEARCH_WIDTH}});
        let body = CreateBody { name, metadata: metadata(profile, &documents, &pages), configuration };
        // If somebody else was faster, theirs is used; its profile is compared like any other.
        client.create(&body).await?;
        Ok(())
    }

    /// Removes the collection: for everybody with the first request, the rest after it.
    pub(crate) async fn remove(client: &Client, name: &str) -> Result<bool> {
        let was_there = client.delete_collection(name).await?;
        for part in [DOCUMENTS, PAGES] {
            client.delete_collection(&format!("{name}{part}")).await?;
        }
        Ok(was_there)
    }
}

/// An empty part; its id.
async fn part(client: &Client, name: &str) -> Result<String> {
    client.delete_collection(name).await?;
    let metadata = Metadata::from_iter([("docent_part".to_owned(), Value::Bool(true))]);
    let made = client.create(&CreateBody { name, metadata, configuration: json!({}) }).await?;
    made.map(|made| made.id).ok_or_else(|| {
        Error::conflict(format!("somebody else is making {name:?} at the same time")).hint("repeat when that is done")
    })
}

fn metadata(profile: &IndexProfile, documents: &str, pages: &str) -> Metadata {
    Metadata::from_iter(
        [
            ("docent_format", Value::from(FORMAT)),
            ("docent_documents", documents.into()),
            ("docent_pages", pages.into()),
            ("embedding_model", profile.embedding.name.as_str().into()),
            ("embedding_dimension", profile.embedding.dimension.into()),
            ("chunk_tokens", profile.chunk_tokens.into()),
            ("chunk_overlap", profile.chunk_overlap.into()),
            ("chunking", profile.chunking.as_str().into()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    )
}

fn ours(body: &CollectionBody, metadata: &Metadata) -> Option<Ours> {
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| metadata.get(key).and_then(Value::as_u64);
    let small = |key: &str| number(key).and_then(|number| u32::try_from(number).ok());
    Some(Ours {
        name: body.name.clone(),
        chunks: body.id.clone(),
        documents: text("docent_documents")?,
        pages: text("docent_pages")?,
        profile: IndexProfile {
            embedding: EmbeddingModel {
                name: text("embedding_model")?,
                dimension: usize::try_from(number("embedding_dimension")?).ok()?,
            },
            chunk_tokens: small("chunk_tokens")?,
            chunk_overlap: small("chunk_overlap")?,
            chunking: text("chunking")?,
        },
    })
}

/// What Chroma takes for a name, without those that our parts have.
fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric();
    (3..=512).contains(&name.len())
        && name.bytes().all(|b| letter(b) || matches!(b, b'.' | b'_' | b'-'))
        && name.bytes().next().is_some_and(letter)
        && name.bytes().last().is_some_and(letter)
        && ![DOCUMENTS, PAGES].iter().any(|part| name.ends_with(part))
}

/// Our own names are those that any of our stores takes, as far as Chroma takes them.
fn check_name(name: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    if is_name(name) && name.len() <= 64 && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(format!("{name:?} cannot be the name of a collection in Chroma"))
        .hint("use 3 to 64 of a-z, 0-9, - and _, beginning and ending with a letter or a digit"))
}

/// The error for a collection that does not exist.
fn unknown(name: &str) -> Error {
    Error::not_found(format!("there is no collection {name:?} on the Chroma server"))
        .hint(format!("ingest into it first: docent ingest PATH --collection {name}"))
}

fn other_format(name: &str, format: &Value) -> Error {
    Error::invalid(format!("collection {name:?} has format {format}, which this version does not read"))
        .hint("delete the collection and ingest again with this version, or use the version that made it")
}

/// The error for a change to a collection that is only read.
pub(crate) fn read_only(name: &str) -> Error {
    Error::invalid(format!("collection {name:?} was not made by docent, which reads it and never changes it"))
        .hint("ingest into a collection of another name, or change this one with the program that made it")
}
