//! Lines become the page's text: lines of a paragraph are joined, rows, list items and headings stay on their own.
//!
//! A line flows on into the next one if it is full, that is, if the next line's first word would not have fitted behind
//! it. This holds for justified and for ragged type, and it fails for headings, addresses, verse and code, which is what
//! is wanted: their authors broke the lines on purpose.

use super::letters;
use super::line::{self, Line};

/// Lines that stand below each other in one column.
struct Column {
    /// Where its lines end at most.
    edge: f64,
    /// The usual distance between two baselines.
    pitch: f64,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The next line goes on with it.
    Flows,
    /// The next line is another row or item.
    Breaks,
    /// What follows is another paragraph.
    Parts,
}

/// The text of a page.
pub(crate) fn page_text(lines: Vec<Line>) -> String {
    let lines = rows(lines);
    let columns = columns(&lines);
    let mut out = String::with_capacity(lines.iter().map(|line| line.text.len() + 1).sum());
    let mut first_of_paragraph = true;
    for (at, line) in lines.iter().enumerate() {
        out.push_str(line.text.trim_end());
        let Some(next) = lines.get(at + 1) else { break };
        let ending =
            Neighbours { line, next, after: lines.get(at + 2), column: &columns[at], first_of_paragraph }.ending();
        first_of_paragraph = ending != Ending::Flows;
        match ending {
            Ending::Flows => join(&mut out, line, next),
            Ending::Breaks => out.push('\n'),
            Ending::Parts => out.push_str("\n\n"),
        }
    }
    out
}

/// Puts pieces of one row that were drawn from right to left into one line.
fn rows(lines: Vec<Line>) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        match out.last_mut() {
            Some(last) if same_row(last, &line) => prepend(last, line),
            _ => out.push(line),
        }
    }
    out
}

fn same_row(a: &Line, b: &Line) -> bool {
    let tall = a.size.max(b.size);
    let level = a.direction.dot(b.direction) > 0.98 && (a.base - b.base).abs() < 0.3 * tall;
    let mirrored = a.right_to_left && b.right_to_left;
    let beside = if mirrored { b.start >= a.end - 0.3 * tall } else { b.end <= a.start + 0.3 * tall };
    level && a.right_to_left == b.right_to_left && beside
}

fn prepend(last: &mut Line, line: Line) {
    if last.right_to_left {
        last.text.push(' ');
        last.text.push_str(&line.text);
    } else {
        let wide = last.start - line.end > 1.6 * last.size;
        last.cells += line.cells + u32::from(wide);
        last.text = format!("{}{}{}", line.text, if wide { "  " } else { " " }, last.text);
    }
    last.start = last.start.min(line.start);
    last.end = last.end.max(line.end);
}

fn columns(lines: &[Line]) -> Vec<Column> {
    let mut out = Vec::with_capacity(lines.len());
    let mut first = 0;
    for at in 0..lines.len() {
        let goes_on = lines.get(at + 1).is_some_and(|next| stacked(&lines[at], next));
        if !goes_on {
            let column = &lines[first..=at];
            let (edge, pitch) = (edge(column), pitch(column));
            out.extend(column.iter().map(|_| Column { edge, pitch }));
            first = at + 1;
        }
    }
    out
}

/// `b` stands below `a`, in type of the same size, and shares some of its width.
fn stacked(a: &Line, b: &Line) -> bool {
    let drop = b.base - a.base;
    let overlap = a.end.min(b.end) - a.start.max(b.start);
    same_type(a, b) && drop > 0.4 * a.size && drop < 2.6 * a.size && overlap > 0.0
}

fn same_type(a: &Line, b: &Line) -> bool {
    let ratio = a.size / b.size;
    a.direction.dot(b.direction) > 0.98 && a.right_to_left == b.right_to_left && (0.87..1.15).contains(&ratio)
}

/// The furthest end, unless a single line sticks out of a column.
fn edge(column: &[Line]) -> f64 {
    let mut ends: Vec<f64> = column.iter().map(|line| line.end).collect();
    ends.sort_by(|a, b| b.total_cmp(a));
    match (ends.first(), ends.get(1)) {
        (Some(first), Some(second)) if column.len() >= 4 && first - second > 3.0 * column[0].size => *second,
        (Some(first), _) => *first,
        _ => 0.0,
    }
}

/// The lower quartile of the distances: paragraphs' gaps do not make it larger.
fn pitch(column: &[Line]) -> f64 {
    let mut drops: Vec<f64> = column.windows(2).map(|pair| pair[1].base - pair[0].base).collect();
    drops.sort_by(f64::total_cmp);
    drops.get(drops.len() / 4).copied().unwrap_or(column[0].size * 1.2)
}

struct Neighbours<'a> {
    line: &'a Line,
    next: &'a Line,
    after: Option<&'a Line>,
    column: &'a Column,
    first_of_paragraph: bool,
}

impl Neighbours<'_> {
    fn ending(&self) -> Ending {
        let (line, next) = (self.line, self.next);
        let stacked = stacked(line, next);
        let near = stacked && next.base - line.base <= 1.3 * self.column.pitch;
        let parted = if near { Ending::Breaks } else { Ending::Parts };
        if !same_type(line, next) || line.cells + next.cells > 0 {
            return if stacked || line.cells > 0 && next.cells > 0 { Ending::Breaks } else { Ending::Parts };
        }
        if starts_with_bullet(next) || !self.is_full() {
            return parted;
        }
        if breaks_word(line, next) {
            return Ending::Flows;
        }
        let flows = if near { self.flows_on() } else { !stacked && !ends_sentence(line) && starts_small(next) };
        if flows { Ending::Flows } else { parted }
    }

    /// The next line's first word would not have fitted.
    fn is_full(&self) -> bool {
        let room = self.column.edge - self.line.end;
        room < first_word_width(self.next) + 0.2 * self.line.size
    }

    /// For a full line whose next line stands right below: an indent can still part them.
    fn flows_on(&self) -> bool {
        let (line, next) = (self.line, self.next);
        if starts_with_number(next) && ends_sentence(line) {
            return false;
        }
        let indent = (next.start - line.start) / line.size;
        if indent > 0.8 && ends_sentence(line) {
            let hanging = self
                .after
                .is_some_and(|after| stacked(next, after) && (after.start - next.start).abs() < 0.4 * line.size);
            return hanging && self.first_of_paragraph;
        }
        if indent < -0.8 && !self.first_of_paragraph {
            return !ends_sentence(line);
        }
        true
    }
}

fn first_word_width(line: &Line) -> f64 {
    let mut characters = line.text.chars();
    let Some(first) = characters.next() else { return 0.0 };
    if letters::is_unspaced(first) {
        return line.size;
    }
    let all = line.text.chars().count();
    let word = 1 + characters.take_while(|c| !c.is_whitespace()).count();
    (line.end - line.start) * word as f64 / all as f64
}

fn starts_with_bullet(line: &Line) -> bool {
    line.text.split_whitespace().next().is_some_and(|word| line::is_bullet(word) && word != "o")
        || line.text.starts_with(['\u{2022}', '\u{25CF}', '\u{25AA}'])
}

fn starts_with_number(line: &Line) -> bool {
    line.text.split_whitespace().next().is_some_and(line::is_number_marker)
}

fn starts_small(line: &Line) -> bool {
    line.text.chars().next().is_some_and(char::is_lowercase)
}

fn ends_sentence(line: &Line) -> bool {
    let text = line.text.trim_end_matches(['"', '\'', ')', ']', '\u{201D}', '\u{2019}', '\u{BB}', ' ']);
    text.ends_with(['.', '!', '?', ':', ';', '\u{3002}', '\u{FF01}', '\u{FF1F}', '\u{61F}'])
}

/// The line ends in the middle of a word: a hyphen behind a letter, and a small letter on the next line.
fn breaks_word(line: &Line, next: &Line) -> bool {
    if !starts_small(next) {
        return false;
    }
    let mut back = line.text.trim_end().chars().rev();
    line.broken_word
        || matches!(back.next(), Some('-' | '\u{2010}' | '\u{2011}')) && back.next().is_some_and(char::is_alphabetic)
}

fn join(out: &mut String, line: &Line, next: &Line) {
    if line.broken_word {
        return;
    }
    if breaks_word(line, next) {
        // A second hyphen in the word says that hyphens belong to it: state-of-the-art.
        let word = line.text.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        if !word.trim_end_matches(['-', '\u{2010}', '\u{2011}']).contains('-') {
            out.pop();
        }
        return;
    }
    let unspaced = |c: Option<char>| c.is_some_and(letters::is_unspaced);
    let hyphen = out.ends_with('-') && out.chars().rev().nth(1).is_some_and(char::is_alphanumeric);
    let between_unspaced = unspaced(out.chars().next_back()) && unspaced(next.text.chars().next());
    if !hyphen && !between_unspaced {
        out.push(' ');
    }
}
