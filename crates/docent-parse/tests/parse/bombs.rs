//! Packages, tables and messages that mean harm: small files that ask for much. Every one is made here, from a seed where
//! chance has a part in it.

use crate::hostile::{pick, read_all};
use crate::packages::{archive, archive_of, docx, epub, paragraph, pptx, row, shape, word, xlsx};

type File = (&'static str, &'static str, Vec<u8>);

/// None of them may cost the parent more than an answer, and most of them have one right end.
fn all_end(files: Vec<File>, expected: &[(&str, &str)]) {
    let count = files.len();
    let outcomes =
        read_all(files.into_iter().map(|(name, filename, bytes)| (name.to_owned(), filename, bytes)).collect());
    assert_eq!(outcomes.len(), count);
    for (name, beginning) in expected {
        let (_, outcome) = outcomes.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("{name}"));
        assert!(outcome.starts_with(beginning), "{name}: {outcome}");
    }
}

fn document(source: &str) -> Vec<u8> {
    archive(&[("word/document.xml", source)])
}

#[test]
fn word_files() {
    let words = paragraph("", "words");
    let many = |count: usize| (0..count).map(|n| (format!("part{n}"), String::new())).collect::<Vec<_>>();
    let entries = many(20_000);
    let mut crowd: Vec<(&str, &str)> = entries.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let main = word(&words);
    crowd.push(("word/document.xml", &main));
    let mut lying = docx(&paragraph("", &"long ".repeat(100_000)));
    lie_about_sizes(&mut lying);
    let zipped = archive(&[("word/document.xml", &main)]);
    let styles = r#"<w:styles><w:style w:styleId="A"><w:basedOn w:val="B"/></w:style><w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>"#;
    let styled = [
        ("word/document.xml", word(&paragraph("A", "words"))),
        ("word/styles.xml", styles.to_owned()),
        (
            "word/_rels/document.xml.rels",
            r#"<R><Relationship Id="1" Type="x/styles" Target="styles.xml"/></R>"#.to_owned(),
        ),
    ];
    let files: Vec<File> = vec![
        ("20 MB of blanks", "a.docx", docx(&format!("<w:p><w:r><w:t>{}</w:t></w:r></w:p>", " ".repeat(20 << 20)))),
        ("10 MB of words", "a.docx", docx(&format!("<w:p><w:r><w:t>{}</w:t></w:r></w:p>", "word ".repeat(2 << 20)))),
        ("a million paragraphs", "a.docx", docx(&"<w:p/>".repeat(1_000_000))),
        ("a million paragraphs with a word", "a.docx", docx(&"<w:p><w:t>a</w:t></w:p>".repeat(300_000))),
        ("tables in tables", "a.docx", docx(&format!("{}{words}", "<w:tbl><w:tr><w:tc>".repeat(300)))),
        ("elements nobody closes", "a.docx", document(&"<w:p>".repeat(500_000))),
        (
            "a million laughs",
            "a.docx",
            document("<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]><w:p><w:t>&b;</w:t></w:p>"),
        ),
        (
            "a type from elsewhere",
            "a.docx",
            document("<!DOCTYPE l SYSTEM 'file:///etc/passwd'><w:p><w:t>&l;</w:t></w:p>"),
        ),
        ("20,000 parts", "a.docx", archive(&crowd)),
        ("sizes that are not true", "a.docx", lying),
        ("an archive in the archive", "a.docx", archive_of(&[("word/document.xml", &zipped)])),
        ("a part outside", "a.docx", archive(&[("../../word/document.xml", &main), ("word/document.xml", &main)])),
        (
            "styles that rest on each other",
            "a.docx",
            archive(&styled.each_ref().map(|(name, text)| (*name, text.as_str()))),
        ),
        ("one note referred to by everybody", "a.docx", note_for_all()),
        (
            "a tag of a million attributes",
            "a.docx",
            docx(&format!("<w:p {}/>{words}", (0..300_000).map(|n| format!("a{n}='' ")).collect::<String>())),
        ),
        ("two million references", "a.docx", docx(&format!("<w:p><w:t>{}</w:t></w:p>", "&amp;".repeat(2_000_000)))),
        ("references to nothing", "a.docx", docx("<w:p><w:t>&#x110000;&#0;&nothing;&;</w:t></w:p>")),
        ("data without an end", "a.docx", document("<w:p><w:t><![CDATA[words")),
        ("a remark of 10 MB", "a.docx", docx(&format!("<!--{}-->{words}", "x".repeat(10 << 20)))),
    ];
    all_end(
        files,
        &[
            ("20 MB of blanks", "too_large: its parts unpack to more than"),
            ("elements nobody closes", "too_large: the document nests"),
            ("a million laughs", "corrupt: the document declares a type"),
            ("a type from elsewhere", "corrupt: the document declares a type"),
            ("20,000 parts", "too_large: the file is an archive of 20001 parts"),
            ("styles that rest on each other", "text"),
            ("one note referred to by everybody", "text"),
        ],
    );
}

/// A hundred thousand references to a note of ten kilobytes.
fn note_for_all() -> Vec<u8> {
    let note = format!(
        r#"<w:footnotes><w:footnote w:id="1"><w:p><w:t>{}</w:t></w:p></w:footnote></w:footnotes>"#,
        "word ".repeat(2_000)
    );
    let main = word(&format!("<w:p><w:t>words</w:t>{}</w:p>", r#"<w:footnoteReference w:id="1"/>"#.repeat(100_000)));
    let relations = r#"<R><Relationship Id="1" Type="x/footnotes" Target="footnotes.xml"/></R>"#;
    archive(&[("word/document.xml", &main), ("word/footnotes.xml", &note), ("word/_rels/document.xml.rels", relations)])
}

/// Makes every entry of an archive's directory say that it has one byte.
fn lie_about_sizes(bytes: &mut [u8]) {
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, four)| four == b"PK\x01\x02").map(|(at, _)| at).collect();
    for at in places {
        bytes[at + 24..at + 28].copy_from_slice(&1_u32.to_le_bytes());
    }
}

#[test]
fn cut_and_flipped_packages() {
    let body: String = (0..200).map(|n| paragraph("", &format!("Sentence number {n} of the letter."))).collect();
    let files = [
        ("letter.docx", docx(&body)),
        ("sheet.xlsx", xlsx(&row(1, &["a", "b", "3"]), "<sst/>")),
        ("deck.pptx", pptx(&[&shape("body", "words")])),
    ];
    let mut damaged = Vec::new();
    for (filename, whole) in &files {
        for percent in [10, 50, 90, 99] {
            damaged.push((format!("{filename} {percent} %"), *filename, whole[..whole.len() * percent / 100].to_vec()));
        }
        for seed in 0..6 {
            let mut bytes = whole.clone();
            for flip in 0..=seed {
                let at = pick(seed * 31 + flip, bytes.len());
                bytes[at] ^= 1 << pick(seed * 17 + flip, 8);
            }
            damaged.push((format!("{filename} seed {seed}"), *filename, bytes));
        }
    }
    for (name, outcome) in read_all(damaged) {
        let fine =
            ["text", "corrupt: ", "empty: ", "encrypted: ", "too_large: "].iter().any(|kind| outcome.starts_with(kind));
        assert!(fine, "{name}: {outcome}");
        assert!(!name.ends_with('%') || outcome.starts_with("corrupt: "), "{name}: {outcome}");
    }
}

#[test]
fn workbooks() {
    let corners = r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>"#;
    let long = format!("<sst><si><t>{}</t></si></sst>", "word ".repeat(100_000));
    let shared = r#"<row><c r="A1" t="s"><v>0</v></c></row>"#.repeat(2_000);
    let wide: String = (0..3_000).map(|n| format!("<c t=\"inlineStr\"><is><t>name {n}</t></is></c>")).collect();
    let values = "<c><v>1</v></c>".repeat(3_000);
    let files: Vec<File> = vec![
        ("two cells in opposite corners", "a.xlsx", xlsx(corners, "<sst/>")),
        (
            "four milliard strings, it says",
            "a.xlsx",
            xlsx(&row(1, &["a"]), r#"<sst count="4000000000" uniqueCount="4000000000"/>"#),
        ),
        (
            "a million strings",
            "a.xlsx",
            xlsx(&row(1, &["a"]), &format!("<sst>{}</sst>", "<si><t>a</t></si>".repeat(1_000_000))),
        ),
        ("a string that is not there", "a.xlsx", xlsx(r#"<row r="1"><c r="A1" t="s"><v>7</v></c></row>"#, "<sst/>")),
        ("a long string in 2,000 cells", "a.xlsx", xlsx(&shared, &long)),
        ("300,000 rows of a cell", "a.xlsx", xlsx(&"<row><c><v>1</v></c></row>".repeat(300_000), "<sst/>")),
        (
            "3,000 columns in 100 rows",
            "a.xlsx",
            xlsx(&format!("<row>{wide}</row>{}", format!("<row>{values}</row>").repeat(100)), "<sst/>"),
        ),
        (
            "a cell beyond the sheet",
            "a.xlsx",
            xlsx(r#"<row r="99999999999"><c r="ZZZZZZZ99999999999"><v>1</v></c></row>"#, "<sst/>"),
        ),
        ("a size that is not true", "a.xlsx", xlsx("<dimension ref=\"A1:XFD1048576\"/>", "<sst/>")),
        (
            "20 MB of blanks",
            "a.xlsx",
            xlsx(&format!("<row><c t=\"inlineStr\"><is><t>{}</t></is></c></row>", " ".repeat(20 << 20)), "<sst/>"),
        ),
    ];
    all_end(
        files,
        &[
            ("two cells in opposite corners", "text"),
            ("a long string in 2,000 cells", "too_large: "),
            ("20 MB of blanks", "too_large: its parts unpack to more than"),
        ],
    );
}

#[test]
fn decks_and_books() {
    let slides: Vec<&str> = vec!["<p:sp/>"; 3];
    let again = r#"<p:presentation><p:sldIdLst>"#.to_owned()
        + &r#"<p:sldId r:id="r1"/>"#.repeat(100_000)
        + "</p:sldIdLst></p:presentation>";
    let relation = r#"<R><Relationship Id="r1" Type="x/slide" Target="slides/slide1.xml"/></R>"#;
    let slide = format!("<p:sld>{}</p:sld>", shape("body", &"word ".repeat(2_000)));
    let mirrors = r#"<R><Relationship Id="r1" Type="x/notesSlide" Target="slide1.xml"/><Relationship Id="r2" Type="x/diagramData" Target="slide1.xml"/></R>"#;
    let chapter = format!("<html><body>{}</body></html>", format!("<p>{}</p>", "words ".repeat(80)).repeat(2_000));
    let names: Vec<String> = (0..20).map(|n| format!("c{n}.xhtml")).collect();
    let long: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), chapter.as_str())).collect();
    let items = |refs: &str| {
        format!(r#"<package><manifest><item id="a" href="a.xhtml"/></manifest><spine>{refs}</spine></package>"#)
    };
    let container = |path: &str| format!(r#"<c><rootfile full-path="{path}"/></c>"#);
    let repeated = [
        ("META-INF/container.xml", container("p.xml")),
        ("p.xml", items(&r#"<itemref idref="a"/>"#.repeat(100_000))),
        ("a.xhtml", chapter.clone()),
    ];
    let itself = [("META-INF/container.xml", container("META-INF/container.xml"))];
    fn parts<'a>(parts: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
        parts.iter().map(|(name, text)| (*name, text.as_str())).collect()
    }
    let files: Vec<File> = vec![
        ("slides without words", "a.pptx", pptx(&slides)),
        (
            "100,000 times the same slide",
            "a.pptx",
            archive(&[
                ("ppt/presentation.xml", &again),
                ("ppt/_rels/presentation.xml.rels", relation),
                ("ppt/slides/slide1.xml", &slide),
            ]),
        ),
        (
            "a slide that is its own note",
            "a.pptx",
            archive(&[
                ("ppt/presentation.xml", r#"<p><sldId r:id="r1"/></p>"#),
                ("ppt/_rels/presentation.xml.rels", relation),
                ("ppt/slides/slide1.xml", &slide),
                ("ppt/slides/_rels/slide1.xml.rels", mirrors),
            ]),
        ),
        ("20 chapters of a megabyte", "a.epub", epub(&long, &[])),
        ("100,000 times the same chapter", "a.epub", archive(&parts(&repeated))),
        ("a book that contains itself", "a.epub", archive(&parts(&itself))),
        ("a chapter in depth", "a.epub", epub(&[("one.xhtml", &"<div>".repeat(50_000))], &[])),
        ("a chapter that is never closed", "a.epub", epub(&[("one.xhtml", &"<i/><b>words".repeat(20_000))], &[])),
        (
            "contents in depth",
            "a.epub",
            epub(&[("one.xhtml", "<p>words</p>")], &[("book/toc.ncx", &"<navPoint>".repeat(100_000))]),
        ),
    ];
    all_end(
        files,
        &[
            ("20 chapters of a megabyte", "too_large: its parts unpack to more than"),
            ("100,000 times the same slide", "too_large: there are 100000 slides"),
            ("a slide that is its own note", "text"),
            ("100,000 times the same chapter", "text"),
            ("a chapter in depth", "too_large: the page nests"),
            ("contents in depth", "text"),
        ],
    );
}

#[test]
fn messages() {
    let head = "From: a@example.org\r\nSubject: x\r\n";
    let nested: String =
        (0..3_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
    let forwarded = format!("{head}Content-Type: message/rfc822\r\n\r\n").repeat(2_000);
    let parts = "--b\r\nContent-Type: text/plain\r\n\r\nwords\r\n".repeat(50_000);
    let files: Vec<(&'static str, &'static str, String)> = vec![
        ("parts in parts", "a.eml", format!("{head}{nested}words")),
        ("messages in messages", "a.eml", format!("{forwarded}{head}\r\nwords")),
        ("50,000 parts", "a.eml", format!("{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--")),
        ("200,000 headers", "a.eml", format!("{head}{}\r\nwords", "X-A: b\r\n".repeat(200_000))),
        ("a header of 5 MB", "a.eml", format!("{head}X: {}\r\n\r\nwords", "a ".repeat(2_500_000))),
        (
            "a subject folded a million times",
            "a.eml",
            format!("From: a\r\nSubject: x{}\r\n\r\nwords", "\r\n y".repeat(500_000)),
        ),
        ("a million addresses", "a.eml", format!("{head}To: {}\r\n\r\nwords", "a@example.org, ".repeat(200_000))),
        (
            "a boundary that never comes",
            "a.eml",
            format!(
                "{head}Content-Type: multipart/mixed; boundary={}\r\n\r\n{}",
                "b".repeat(60_000),
                "--bbbb\r\n".repeat(100_000)
            ),
        ),
        (
            "20 MB in base64",
            "a.eml",
            format!(
                "{head}Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
                "AAAA".repeat(5 << 20)
            ),
        ),
    ];
    let files = files.into_iter().map(|(name, filename, text)| (name, filename, text.into_bytes())).collect();
    all_end(files, &[("20 MB in base64", "empty: ")]);
}

#[test]
fn notebooks() {
    let cell = |source: &str| format!(r#"{{"cells":[{{"cell_type":"code","source":{source}}}]}}"#);
    let files: Vec<(&'static str, &'static str, String)> = vec![
        ("lists in lists", "a.ipynb", "[".repeat(1_000_000)),
        (
            "lists in an output",
            "a.ipynb",
            format!(
                r#"{{"cells":[{{"cell_type":"code","source":"x","outputs":{}{}}}]}}"#,
                "[".repeat(100_000),
                "]".repeat(100_000)
            ),
        ),
        (
            "an output of 20 MB",
            "a.ipynb",
            format!(r#"{{"cells":[{{"cell_type":"code","source":"words","outputs":["{}"]}}]}}"#, "x".repeat(20 << 20)),
        ),
        (
            "200,000 empty cells",
            "a.ipynb",
            format!(
                r#"{{"cells":[{}{{"cell_type":"code","source":"words"}}]}}"#,
                r#"{"cell_type":"markdown","source":"\n"},"#.repeat(200_000)
            ),
        ),
        (
            "200,000 headings",
            "a.ipynb",
            format!(
                r##"{{"cells":[{}{{"cell_type":"code","source":"words"}}]}}"##,
                r##"{"cell_type":"markdown","source":"# a"},"##.repeat(200_000)
            ),
        ),
        ("one line of 5 MB", "a.ipynb", cell(&format!("\"{}\"", "x".repeat(5_000_000)))),
        ("no notebook at all", "a.ipynb", "\"words\"".to_owned()),
    ];
    let files = files.into_iter().map(|(name, filename, text)| (name, filename, text.into_bytes())).collect();
    all_end(files, &[("lists in lists", "corrupt: "), ("no notebook at all", "corrupt: ")]);
}

#[test]
fn tables_code_and_notes() {
    let names = (0..400).map(|n| format!("{n}{}", "n".repeat(5_000))).collect::<Vec<_>>().join(",");
    let files: Vec<(&'static str, &'static str, Vec<u8>)> = vec![
        ("a quotation that never ends", "a.csv", format!("a,b\n\"{}", "x,\n".repeat(1_000_000)).into_bytes()),
        ("a million columns", "a.csv", "a,".repeat(1_000_000).into_bytes()),
        ("a million empty rows", "a.csv", format!("a,b\n{}1,2", ",\n".repeat(1_000_000)).into_bytes()),
        (
            "names that are longer than the rest",
            "a.csv",
            format!("{names}\n{}", format!("{}\n", "1,".repeat(400)).repeat(5_000)).into_bytes(),
        ),
        ("no delimiter", "a.tsv", "x\n".repeat(300_000).into_bytes()),
        ("a line of 5 MB", "a.json", format!("[{}1]", "1,".repeat(2_500_000)).into_bytes()),
        ("a million lines", "a.py", "x = 1\n".repeat(500_000).into_bytes()),
        ("a million empty lines", "a.rs", format!("{}x", "\n".repeat(1_000_000)).into_bytes()),
        ("letters under a million accents", "a.txt", format!("a{}", "\u{301}".repeat(1_000_000)).into_bytes()),
        ("half of a wide character", "a.txt", [&b"\xFF\xFE"[..], &b"a\0".repeat(100_001)[1..]].concat()),
        (
            "bytes of no encoding",
            "a.md",
            (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 17) as u8).collect(),
        ),
        (
            "formatting that adds up",
            "a.html",
            (0..30_000).map(|n| format!("<p><b id={n}>")).collect::<String>().into_bytes(),
        ),
        ("links in links", "a.html", "<a><div>words".repeat(20_000).into_bytes()),
        ("drawings in drawings", "a.html", format!("<p>words{}", "<svg><g>".repeat(50_000)).into_bytes()),
        ("text between rows", "a.html", format!("<table>{}", "<tr>word".repeat(50_000)).into_bytes()),
        ("a script without an end", "a.html", format!("<p>words<script>{}", "<".repeat(1_000_000)).into_bytes()),
        ("a million references", "a.html", format!("<p>{}", "&amp".repeat(1_000_000)).into_bytes()),
        ("options in options", "a.html", "<select><option>".repeat(20_000).into_bytes()),
        ("brackets and links", "a.md", format!("words {}", "[a](".repeat(50_000)).into_bytes()),
        ("marks of code", "a.md", (1..1_500).map(|n| format!("{} ", "`".repeat(n))).collect::<String>().into_bytes()),
        ("tags that end early", "a.md", "<div <".repeat(100_000).into_bytes()),
    ];
    all_end(files, &[("drawings in drawings", "too_large: the page nests"), ("a quotation that never ends", "text")]);
}
