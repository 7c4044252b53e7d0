//! Word documents: cut at headings, as their pages depend on who prints them.

mod notes;
mod styles;

use crate::archive::Archive;
use crate::limits::Limits;
use crate::office;
use crate::sections::Sections;
use crate::xml::{self, Doctype, Node, Tag};
use docent_core::tables::CELL_SEPARATOR;
use docent_core::{Format, ParsedDocument, Refusal, RefusalKind};
use notes::Notes;
use styles::Styles;

/// Elements whose text is not part of the document as it reads now.
const SKIPPED: &[&str] = &["Fallback", "moveFrom", "del", "instrText", "delText"];
/// Deepest indent of a list that is kept.
const INDENT_MAX: usize = 8;

pub(crate) fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<ParsedDocument, Refusal> {
    let mut archive = Archive::open(bytes, limits)?;
    let main = office::main_part(&mut archive, "word/document.xml", "Word document")?;
    let relations = office::relations(&mut archive, &main)?;
    let mut part = |kind: &str| {
        let target = relations.iter().find(|relation| relation.kind == kind).map(|relation| &relation.target);
        target.map_or(Ok(None), |target| archive.optional_text(target))
    };
    let styles = part("styles")?.map_or_else(|| Ok(Styles::default()), |source| Styles::read(&source))?;
    let mut notes = Notes::default();
    for kind in ["footnotes", "endnotes"] {
        if let Some(source) = part(kind)? {
            notes.read(&source)?;
        }
    }
    let source = archive.text(&main)?;
    let mut reader = Reader::new(&styles, notes);
    xml::each(&source, Doctype::Refused, |node| {
        reader.node(node);
        Ok(())
    })?;
    let stated = office::stated_title(&mut archive);
    let (first_title, pages) = reader.finish();
    if pages.is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "the document holds no words"));
    }
    let title = stated.or(first_title);
    Ok(ParsedDocument {
        format: Format::Docx,
        title,
        pages,
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    })
}

/// A paragraph being read.
#[derive(Default)]
struct Paragraph {
    text: String,
    style: Option<String>,
    outline: Option<u8>,
    /// Indent of a list item.
    item: Option<usize>,
}

struct Reader<'a> {
    styles: &'a Styles,
    notes: Notes,
    sections: Sections,
    title: Option<String>,
    /// Open paragraphs; a text box puts one inside another.
    open: Vec<Paragraph>,
    /// Tables' rows that are open, and the cells of the outermost one so far.
    rows: usize,
    row: String,
    cells: usize,
    skipped: usize,
    in_text: bool,
    in_properties: bool,
}

impl<'a> Reader<'a> {
    const fn new(styles: &'a Styles, notes: Notes) -> Self {
        Self {
            styles,
            notes,
            sections: Sections::new(),
            title: None,
            open: Vec::new(),
            rows: 0,
            row: String::new(),
            cells: 0,
            skipped: 0,
            in_text: false,
            in_properties: false,
        }
    }

    fn node(&mut self, node: Node<'_>) {
        match node {
            Node::Open(tag) if self.skipped > 0 || SKIPPED.contains(&tag.name()) => self.skipped += 1,
            Node::Close(_) if self.skipped > 0 => self.skipped -= 1,
            Node::Open(tag) => self.open(&tag),
            Node::Close(name) => self.close(name),
            Node::Text(text) if self.in_text && self.skipped == 0 => self.write(text),
            Node::Text(_) => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name() {
            "p" => self.open.push(Paragraph::default()),
            "pPr" => self.in_properties = true,
            "t" => self.in_text = true,
            "tab" | "ptab" if !self.in_properties => self.write(" "),
            "br" | "cr" => self.write(if self.rows > 0 { " " } else { "\n" }),
            "noBreakHyphen" => self.write("-"),
            "footnoteReference" | "endnoteReference" => {
                let mark = tag.attribute("id").and_then(|id| self.notes.refer(tag.name(), &id));
                self.write(&mark.unwrap_or_default());
            }
            "tr" => {
                self.rows += 1;
                if self.rows == 1 {
                    self.cells = 0;
                }
            }
            "tc" if self.rows == 1 => {
                self.row.push_str(if self.cells > 0 { CELL_SEPARATOR } else { "" });
                self.cells += 1;
            }
            "tc" if !self.row.is_empty() && !self.row.ends_with(CELL_SEPARATOR) => self.row.push_str(CELL_SEPARATOR),
            "tbl" if self.rows == 0 => self.sections.gap(),
            _ if self.in_properties => self.property(tag),
            _ => {}
        }
    }

    fn property(&mut self, tag: &Tag<'_>) {
        let Some(paragraph) = self.open.last_mut() else { return };
        let value = tag.attribute("val");
        let number = || value.as_deref().and_then(|value| value.parse::<u8>().ok());
        match tag.name() {
            "pStyle" => paragraph.style = value,
            "outlineLvl" => paragraph.outline = number(),
            "numPr" => paragraph.item = Some(0),
            "ilvl" => paragraph.item = number().map(|level| usize::from(level).min(INDENT_MAX)),
            "numId" if value.as_deref() == Some("0") => paragraph.item = None,
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "t" => self.in_text = false,
            "pPr" => self.in_properties = false,
            "p" => {
                if let Some(paragraph) = self.open.pop() {
                    self.paragraph(&paragraph);
                }
            }
            "tr" => {
                self.rows = self.rows.saturating_sub(1);
                if self.rows == 0 {
                    let row = std::mem::take(&mut self.row);
                    if row.contains(|c: char| !c.is_whitespace() && c != '|') {
                        self.sections.block(&row);
                    }
                }
            }
            "tbl" if self.rows == 0 => self.sections.gap(),
            _ => {}
        }
    }

    fn write(&mut self, text: &str) {
        if let Some(paragraph) = self.open.last_mut() {
            paragraph.text.extend(text.chars().filter(|c| !matches!(c, '\u{AD}' | '\u{200B}')));
        }
    }

    fn paragraph(&mut self, paragraph: &Paragraph) {
        let text = paragraph.text.trim();
        if text.is_empty() {
            return;
        }
        if self.rows > 0 {
            let apart = !self.row.is_empty() && !self.row.ends_with(' ');
            self.row.push_str(if apart { " " } else { "" });
            return self.row.push_str(&text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        match self.styles.level(paragraph.style.as_deref(), paragraph.outline) {
            Some(level) => {
                if level <= 1 && self.title.is_none() {
                    self.title = Some(text.split_whitespace().collect::<Vec<_>>().join(" "));
                }
                self.sections.heading(level, text);
            }
            None => self.block(text, paragraph.item),
        }
    }

    fn block(&mut self, text: &str, item: Option<usize>) {
        match item {
            Some(indent) => self.sections.block(&format!("{}- {text}", "  ".repeat(indent))),
            None => {
                self.sections.gap();
                self.sections.block(text);
                self.sections.gap();
            }
        }
    }

    fn finish(mut self) -> (Option<String>, Vec<docent_core::Page>) {
        let notes = self.notes.referred();
        if !notes.is_empty() {
            self.sections.heading(1, "Notes");
            for note in notes {
                self.sections.block(&note);
            }
        }
        (self.title, self.sections.finish())
    }
}
