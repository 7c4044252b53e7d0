//! ZIP archives as documents use them: parts looked up by name, and never more bytes than allowed.
//!
//! What counts is what comes out of the decompressor; what the archive says about itself is not believed. Nothing is
//! written anywhere, and an archive inside an archive is never opened.

use crate::limits::Limits;
use crate::text;
use docent_core::{Refusal, RefusalKind};
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

pub(crate) struct Archive {
    zip: ZipArchive<Cursor<Vec<u8>>>,
    /// Bytes that may still be unpacked.
    left: u64,
    most: u64,
}

impl Archive {
    pub(crate) fn open(bytes: Vec<u8>, limits: &Limits) -> Result<Self, Refusal> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
        if zip.len() > limits.archive_entries {
            let detail = format!(
                "the file is an archive of {} parts, more than the {} that are read",
                zip.len(),
                limits.archive_entries
            );
            return Err(Refusal::new(RefusalKind::TooLarge, detail));
        }
        Ok(Self { zip, left: limits.unpacked_bytes, most: limits.unpacked_bytes })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// The bytes of a part; nothing if there is none of this name.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(index) = self.zip.index_for_name(name) else { return Ok(None) };
        let mut entry = self.zip.by_index(index).map_err(|error| broken(&error))?;
        let mut bytes = Vec::new();
        let read = entry.by_ref().take(self.left + 1).read_to_end(&mut bytes);
        read.map_err(|error| broken(&ZipError::Io(error)))?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| too_large(self.most))?;
        Ok(Some(bytes))
    }

    /// A part as text; refused as damaged if there is none of this name.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Refusal> {
        self.optional_text(name)?.ok_or_else(|| {
            Refusal::new(RefusalKind::Corrupt, format!("the part {name} is missing; the file is damaged"))
        })
    }

    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        self.bytes(name)?.map(|bytes| text::decode(&bytes, None)).transpose()
    }

    /// Unpacks every part once, into nowhere, and gives the bytes of the whole archive back: for a reader that opens the
    /// archive itself and believes it.
    pub(crate) fn checked(mut self) -> Result<Vec<u8>, Refusal> {
        for index in 0..self.zip.len() {
            let entry = self.zip.by_index(index).map_err(|error| broken(&error))?;
            let read = std::io::copy(&mut entry.take(self.left + 1), &mut std::io::sink());
            let read = read.map_err(|error| broken(&ZipError::Io(error)))?;
            self.left = self.left.checked_sub(read).ok_or_else(|| too_large(self.most))?;
        }
        Ok(self.zip.into_inner().into_inner())
    }
}

fn too_large(most: u64) -> Refusal {
    let detail = format!("its parts unpack to more than the {most} bytes that are read; split it");
    Refusal::new(RefusalKind::TooLarge, detail)
}

fn broken(error: &ZipError) -> Refusal {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            Refusal::new(RefusalKind::Encrypted, "the file needs a password; save a copy without one")
        }
        _ => Refusal::new(RefusalKind::Corrupt, "the file's archive is damaged or was cut off; get a whole copy"),
    }
}
