//! The program as its users see it: a folder, a command, and all that comes back.
//!
//! Every test runs the real binary in a folder of its own and looks at exit status, standard output and standard error;
//! what differs from run to run (ids, times, the folder's name) is blanked. Servers of models are played by [`endpoint`].

mod architecture;
mod bad_files;
mod bad_usage;
mod buckets;
mod deletes;
mod documents;
mod endpoint;
mod evaluation;
mod generations;
mod guide;
mod handbook;
mod http;
mod keys;
mod mcp;
mod ocr;
mod providers;
mod questions;
mod reembed;
mod server;
mod sudden_death;
mod sync;
mod terminal;
mod uploads;
mod vector_stores;
mod webhooks;
