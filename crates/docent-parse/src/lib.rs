//! From bytes to pages of text that know where they came from, without trusting the bytes.
//!
//! [`docent_core::kind`] looks at a file's name and first bytes and decides what it is. One module per format then turns the bytes
//! into [`Page`](docent_core::Page)s: `pdf` reads numbered pages through its own text device and layout, `pptx` numbered
//! slides, `markdown`, `html`, `docx` and `epub` cut at headings, `xlsx`, `delimited`, `notebook` and `code` at rows, cells
//! and lines, `text` finds the encoding. The stored text is meant to be quoted: lines of a paragraph are
//! joined, words broken by a hyphen at a line's end are whole, ligatures are letters, and a table's row is one line.
//!
//! No parser is safe from a hostile file: a stack overflow or a failed allocation ends the process. Therefore a
//! [`Sandbox`] parses in a child process that limits its own memory and CPU time and closes the network to itself
//! ([`worker_main`]), the parent keeps the clock, and whatever happens to the child becomes a [`Refusal`] of one file. [`parse`] is the part inside the child.
//!
//! A page of a PDF that shows text without having any, as a scan does, can be read by tesseract, where that is installed: the
//! child draws it, and `tesseract` puts the picture through a second child that has given up as much and then becomes that
//! program. Whatever happens to it costs that page.
//!
//! What is absent: no recognition of our own, no password prompts, no network, no environment. A format that is not read is
//! refused by name.
#![warn(missing_docs)]

mod archive;
mod child;
mod code;
mod confine;
mod delimited;
mod docx;
mod email;
mod epub;
#[doc(hidden)]
pub mod fuzzing;
mod html;
mod incoming;
mod limits;
mod markdown;
mod notebook;
mod ocr;
mod office;
mod pages;
mod pdf;
mod picture;
mod pptx;
mod rows;
mod running;
mod sandbox;
mod sections;
mod tesseract;
mod text;
mod xlsx;
mod xml;

pub use child::{Isolation, worker_main};
pub use limits::Limits;
pub use sandbox::Sandbox;
pub use tesseract::{Tesseract, TesseractSettings};

use docent_core::{Format, ParsedDocument, Refusal, RefusalKind, kind};
use pages::Unfinished;

/// Parses a file's bytes in this process, with the default limits on counts and none on time and memory: for tests and
/// for the inside of the child. `filename` decides, with the first bytes, what the file is.
pub fn parse(bytes: &[u8], filename: &str) -> Result<ParsedDocument, Refusal> {
    parse_within(bytes.to_vec(), filename, &Limits::default())
}

/// [`parse`] with given limits and without a copy of the bytes.
pub fn parse_within(bytes: Vec<u8>, filename: &str, limits: &Limits) -> Result<ParsedDocument, Refusal> {
    parse_all(bytes, filename, limits)?.finish(limits)
}

/// What a parser makes of a file.
pub(crate) enum Parsed {
    Document(ParsedDocument),
    /// The pages of a PDF, of which some may have no text.
    Pages(Unfinished),
}

impl Parsed {
    /// The document, pages without text being left as they are.
    pub(crate) fn finish(self, limits: &Limits) -> Result<ParsedDocument, Refusal> {
        let parsed = match self {
            Self::Document(parsed) => parsed,
            Self::Pages(unfinished) => unfinished.finish(None)?,
        };
        check_characters(&parsed, limits)?;
        Ok(parsed)
    }
}

pub(crate) fn parse_all(bytes: Vec<u8>, filename: &str, limits: &Limits) -> Result<Parsed, Refusal> {
    check_size(bytes.len() as u64, limits.file_bytes)?;
    let parsed = match kind::detect(&bytes, filename)? {
        Format::Pdf => return pdf::parse(bytes, limits).map(Parsed::Pages),
        Format::Markdown => markdown::parse(&bytes)?,
        Format::Html => html::parse(&bytes, limits)?,
        Format::Text => text::parse(&bytes)?,
        Format::Docx => docx::parse(bytes, limits)?,
        Format::Pptx => pptx::parse(bytes, limits)?,
        Format::Xlsx => xlsx::parse(bytes, limits)?,
        Format::Csv => delimited::parse(&bytes)?,
        Format::Epub => epub::parse(bytes, limits)?,
        Format::Notebook => notebook::parse(&bytes)?,
        Format::Email => email::parse(&bytes)?,
        Format::Code => code::parse(&bytes, &kind::extension(filename).unwrap_or_default())?,
    };
    Ok(Parsed::Document(parsed))
}

fn check_size(bytes: u64, most: u64) -> Result<(), Refusal> {
    if bytes > most {
        let detail = format!("the file has {bytes} bytes, more than the {most} that are read; split it");
        return Err(Refusal::new(RefusalKind::TooLarge, detail));
    }
    Ok(())
}

pub(crate) fn check_characters(parsed: &ParsedDocument, limits: &Limits) -> Result<(), Refusal> {
    let characters: usize = parsed.pages.iter().map(|page| page.text.chars().count()).sum();
    if characters > limits.characters {
        let detail = format!(
            "the document has {characters} characters, more than the {} that are read; split it",
            limits.characters
        );
        return Err(Refusal::new(RefusalKind::TooLarge, detail));
    }
    Ok(())
}
