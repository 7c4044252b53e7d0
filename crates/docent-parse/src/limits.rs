//! How much one file may cost before it is refused.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Ceilings for one file. The parser checks counts, the child's resource limits bound memory and CPU time, and the parent
/// keeps the clock. For OCR the limits on memory and times are those of a page: of drawing it, and of reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes a file may have.
    pub file_bytes: u64,
    /// Bytes an HTML file may have: the tree builder's time grows with the square of bad nesting.
    pub html_bytes: u64,
    /// Parts an archive (Office file, e-book) may have.
    pub archive_entries: usize,
    /// Bytes that come out of an archive, all parts together.
    pub unpacked_bytes: u64,
    /// Pages a document may have.
    pub pages: usize,
    /// Characters a document may have.
    pub characters: usize,
    /// Drawing operations a PDF page may have; a page beyond it is given up.
    pub operations_per_page: u64,
    /// Address space of the child process, in bytes.
    pub memory_bytes: u64,
    /// CPU seconds a file may take.
    pub cpu_seconds: u64,
    /// Wall-clock time a file may take, waiting for a processor included.
    pub wall_time: Duration,
    /// Bytes of answer the parent is willing to read.
    pub output_bytes: usize,
    /// Files a child process reads before it is replaced.
    pub files_per_child: u32,
    /// Pixels that a page is drawn with at most, to be read by OCR.
    pub picture_pixels: u32,
    /// Bytes of what OCR says of a page that the parent is willing to read.
    pub recognised_bytes: usize,
    /// Wall-clock time that OCR of a document may take; pages that it does not come to stay without text.
    pub recognition_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 200 << 20,
            html_bytes: 5 << 20,
            archive_entries: 10_000,
            unpacked_bytes: 256 << 20,
            pages: 20_000,
            characters: 30_000_000,
            operations_per_page: 5_000_000,
            memory_bytes: 1 << 30,
            cpu_seconds: 30,
            wall_time: Duration::from_secs(60),
            output_bytes: 64 << 20,
            files_per_child: 64,
            picture_pixels: 20_000_000,
            recognised_bytes: 4 << 20,
            recognition_time: Duration::from_secs(45 * 60),
        }
    }
}
