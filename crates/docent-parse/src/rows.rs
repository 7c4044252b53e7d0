//! Rows of a sheet become pages that name them: `rows 2–9`, a few at a time, with the names of the columns on top.

use crate::sections::span;
use docent_core::Page;
use docent_core::tables::CELL_SEPARATOR;
use std::collections::BTreeMap;

/// Characters of rows on a page: about what fits into a chunk, so that a citation names few rows.
const PAGE_CHARACTERS: usize = 450;
/// Column names longer than this in all would fill each chunk: the rows are then written as records.
const HEADER_CHARACTERS_MAX: usize = 240;

/// Characters of a column's name in front of a value.
const NAME_CHARACTERS: usize = 60;

/// A cell that is not empty, with its column, counted from 0.
pub(crate) type Cell = (usize, String);

/// Takes the rows of one table or sheet in order.
pub(crate) struct Rows {
    /// What stands above: the sheet's name.
    path: Vec<String>,
    pages: Vec<Page>,
    header: Header,
    lines: Vec<String>,
    characters: usize,
    first: u32,
    last: u32,
}

/// The row that names the columns.
enum Header {
    /// Not seen yet: it is the first row with two cells.
    Awaited,
    /// Repeated on every page.
    Row(Vec<Cell>),
    /// Too long to be repeated: each value stands behind its column's name.
    Names(BTreeMap<usize, String>),
}

impl Rows {
    pub(crate) const fn new(path: Vec<String>) -> Self {
        Self { path, pages: Vec::new(), header: Header::Awaited, lines: Vec::new(), characters: 0, first: 0, last: 0 }
    }

    /// Adds row `number`, counted from 1. Rows without cells may be left out.
    pub(crate) fn push(&mut self, number: u32, cells: Vec<Cell>) {
        if cells.is_empty() {
            return;
        }
        if self.starts_table(number, &cells) {
            self.close();
            self.header = Header::Awaited;
        }
        if matches!(self.header, Header::Awaited) && cells.len() > 1 {
            return self.name_columns(number, cells);
        }
        match &self.header {
            Header::Awaited => self.line(number, joined(&cells)),
            Header::Row(header) => {
                let line = aligned(header, &cells);
                self.line(number, line);
            }
            Header::Names(names) => {
                let record = record(names, &cells);
                self.close();
                self.line(number, record);
                self.close();
            }
        }
    }

    /// Rows that stand apart and hold nothing but words name the columns of another table.
    fn starts_table(&self, number: u32, cells: &[Cell]) -> bool {
        let words = |(_, text): &Cell| !text.contains(|c: char| c.is_ascii_digit());
        self.last > 0 && number > self.last + 1 && cells.len() > 1 && cells.iter().all(words)
    }

    fn name_columns(&mut self, number: u32, cells: Vec<Cell>) {
        let characters: usize = cells.iter().map(|(_, text)| text.chars().count() + CELL_SEPARATOR.len()).sum();
        self.line(number, joined(&cells));
        self.header = match characters > HEADER_CHARACTERS_MAX {
            true => Header::Names(cells.into_iter().map(|(column, name)| (column, shortened(&name))).collect()),
            false => Header::Row(cells),
        };
    }

    fn line(&mut self, number: u32, line: String) {
        if self.characters > 0 && self.characters + line.len() > PAGE_CHARACTERS {
            self.close();
        }
        if self.lines.is_empty() {
            self.first = number;
            if let Header::Row(header) = &self.header {
                self.lines.push(joined(header));
            }
        }
        self.characters += line.len();
        self.last = number;
        self.lines.push(line);
    }

    fn close(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let mut heading_path = self.path.clone();
        heading_path.push(span("row", self.first, self.last));
        let text = std::mem::take(&mut self.lines).join("\n");
        self.pages.push(Page { number: None, heading_path, text });
        self.characters = 0;
    }

    /// All rows as pages.
    pub(crate) fn finish(mut self) -> Vec<Page> {
        self.close();
        self.pages
    }
}

fn joined(cells: &[Cell]) -> String {
    cells.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(CELL_SEPARATOR)
}

/// The cells below their columns' names: what is empty in between stays empty.
fn aligned(header: &[Cell], cells: &[Cell]) -> String {
    let mut columns: Vec<usize> = header.iter().chain(cells).map(|(column, _)| *column).collect();
    columns.sort_unstable();
    columns.dedup();
    let last = cells.last().map_or(0, |(column, _)| *column);
    let value = |column: &usize| {
        let found = cells.binary_search_by_key(column, |(column, _)| *column);
        found.map_or("", |at| cells[at].1.as_str())
    };
    columns.iter().filter(|column| **column <= last).map(value).collect::<Vec<_>>().join(CELL_SEPARATOR)
}

fn shortened(name: &str) -> String {
    name.char_indices().nth(NAME_CHARACTERS).map_or(name, |(end, _)| &name[..end]).to_owned()
}

fn record(names: &BTreeMap<usize, String>, cells: &[Cell]) -> String {
    let pair = |(column, value): &Cell| match names.get(column) {
        Some(name) => format!("{name}: {value}"),
        None => value.clone(),
    };
    cells.iter().map(pair).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(rows: &[(u32, &str)]) -> Vec<(String, String)> {
        let mut table = Rows::new(vec!["Sheet: Q3".to_owned()]);
        for (number, cells) in rows {
            let cells = cells.split(',').map(str::trim).enumerate().filter(|(_, text)| !text.is_empty());
            table.push(*number, cells.map(|(column, text)| (column, text.to_owned())).collect());
        }
        table.finish().into_iter().map(|page| (page.heading_path.join(" > "), page.text)).collect()
    }

    #[test]
    fn a_small_sheet_is_one_page() {
        let seen =
            pages(&[(1, "Sales in 2024"), (3, "Region, Q1, Q2"), (4, "North, 10, 20"), (5, "South,, 5"), (6, ",7")]);
        let text = "Sales in 2024\nRegion | Q1 | Q2\nNorth | 10 | 20\nSouth |  | 5\n | 7";
        assert_eq!(seen, [("Sheet: Q3 > rows 1–6".to_owned(), text.to_owned())]);
    }

    #[test]
    fn every_page_has_the_columns_names() {
        let rows: Vec<(u32, String)> = (2..60).map(|row| (row, format!("City {row}, {}", row * 1_000))).collect();
        let mut all = vec![(1, "Name, Inhabitants")];
        all.extend(rows.iter().map(|(number, cells)| (*number, cells.as_str())));
        let seen = pages(&all);
        assert!(seen.iter().all(|(_, text)| text.starts_with("Name | Inhabitants\n")), "{seen:?}");
        assert!(seen[1].1.contains("City 40 | 40000\n"), "{}", seen[1].1);
        let spans: Vec<&str> = seen.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!((spans[0], spans[1]), ("Sheet: Q3 > rows 1–30", "Sheet: Q3 > rows 31–59"));
    }

    #[test]
    fn another_table_below_has_its_own_names() {
        let seen = pages(&[(1, "a, b"), (2, "1, 2"), (5, "Name, Role"), (6, "Ann, Cook")]);
        assert_eq!(seen[1], ("Sheet: Q3 > rows 5–6".to_owned(), "Name | Role\nAnn | Cook".to_owned()));
    }

    #[test]
    fn wide_rows_are_records() {
        let names: Vec<String> = (0..60).map(|column| format!("Column {column}")).collect();
        let values: Vec<String> = (0..60).map(|column| format!("v{column}")).collect();
        let (names, values) = (names.join(","), values.join(","));
        let seen = pages(&[(1, &names), (2, &values)]);
        assert_eq!(seen[1].0, "Sheet: Q3 > row 2");
        assert!(seen[1].1.starts_with("Column 0: v0\nColumn 1: v1\n"), "{}", seen[1].1);
    }
}
