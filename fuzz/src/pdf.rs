//! A PDF: the bytes as they are.

use super::files;

/// Reads the bytes as a PDF.
pub fn run(data: &[u8]) {
    files::read(data.to_vec(), "a.pdf");
}
