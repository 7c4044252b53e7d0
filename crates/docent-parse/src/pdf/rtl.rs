//! Right-to-left lines: PDFs draw them by position, readers and indexes need them in the order they are read.

use super::letters;
use super::line::Mark;
use std::cmp::Ordering;
use unicode_bidi::{BidiInfo, Level};

/// A gap of this many em is a space (Arabic spaces are narrow).
const SPACE: f64 = 0.15;

/// The line in reading order. Its glyphs are laid out from left to right, which gives the visual order whatever the order
/// they were drawn in; the bidirectional algorithm, which is its own inverse for one line, then gives the logical one.
pub(crate) fn logical(text: &str, marks: &mut [Mark], em: f64) -> String {
    pull_marks_onto_their_letters(text, marks);
    marks.sort_by(|a, b| a.from.partial_cmp(&b.from).unwrap_or(Ordering::Equal));
    reorder(&visual(text, marks, em))
}

/// A vowel sign must stay directly left of its letter, so that turning the line puts it behind the letter.
fn pull_marks_onto_their_letters(text: &str, marks: &mut [Mark]) {
    let mut letter: Option<Mark> = None;
    for mark in marks {
        let is_mark = text[mark.at as usize..].chars().next().is_some_and(letters::is_mark);
        match letter {
            Some(base) if is_mark && mark.from < base.to && mark.to >= base.from => {
                mark.from = base.from - 1e-6;
                mark.to = base.from;
            }
            _ => letter = Some(*mark),
        }
    }
}

fn visual(text: &str, marks: &[Mark], em: f64) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end: Option<f64> = None;
    for mark in marks {
        if end.is_some_and(|end| mark.from - end > SPACE * em) {
            out.push(' ');
        }
        let letters = &text[mark.at as usize..(mark.at + mark.length) as usize];
        if letters.chars().any(letters::is_right_to_left) {
            out.extend(letters.chars().rev());
        } else {
            out.push_str(letters);
        }
        end = Some(end.map_or(mark.to, |end| end.max(mark.to)));
    }
    out
}

fn reorder(visual: &str) -> String {
    let count = |test: fn(char) -> bool| visual.chars().filter(|c| test(*c)).count();
    let right = count(letters::is_right_to_left);
    let left = count(|c| c.is_alphabetic() && !letters::is_right_to_left(c));
    let level = if right >= left { Level::rtl() } else { Level::ltr() };
    let info = BidiInfo::new(visual, Some(level));
    info.paragraphs.iter().map(|paragraph| info.reorder_line(paragraph, paragraph.range.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks for characters that stand side by side, half an em wide, in the given order of places.
    fn set(text: &str, places: impl Iterator<Item = f64>) -> String {
        let mut marks: Vec<Mark> = text
            .char_indices()
            .zip(places)
            .filter(|((_, c), _)| *c != ' ')
            .map(|((at, c), place)| Mark { at: at as u32, length: c.len_utf8() as u32, from: place, to: place + 0.5 })
            .collect();
        logical(text, &mut marks, 1.0)
    }

    #[test]
    fn lines_come_out_as_they_are_read() {
        let drawn_leftwards = |text: &str| set(text, (0..).map(|i| -f64::from(i) * 0.5));
        let drawn_rightwards = |text: &str| set(text, (0..).map(|i| f64::from(i) * 0.5));
        assert_eq!(drawn_leftwards("שלום עולם"), "שלום עולם");
        assert_eq!(drawn_rightwards("םלוע םולש"), "שלום עולם");
        assert_eq!(drawn_rightwards("2024 תנשב"), "בשנת 2024");
        assert_eq!(drawn_rightwards("the word םולש means peace"), "the word שלום means peace");
    }
}
