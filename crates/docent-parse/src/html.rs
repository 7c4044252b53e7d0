//! HTML: the words a reader sees, block by block, cut at headings. The tree is walked without recursion.

mod notes;
mod tree;

use crate::limits::Limits;
use crate::sections::Sections;
use crate::text;
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};
use encoding_rs::Encoding;
use notes::NoteLink;
use tree::{Content, Edge, Element, Tree};

/// Attributes of one tag: the parser compares each with all before it.
const ATTRIBUTES_MAX: usize = 5_000;

/// What stands between a page's title and its site's, set off by a space: `Re-embedding` is one word. No colon: a subtitle follows it.
const TITLE_SEPARATORS: [char; 6] = ['-', '\u{2013}', '\u{2014}', '|', '\u{b7}', '\u{bb}'];

pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, Refusal> {
    let source = source(bytes, limits)?;
    let (title, pages) = read(&source)?;
    if pages.is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "the page holds no words"));
    }
    Ok(ParsedDocument {
        format: Format::Html,
        title,
        pages,
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    })
}

/// The characters of an HTML file.
pub(crate) fn source(bytes: &[u8], limits: &Limits) -> Result<String, Refusal> {
    if bytes.len() as u64 > limits.html_bytes {
        let detail = format!(
            "the HTML file has {} bytes, more than the {} that are read; split it",
            bytes.len(),
            limits.html_bytes
        );
        return Err(Refusal::new(RefusalKind::TooLarge, detail));
    }
    Ok(text::tidy(&text::decode(bytes, declared_encoding(bytes))?))
}

/// Title and sections of a page.
pub(crate) fn read(source: &str) -> Result<(Option<String>, Vec<Page>), Refusal> {
    check_tags(source)?;
    let tree = Tree::document(source).map_err(|much| Refusal::new(RefusalKind::TooLarge, much.sentence()))?;
    let mut reader = Reader::new();
    reader.walk(&tree);
    let title = Some(collapse(&reader.title)).filter(|title| !title.is_empty());
    Ok((own_title(title, reader.first_h1), reader.sections.finish()))
}

/// A page's title without the name of its site: that of `Annual leave - Acme` is the page's heading, `Annual leave`.
fn own_title(title: Option<String>, first_h1: Option<String>) -> Option<String> {
    let names_site = |title: &String, heading: &String| {
        let rest = title.strip_prefix(heading.as_str()).and_then(|rest| rest.strip_prefix(char::is_whitespace));
        rest.is_some_and(|rest| rest.trim_start().starts_with(TITLE_SEPARATORS))
    };
    match (title, first_h1) {
        (Some(title), Some(heading)) if names_site(&title, &heading) => Some(heading),
        (title, heading) => title.or(heading),
    }
}

/// The lines of a piece of HTML inside Markdown; nothing if it is beyond reason.
pub(crate) fn fragment_lines(source: &str) -> Vec<String> {
    let tree = check_tags(source).ok().and_then(|()| Tree::fragment(source).ok());
    let Some(tree) = tree else { return Vec::new() };
    let mut reader = Reader::new();
    reader.walk(&tree);
    let lines =
        reader.sections.finish().into_iter().flat_map(|page| page.text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty()).collect()
}

/// The charset that a `meta` (or XML declaration) in the first kilobytes names.
fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).to_ascii_lowercase();
    let mark = ["charset=", "encoding="].iter().find_map(|mark| head.find(mark).map(|at| at + mark.len()))?;
    let label: String = head[mark..]
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_:".contains(*c))
        .collect();
    Encoding::for_label(label.as_bytes())
}

/// Refuses a file with a tag of more attributes than anybody writes.
fn check_tags(source: &str) -> Result<(), Refusal> {
    let (mut in_tag, mut quote, mut separators) = (false, None, 0_usize);
    for pair in source.as_bytes().windows(2) {
        let byte = pair[0];
        match (in_tag, quote) {
            (false, _) if byte == b'<' && pair[1].is_ascii_alphabetic() => (in_tag, separators) = (true, 0),
            (false, _) => {}
            (true, Some(open)) if byte == open => quote = None,
            (true, Some(_)) => {}
            (true, None) => match byte {
                b'>' => in_tag = false,
                b'"' | b'\'' => quote = Some(byte),
                b' ' | b'\t' | b'\n' | b'/' => separators += 1,
                _ => {}
            },
        }
        if separators > ATTRIBUTES_MAX {
            let detail = format!("the page has a tag of more than {ATTRIBUTES_MAX} attributes");
            return Err(Refusal::new(RefusalKind::TooLarge, detail));
        }
    }
    Ok(())
}

fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What an element means for the text around it.
enum Role {
    Skip,
    Title,
    Heading(u8),
    Paragraph,
    Block,
    Preformatted,
    Row,
    Cell,
    Item,
    List,
    Break,
    Raised,
    OwnLink,
    Inline,
}

fn role(element: &Element) -> Role {
    if is_hidden(element) {
        return Role::Skip;
    }
    match element.name() {
        "script" | "style" | "nav" | "template" | "noscript" | "iframe" | "svg" | "canvas" | "object" | "button" => {
            Role::Skip
        }
        "title" => Role::Title,
        "h1" => Role::Heading(1),
        "h2" => Role::Heading(2),
        "h3" => Role::Heading(3),
        "h4" => Role::Heading(4),
        "h5" => Role::Heading(5),
        "h6" => Role::Heading(6),
        "pre" | "textarea" => Role::Preformatted,
        "tr" => Role::Row,
        "td" | "th" => Role::Cell,
        "li" => Role::Item,
        "ul" | "ol" => Role::List,
        "br" => Role::Break,
        "sup" => Role::Raised,
        "a" if element.attribute("href").is_some_and(|target| target.starts_with('#')) => Role::OwnLink,
        "p" => Role::Paragraph,
        "div" | "section" | "article" | "main" | "header" | "footer" | "aside" | "table" | "caption" | "blockquote"
        | "figure" | "figcaption" | "form" | "fieldset" | "dl" | "dt" | "dd" | "hr" | "address" | "details"
        | "summary" | "body" | "option" => Role::Block,
        _ => Role::Inline,
    }
}

fn is_hidden(element: &Element) -> bool {
    let style = element.attribute("style").is_some_and(|style| {
        let style: String = style.chars().filter(|c| !c.is_whitespace()).collect();
        style.contains("display:none") || style.contains("visibility:hidden")
    });
    // Links to edit a section, as wikis put them into every heading.
    let editing =
        element.attribute("class").is_some_and(|class| class.split_whitespace().any(|name| name == "mw-editsection"));
    style || editing || element.attribute("hidden").is_some() || element.attribute("role") == Some("navigation")
}

struct Reader {
    sections: Sections,
    title: String,
    first_h1: Option<String>,
    line: String,
    rows: usize,
    lists: usize,
    preformatted: usize,
    in_title: bool,
    note: NoteLink,
}

impl Reader {
    const fn new() -> Self {
        Self {
            sections: Sections::new(),
            title: String::new(),
            first_h1: None,
            line: String::new(),
            rows: 0,
            lists: 0,
            preformatted: 0,
            in_title: false,
            note: NoteLink::new(),
        }
    }

    fn walk(&mut self, tree: &Tree) {
        tree.walk(|content, edge| {
            match content {
                Content::Text(words) if edge == Edge::Open => self.words(words),
                Content::Element(element) => match (role(element), edge) {
                    (Role::Skip, _) => return false,
                    (role, Edge::Open) => self.open(&role),
                    (role, Edge::Close) => self.close(&role),
                },
                Content::Text(_) | Content::Other => {}
            }
            true
        });
        self.flush();
    }

    fn open(&mut self, role: &Role) {
        match role {
            Role::Title => self.in_title = true,
            // An item's first paragraph stands behind its dash.
            Role::Block | Role::Paragraph if self.line.trim() == "-" => {}
            Role::Heading(_) | Role::Block => self.flush_outside_rows(),
            Role::Paragraph => self.end_paragraph(),
            Role::Preformatted => {
                self.flush_outside_rows();
                self.preformatted += 1;
            }
            Role::Row => {
                self.flush_outside_rows();
                self.rows += 1;
            }
            Role::Cell if self.rows > 0 && !self.line.trim().is_empty() => {
                self.line.truncate(self.line.trim_end().len());
                // A table inside a cell begins with a cell: one line between them is enough.
                self.line.push_str(if self.line.ends_with(" |") { " " } else { " | " });
            }
            Role::List => {
                self.flush_outside_rows();
                self.lists += 1;
            }
            Role::Item => {
                self.flush_outside_rows();
                if self.rows == 0 {
                    self.line.push_str(&"  ".repeat(self.lists.saturating_sub(1).min(16)));
                    self.line.push_str("- ");
                }
            }
            Role::Break if self.rows > 0 => self.line.push(' '),
            Role::Break => self.line.push('\n'),
            Role::Raised => self.note.raise(&self.line),
            Role::OwnLink => self.note.link(&self.line),
            Role::Cell | Role::Inline | Role::Skip => {}
        }
    }

    fn close(&mut self, role: &Role) {
        match role {
            Role::Title => self.in_title = false,
            Role::Heading(level) => self.heading(*level),
            Role::Block => self.flush_outside_rows(),
            Role::Paragraph => self.end_paragraph(),
            Role::Item => self.flush_outside_rows(),
            Role::Preformatted => {
                self.flush_outside_rows();
                self.preformatted = self.preformatted.saturating_sub(1);
            }
            Role::Row => {
                self.rows = self.rows.saturating_sub(1);
                self.flush_outside_rows();
            }
            Role::List => {
                self.flush_outside_rows();
                self.lists = self.lists.saturating_sub(1);
            }
            Role::Raised => self.note.lower(&mut self.line),
            Role::OwnLink => self.note.unlink(&mut self.line),
            Role::Cell | Role::Break | Role::Inline | Role::Skip => {}
        }
    }

    fn words(&mut self, words: &str) {
        if self.in_title {
            self.title.push_str(words);
            return;
        }
        self.note.words(words);
        if self.preformatted > 0 && self.rows == 0 {
            self.line.push_str(words);
            return;
        }
        for c in words.chars() {
            match c {
                '\u{AD}' | '\u{200B}' => {}
                c if c.is_whitespace() => {
                    if !self.line.is_empty() && !self.line.ends_with([' ', '\n']) {
                        self.line.push(' ');
                    }
                }
                c => self.line.push(c),
            }
        }
    }

    fn heading(&mut self, level: u8) {
        if self.rows > 0 {
            return self.line.push(' ');
        }
        let text = collapse(&std::mem::take(&mut self.line));
        if level == 1 && self.first_h1.is_none() {
            self.first_h1 = Some(text.clone()).filter(|title| !title.is_empty());
        }
        self.sections.heading(level, &text);
    }

    /// Ends the block and sets it apart, or it would be taken for a line of a longer paragraph.
    fn end_paragraph(&mut self) {
        self.flush_outside_rows();
        if self.rows == 0 && self.lists == 0 {
            self.sections.gap();
        }
    }

    /// Ends the block, unless a table's row goes on around it: a row is one line whatever its cells contain.
    fn flush_outside_rows(&mut self) {
        if self.rows == 0 {
            self.flush();
        } else if !self.line.is_empty() && !self.line.ends_with([' ', '\n']) {
            self.line.push(' ');
        }
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.note.line_ends();
        if !matches!(line.trim(), "-" | "|" | "") {
            self.sections.block(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> ParsedDocument {
        parse(source.as_bytes(), &Limits::default()).expect("parses")
    }

    #[test]
    fn words_without_the_machinery() {
        let table: &[(&str, &str)] = &[
            ("<p>One\n two</p><p>three<br>four</p>", "One two\n\nthree\nfour"),
            (
                "<nav>menu</nav><script>var x</script><style>p{}</style><p hidden>no</p><p style='display: none'>no</p><p>yes</p>",
                "yes",
            ),
            ("<ul><li>a<ul><li>b</li></ul></li><li><p>c</p></li></ul>", "- a\n  - b\n- c"),
            (
                "<table><tr><th>Item</th><th>Price</th></tr><tr><td><p>Tie</p></td><td>9&nbsp;EUR</td></tr></table>",
                "Item | Price\nTie | 9 EUR",
            ),
            ("<pre>fn main() {\n    run();\n}</pre>", "fn main() {\n    run();\n}"),
            ("<table><tr><td>a</td><td><table><tr><td>b</td><td>c</td></tr></table></td></tr></table>", "a | b | c"),
            ("<p>Teams<span class='x mw-editsection'>[edit]</span></p>", "Teams"),
            ("<p>soft&shy;hyphen</p>", "softhyphen"),
            ("<p>Said.<sup id='r'><a href='#n'>[12]</a></sup> So.</p>", "Said. So."),
            (
                "<p>Said<a href='#n' role='doc-noteref'><sup>1</sup></a><sup> <a href='#m'><i>note 2</i></a></sup>.</p>",
                "Said.",
            ),
            (
                "<p>m<sup>2</sup> <a href='#b'>below<sup>3</sup></a> <sup><a href='/w/Cite'>cite</a></sup></p>",
                "m2 below3 cite",
            ),
            ("<p><sup><a href='#more'>All that is written below</a></sup></p>", "All that is written below"),
            ("<p><sup><p>x</p><a href='#n'>1</a></sup></p>", "x\n\n1"),
            ("a<b>b</b>c <i>d</i>", "abc d"),
            ("<p>unclosed <script>x = '", "unclosed"),
        ];
        for (source, expected) in table {
            assert_eq!(read(source).pages[0].text, *expected, "{source}");
        }
    }

    #[test]
    fn headings_cut_sections() {
        let parsed = read(
            "<title> The  Guide </title><h1>Guide</h1><p>Intro</p><h2>Part <i>A</i></h2><p>Text</p><h2>Part B</h2>",
        );
        let seen: Vec<(String, &str)> =
            parsed.pages.iter().map(|page| (page.heading_path.join(" > "), page.text.as_str())).collect();
        let expected =
            [("Guide", "Guide\n\nIntro"), ("Guide > Part A", "Part A\n\nText"), ("Guide > Part B", "Part B")];
        assert_eq!(seen, expected.map(|(path, text)| (path.to_owned(), text)));
        assert_eq!(parsed.title.as_deref(), Some("The Guide"));
    }

    #[test]
    fn a_title_is_without_its_site() {
        let table = [
            ("Annual leave - Acme", "Annual leave", "Annual leave"),
            ("Annual leave | Acme", "Annual\n leave", "Annual leave"),
            ("Annual leave 2024", "Annual leave", "Annual leave 2024"),
            ("Re-embedding", "Re", "Re-embedding"),
            ("Leave: what is due", "Leave", "Leave: what is due"),
            ("Annual leave", "Annual leave", "Annual leave"),
            ("Acme - Annual leave", "Annual leave", "Acme - Annual leave"),
            ("", "Annual leave", "Annual leave"),
            ("Acme", "", "Acme"),
        ];
        for (title, heading, expected) in table {
            let parsed = read(&format!("<title>{title}</title><h1>{heading}</h1><p>It is 25 days.</p>"));
            assert_eq!(parsed.title.as_deref(), Some(expected), "{title}");
        }
    }

    #[test]
    fn charsets() {
        let table: &[&[u8]] = &[
            b"<meta charset='windows-1252'><p>k\xF6stlich</p>",
            b"<p>k\xF6stlich und gut f\xFCr alle</p>",
            "<meta charset='iso-8859-1'><p>köstlich</p>".as_bytes(),
        ];
        for bytes in table {
            let parsed = parse(bytes, &Limits::default()).expect("parses");
            assert!(parsed.pages[0].text.starts_with("köstlich"), "{parsed:?}");
        }
    }

    #[test]
    fn hostile_pages_are_refused_by_name() {
        let deep = "<div>".repeat(200_000);
        let large = "<p>x</p>".repeat(1 << 20);
        for (source, reason) in [
            (deep, "too_large: the page nests"),
            (format!("<p {}>words", "a=b ".repeat(6_000)), "too_large: the page has a tag of more than"),
            (large, "too_large: the HTML file has"),
            ("<p> </p>".into(), "empty: the page holds no words"),
        ] {
            let refusal = parse(source.as_bytes(), &Limits::default()).expect_err("refused").to_string();
            assert!(refusal.starts_with(reason), "{refusal}");
        }
    }
}
