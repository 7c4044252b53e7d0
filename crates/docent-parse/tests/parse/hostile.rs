//! Files that are damaged or mean harm. Each ends in text or in a refusal that says something; the parent lives and the
//! sandbox goes on.

use crate::sandboxed::{Sandboxed, whole_text};
use docent_core::{ParsedDocument, Refusal, RefusalKind};
use docent_parse::Limits;
use docent_testkit::pdf;
use std::time::Duration;

/// Tighter than the default, so that the worst of these files ends soon.
fn tight() -> Limits {
    Limits {
        memory_bytes: 512 << 20,
        cpu_seconds: 10,
        wall_time: Duration::from_secs(30),
        operations_per_page: 200_000,
        unpacked_bytes: 16 << 20,
        ..Limits::default()
    }
}

/// Text, or a refusal in words; whatever it is, what it is called in the test's output.
fn checked(name: &str, outcome: Result<ParsedDocument, Refusal>) -> String {
    match outcome {
        Ok(parsed) => {
            assert!(!whole_text(&parsed).trim().is_empty(), "{name}: read, and without a word");
            "text".to_owned()
        }
        Err(refusal) => {
            assert_ne!(refusal.kind, RefusalKind::Unreadable, "{name}: {refusal}");
            assert!(refusal.detail.split_whitespace().count() >= 4, "{name}: {refusal}");
            assert!(!refusal.detail.contains("nonsense"), "{name}: {refusal}");
            refusal.to_string()
        }
    }
}

/// Reads them all in one sandbox and tells what became of each.
pub(crate) fn read_all(files: Vec<(String, &str, Vec<u8>)>) -> Vec<(String, String)> {
    let sandbox = Sandboxed::new(tight());
    let outcomes = files.into_iter().map(|(name, filename, bytes)| {
        let outcome = checked(&name, sandbox.read(filename, bytes));
        (name, outcome)
    });
    let outcomes = outcomes.collect();
    sandbox.assert_works();
    outcomes
}

/// One of `below` numbers, by the seed.
pub(crate) fn pick(seed: u64, below: usize) -> usize {
    let mixed = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
    ((mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 16) as usize % below
}

#[test]
fn truncated_files() {
    let whole = pdf::prose(1, 5);
    let cut = |percent: usize| (format!("{percent} %"), "cut.pdf", whole[..whole.len() * percent / 100].to_vec());
    for (name, outcome) in read_all([10, 50, 90].map(cut).into()) {
        assert!(outcome == "text" || outcome.starts_with("corrupt: "), "{name}: {outcome}");
    }
}

#[test]
fn flipped_bits() {
    let whole = pdf::prose(2, 2);
    let flipped = |seed: u64| {
        let mut bytes = whole.clone();
        for flip in 0..1 + seed * 4 {
            let at = pick(seed * 1_000 + flip, bytes.len());
            bytes[at] ^= 1 << pick(seed * 2_000 + flip, 8);
        }
        (format!("seed {seed}"), "flipped.pdf", bytes)
    };
    let outcomes = read_all((0..20).map(flipped).collect());
    let read = outcomes.iter().filter(|(_, outcome)| outcome == "text").count();
    assert!(read >= 12, "most of a file survives some wrong bits, but only {read} of 20 did: {outcomes:?}");
}

/// A page that shows words, the objects around it, and `catalogue` entries.
fn page_with(catalogue: &str, content: &str, more: &[String]) -> Vec<u8> {
    let mut objects = vec![
        format!("<< /Type /Catalog /Pages 2 0 R {catalogue} >>"),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> /XObject << /X 6 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    objects.extend_from_slice(more);
    pdf::objects(&objects, "")
}

/// Forms of which each draws the next one a hundred times; the last fills a square. Ten thousand million squares.
fn form_bomb() -> Vec<u8> {
    const LEVELS: usize = 5;
    let form = |level: usize| {
        let content = if level == LEVELS { "0 0 1 1 re f".to_owned() } else { "/X Do ".repeat(100) };
        let next = 7 + level;
        format!(
            "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {next} 0 R >> >> /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        )
    };
    let forms: Vec<String> = (0..=LEVELS).map(form).collect();
    page_with("", "/X Do", &forms)
}

/// A form that draws itself.
fn form_loop() -> Vec<u8> {
    let form = "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >> /Length 5 >>\nstream\n/X Do\nendstream";
    page_with("", "BT /F1 12 Tf 72 720 Td (Words.) Tj ET /X Do", &[form.to_owned()])
}

fn page_tree_loop() -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R 2 0 R] /Count 2 >>",
        "<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R] /Count 2 >>",
    ];
    pdf::objects(&objects.map(str::to_owned), "")
}

/// So many blanks, compressed to a 158th: every code says "the last byte 258 times again".
pub(crate) fn deflated_blanks(length: usize) -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x78, 0x9c], used: 8 };
    bits.push(0b110, 3); // the last block, fixed codes
    bits.push(0x30 + 0x20, 8); // a blank
    for _ in 0..length / 258 {
        bits.push(0b1100_0101, 8); // length 258
        bits.push(0, 5); // distance 1
    }
    bits.push(0, 7); // end of block
    bits.bytes
}

/// A page whose content is so many blanks, compressed.
fn deflate_bomb(length: usize) -> Vec<u8> {
    let stream = deflated_blanks(length);
    let head = format!("<< /Length {} /Filter /FlateDecode >>\nstream\n", stream.len());
    let plain = page_with("", "@", &[]);
    let mark = b"<< /Length 1 >>\nstream\n@";
    let at = plain.windows(mark.len()).position(|window| window == mark).expect("the content's object");
    [&plain[..at], head.as_bytes(), &stream, &plain[at + mark.len()..]].concat()
}

/// Writes codes as Deflate packs them: first bit of a code first, from a byte's lowest bit up.
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, code: u32, length: u32) {
        for place in (0..length).rev() {
            if self.used == 8 {
                self.bytes.push(0);
                self.used = 0;
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= (((code >> place) & 1) as u8) << self.used;
            self.used += 1;
        }
    }
}

#[test]
fn malicious_pdfs() {
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let words = |before: &str| format!("{before} BT /F1 12 Tf 72 720 Td (Words.) Tj ET");
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("arrays nested in the catalogue", page_with(&format!("/Deep {}", nest(500_000)), &words(""), &[])),
        ("arrays nested in the content", page_with("", &words(&format!("{} TJ", nest(500_000))), &[])),
        ("dictionaries nested in the content", page_with("", &words(&"<</A ".repeat(300_000)), &[])),
        ("states saved and never restored", page_with("", &words(&"q ".repeat(2_000_000)), &[])),
        ("a page tree that loops", page_tree_loop()),
        ("a form that draws itself", form_loop()),
        ("forms that draw forms", form_bomb()),
        ("2 GB of blanks", deflate_bomb(2 << 30)),
        ("a million pages that are one", many_pages()),
        (
            "an outline that loops",
            page_with("/Outlines 6 0 R", &words(""), &["<< /First 6 0 R /Next 6 0 R /Count 9 >>".to_owned()]),
        ),
        ("a length that is itself", page_with_stream("<< /Length 4 0 R >>")),
        ("a length beyond the file", page_with_stream("<< /Length 4294967295 >>")),
        (
            "a hundred filters",
            page_with_stream(&format!("<< /Length 9 /Filter [{}] >>", "/ASCIIHexDecode ".repeat(100))),
        ),
        (
            "a font below itself",
            page_with_font("<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /DescendantFonts [5 0 R] >>", ""),
        ),
        (
            "four milliard characters",
            page_with_font(
                "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
                "1 begincodespacerange <00000000> <FFFFFFFF> endcodespacerange 1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange",
            ),
        ),
        ("pages 20,000 deep", deep_pages(20_000)),
        ("two milliard pages, it says", counted_pages("2147483647")),
        ("fewer pages than none", counted_pages("-5")),
    ];
    let files = files.into_iter().map(|(name, bytes)| (name.to_owned(), "hostile.pdf", bytes)).collect();
    read_all(files);
}

/// A page with words whose content has this dictionary.
fn page_with_stream(dictionary: &str) -> Vec<u8> {
    let plain = String::from_utf8(page_with("", "BT /F1 12 Tf 72 720 Td (Words.) Tj ET", &[])).expect("text");
    plain.replace("<< /Length 37 >>", dictionary).into_bytes()
}

/// A page with words in this font; object 6 is a stream.
fn page_with_font(font: &str, stream: &str) -> Vec<u8> {
    let stream = format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len());
    let plain = String::from_utf8(page_with("", "BT /F1 12 Tf 72 720 Td (Words.) Tj ET", &[stream])).expect("text");
    plain.replace("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", font).into_bytes()
}

fn deep_pages(depth: usize) -> Vec<u8> {
    let mut objects = vec!["<< /Type /Catalog /Pages 2 0 R >>".to_owned()];
    objects.extend((0..depth).map(|level| format!("<< /Type /Pages /Kids [{} 0 R] /Count 1 >>", level + 3)));
    objects.push("<< /Type /Page /MediaBox [0 0 595 842] >>".to_owned());
    pdf::objects(&objects, "")
}

fn counted_pages(count: &str) -> Vec<u8> {
    let plain = String::from_utf8(page_with("", "BT /F1 12 Tf 72 720 Td (Words.) Tj ET", &[])).expect("text");
    plain.replace("/Count 1", &format!("/Count {count}")).into_bytes()
}

/// A page tree that names the same page a million times.
fn many_pages() -> Vec<u8> {
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>".to_owned();
    let tree = format!("<< /Type /Pages /Kids [{}] /Count 1000000 >>", "3 0 R ".repeat(1_000_000));
    pdf::objects(&["<< /Type /Catalog /Pages 2 0 R >>".to_owned(), tree, page], "")
}

#[test]
fn malicious_web_pages_and_notes() {
    let row = |cells: usize| format!("{}|\n", "| cell ".repeat(cells));
    let files: Vec<(&str, &str, String)> = vec![
        ("50,000 divisions in each other", "deep.html", format!("{}words", "<div>".repeat(50_000))),
        ("formatting that is never closed", "bold.html", "<p><b>words".repeat(20_000)),
        ("tables in tables", "tables.html", format!("{}words", "<table><tr><td>".repeat(20_000))),
        ("a tag of a million attributes", "tag.html", format!("<p {}>words", "a=b ".repeat(1_000_000))),
        ("5 MB without a space", "line.txt", "a".repeat(5_000_000)),
        ("5 MB of words in one line", "words.txt", "word ".repeat(1_000_000)),
        (
            "a table of 100,000 rows",
            "rows.md",
            format!("{}{}{}", row(8), "|---".repeat(8) + "|\n", row(8).repeat(100_000)),
        ),
        (
            "a wide table of short rows",
            "wide.md",
            format!("{}{}\n{}", row(20_000), "|---".repeat(20_000) + "|", "| x |\n".repeat(50_000)),
        ),
        ("quotations in each other", "quotes.md", format!("{}words", "> ".repeat(100_000))),
        (
            "lists in each other",
            "lists.md",
            (0..2_000).map(|depth| format!("{}- words\n", "  ".repeat(depth))).collect(),
        ),
        ("brackets and stars", "stars.md", format!("words {}{}", "[".repeat(100_000), "*a_ ".repeat(100_000))),
    ];
    let files =
        files.into_iter().map(|(name, filename, text)| (name.to_owned(), filename, text.into_bytes())).collect();
    read_all(files);
}

#[test]
fn a_child_cannot_reach_the_network() {
    if !std::path::Path::new("/proc/sys/kernel/seccomp/actions_avail").exists() {
        eprintln!("skipped: this system cannot forbid a process its network");
        return;
    }
    let sandbox = Sandboxed::new(Limits::default());
    assert!(sandbox.sandbox().isolation().expect("a child").no_network);
    sandbox.assert_works();
}

#[test]
fn a_child_over_its_deadline_is_replaced() {
    let limits = Limits { wall_time: Duration::from_secs(3), operations_per_page: u64::MAX, ..Limits::default() };
    let sandbox = Sandboxed::new(limits);
    sandbox.assert_works();
    assert_eq!(sandbox.outcome("bomb.pdf", form_bomb()), "timeout: reading took longer than 3 seconds");
    sandbox.assert_works();
}

#[test]
fn a_child_over_its_processor_time_is_replaced() {
    let limits = Limits { cpu_seconds: 1, operations_per_page: u64::MAX, ..Limits::default() };
    let sandbox = Sandboxed::new(limits);
    assert_eq!(
        sandbox.outcome("bomb.pdf", form_bomb()),
        "timeout: reading took longer than 1 seconds of processor time"
    );
    sandbox.assert_works();
}

#[test]
fn a_child_over_its_memory_is_replaced() {
    let sandbox = Sandboxed::new(Limits { memory_bytes: 224 << 20, ..Limits::default() });
    sandbox.assert_works();
    assert_eq!(
        sandbox.outcome("large.txt", vec![b'a'; 80_000_000]),
        "too_large: reading needed more than 224 MiB of memory"
    );
    sandbox.assert_works();
}

#[test]
fn an_answer_too_long_to_take_is_not_taken() {
    let sandbox = Sandboxed::new(Limits { output_bytes: 100_000, ..Limits::default() });
    assert_eq!(
        sandbox.outcome("large.txt", "word ".repeat(30_000)),
        "too_large: its text takes more than 100000 bytes"
    );
    sandbox.assert_works();
}

#[test]
fn threads_share_a_sandbox_and_a_bad_file_is_the_only_one_refused() {
    let sandbox = Sandboxed::new(Limits { operations_per_page: 20_000, ..Limits::default() });
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let sandbox = &sandbox;
            scope.spawn(move || {
                for file in 0..6 {
                    let good = sandbox.read(&format!("good-{thread}-{file}.pdf"), pdf::prose(thread * 10 + file, 2));
                    assert_eq!(good.map(|parsed| parsed.pages.len()), Ok(2));
                    let bad = sandbox.read(&format!("bad-{thread}-{file}.pdf"), form_bomb());
                    assert_eq!(bad.map_err(|refusal| refusal.kind), Err(RefusalKind::TooLarge));
                }
            });
        }
    });
}
