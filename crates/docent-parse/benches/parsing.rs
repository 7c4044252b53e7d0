//! Pages of PDF read per second of processor time, in this process and through the sandbox.
//!
//! usage: `cargo bench -p docent-parse --bench parsing`
//!
//! 50 generated documents of 8 pages, 45 lines and about 2,800 characters each, Helvetica, streams not compressed; read
//! five times over, one thread. The sandbox's figure counts the parent's and the children's time (as the kernel charges it
//! to the parent when it has waited for them, in hundredths of a second), starting the children included.

use docent_parse::{Limits, Sandbox};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;

const FILES: u64 = 50;
const PAGES: usize = 8;
const ROUNDS: usize = 5;

fn main() {
    let files: Vec<Vec<u8>> = (0..FILES).map(|seed| docent_testkit::pdf::prose(seed, PAGES)).collect();
    report("in this process", in_process(&files));
    report("through the sandbox", sandboxed(&files));
}

#[expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]
fn report(way: &str, seconds: f64) {
    let pages = FILES as f64 * PAGES as f64 * ROUNDS as f64;
    println!("{way}: {:.0} pages per CPU second ({pages} pages in {seconds:.2} s)", pages / seconds);
}

/// CPU seconds for all files, all rounds.
fn in_process(files: &[Vec<u8>]) -> f64 {
    let start = own_seconds();
    for file in files.iter().cycle().take(files.len() * ROUNDS) {
        let parsed = docent_parse::parse(file, "prose.pdf").expect("a good file");
        assert_eq!(parsed.pages.len(), PAGES);
    }
    own_seconds() - start
}

/// The same through child processes, whose time counts.
fn sandboxed(files: &[Vec<u8>]) -> f64 {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let place = |number: usize| folder.path().join(format!("{number}.pdf"));
    for (number, file) in files.iter().enumerate() {
        std::fs::write(place(number), file).expect("the file is written");
    }
    let (own, children) = (own_seconds(), children_seconds());
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_docent-parse-worker"), Vec::new(), Limits::default());
    for number in (0..files.len()).cycle().take(files.len() * ROUNDS) {
        let parsed = sandbox.parse_file(&place(number), "prose.pdf").expect("a good file");
        assert_eq!(parsed.pages.len(), PAGES);
    }
    drop(sandbox); // ends the children and waits for them
    own_seconds() - own + children_seconds() - children
}

fn own_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// What children that have ended have used: fields 16 and 17 of `/proc/self/stat`, in hundredths of a second.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string(Path::new("/proc/self/stat")).expect("a Linux system");
    let (_, behind_name) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = behind_name.split_whitespace().skip(13).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().expect("a number of ticks") / 100.0).sum()
}
