//! XML as documents carry it: elements by their local names, text with entities resolved, nothing that defines anything.

use docent_core::{Refusal, RefusalKind};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// Elements that may stand inside each other. No document needs more, and what follows the nesting keeps a stack.
const DEEPEST: usize = 1_000;

/// What happens next in a document.
pub(crate) enum Node<'a> {
    /// An element begins; one without content is followed by its end all the same.
    Open(Tag<'a>),
    /// The element of this name ends.
    Close(&'a str),
    /// Characters.
    Text(&'a str),
}

/// A start tag.
pub(crate) struct Tag<'a>(BytesStart<'a>);

impl<'a> Tag<'a> {
    /// Name without its prefix.
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// Value of an attribute, by its name without prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.0.attributes();
        attributes.with_checks(false);
        let attribute = attributes.flatten().find(|attribute| attribute.key.local_name().into_inner() == name)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        Some(value.map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned))
    }

    /// Value of an attribute by its full name, prefix included.
    pub(crate) fn prefixed(&self, name: &str) -> Option<String> {
        let mut attributes = self.0.attributes();
        attributes.with_checks(false);
        let attribute = attributes.flatten().find(|attribute| attribute.key.into_inner() == name)?;
        Some(attribute.value.to_string())
    }
}

/// Whether a document type declaration is passed over. None is ever followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doctype {
    /// Office formats forbid it.
    Refused,
    /// Old e-books carry one that only names a type.
    Named,
}

/// Follows a document from its first tag to its last.
pub(crate) fn each(
    source: &str,
    doctype: Doctype,
    mut visit: impl FnMut(Node<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut reader = Reader::from_str(source);
    reader.config_mut().check_end_names = false;
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(|error| damaged(&error))? {
            Event::Start(start) => {
                depth += 1;
                if depth > DEEPEST {
                    let detail = format!("the document nests more than {DEEPEST} elements inside each other");
                    return Err(Refusal::new(RefusalKind::TooLarge, detail));
                }
                visit(Node::Open(Tag(start)))?;
            }
            Event::Empty(start) => {
                let end = start.to_end().into_owned();
                visit(Node::Open(Tag(start)))?;
                visit(Node::Close(end.local_name().into_inner()))?;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                visit(Node::Close(end.local_name().into_inner()))?;
            }
            Event::Text(text) => visit(Node::Text(&text.xml10_content()))?,
            Event::CData(text) => visit(Node::Text(&text.xml10_content()))?,
            Event::GeneralRef(reference) => visit(Node::Text(&resolved(&reference)))?,
            Event::DocType(declared) if doctype == Doctype::Refused || declared.contains('[') => {
                let detail = "the document declares a type of its own (DOCTYPE), which no such file needs";
                return Err(Refusal::new(RefusalKind::Corrupt, detail));
            }
            Event::Eof => return Ok(()),
            Event::DocType(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// The character of `&#8217;` and the five names that XML itself knows; any other is left as it was written.
fn resolved(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return c.to_string();
    }
    match &**reference {
        "amp" => "&".to_owned(),
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        "nbsp" => " ".to_owned(),
        other => format!("&{other};"),
    }
}

fn damaged(error: &quick_xml::Error) -> Refusal {
    Refusal::new(RefusalKind::Corrupt, format!("the document's XML is damaged: {error}"))
}

/// A path relative to a part, resolved to the name of another part: `../media/a.xml` seen from `ppt/slides/s1.xml` is
/// `ppt/media/a.xml`.
pub(crate) fn resolve(from: &str, target: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (base, target) = match target.strip_prefix('/') {
        Some(absolute) => ("", absolute),
        None => (folder, target),
    };
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(source: &str, doctype: Doctype) -> String {
        let mut out = String::new();
        let walked = each(source, doctype, |node| {
            match node {
                Node::Open(tag) => out.push_str(&format!("<{}>", tag.name())),
                Node::Close(name) => out.push_str(&format!("</{name}>")),
                Node::Text(text) => out.push_str(text),
            }
            Ok(())
        });
        walked.map_or_else(|refusal| refusal.to_string(), |()| out)
    }

    #[test]
    fn elements_and_text_without_prefixes() {
        let table = [
            ("<w:p><w:t>a &amp; b&#x20ac;</w:t><w:br/></w:p>", "<p><t>a & b€</t><br></br></p>"),
            ("<a><![CDATA[<raw>]]>&unknown;</a>", "<a><raw>&unknown;</a>"),
            ("<!DOCTYPE ncx PUBLIC 'x' 'y'><a/>", "<a></a>"),
        ];
        for (source, expected) in table {
            assert_eq!(seen(source, Doctype::Named), expected, "{source}");
        }
    }

    #[test]
    fn nothing_is_declared() {
        let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><l>&b;</l>";
        for (source, doctype) in
            [(laughs, Doctype::Named), ("<!DOCTYPE a SYSTEM 'http://localhost/a.dtd'><a/>", Doctype::Refused)]
        {
            assert!(seen(source, doctype).starts_with("corrupt: the document declares"), "{source}");
        }
        assert!(seen(&"<a>".repeat(2_000), Doctype::Named).starts_with("too_large: the document nests"));
    }

    #[test]
    fn paths_between_parts() {
        let table = [
            ("ppt/slides/s1.xml", "../notes/n1.xml", "ppt/notes/n1.xml"),
            ("word/document.xml", "styles.xml", "word/styles.xml"),
            ("a/b.xml", "/c/d.xml", "c/d.xml"),
            ("a.xml", "../../x.xml", "x.xml"),
        ];
        for (from, target, expected) in table {
            assert_eq!(resolve(from, target), expected);
        }
    }
}
