//! PowerPoint: a slide is a numbered page below its title, its notes come last.

use crate::archive::Archive;
use crate::limits::Limits;
use crate::office;
use crate::xml::{self, Doctype, Node, Tag};
use docent_core::tables::CELL_SEPARATOR;
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};

pub(crate) fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<ParsedDocument, Refusal> {
    let mut archive = Archive::open(bytes, limits)?;
    let main = office::main_part(&mut archive, "ppt/presentation.xml", "presentation")?;
    let slides = slides(&mut archive, &main)?;
    if slides.len() > limits.pages {
        let detail =
            format!("there are {} slides, more than the {} that are read; split it", slides.len(), limits.pages);
        return Err(Refusal::new(RefusalKind::TooLarge, detail));
    }
    let (mut pages, mut pictures) = (Vec::new(), Vec::new());
    for (number, slide) in (1..).zip(&slides) {
        let slide = read_slide(&mut archive, slide)?;
        if slide.blocks.is_empty() && slide.title.is_empty() && slide.pictures > 0 {
            pictures.push(number);
        }
        pages.push(slide.page(number));
    }
    if pages.iter().all(|page| page.text.is_empty()) {
        return Err(without_text(!pictures.is_empty()));
    }
    let title =
        office::stated_title(&mut archive).or_else(|| pages.iter().find_map(|page| page.heading_path.first().cloned()));
    let warnings = pictures.iter().map(|number| format!("slide {number}: holds only pictures")).collect();
    Ok(ParsedDocument { format: Format::Pptx, title, pages, warnings, unreadable_pages: pictures, ocr: None })
}

fn without_text(pictures: bool) -> Refusal {
    match pictures {
        true => Refusal::new(RefusalKind::NoText, "the slides hold only pictures and need text recognition first"),
        false => Refusal::new(RefusalKind::Empty, "the presentation holds no words"),
    }
}

/// Names of the slides' parts in the order they are shown.
fn slides(archive: &mut Archive, main: &str) -> Result<Vec<String>, Refusal> {
    let relations = office::relations(archive, main)?;
    let source = archive.text(main)?;
    let mut slides = Vec::new();
    xml::each(&source, Doctype::Refused, |node| {
        if let Node::Open(tag) = node
            && tag.name() == "sldId"
            && let Some(id) = tag.prefixed("r:id")
        {
            let target = relations.iter().find(|relation| relation.id == id && relation.kind == "slide");
            slides.extend(target.map(|relation| relation.target.clone()));
        }
        Ok(())
    })?;
    Ok(slides)
}

fn read_slide(archive: &mut Archive, part: &str) -> Result<Slide, Refusal> {
    let mut slide = Slide::default();
    slide.read(&archive.text(part)?)?;
    for relation in office::relations(archive, part)? {
        match relation.kind.as_str() {
            "diagramData" => {
                if let Some(source) = archive.optional_text(&relation.target)? {
                    slide.read(&source)?;
                }
            }
            "notesSlide" => {
                if let Some(source) = archive.optional_text(&relation.target)? {
                    let mut notes = Slide::default();
                    notes.read(&source)?;
                    slide.notes = notes.blocks;
                }
            }
            _ => {}
        }
    }
    Ok(slide)
}

/// What a slide says. Text is collected shape by shape, in the order of the file.
#[derive(Default)]
struct Slide {
    title: String,
    blocks: Vec<String>,
    notes: Vec<String>,
    pictures: usize,
    line: String,
    row: Option<String>,
    shape: Shape,
    skipped: usize,
    in_text: bool,
}

/// What the shape being read is for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Body,
    Title,
    /// Slide numbers, dates, footers: the same on every slide.
    Furniture,
}

impl Slide {
    fn read(&mut self, source: &str) -> Result<(), Refusal> {
        xml::each(source, Doctype::Refused, |node| {
            match node {
                Node::Open(tag) if self.skipped > 0 || is_skipped(&tag) => self.skipped += 1,
                Node::Close(_) if self.skipped > 0 => self.skipped -= 1,
                Node::Open(tag) => self.open(&tag),
                Node::Close(name) => self.close(name),
                Node::Text(text) if self.in_text && self.skipped == 0 => self.line.push_str(text),
                Node::Text(_) => {}
            }
            Ok(())
        })
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name() {
            "sp" => self.shape = Shape::Body,
            "ph" => {
                self.shape = match tag.attribute("type").as_deref() {
                    Some("title" | "ctrTitle") => Shape::Title,
                    Some("sldNum" | "dt" | "ftr" | "hdr") => Shape::Furniture,
                    _ => Shape::Body,
                }
            }
            "t" => self.in_text = true,
            "br" | "tab" => self.line.push(' '),
            "tr" => self.row = Some(String::new()),
            "tc" => {
                if let Some(row) = self.row.as_mut().filter(|row| !row.is_empty()) {
                    row.push_str(CELL_SEPARATOR);
                }
            }
            "pic" | "blip" => self.pictures += 1,
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "t" => self.in_text = false,
            "p" => self.paragraph(),
            "sp" => self.shape = Shape::Body,
            "tr" => {
                let row = self.row.take().unwrap_or_default();
                self.blocks.extend(Some(row).filter(|row| row.contains(char::is_alphanumeric)));
            }
            _ => {}
        }
    }

    fn paragraph(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        match (&mut self.row, self.shape) {
            _ if line.is_empty() => {}
            (Some(row), _) => {
                row.push_str(if row.is_empty() || row.ends_with(' ') { "" } else { " " });
                row.push_str(&line);
            }
            (None, Shape::Title) => {
                self.title.push_str(if self.title.is_empty() { "" } else { " " });
                self.title.push_str(&line);
            }
            (None, Shape::Furniture) => {}
            (None, Shape::Body) => self.blocks.push(line),
        }
    }

    fn page(self, number: u32) -> Page {
        let mut parts = vec![self.title.clone(), self.blocks.join("\n")];
        if !self.notes.is_empty() {
            parts.push(format!("Notes: {}", self.notes.join("\n")));
        }
        parts.retain(|part| !part.is_empty());
        let heading_path = Some(self.title).filter(|title| !title.is_empty()).into_iter().collect();
        Page { number: Some(number), heading_path, text: parts.join("\n\n") }
    }
}

/// The copy of a shape for older programs, and fields that show the slide's number.
fn is_skipped(tag: &Tag<'_>) -> bool {
    tag.name() == "Fallback" || tag.name() == "fld" && tag.attribute("type").as_deref() == Some("slidenum")
}
