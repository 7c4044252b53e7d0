//! Doors for the fuzz targets (`fuzz/`) to what is nobody else's business.

use crate::child::{Answer, send};
use crate::incoming::{self, Incoming};
use crate::limits::Limits;
use crate::pdf::drawing;
use crate::picture::Picture;
use crate::tesseract::tsv;
use docent_core::ParsedDocument;
use std::io::Read;

/// Everything that a child says, as the parent hears it. None if it is no answer.
pub fn heard(mut pipe: impl Read, limits: &Limits) -> Option<Option<ParsedDocument>> {
    let mut incoming = Incoming::new(limits.output_bytes);
    while !incoming.is_whole().ok()? {
        if !incoming.read_some(&mut pipe) {
            return None;
        }
    }
    match incoming::answer(&incoming.into_message(), limits).ok()? {
        Answer::Parsed(document) => Some(Some(document)),
        _ => Some(None),
    }
}

/// A page of a PDF as it is drawn for OCR: pixels across and down, and their shades of grey, row by row. None if the file
/// or the page cannot be read.
pub fn drawn(pdf: Vec<u8>, index: usize, limits: &Limits) -> Option<(u32, u32, Vec<u8>)> {
    let picture = drawing::draw_one(pdf, index, limits).ok()?;
    let (_, grey) = picture.as_pgm();
    Some((picture.width, picture.height, grey.to_vec()))
}

/// The pixels of what a child sends when it was asked for a picture, if it is one that is taken.
pub fn pictured(said: &[u8], limits: &Limits) -> Option<u64> {
    let picture = Picture::heard(said.to_vec(), limits).ok()?.ok()?;
    Some(u64::from(picture.width) * u64::from(picture.height))
}

/// Everything that OCR says of a page, as the text that is stored.
pub fn recognised(said: &[u8]) -> String {
    tsv::text(said)
}

/// What a child says that has read this document.
///
/// # Errors
/// None that a document could cause.
pub fn said(document: &ParsedDocument) -> std::io::Result<Vec<u8>> {
    let mut pipe = Vec::new();
    send(&mut pipe, &serde_json::to_vec(&Answer::Parsed(document.clone()))?)?;
    Ok(pipe)
}
