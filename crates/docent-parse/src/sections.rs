//! Text cut at headings: what Markdown and HTML have instead of pages.

use docent_core::Page;

/// Collects blocks of text into one page per heading, remembering which headings stand above each.
#[derive(Debug)]
pub(crate) struct Sections {
    pages: Vec<Page>,
    /// Level and text of the headings that enclose what comes next.
    open: Vec<(u8, String)>,
    body: String,
    /// True while the section has nothing but heading lines.
    bare: bool,
    /// Numbered parts of the file that the section's text comes from, such as a notebook's cells: their name, first, last.
    parts: Option<(&'static str, u32, u32)>,
}

/// `row 7`, or `rows 2–9`.
pub(crate) fn span(part: &str, first: u32, last: u32) -> String {
    if first == last { format!("{part} {first}") } else { format!("{part}s {first}–{last}") }
}

impl Sections {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new(), open: Vec::new(), body: String::new(), bare: true, parts: None }
    }

    /// Starts a section. A heading that has nothing below it but a deeper heading opens that section's text instead of
    /// being a section of its own.
    pub(crate) fn heading(&mut self, level: u8, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return;
        }
        let deeper = self.open.last().is_some_and(|(above, _)| *above < level);
        if !(self.bare && deeper) {
            self.close();
        }
        self.open.retain(|(above, _)| *above < level);
        self.gap();
        self.block(&text);
        self.gap();
        self.open.push((level, text));
        self.bare = true;
    }

    /// Adds a paragraph, list item, row or code block on its own line; blank ones are dropped.
    pub(crate) fn block(&mut self, text: &str) {
        let text = text.trim_end().trim_start_matches('\n');
        if text.trim().is_empty() {
            return;
        }
        if !self.body.is_empty() {
            self.body.push('\n');
        }
        self.body.push_str(text);
        self.bare = false;
    }

    /// Separates what follows by an empty line.
    pub(crate) fn gap(&mut self) {
        if !self.body.is_empty() && !self.body.ends_with('\n') {
            self.body.push('\n');
        }
    }

    /// Starts a numbered part of the file, whose number becomes the last of the headings. Headings alone are no section:
    /// they go with the part that follows.
    pub(crate) fn part(&mut self, name: &'static str, number: u32) {
        if self.bare && !self.body.is_empty() {
            let first = self.parts.map_or(number, |(_, first, _)| first);
            self.parts = Some((name, first, number));
            return;
        }
        self.close();
        self.bare = true;
        self.parts = Some((name, number, number));
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.body).trim_end().to_owned();
        if !text.is_empty() {
            let locator = self.parts.map(|(name, first, last)| span(name, first, last));
            let heading_path = self.open.iter().map(|(_, text)| text.clone()).chain(locator).collect();
            self.pages.push(Page { number: None, heading_path, text });
        }
    }

    /// All sections in order.
    pub(crate) fn finish(mut self) -> Vec<Page> {
        self.close();
        self.pages
    }
}
