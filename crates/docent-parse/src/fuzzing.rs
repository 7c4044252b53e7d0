//! Doors for the fuzz targets (`fuzz/`) to what is nobody else's business.

use crate::child::{Answer, send};
use crate::incoming::{Incoming, Unusable};
use crate::limits::Limits;
use docent_core::ParsedDocument;
use std::io::Read;

/// Everything that a child says, as the parent hears it. None if it is no answer.
pub fn heard(mut pipe: impl Read, limits: &Limits) -> Option<Option<ParsedDocument>> {
    let mut incoming = Incoming::new(limits);
    loop {
        match incoming.answer() {
            Ok(Some(Answer::Parsed(document))) => return Some(Some(document)),
            Ok(Some(_)) => return Some(None),
            Err(Unusable::Verbose | Unusable::Nonsense) => return None,
            Ok(None) if !incoming.read_some(&mut pipe) => return None,
            Ok(None) => {}
        }
    }
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
