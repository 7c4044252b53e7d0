//! Footnotes and endnotes: numbered where the text refers to them, printed at the end.

use crate::xml::{self, Doctype, Node};
use docent_core::Refusal;
use std::collections::HashMap;

#[derive(Default)]
pub(crate) struct Notes {
    /// Text by kind and id.
    texts: HashMap<(String, String), String>,
    numbers: HashMap<(String, String), usize>,
    referred: Vec<String>,
}

impl Notes {
    /// Takes in a part of footnotes or endnotes.
    pub(crate) fn read(&mut self, source: &str) -> Result<(), Refusal> {
        let (mut open, mut in_text, mut text) = (None, false, String::new());
        xml::each(source, Doctype::Refused, |node| {
            match node {
                // Separators are notes with a type.
                Node::Open(tag) if matches!(tag.name(), "footnote" | "endnote") => {
                    let id = tag.attribute("id").filter(|_| tag.attribute("type").is_none());
                    open = id.map(|id| (tag.name().to_owned(), id));
                }
                Node::Open(tag) => in_text = tag.name() == "t",
                Node::Close("footnote" | "endnote") => {
                    let words = std::mem::take(&mut text).split_whitespace().collect::<Vec<_>>().join(" ");
                    self.texts.extend(open.take().map(|id| (id, words)));
                }
                Node::Close("p") => text.push(' '),
                Node::Close(_) => in_text = false,
                Node::Text(words) if in_text => text.push_str(words),
                Node::Text(_) => {}
            }
            Ok(())
        })
    }

    /// The mark of a note in the text; nothing if there is no such note. `element` is `footnoteReference` or its like.
    pub(crate) fn refer(&mut self, element: &str, id: &str) -> Option<String> {
        let key = (element.trim_end_matches("Reference").to_owned(), id.to_owned());
        let text = self.texts.get(&key)?;
        let number = *self.numbers.entry(key).or_insert_with(|| {
            self.referred.push(format!("[{0}] {text}", self.referred.len() + 1));
            self.referred.len()
        });
        Some(format!("[{number}]"))
    }

    /// The notes in the order they were referred to.
    pub(crate) fn referred(&mut self) -> Vec<String> {
        std::mem::take(&mut self.referred)
    }
}
