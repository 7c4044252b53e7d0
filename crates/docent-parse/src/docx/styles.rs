//! Which paragraph styles are headings, and of what level.

use crate::xml::{self, Doctype, Node};
use docent_core::Refusal;
use std::collections::HashMap;

/// Styles that a style may be based on in a row.
const CHAIN_MAX: usize = 16;

#[derive(Default)]
struct Style {
    level: Option<u8>,
    based_on: Option<String>,
}

/// The document's styles by their ids.
#[derive(Default)]
pub(crate) struct Styles(HashMap<String, Style>);

impl Styles {
    pub(crate) fn read(source: &str) -> Result<Self, Refusal> {
        let mut styles = HashMap::new();
        let mut open: Option<(String, Style)> = None;
        xml::each(source, Doctype::Refused, |node| {
            match node {
                Node::Open(tag) if tag.name() == "style" => {
                    open = tag.attribute("styleId").map(|id| (id, Style::default()));
                }
                Node::Open(tag) => {
                    if let (Some((_, style)), Some(value)) = (&mut open, tag.attribute("val")) {
                        match tag.name() {
                            "name" => style.level = by_name(&value),
                            "basedOn" => style.based_on = Some(value),
                            "outlineLvl" => style.level = value.parse().ok().and_then(by_outline),
                            _ => {}
                        }
                    }
                }
                Node::Close("style") => styles.extend(open.take()),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self(styles))
    }

    /// The level of a heading: 0 for a title, then 1 to 9; nothing for running text.
    pub(crate) fn level(&self, style: Option<&str>, outline: Option<u8>) -> Option<u8> {
        if let Some(outline) = outline {
            return by_outline(outline);
        }
        let mut id = style?;
        for _ in 0..CHAIN_MAX {
            let Some(style) = self.0.get(id) else { return by_name(id) };
            if style.level.is_some() {
                return style.level;
            }
            id = style.based_on.as_deref()?;
        }
        None
    }
}

/// Outline levels count from 0; 9 is running text.
const fn by_outline(level: u8) -> Option<u8> {
    if level < 9 { Some(level + 1) } else { None }
}

/// Built-in styles keep their English names in files of every language; without a table of styles their ids tell.
fn by_name(name: &str) -> Option<u8> {
    let name: String = name.to_lowercase().split_whitespace().collect();
    match name.strip_prefix("heading").map(str::parse) {
        Some(Ok(level @ 1..=9)) => Some(level),
        _ => (name == "title").then_some(0),
    }
}
