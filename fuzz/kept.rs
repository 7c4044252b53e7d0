//! What is kept of fuzzing, for the tests of every day: the seeds in `corpus/`, and in `findings/` what once broke a promise.

use std::path::Path;

/// Runs a target on all that is kept for it, on a stack as large as the parsing child's.
pub(crate) fn replay(target: &str, run: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut kept = Vec::new();
    for folder in [fuzz.join("corpus").join(target), fuzz.join("findings").join(target)] {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        kept.extend(entries.map(|entry| entry.expect("listed").path()));
    }
    kept.sort();
    assert!(kept.len() >= 4, "{target} has {} files", kept.len());
    let all = move || {
        for path in kept {
            let bytes = std::fs::read(&path).expect("read");
            let ran = std::panic::catch_unwind(|| run(&bytes));
            assert!(ran.is_ok(), "it fails on {}", path.display());
        }
    };
    let child = std::thread::Builder::new().stack_size(64 << 20).spawn(all).expect("a thread");
    assert!(child.join().is_ok(), "{target} keeps its promises");
}
