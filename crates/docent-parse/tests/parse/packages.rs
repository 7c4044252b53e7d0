//! Archives of XML parts, written on the spot: what a Word, PowerPoint, Excel or EPUB file is at the least.

use std::io::{Cursor, Write};
use zip::write::{SimpleFileOptions, ZipWriter};

/// An archive of these parts, compressed.
pub(crate) fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    archive_of(&parts)
}

/// The same with parts of bytes.
pub(crate) fn archive_of(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a part");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("an archive").into_inner()
}

/// A Word file with this body.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    archive(&[
        ("word/document.xml", &word(body)),
        ("word/styles.xml", STYLES),
        ("word/_rels/document.xml.rels", DOCX_RELATIONS),
    ])
}

/// The main part of a Word file.
pub(crate) fn word(body: &str) -> String {
    format!(r#"<?xml version="1.0"?><w:document xmlns:w="w"><w:body>{body}</w:body></w:document>"#)
}

/// A paragraph of a style; none for running text.
pub(crate) fn paragraph(style: &str, text: &str) -> String {
    let style = if style.is_empty() { String::new() } else { format!(r#"<w:pPr><w:pStyle w:val="{style}"/></w:pPr>"#) };
    format!("<w:p>{style}<w:r><w:t>{text}</w:t></w:r></w:p>")
}

const STYLES: &str = r#"<w:styles xmlns:w="w">
    <w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
    <w:style w:type="paragraph" w:styleId="Mein"><w:name w:val="Mine"/><w:basedOn w:val="H2"/></w:style>
    <w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/></w:style></w:styles>"#;

const DOCX_RELATIONS: &str = r#"<Relationships>
    <Relationship Id="r1" Type="http://x/relationships/styles" Target="styles.xml"/></Relationships>"#;

/// A presentation of these slides' shapes.
pub(crate) fn pptx(slides: &[&str]) -> Vec<u8> {
    let numbers = 1..=slides.len();
    let list: String = numbers.clone().map(|n| format!(r#"<p:sldId id="{}" r:id="r{n}"/>"#, 255 + n)).collect();
    let relations: String = numbers
        .clone()
        .map(|n| {
            format!(r#"<Relationship Id="r{n}" Type="http://x/relationships/slide" Target="slides/slide{n}.xml"/>"#)
        })
        .collect();
    let mut parts = vec![
        (
            "ppt/presentation.xml".to_owned(),
            format!("<p:presentation><p:sldIdLst>{list}</p:sldIdLst></p:presentation>"),
        ),
        ("ppt/_rels/presentation.xml.rels".to_owned(), format!("<Relationships>{relations}</Relationships>")),
    ];
    parts.extend(
        numbers.zip(slides).map(|(n, shapes)| (format!("ppt/slides/slide{n}.xml"), format!("<p:sld>{shapes}</p:sld>"))),
    );
    archive(&parts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
}

/// A shape of a slide; `kind` is its placeholder's type.
pub(crate) fn shape(kind: &str, text: &str) -> String {
    format!(
        r#"<p:sp><p:nvPr><p:ph type="{kind}"/></p:nvPr><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"#
    )
}

/// A workbook of one sheet with these cells, and its shared strings.
pub(crate) fn xlsx(cells: &str, strings: &str) -> Vec<u8> {
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{cells}</sheetData></worksheet>");
    let workbook = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"Q3\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let relations = format!(
        "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
         <Relationship Id=\"r2\" Type=\"{OFFICE}/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>"
    );
    let main = format!(
        "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    archive(&[
        ("_rels/.rels", &main),
        ("xl/workbook.xml", &workbook),
        ("xl/_rels/workbook.xml.rels", &relations),
        ("xl/worksheets/sheet1.xml", &sheet),
        ("xl/sharedStrings.xml", strings),
    ])
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// A row of cells that hold their own text.
pub(crate) fn row(number: usize, cells: &[&str]) -> String {
    let cell = |(column, text): (usize, &&str)| {
        let letter = char::from(b'A' + column as u8);
        match text.parse::<f64>() {
            Ok(_) => format!("<c r=\"{letter}{number}\"><v>{text}</v></c>"),
            Err(_) => format!("<c r=\"{letter}{number}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"),
        }
    };
    format!("<row r=\"{number}\">{}</row>", cells.iter().enumerate().map(cell).collect::<String>())
}

/// A book of these chapters, named `one.xhtml`, `two.xhtml` and so on, with a table of contents of the older kind.
pub(crate) fn epub(chapters: &[(&str, &str)], more: &[(&str, &str)]) -> Vec<u8> {
    let item =
        |(name, _): &(&str, &str)| format!(r#"<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>"#);
    let items: String = chapters.iter().map(item).collect();
    let spine: String = chapters.iter().map(|(name, _)| format!(r#"<itemref idref="{name}"/>"#)).collect();
    let package = format!(
        r#"<package xmlns:dc="dc"><metadata><dc:title>Small Waters</dc:title></metadata><manifest>{items}
        <item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest><spine>{spine}</spine></package>"#
    );
    let mut parts = vec![
        (
            "META-INF/container.xml",
            r#"<container><rootfiles><rootfile full-path="book/package.opf"/></rootfiles></container>"#,
        ),
        ("book/package.opf", package.as_str()),
    ];
    let names: Vec<String> = chapters.iter().map(|(name, _)| format!("book/{name}")).collect();
    parts.extend(names.iter().zip(chapters).map(|(name, (_, text))| (name.as_str(), *text)));
    parts.extend(more);
    archive(&parts)
}
