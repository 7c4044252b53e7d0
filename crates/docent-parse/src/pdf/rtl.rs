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

/// A vowel sign must stay directly left of its letter, so that turning the line puts it behind the letter. It is drawn
/// just before or just after the letter that it stands over.
fn pull_marks_onto_their_letters(text: &str, marks: &mut [Mark]) {
    let is_sign = |mark: &Mark| text[mark.at as usize..].chars().next().is_some_and(letters::is_mark);
    for at in 0..marks.len() {
        if !is_sign(&marks[at]) {
            continue;
        }
        let middle = (marks[at].from + marks[at].to) / 2.0;
        let before = marks[..at].iter().rev().find(|mark| !is_sign(mark));
        let after = marks[at + 1..].iter().find(|mark| !is_sign(mark));
        let letter = after.into_iter().chain(before).find(|letter| letter.from <= middle && middle <= letter.to);
        if let Some(from) = letter.map(|letter| letter.from) {
            marks[at].from = from - 1e-6;
            marks[at].to = from;
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

    #[test]
    fn a_vowel_sign_goes_behind_its_letter() {
        let glyphs = [("\u{627}", 0.0, 0.2), ("\u{64b}", 0.3, 0.3), ("\u{636}", 0.2, 1.0), ("\u{64a}", 1.0, 1.3)];
        let mut text = String::new();
        let mut marks = Vec::new();
        for (letters, from, to) in glyphs {
            marks.push(Mark { at: text.len() as u32, length: letters.len() as u32, from, to });
            text.push_str(letters);
        }
        assert_eq!(logical(&text, &mut marks, 1.0), "\u{64a}\u{636}\u{64b}\u{627}");
    }
}
