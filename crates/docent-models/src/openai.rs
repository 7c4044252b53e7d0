//! Any endpoint that speaks OpenAI's HTTP protocol, as a generator and as an embedder.
//!
//! The protocol is the lingua franca of model servers, and every server speaks its own dialect of it. So the
//! [`OpenAiGenerator`] asks for the most that the protocol offers (a streamed answer that must match a JSON schema) and
//! steps down, once per process, when the endpoint says that it does not know a field: from the schema to plain JSON to
//! free text, from `max_completion_tokens` to `max_tokens`. It reads what comes back with the same patience: fenced JSON,
//! JSON after thinking aloud, one body instead of a stream, and at worst plain prose, whose sentences are then offered as
//! their own quotes, because a quote that is not in the documents is dropped later anyway.
//!
//! What goes wrong outside ends in one of the engine's error kinds with a hint. Transient faults are tried again with
//! exponential backoff and full jitter, `Retry-After` is honoured, and no wait goes beyond the time limit of the request.
//!
//! What is absent: no reading of the environment (settings, proxy and certificates arrive as values), no dependence on
//! the machine's certificate files (the public roots travel inside the program), no redirects (they would carry the key
//! elsewhere), and no text of passages, questions or keys in errors and logs.

mod client;
mod dialect;
mod embedder;
mod evidence;
mod failure;
mod generator;
mod keys;
mod reply;
mod retry;
mod scan;
mod settings;
mod sse;
mod wire;

pub use embedder::OpenAiEmbedder;
pub use generator::{Checked, OpenAiGenerator, REWRITE_TOKENS};
pub use keys::KeySource;
pub use retry::Retries;
pub use settings::{OpenAiSettings, Secret};
