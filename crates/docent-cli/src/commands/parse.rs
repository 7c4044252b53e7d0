//! `docent parse`: what would be indexed of a file.

use crate::args::ParseArgs;
use crate::exit::Exit;
use crate::render::text::{count, parts, place, wrap};
use crate::setup::Setup;
use docent_app::{Reader, wiring};
use docent_core::chunking::{ChunkOrigin, chunk_pages};
use docent_core::{Chunk, Page, ParsedDocument, Refusal, RefusalKind};
use docent_engine::source;
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Parsed<'a> {
    file: &'a str,
    outcome: &'static str,
    reason: Option<String>,
    pages: &'a [Page],
    chunks: Vec<ParsedChunk<'a>>,
}

/// A chunk never crosses a page, so it begins and ends on the same one.
#[derive(Serialize)]
struct ParsedChunk<'a> {
    text: &'a str,
    start_char: u32,
    end_char: u32,
    start_page: Option<u32>,
    end_page: Option<u32>,
    heading_path: &'a [String],
}

impl<'a> From<&'a Chunk> for ParsedChunk<'a> {
    fn from(chunk: &'a Chunk) -> Self {
        Self {
            text: &chunk.text,
            start_char: chunk.start_char,
            end_char: chunk.end_char,
            start_page: chunk.page,
            end_page: chunk.page,
            heading_path: &chunk.heading_path,
        }
    }
}

pub(crate) fn run(setup: &Setup, args: &ParseArgs) -> anyhow::Result<Exit> {
    let reader = Reader::from_config(&setup.config, &setup.parser);
    reader.tesseract()?;
    let file = args.file.display().to_string();
    let read = read(setup, &reader, &args.file);
    if args.json {
        let (outcome, reason) = match &read {
            Ok(_) => ("text", None),
            Err(refusal) => ("refused", Some(refusal.to_string())),
        };
        let (pages, chunks) = match &read {
            Ok((document, chunks)) => (document.pages.as_slice(), chunks.as_slice()),
            Err(_) => (&[][..], &[][..]),
        };
        let (file, chunks) = (file.as_str(), chunks.iter().map(ParsedChunk::from).collect());
        let parsed = Parsed { file, outcome, reason, pages, chunks };
        setup.screen.json(&parsed)?;
        return Ok(if read.is_ok() { Exit::Done } else { Exit::Refused });
    }
    match read {
        Ok((document, chunks)) => {
            setup.screen.data(shown(setup, &document, &chunks))?;
            Ok(Exit::Done)
        }
        Err(refusal) => {
            let message = format!("{file} is refused");
            setup.screen.trouble(&message, &[refusal.to_string()], None);
            Ok(Exit::Refused)
        }
    }
}

fn read(setup: &Setup, reader: &Reader, path: &Path) -> Result<(ParsedDocument, Vec<Chunk>), Refusal> {
    // Says in the same words as an ingest why a path cannot be read.
    let found = source::find_files(path)?;
    if path.is_dir() {
        let detail = format!("{}: this is a folder; name one file", path.display());
        return Err(Refusal::new(RefusalKind::Unreadable, detail));
    }
    let filename = found.first().map_or_else(String::new, |file| file.filename.clone());
    let mut document = reader.parse()(path, &filename)?;
    let origin = ChunkOrigin { document_id: "", filename: &filename, title: "" };
    let chunks = chunk_pages(&mut document.pages, &origin, &setup.config.engine.chunking, &*wiring::tokenize());
    if chunks.is_empty() {
        return Err(Refusal::new(RefusalKind::NoText, "no words were found in it"));
    }
    Ok((document, chunks))
}

fn shown(setup: &Setup, document: &ParsedDocument, chunks: &[Chunk]) -> String {
    let (width, paint) = (setup.screen.width, setup.screen.paint);
    let pages = u32::try_from(document.pages.len()).unwrap_or(u32::MAX);
    let size = [parts(document.format, pages), Some(count(chunks.len() as u64, "chunk"))];
    let size = size.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let mut out = vec![format!("{}, {size}", document.format.as_str())];
    if let Some(title) = &document.title {
        out.push(format!("title: {title}"));
    }
    out.extend(document.warnings.iter().map(|warning| format!("warning: {warning}")));
    for chunk in chunks {
        let place = place(chunk.page, &chunk.heading_path).unwrap_or_default();
        let head = format!("{}. {place} ({} to {})", chunk.ordinal + 1, chunk.start_char, chunk.end_char);
        out.push(format!("\n{}", paint.bold(&head)));
        out.extend(chunk.text.lines().map(|line| wrap(line, width, "    ").trim_end().to_owned()));
    }
    out.join("\n")
}
