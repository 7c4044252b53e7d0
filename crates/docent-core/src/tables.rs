//! Tables that are longer than a chunk are set as a printer sets those longer than a page: the header row stands again
//! above every part.
//!
//! A reader of any format writes a row as one line with ` | ` between its cells, so a table is a run of such lines and its
//! first line is the header. The repeated rows go into the page's text itself: a chunk stays a slice of its page, and a
//! quote that takes in the header and the row below it is found word for word.

use crate::chunking::TokenStarts;
use std::ops::Range;

/// What stands between two cells of a row.
pub const CELL_SEPARATOR: &str = " | ";
/// Fewer lines in a row are not taken for a table.
const ROWS_MIN: usize = 3;

/// The text with header rows repeated so that no part of a table needs more than `tokens_max` tokens; nothing if there is
/// nothing to repeat. Doing it twice changes nothing.
pub(crate) fn repeat_headers(text: &str, tokens_max: usize, tokens: TokenStarts<'_>) -> Option<String> {
    if !text.contains(CELL_SEPARATOR) {
        return None;
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let (mut at, mut changed) = (0, false);
    for table in tables(&lines) {
        let costs: Vec<usize> = lines[table.clone()].iter().map(|row| tokens(row).len()).collect();
        let fits = costs.iter().sum::<usize>() <= tokens_max;
        // A header that takes half of a chunk would leave no room for what it explains.
        if fits || costs[0] * 2 > tokens_max {
            continue;
        }
        push_lines(&mut out, &lines[at..table.start]);
        set(&mut out, &lines[table.clone()], &costs, tokens_max);
        (at, changed) = (table.end, true);
    }
    push_lines(&mut out, &lines[at..]);
    out.truncate(out.trim_end_matches('\n').len());
    changed.then_some(out)
}

/// Runs of lines that are rows.
fn tables(lines: &[&str]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut at = 0;
    for run in lines.chunk_by(|a, b| is_row(a) == is_row(b)) {
        if is_row(run[0]) && run.len() >= ROWS_MIN {
            out.push(at..at + run.len());
        }
        at += run.len();
    }
    out
}

fn is_row(line: &str) -> bool {
    line.contains(CELL_SEPARATOR)
}

/// Writes a table in parts, an empty line around each.
fn set(out: &mut String, rows: &[&str], costs: &[usize], tokens_max: usize) {
    let mut cost = tokens_max;
    for (at, row) in rows.iter().enumerate().skip(1) {
        if cost + costs[at] > tokens_max {
            gap(out);
            push_lines(out, &rows[..1]);
            cost = costs[0];
        }
        push_lines(out, &[row]);
        cost += costs[at];
    }
    gap(out);
}

fn push_lines(out: &mut String, lines: &[&str]) {
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
}

fn gap(out: &mut String) {
    if !out.is_empty() && !out.ends_with("\n\n") {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token a word; bars count too.
    fn words(text: &str) -> Vec<u32> {
        text.split_whitespace().map(|word| (word.as_ptr() as usize - text.as_ptr() as usize) as u32).collect()
    }

    #[test]
    fn a_long_table_has_its_header_above_every_part() {
        let text = "Prices:\nItem | Price\nTie | 9\nHat | 12\nCoat | 80\nThanks.";
        let set = repeat_headers(text, 9, &words).expect("changed");
        let expected = "Prices:\n\nItem | Price\nTie | 9\nHat | 12\n\nItem | Price\nCoat | 80\n\nThanks.";
        assert_eq!(set, expected);
        assert_eq!(repeat_headers(&set, 9, &words), None, "once is enough");
    }

    #[test]
    fn what_fits_or_is_no_table_stays() {
        let table: &[(&str, usize)] = &[
            ("Item | Price\nTie | 9\nHat | 12", 9),
            ("cat a | grep b\nthen something long that is no row at all", 4),
            ("a b c | d e f\n1 | 2\n3 | 4", 8),
            ("no bars here", 1),
        ];
        for (text, tokens_max) in table {
            assert_eq!(repeat_headers(text, *tokens_max, &words), None, "{text}");
        }
    }
}
