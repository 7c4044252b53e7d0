//! Jupyter notebooks: what people wrote, cell by cell. Outputs are left out: they can be made again, and are often huge.

use crate::markdown;
use crate::sections::Sections;
use crate::text;
use docent_core::{Format, ParsedDocument, Refusal, RefusalKind};
use serde::Deserialize;

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<Cell>,
    /// Before version 4, cells stood in work sheets.
    #[serde(default)]
    worksheets: Vec<Worksheet>,
}

#[derive(Deserialize)]
struct Worksheet {
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    cell_type: String,
    #[serde(default, alias = "input")]
    source: Source,
}

/// Text in one string or in one string per line.
#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    Whole(String),
    Lines(Vec<String>),
}

impl Default for Source {
    fn default() -> Self {
        Self::Whole(String::new())
    }
}

impl Source {
    fn text(&self) -> String {
        match self {
            Self::Whole(text) => text.clone(),
            Self::Lines(lines) => lines.concat(),
        }
    }
}

pub(crate) fn parse(bytes: &[u8]) -> Result<ParsedDocument, Refusal> {
    let source = text::decode(bytes, None)?;
    let notebook: Notebook = serde_json::from_str(&source)
        .map_err(|error| Refusal::new(RefusalKind::Corrupt, format!("the file is not a notebook: {error}")))?;
    let cells = notebook.cells.into_iter().chain(notebook.worksheets.into_iter().flat_map(|sheet| sheet.cells));
    let (mut sections, mut title) = (Sections::new(), None);
    for (number, cell) in (1..).zip(cells) {
        let text = text::tidy(&cell.source.text());
        if text.trim().is_empty() {
            continue;
        }
        sections.part("cell", number);
        match cell.cell_type.as_str() {
            "markdown" | "heading" => {
                let first = markdown::read_into(&mut sections, &text);
                title = title.or(first);
            }
            _ => {
                sections.gap();
                sections.block(&text);
            }
        }
    }
    let pages = sections.finish();
    if pages.is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "the notebook's cells hold no words"));
    }
    Ok(ParsedDocument {
        format: Format::Notebook,
        title,
        pages,
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_know_their_headings_and_numbers() {
        let source = r###"{"cells": [
            {"cell_type": "markdown", "source": ["# Tides\n", "How high?"]},
            {"cell_type": "markdown", "source": "## Data"},
            {"cell_type": "code", "source": "load('tides.csv')", "outputs": [{"text": "secret"}]},
            {"cell_type": "code", "source": []},
            {"cell_type": "raw", "source": "as it is"}]}"###;
        let parsed = parse(source.as_bytes()).expect("a notebook");
        let seen: Vec<(String, &str)> =
            parsed.pages.iter().map(|page| (page.heading_path.join(" > "), page.text.as_str())).collect();
        let expected = [
            ("Tides > cell 1", "Tides\n\nHow high?"),
            ("Tides > Data > cells 2–3", "Data\n\nload('tides.csv')"),
            ("Tides > Data > cell 5", "as it is"),
        ];
        assert_eq!(seen, expected.map(|(path, text)| (path.to_owned(), text)));
        assert_eq!(parsed.title.as_deref(), Some("Tides"));
    }

    #[test]
    fn older_notebooks_and_none() {
        let old = br#"{"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1\n", "y = 2"]}]}]}"#;
        assert_eq!(parse(old).expect("a notebook").pages[0].text, "x = 1\ny = 2");
        for (source, beginning) in
            [(&b"{\"cells\": []}"[..], "empty: "), (b"[1, 2]", "corrupt: the file is not a notebook")]
        {
            assert!(parse(source).expect_err("refused").to_string().starts_with(beginning));
        }
    }
}
