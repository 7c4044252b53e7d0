//! The OpenAI-compatible client against endpoints that are there: one of our own that sends exactly the bytes a test
//! wants, and two stand-ins that other people's programs know, if they are installed.

#[path = "openai/answers.rs"]
mod answers;
#[path = "openai/embeddings.rs"]
mod embeddings;
#[path = "openai/faults.rs"]
mod faults;
#[path = "openai/follow_ups.rs"]
mod follow_ups;
#[path = "openai/keys.rs"]
mod keys;
#[path = "openai/scripted.rs"]
mod scripted;
#[path = "openai/stand_ins.rs"]
mod stand_ins;
#[path = "openai/tls.rs"]
mod tls;
