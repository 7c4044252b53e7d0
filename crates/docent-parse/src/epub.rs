//! E-books: chapters in reading order, each an HTML page below its name in the table of contents.

use crate::archive::Archive;
use crate::html;
use crate::limits::Limits;
use crate::xml::{self, Doctype, Node};
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};
use std::collections::{HashMap, HashSet};

pub(crate) fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<ParsedDocument, Refusal> {
    let mut archive = Archive::open(bytes, limits)?;
    let package = package_part(&mut archive)?;
    let book = Package::read(&archive.text(&package)?, &package)?;
    check_rights(&mut archive, &book)?;
    let labels = book.contents.as_deref().map_or_else(HashMap::new, |part| labels(&mut archive, part));
    let mut pages = Vec::new();
    let mut seen = HashSet::new();
    for part in &book.spine {
        if !seen.insert(part.as_str()) {
            continue;
        }
        let Some(bytes) = archive.bytes(part)? else { continue };
        let (_, sections) = html::read(&closed(&html::source(&bytes, limits)?))?;
        let name = labels.get(part).map(String::as_str);
        pages.extend(sections.into_iter().map(|page| below(name, seen.len(), page)));
        if pages.len() > limits.pages {
            let detail = format!("the book has more than the {} sections that are read; split it", limits.pages);
            return Err(Refusal::new(RefusalKind::TooLarge, detail));
        }
    }
    if pages.is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "the book's chapters hold no words"));
    }
    Ok(ParsedDocument {
        format: Format::Epub,
        title: book.title,
        pages,
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    })
}

/// Puts the chapter's name above headings that do not have it; its number, if there is neither name nor heading.
fn below(name: Option<&str>, number: usize, mut page: Page) -> Page {
    match name {
        Some(name) if !page.heading_path.iter().any(|heading| heading.to_lowercase() == name.to_lowercase()) => {
            page.heading_path.insert(0, name.to_owned());
        }
        None if page.heading_path.is_empty() => page.heading_path.push(format!("chapter {number}")),
        _ => {}
    }
    page
}

fn package_part(archive: &mut Archive) -> Result<String, Refusal> {
    let mut package = None;
    xml::each(&archive.text("META-INF/container.xml")?, Doctype::Named, |node| {
        if let Node::Open(tag) = node
            && tag.name() == "rootfile"
        {
            package = package.take().or_else(|| tag.attribute("full-path"));
        }
        Ok(())
    })?;
    package.ok_or_else(|| Refusal::new(RefusalKind::Corrupt, "the e-book does not say where its contents are"))
}

/// What the book's package says.
#[derive(Default)]
struct Package {
    title: Option<String>,
    /// Names of the chapters' parts in reading order.
    spine: Vec<String>,
    /// The table of contents: a navigation page, or the older NCX.
    contents: Option<String>,
}

impl Package {
    fn read(source: &str, part: &str) -> Result<Self, Refusal> {
        let mut book = Self::default();
        let mut items: HashMap<String, String> = HashMap::new();
        let (mut in_title, mut title) = (false, String::new());
        xml::each(source, Doctype::Named, |node| {
            match node {
                Node::Open(tag) if tag.name() == "title" => in_title = title.is_empty(),
                Node::Open(tag) if tag.name() == "item" => {
                    let value = |name| tag.attribute(name).unwrap_or_default();
                    let target = xml::resolve(part, &decoded(&value("href")));
                    let navigation = value("properties").split_whitespace().any(|word| word == "nav");
                    if navigation || value("media-type") == "application/x-dtbncx+xml" && book.contents.is_none() {
                        book.contents = Some(target.clone());
                    }
                    items.insert(value("id"), target);
                }
                Node::Open(tag) if tag.name() == "itemref" => {
                    let id = tag.attribute("idref").unwrap_or_default();
                    book.spine.extend(items.get(&id).cloned());
                }
                Node::Close("title") => in_title = false,
                Node::Text(text) if in_title => title.push_str(text),
                _ => {}
            }
            Ok(())
        })?;
        book.title = Some(title.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|title| !title.is_empty());
        Ok(book)
    }
}

/// Refuses a book whose chapters are locked. Locked fonts are no obstacle.
fn check_rights(archive: &mut Archive, book: &Package) -> Result<(), Refusal> {
    let Some(source) = archive.optional_text("META-INF/encryption.xml")? else { return Ok(()) };
    let mut locked = false;
    xml::each(&source, Doctype::Named, |node| {
        if let Node::Open(tag) = node
            && tag.name() == "CipherReference"
        {
            let target = tag.attribute("URI").map(|uri| xml::resolve("", &decoded(&uri)));
            locked |= target.is_some_and(|target| book.spine.contains(&target));
        }
        Ok(())
    })?;
    if locked {
        return Err(Refusal::new(RefusalKind::Encrypted, "the e-book is protected against copying (DRM)"));
    }
    Ok(())
}

/// Names of the chapters by their parts. A part that several entries point into has several chapters and no name; its
/// headings tell. A table of contents that cannot be read costs the names only.
fn labels(archive: &mut Archive, contents: &str) -> HashMap<String, String> {
    let Ok(Some(source)) = archive.optional_text(contents) else { return HashMap::new() };
    let mut labels: HashMap<String, Option<String>> = HashMap::new();
    let (mut text, mut target) = (String::new(), None);
    let walked = xml::each(&source, Doctype::Named, |node| {
        match node {
            Node::Open(tag) if matches!(tag.name(), "a" | "navPoint") => {
                text.clear();
                target = tag.attribute("href");
            }
            Node::Open(tag) if tag.name() == "content" => target = tag.attribute("src"),
            Node::Text(words) => text.push_str(words),
            Node::Close("a" | "navPoint") | Node::Close("content") => {
                if let Some(target) = target.take() {
                    let part = xml::resolve(contents, &decoded(target.split('#').next().unwrap_or_default()));
                    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    if !name.is_empty() {
                        let only = labels.entry(part).or_insert_with(|| Some(name.clone()));
                        *only = only.take().filter(|other| *other == name);
                    }
                }
                text.clear();
            }
            _ => {}
        }
        Ok(())
    });
    let named = labels.into_iter().filter_map(|(part, name)| name.map(|name| (part, name)));
    if walked.is_ok() { named.collect() } else { HashMap::new() }
}

/// A reference with its `%20` as what they stand for.
fn decoded(reference: &str) -> String {
    let bytes = reference.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|code| str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Chapters are XML, where `<a id="x"/>` is a whole element; to an HTML parser it is one that nobody closes.
fn closed(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(end) = rest.find("/>") {
        let (before, behind) = rest.split_at(end);
        let name = before.rfind('<').map(|start| &before[start + 1..]).map(name_of).unwrap_or_default();
        out.push_str(before);
        if name.is_empty() {
            out.push_str("/>");
        } else {
            out.extend(["></", name, ">"]);
        }
        rest = &behind[2..];
    }
    out.push_str(rest);
    out
}

/// The name of an element that may have content; nothing for one that never has.
fn name_of(tag: &str) -> &str {
    const VOID: &[&str] =
        &["br", "hr", "img", "input", "link", "meta", "col", "area", "base", "wbr", "source", "embed"];
    let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if VOID.contains(&name) { "" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_closed_as_they_are_in_xml() {
        let table = [
            ("<title/><p>a<br/>b</p>", "<title></title><p>a<br/>b</p>"),
            ("<a id=\"x\"/>text", "<a id=\"x\"></a>text"),
            ("1 /> 2", "1 /> 2"),
        ];
        for (source, expected) in table {
            assert_eq!(closed(source), expected);
        }
        assert_eq!(decoded("a%20b%2Fc%zz"), "a b/c%zz");
    }
}
