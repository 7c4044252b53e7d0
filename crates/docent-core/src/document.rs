//! Documents, their pages and the chunks cut from them.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of file a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Portable Document Format: has numbered pages.
    Pdf,
    /// Markdown: has heading paths instead of pages.
    Markdown,
    /// HTML: has heading paths instead of pages.
    Html,
    /// Plain text in any encoding: one page without a number.
    Text,
    /// Word: has heading paths instead of pages, as a reader's pages depend on the printer.
    Docx,
    /// PowerPoint: a slide is a numbered page.
    Pptx,
    /// Excel: a heading path names the sheet and its rows.
    Xlsx,
    /// Comma-, semicolon- or tab-separated values: a heading path names the rows.
    Csv,
    /// E-book: a heading path names the chapter.
    Epub,
    /// Jupyter notebook: a heading path ends with the cell.
    Notebook,
    /// E-mail: the message, and messages attached to it.
    Email,
    /// Source code: a heading path names the language and the lines.
    Code,
}

impl Format {
    /// The name used in JSON, filters and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Text => "text",
            Self::Docx => "docx",
            Self::Pptx => "pptx",
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Epub => "epub",
            Self::Notebook => "notebook",
            Self::Email => "email",
            Self::Code => "code",
        }
    }
}

/// A stretch of a document's text that has a locator: a PDF page or slide, the section below one heading, some rows of a
/// sheet, a cell, some lines. The locators that are not page numbers are the last of the headings (decision 0011).
///
/// Offsets of chunks and citations count characters (Unicode scalar values) of `text`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// 1-based page number; absent where the format has no pages.
    #[serde(rename = "page")]
    pub number: Option<u32>,
    /// Headings from the outermost to the one this text stands under.
    pub heading_path: Vec<String>,
    /// The text as it is stored, quoted and shown.
    pub text: String,
}

/// What a parser makes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParsedDocument {
    /// The format that was recognised.
    pub format: Format,
    /// The document's own title, if it states one.
    pub title: Option<String>,
    /// All pages in order; a page that could not be read is present with empty text, so numbers stay right.
    pub pages: Vec<Page>,
    /// What a reader of the report should know, in sentences.
    pub warnings: Vec<String>,
    /// Numbers of the pages that have no text although they show something (scans, undecodable fonts, damage).
    pub unreadable_pages: Vec<u32>,
    /// If OCR has tried all pages that needed it: the languages that it was to read, such as `eng+deu`.
    #[serde(default)]
    pub ocr: Option<String>,
}

/// Why a file was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// A password is needed.
    Encrypted,
    /// The bytes are not what the format demands.
    Corrupt,
    /// The file has no content.
    Empty,
    /// The file has content but no text (a scan, for example).
    NoText,
    /// Docent does not read this format.
    Unsupported,
    /// Over a size, page, memory or output limit.
    TooLarge,
    /// Over the time limit.
    Timeout,
    /// The parser died.
    Crashed,
    /// The file could not be read from its place.
    Unreadable,
}

impl RefusalKind {
    /// The word a refusal's reason begins with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Corrupt => "corrupt",
            Self::Empty => "empty",
            Self::NoText => "no_text",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Crashed => "crashed",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A refused file: the kind, and a sentence for the person who gave it to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The class of the problem.
    pub kind: RefusalKind,
    /// What exactly is wrong and what to do, without repeating the kind.
    pub detail: String,
}

impl Refusal {
    /// A refusal of this kind with its explanation.
    pub fn new(kind: RefusalKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.detail)
    }
}

impl std::error::Error for Refusal {}

/// What became of one file of an ingest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IngestOutcome {
    /// New in the collection.
    Added,
    /// Its content changed; the old chunks were replaced.
    Updated,
    /// The same bytes as before; nothing was done.
    Unchanged,
    /// Removed from the collection.
    Deleted,
    /// Taken in, but some of its pages could not be read.
    Partial,
    /// Not taken in.
    Refused,
}

impl IngestOutcome {
    /// The name used in JSON and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Partial => "partial",
            Self::Refused => "refused",
        }
    }
}

/// A document as a collection remembers it: everything but its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// `doc_` and 32 hexadecimal digits, derived from the source path alone, so a changed file keeps its id.
    pub id: String,
    /// The path to show: relative to what was ingested, never a path of the machine.
    pub filename: String,
    /// The document's title, or the file name's stem.
    pub title: String,
    /// Recognised format.
    pub format: Format,
    /// BLAKE3 of the file's bytes, hexadecimal: what decides whether it changed.
    pub content_hash: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Number of pages (or sections).
    pub pages: u32,
    /// Characters of text over all pages.
    pub characters: u64,
    /// Number of chunks.
    pub chunks: u32,
    /// Numbers of pages whose text could not be read; not empty means the document is partial.
    pub unreadable_pages: Vec<u32>,
    /// What the parser wanted to say.
    pub warnings: Vec<String>,
    /// If OCR has tried all its pages that needed it: the languages that it was to read, such as `eng+deu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocr: Option<String>,
    /// When it was taken in.
    pub ingested_at: Timestamp,
    /// The source it is synced with, `src_` and 32 hexadecimal digits; a document that was taken in by hand has none, and no
    /// sync removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The source's own word for this content, where it has one: in a bucket, the `ETag`. As long as it says the same, the
    /// content need not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
}

impl Document {
    /// True if both are one version of one document, however it is cut into chunks.
    pub fn is_same_version(&self, other: &Self) -> bool {
        // Cutting repeats header rows in the pages, so their characters may differ too.
        let Self { chunks, characters, .. } = *self;
        *self == Self { chunks, characters, ..other.clone() }
    }
}

/// A piece of one page: what is embedded, retrieved, shown to a model and cited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Document id, `#`, and the chunk's place in the document.
    pub id: String,
    /// The document it belongs to.
    pub document_id: String,
    /// The document's path to show.
    pub filename: String,
    /// The document's title.
    pub title: String,
    /// Place among the document's chunks, from 0.
    pub ordinal: u32,
    /// Place of its page among the document's pages, from 0 (a section counts as a page).
    pub page_index: u32,
    /// 1-based page number, if the format has pages.
    pub page: Option<u32>,
    /// Headings above it.
    pub heading_path: Vec<String>,
    /// The words, exactly as they stand in the page text.
    pub text: String,
    /// First character in the page text.
    pub start_char: u32,
    /// One past the last character in the page text.
    pub end_char: u32,
}

impl Chunk {
    /// What is embedded: the words below the title and headings they stand under.
    ///
    /// A chunk that only says "It is 25 days" is findable by what it is about.
    pub fn embedding_text(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + 80);
        out.push_str(&self.title);
        for heading in &self.heading_path {
            if *heading != self.title {
                out.push_str(if out.is_empty() { "" } else { " > " });
                out.push_str(heading);
            }
        }
        out.push('\n');
        out.push_str(&self.text);
        out
    }
}
