//! PDF: numbered pages, read with a text device of our own on a pure-Rust interpreter.
//!
//! A page that fails stays in its place with empty text, so that page numbers in citations are right. A page whose
//! glyphs no table of the file turns into characters is reported and not stored: codes that look like text are worse
//! than no text.

mod accents;
mod canvas;
mod cid;
mod cjk;
mod coverage;
mod device;
pub(crate) mod drawing;
pub(crate) mod layout;
mod legacy;
pub(crate) mod letters;
pub(crate) mod line;
mod rtl;
mod samples;
mod title;

use crate::limits::Limits;
use crate::pages::{State, Unfinished};
use cid::CidFonts;
use cjk::Bytes;
use device::{Counts, TextDevice, TooManyOperations};
use docent_core::{Page, Refusal, RefusalKind};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, RenderContent, interpret_page};
use hayro_syntax::Pdf;
use hayro_syntax::{DecryptionError, LoadPdfError};
use kurbo::{Affine, Rect};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

pub(crate) fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<Unfinished, Refusal> {
    let pdf = open(bytes)?;
    let count = pdf.pages().len();
    if count == 0 {
        return Err(Refusal::new(RefusalKind::Corrupt, "the PDF has no pages that can be found; it is damaged"));
    }
    if count > limits.pages {
        let detail = format!("the PDF has {count} pages, more than the {} that are read; split it", limits.pages);
        return Err(Refusal::new(RefusalKind::TooLarge, detail));
    }
    Reader::new(&pdf, limits).read()
}

fn open(bytes: Vec<u8>) -> Result<Pdf, Refusal> {
    let bytes = Arc::new(bytes);
    Pdf::new(Arc::clone(&bytes)).map_err(|error| refused(error, &bytes))
}

/// What of a page is drawn.
fn settings() -> InterpreterSettings {
    InterpreterSettings { render_content: RenderContent::PAGE, ..InterpreterSettings::default() }
}

fn refused(error: LoadPdfError, bytes: &[u8]) -> Refusal {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            Refusal::new(RefusalKind::Encrypted, "the PDF needs a password; save a copy without one")
        }
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => Refusal::new(
            RefusalKind::Encrypted,
            "the PDF is encrypted with a method that is not supported; save a copy without encryption",
        ),
        LoadPdfError::Decryption(DecryptionError::MissingIDEntry | DecryptionError::InvalidEncryption) => {
            Refusal::new(RefusalKind::Corrupt, "the PDF is encrypted and its encryption data is damaged")
        }
        // Some old passwords are only noticed when what they protect turns out to be unreadable.
        LoadPdfError::Invalid if states_encryption(bytes) => Refusal::new(
            RefusalKind::Encrypted,
            "the PDF is encrypted and does not open without a password; save a copy without one",
        ),
        LoadPdfError::Invalid => Refusal::new(RefusalKind::Corrupt, "the PDF's structure is damaged beyond reading"),
    }
}

fn states_encryption(bytes: &[u8]) -> bool {
    const ENTRY: &[u8] = b"/Encrypt";
    bytes.windows(ENTRY.len()).any(|window| window == ENTRY)
}

/// True when the page names content that is not there, as in a file that was cut off.
fn has_lost_content(page: &hayro_syntax::page::Page<'_>) -> bool {
    page.raw().contains_key(b"Contents") && page.page_stream().is_none()
}

/// What drawing a page gave.
struct Drawn {
    text: String,
    counts: Counts,
    codes: Vec<u8>,
    /// The first page's largest line.
    largest: Option<String>,
}

impl Drawn {
    /// What the codes mean, if they are hardly the letters that they show.
    fn misread(&self) -> Option<Bytes> {
        legacy::is_misread(&self.text).then(|| cjk::guess(&self.codes))
    }
}

struct Reader<'a> {
    pdf: &'a Pdf,
    limits: &'a Limits,
    cache: InterpreterCache<'a>,
    /// Looked for when a page first needs them.
    cid_fonts: Option<Rc<CidFonts>>,
    settings: InterpreterSettings,
    pages: Vec<Page>,
    states: Vec<State>,
    characters: usize,
    largest_line: Option<String>,
}

impl<'a> Reader<'a> {
    fn new(pdf: &'a Pdf, limits: &'a Limits) -> Self {
        let cache = InterpreterCache::new();
        Self {
            pdf,
            limits,
            cache,
            cid_fonts: None,
            settings: settings(),
            pages: Vec::new(),
            states: Vec::new(),
            characters: 0,
            largest_line: None,
        }
    }

    fn read(mut self) -> Result<Unfinished, Refusal> {
        for index in 0..self.pdf.pages().len() {
            let (text, state) = self.page(index);
            self.characters += text.len();
            if self.characters > 4 * self.limits.characters {
                let detail = format!("the PDF has more than {} characters; split it", self.limits.characters);
                return Err(Refusal::new(RefusalKind::TooLarge, detail));
            }
            self.pages.push(Page { number: Some(index as u32 + 1), heading_path: Vec::new(), text });
            self.states.push(state);
        }
        let stated = self.pdf.metadata().title.as_deref().and_then(title::stated);
        Ok(Unfinished::new(stated.or(self.largest_line), self.pages, self.states))
    }

    fn page(&mut self, index: usize) -> (String, State) {
        let operations = self.limits.operations_per_page;
        let drawn = self.drawn(index, TextDevice::new(operations)).and_then(|drawn| match self.better(&drawn) {
            Some(device) => self.drawn(index, device),
            None => Ok(drawn),
        });
        drawn.map_or_else(|state| (String::new(), state), |drawn| self.judged(index, drawn))
    }

    /// A device that knows more about fonts without Unicode, for a page that needs it and can be helped.
    fn better(&mut self, drawn: &Drawn) -> Option<TextDevice> {
        let operations = self.limits.operations_per_page;
        if let Some(Bytes::Pairs(encoding)) = drawn.misread() {
            return Some(TextDevice::with_pairs(operations, encoding));
        }
        if drawn.counts.unmapped == 0 {
            return None;
        }
        let fonts = Rc::clone(self.cid_fonts.get_or_insert_with(|| Rc::new(CidFonts::of(self.pdf))));
        (!fonts.is_empty()).then(|| TextDevice::with_fonts(operations, fonts))
    }

    fn judged(&mut self, index: usize, drawn: Drawn) -> (String, State) {
        if drawn.misread() == Some(Bytes::Other) {
            return (String::new(), State::Undecodable);
        }
        self.largest_line = self.largest_line.take().or(drawn.largest);
        match judge(drawn.text, drawn.counts) {
            (text, State::Blank) if has_lost_content(&self.pdf.pages()[index]) => (text, State::Damaged),
            judged => judged,
        }
    }

    /// Draws a page into a device; the state of one that fails.
    fn drawn(&mut self, index: usize, mut device: TextDevice) -> Result<Drawn, State> {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::new(
                Affine::IDENTITY,
                Rect::new(0.0, 0.0, 1.0, 1.0),
                &self.cache,
                self.pdf.xref(),
                self.settings.clone(),
            );
            interpret_page(&self.pdf.pages()[index], &mut context, &mut device);
            let (lines, counts, codes) = device.finish();
            let largest = if index == 0 { title::largest(&lines) } else { None };
            Drawn { text: layout::page_text(lines), counts, codes, largest }
        }));
        outcome.map_err(|payload| {
            // What was borrowed while it unwound stays borrowed; the next page starts with a cache of its own.
            self.cache = InterpreterCache::new();
            if payload.is::<TooManyOperations>() { State::Endless } else { State::Damaged }
        })
    }
}

fn judge(text: String, counts: Counts) -> (String, State) {
    let guesswork = counts.guessed * 2 > counts.glyphs && !legacy::looks_like_language(&text);
    let undecodable = guesswork || counts.unmapped * 2 > counts.glyphs && counts.unmapped > 2;
    let state = match () {
        () if undecodable => State::Undecodable,
        () if !text.trim().is_empty() => return (text, State::Text),
        () if counts.images > 0 => State::Scanned,
        () if counts.unmapped > 0 => State::Undecodable,
        () if counts.paths > 0 => State::Drawn,
        () => State::Blank,
    };
    (String::new(), state)
}
