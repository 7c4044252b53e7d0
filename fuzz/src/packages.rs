//! Archives of XML parts. The first line is the extension; then come parts, each below a line `== name`, which are packed here:
//! changing a byte of an archive mostly gives a broken archive. Without such a line what follows is the archive itself.

use super::files;
use std::io::{Cursor, Write};
use zip::write::{SimpleFileOptions, ZipWriter};

const EXTENSIONS: [&str; 4] = ["docx", "pptx", "xlsx", "epub"];

/// Packs the parts and reads the package.
pub fn run(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (first, rest) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let said = EXTENSIONS.iter().find(|extension| extension.as_bytes() == first);
    let picked = || &EXTENSIONS[first.iter().map(|byte| usize::from(*byte)).sum::<usize>() % EXTENSIONS.len()];
    let bytes = if rest.starts_with(b"== ") { packed(rest) } else { Some(rest.to_vec()) };
    if let Some(bytes) = bytes {
        files::read(bytes, &format!("a.{}", said.unwrap_or_else(picked)));
    }
}

/// None if the names cannot be those of an archive.
fn packed(parts: &[u8]) -> Option<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut open = false;
    for line in parts.split_inclusive(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(b"== ") {
            let name = String::from_utf8_lossy(name);
            writer.start_file(name.trim_end(), SimpleFileOptions::default()).ok()?;
            open = true;
        } else if open {
            writer.write_all(line).ok()?;
        }
    }
    writer.finish().ok().map(Cursor::into_inner)
}
