//! Plain text in whatever encoding it comes: a byte-order mark, else UTF-8, else the most likely legacy encoding.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use docent_core::kind::{Wide, wide_encoding};
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Text files are one page without a number; paragraphs keep their line breaks.
pub(crate) fn parse(bytes: &[u8]) -> Result<ParsedDocument, Refusal> {
    let text = tidy(&decode(bytes, None)?);
    if text.trim().is_empty() {
        return Err(Refusal::new(RefusalKind::Empty, "the file holds nothing but white space"));
    }
    Ok(ParsedDocument {
        format: Format::Text,
        title: None,
        pages: vec![Page { number: None, heading_path: Vec::new(), text }],
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    })
}

/// Bytes to text. `declared` is what the file says about itself (an HTML `meta`); it only counts where the bytes are not
/// UTF-8, because wrong declarations are common and accidental UTF-8 is not.
pub(crate) fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> Result<String, Refusal> {
    if let Some(wide) = wide_encoding(bytes) {
        return Ok(decode_wide(bytes, wide));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        return reject_garbage(text.to_owned());
    }
    if mostly_utf8(bytes) {
        return Ok(String::from_utf8_lossy(bytes).into_owned());
    }
    let encoding = declared.filter(|encoding| *encoding != UTF_8).unwrap_or_else(|| guess(bytes));
    reject_garbage(encoding.decode_without_bom_handling(bytes).0.into_owned())
}

fn decode_wide(bytes: &[u8], wide: Wide) -> String {
    let char_at = |quad: &[u8], order: fn([u8; 4]) -> u32| {
        let unit = quad.try_into().map(order).unwrap_or(u32::MAX);
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    let text: String = match wide {
        Wide::Utf16Le => UTF_16LE.decode_with_bom_removal(bytes).0.into_owned(),
        Wide::Utf16Be => UTF_16BE.decode_with_bom_removal(bytes).0.into_owned(),
        Wide::Utf32Le => bytes.chunks_exact(4).map(|quad| char_at(quad, u32::from_le_bytes)).collect(),
        Wide::Utf32Be => bytes.chunks_exact(4).map(|quad| char_at(quad, u32::from_be_bytes)).collect(),
    };
    text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text)
}

/// A few broken bytes in an otherwise multi-byte UTF-8 file (a cut log, mixed sources) do not make it another encoding.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut multibyte, mut broken) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        multibyte += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    multibyte >= broken * 10
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    // One megabyte says enough about a file's language.
    let head = &bytes[..bytes.len().min(1 << 20)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, head.len() == bytes.len());
    detector.guess(None, Utf8Detection::Deny)
}

/// Legacy decoders accept any bytes, so what they made is looked at: text has few control characters.
fn reject_garbage(text: String) -> Result<String, Refusal> {
    let (mut characters, mut controls) = (0_usize, 0_usize);
    for c in text.chars().take(1 << 16) {
        characters += 1;
        controls += usize::from(is_control(c));
    }
    if controls * 50 > characters {
        let detail =
            "the bytes are not text in any encoding that is known (binary data or EBCDIC?); convert it to UTF-8";
        return Err(Refusal::new(RefusalKind::Corrupt, detail));
    }
    Ok(text)
}

fn is_control(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0C' | '\x1B')) || c == char::REPLACEMENT_CHARACTER
}

/// One kind of line break; no NULs, byte-order marks or form feeds.
pub(crate) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\x0C' | '\u{85}' => out.push('\n'),
            '\0' | '\u{FEFF}' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> String {
        parse(bytes).map_or_else(|refusal| refusal.to_string(), |parsed| parsed.pages[0].text.clone())
    }

    fn utf32(text: &str) -> Vec<u8> {
        text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect()
    }

    #[test]
    fn encodings() {
        let utf16: Vec<u8> = "Grüße aus Köln, mehr Text".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let table: &[(&[u8], &str)] = &[
            (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
            (b"\xEF\xBB\xBFmarked", "marked"),
            ("日本語 text".as_bytes(), "日本語 text"),
            (b"Die Stra\xDFe ist f\xFCr Fu\xDFg\xE4nger gesperrt.", "Die Straße ist für Fußgänger gesperrt."),
            (
                b"\x93smart quotes\x94 and an em dash \x97 here",
                "\u{201C}smart quotes\u{201D} and an em dash \u{2014} here",
            ),
            (&utf16, "Grüße aus Köln, mehr Text"),
            (&utf32("this is a test in four bytes"), "this is a test in four bytes"),
            (
                "ten ümläüts äre ÜTF-8 ön ä cüt löß ünd mähr \u{fc}".as_bytes(),
                "ten ümläüts äre ÜTF-8 ön ä cüt löß ünd mähr ü",
            ),
            (b" \n\t ", "empty: the file holds nothing but white space"),
        ];
        for (bytes, expected) in table {
            assert_eq!(read(bytes), *expected);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        // "hello world" over and over in EBCDIC.
        let ebcdic = b"\x88\x85\x93\x93\x96\x40\xA6\x96\x99\x93\x84\x15\x25".repeat(40);
        let noise: Vec<u8> = (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 1).collect();
        for bytes in [ebcdic, noise] {
            assert!(read(&bytes).starts_with("corrupt: the bytes are not text"), "{}", read(&bytes));
        }
    }
}
