//! A folder of files and a sandbox that reads them.

use docent_core::{ParsedDocument, Refusal};
use docent_parse::{Limits, Sandbox, TesseractSettings};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A sandbox whose children are this crate's own program, and a place for the files it is given.
pub(crate) struct Sandboxed {
    sandbox: Sandbox,
    folder: TempDir,
}

impl Sandboxed {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::with_program(env!("CARGO_BIN_EXE_docent-parse-worker"), limits)
    }

    pub(crate) fn with_program(program: &str, limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test's files");
        Self { sandbox: Sandbox::new(program, Vec::new(), limits), folder }
    }

    /// One that reads scans with this program.
    pub(crate) fn with_ocr(tesseract: &Path, limits: Limits) -> Self {
        let Self { sandbox, folder } = Self::new(limits);
        let settings = TesseractSettings { program: tesseract.to_owned(), tessdata: None, languages: "eng".to_owned() };
        Self { sandbox: sandbox.with_ocr(settings), folder }
    }

    /// Writes a program of this text.
    pub(crate) fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made a program");
        path
    }

    pub(crate) const fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Writes a file of this name and parses it.
    pub(crate) fn read(&self, filename: &str, bytes: impl AsRef<[u8]>) -> Result<ParsedDocument, Refusal> {
        let path = self.folder.path().join(filename);
        std::fs::write(&path, bytes).expect("the test's file is written");
        self.read_in_place(&path)
    }

    /// Parses a file where it lies.
    pub(crate) fn read_in_place(&self, path: &Path) -> Result<ParsedDocument, Refusal> {
        let filename = path.file_name().expect("a file has a name").to_string_lossy();
        self.sandbox.parse_file(path, &filename)
    }

    /// The refusal as a person reads it, or the whole text.
    pub(crate) fn outcome(&self, filename: &str, bytes: impl AsRef<[u8]>) -> String {
        self.read(filename, bytes).map_or_else(|refusal| refusal.to_string(), |parsed| whole_text(&parsed))
    }

    /// Fails the test unless an ordinary PDF and an ordinary note are read as ever.
    pub(crate) fn assert_works(&self) {
        let pdf = docent_testkit::pdf::pages(&[&["The kettle is on."], &["The bread is cut."]]);
        assert_eq!(self.outcome("works.pdf", pdf), "The kettle is on.\nThe bread is cut.");
        assert_eq!(self.outcome("works.txt", "plain words"), "plain words");
    }
}

/// The pages' texts below each other.
pub(crate) fn whole_text(parsed: &ParsedDocument) -> String {
    let texts: Vec<&str> = parsed.pages.iter().map(|page| page.text.trim()).collect();
    texts.join("\n")
}
