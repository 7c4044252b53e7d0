//! Scans that mean harm, and a tesseract that does: each costs a page, with a sentence that says why.

use crate::hostile::deflated_blanks;
use crate::sandboxed::Sandboxed;
use docent_parse::Limits;
use docent_testkit::scan::{self, Page, Raster};
use docent_testkit::tools;
use std::process::Command;
use std::time::Duration;

fn blank() -> Raster {
    Raster { width: 40, height: 40, grey: vec![255; 1_600] }
}

/// What stands in for tesseract: it says what it is when it is asked, and does this when it should read.
fn impostor(deed: &str) -> String {
    format!(
        "#!/bin/sh\ncase \"$*\" in\n*--version*) echo 'tesseract 9.9' ;;\n*--list-langs*) printf 'List:\\neng\\n' ;;\n*) {deed} ;;\nesac\n"
    )
}

/// What is told of a file with a page of text and then so many scans.
fn warnings(program: &str, scans: usize, limits: Limits) -> Vec<String> {
    let (here, raster) = (Sandboxed::new(Limits::default()), blank());
    let tesseract = here.program("tesseract", program);
    let mut pages = vec![Page::Text(&["A page of text."])];
    pages.resize(1 + scans, Page::Upright(&raster));
    let sandbox = Sandboxed::with_ocr(&tesseract, limits);
    let read = sandbox.read("mixed.pdf", scan::pages(&pages)).expect("the page of text is read");
    assert_eq!((read.pages[0].text.as_str(), read.pages.len()), ("A page of text.", 1 + scans));
    assert_eq!((read.unreadable_pages.len(), read.ocr), (scans, None), "{:?}", read.warnings);
    sandbox.assert_works();
    read.warnings
}

#[test]
fn a_tesseract_that_fails_costs_the_page() {
    let limits = || Limits { wall_time: Duration::from_secs(20), cpu_seconds: 1, ..Limits::default() };
    for (deed, expected) in [
        ("kill -SEGV $$", "tesseract died of signal 11"),
        ("exit 3", "tesseract failed (exit status 3)"),
        ("exec cat /dev/zero", "tesseract said more than 4194304 bytes about it"),
        ("while :; do :; done", "tesseract took longer than 1 seconds of processor time"),
        (
            "echo \"terminate called after throwing an instance of 'std::bad_alloc'\" >&2; kill -ABRT $$",
            "tesseract needed more than 1024 MiB of memory",
        ),
    ] {
        assert_eq!(warnings(&impostor(deed), 1, limits()), [format!("page 2: not read by OCR: {expected}")], "{deed}");
    }
}

#[test]
fn a_tesseract_that_hangs_is_not_waited_for() {
    let limits = Limits { wall_time: Duration::from_secs(2), ..Limits::default() };
    for deed in ["exec sleep 600", "exec >&-; exec sleep 600"] {
        let [warning] = &warnings(&impostor(deed), 1, limits.clone())[..] else { panic!("one warning") };
        let late = warning.ends_with("tesseract took longer than 2 seconds");
        assert!(late || warning.ends_with("tesseract was killed, probably for want of memory"), "{deed}: {warning}");
    }
}

#[test]
fn after_three_failures_in_a_row_the_rest_is_not_tried() {
    let told = warnings(&impostor("exit 3"), 6, Limits::default());
    let expected = [
        "pages 2-4: not read by OCR: tesseract failed (exit status 3)",
        "pages 5-7: not read by OCR: not tried, as 3 pages in a row had failed",
    ];
    assert_eq!(told, expected);
}

#[test]
fn time_for_a_document_has_an_end() {
    let limits = Limits { recognition_time: Duration::ZERO, ..Limits::default() };
    let told = warnings(&impostor("exit 3"), 2, limits);
    assert_eq!(told, ["pages 2-3: not read by OCR: the pages before took 0 minutes; split the file"]);
}

/// What a tesseract that a scan has taken over can reach: it says so as words on the page.
#[test]
fn a_tesseract_that_is_taken_over_is_shut_in() {
    let here = Sandboxed::new(Limits::default());
    if here.sandbox().isolation().is_ok_and(|isolation| !isolation.no_network) {
        eprintln!("skipped: this system does not let a process shut itself in");
        return;
    }
    let python =
        Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().expect("python3 runs");
    let python = String::from_utf8(python.stdout).expect("a path");
    let tries = r#"
import os, socket, sys
if '--version' in sys.argv: print('tesseract 9.9'); sys.exit()
if '--list-langs' in sys.argv: print('List:'); sys.exit()
def tried(name, deed):
    try: deed()
    except OSError: return name + '-refused'
    return name + '-DONE'
words = [
    tried('socket', lambda: socket.socket()),
    tried('fork', lambda: os.fork()),
    tried('spawn', lambda: os.posix_spawn('/bin/true', ['true'], {})),
    tried('write', lambda: os.write(os.open(sys.argv[0] + '.out', os.O_CREAT | os.O_WRONLY), b'x')),
    tried('remove', lambda: os.unlink(sys.argv[0])),
    'picture:%d' % len(sys.stdin.buffer.read()),
    'environment:' + ','.join(sorted(os.environ)),
]
for number, word in enumerate(words):
    print('\t'.join(['5', '1', '1', '1', '1', str(number), str(number * 900), '0', '800', '40', '96', word]))
"#;
    let tesseract = here.program("tesseract", &format!("#!{}\n{tries}", python.trim()));
    let raster = blank();
    let sandbox = Sandboxed::with_ocr(&tesseract, Limits::default());
    let read = sandbox.outcome("scan.pdf", scan::pages(&[Page::Upright(&raster)]));
    let said: Vec<&str> = read.split_whitespace().collect();
    let pixels = 2_479 * 3_508 + "P5\n2479 3508\n255\n".len();
    let expected = ["socket-refused", "fork-refused", "spawn-refused", "write-refused", "remove-refused"];
    assert_eq!(said[..5], expected, "{read}");
    assert_eq!(said[5..], [format!("picture:{pixels}"), "environment:LC_ALL,OMP_THREAD_LIMIT".to_owned()], "{read}");
}

#[test]
fn what_is_no_tesseract_is_named() {
    let here = Sandboxed::new(Limits::default());
    let why = |program: &std::path::Path| {
        let sandbox = Sandboxed::with_ocr(program, Limits::default());
        let found = sandbox.sandbox().tesseract().expect("wanted");
        found.expect_err("no tesseract").replace(&*program.to_string_lossy(), "PROGRAM")
    };
    assert_eq!(why(std::path::Path::new("/nowhere/tesseract")), "there is no PROGRAM");
    assert_eq!(why(&here.program("other", "#!/bin/sh\necho other 1.0\n")), "PROGRAM does not say that it is tesseract");
    assert_eq!(why(&here.program("broken", "#!/bin/sh\nexit 4\n")), "PROGRAM: tesseract failed (exit status 4)");
    assert_eq!(why(&here.program("strange", "#!/nowhere/sh\n")), "PROGRAM: tesseract could not be started");
}

/// Each is a page of its own in one file, between two that are well.
#[test]
fn images_that_are_bombs_cost_their_page() {
    let Some(tesseract) = tools::tesseract() else { return };
    let raster = blank();
    let flat = |width: u32, height: u32| {
        format!("/Width {width} /Height {height} /ColorSpace /DeviceGray /BitsPerComponent 8")
    };
    let hexadecimal = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (huge, packed) = (flat(30_000, 30_000), hexadecimal(deflated_blanks(900_000_000)));
    let huge = format!("{huge} /Filter [/ASCIIHexDecode /FlateDecode]");
    let fax = "/Width 60000 /Height 60000 /ColorSpace /DeviceGray /BitsPerComponent 1 /Filter [/ASCIIHexDecode \
        /CCITTFaxDecode] /DecodeParms [null << /K -1 /Columns 60000 /Rows 60000 >>]";
    let endless = flat(u32::MAX, u32::MAX);
    let file = scan::pages(&[
        Page::Text(&["The first page."]),
        Page::Image(&huge, &packed),
        Page::Image(&endless, "00ff"),
        Page::Upright(&raster),
        Page::Image(fax, &"ff".repeat(5_000)),
        Page::Text(&["The last page."]),
    ]);
    let limits = Limits { memory_bytes: 512 << 20, cpu_seconds: 20, ..Limits::default() };
    let sandbox = Sandboxed::with_ocr(&tesseract, limits);
    let read = sandbox.read("bombs.pdf", file).expect("two pages have text");
    assert_eq!((read.pages.len(), read.unreadable_pages), (6, vec![2, 3, 4, 5]));
    let told = [
        "pages 2-3, 5: not read by OCR: it could not be drawn: reading needed more than 512 MiB of memory",
        "page 4: has no text, and OCR found no words on it",
    ];
    assert_eq!(read.warnings, told);
    sandbox.assert_works();
}
