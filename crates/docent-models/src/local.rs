//! Text to vectors on this machine: all-MiniLM-L6-v2 with weights of 8 bits.
//!
//! The weights travel inside the program (feature `bundled-model`) or are read from a file of the same layout, see
//! `models/minilm/README.md`; the engine beneath and what it was measured against is decision 0002. Nothing happens until
//! the first text arrives, so a program that never embeds pays nothing.
//!
//! The work runs on threads of its own, never on the caller's runtime: [`Embedder::embed`] only waits for a message.

mod encoder;
mod weights;

use crate::wordpiece::{self, WordPiece};
use async_trait::async_trait;
use docent_engine::ports::{Embedder, EmbeddingModel};
use docent_engine::{Error, Result};
use encoder::Encoder;
use futures::channel::oneshot;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The model's limit: what a text has beyond it does not count, as in the original.
pub const TOKENS_MAX: usize = 256;
/// Length of the vectors.
pub const DIMENSION: usize = 384;
/// Name of the model, as recorded in an index.
pub const MODEL_NAME: &str = "local/all-MiniLM-L6-v2-q8";

/// Texts are worked on in groups of about this many tokens: enough rows to keep the matrix kernels busy, few enough for
/// the intermediate results to stay in a core's cache.
const GROUP_TOKENS: usize = 256;
/// Up to here the first call does not keep its expanded weights, see [`Inner::keep_weights`].
const ONE_OFF_TOKENS: usize = 512;

#[cfg(feature = "bundled-model")]
static BUNDLED: &[u8] = include_bytes!("../../../models/minilm/model.safetensors");

/// The local embedder; cheap to make and to clone.
#[derive(Clone, Debug)]
pub struct LocalEmbedder {
    model: EmbeddingModel,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Source,
    threads_max: Option<NonZeroUsize>,
    pool: OnceLock<ThreadPool>,
    encoder: OnceLock<Encoder>,
    warm: AtomicBool,
}

#[derive(Debug)]
enum Source {
    #[cfg(feature = "bundled-model")]
    Bundled,
    File(PathBuf),
    Absent,
}

impl LocalEmbedder {
    /// With the weights inside the program, on at most this many threads (default: one per core).
    #[cfg(feature = "bundled-model")]
    pub fn bundled(threads_max: Option<NonZeroUsize>) -> Self {
        Self::new(Source::Bundled, threads_max)
    }

    /// With weights from a file like `models/minilm/model.safetensors`, read when the first text arrives.
    pub fn from_file(path: impl Into<PathBuf>, threads_max: Option<NonZeroUsize>) -> Self {
        Self::new(Source::File(path.into()), threads_max)
    }

    /// In a program that carries no weights: says which model they would be, for indexes to compare, and refuses to embed.
    pub fn absent() -> Self {
        Self::new(Source::Absent, None)
    }

    fn new(source: Source, threads_max: Option<NonZeroUsize>) -> Self {
        let (pool, encoder, warm) = (OnceLock::new(), OnceLock::new(), AtomicBool::new(false));
        Self {
            model: EmbeddingModel { name: MODEL_NAME.to_owned(), dimension: DIMENSION },
            inner: Arc::new(Inner { source, threads_max, pool, encoder, warm }),
        }
    }

    /// As [`Embedder::embed`], for callers without a runtime: the calling thread waits.
    pub fn embed_blocking(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        self.inner.pool()?.install(|| self.inner.embed(texts))
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let (sender, receiver) = oneshot::channel();
        let (inner, texts) = (Arc::clone(&self.inner), texts.to_vec());
        self.inner.pool()?.spawn(move || {
            // Nobody listens any more when the caller was cancelled.
            let _ = sender.send(inner.embed(&texts));
        });
        receiver.await.map_err(|_| Error::internal("the embedding thread ended before its work was done"))?
    }
}

impl Inner {
    fn pool(&self) -> Result<&ThreadPool> {
        get_or_try_init(&self.pool, || {
            ThreadPoolBuilder::new()
                .num_threads(self.threads_max.map_or(0, NonZeroUsize::get))
                .thread_name(|index| format!("embed-{index}"))
                // The default would end the process; the waiting caller gets an error instead.
                .panic_handler(|_| {})
                .build()
                .map_err(|e| Error::internal("cannot start the embedding threads").because(e))
        })
    }

    fn encoder(&self) -> Result<&Encoder> {
        get_or_try_init(&self.encoder, || {
            let bytes: Cow<'static, [u8]> = match &self.source {
                #[cfg(feature = "bundled-model")]
                Source::Bundled => BUNDLED.into(),
                Source::File(path) => std::fs::read(path)
                    .map_err(|e| {
                        Error::not_found(format!("cannot read the embedding model {}", path.display()))
                            .because(e)
                            .hint("give the path of a copy of models/minilm/model.safetensors")
                    })?
                    .into(),
                Source::Absent => {
                    return Err(Error::unavailable("this program was built without the embedding model").hint(
                        "search by words (`\"mode\": \"bm25\"`), set DOCENT_EMBEDDER=openai, or build it with the feature \
                         `local-model`",
                    ));
                }
            };
            Encoder::read(bytes).map_err(|e| {
                Error::internal("the embedding model is damaged or of another kind")
                    .because(e)
                    .hint("use the file models/minilm/model.safetensors of this release")
            })
        })
    }

    /// Vectors of the texts; runs on the pool.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let encoder = self.encoder()?;
        let ids = tokenize(wordpiece::bundled(), texts);
        if self.keep_weights(ids.iter().map(Vec::len).sum()) {
            encoder.expand_all();
        }
        let embedded: Vec<(usize, Vec<f32>)> = groups(&ids)
            .par_iter()
            .flat_map_iter(|group| {
                let sequences: Vec<&[u32]> = group.iter().map(|&index| ids[index].as_slice()).collect();
                group.iter().copied().zip(encoder.embed(&sequences))
            })
            .collect();
        let mut vectors = vec![Vec::new(); texts.len()];
        for (index, vector) in embedded {
            vectors[index] = vector;
        }
        Ok(vectors)
    }

    /// Whether to keep the weights in the form the kernels want, 42 MB, for the next call. A process that asks one
    /// question and ends is better off expanding one layer at a time and letting it go; from the second call on, or with
    /// much to do, keeping them pays.
    fn keep_weights(&self, tokens: usize) -> bool {
        self.warm.swap(true, Ordering::Relaxed) || tokens > ONE_OFF_TOKENS
    }
}

fn tokenize(tokenizer: &WordPiece, texts: &[String]) -> Vec<Vec<u32>> {
    texts.par_iter().with_min_len(8).map(|text| tokenizer.ids(text, TOKENS_MAX)).collect()
}

/// Indices of texts, longest first, so that the last groups to finish are small ones.
fn groups(ids: &[Vec<u32>]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(ids[index].len()));
    let (mut groups, mut tokens) = (Vec::<Vec<usize>>::new(), 0);
    for index in order {
        tokens += ids[index].len();
        match groups.last_mut() {
            Some(group) if tokens <= GROUP_TOKENS => group.push(index),
            _ => {
                groups.push(vec![index]);
                tokens = ids[index].len();
            }
        }
    }
    groups
}

/// `OnceLock::get_or_try_init` is not stable yet. Two threads may both make a value at first; one of them is dropped.
fn get_or_try_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn groups_hold_every_text_once_and_stay_small() {
        let ids: Vec<Vec<u32>> = [3, 256, 2, 100, 100, 100, 5].iter().map(|&length| vec![0; length]).collect();
        assert_eq!(groups(&ids), [vec![1], vec![3, 4], vec![5, 6, 0, 2]]);
        assert!(groups(&[]).is_empty());
    }
}
