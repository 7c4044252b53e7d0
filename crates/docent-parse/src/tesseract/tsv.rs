//! What tesseract says of a page: a line for each word with its place and how sure it is, put together to text.
//!
//! Its lines are laid out by the rules that lines of a PDF are, so that paragraphs are joined and broken words whole. A line
//! that it is not sure of is dropped: in a photo or a stain it sees letters, too.

use crate::pdf::layout;
use crate::pdf::letters::{self, Letter};
use crate::pdf::line::{CELL, Line};
use kurbo::Vec2;

/// How sure of its words, from 0 to 100, tesseract has to be in a line that is kept, on average over their letters.
const SURE: f64 = 50.0;
/// Fields of a line of its table, the last being the word.
const FIELDS: usize = 12;
/// What the field `level` says of a word.
const WORD: f64 = 5.0;

/// The text of a page; empty if nothing was recognised.
pub(crate) fn text(table: &[u8]) -> String {
    let table = String::from_utf8_lossy(table);
    let words: Vec<Word> = table.lines().filter_map(Word::parse).collect();
    let lines: Vec<&[Word]> = words.chunk_by(|a, b| a.line == b.line).filter(|line| is_sure(line)).collect();
    let turn = Turn::of(&lines);
    let blocks = lines.chunk_by(|a, b| a[0].line[..2] == b[0].line[..2]);
    layout::page_text(blocks.flat_map(|block| lines_of(block, turn)).collect())
}

/// A word and its place in pixels.
struct Word {
    /// Numbers of page, block, paragraph and line.
    line: [f64; 4],
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    sureness: f64,
    text: String,
}

impl Word {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.splitn(FIELDS, '\t').collect();
        let text = cleaned(fields.get(FIELDS - 1)?);
        let number = |at: usize| fields[at].parse().ok().filter(|number: &f64| number.abs() < 1e6);
        if number(0)? != WORD || text.is_empty() {
            return None;
        }
        let (left, top) = (number(6)?, number(7)?);
        let (width, height) = (number(8)?.max(1.0), number(9)?.max(1.0));
        Some(Self {
            line: [number(1)?, number(2)?, number(3)?, number(4)?],
            left,
            top,
            right: left + width,
            bottom: top + height,
            sureness: number(10)?,
            text,
        })
    }

    fn letters(&self) -> f64 {
        self.text.chars().count() as f64
    }
}

/// A word as it is stored: ligatures are letters, and what cannot be seen is gone.
fn cleaned(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        match letters::classify(c) {
            Letter::Plain(c) => out.push(c),
            Letter::Composed(c) => out.extend(letters::decompose(c).filter(|c| *c != ' ')),
            Letter::Space | Letter::SoftHyphen | Letter::Nothing | Letter::Unknown => {}
        }
    }
    out
}

fn is_sure(line: &[Word]) -> bool {
    let letters: f64 = line.iter().map(Word::letters).sum();
    let sureness: f64 = line.iter().map(|word| word.sureness * word.letters()).sum();
    sureness >= SURE * letters
}

/// Which way the page's lines run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Rightwards,
    Downwards,
    Leftwards,
    Upwards,
}

impl Turn {
    /// As most lines of several words do.
    fn of(lines: &[&[Word]]) -> Self {
        let mut votes = [(Self::Rightwards, 0), (Self::Downwards, 0), (Self::Leftwards, 0), (Self::Upwards, 0)];
        for line in lines {
            if let [first, .., last] = line
                && let Some((_, count)) = votes.iter_mut().find(|(turn, _)| *turn == Self::between(first, last))
            {
                *count += 1;
            }
        }
        votes.into_iter().rev().max_by_key(|(_, count)| *count).map_or(Self::Rightwards, |(turn, _)| turn)
    }

    fn between(first: &Word, last: &Word) -> Self {
        let (x, y) =
            (last.left + last.right - first.left - first.right, last.top + last.bottom - first.top - first.bottom);
        match (x.abs() >= y.abs(), x >= 0.0 || is_right_to_left(&first.text), y >= 0.0) {
            (true, true, _) => Self::Rightwards,
            (true, false, _) => Self::Leftwards,
            (false, _, true) => Self::Downwards,
            (false, _, false) => Self::Upwards,
        }
    }

    /// Where a word begins and ends along its line, and its upper and lower edge across it, growing downwards.
    const fn place(self, word: &Word) -> (f64, f64, f64, f64) {
        let Word { left, top, right, bottom, .. } = *word;
        match self {
            Self::Rightwards => (left, right, top, bottom),
            Self::Downwards => (top, bottom, -right, -left),
            Self::Leftwards => (-right, -left, -bottom, -top),
            Self::Upwards => (-bottom, -top, left, right),
        }
    }
}

fn is_right_to_left(text: &str) -> bool {
    text.chars().any(letters::is_right_to_left)
}

/// The lines of a block. Their height depends on which letters they have, so all of a block count as being of one size.
fn lines_of(block: &[&[Word]], turn: Turn) -> Vec<Line> {
    let heights = block.iter().map(|line| {
        let edges = line.iter().map(|word| turn.place(word));
        let (top, bottom) = edges.fold((f64::MAX, f64::MIN), |(top, bottom), (.., a, b)| (top.min(a), bottom.max(b)));
        bottom - top
    });
    let size = median(heights.collect());
    block.iter().map(|line| laid_out(line, turn, size)).collect()
}

fn laid_out(words: &[Word], turn: Turn, size: f64) -> Line {
    let mut line = Line {
        text: String::new(),
        direction: Vec2::new(1.0, 0.0),
        start: f64::MAX,
        end: f64::MIN,
        // Most words have no letter that reaches below the line.
        base: median(words.iter().map(|word| turn.place(word).3).collect()),
        size,
        cells: 0,
        broken_word: false,
        right_to_left: words.iter().any(|word| is_right_to_left(&word.text)),
    };
    for word in words {
        let (start, end, ..) = turn.place(word);
        if !line.text.is_empty() {
            let gap = (start - line.end).max(line.start - end);
            separate(&mut line, word, gap);
        }
        line.text.push_str(&word.text);
        (line.start, line.end) = (line.start.min(start), line.end.max(end));
    }
    if line.right_to_left {
        (line.start, line.end) = (-line.end, -line.start);
    }
    line
}

/// Puts between a line and its next word what the gap between them means.
fn separate(line: &mut Line, word: &Word, gap: f64) {
    let unspaced = |c: Option<char>| c.is_some_and(letters::is_unspaced);
    if gap > CELL * line.size {
        line.cells += 1;
        line.text.push_str("  ");
    } else if !(unspaced(line.text.chars().next_back()) && unspaced(word.text.chars().next())) {
        line.text.push(' ');
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n";

    /// A table of lines of words of 20 pixels a letter, from (block, line, left, top, sureness, words).
    fn table(lines: &[(u32, u32, i32, i32, u32, &str)]) -> String {
        let mut out = HEAD.to_owned();
        for (block, line, left, top, sureness, words) in lines {
            out.push_str(&format!("4\t1\t{block}\t1\t{line}\t0\t{left}\t{top}\t900\t40\t-1\t\n"));
            let mut left = *left;
            for (number, word) in (1..).zip(words.split(' ')) {
                let width = 20 * word.chars().count() as i32;
                out.push_str(&format!(
                    "5\t1\t{block}\t1\t{line}\t{number}\t{left}\t{top}\t{width}\t40\t{sureness}.5\t{word}\n"
                ));
                left += width + 20;
            }
        }
        out
    }

    #[test]
    fn lines_become_paragraphs_and_doubtful_ones_are_dropped() {
        let page = table(&[
            (1, 1, 100, 100, 90, "The annual leave of every-"),
            (1, 2, 100, 150, 90, "body is 25 days, for part"),
            (1, 3, 100, 200, 90, "time less."),
            (2, 1, 100, 600, 30, "~~ =r | q"),
            (3, 1, 100, 900, 90, "The ﬁrst of two"),
        ]);
        let expected = "The annual leave of everybody is 25 days, for part time less.\n\nThe first of two";
        assert_eq!(text(page.as_bytes()), expected);
    }

    #[test]
    fn a_page_that_lies_on_its_side_is_read_along_its_lines() {
        let upright = table(&[(1, 1, 100, 100, 90, "All of it is one and the"), (1, 2, 100, 150, 90, "same story.")]);
        let turned = |turn: fn(f64, f64, f64, f64) -> [f64; 4]| {
            let turned = upright.lines().skip(1).map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                let number = |at: usize| fields[at].parse::<f64>().unwrap();
                let [left, top, width, height] =
                    turn(number(6), number(7), number(8), number(9)).map(|n| n.to_string());
                let place = [left, top, width, height].join("\t");
                format!("{}\t{place}\t{}\t{}\n", fields[..6].join("\t"), fields[10], fields[11])
            });
            text(turned.collect::<String>().as_bytes())
        };
        let expected = "All of it is one and the same story.";
        assert_eq!(turned(|left, top, width, height| [left, top, width, height]), expected);
        assert_eq!(turned(|left, top, width, height| [2000.0 - top - height, left, height, width]), expected);
        assert_eq!(turned(|left, top, width, height| [top, 2000.0 - left - width, height, width]), expected);
        assert_eq!(
            turned(|left, top, width, height| [2000.0 - left - width, 2000.0 - top - height, width, height]),
            expected
        );
    }

    #[test]
    fn wide_gaps_are_cells() {
        let mut page = table(&[(1, 1, 100, 100, 90, "Hotel"), (1, 1, 600, 100, 90, "265 CHF")]);
        page.push_str(&table(&[(1, 2, 100, 150, 90, "Meal"), (1, 2, 600, 150, 90, "40 CHF")]));
        assert_eq!(text(page.as_bytes()), "Hotel  265 CHF\nMeal  40 CHF");
    }

    #[test]
    fn what_is_no_table_is_no_text() {
        for said in ["", "words", "\t\t\t", "5\t1\t1\t1\t1\t1\tx\ty\t1\t1\t90\tword", HEAD] {
            assert_eq!(text(said.as_bytes()), "", "{said}");
        }
        let far = "5\t1\t1\t1\t1\t1\t1e300\t0\t1\t1\t90\tword\n5\tinf\t1\t1\t1\t1\t0\t0\t1\t1\t90\tword\n";
        assert_eq!(text(far.as_bytes()), "");
    }
}
