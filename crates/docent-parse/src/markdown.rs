//! Markdown: one page per heading, with the words as a reader sees them and without the markup.

mod front;

use crate::html;
use crate::sections::Sections;
use crate::text;
use docent_core::{Format, ParsedDocument, Refusal, RefusalKind};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

pub(crate) fn parse(bytes: &[u8]) -> Result<ParsedDocument, Refusal> {
    let source = text::tidy(&text::decode(bytes, None)?);
    let (front, body) = front_matter(&source);
    let mut sections = Sections::new();
    let first_h1 = read_into(&mut sections, body);
    let mut pages = sections.finish();
    let (stated, words) = front.map(front::read).unwrap_or_default();
    match pages.first_mut() {
        // What the author said about the page can be searched and quoted like the rest of it.
        Some(first) if !words.is_empty() => first.text = format!("{words}\n\n{}", first.text),
        Some(_) => {}
        None => return Err(Refusal::new(RefusalKind::Empty, "the file holds no words")),
    }
    let title = stated.or(first_h1);
    Ok(ParsedDocument {
        format: Format::Markdown,
        title,
        pages,
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    })
}

/// Adds the blocks of a piece of Markdown; gives its first heading of the first level back.
pub(crate) fn read_into(sections: &mut Sections, source: &str) -> Option<String> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES | Options::ENABLE_TASKLISTS;
    let mut reader = Reader::new(sections);
    for event in Parser::new_ext(source, options) {
        reader.event(event);
    }
    reader.flush();
    reader.first_h1
}

/// Splits a leading block between `---` (YAML) or `+++` (TOML) off.
fn front_matter(source: &str) -> (Option<&str>, &str) {
    let Some(fence) = ["---", "+++"].into_iter().find(|fence| source.starts_with(&format!("{fence}\n"))) else {
        return (None, source);
    };
    let rest = &source[fence.len() + 1..];
    let mut length = 0;
    for line in rest.split_inclusive('\n') {
        let end = line.trim_end();
        if end == fence || end == "..." {
            return (Some(&rest[..length]), &rest[length + line.len()..]);
        }
        length += line.len();
    }
    (None, source)
}

/// Follows the events and keeps what the current block and row have said so far.
struct Reader<'a> {
    sections: &'a mut Sections,
    first_h1: Option<String>,
    /// The block being read, markers of its list item included.
    line: String,
    /// Number of the next item per open list; none for bullets.
    lists: Vec<Option<u64>>,
    html: String,
    in_code: bool,
    /// Cells of the current row are separated, not put on lines.
    in_row: bool,
}

impl<'a> Reader<'a> {
    const fn new(sections: &'a mut Sections) -> Self {
        Self {
            sections,
            first_h1: None,
            line: String::new(),
            lists: Vec::new(),
            html: String::new(),
            in_code: false,
            in_row: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) => self.words(&text),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.words(&text),
            Event::Html(text) => self.html.push_str(&text),
            Event::InlineHtml(tag) => self.inline_html(&tag),
            Event::SoftBreak => self.line.push(' '),
            Event::HardBreak => self.line.push(if self.in_row { ' ' } else { '\n' }),
            Event::TaskListMarker(done) => self.line.push_str(if done { "[x] " } else { "[ ] " }),
            Event::FootnoteReference(label) => self.line.push_str(&format!("[{label}]")),
            Event::Rule => self.flush(),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => {}
            Tag::Item => self.item(),
            Tag::List(first) => {
                self.flush();
                if self.lists.is_empty() {
                    self.sections.gap();
                }
                self.lists.push(first);
            }
            Tag::CodeBlock(kind) => self.code(&kind),
            Tag::TableHead | Tag::TableRow => {
                self.flush();
                self.in_row = true;
            }
            Tag::TableCell if !self.line.is_empty() => self.line.push_str(" | "),
            Tag::Heading { .. } | Tag::Table(_) | Tag::BlockQuote(_) | Tag::HtmlBlock => {
                self.flush();
                self.sections.gap();
            }
            Tag::FootnoteDefinition(label) => {
                self.flush();
                self.line.push_str(&format!("[{label}] "));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::Paragraph => {
                self.flush();
                if self.lists.is_empty() {
                    self.sections.gap();
                }
            }
            TagEnd::Item | TagEnd::FootnoteDefinition => self.flush(),
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.gap_outside_lists();
            }
            TagEnd::CodeBlock => {
                self.flush();
                self.in_code = false;
                self.gap_outside_lists();
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                self.in_row = false;
                self.flush();
            }
            TagEnd::Table => self.sections.gap(),
            TagEnd::HtmlBlock => self.html_block(),
            _ => {}
        }
    }

    fn words(&mut self, words: &str) {
        if self.in_row {
            self.line.extend(words.chars().map(|c| if c == '\n' { ' ' } else { c }));
        } else {
            self.line.push_str(words);
        }
    }

    fn inline_html(&mut self, tag: &str) {
        if tag.len() >= 3 && tag[..3].eq_ignore_ascii_case("<br") {
            self.line.push(if self.in_row { ' ' } else { '\n' });
        }
    }

    fn item(&mut self) {
        self.flush();
        let depth = self.lists.len().saturating_sub(1);
        self.line.push_str(&"  ".repeat(depth.min(16)));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.line.push_str(&format!("{number}. "));
                *number = number.saturating_add(1);
            }
            _ => self.line.push_str("- "),
        }
    }

    fn code(&mut self, _kind: &CodeBlockKind<'_>) {
        self.flush();
        self.gap_outside_lists();
        self.in_code = true;
    }

    fn heading(&mut self, level: HeadingLevel) {
        let text = std::mem::take(&mut self.line);
        if level == HeadingLevel::H1 && self.first_h1.is_none() {
            self.first_h1 = Some(text.trim().to_owned()).filter(|title| !title.is_empty());
        }
        self.sections.heading(level as u8, &text);
    }

    fn html_block(&mut self) {
        let source = std::mem::take(&mut self.html);
        for line in html::fragment_lines(&source) {
            self.sections.block(&line);
        }
        self.sections.gap();
    }

    fn gap_outside_lists(&mut self) {
        if self.lists.is_empty() {
            self.sections.gap();
        }
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !matches!(line.trim(), "-" | "") {
            self.sections.block(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> ParsedDocument {
        parse(source.as_bytes()).expect("parses")
    }

    #[test]
    fn sections_know_their_headings() {
        let parsed = read(
            "Before.\n\n# Leave\n\n## Annual leave\n\nEveryone has\n25 days.\n\n## Sick leave\n\nTell us.\n\n# Travel\n\nBook early.\n",
        );
        let seen: Vec<(String, &str)> =
            parsed.pages.iter().map(|page| (page.heading_path.join(" > "), page.text.as_str())).collect();
        let expected = [
            ("", "Before."),
            ("Leave > Annual leave", "Leave\n\nAnnual leave\n\nEveryone has 25 days."),
            ("Leave > Sick leave", "Sick leave\n\nTell us."),
            ("Travel", "Travel\n\nBook early."),
        ];
        assert_eq!(seen, expected.map(|(path, text)| (path.to_owned(), text)));
        assert_eq!(parsed.title.as_deref(), Some("Leave"));
    }

    #[test]
    fn markup_disappears_and_words_stay() {
        let table: &[(&str, &str)] = &[
            ("*very* **bold** `code` [link](http://x) ![alt text](y.png) ~~old~~", "very bold code link alt text old"),
            ("- one\n- two\n  - inner\n- [x] done", "- one\n- two\n  - inner\n- [x] done"),
            ("3. three\n4. four\n\nafter", "3. three\n4. four\n\nafter"),
            ("| a | b |\n|---|---|\n| 1 | `x|y` z |\n| 2 | two<br>lines |", "a | b\n1 | `x\n2 | two lines"),
            (
                "text\n\n```rust\nfn main() {\n\n    run();\n}\n```\nafter",
                "text\n\nfn main() {\n\n    run();\n}\n\nafter",
            ),
            ("<div align=\"center\">\n<b>Logo</b> text\n</div>\n\npara<!-- note -->graph", "Logo text\n\nparagraph"),
            ("Fact.[^1]\n\n[^1]: The source.", "Fact.[1]\n\n[1] The source."),
            ("> quoted\n> words", "quoted words"),
            ("a\\\nb", "a\nb"),
        ];
        for (source, expected) in table {
            assert_eq!(read(source).pages[0].text, *expected, "{source}");
        }
    }

    #[test]
    fn titles_come_from_front_matter_first() {
        let table = [
            (
                "---\ntitle: \"Uniform: rules\"\ntags: [a]\n---\n# Other\n\nx",
                Some("Uniform: rules"),
                "tags: a\n\nOther\n\nx",
            ),
            ("---\ntags: a\n---\n# Other\n\nx", Some("Other"), "tags: a\n\nOther\n\nx"),
            ("+++\ntitle = 'Tides'\n+++\nx", Some("Tides"), "x"),
            ("---\n\nnot front matter", None, "not front matter"),
            ("## Second level\n\nx", None, "Second level\n\nx"),
        ];
        for (source, title, text) in table {
            let parsed = read(source);
            assert_eq!((parsed.title.as_deref(), parsed.pages[0].text.as_str()), (title, text), "{source}");
        }
    }

    #[test]
    fn nothing_to_read_is_empty() {
        for source in ["\n\n", "<!-- only a comment -->", "---\ntitle: x\n---\n"] {
            let refusal = parse(source.as_bytes()).expect_err("refused");
            assert_eq!(refusal.to_string(), "empty: the file holds no words");
        }
    }
}
