//! Vectors from an embedding model.

use super::client::Client;
use super::failure::{Attempt, malformed};
use super::generator::Checked;
use super::retry::Deadline;
use super::settings::OpenAiSettings;
use super::wire::{Embedding, EmbeddingRequest, Embeddings};
use async_trait::async_trait;
use docent_core::prompt::estimated_tokens;
use docent_engine::ports::{Embedded, Embedder, EmbeddingModel};
use docent_engine::{Error, Result};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::ops::Range;
use std::time::Duration;
use tokio::time::Instant;

/// Texts in one request, at most.
const BATCH_TEXTS: usize = 256;
/// Estimated tokens in one request, at most; OpenAI's own limit is 300,000.
const BATCH_TOKENS: usize = 250_000;
/// Requests under way at once, at most.
const IN_FLIGHT: usize = 4;
/// Bytes of an answer beyond which the endpoint is not believed to be one.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// An embedding model behind an OpenAI-compatible endpoint.
pub struct OpenAiEmbedder {
    client: Client,
    model: EmbeddingModel,
    /// Sent as `dimensions`, to models that can shorten their vectors.
    shortened: Option<usize>,
}

impl OpenAiEmbedder {
    /// An embedder for a model whose dimension is known or configured; nothing is sent. Fails with `Invalid` if neither is.
    pub fn new(settings: OpenAiSettings) -> Result<Self> {
        let known = known_model(&settings.embedding_model);
        let Some(dimension) =
            settings.embedding_dimension.filter(|length| *length > 0).or(known.map(|known| known.dimension))
        else {
            return Err(Error::invalid(format!("the dimension of {} is not known", settings.embedding_model))
                .hint("set the embedding dimension, or let the endpoint be asked for it"));
        };
        Self::with_dimension(settings, dimension)
    }

    /// An embedder for any model: one whose dimension is neither known nor configured is asked for one vector.
    pub async fn connect(settings: OpenAiSettings) -> Result<Self> {
        if settings.embedding_dimension.is_some() || known_model(&settings.embedding_model).is_some() {
            return Self::new(settings);
        }
        let mut embedder = Self::with_dimension(settings, 0)?;
        embedder.model.dimension = embedder.probe(embedder.limit()).await?;
        Ok(embedder)
    }

    fn with_dimension(settings: OpenAiSettings, dimension: usize) -> Result<Self> {
        if settings.embedding_model.trim().is_empty() {
            return Err(
                Error::invalid("no embedding model is named").hint("name one, for example text-embedding-3-small")
            );
        }
        let known = known_model(&settings.embedding_model);
        let shortened = known.filter(|known| known.shortens && known.dimension != dimension).map(|_| dimension);
        if known
            .is_some_and(|known| dimension > known.dimension || (shortened.is_none() && dimension != known.dimension))
        {
            return Err(Error::invalid(format!("{} has no vectors of length {dimension}", settings.embedding_model))
                .hint("leave the embedding dimension out, or set one that the model has"));
        }
        let model = EmbeddingModel { name: format!("openai/{}", settings.embedding_model), dimension };
        Ok(Self { client: Client::new(settings)?, model, shortened })
    }

    /// Embeds one word, without retries: does the endpoint answer, and are its vectors as long as expected?
    pub async fn check(&self, time_limit: Duration) -> Result<Checked> {
        let begun = Instant::now();
        let embedded = self.request(&["OK"], Deadline::after(time_limit)).await.map_err(|failure| failure.error)?;
        self.expect_dimension(embedded.vectors[0].len())?;
        Ok(Checked { model: self.client.settings.embedding_model.clone(), latency: begun.elapsed() })
    }

    fn limit(&self) -> Deadline {
        Deadline::after(self.client.settings.embedding_time_limit)
    }

    async fn probe(&self, deadline: Deadline) -> Result<usize> {
        Ok(self.patiently(&["OK"], deadline).await?.vectors[0].len())
    }

    async fn batch(&self, texts: &[String]) -> Result<Embedded> {
        // The protocol refuses empty texts, and one of them would cost its whole batch.
        let inputs: Vec<&str> = texts.iter().map(|text| if text.is_empty() { " " } else { text }).collect();
        let embedded = self.patiently(&inputs, self.limit()).await?;
        embedded.vectors.iter().try_for_each(|vector| self.expect_dimension(vector.len()))?;
        Ok(embedded)
    }

    async fn patiently(&self, inputs: &[&str], deadline: Deadline) -> Result<Embedded> {
        let mut attempt = 1;
        loop {
            match self.request(inputs, deadline).await {
                Ok(embedded) => return Ok(embedded),
                Err(failure) => self.client.pause(failure, attempt, deadline).await?,
            }
            attempt += 1;
        }
    }

    /// One request; as many vectors of length 1 as inputs, in their order.
    async fn request(&self, inputs: &[&str], deadline: Deadline) -> Attempt<Embedded> {
        let model = &self.client.settings.embedding_model;
        let body =
            EmbeddingRequest { model, input: inputs.to_vec(), encoding_format: "float", dimensions: self.shortened };
        let answer = self.client.post("/embeddings", model, &body, self.client.attempt(deadline)).await?;
        let bytes = answer.whole(ANSWER_BYTES).await?;
        let read: Embeddings = serde_json::from_slice(&bytes)
            .map_err(|cause| malformed("something that is not embeddings").because(cause))?;
        let tokens = read.usage.map_or(0, super::wire::TokenUsage::of_embedding);
        let mut vectors = in_order(read.data, inputs.len())?;
        vectors.iter_mut().try_for_each(|vector| normalise(vector))?;
        Ok(Embedded { vectors, tokens })
    }

    fn expect_dimension(&self, found: usize) -> Result<()> {
        let EmbeddingModel { name, dimension } = &self.model;
        if found == *dimension {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the model endpoint sent vectors of length {found} for {name}, expected {dimension}"
        ))
        .hint("set the embedding dimension to what the model has, and ingest again what was embedded otherwise"))
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        Ok(self.embed_counted(texts).await?.vectors)
    }

    async fn embed_counted(&self, texts: &[String]) -> Result<Embedded> {
        let work: Vec<_> = batches(texts).into_iter().map(|range| self.batch(&texts[range])).collect();
        let parts: Vec<Embedded> = stream::iter(work).buffered(IN_FLIGHT).try_collect().await?;
        let tokens = parts.iter().map(|part| part.tokens).sum();
        Ok(Embedded { vectors: parts.into_iter().flat_map(|part| part.vectors).collect(), tokens })
    }
}

#[derive(Clone, Copy)]
struct KnownModel {
    dimension: usize,
    shortens: bool,
}

/// OpenAI's models by the last part of their name, as gateways put the vendor before it.
fn known_model(name: &str) -> Option<KnownModel> {
    let known = |dimension, shortens| Some(KnownModel { dimension, shortens });
    match name.rsplit('/').next()? {
        "text-embedding-3-small" => known(1536, true),
        "text-embedding-3-large" => known(3072, true),
        "text-embedding-ada-002" => known(1536, false),
        _ => None,
    }
}

fn batches(texts: &[String]) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut tokens = 0;
    for (at, text) in texts.iter().enumerate() {
        let cost = estimated_tokens(text);
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_TEXTS && tokens + cost <= BATCH_TOKENS => {
                batch.end = at + 1;
                tokens += cost;
            }
            _ => {
                batches.push(at..at + 1);
                tokens = cost;
            }
        }
    }
    batches
}

/// Sorts by `index`; an answer with too few, too many or doubled vectors is refused.
fn in_order(data: Vec<Embedding>, expected: usize) -> Result<Vec<Vec<f32>>> {
    let mut places: Vec<Option<Vec<f32>>> = vec![None; expected];
    let received = data.len();
    for (at, item) in data.into_iter().enumerate() {
        if let Some(place) = places.get_mut(item.index.unwrap_or(at)) {
            *place = Some(item.embedding);
        }
    }
    let complete: Option<Vec<Vec<f32>>> = places.into_iter().collect();
    complete
        .filter(|_| received == expected)
        .ok_or_else(|| malformed(&format!("{received} vectors, not one for each of {expected} texts")))
}

/// Scales to length 1.
fn normalise(vector: &mut [f32]) -> Result<()> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length < 1e-12 {
        return Err(malformed("a vector without a direction"));
    }
    vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_both_limits() {
        // (texts, bytes of each, sizes of the batches)
        for (texts, bytes, sizes) in [
            (0, 10, vec![]),
            (1, 10, vec![1]),
            (256, 10, vec![256]),
            (600, 10, vec![256, 256, 88]),
            (5, 400_000, vec![2, 2, 1]),
            (2, 4_000_000, vec![1, 1]),
        ] {
            let texts = vec!["x".repeat(bytes); texts];
            let found: Vec<usize> = batches(&texts).into_iter().map(|range| range.len()).collect();
            assert_eq!(found, sizes, "{} texts of {bytes} bytes", texts.len());
        }
    }

    #[test]
    fn vectors_come_in_the_order_of_the_texts() {
        let item = |index: Option<usize>, value| Embedding { index, embedding: vec![value] };
        let sorted = in_order(vec![item(Some(1), 1.0), item(Some(0), 0.0)], 2).unwrap();
        assert_eq!(sorted, [[0.0], [1.0]]);
        assert_eq!(in_order(vec![item(None, 5.0), item(None, 6.0)], 2).unwrap(), [[5.0], [6.0]]);
        for wrong in [
            vec![item(Some(0), 0.0)],
            vec![item(Some(0), 0.0), item(Some(0), 1.0)],
            vec![item(Some(0), 0.0), item(Some(2), 1.0)],
            vec![item(Some(0), 0.0), item(Some(1), 1.0), item(Some(1), 2.0)],
        ] {
            assert!(in_order(wrong, 2).is_err());
        }
    }

    #[test]
    fn vectors_get_unit_length() {
        let mut vector = vec![3.0, 0.0, -4.0];
        normalise(&mut vector).unwrap();
        assert_eq!(vector, [0.6, 0.0, -0.8]);
        assert!(normalise(&mut [0.0, 0.0]).is_err());
        assert!(normalise(&mut [f32::INFINITY]).is_err());
    }

    #[test]
    fn dimensions_are_known_configured_or_refused() {
        // (model, configured, what the model says or nothing, what is sent)
        for (model, configured, dimension, sent) in [
            ("text-embedding-3-small", None, Some(1536), None),
            ("text-embedding-3-small", Some(1536), Some(1536), None),
            ("text-embedding-3-small", Some(512), Some(512), Some(512)),
            ("openai/text-embedding-3-large", None, Some(3072), None),
            ("text-embedding-3-small", Some(4000), None, None),
            ("text-embedding-ada-002", Some(512), None, None),
            ("nomic-embed-text", Some(768), Some(768), None),
            ("nomic-embed-text", None, None, None),
            (" ", Some(8), None, None),
        ] {
            let embedding_model = model.to_owned();
            let settings =
                OpenAiSettings { embedding_model, embedding_dimension: configured, ..OpenAiSettings::default() };
            let made = OpenAiEmbedder::new(settings).ok();
            assert_eq!(made.as_ref().map(|made| made.model.dimension), dimension, "{model} {configured:?}");
            assert_eq!(made.and_then(|made| made.shortened), sent, "{model} {configured:?}");
        }
    }
}
