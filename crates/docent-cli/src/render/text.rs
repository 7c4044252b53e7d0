//! Words in lines, columns and colours.

use console::{Style, measure_text_width};
use docent_core::Format;

/// Colours and weights, or none of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    pub(crate) const fn new(on: bool) -> Self {
        Self(on)
    }

    pub(crate) const fn is_on(self) -> bool {
        self.0
    }

    fn apply(self, style: Style, text: &str) -> String {
        style.force_styling(self.0).apply_to(text).to_string()
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.apply(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.apply(Style::new().dim(), text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.apply(Style::new().red().bold(), text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.apply(Style::new().green(), text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.apply(Style::new().yellow(), text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.apply(Style::new().cyan(), text)
    }
}

/// `text` in lines of at most `width` columns, every line indented. White space is folded; a word that is too long
/// stands alone.
pub(crate) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let room = width.saturating_sub(indent.len()).max(20);
    let mut out = String::from(indent);
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = measure_text_width(word);
        if column > 0 && column + 1 + length > room {
            out.push('\n');
            out.push_str(indent);
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// The beginning of a text, in at most so many lines.
pub(crate) fn excerpt(text: &str, width: usize, indent: &str, lines: usize) -> String {
    const MORE: &str = " …";
    let wrapped = wrap(text, width - MORE.chars().count(), indent);
    let kept: Vec<&str> = wrapped.lines().take(lines).collect();
    let end = if kept.len() == wrapped.lines().count() { "" } else { MORE };
    kept.join("\n") + end
}

/// Rows of cells in columns; those in `right` are flush right. The last column is as long as it wants to be.
pub(crate) fn columns(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - measure_text_width(cell));
            let (before, after) = if right.contains(&column) { (pad.as_str(), "") } else { ("", pad.as_str()) };
            line.push_str(before);
            line.push_str(cell);
            line.push_str(after);
            line.push_str("  ");
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A page number or the headings, whichever there is.
pub(crate) fn place(page: Option<u32>, heading_path: &[String]) -> Option<String> {
    match page {
        Some(page) => Some(format!("page {page}")),
        None if heading_path.is_empty() => None,
        None => Some(heading_path.join(" > ")),
    }
}

/// How many pages or sections a document has, if its format has either.
pub(crate) fn parts(format: Format, number: u32) -> Option<String> {
    match format {
        Format::Pdf => Some(count(number, "page")),
        Format::Pptx => Some(count(number, "slide")),
        Format::Notebook => Some(count(number, "cell")),
        Format::Markdown | Format::Html | Format::Docx | Format::Epub | Format::Email => Some(count(number, "section")),
        Format::Xlsx | Format::Csv | Format::Code => Some(count(number, "part")),
        Format::Text => None,
    }
}

/// `1 chunk`, `2 chunks`.
pub(crate) fn count(number: impl Into<u64>, one: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_filled_but_not_overfilled() {
        let text = "Staff may work  from\nabroad for up to thirty days per calendar year.";
        assert_eq!(wrap(text, 30, "  "), "  Staff may work from abroad\n  for up to thirty days per\n  calendar year.");
        assert_eq!(wrap("", 30, "  "), "  ");
        assert_eq!(excerpt(text, 30, "", 2), "Staff may work from abroad\nfor up to thirty days per …");
        assert_eq!(excerpt("short", 30, "", 2), "short");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(wrap("日本語日本語日本 日本語", 20, ""), "日本語日本語日本\n日本語");
    }

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            columns(&[row(["a.md", "7", "x"]), row(["long.pdf", "12", ""])], &[1]),
            ["a.md       7  x", "long.pdf  12"]
        );
    }
}
