//! What takes documents in: children that parse, tesseract for scans, a bucket to read from.

use crate::config::{Config, OcrChoice};
use crate::wiring::{access_from_config, make_data_folder};
use docent_engine::ingest::Parse;
use docent_engine::{Error, Result};
use docent_index::remote::{Bucket, BucketSettings, Place};
use docent_parse::{Isolation, Limits, Sandbox, Tesseract, TesseractSettings};
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

/// Turns files into pages, in processes of their own.
#[derive(Clone, Debug)]
pub struct Reader {
    sandbox: Arc<Sandbox>,
    ocr: OcrChoice,
}

impl Reader {
    /// By these settings; nothing is started yet.
    pub fn from_config(config: &Config, parser: &ParserProgram) -> Self {
        let limits = Limits {
            file_bytes: config.parse.file_bytes,
            memory_bytes: config.parse.memory_bytes,
            cpu_seconds: config.parse.time.as_secs(),
            wall_time: config.parse.time,
            ..Limits::default()
        };
        let mut sandbox = Sandbox::new(&parser.program, parser.arguments.clone(), limits);
        let OcrChoice { is_wanted, languages, program, tessdata } = config.ocr.clone();
        if let Some(program) = program.filter(|_| is_wanted) {
            sandbox = sandbox.with_ocr(TesseractSettings { program, tessdata, languages });
        }
        Self { sandbox: Arc::new(sandbox), ocr: config.ocr.clone() }
    }

    /// The tesseract that scans are read with; none where they are not read. It is asked what it is, once.
    ///
    /// # Errors
    /// `Invalid`, if scans are to be read and it is not there or lacks a language.
    pub fn tesseract(&self) -> Result<Option<&Tesseract>> {
        let unusable = |why: &str| {
            Error::invalid(format!("scans are to be read by OCR, and {why}")).hint(
                "install tesseract (Debian, Ubuntu: `apt install tesseract-ocr`; macOS: `brew install tesseract`), name it with \
                 DOCENT_TESSERACT, or do without --ocr and DOCENT_OCR",
            )
        };
        match self.sandbox.tesseract() {
            None if self.ocr.is_wanted => Err(unusable("there is no tesseract in the folders of PATH")),
            None => Ok(None),
            Some(Err(why)) => Err(unusable(&format!("tesseract cannot be used: {why}"))),
            Some(Ok(tesseract)) => self.has_languages(tesseract).map(|()| Some(tesseract)),
        }
    }

    fn has_languages(&self, tesseract: &Tesseract) -> Result<()> {
        let has = |name: &&str| tesseract.languages.iter().any(|other| other == name);
        let Some(missing) = self.ocr.languages.split('+').find(|name| !has(name)) else { return Ok(()) };
        let there = tesseract.languages.join(", ");
        Err(Error::invalid(format!("tesseract has no data of the language `{missing}`")).hint(format!(
            "it has {there}; install what is missing (Debian, Ubuntu: `apt install tesseract-ocr-{missing}`), or set \
             DOCENT_OCR_LANGUAGES"
        )))
    }

    /// What a child that reads a file could not do when it tried.
    ///
    /// # Errors
    /// `Internal`, if there is no child to be had.
    pub(crate) fn isolation(&self) -> Result<Isolation> {
        self.sandbox.isolation().map_err(|refusal| Error::internal(refusal.to_string()))
    }

    /// A file to its pages.
    pub fn parse(&self) -> Parse {
        let sandbox = Arc::clone(&self.sandbox);
        Arc::new(move |path, filename| sandbox.parse_file(path, filename))
    }
}
