//! A hundred awkward files of real producers, with what has to become of each. They are not part of the repository; the
//! test says so and passes where they are absent.

use crate::sandboxed::Sandboxed;
use docent_core::{ParsedDocument, Refusal, RefusalKind};
use docent_parse::Limits;
use std::path::Path;
use unicode_normalization::UnicodeNormalization;

/// The formats that are read; everything else may be refused as unsupported.
const READ: &[&str] = &["pdf", "html", "md", "txt", "docx", "pptx", "xlsx", "csv", "epub", "ipynb", "tex"];

#[test]
fn awkward_files_end_as_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/files");
    let Ok(table) = std::fs::read_to_string(folder.join("files.csv")) else {
        eprintln!("skipped: the awkward files are not on this machine");
        return;
    };
    let sandbox = Sandboxed::new(Limits::default());
    let rows: Vec<Row> = table.lines().skip(1).map(Row::parse).collect();
    let misses: Vec<String> =
        rows.iter().filter_map(|row| row.miss(sandbox.read_in_place(&folder.join(&row.file)))).collect();
    eprintln!("{} of {} files end as they should", rows.len() - misses.len(), rows.len());
    assert!(misses.len() * 100 <= rows.len() * 3, "{} of {} files:\n{}", misses.len(), rows.len(), misses.join("\n"));
}

/// A line of the table.
struct Row {
    file: String,
    format: String,
    expected: String,
    phrase: String,
}

impl Row {
    fn parse(line: &str) -> Self {
        let mut fields = fields(line);
        assert_eq!(fields.len(), 10, "{line}");
        let mut take = |column: usize| std::mem::take(&mut fields[column]);
        Self { file: take(0), format: take(1), expected: take(7), phrase: take(8) }
    }

    /// What is wrong with this outcome; nothing if it is right.
    fn miss(&self, outcome: Result<ParsedDocument, Refusal>) -> Option<String> {
        let cause = self.expected.strip_prefix("refuse:").map(|cause| cause.replace('-', "_"));
        let right = match (&outcome, self.expected.as_str()) {
            (Err(refusal), _) if !READ.contains(&self.format.as_str()) => refusal.kind == RefusalKind::Unsupported,
            (Ok(parsed), "text" | "text-other") => folded(&all_words(parsed)).contains(&folded(&self.phrase)),
            (Ok(parsed), "safe") => !all_words(parsed).trim().is_empty(),
            (Err(refusal), "safe") => refusal.kind != RefusalKind::Timeout && !refusal.detail.is_empty(),
            (Err(refusal), _) => cause.as_deref() == Some(refusal.kind.as_str()),
            (Ok(_), _) => false,
        };
        let became = outcome.map_or_else(
            |refusal| refusal.to_string(),
            |parsed| format!("{} characters of text", all_words(&parsed).chars().count()),
        );
        (!right).then(|| format!("{}: should be {} ({}), became {became}", self.file, self.expected, self.phrase))
    }
}

/// The fields of a line of comma-separated values; quotation marks may surround one.
fn fields(line: &str) -> Vec<String> {
    let mut quoted = false;
    let fields = line.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    fields.map(|field| field.trim_matches('"').replace("\"\"", "\"")).collect()
}

/// Title, headings and text: all that is kept for searching.
fn all_words(parsed: &ParsedDocument) -> String {
    let pages = parsed.pages.iter().flat_map(|page| page.heading_path.iter().chain([&page.text]));
    parsed.title.iter().chain(pages).map(|words| format!("{words}\n")).collect()
}

/// Without differences of case, of compatibility characters, and of what cannot be seen.
fn folded(text: &str) -> String {
    let visible =
        |c: &char| !c.is_whitespace() && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}');
    text.nfkc().flat_map(char::to_lowercase).filter(visible).collect()
}
