//! What it means for files that were looked at before that pages without text are read now.
//!
//! OCR itself is the parser's business. A document that has such pages is read again when OCR is wanted in languages that it
//! was not tried in, though its content is the same. A file that OCR found nothing in is no document, so nothing is
//! recorded of it in the index; a small file of its own keeps the refusal, by a hash of the content, so that the next run does
//! not spend the time again. It holds no text of the file, and removing it costs nothing but that time.

use crate::source;
use docent_core::{Document, Refusal, RefusalKind};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What pages without text of their own are read with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ocr {
    /// Languages, such as `eng+deu`.
    pub languages: String,
    /// The folder that remembers which files nothing was found in.
    pub folder: PathBuf,
}

impl Ocr {
    /// True if a document has to be read again although its content is the same.
    pub(crate) fn is_due(&self, document: &Document) -> bool {
        let was_needed = document.ocr.is_some() || !document.unreadable_pages.is_empty();
        was_needed && document.ocr.as_ref() != Some(&self.languages)
    }

    /// Why a file with this content was refused when all of its pages had been tried.
    pub(crate) fn recall(&self, content_hash: &str) -> Option<Refusal> {
        serde_json::from_slice(&fs::read(self.place(content_hash)).ok()?).ok()
    }

    /// Keeps the refusal of a file without text. Any other may be another one next time.
    pub(crate) fn remember(&self, content_hash: &str, refusal: &Refusal) {
        if refusal.kind == RefusalKind::NoText
            && let Err(error) = self.keep(content_hash, refusal)
        {
            tracing::warn!(%error, "a file without text will be read again, as that cannot be noted");
        }
    }

    fn keep(&self, content_hash: &str, refusal: &Refusal) -> io::Result<()> {
        let place = self.place(content_hash);
        fs::create_dir_all(place.parent().unwrap_or(Path::new("")))?;
        // Whoever reads it sees all of it or nothing.
        let unfinished = place.with_extension(std::process::id().to_string());
        fs::write(&unfinished, serde_json::to_vec(refusal)?)?;
        fs::rename(unfinished, place)
    }

    /// Another version of the program may find something.
    fn place(&self, content_hash: &str) -> PathBuf {
        let version = env!("CARGO_PKG_VERSION");
        self.folder.join(source::id("seen", &[content_hash, &self.languages, version].map(str::as_bytes)))
    }
}

/// True if a document has to be read again to satisfy these settings.
pub(crate) fn is_due(ocr: Option<&Ocr>, document: &Document) -> bool {
    ocr.is_some_and(|ocr| ocr.is_due(document))
}
