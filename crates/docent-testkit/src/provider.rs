//! A language model that follows a script, and an embedder that needs no model.
//!
//! Engine tests use them to bring about on demand what a real endpoint does at the wrong moment: an error before, amid or
//! after the statements, a stream that ends early, silence.

use async_trait::async_trait;
use docent_core::Usage;
use docent_core::query::{Quote, Statement};
use docent_engine::ports::{
    Embedded, Embedder, EmbeddingModel, GenerateEvent, GenerateRequest, Generator, RewriteRequest, Rewritten,
};
use docent_engine::{Error, Result};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// One step of a script.
#[derive(Debug)]
pub enum Step {
    /// Sends an event.
    Send(GenerateEvent),
    /// Waits, by tokio's clock (which a test may pause).
    Wait(Duration),
    /// Ends the stream with an error.
    Fail(Error),
    /// Waits until the test says so.
    Until(Arc<Notify>),
    /// Never says anything again.
    Hang,
}

impl Step {
    /// A statement backed by quotes, each with the number of its passage.
    pub fn statement(text: &str, quotes: &[(usize, &str)]) -> Self {
        let quotes = quotes.iter().map(|(passage, text)| Quote { passage: *passage, text: (*text).to_owned() });
        Self::Send(GenerateEvent::Statement(Statement { text: text.to_owned(), quotes: quotes.collect() }))
    }

    /// The end, with some tokens spent.
    pub fn done() -> Self {
        let usage = Usage { input_tokens: 100, output_tokens: 20, total_tokens: 120, embedding_tokens: 0 };
        Self::Send(GenerateEvent::Done { usage, missing: None })
    }

    /// The end of an answer that could not be given in full.
    pub fn done_missing(missing: &str) -> Self {
        Self::Send(GenerateEvent::Done { usage: Usage::default(), missing: Some(missing.to_owned()) })
    }
}

/// What it does with a question that follows others.
#[derive(Clone, Debug)]
pub enum Rewriting {
    /// Returns this question, with these tokens for reading and these for writing.
    As(&'static str, u64, u64),
    /// Fails as unavailable, saying this.
    Fails(&'static str),
    /// Never says anything.
    Hangs,
}

type Script = Box<dyn FnMut(usize, &GenerateRequest) -> Vec<Step> + Send>;

/// A [`Generator`] that does what its script says, and remembers what it was asked. A script that stops without `Done`
/// is a stream that breaks off.
pub struct ScriptedGenerator {
    script: Mutex<Script>,
    rewriting: Option<Rewriting>,
    requests: Mutex<Vec<GenerateRequest>>,
}

impl ScriptedGenerator {
    /// Writes the script of each call when it comes, from the call's number (from 0) and its request.
    pub fn new(script: impl FnMut(usize, &GenerateRequest) -> Vec<Step> + Send + 'static) -> Self {
        Self { script: Mutex::new(Box::new(script)), rewriting: None, requests: Mutex::default() }
    }

    /// The same, as a model that can be asked to rewrite a question.
    #[must_use]
    pub fn rewriting(mut self, rewriting: Rewriting) -> Self {
        self.rewriting = Some(rewriting);
        self
    }

    /// One script per call, in this order; a call too many fails as `Internal`.
    pub fn calls(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let mut scripts: VecDeque<_> = scripts.into_iter().collect();
        Self::new(move |call, _| {
            let unexpected = || vec![Step::Fail(Error::internal(format!("no script for call {call}")))];
            scripts.pop_front().unwrap_or_else(unexpected)
        })
    }

    /// Answers every call with the whole text of the best passage, quoted.
    pub fn quoting_the_best_passage() -> Self {
        Self::new(|_, request| {
            let best = request.passages.first();
            let statement = best.map(|p| Step::statement(&p.hit.chunk.text, &[(p.number, &p.hit.chunk.text)]));
            statement.into_iter().chain([Step::done()]).collect()
        })
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<GenerateRequest> {
        lock(&self.requests).clone()
    }
}

impl Generator for ScriptedGenerator {
    fn name(&self) -> &str {
        "scripted"
    }

    fn generate(&self, request: GenerateRequest) -> BoxStream<'static, Result<GenerateEvent>> {
        let call = {
            let mut requests = lock(&self.requests);
            requests.push(request.clone());
            requests.len() - 1
        };
        let steps: VecDeque<_> = lock(&self.script)(call, &request).into();
        stream::unfold(steps, |mut steps| async move { play(&mut steps).await.map(|event| (event, steps)) }).boxed()
    }

    fn rewrite(&self, _request: RewriteRequest) -> BoxFuture<'static, Result<Option<Rewritten>>> {
        match self.rewriting.clone() {
            Some(rewriting) => Box::pin(rewriting.done()),
            None => Box::pin(async { Ok(None) }),
        }
    }
}

impl Rewriting {
    async fn done(self) -> Result<Option<Rewritten>> {
        match self {
            Self::As(question, input_tokens, output_tokens) => {
                let total_tokens = input_tokens + output_tokens;
                let usage = Usage { input_tokens, output_tokens, total_tokens, embedding_tokens: 0 };
                Ok(Some(Rewritten { question: question.to_owned(), usage }))
            }
            Self::Fails(message) => Err(Error::unavailable(message)),
            Self::Hangs => std::future::pending().await,
        }
    }
}

/// Goes on to the next step that says something.
async fn play(steps: &mut VecDeque<Step>) -> Option<Result<GenerateEvent>> {
    loop {
        match steps.pop_front()? {
            Step::Send(event) => return Some(Ok(event)),
            Step::Wait(duration) => tokio::time::sleep(duration).await,
            Step::Until(said) => said.notified().await,
            Step::Hang => std::future::pending().await,
            Step::Fail(error) => {
                steps.clear();
                return Some(Err(error));
            }
        }
    }
}

/// Length of the vectors of [`HashedEmbedder`].
pub const DIMENSION: usize = 384;

/// An [`Embedder`] that hashes words into a vector, so that texts which share words are near each other. Deterministic
/// on every machine; it knows nothing of meaning. Remembers the texts it was given, and fails on demand.
pub struct HashedEmbedder {
    model: EmbeddingModel,
    texts: Mutex<Vec<String>>,
    failures: Mutex<VecDeque<Error>>,
}

impl Default for HashedEmbedder {
    fn default() -> Self {
        Self::named("test/hashed-words")
    }
}

impl HashedEmbedder {
    /// The same vectors under another model's name, to see a mismatch refused.
    pub fn named(name: &str) -> Self {
        Self::of_dimension(name, DIMENSION)
    }

    /// Vectors of another length, at least 2.
    pub fn of_dimension(name: &str, dimension: usize) -> Self {
        let model = EmbeddingModel { name: name.to_owned(), dimension };
        Self { model, texts: Mutex::default(), failures: Mutex::default() }
    }

    /// Makes the next call that is not yet spoken for fail.
    pub fn fail_next(&self, error: Error) {
        lock(&self.failures).push_back(error);
    }

    /// Every text embedded so far.
    pub fn texts(&self) -> Vec<String> {
        lock(&self.texts).clone()
    }
}

#[async_trait]
impl Embedder for HashedEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        if let Some(error) = lock(&self.failures).pop_front() {
            return Err(error);
        }
        lock(&self.texts).extend_from_slice(texts);
        Ok(texts.iter().map(|text| hashed(text, self.model.dimension)).collect())
    }

    /// A token a word.
    async fn embed_counted(&self, texts: &[String]) -> Result<Embedded> {
        let tokens = texts.iter().map(|text| text.split_whitespace().count() as u64).sum();
        Ok(Embedded { vectors: self.embed(texts).await?, tokens })
    }
}

/// The unit vector of a text: every word, in lower case, adds one to or takes one from a place that its hash chooses.
/// One place is always set, so that a text without words has a vector too.
pub fn hashed_words(text: &str) -> Vec<f32> {
    hashed(text, DIMENSION)
}

fn hashed(text: &str, dimension: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimension];
    vector[0] = 0.01;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let hash = fnv1a(word.to_lowercase().as_bytes());
        let place = 1 + (hash >> 1) as usize % (dimension - 1);
        vector[place] += if hash & 1 == 0 { 1.0 } else { -1.0 };
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo): the standard library's promises no values.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> GenerateRequest {
        GenerateRequest {
            question: "how many days?".to_owned(),
            passages: Vec::new(),
            instructions: None,
            time_limit: Duration::from_secs(60),
        }
    }

    #[tokio::test]
    async fn a_script_is_played_call_by_call_and_an_error_ends_the_stream() {
        let generator = ScriptedGenerator::calls([
            vec![Step::statement("25 days.", &[(1, "25 days")]), Step::Wait(Duration::from_millis(1)), Step::done()],
            vec![Step::Fail(Error::unavailable("the endpoint is down")), Step::done()],
        ]);
        let first: Vec<_> = generator.generate(request()).collect().await;
        assert!(matches!(first[0], Ok(GenerateEvent::Statement(_))), "{first:?}");
        assert!(matches!(first[1], Ok(GenerateEvent::Done { .. })), "{first:?}");
        let second: Vec<_> = generator.generate(request()).collect().await;
        assert_eq!(second.len(), 1);
        assert!(second[0].as_ref().unwrap_err().is_retryable());
        let third: Vec<_> = generator.generate(request()).collect().await;
        assert_eq!(third[0].as_ref().unwrap_err().to_string(), "no script for call 2");
        assert_eq!(generator.requests().len(), 3);
    }

    #[tokio::test]
    async fn hanging_means_that_nothing_comes() {
        let generator = ScriptedGenerator::new(|_, _| vec![Step::Hang, Step::done()]);
        let mut events = generator.generate(request());
        let waited = tokio::time::timeout(Duration::from_millis(20), events.next()).await;
        assert!(waited.is_err());
    }

    #[tokio::test]
    async fn texts_that_share_words_are_near_each_other() {
        let embedder = HashedEmbedder::default();
        let texts = ["Annual leave is 25 days.", "how many days of annual leave?", "The printer is upstairs", ""];
        let vectors = embedder.embed(&texts.map(str::to_owned)).await.unwrap();
        let cosine = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum::<f32>();
        assert!(cosine(0, 1) > 0.5 && cosine(0, 2) < 0.3, "{} {}", cosine(0, 1), cosine(0, 2));
        assert!((0..4).all(|i| (cosine(i, i) - 1.0).abs() < 1e-5 && vectors[i].len() == DIMENSION));
        assert_eq!(embedder.texts(), texts);
    }

    #[tokio::test]
    async fn a_failure_on_demand_comes_once() {
        let embedder = HashedEmbedder::default();
        embedder.fail_next(Error::unavailable("the endpoint is down"));
        embedder.embed(&["a".to_owned()]).await.unwrap_err();
        embedder.embed(&["a".to_owned()]).await.unwrap();
    }
}
