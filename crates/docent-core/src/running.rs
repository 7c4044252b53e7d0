//! Running heads: lines at the top or bottom of numbered pages that come again on other pages, page numbers included.
//!
//! They stay in the stored text of a page, where a reader sees them, and are kept out of its chunks: a passage that ends
//! in "Annual Report 2023 | 47" is a worse passage, and a chunk of nothing else is none.

use crate::Page;
use std::collections::HashMap;
use std::ops::Range;

/// Pages a document must have before anything of it can be called running.
const PAGES_MIN: usize = 4;
/// Lines at each end of a page that may be running heads.
const DEPTH: usize = 3;
/// Characters a running head may have.
const LONGEST: usize = 160;

/// The part of each page's text that is not running heads, in bytes.
pub(crate) fn bodies(pages: &[Page]) -> Vec<Range<usize>> {
    let whole = || pages.iter().map(|page| 0..page.text.len()).collect();
    // Slides have headings; the same title on several of them is no running head.
    let printed = |page: &Page| page.number.is_some() && page.heading_path.is_empty();
    if pages.len() < PAGES_MIN || !pages.iter().all(printed) {
        return whole();
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for page in pages {
        let mut shapes: Vec<String> = ends(&page.text).map(|line| shape(&page.text[line])).collect();
        shapes.sort_unstable();
        shapes.dedup();
        for shape in shapes {
            *seen.entry(shape).or_default() += 1;
        }
    }
    // Left and right pages differ, and chapters change: a third of three pages in a hundred is enough.
    let often = (pages.len() / 30).max(3);
    let is_running =
        |line: &str| line.chars().count() <= LONGEST && seen.get(&shape(line)).is_some_and(|count| *count >= often);
    pages.iter().map(|page| body(&page.text, &is_running)).collect()
}

/// A line without what differs from page to page: page numbers, and how white space is set. Rows of figures keep theirs,
/// or any two rows of a table would be alike.
fn shape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for word in line.split_whitespace() {
        if is_roman(word) {
            out.push('#');
            continue;
        }
        for c in word.chars() {
            match c.is_ascii_digit() {
                true if out.ends_with('#') => {}
                true => out.push('#'),
                false => out.push(c),
            }
        }
    }
    let numbers = out.matches('#').count();
    let letters = out.chars().filter(|c| c.is_alphabetic()).count();
    let figures = out.contains("#,#") || out.contains("#.#") || numbers > 2 || letters < 3 && numbers > 1;
    if figures { line.split_whitespace().collect() } else { out }
}

fn is_roman(word: &str) -> bool {
    word.len() <= 7 && word.chars().all(|c| matches!(c, 'i' | 'v' | 'x' | 'l'))
}

/// The lines at both ends of a page, each once.
fn ends(text: &str) -> impl Iterator<Item = Range<usize>> {
    let lines = lines(text);
    let from_bottom = lines.len().saturating_sub(DEPTH).max(DEPTH);
    let picked: Vec<_> = lines
        .iter()
        .enumerate()
        .filter(|(at, _)| *at < DEPTH || *at >= from_bottom)
        .map(|(_, line)| line.clone())
        .collect();
    picked.into_iter()
}

/// All lines that are not blank.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut out = Vec::new();
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() {
            out.push(start..start + line.len());
        }
        start += line.len();
    }
    out
}

/// Strips running lines from the outside inwards, so that a body's own lines are safe behind the first of them.
fn body(text: &str, is_running: &dyn Fn(&str) -> bool) -> Range<usize> {
    let lines = lines(text);
    let is = |line: &&Range<usize>| is_running(&text[(*line).clone()]);
    let top = lines.iter().take(DEPTH).take_while(is).count();
    let bottom = lines[top..].iter().rev().take(DEPTH).take_while(is).count();
    let kept = &lines[top..lines.len() - bottom];
    match (kept.first(), kept.last()) {
        (Some(first), Some(last)) => first.start..last.end,
        // A page of nothing else is better found by that than not at all.
        _ => 0..text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(texts: &[String]) -> Vec<String> {
        let pages: Vec<Page> = (1..)
            .zip(texts)
            .map(|(number, text)| Page { number: Some(number), heading_path: Vec::new(), text: text.clone() })
            .collect();
        bodies(&pages).into_iter().zip(&pages).map(|(body, page)| page.text[body].trim().to_owned()).collect()
    }

    #[test]
    fn heads_and_feet_of_pages_are_not_their_body() {
        const BODIES: [&str; 5] =
            ["Call me Ishmael.", "It was a bright day.", "Happy families.", "No.", "So we beat on."];
        let pages = |head: fn(usize) -> String, foot: fn(usize) -> String| -> Vec<String> {
            (0..5).map(|at| format!("{}\n\n{}\n\n{}", head(at), BODIES[at], foot(at))).collect()
        };
        type Part = fn(usize) -> String;
        let table: &[(Part, Part)] = &[
            (|_| "Annual Report".into(), |at| format!("{}", at + 7)),
            (|at| format!("{} | Annual  Report 2023", at * 60), |_| String::new()),
            (|_| String::new(), |at| format!("Acme plc\npage {} of 12\nconfidential", at + 1)),
            (|_| String::new(), |at| ["i", "ii", "iii", "iv", "v"][at].into()),
        ];
        for (head, foot) in table {
            assert_eq!(kept(&pages(*head, *foot)), BODIES, "{} / {}", head(1), foot(1));
        }
    }

    #[test]
    fn what_only_looks_alike_stays() {
        let alike: Vec<String> = (1..9).map(|at| format!("This is page {at}.")).collect();
        assert_eq!(kept(&alike), alike, "nothing would be left");
        let few: Vec<String> = (1..4).map(|at| format!("Report\n\ntext {at}")).collect();
        assert_eq!(kept(&few), few);
        let different: Vec<String> =
            ["One", "Two", "Three", "Four", "Five"].map(|word| format!("{word} begins\nand {word} ends")).into();
        assert_eq!(kept(&different), different);
        // The same words in the middle of a page are its own.
        let middle: Vec<String> =
            ["a", "b", "c", "d", "e"].map(|c| format!("{0}1\n{0}2\n{0}3\nthe same\n{0}4\n{0}5\n{0}6", c)).into();
        assert_eq!(kept(&middle), middle);
    }
}
