//! `.docentignore`: what of a folder does not belong to the collection, in the words of `.gitignore`.
//!
//! One pattern a line, `#` begins a comment, `!` takes files back, a `/` at the end means folders only, a `/` elsewhere ties
//! the pattern to the folder that is synced, and the last pattern that matches decides. As with git, nothing below a
//! folder that is left out can be taken back. What is absent: such files in folders below, and `{}` alternatives.

use crate::error::{Error, Result};
use fast_glob::glob_match;

/// The name of the file.
pub const FILE: &str = ".docentignore";

/// The patterns of one file.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    glob: String,
    is_taken_back: bool,
    is_for_folders: bool,
}

impl Ignored {
    /// Understands the file's text; the error names the line that cannot be right.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut patterns = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(pattern) = Pattern::parse(line) {
                let wrong = |error| {
                    Error::invalid(format!("{FILE} line {number}: {error}"))
                        .hint("nothing was changed; patterns are those of .gitignore")
                };
                fast_glob::validate(&pattern.glob).map_err(wrong)?;
                patterns.push(pattern);
            }
        }
        Ok(Self { patterns })
    }

    /// True if the path below the root, with `/` between its parts, is left out.
    pub fn matches(&self, path: &str, is_folder: bool) -> bool {
        let hit = |pattern: &&Pattern| (is_folder || !pattern.is_for_folders) && glob_match(&pattern.glob, path);
        self.patterns.iter().rev().find(hit).is_some_and(|pattern| !pattern.is_taken_back)
    }

    /// True if the file at this path is left out, or a folder above it.
    pub fn leaves_out(&self, path: &str) -> bool {
        let mut folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        folders.any(|folder| self.matches(folder, true)) || self.matches(path, false)
    }
}

impl Pattern {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if line.starts_with('#') {
            return None;
        }
        let (is_taken_back, line) = line.strip_prefix('!').map_or((false, line), |line| (true, line));
        let (is_for_folders, line) = line.strip_suffix('/').map_or((false, line), |line| (true, line));
        let (is_tied, line) = line.strip_prefix('/').map_or((line.contains('/'), line), |line| (true, line));
        // Braces are plain characters to git.
        let line = line.replace('{', "\\{").replace('}', "\\}");
        let glob = if is_tied { line } else { format!("**/{line}") };
        (!glob.trim_start_matches("**/").is_empty() || is_tied).then_some(Self { glob, is_taken_back, is_for_folders })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_git() {
        let cases: [(&str, &str, bool, bool); 18] = [
            ("*.tmp", "a.tmp", false, true),
            ("*.tmp", "deep/er/a.tmp", false, true),
            ("*.tmp", "a.tmp.md", false, false),
            ("drafts/", "drafts", true, true),
            ("drafts/", "deep/drafts", true, true),
            ("drafts/", "drafts", false, false),
            ("/drafts", "drafts", true, true),
            ("/drafts", "deep/drafts", true, false),
            ("deep/*.md", "deep/a.md", false, true),
            ("deep/*.md", "very/deep/a.md", false, false),
            ("deep/**", "deep/er/a.md", false, true),
            ("**/old.md", "a/b/old.md", false, true),
            ("# *.md", "a.md", false, false),
            ("*.md\n!keep.md", "keep.md", false, false),
            ("*.md\n!keep.md", "lose.md", false, true),
            ("\n   \n", "a.md", false, false),
            ("{a}.md", "{a}.md", false, true),
            ("\\#a.md", "#a.md", false, true),
        ];
        for (text, path, is_folder, wanted) in cases {
            let ignored = Ignored::parse(text).expect("valid");
            assert_eq!(ignored.matches(path, is_folder), wanted, "{text:?} on {path}");
        }
    }

    #[test]
    fn a_file_is_left_out_with_its_folder() {
        let ignored = Ignored::parse("drafts/\n!drafts/keep.md\n*.tmp").expect("valid");
        for (path, wanted) in
            [("deep/drafts/keep.md", true), ("drafts", false), ("deep/a.tmp", true), ("deep/a.md", false)]
        {
            assert_eq!(ignored.leaves_out(path), wanted, "{path}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_right_is_named() {
        let wrong = Ignored::parse("*.tmp\n[a-").expect_err("unclosed").to_string();
        assert!(wrong.starts_with(".docentignore line 2: "), "{wrong}");
    }
}
