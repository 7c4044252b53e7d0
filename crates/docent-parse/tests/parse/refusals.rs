//! What is refused says why in its first word, and what to do in the rest.

use crate::sandboxed::Sandboxed;
use docent_core::RefusalKind;
use docent_parse::Limits;
use docent_testkit::pdf;
use std::path::Path;

#[test]
fn every_refusal_begins_with_its_cause() {
    let sandbox = Sandboxed::new(Limits::default());
    let note = pdf::pages(&[&["A page."]]);
    let table: &[(&str, &[u8], &str)] = &[
        ("locked.pdf", &pdf::encrypted(), "encrypted: the PDF needs a password"),
        ("broken.pdf", b"%PDF-1.7\nand then nothing that makes sense", "corrupt: "),
        ("nothing.pdf", b"", "empty: the file has no bytes"),
        ("blank.pdf", &pdf::pages(&[&[], &[]]), "empty: every page is blank (2 in all)"),
        ("spaces.txt", b" \n\t\n", "empty: the file holds nothing but white space"),
        ("void.html", b"<!doctype html><p> </p>", "empty: the page holds no words"),
        ("scan.pdf", &pdf::drawing(), "no_text: page 1: holds only drawings and no text"),
        ("report.docx", b"PK\x03\x04 and more", "corrupt: the file's archive is damaged"),
        ("report.pages", b"PK\x03\x04 and more", "unsupported: Apple Pages files are not read; PDF, Word"),
        ("sheet.xyz", b"some words", "unsupported: .xyz files are not read; PDF, Word"),
        ("note.txt", &note, "corrupt: the file is named .txt but contains PDF data"),
        ("note.pdf", b"<!doctype html><p>Words.", "corrupt: the file is named .pdf but contains HTML"),
        ("note.md", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", "corrupt: the file is named .md but contains a PNG image"),
    ];
    for (filename, bytes, beginning) in table {
        let refusal = sandbox.read(filename, bytes).expect_err(filename);
        assert!(refusal.to_string().starts_with(beginning), "{filename}: {refusal}");
    }
    sandbox.assert_works();
}

#[test]
fn counts_have_limits() {
    let limits = Limits { file_bytes: 40_000, html_bytes: 2_000, pages: 3, characters: 10_000, ..Limits::default() };
    let sandbox = Sandboxed::new(limits);
    let table = [
        (
            "large.txt",
            "word ".repeat(10_000).into_bytes(),
            "too_large: the file has 50000 bytes, more than the 40000 that are read",
        ),
        ("long.txt", "word ".repeat(5_000).into_bytes(), "too_large: the document has 25000 characters"),
        ("large.html", "<p>word".repeat(1_000).into_bytes(), "too_large: the HTML file has 7000 bytes"),
        ("pages.pdf", pdf::prose(3, 4), "too_large: the PDF has 4 pages, more than the 3 that are read"),
    ];
    for (filename, bytes, beginning) in table {
        let refusal = sandbox.read(filename, bytes).expect_err(filename);
        assert!(refusal.to_string().starts_with(beginning), "{filename}: {refusal}");
    }
    sandbox.assert_works();
}

#[test]
fn a_file_that_is_not_there_is_unreadable() {
    let sandbox = Sandboxed::new(Limits::default());
    for path in ["/nowhere/at/all.txt", "/dev/zero", "/dev"] {
        let refusal = sandbox.read_in_place(Path::new(path)).expect_err(path);
        assert_eq!(refusal.kind, RefusalKind::Unreadable, "{refusal}");
    }
    sandbox.assert_works();
}

#[test]
fn a_child_that_cannot_be_had_refuses_the_file_and_no_more() {
    let outcome = |program| Sandboxed::with_program(program, Limits::default()).outcome("note.txt", "words");
    let missing = outcome("/nowhere/docent-parse-worker");
    assert!(
        missing.starts_with("crashed: the parser process /nowhere/docent-parse-worker could not be started"),
        "{missing}"
    );
    assert_eq!(outcome("/bin/false"), "crashed: the parser process ended without an answer");
}
