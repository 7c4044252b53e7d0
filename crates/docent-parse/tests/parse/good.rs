//! Files as people have them: what a reader of the stored text sees.

use crate::sandboxed::{Sandboxed, whole_text};
use docent_core::{Format, ParsedDocument};
use docent_parse::Limits;
use docent_testkit::pdf;

fn read(filename: &str, bytes: impl AsRef<[u8]>) -> ParsedDocument {
    Sandboxed::new(Limits::default()).read(filename, bytes).unwrap_or_else(|refusal| panic!("{filename}: {refusal}"))
}

/// Number, heading path and text of every page.
fn outline(parsed: &ParsedDocument) -> Vec<(Option<u32>, String, &str)> {
    parsed.pages.iter().map(|page| (page.number, page.heading_path.join(" > "), page.text.trim())).collect()
}

#[test]
fn a_pdf_has_numbered_pages_and_a_blank_one_keeps_its_number() {
    let parsed = read("three.pdf", pdf::pages(&[&["First page."], &[], &["Third (and last) page."]]));
    assert_eq!(parsed.format, Format::Pdf);
    let expected = [(Some(1), "First page."), (Some(2), ""), (Some(3), "Third (and last) page.")];
    assert_eq!(outline(&parsed), expected.map(|(number, text)| (number, String::new(), text)));
    assert_eq!((parsed.warnings.len(), parsed.unreadable_pages.len()), (0, 0));
}

#[test]
fn a_pdf_of_prose_keeps_every_word_in_order() {
    let bytes = pdf::prose(11, 4);
    let parsed = read("prose.pdf", &bytes);
    let file = String::from_utf8(bytes).unwrap();
    let shown = file.split(") Tj").filter_map(|before| before.rsplit_once('(')).map(|(_, line)| line);
    let written: Vec<&str> = shown.flat_map(str::split_whitespace).collect();
    assert_eq!(parsed.pages.len(), 4);
    assert!(written.len() > 1_000);
    assert_eq!(whole_text(&parsed).split_whitespace().collect::<Vec<_>>(), written);
}

#[test]
fn markdown_is_cut_at_headings() {
    let parsed = read("tea.md", "# Tea\n\nBoil *fresh* water.\n\n## Green\n\nWait until it has 80 degrees.\n");
    assert_eq!((parsed.format, parsed.title.as_deref()), (Format::Markdown, Some("Tea")));
    let text = whole_text(&parsed);
    assert!(text.contains("Boil fresh water."), "{text}");
    let last = parsed.pages.last().unwrap();
    assert_eq!((last.number, last.heading_path.join(" > ").as_str()), (None, "Tea > Green"));
    assert!(last.text.contains("Wait until it has 80 degrees."), "{}", last.text);
}

#[test]
fn html_shows_what_a_browser_shows() {
    let page = "<!doctype html><title>Tea</title><style>p { color: green }</style><script>let secret = 1;</script>\
        <h1>Tea</h1><p>Boil <b>fresh</b>&nbsp;water.<h2>Green</h2><p>Wait &amp; see.";
    let parsed = read("tea.html", page);
    assert_eq!((parsed.format, parsed.title.as_deref()), (Format::Html, Some("Tea")));
    let text = whole_text(&parsed).replace('\u{a0}', " ");
    assert!(text.contains("Boil fresh water.") && text.contains("Wait & see."), "{text}");
    assert!(!text.contains("secret") && !text.contains("color"), "{text}");
    assert_eq!(parsed.pages.last().unwrap().heading_path.join(" > "), "Tea > Green");
}

#[test]
fn plain_text_is_one_page_in_any_encoding() {
    let utf16: Vec<u8> = "\u{feff}Grüße aus Köln".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (filename, bytes) in
        [("utf8.txt", "Grüße aus Köln".as_bytes()), ("utf16.txt", &utf16), ("README", "Grüße aus Köln".as_bytes())]
    {
        let parsed = read(filename, bytes);
        assert_eq!(parsed.format, Format::Text, "{filename}");
        assert_eq!(outline(&parsed), [(None, String::new(), "Grüße aus Köln")], "{filename}");
    }
}
