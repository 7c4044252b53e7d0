//! Files that are one text: the first line is the file's name, the rest is the file.

use super::files;

/// Names of each format, for input whose first line is none.
const NAMES: [&str; 8] = ["a.md", "a.html", "a.txt", "a.csv", "a.tsv", "a.ipynb", "a.eml", "a.py"];

/// Reads what is below the first line under the name in it.
pub fn run(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (name, text) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let said = std::str::from_utf8(name).ok().filter(|name| NAMES.contains(name));
    let picked = || NAMES[name.iter().map(|byte| usize::from(*byte)).sum::<usize>() % NAMES.len()];
    files::read(text.to_vec(), said.unwrap_or_else(picked));
}
