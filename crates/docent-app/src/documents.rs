//! What takes documents in: children that parse, a bucket to read from.

use crate::config::Config;
use crate::wiring::{access_from_config, make_data_folder};
use docent_engine::Result;
use docent_engine::ingest::Parse;
use docent_index::remote::{Bucket, BucketSettings, Place};
use docent_parse::{Limits, Sandbox};
use std::path::PathBuf;
use std::sync::Arc;

/// How the program starts itself as a parser in a process of its own.
#[derive(Clone, Debug)]
pub struct ParserProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; with them it must run [`docent_parse::worker_main`].
    pub arguments: Vec<String>,
}

/// The documents in a bucket, to sync with.
///
/// # Errors
/// For a place that is no bucket, AWS variables, a proxy or certificates that cannot be right, and for a data folder that
/// cannot be used.
pub fn bucket_from_config(config: &Config, place: &Place, name: Option<&str>) -> Result<Bucket> {
    make_data_folder(&config.data)?;
    let settings = BucketSettings {
        copies: config.data.join("sync"),
        object_bytes: config.parse.file_bytes,
        recognise: Arc::new(docent_core::kind::refusal),
    };
    Bucket::open(place, &access_from_config(config)?, name, settings)
}

/// The children that parse.
pub(crate) fn sandbox_from_config(config: &Config, parser: &ParserProgram) -> Sandbox {
    let limits = Limits {
        file_bytes: config.parse.file_bytes,
        memory_bytes: config.parse.memory_bytes,
        cpu_seconds: config.parse.time.as_secs(),
        wall_time: config.parse.time,
        ..Limits::default()
    };
    Sandbox::new(&parser.program, parser.arguments.clone(), limits)
}

/// Files to pages.
pub fn parse_from_config(config: &Config, parser: &ParserProgram) -> Parse {
    let sandbox = sandbox_from_config(config, parser);
    Arc::new(move |path, filename| sandbox.parse_file(path, filename))
}
