//! Files that were looked at before OCR was wanted, and after it has tried.

use crate::house::House;
use docent_core::{Format, IngestOutcome, Page, ParsedDocument, Refusal, RefusalKind};
use docent_engine::folder::Folder;
use docent_engine::ingest::{FileReport, IngestEvent, Parse};
use docent_engine::ocr::Ocr;
use docent_engine::ports::Source;
use docent_engine::sync::SyncOptions;
use docent_engine::{Engine, Settings};
use docent_testkit::provider::ScriptedGenerator;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn house() -> House {
    House::new(ScriptedGenerator::quoting_the_best_passage())
}

/// The house's engine where scans are read in these languages.
fn reading(house: &House, languages: &str) -> Engine {
    let engine = house.engine_with(Arc::clone(&house.engine.queries));
    let ocr = Ocr { languages: languages.to_owned(), folder: house.folder.path().join("ocr") };
    Engine { settings: Settings { ocr: Some(ocr), ..engine.settings.clone() }, ..engine }
}

/// A parser of text files that counts what it reads. Every file has a scanned page; in `languages`, it is read if the file
/// says so. A file that is nothing but scans has the page of text only then.
fn parser(languages: Option<&'static str>, read: &Arc<AtomicUsize>) -> Parse {
    let read = Arc::clone(read);
    Arc::new(move |path: &Path, _: &str| {
        read.fetch_add(1, Ordering::SeqCst);
        let text = std::fs::read_to_string(path).expect("the tests write text");
        let (is_mixed, is_legible) = (text.contains("mixed"), text.contains("legible") && languages.is_some());
        if text.contains("late") && languages.is_some() {
            return Err(Refusal::new(RefusalKind::Timeout, "tesseract took too long"));
        }
        if !is_mixed && !is_legible {
            return Err(Refusal::new(RefusalKind::NoText, "page 1: a scan"));
        }
        Ok(ParsedDocument {
            format: Format::Text,
            title: None,
            pages: vec![Page { number: Some(1), heading_path: Vec::new(), text }],
            warnings: Vec::new(),
            unreadable_pages: if is_legible { Vec::new() } else { vec![2] },
            ocr: languages.map(str::to_owned),
        })
    })
}

async fn ingest(house: &House, engine: &Engine, parse: Parse) -> Vec<FileReport> {
    let mut reports = Vec::new();
    let mut tell = |event| {
        if let IngestEvent::Done(report) = event {
            reports.push(report);
        }
    };
    engine.ingest("default", &[house.folder.path().join("docs")], parse, &mut tell).await.expect("ingested");
    reports.sort_by(|a, b| a.file.cmp(&b.file));
    reports
}

#[tokio::test]
async fn scans_are_read_again_when_ocr_is_wanted_and_then_left_alone() {
    use IngestOutcome::{Added, Partial, Refused, Unchanged, Updated};
    let house = house();
    house.write("a.txt", "legible scans");
    house.write("b.txt", "scans of nothing");
    house.write("c.txt", "mixed and legible");
    house.write("d.txt", "mixed with nothing");
    let read = Arc::new(AtomicUsize::new(0));
    let (plain, english, both) = (&*house.engine, &reading(&house, "eng"), &reading(&house, "eng+deu"));
    for (step, engine, languages, expected, parsed) in [
        ("without OCR", plain, None, [Refused, Refused, Partial, Partial], 4),
        ("again: what is refused is not stored", plain, None, [Refused, Refused, Unchanged, Unchanged], 2),
        ("with OCR", english, Some("eng"), [Added, Refused, Updated, Partial], 4),
        ("with OCR again: a hash each", english, Some("eng"), [Unchanged, Refused, Unchanged, Unchanged], 0),
        ("in more languages", both, Some("eng+deu"), [Updated, Refused, Updated, Partial], 4),
        ("in these again", both, Some("eng+deu"), [Unchanged, Refused, Unchanged, Unchanged], 0),
        ("without OCR nothing is lost", plain, None, [Unchanged, Refused, Unchanged, Unchanged], 1),
    ] {
        read.store(0, Ordering::SeqCst);
        let reports = ingest(&house, engine, parser(languages, &read)).await;
        let outcomes: Vec<_> = reports.iter().map(|report| report.outcome).collect();
        assert_eq!((&outcomes[..], read.load(Ordering::SeqCst)), (&expected[..], parsed), "{step}");
        assert_eq!(reports[1].reason.as_deref(), Some("no_text: page 1: a scan"), "{step}");
    }
}

#[tokio::test]
async fn a_failure_is_tried_again() {
    let (house, read) = (house(), Arc::new(AtomicUsize::new(0)));
    house.write("a.txt", "late scans");
    let english = reading(&house, "eng");
    for run in 1..=2 {
        let reports = ingest(&house, &english, parser(Some("eng"), &read)).await;
        assert_eq!(reports[0].reason.as_deref(), Some("timeout: tesseract took too long"));
        assert_eq!(read.load(Ordering::SeqCst), run);
    }
}

#[tokio::test]
async fn a_sync_reads_scans_again_and_then_leaves_them_alone() {
    let (house, read) = (house(), Arc::new(AtomicUsize::new(0)));
    house.write("a.txt", "legible scans");
    house.write("b.txt", "scans of nothing");
    house.write("c.txt", "mixed and legible");
    let folder: Arc<dyn Source> = Arc::new(Folder::open(&house.folder.path().join("docs"), None).expect("a folder"));
    let english = reading(&house, "eng");
    for (step, engine, languages, (added, updated, unchanged, refused), parsed) in [
        ("without OCR", &*house.engine, None, (0, 0, 0, 2), 3),
        ("with OCR", &english, Some("eng"), (1, 1, 0, 1), 3),
        ("with OCR again", &english, Some("eng"), (0, 0, 2, 1), 0),
    ] {
        read.store(0, Ordering::SeqCst);
        let parse = parser(languages, &read);
        let synced = engine.sync("default", &folder, SyncOptions::default(), parse, &mut |_| {}).await.expect("synced");
        let files = synced.files;
        let counts = (files.added, files.updated, files.unchanged, files.refused);
        assert_eq!((counts, read.load(Ordering::SeqCst)), ((added, updated, unchanged, refused), parsed), "{step}");
    }
}
