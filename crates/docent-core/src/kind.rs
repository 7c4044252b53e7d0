//! What a file is: decided by its extension, and checked against its first bytes. Who takes files in asks here before anybody reads
//! them, also where no parser is at hand.

use crate::{Format, Refusal, RefusalKind};

/// What the first bytes give away, whatever the name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Pdf,
    Zip,
    Ole,
    Image(&'static str),
    Archive(&'static str),
    Rtf,
    Html,
    Text,
    Binary,
}

impl Content {
    const fn describe(self) -> &'static str {
        match self {
            Self::Pdf => "PDF data",
            Self::Zip => "a ZIP archive (as Office and EPUB files are)",
            Self::Ole => "an old or encrypted Microsoft Office file",
            Self::Image(name) | Self::Archive(name) => name,
            Self::Rtf => "RTF data",
            Self::Html => "HTML",
            Self::Text => "plain text",
            Self::Binary => "binary data",
        }
    }
}

/// First bytes that identify a kind of file.
const SIGNATURES: &[(&[u8], Content)] = &[
    (b"PK\x03\x04", Content::Zip),
    (b"PK\x05\x06", Content::Zip),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Content::Ole),
    (b"{\\rtf", Content::Rtf),
    (b"\x89PNG\r\n", Content::Image("a PNG image")),
    (b"\xFF\xD8\xFF", Content::Image("a JPEG image")),
    (b"GIF8", Content::Image("a GIF image")),
    (b"II*\0", Content::Image("a TIFF image")),
    (b"MM\0*", Content::Image("a TIFF image")),
    (b"\x1F\x8B", Content::Archive("gzip data")),
    (b"7z\xBC\xAF", Content::Archive("a 7z archive")),
    (b"\x7FELF", Content::Archive("an executable")),
];

/// Extensions that are read, and as what; those of source code are in [`LANGUAGES`].
const READ: &[(&str, Format)] = &[
    ("pdf", Format::Pdf),
    ("md", Format::Markdown),
    ("markdown", Format::Markdown),
    ("html", Format::Html),
    ("htm", Format::Html),
    ("xhtml", Format::Html),
    ("txt", Format::Text),
    ("text", Format::Text),
    ("log", Format::Text),
    ("rst", Format::Text),
    ("docx", Format::Docx),
    ("docm", Format::Docx),
    ("dotx", Format::Docx),
    ("pptx", Format::Pptx),
    ("pptm", Format::Pptx),
    ("ppsx", Format::Pptx),
    ("potx", Format::Pptx),
    ("xlsx", Format::Xlsx),
    ("xlsm", Format::Xlsx),
    ("xltx", Format::Xlsx),
    ("csv", Format::Csv),
    ("tsv", Format::Csv),
    ("tab", Format::Csv),
    ("epub", Format::Epub),
    ("ipynb", Format::Notebook),
    ("eml", Format::Email),
];

/// Extensions that are read as source code, and the language they are known by.
const LANGUAGES: &[(&str, &[&str])] = &[
    ("C", &["c", "h"]),
    ("C#", &["cs"]),
    ("C++", &["cc", "cpp", "cxx", "hh", "hpp", "hxx"]),
    ("CSS", &["css", "less", "sass", "scss"]),
    ("Clojure", &["clj"]),
    ("Dart", &["dart"]),
    ("Dockerfile", &["dockerfile"]),
    ("Elixir", &["ex", "exs"]),
    ("Erlang", &["erl"]),
    ("Fortran", &["f90", "f95"]),
    ("Go", &["go"]),
    ("GraphQL", &["graphql"]),
    ("Haskell", &["hs"]),
    ("INI", &["cfg", "conf", "ini", "properties"]),
    ("JSON", &["json", "jsonl"]),
    ("Java", &["java"]),
    ("JavaScript", &["cjs", "js", "jsx", "mjs"]),
    ("Julia", &["jl"]),
    ("Kotlin", &["kt", "kts"]),
    ("LaTeX", &["tex"]),
    ("Lua", &["lua"]),
    ("Makefile", &["mk"]),
    ("OCaml", &["ml", "mli"]),
    ("PHP", &["php"]),
    ("Perl", &["pl", "pm"]),
    ("PowerShell", &["ps1"]),
    ("Protocol Buffers", &["proto"]),
    ("Python", &["py", "pyi"]),
    ("R", &["r"]),
    ("Ruby", &["rb"]),
    ("Rust", &["rs"]),
    ("SQL", &["sql"]),
    ("Scala", &["scala"]),
    ("Shell", &["bash", "sh", "zsh"]),
    ("Svelte", &["svelte"]),
    ("Swift", &["swift"]),
    ("TOML", &["toml"]),
    ("Terraform", &["tf"]),
    ("TypeScript", &["cts", "mts", "ts", "tsx"]),
    ("Vue", &["vue"]),
    ("XML", &["xml", "xsd", "xsl"]),
    ("YAML", &["yaml", "yml"]),
    ("Zig", &["zig"]),
];

/// Extensions that are known and not read, with the name a person knows them by.
const NOT_READ: &[(&str, &str)] = &[
    ("doc", "DOC (Microsoft Word 97-2003)"),
    ("ppt", "PPT (Microsoft PowerPoint 97-2003)"),
    ("xls", "XLS (Microsoft Excel 97-2003)"),
    ("xlsb", "XLSB (Microsoft Excel, binary)"),
    ("odt", "ODT (OpenDocument text)"),
    ("ods", "ODS (OpenDocument spreadsheet)"),
    ("odp", "ODP (OpenDocument presentation)"),
    ("rtf", "RTF (Rich Text Format)"),
    ("pages", "Apple Pages"),
    ("numbers", "Apple Numbers"),
    ("key", "Apple Keynote"),
    ("mobi", "Mobipocket e-book"),
    ("azw3", "Kindle e-book"),
    ("djvu", "DjVu"),
    ("ps", "PostScript"),
    ("xps", "XPS"),
    ("msg", "Outlook message"),
    ("mbox", "mailbox"),
    ("pst", "Outlook mailbox"),
    ("vsdx", "Microsoft Visio"),
    ("one", "Microsoft OneNote"),
    ("parquet", "Parquet"),
    ("sqlite", "SQLite database"),
    ("png", "image"),
    ("jpg", "image"),
    ("jpeg", "image"),
    ("gif", "image"),
    ("tif", "image"),
    ("tiff", "image"),
    ("webp", "image"),
    ("svg", "image"),
    ("heic", "image"),
    ("mp3", "audio"),
    ("wav", "audio"),
    ("mp4", "video"),
    ("mov", "video"),
    ("zip", "ZIP"),
    ("gz", "gzip"),
    ("tar", "tar"),
    ("7z", "7z"),
];

/// What is read, in words.
const HINT: &str =
    "PDF, Word, PowerPoint, Excel, CSV, HTML, Markdown, plain text, EPUB, notebooks, e-mail and source code are";

/// The format a name alone promises: what an ingest of a folder picks out without opening anything.
pub fn by_name(filename: &str) -> Option<Format> {
    let extension = extension(filename)?;
    let read = READ.iter().find(|(name, _)| *name == extension).map(|(_, format)| *format);
    read.or_else(|| language(&extension).map(|_| Format::Code))
}

/// Decides what a file is, or refuses it with a sentence that says why.
///
/// # Errors
/// The refusal.
pub fn detect(bytes: &[u8], filename: &str) -> Result<Format, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "the file has no bytes"));
    }
    let content = sniff(bytes);
    match (extension(filename), by_name(filename)) {
        (_, Some(format)) => agree(format, content, bytes, filename),
        (Some(extension), None) => Err(not_read(&extension)),
        (None, None) => without_extension(content),
    }
}

/// Why a file is not read, as far as its name and, if they are there, its first bytes tell. The whole file may tell more.
pub fn refusal(filename: &str, head: Option<&[u8]>) -> Option<Refusal> {
    match head {
        Some(head) => detect(head, filename).err(),
        None => extension(filename).filter(|_| by_name(filename).is_none()).map(|extension| not_read(&extension)),
    }
}

/// The language of files with this extension, if it is one.
pub fn language(extension: &str) -> Option<&'static str> {
    LANGUAGES.iter().find(|(_, extensions)| extensions.contains(&extension)).map(|(language, _)| *language)
}

/// What stands behind a name's last dot, in small letters. Some files of code have a name instead.
pub fn extension(filename: &str) -> Option<String> {
    let name = filename.rsplit(['/', '\\']).next()?;
    match name {
        "Dockerfile" => return Some("dockerfile".to_owned()),
        "Makefile" => return Some("mk".to_owned()),
        _ => {}
    }
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
}

fn agree(format: Format, content: Content, bytes: &[u8], filename: &str) -> Result<Format, Refusal> {
    let office = matches!(format, Format::Docx | Format::Pptx | Format::Xlsx);
    let agrees = match format {
        Format::Pdf => content == Content::Pdf,
        Format::Docx | Format::Pptx | Format::Xlsx | Format::Epub => content == Content::Zip,
        // Attachments may be sent as they are.
        Format::Email => matches!(content, Content::Html | Content::Text | Content::Binary),
        _ => matches!(content, Content::Html | Content::Text),
    };
    if agrees {
        return Ok(format);
    }
    if office && content == Content::Ole && is_encrypted(bytes) {
        return Err(Refusal::new(RefusalKind::Encrypted, "the file needs a password; save a copy without one"));
    }
    let named = extension(filename).unwrap_or_default();
    let detail = format!("the file is named .{named} but contains {}; rename it or replace it", content.describe());
    Err(Refusal::new(RefusalKind::Corrupt, detail))
}

fn without_extension(content: Content) -> Result<Format, Refusal> {
    match content {
        Content::Text => Ok(Format::Text),
        Content::Html => Ok(Format::Html),
        Content::Pdf => Ok(Format::Pdf),
        other => {
            let detail =
                format!("the file has no extension and contains {}, which is not read; {HINT}", other.describe());
            Err(Refusal::new(RefusalKind::Unsupported, detail))
        }
    }
}

fn not_read(extension: &str) -> Refusal {
    let known = NOT_READ.iter().find(|(name, _)| *name == extension);
    let what = known.map_or_else(|| format!(".{extension}"), |(_, name)| (*name).to_owned());
    Refusal::new(RefusalKind::Unsupported, format!("{what} files are not read; {HINT}"))
}

fn sniff(bytes: &[u8]) -> Content {
    let head = &bytes[..bytes.len().min(1024)];
    if let Some((_, content)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
        return *content;
    }
    if head.windows(4).any(|window| window == b"%PDF") {
        return Content::Pdf;
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Content::Image("a WebP image");
    }
    if wide_encoding(bytes).is_none() && bytes[..bytes.len().min(64 << 10)].contains(&0) {
        return Content::Binary;
    }
    if looks_like_html(head) { Content::Html } else { Content::Text }
}

fn looks_like_html(head: &[u8]) -> bool {
    let start: Vec<u8> = head.trim_ascii_start().iter().take(256).map(u8::to_ascii_lowercase).collect();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html") || start.starts_with(b"<head")
}

/// True for the container that Office puts an encrypted document into.
fn is_encrypted(ole: &[u8]) -> bool {
    let stream: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    ole.windows(stream.len()).any(|window| window == stream)
}

/// Encodings with more than one byte per ASCII character; they must be recognised before NUL bytes mean "binary".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wide {
    /// UTF-16, little end first.
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
    /// UTF-32, little end first.
    Utf32Le,
    /// UTF-32, big end first.
    Utf32Be,
}

/// Recognises UTF-16 and UTF-32 by their mark or, for text that is mostly ASCII, by where the NUL bytes are.
pub fn wide_encoding(bytes: &[u8]) -> Option<Wide> {
    if bytes.starts_with(b"\xFF\xFE\0\0") {
        return Some(Wide::Utf32Le);
    }
    if bytes.starts_with(b"\0\0\xFE\xFF") {
        return Some(Wide::Utf32Be);
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return None;
    }
    if bytes.starts_with(b"\xFF\xFE") {
        return Some(Wide::Utf16Le);
    }
    if bytes.starts_with(b"\xFE\xFF") {
        return Some(Wide::Utf16Be);
    }
    let head = &bytes[..bytes.len().min(2048) & !3];
    let nuls = |offset: usize, step: usize| head.iter().skip(offset).step_by(step).filter(|byte| **byte == 0).count();
    let (units, quads) = (head.len() / 2, head.len() / 4);
    let mostly = |count: usize, of: usize| of >= 4 && count * 10 >= of * 9;
    match () {
        () if mostly(nuls(2, 4), quads) && mostly(nuls(3, 4), quads) => Some(Wide::Utf32Le),
        () if mostly(nuls(0, 4), quads) && mostly(nuls(1, 4), quads) => Some(Wide::Utf32Be),
        () if mostly(nuls(1, 2), units) && nuls(0, 2) == 0 => Some(Wide::Utf16Le),
        () if mostly(nuls(0, 2), units) && nuls(1, 2) == 0 => Some(Wide::Utf16Be),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(bytes: &[u8], filename: &str) -> String {
        match detect(bytes, filename) {
            Ok(format) => format.as_str().to_owned(),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn name_and_content_decide_together() {
        let png = b"\x89PNG\r\n\x1a\n\0\0";
        let ole = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 old";
        let locked = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";
        let table: &[(&[u8], &str, &str)] = &[
            (b"%PDF-1.7", "a.pdf", "pdf"),
            (b"junk before\n%PDF-1.7", "A.PDF", "pdf"),
            (b"# Title", "notes.md", "markdown"),
            (b"<p>hello", "page.htm", "html"),
            (b"<html>", "page.txt", "text"),
            (b"plain", "page.html", "html"),
            (b"plain", "dir.d/README", "text"),
            (b"plain", ".profile", "text"),
            (b"\xFF\xFEh\0i\0", "wide.txt", "text"),
            (b"", "a.pdf", "empty: the file has no bytes"),
            (b"<!DOCTYPE html>", "a.pdf", "corrupt: the file is named .pdf but contains HTML; rename it or replace it"),
            (b"%PDF-1.7", "a.txt", "corrupt: the file is named .txt but contains PDF data; rename it or replace it"),
            (png, "a.md", "corrupt: the file is named .md but contains a PNG image; rename it or replace it"),
            (
                b"ab\0\x01c",
                "a.log",
                "corrupt: the file is named .log but contains binary data; rename it or replace it",
            ),
            (b"PK\x03\x04", "a.docx", "docx"),
            (b"PK\x03\x04", "deck.PPTX", "pptx"),
            (b"a;b", "a.csv", "csv"),
            (b"fn main() {}", "main.rs", "code"),
            (b"FROM scratch", "app/Dockerfile", "code"),
            (b"Subject: x", "a.eml", "email"),
            (b"plain", "a.docx", "corrupt: the file is named .docx but contains plain text; rename it or replace it"),
            (ole, "a.docx", "corrupt: the file is named .docx but contains an old or encrypted Microsoft Office file"),
            (locked, "a.docx", "encrypted: the file needs a password"),
            (b"PK\x03\x04", "letter.pages", "unsupported: Apple Pages files are not read; PDF, Word, "),
            (b"x", "a.xyz", "unsupported: .xyz files are not read; PDF, Word, PowerPoint, Excel, CSV, HTML, Markdown,"),
            (
                png,
                "picture",
                "unsupported: the file has no extension and contains a PNG image, which is not read; PDF,",
            ),
        ];
        for (bytes, filename, expected) in table {
            let outcome = outcome(bytes, filename);
            assert!(outcome.starts_with(expected), "{filename}: {outcome}");
            // A name alone refuses what is never read, in the same words.
            let by_name = refusal(filename, None).map(|refusal| refusal.to_string());
            assert!(by_name.is_none_or(|by_name| bytes.is_empty() || by_name == outcome), "{filename}");
        }
        assert!(refusal("letter.pages", None).is_some() && refusal("letter.pdf", None).is_none());
    }
}
