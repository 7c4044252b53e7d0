//! Where the programs lie that tests use, as `scripts/install_test_tools.sh` put them.

use std::path::PathBuf;

/// The folder of the test tools.
#[expect(clippy::disallowed_methods, reason = "finds the test tools by the environment, as the Makefile sets it")]
pub fn folder() -> PathBuf {
    let folder = |name| std::env::var(name).ok().filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let cache = || folder("XDG_CACHE_HOME").unwrap_or_else(|| folder("HOME").unwrap_or_default().join(".cache"));
    folder("DOCENT_TOOLS").unwrap_or_else(|| cache().join("docent/tools"))
}
