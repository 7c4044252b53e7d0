//! Scans of known text, made by our own drawing and read by the real tesseract.

use crate::sandboxed::Sandboxed;
use docent_parse::{Limits, fuzzing};
use docent_testkit::scan::{self, Page, Raster};
use docent_testkit::{pdf, tools};
use std::collections::HashMap;
use std::path::Path;

/// Lines of prose on a page.
const LINES: usize = 14;

/// Some prose as a picture of a page, and as its text layer is read.
fn scanned_prose(seed: u64) -> (Raster, String) {
    let text = pdf::plain_prose(seed, 1);
    let page = pdf::pages(&[&text.lines().take(LINES).collect::<Vec<_>>()]);
    let read = docent_parse::parse(&page, "prose.pdf").expect("read").pages.remove(0).text;
    let (width, height, grey) = fuzzing::drawn(page, 0, &Limits::default()).expect("drawn");
    (Raster { width: width as usize, height: height as usize, grey }, read)
}

/// How many of the words were read, of those that stand there.
fn recall(text: &str, read: &str) -> f64 {
    let mut there: HashMap<&str, i32> = HashMap::new();
    read.split_whitespace().for_each(|word| *there.entry(word).or_default() += 1);
    let found = text.split_whitespace().filter(|word| {
        let left = there.entry(word).or_default();
        *left -= 1;
        *left >= 0
    });
    found.count() as f64 / text.split_whitespace().count() as f64
}

#[test]
fn scans_are_read_however_they_lie() {
    let Some(tesseract) = tools::tesseract() else { return };
    let scans: Vec<_> = (1..=4).map(scanned_prose).collect();
    let [(first, _), (second, _), (third, _), (fourth, _)] = &scans[..] else { panic!("four") };
    let file = scan::pages(&[
        Page::Upright(first),
        Page::Turned(second),
        Page::Strips(third),
        Page::Sideways(fourth),
        Page::Text(&["A page of text."]),
    ]);
    let plain = Sandboxed::new(Limits::default()).read("scans.pdf", &file).expect("a page has text");
    assert_eq!(plain.unreadable_pages, [1, 2, 3, 4]);
    let hint = "pages 1-4: holds only pictures (a scan?); with tesseract installed, --ocr reads them";
    assert_eq!((plain.warnings, plain.ocr), (vec![hint.to_owned()], None));

    let read = Sandboxed::with_ocr(&tesseract, Limits::default()).read("scans.pdf", &file).expect("read");
    assert_eq!((read.unreadable_pages, read.ocr.as_deref()), (Vec::new(), Some("eng")));
    assert!(read.warnings[0].starts_with("pages 1-4: read by OCR (tesseract "), "{:?}", read.warnings);
    for ((_, text), page) in scans.iter().zip(&read.pages) {
        let recall = recall(text, &page.text);
        eprintln!(
            "page {:?}: {recall:.3} of the words, {} lines for {}",
            page.number,
            page.text.lines().count(),
            text.lines().count()
        );
        assert!(recall >= 0.95, "page {:?}: {recall}\n{}", page.number, page.text);
        // Lines are joined as those of a text layer are, but for some whose ends are seen a little elsewhere.
        let differs = page.text.lines().count().abs_diff(text.lines().count());
        assert!(differs <= 2, "page {:?}:\n{}\n---\n{text}", page.number, page.text);
    }
    assert_eq!((read.pages[4].number, read.pages[4].text.as_str()), (Some(5), "A page of text."));
}

#[test]
fn a_scan_without_words_stays_refused() {
    let Some(tesseract) = tools::tesseract() else { return };
    let stain = |at: usize| (((at / 300) as f64 / 40.0).sin() * ((at % 300) as f64 / 40.0).cos() * 100.0 + 150.0) as u8;
    let photo = Raster { width: 300, height: 400, grey: (0..300 * 400).map(stain).collect() };
    let file = scan::pages(&[Page::Upright(&photo)]);
    let sandbox = Sandboxed::with_ocr(&tesseract, Limits::default());
    assert_eq!(sandbox.outcome("photo.pdf", file), "no_text: page 1: has no text, and OCR found no words on it");
    let drawing = sandbox.outcome("drawing.pdf", pdf::drawing());
    assert_eq!(drawing, "no_text: page 1: has no text, and OCR found no words on it");
    sandbox.assert_works();
}

/// What nobody can see on the page is not there, and what is drawn as lines and areas is.
#[test]
fn what_is_drawn_is_what_is_seen() {
    let page = |content: &str| {
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 24 24] /Contents 4 0 R /Resources << /Font << /F1 << /Type /Font \
             /Subtype /Type1 /BaseFont /Helvetica >> >> /ExtGState << /Half << /ca 0.5 >> /Dark << /BM /Multiply >> >> >> >>",
            &format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        ];
        pdf::objects(&objects.map(str::to_owned), "")
    };
    let inches = 300.0 / 72.0;
    let shade = |content: &str, x: f64, y: f64| {
        let (width, _, grey) = fuzzing::drawn(page(content), 0, &Limits::default()).expect("drawn");
        grey[((24.0 - y) * inches) as usize * width as usize + (x * inches) as usize]
    };
    for (content, expected) in [
        ("", 255),
        ("0 0 24 24 re f", 0),
        ("0.4 g 0 0 24 24 re f", 102),
        ("1 0 0 rg 0 0 24 24 re f", 76),
        ("/Half gs 0 0 24 24 re f", 128),
        ("0.5 g 0 0 24 24 re f /Dark gs 0 0 24 24 re f", 64),
        ("0 0 6 24 re W n 0 0 24 24 re f", 255),
        ("4 w 0 12 m 24 12 l S", 0),
        ("0 12 m 24 12 l S", 0),
        ("0 0 24 24 re 6 6 12 12 re f*", 255),
        ("BT /F1 72 Tf 2 -12 Td (I) Tj ET", 0),
        ("BT 3 Tr /F1 72 Tf 2 -12 Td (I) Tj ET", 255),
    ] {
        let seen = shade(content, 12.0, 12.0);
        assert!(seen.abs_diff(expected) <= 1, "{content}: {seen}, should be {expected}");
    }
}

/// Scans of others, where they are on this machine; what was read is printed, for the record.
#[test]
fn scans_among_the_awkward_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/files");
    let Some(tesseract) = tools::tesseract() else { return };
    if !folder.is_dir() {
        eprintln!("skipped: the awkward files are not on this machine");
        return;
    }
    let sandbox = Sandboxed::with_ocr(&tesseract, Limits::default());
    for (name, expected) in
        [("kreuzberg_image_only_german_pdf.pdf", "Freistaat"), ("unstructured_loremipsum-flat.pdf", "Lorem ipsum")]
    {
        let read = sandbox.read_in_place(&folder.join(name)).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let text = crate::sandboxed::whole_text(&read);
        eprintln!("{name}: {} words; {}\n{text}", text.split_whitespace().count(), read.warnings.join("; "));
        assert!(text.contains(expected), "{name}: {text}");
    }
}
