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
    let gap = if last.right_to_left { line.start - last.end } else { last.start - line.end };
    let space = match gap / last.size {
        wide if wide > 1.6 && !last.right_to_left => "  ",
        some if some > 0.15 => " ",
        _ => "",
    };
    last.cells += line.cells + u32::from(space.len() > 1);
    last.text = match last.right_to_left {
        true => format!("{}{space}{}", last.text, line.text),
        false => format!("{}{space}{}", line.text, last.text),
    };
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
        if breaks_word(line, next) && (near || !self.first_of_paragraph) {
            return Ending::Flows;
        }
        let flows = if near { self.flows_on() } else { !stacked && self.resumes() };
        if flows { Ending::Flows } else { parted }
    }

    /// The next line's first word would not have fitted.
    fn is_full(&self) -> bool {
        let room = self.column.edge - self.line.end;
        room < first_word_width(self.next) + 0.2 * self.line.size
    }

    /// A full line whose sentence goes on elsewhere: in the next column, or behind a picture. A line that is all of its
    /// block (a page's header) is always full, so it does not count.
    fn resumes(&self) -> bool {
        !self.first_of_paragraph && !ends_sentence(self.line) && starts_small(self.next)
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
        let before = line.text.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        let behind = next.text.split_whitespace().next().unwrap_or_default();
        if !before.trim_end_matches(['-', '\u{2010}', '\u{2011}']).contains('-') && !behind.contains('-') {
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

#[cfg(test)]
mod tests {
    use super::*;
    use kurbo::Vec2;

    /// Lines of type of 10 points, half an em per letter, from (indent, baseline, words).
    fn laid_out(lines: &[(f64, f64, &str)]) -> String {
        let line = |(start, base, text): &(f64, f64, &str)| Line {
            text: (*text).to_owned(),
            direction: Vec2::new(1.0, 0.0),
            start: *start,
            end: start + 5.0 * text.chars().count() as f64,
            base: *base,
            size: 10.0,
            cells: text.matches("  ").count() as u32,
            broken_word: false,
            right_to_left: false,
        };
        page_text(lines.iter().map(line).collect())
    }

    #[test]
    fn wrapped_lines_are_joined_and_others_are_not() {
        type Case<'a> = (&'a [(f64, f64, &'a str)], &'a str);
        let table: &[Case<'_>] = &[
            (
                &[(0.0, 0.0, "The annual leave of"), (0.0, 12.0, "everybody is 25"), (0.0, 24.0, "days.")],
                "The annual leave of everybody is 25 days.",
            ),
            (
                &[(0.0, 0.0, "It was a long re-"), (0.0, 12.0, "peated story about"), (0.0, 24.0, "it.")],
                "It was a long repeated story about it.",
            ),
            (
                &[(0.0, 0.0, "a model that is state-"), (0.0, 12.0, "of-the-art in all of it"), (0.0, 24.0, "today")],
                "a model that is state-of-the-art in all of it today",
            ),
            (
                &[(0.0, 0.0, "Heading"), (0.0, 12.0, "This line is a good deal longer"), (0.0, 24.0, "than that.")],
                "Heading\nThis line is a good deal longer than that.",
            ),
            (
                &[
                    (0.0, 0.0, "First paragraph of the page."),
                    (0.0, 12.0, "Its end is full to the edge."),
                    (15.0, 24.0, "Second paragraph, in-"),
                    (0.0, 36.0, "dented, goes on and on so."),
                ],
                "First paragraph of the page. Its end is full to the edge.\nSecond paragraph, indented, goes on and on so.",
            ),
            (
                &[
                    (0.0, 0.0, "one long list of these:"),
                    (0.0, 12.0, "\u{2022} bread and some butter"),
                    (0.0, 24.0, "\u{2022} more tea"),
                ],
                "one long list of these:\n\u{2022} bread and some butter\n\u{2022} more tea",
            ),
            (
                &[(0.0, 0.0, "Item  Price of one"), (0.0, 12.0, "Tie  9 EUR"), (0.0, 24.0, "Hat  12 EUR")],
                "Item  Price of one\nTie  9 EUR\nHat  12 EUR",
            ),
            (
                &[
                    (0.0, 0.0, "The first column ends in"),
                    (0.0, 12.0, "the middle of a sentence"),
                    (200.0, 0.0, "that goes on here."),
                ],
                "The first column ends in the middle of a sentence that goes on here.",
            ),
            (
                &[(0.0, 0.0, "A running header"), (0.0, 40.0, "of the page stands above text."), (0.0, 52.0, "so.")],
                "A running header\n\nof the page stands above text. so.",
            ),
        ];
        for (lines, expected) in table {
            assert_eq!(laid_out(lines), *expected);
        }
    }

    #[test]
    fn pieces_of_a_row_drawn_from_the_right_are_in_order() {
        assert_eq!(laid_out(&[(100.0, 0.0, "right"), (0.0, 0.0, "left")]), "left  right");
        assert_eq!(laid_out(&[(28.0, 0.0, "right"), (0.0, 0.0, "left")]), "left right");
        assert_eq!(laid_out(&[(20.0, 0.0, "over"), (0.0, 0.0, "left")]), "leftover");
    }
}
