//! Glyphs in the order of the page's content become lines.
//!
//! Content order beats guessing columns (measured against three column-detecting libraries), so a line ends only where
//! the content itself jumps: another baseline, back to the left, or another direction.

use super::accents;
use super::letters::{self, Letter};
use super::rtl;
use kurbo::{Point, Vec2};

/// A gap of this many em between two glyphs is a space.
const SPACE: f64 = 0.18;
/// The same between two digits of separate runs: tick labels and table cells are set close together.
const SPACE_BETWEEN_DIGITS: f64 = 0.08;
/// The same between two characters of a script without spaces: they are set apart to fill the line.
const SPACE_BETWEEN_UNSPACED: f64 = 0.8;
/// A gap of this many em separates two cells of a row.
pub(crate) const CELL: f64 = 1.6;
/// Glyphs that a repeated one is looked for among.
const REMEMBERED: usize = 512;

/// A glyph with its place: `origin` is where it stands, `advance` the vector to the next one, `up` the vector of one em
/// towards the top of the letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) origin: Point,
    pub(crate) advance: Vec2,
    pub(crate) direction: Vec2,
    pub(crate) up: Vec2,
    /// Width of one em along the direction; differs from the height in stretched type.
    pub(crate) em: f64,
    /// True for the first glyph of a run.
    pub(crate) starts_run: bool,
}

/// One line of the page. Distances are in points along (`start`, `end`) and across (`base`, growing downwards) its
/// direction; a right-to-left line is mirrored so that it starts at the smaller value too.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) direction: Vec2,
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) base: f64,
    /// Height of the type.
    pub(crate) size: f64,
    /// Gaps wide enough to separate cells.
    pub(crate) cells: u32,
    /// The line's last glyph was a soft hyphen.
    pub(crate) broken_word: bool,
    pub(crate) right_to_left: bool,
}

/// Where one glyph's letters are in the line's text, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) at: u32,
    pub(crate) length: u32,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

struct Open {
    line: Line,
    up: Vec2,
    em: f64,
    glyphs: u32,
    gap_spaces: u32,
    /// End of the last glyph that shows something.
    ink_end: f64,
    space_seen: bool,
}

/// Takes glyphs, gives lines.
#[derive(Default)]
pub(crate) struct LineBuilder {
    open: Option<Open>,
    marks: Vec<Mark>,
    lines: Vec<Line>,
    scratch: String,
}

impl LineBuilder {
    /// All lines in content order.
    pub(crate) fn finish(mut self) -> Vec<Line> {
        self.close();
        self.lines
    }

    /// Adds a glyph. Returns how many of its characters were not text.
    pub(crate) fn push(&mut self, text: &str, place: &Placed) -> u32 {
        let mut letters = std::mem::take(&mut self.scratch);
        letters.clear();
        let (mut unknown, mut space, mut soft_hyphen) = (0, false, false);
        for c in text.chars() {
            match letters::classify(c) {
                Letter::Plain(c) => letters.push(c),
                Letter::Composed(c) => letters.extend(letters::decompose(c).filter(|c| *c != ' ')),
                Letter::Space => space = true,
                Letter::SoftHyphen => soft_hyphen = true,
                Letter::Nothing => {}
                Letter::Unknown => unknown += 1,
            }
        }
        if !letters.is_empty() {
            self.place(&letters, place);
        } else if soft_hyphen {
            self.soft_hyphen(place);
        } else if space {
            self.space(place);
        }
        self.scratch = letters;
        unknown
    }

    fn soft_hyphen(&mut self, place: &Placed) {
        if let Some(open) = &mut self.open
            && open.holds(place)
        {
            open.line.broken_word = true;
            open.ink_end = open.ink_end.max(open.along(place.origin) + place.advance.length());
        }
    }

    fn space(&mut self, place: &Placed) {
        if let Some(open) = &mut self.open
            && open.holds(place)
        {
            open.space_seen = true;
        }
    }

    fn place(&mut self, letters: &str, place: &Placed) {
        let continues = match &self.open {
            Some(open) if open.holds(place) => {
                let from = open.along(place.origin);
                if from < open.ink_end - 0.02 * open.em && self.is_repeated(letters, from, place) {
                    return;
                }
                open.continues(letters, from, from + place.advance.length())
            }
            _ => false,
        };
        if !continues {
            self.close();
            self.open = Some(Open::new(place));
        }
        self.append(letters, place);
    }

    /// Bold type is sometimes faked by drawing every letter again, a little to the side.
    fn is_repeated(&self, letters: &str, from: f64, place: &Placed) -> bool {
        let Some(open) = &self.open else { return false };
        let tolerance = (0.12 * place.em).min(0.5 * place.advance.length());
        self.marks.iter().rev().take(REMEMBERED).any(|mark| {
            (mark.from - from).abs() <= tolerance
                && open.line.text[mark.at as usize..(mark.at + mark.length) as usize] == *letters
        })
    }

    fn append(&mut self, letters: &str, place: &Placed) {
        let Some(open) = &mut self.open else { return };
        let from = open.along(place.origin);
        let to = from + place.advance.length();
        if let Some(mark) = self.marks.last_mut()
            && !open.space_seen
            && open.compose(mark, letters, from, to)
        {
            return;
        }
        open.separate(letters, from, place);
        let right_to_left = letters.chars().any(letters::is_right_to_left);
        open.line.right_to_left |= right_to_left;
        let at = open.line.text.len() as u32;
        open.line.text.push_str(letters);
        self.marks.push(Mark { at, length: letters.len() as u32, from, to });
        open.advance(from, to, place);
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        if open.line.right_to_left {
            open.line.text = rtl::logical(&open.line.text, &mut self.marks, open.em);
            (open.line.start, open.line.end) = (-open.line.end, -open.line.start);
        } else if open.is_letter_spaced() {
            open.line.text = tightened(&open.line.text, &self.marks);
            open.line.cells = 0;
        }
        self.marks.clear();
        if !open.line.text.is_empty() {
            self.lines.push(open.line);
        }
    }
}

impl Open {
    fn new(place: &Placed) -> Self {
        let direction = place.direction;
        let mut open = Self {
            line: Line {
                text: String::new(),
                direction,
                start: 0.0,
                end: 0.0,
                base: 0.0,
                size: place.up.length(),
                cells: 0,
                broken_word: false,
                right_to_left: false,
            },
            up: place.up.normalize(),
            em: place.em,
            glyphs: 0,
            gap_spaces: 0,
            ink_end: 0.0,
            space_seen: false,
        };
        open.line.start = open.along(place.origin);
        open.line.end = open.line.start;
        open.ink_end = open.line.start;
        open.line.base = open.across(place.origin);
        open
    }

    fn along(&self, point: Point) -> f64 {
        point.to_vec2().dot(self.line.direction)
    }

    fn across(&self, point: Point) -> f64 {
        -point.to_vec2().dot(self.up)
    }

    /// Same direction and, within half an em, the same baseline.
    fn holds(&self, place: &Placed) -> bool {
        let tall = self.line.size.max(place.up.length());
        self.line.direction.dot(place.direction) > 0.98
            && (self.across(place.origin) - self.line.base).abs() <= 0.5 * tall
    }

    /// True unless the glyph starts more than an em before the line's end. Right-to-left text may be drawn letter by
    /// letter towards the left; it then touches the line's start.
    fn continues(&self, letters: &str, from: f64, to: f64) -> bool {
        if from >= self.ink_end - self.em {
            return true;
        }
        let leftwards = self.line.right_to_left || letters.chars().any(letters::is_right_to_left);
        leftwards && to <= self.line.start + 0.3 * self.em && to >= self.line.start - 3.0 * self.em
    }

    /// Puts the space, or the wider gap between cells, that the distance asks for.
    fn separate(&mut self, letters: &str, from: f64, place: &Placed) {
        let text = &mut self.line.text;
        let Some(last) = text.chars().next_back() else { return };
        let gap = from - self.ink_end;
        let em = self.em.max(place.em);
        let digits = place.starts_run && last.is_ascii_digit() && letters.starts_with(|c: char| c.is_ascii_digit());
        let unspaced = letters::is_unspaced(last) && letters.starts_with(letters::is_unspaced);
        let wanted = match () {
            () if digits => SPACE_BETWEEN_DIGITS,
            () if unspaced => SPACE_BETWEEN_UNSPACED,
            () => SPACE,
        };
        if gap > CELL * em && !is_list_marker(text) {
            text.push_str("  ");
            self.line.cells += 1;
        } else if gap > wanted * em || self.space_seen {
            text.push(' ');
            self.gap_spaces += u32::from(!self.space_seen);
        }
        self.space_seen = false;
        self.line.broken_word = false;
    }

    /// Makes one letter of the last glyph and this one, if one is an accent and they stand in the same place.
    fn compose(&mut self, last: &mut Mark, letters: &str, from: f64, to: f64) -> bool {
        let shared = last.to.min(to) - last.from.max(from);
        if shared <= 0.5 * (last.to - last.from).min(to - from) {
            return false;
        }
        let Some(letter) = accents::composed(&self.line.text[last.at as usize..], letters) else { return false };
        self.line.text.truncate(last.at as usize);
        self.line.text.push(letter);
        (last.from, last.to) = (last.from.min(from), last.to.max(to));
        last.length = letter.len_utf8() as u32;
        self.ink_end = last.to;
        self.line.start = self.line.start.min(from);
        self.line.end = self.line.end.max(to);
        true
    }

    fn advance(&mut self, from: f64, to: f64, place: &Placed) {
        // The size of a line is the mean of its glyphs: a raised mark does not make it small.
        let size = place.up.length();
        self.line.size += (size - self.line.size) / f64::from(self.glyphs + 1);
        self.em += (place.em - self.em) / f64::from(self.glyphs + 1);
        self.glyphs += 1;
        self.ink_end = to;
        self.line.start = self.line.start.min(from);
        self.line.end = self.line.end.max(to);
    }

    /// Most letters stand apart from their neighbours: spacing for looks, not between words.
    fn is_letter_spaced(&self) -> bool {
        self.glyphs >= 5
            && self.gap_spaces * 10 >= self.glyphs * 7
            && self.line.cells == 0
            && !self.line.text.contains(|c: char| c.is_ascii_digit())
    }
}

/// The text of a letter-spaced line: only gaps clearly wider than usual are spaces.
fn tightened(text: &str, marks: &[Mark]) -> String {
    let mut gaps: Vec<f64> = marks.windows(2).map(|pair| pair[1].from - pair[0].to).collect();
    gaps.sort_by(f64::total_cmp);
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut last: Option<&Mark> = None;
    for mark in marks {
        if last.is_some_and(|last| mark.from - last.to > 1.6 * usual) {
            out.push(' ');
        }
        out.push_str(&text[mark.at as usize..(mark.at + mark.length) as usize]);
        last = Some(mark);
    }
    out
}

/// A bullet or a number such as `•`, `3.`, `(b)` or `iv)` standing alone.
pub(crate) fn is_list_marker(text: &str) -> bool {
    is_bullet(text) || is_number_marker(text)
}

pub(crate) fn is_bullet(text: &str) -> bool {
    matches!(
        text.trim(),
        "-" | "*"
            | "o"
            | "\u{2022}"
            | "\u{2013}"
            | "\u{2014}"
            | "\u{25CF}"
            | "\u{25AA}"
            | "\u{25CB}"
            | "\u{25A0}"
            | "\u{2023}"
            | "\u{25E6}"
            | "\u{2043}"
            | "\u{00B7}"
            | "\u{27A2}"
            | "\u{2713}"
    )
}

pub(crate) fn is_number_marker(text: &str) -> bool {
    let text = text.trim();
    let Some(inner) = text.strip_suffix(['.', ')', ']']).map(|rest| rest.trim_start_matches(['(', '['])) else {
        return false;
    };
    let length = inner.chars().count();
    let number = length <= 3 && inner.chars().all(|c| c.is_ascii_digit());
    let letter = length == 1 && inner.chars().all(char::is_alphabetic);
    let roman = length <= 4 && inner.chars().all(|c| matches!(c, 'i' | 'v' | 'x'));
    length > 0 && (number || letter || roman)
}
