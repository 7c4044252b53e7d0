//! The device that the page's drawing instructions run into: it keeps the glyphs and counts the rest.

use super::cid::CidFonts;
use super::line::{Line, LineBuilder, Placed};
use super::{cjk, legacy};
use hayro_interpret::font::{Glyph, GlyphRun, PositionedGlyph};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::{BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask};
use hayro_syntax::object::{self, Dict};
use kurbo::{Affine, BezPath, Point, Rect, Vec2};
use std::panic::resume_unwind;
use std::rc::Rc;

/// What a page showed besides its lines.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Glyphs, spaces included.
    pub(crate) glyphs: u64,
    /// Glyphs that no table of the file turns into a character.
    pub(crate) unmapped: u64,
    /// Glyphs whose characters were guessed from their codes.
    pub(crate) guessed: u64,
    /// Pictures.
    pub(crate) images: u64,
    /// Filled or stroked paths.
    pub(crate) paths: u64,
}

/// Codes that are kept: enough to tell a language by.
const CODES_KEPT: usize = 4_096;

/// The payload of the unwinding that ends a page whose operations are used up.
pub(crate) struct TooManyOperations;

/// Collects one page.
pub(crate) struct TextDevice {
    builder: LineBuilder,
    counts: Counts,
    operations_left: u64,
    /// Open marked-content sequences; each may state the text that its glyphs stand for.
    marked: Vec<Option<ActualText>>,
    /// How codes of one byte are read in pairs; not at all on nearly every page.
    pairs: Option<Pairs>,
    /// What codes of fonts without Unicode show, if that was looked up.
    cid_fonts: Option<Rc<CidFonts>>,
    /// Codes of one byte in order, for guessing what pairs of them mean.
    codes: Vec<u8>,
}

/// A page's encoding, and the first half of a character that waits for its second.
struct Pairs {
    encoding: &'static encoding_rs::Encoding,
    lead: Option<(u8, Placed)>,
}

struct ActualText {
    text: String,
    used: bool,
}

impl TextDevice {
    pub(crate) fn new(operations: u64) -> Self {
        Self {
            builder: LineBuilder::default(),
            counts: Counts::default(),
            operations_left: operations,
            marked: Vec::new(),
            pairs: None,
            cid_fonts: None,
            codes: Vec::new(),
        }
    }

    /// A device that reads codes of one byte in pairs.
    pub(crate) fn with_pairs(operations: u64, encoding: &'static encoding_rs::Encoding) -> Self {
        Self { pairs: Some(Pairs { encoding, lead: None }), ..Self::new(operations) }
    }

    /// A device that looks codes up in these fonts' tables where the file itself does not say what they show.
    pub(crate) fn with_fonts(operations: u64, fonts: Rc<CidFonts>) -> Self {
        Self { cid_fonts: Some(fonts), ..Self::new(operations) }
    }

    /// The page's lines in content order, what else was on it, and the first of its codes of one byte.
    pub(crate) fn finish(self) -> (Vec<Line>, Counts, Vec<u8>) {
        (self.builder.finish(), self.counts, self.codes)
    }

    /// The interpreter cannot be asked to stop, so a page that is over its budget is unwound; the page's `catch_unwind`
    /// is waiting. No panic hook runs.
    fn spend(&mut self) {
        match self.operations_left.checked_sub(1) {
            Some(left) => self.operations_left = left,
            None => resume_unwind(Box::new(TooManyOperations)),
        }
    }

    fn glyph(&mut self, glyph: &PositionedGlyph<'_>, page: Affine, vertical: bool, starts_run: bool) {
        self.spend();
        self.counts.glyphs += 1;
        let Some(mut place) = placed(glyph, page, vertical) else { return };
        place.starts_run = starts_run;
        if let Some(actual) = self.marked.iter_mut().rev().find_map(Option::as_mut) {
            // The first glyph of the sequence stands for all of its text.
            if !std::mem::replace(&mut actual.used, true) {
                let text = std::mem::take(&mut actual.text);
                self.builder.push(&text, &place);
            }
            return;
        }
        if let Ok(code @ 0x20..) = u8::try_from(glyph.char_code())
            && matches!(**glyph, Glyph::Outline(_))
        {
            if self.codes.len() < CODES_KEPT {
                self.codes.push(code);
            }
            if self.pair(code, &place) {
                return;
            }
        }
        let unknown = match glyph.as_unicode().or_else(|| self.looked_up(glyph)) {
            Some(BfString::Char(c)) => self.builder.push(c.encode_utf8(&mut [0; 4]), &place),
            Some(BfString::String(text)) => self.builder.push(&text, &place),
            None => self.guess(glyph, &place),
        };
        self.counts.unmapped += u64::from(unknown > 0);
    }

    /// Takes a code as half of a character, if this page's are; false for one that stands for itself.
    fn pair(&mut self, code: u8, place: &Placed) -> bool {
        let Some(pairs) = &mut self.pairs else { return false };
        if let Some((lead, start)) = pairs.lead.take()
            && let Some(c) = cjk::character(pairs.encoding, lead, code)
        {
            let whole = Placed { advance: start.advance + place.advance, ..start };
            self.builder.push(c.encode_utf8(&mut [0; 4]), &whole);
            return true;
        }
        if cjk::is_lead(code) {
            pairs.lead = Some((code, *place));
            return true;
        }
        false
    }

    fn looked_up(&self, glyph: &Glyph<'_>) -> Option<BfString> {
        let (Some(fonts), Glyph::Outline(outline)) = (&self.cid_fonts, glyph) else { return None };
        fonts.character(&outline.font_data()?.postscript_name?, glyph.char_code())
    }

    /// A glyph without Unicode: those of Type 3 fonts have a code that says something.
    fn guess(&mut self, glyph: &Glyph<'_>, place: &Placed) -> u32 {
        let code = matches!(glyph, Glyph::Type3(_)).then(|| glyph.char_code());
        let Some(letters) = code.and_then(legacy::likely) else { return 1 };
        self.counts.guessed += 1;
        self.builder.push(letters, place)
    }
}

/// Where a glyph stands on the page, in the page's own coordinates; nothing for type without size.
fn placed(glyph: &PositionedGlyph<'_>, page: Affine, vertical: bool) -> Option<Placed> {
    const UNITS: f64 = 1000.0;
    let [a, b, c, d, x, y] = (page * glyph.transform()).as_coeffs();
    let (across, upwards) = (Vec2::new(a, b) * UNITS, Vec2::new(c, d) * UNITS);
    let (em, height) = (across.length(), upwards.length());
    if !(em.is_finite() && height.is_finite() && em > 1e-3 && height > 1e-3 && x.is_finite() && y.is_finite()) {
        return None;
    }
    if vertical {
        let direction = -upwards / height;
        return Some(Placed {
            origin: Point::new(x, y),
            advance: -upwards,
            direction,
            up: across,
            em: height,
            starts_run: false,
        });
    }
    let direction = across / em;
    // The part of the up vector that is at right angles to the direction: italics lean.
    let up = upwards - direction * upwards.dot(direction);
    let width = match &**glyph {
        Glyph::Outline(outline) => outline.advance_width(),
        Glyph::Type3(type3) => type3.advance_width(),
    };
    let advance = across * (f64::from(width.unwrap_or(0.0)) / UNITS);
    // No letter is three em wide: a Type 3 font whose own matrix makes up for a tiny size. A letter is half an em wide.
    let scale = if advance.length() > 3.0 * em { 2.0 * advance.length() / em } else { 1.0 };
    let (up, em) = (up * scale, em * scale);
    (up.length() > 1e-3).then_some(Placed { origin: Point::new(x, y), advance, direction, up, em, starts_run: false })
}

/// Text strings are UTF-16 with a mark, UTF-8 with a mark, or close to Latin-1.
pub(crate) fn text_string(bytes: &[u8]) -> String {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding.decode_with_bom_removal(bytes).0.into_owned();
    }
    str::from_utf8(bytes)
        .map_or_else(|_| encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(), str::to_owned)
}

impl<'a> Device<'a> for TextDevice {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {
        self.spend();
        self.counts.paths += 1;
    }

    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {
        self.spend();
        self.counts.paths += 1;
    }

    fn push_clip_path(&mut self, _: &ClipPath) {
        self.spend();
    }

    fn push_clip_rect(&mut self, _: &Rect) {
        self.spend();
    }

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {
        self.spend();
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        let vertical = run.writing_mode() == WritingMode::Vertical;
        for (at, glyph) in run.glyphs().iter().enumerate() {
            self.glyph(glyph, props.transform, vertical, at == 0);
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.spend();
        self.counts.images += 1;
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}

    fn begin_marked_content(&mut self, _: &[u8], properties: Option<&Dict<'_>>) {
        self.spend();
        let text = properties.and_then(|properties| properties.get::<object::String<'_>>(&b"ActualText"[..]));
        self.marked.push(text.map(|text| ActualText { text: text_string(text.as_bytes()), used: false }));
    }

    fn end_marked_content(&mut self) {
        self.marked.pop();
    }
}
