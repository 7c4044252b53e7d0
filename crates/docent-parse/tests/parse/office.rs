//! Files that people write in offices, and what becomes of their headings, tables and places.

use crate::packages::{archive, docx, epub, paragraph, pptx, row, shape, xlsx};
use crate::sandboxed::Sandboxed;
use docent_core::{Format, ParsedDocument, RefusalKind};
use docent_parse::Limits;

fn read(filename: &str, bytes: impl AsRef<[u8]>) -> ParsedDocument {
    Sandboxed::new(Limits::default()).read(filename, bytes).unwrap_or_else(|refusal| panic!("{filename}: {refusal}"))
}

/// Place and text of every page.
fn outline(parsed: &ParsedDocument) -> Vec<(String, &str)> {
    let place = |number: Option<u32>, path: &[String]| match number {
        Some(number) => format!("{number}: {}", path.join(" > ")),
        None => path.join(" > "),
    };
    parsed.pages.iter().map(|page| (place(page.number, &page.heading_path), page.text.as_str())).collect()
}

fn expect(parsed: &ParsedDocument, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(place, text)| ((*place).to_owned(), *text)).collect();
    assert_eq!(outline(parsed), expected);
}

#[test]
fn word_is_cut_at_headings_of_any_language() {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph("", text));
    let table = format!(
        "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
        cell("Item"),
        cell("Price"),
        cell("Tie"),
        cell("9")
    );
    let item = r#"<w:p><w:pPr><w:numPr><w:ilvl w:val="1"/></w:numPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>soap</w:t></w:r></w:p>"#;
    let edited = "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>\
        <mc:AlternateContent><mc:Choice><w:r><w:t> once</w:t></w:r></mc:Choice><mc:Fallback><w:r><w:t>twice</w:t></w:r></mc:Fallback></mc:AlternateContent></w:p>";
    let body = [
        paragraph("berschrift1", "Urlaub"),
        paragraph("", "Alle haben Urlaub &amp; mehr."),
        paragraph("Mein", "Anzug"),
        table,
        item.to_owned(),
        edited.to_owned(),
    ];
    let parsed = read("handbook.docx", docx(&body.concat()));
    assert_eq!((parsed.format, parsed.title.as_deref()), (Format::Docx, Some("Urlaub")));
    expect(
        &parsed,
        &[
            ("Urlaub", "Urlaub\n\nAlle haben Urlaub & mehr."),
            ("Urlaub > Anzug", "Anzug\n\nItem | Price\nTie | 9\n\n  - soap\n\nkept once"),
        ],
    );
}

#[test]
fn notes_of_a_word_file_stand_at_its_end() {
    let main = crate::packages::word(r#"<w:p><w:r><w:t>It is so.</w:t><w:footnoteReference w:id="2"/></w:r></w:p>"#);
    let notes = r#"<w:footnotes><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>
        <w:footnote w:id="2"><w:p><w:r><w:t>Says who?</w:t></w:r></w:p></w:footnote></w:footnotes>"#;
    let relations =
        r#"<Relationships><Relationship Id="r1" Type="x/footnotes" Target="footnotes.xml"/></Relationships>"#;
    let parts = [
        ("word/document.xml", main.as_str()),
        ("word/footnotes.xml", notes),
        ("word/_rels/document.xml.rels", relations),
    ];
    expect(&read("note.docx", archive(&parts)), &[("", "It is so.[1]"), ("Notes", "Notes\n\n[1] Says who?")]);
}

#[test]
fn a_slide_is_a_page() {
    let table = "<a:tbl><a:tr><a:tc><a:p><a:r><a:t>Pie</a:t></a:r></a:p></a:tc><a:tc><a:p><a:r><a:t>Apple</a:t></a:r></a:p></a:tc></a:tr></a:tbl>";
    let first = [shape("ctrTitle", "Harvest"), shape("body", "What we picked"), table.to_owned(), shape("sldNum", "1")]
        .concat();
    let parsed = read("deck.pptx", pptx(&[&first, "<p:pic/>", &shape("body", "Thanks")]));
    assert_eq!((parsed.format, parsed.title.as_deref()), (Format::Pptx, Some("Harvest")));
    expect(&parsed, &[("1: Harvest", "Harvest\n\nWhat we picked\nPie | Apple"), ("2: ", ""), ("3: ", "Thanks")]);
    assert_eq!((parsed.unreadable_pages, parsed.warnings), (vec![2], vec!["slide 2: holds only pictures".to_owned()]));
}

#[test]
fn a_sheets_rows_are_named() {
    let cells =
        [row(1, &["Sales"]), row(3, &["Region", "Q1"]), row(4, &["North", "10"]), row(5, &["South", "12.5"])].concat();
    let parsed = read("sales.xlsx", xlsx(&cells, "<sst/>"));
    assert_eq!(parsed.format, Format::Xlsx);
    expect(&parsed, &[("Sheet: Q3 > rows 1–5", "Sales\nRegion | Q1\nNorth | 10\nSouth | 12.5")]);
}

#[test]
fn a_books_chapters_have_the_names_of_its_contents() {
    let chapters = [
        ("one.xhtml", "<html><head><title/></head><body><a id='p1'/><p>The pond is still.</p></body></html>"),
        ("two.xhtml", "<html><body><h1>The River</h1><p>It runs.</p></body></html>"),
        ("end.xhtml", "<html><body><p>Fin.</p></body></html>"),
    ];
    let contents = "<!DOCTYPE ncx PUBLIC 'a' 'b'><ncx><navPoint><navLabel><text>The Pond</text></navLabel><content src='one.xhtml#p1'/></navPoint>\
        <navPoint><navLabel><text>The River</text></navLabel><content src='two.xhtml'/></navPoint></ncx>";
    let parsed = read("book.epub", epub(&chapters, &[("book/toc.ncx", contents)]));
    assert_eq!((parsed.format, parsed.title.as_deref()), (Format::Epub, Some("Small Waters")));
    expect(
        &parsed,
        &[("The Pond", "The pond is still."), ("The River", "The River\n\nIt runs."), ("chapter 3", "Fin.")],
    );
}

#[test]
fn what_is_wrong_with_a_package_is_said() {
    let locked = [("book/toc.ncx", ""), ("META-INF/encryption.xml", "<e><CipherReference URI='book/one.xhtml'/></e>")];
    let whole = docx(&paragraph("", "words"));
    let table: &[(&str, Vec<u8>, RefusalKind)] = &[
        ("cut.docx", whole[..whole.len() / 2].to_vec(), RefusalKind::Corrupt),
        ("other.docx", xlsx("", "<sst/>"), RefusalKind::Corrupt),
        ("blank.docx", docx(""), RefusalKind::Empty),
        ("blank.xlsx", xlsx("", "<sst/>"), RefusalKind::Empty),
        ("blank.pptx", pptx(&[""]), RefusalKind::Empty),
        ("scans.pptx", pptx(&["<p:pic/>"]), RefusalKind::NoText),
        ("locked.epub", epub(&[("one.xhtml", "x")], &locked), RefusalKind::Encrypted),
        ("blank.epub", epub(&[("one.xhtml", "<p/>")], &[]), RefusalKind::Empty),
        (
            "laughs.docx",
            archive(&[("word/document.xml", "<!DOCTYPE x [<!ENTITY a 'ha'>]><w:p/>")]),
            RefusalKind::Corrupt,
        ),
    ];
    let sandbox = Sandboxed::new(Limits::default());
    for (filename, bytes, kind) in table {
        let refusal = sandbox.read(filename, bytes).expect_err(filename);
        assert_eq!(refusal.kind, *kind, "{filename}: {refusal}");
    }
    sandbox.assert_works();
}
