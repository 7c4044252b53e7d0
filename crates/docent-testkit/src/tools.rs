//! Where the programs lie that tests use, as `scripts/install_test_tools.sh` put them.

use std::path::PathBuf;

/// The folder of the test tools.
#[expect(clippy::disallowed_methods, reason = "finds the test tools by the environment, as the Makefile sets it")]
pub fn folder() -> PathBuf {
    let folder = |name| std::env::var(name).ok().filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let cache = || folder("XDG_CACHE_HOME").unwrap_or_else(|| folder("HOME").unwrap_or_default().join(".cache"));
    folder("DOCENT_TOOLS").unwrap_or_else(|| cache().join("docent/tools"))
}

/// The program tesseract, which reads scans; none, with a printed reason, where it is not installed.
#[expect(clippy::print_stdout, reason = "says why a test was skipped")]
pub fn tesseract() -> Option<PathBuf> {
    let found = ["/usr/bin/tesseract", "/usr/local/bin/tesseract", "/opt/homebrew/bin/tesseract"].map(PathBuf::from);
    let found = found.into_iter().find(|program| program.is_file());
    if found.is_none() {
        println!("skipped: there is no tesseract; scripts/install_test_tools.sh installs it");
    }
    found
}

/// Something of the test tools, by its path below their folder; none, with a printed reason, where it is not installed.
#[expect(clippy::print_stdout, reason = "says why a test was skipped")]
pub fn installed(below: &str) -> Option<PathBuf> {
    let place = folder().join(below);
    if place.exists() {
        return Some(place);
    }
    println!("skipped: there is no {}; scripts/install_test_tools.sh installs it", place.display());
    None
}
