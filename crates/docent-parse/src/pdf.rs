//! PDF: numbered pages, read with a text device of our own on a pure-Rust interpreter.
//!
//! A page that fails stays in its place with empty text, so that page numbers in citations are right. A page whose
//! glyphs no table of the file turns into characters is reported and not stored: codes that look like text are worse
//! than no text.

mod accents;
mod cid;
mod cjk;
mod device;
mod layout;
mod legacy;
mod letters;
mod line;
mod rtl;
mod title;

use crate::limits::Limits;
use cid::CidFonts;
use cjk::Bytes;
use device::{Counts, TextDevice, TooManyOperations};
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, RenderContent, interpret_page};
use hayro_syntax::Pdf;
use hayro_syntax::{DecryptionError, LoadPdfError};
use kurbo::{Affine, Rect};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

/// What a page turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    Blank,
    Scanned,
    Drawn,
    Undecodable,
    Damaged,
    Endless,
}

pub(crate) fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<ParsedDocument, Refusal> {
    let bytes = Arc::new(bytes);
    let pdf = Pdf::new(Arc::clone(&bytes)).map_err(|error| refused(error, &bytes))?;
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
        let settings = InterpreterSettings { render_content: RenderContent::PAGE, ..InterpreterSettings::default() };
        let cache = InterpreterCache::new();
        Self {
            pdf,
            limits,
            cache,
            cid_fonts: None,
            settings,
            pages: Vec::new(),
            states: Vec::new(),
            characters: 0,
            largest_line: None,
        }
    }

    fn read(mut self) -> Result<ParsedDocument, Refusal> {
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
        self.finish()
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

    fn finish(self) -> Result<ParsedDocument, Refusal> {
        if !self.states.contains(&State::Text) {
            return Err(without_text(&self.states));
        }
        let unreadable = |state: &State| !matches!(state, State::Text | State::Blank);
        let unreadable_pages = numbers(&self.states, unreadable);
        let warnings = warnings(&self.states);
        let stated = self.pdf.metadata().title.as_deref().and_then(title::stated);
        let title = stated.or(self.largest_line);
        Ok(ParsedDocument { format: Format::Pdf, title, pages: self.pages, warnings, unreadable_pages })
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

fn numbers(states: &[State], wanted: impl Fn(&State) -> bool) -> Vec<u32> {
    (1..).zip(states).filter(|(_, state)| wanted(state)).map(|(number, _)| number).collect()
}

/// Page numbers as a person writes them: `1-3, 7`.
fn ranges(numbers: &[u32]) -> String {
    let mut out: Vec<String> = Vec::new();
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        out.push(match run {
            [first, .., last] => format!("{first}-{last}"),
            [only] => only.to_string(),
            [] => continue,
        });
    }
    let prefix = if numbers.len() == 1 { "page" } else { "pages" };
    format!("{prefix} {}", out.join(", "))
}

const SENTENCES: &[(State, &str)] = &[
    (State::Scanned, "holds only pictures (a scan?) and needs text recognition first"),
    (State::Undecodable, "has a text layer that is not decodable: its fonts do not say which characters they show"),
    (State::Drawn, "holds only drawings and no text"),
    (State::Damaged, "is damaged and could not be read"),
    (State::Endless, "has more drawing operations than are followed"),
];

fn warnings(states: &[State]) -> Vec<String> {
    let sentence = |(state, sentence): &(State, &str)| {
        let numbers = numbers(states, |other| other == state);
        (!numbers.is_empty()).then(|| format!("{}: {sentence}", ranges(&numbers)))
    };
    SENTENCES.iter().filter_map(sentence).collect()
}

fn without_text(states: &[State]) -> Refusal {
    let all = numbers(states, |state| *state != State::Blank);
    match all.is_empty() {
        true => Refusal::new(RefusalKind::Empty, format!("every page is blank ({} in all)", states.len())),
        false if states.iter().all(|state| matches!(state, State::Damaged | State::Blank)) => {
            Refusal::new(RefusalKind::Corrupt, format!("no page could be read ({} in all)", states.len()))
        }
        false if states.contains(&State::Endless) => Refusal::new(RefusalKind::TooLarge, warnings(states).join("; ")),
        false if states.iter().all(|state| *state == State::Undecodable) => Refusal::new(
            RefusalKind::NoText,
            format!("text layer is not decodable on {}: the fonts do not say which characters they show", ranges(&all)),
        ),
        false => Refusal::new(RefusalKind::NoText, warnings(states).join("; ")),
    }
}
