//! The models that Docent talks to, each behind a port of the engine.
//!
//! [`local`] turns text into vectors on this machine, with a small model that travels inside the program: no key, no
//! network, no download. [`wordpiece`] is its tokenizer, which also counts tokens for the chunker.
//! [`openai`] asks any OpenAI-compatible endpoint, for answers as well as for vectors.

pub mod local;
pub mod openai;
pub mod quoting;
pub mod wordpiece;
