//! Scans, from the file to the quote, with the real tesseract.

use crate::http::{get, post, put};
use crate::server::Server;
use crate::snapshot;
use crate::terminal::Terminal;
use docent_parse::{Limits, fuzzing};
use docent_testkit::scan::{self, Page, Raster};
use docent_testkit::{pdf, tools};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

const RULE: &str = "The hotel limit in Bern is CHF 265 per night.";

/// A picture of a page with this line.
fn picture(line: &str) -> Raster {
    let page = pdf::pages(&[&["Travel rules", "", line, "", "Meals are paid by the day, up to CHF 48."]]);
    let (width, height, grey) = fuzzing::drawn(page, 0, &Limits::default()).expect("drawn");
    Raster { width: width as usize, height: height as usize, grey }
}

/// A folder with a file that is a scan, one that is half a scan, and one that shows nothing.
fn scans() -> Terminal {
    let terminal = Terminal::new();
    let (rule, nothing) = (picture(RULE), Raster { width: 8, height: 8, grey: vec![90; 64] });
    terminal.write("scans/blank.pdf", scan::pages(&[Page::Upright(&nothing)]));
    terminal.write("scans/half.pdf", scan::pages(&[Page::Text(&["Leave is 25 days."]), Page::Turned(&rule)]));
    terminal.write("scans/whole.pdf", scan::pages(&[Page::Upright(&nothing), Page::Upright(&rule)]));
    terminal
}

/// What it prints, without the version.
fn transcript(terminal: &Terminal, arguments: &[&str]) -> String {
    let text = terminal.docent(arguments).transcript();
    let (before, behind) = text.split_once("(tesseract ").unwrap_or((&text, ""));
    let versions = behind.split("(tesseract ").map(|part| part.split_once(',').map_or(part, |(_, rest)| rest));
    versions.fold(before.to_owned(), |text, part| format!("{text}(tesseract [VERSION],{part}"))
}

#[test]
fn a_scan_is_refused_until_ocr_is_wanted_and_then_quoted_by_its_page() {
    if tools::tesseract().is_none() {
        return;
    }
    let terminal = scans();
    snapshot!(terminal.docent(&["ingest", "scans"]), @r"
    exit 3
    --- stdout
      refused  scans/blank.pdf
               no_text: page 1: holds only pictures (a scan?); with tesseract
               installed, --ocr reads them
      refused  scans/whole.pdf
               no_text: pages 1-2: holds only pictures (a scan?); with tesseract
               installed, --ocr reads them
      partial  scans/half.pdf  2 pages, 1 chunk
               without readable text: page 2
               page 2: holds only pictures (a scan?); with tesseract installed,
               --ocr reads them
    1 partial, 2 refused in collection default (1 chunk)
    --- stderr
    ");
    insta::assert_snapshot!(transcript(&terminal, &["ingest", "scans", "--ocr"]), @r"
    exit 3
    --- stdout
      refused  scans/blank.pdf
               no_text: page 1: has no text, and OCR found no words on it
      updated  scans/half.pdf  2 pages, 2 chunks
               page 2: read by OCR (tesseract [VERSION], eng)
      partial  scans/whole.pdf  2 pages, 1 chunk
               without readable text: page 1
               page 2: read by OCR (tesseract [VERSION], eng)
               page 1: has no text, and OCR found no words on it
    1 updated, 1 partial, 1 refused in collection default (3 chunks)
    --- stderr
    ");
    snapshot!(terminal.docent(&["ingest", "scans", "--ocr"]), @r"
    exit 3
    --- stdout
      refused  scans/blank.pdf
               no_text: page 1: has no text, and OCR found no words on it
    2 unchanged, 1 refused in collection default
    --- stderr
    ");
    let ran = terminal.docent(&["ask", "--json", "What is the hotel limit in Bern?"]);
    let answer = ran.json();
    let cited = answer["citations"].as_array().expect("citations");
    assert!(!cited.is_empty(), "{answer}");
    for citation in cited {
        assert_eq!((&citation["start_page_number"], &citation["verification"]), (&json!(2), &json!("verified")));
        assert!(citation["cited_text"].as_str().expect("text").contains("CHF 265"), "{answer}");
    }
    let parsed = terminal.docent(&["parse", "--ocr", "--json", "scans/whole.pdf"]).json();
    assert_eq!(parsed["pages"][1]["page"], 2);
    assert!(parsed["pages"][1]["text"].as_str().expect("text").contains(RULE), "{parsed}");
}

#[test]
fn what_ocr_found_nothing_in_costs_a_hash_the_next_time() {
    if tools::tesseract().is_none() {
        return;
    }
    let terminal = scans();
    let first = terminal.docent(&["sync", "scans", "--ocr"]);
    assert_eq!(first.status, Some(3), "{}", first.transcript());
    // From here on whoever reads a page is found out.
    let impostor = "#!/bin/sh\ncase \"$*\" in *--version*) echo tesseract 9 ;; *--list*) printf 'List\\neng\\n' ;; *) exit 9 ;; esac\n";
    terminal.write("impostor", impostor);
    std::fs::set_permissions(terminal.path("impostor"), std::fs::Permissions::from_mode(0o755))
        .expect("made a program");
    let terminal = terminal.with("DOCENT_TESSERACT", "impostor").with("DOCENT_OCR", "true");
    snapshot!(terminal.docent(&["sync", "scans"]), @r"
    exit 3
    --- stdout
      refused  scans/blank.pdf
               no_text: page 1: has no text, and OCR found no words on it
    2 unchanged, 1 refused in collection default
    --- stderr
    ");
    terminal.write("scans/new.pdf", scan::pages(&[Page::Upright(&picture("Another rule."))]));
    snapshot!(terminal.docent(&["sync", "scans"]), @r"
    exit 3
    --- stdout
      refused  scans/blank.pdf
               no_text: page 1: has no text, and OCR found no words on it
      refused  scans/new.pdf
               crashed: page 1: not read by OCR: tesseract failed (exit status 9)
    2 unchanged, 2 refused in collection default
    --- stderr
    ");
}

#[test]
fn without_tesseract_nothing_begins() {
    let terminal = scans().with("PATH", "/nowhere");
    snapshot!(terminal.docent(&["ingest", "scans", "--ocr"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: scans are to be read by OCR, and there is no tesseract in the folders of PATH

    hint: install tesseract (Debian, Ubuntu: `apt install tesseract-ocr`; macOS: `brew install tesseract`), name it with DOCENT_TESSERACT, or do without --ocr and DOCENT_OCR
    ");
    snapshot!(terminal.docent(&["parse", "scans/whole.pdf", "--ocr"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: scans are to be read by OCR, and there is no tesseract in the folders of PATH

    hint: install tesseract (Debian, Ubuntu: `apt install tesseract-ocr`; macOS: `brew install tesseract`), name it with DOCENT_TESSERACT, or do without --ocr and DOCENT_OCR
    ");
    for command in [&["sync", "scans"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let terminal = scans().with("DOCENT_TESSERACT", "nowhere/tesseract").with("DOCENT_OCR", "true");
        let ran = terminal.docent(command);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{}", ran.transcript());
        let expected = format!("there is no {}", terminal.path("nowhere/tesseract").display());
        assert!(
            ran.stderr.contains(&expected) && ran.stderr.contains("\nhint: install tesseract"),
            "{}",
            ran.transcript()
        );
    }
    // Who only asks needs none.
    assert_eq!(terminal.with("DOCENT_OCR", "true").docent(&["collections"]).status, Some(0));
    let wrong = scans().docent(&["ingest", "scans", "--ocr", "--ocr-languages", "eng;rm"]);
    assert_eq!(wrong.status, Some(2), "{}", wrong.transcript());
}

#[test]
fn a_language_that_is_not_there_is_named() {
    if tools::tesseract().is_none() {
        return;
    }
    let ran = scans().docent(&["ingest", "scans", "--ocr", "--ocr-languages", "eng+qqq"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{}", ran.transcript());
    assert!(ran.stderr.contains("tesseract has no data of the language `qqq`"), "{}", ran.transcript());
    assert!(ran.stderr.contains("tesseract-ocr-qqq"), "{}", ran.transcript());
    let doctor = scans().docent(&["doctor", "--json"]).json();
    let scans = doctor.as_array().expect("checks").iter().find(|check| check["name"] == "scans").expect("a check");
    assert!(scans["detail"].as_str().expect("text").contains("eng"), "{scans}");
    assert_eq!(scans["status"], "ok");
}

#[test]
fn uploads_are_read_as_the_settings_say() {
    if tools::tesseract().is_none() {
        return;
    }
    let terminal = Terminal::new().with("DOCENT_OCR", "true");
    let server = Server::start(&terminal);
    let file = scan::pages(&[Page::Upright(&picture(RULE))]);
    let job = put(&server.address, "/v1/documents/travel.pdf?wait=30", &file).expect("answered").json();
    assert_eq!(job["report"]["outcome"], "added", "{job}");
    let asked = json!({"query": "What is the hotel limit in Bern?", "wait": 30});
    let answer = post(&server.address, "/v1/queries", &asked).expect("answered").json();
    assert_eq!(answer["citations"][0]["start_page_number"], 1, "{answer}");
    let listed = get(&server.address, "/v1/documents").expect("answered").json();
    let warning = listed["data"][0]["warnings"][0].as_str().expect("a warning").to_owned();
    assert!(warning.starts_with("page 1: read by OCR (tesseract "), "{warning}");
}
