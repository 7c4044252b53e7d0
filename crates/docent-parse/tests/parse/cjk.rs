//! PDFs in Chinese, Japanese and Korean whose fonts do not say which characters they show.

use crate::sandboxed::Sandboxed;
use docent_parse::Limits;
use docent_testkit::pdf;

fn text_of(bytes: Vec<u8>) -> String {
    Sandboxed::new(Limits::default()).outcome("page.pdf", bytes)
}

fn page(font: &[String], content: &str) -> Vec<u8> {
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
    ];
    objects.extend_from_slice(font);
    pdf::objects(&objects, "")
}

#[test]
fn bytes_in_pairs() {
    let font = "<< /Type /Font /Subtype /TrueType /BaseFont /SimHei /Encoding /WinAnsiEncoding /FirstChar 32 /LastChar 255 \
        /Widths [500] /FontDescriptor << /Type /FontDescriptor /FontName /SimHei /Flags 4 /MissingWidth 500 >> >>";
    // In GBK: workers of all countries, unite; from the title of a list of principles.
    let bytes = "C8ABCAC0BDE7CEDEB2FAD5DFA3ACC1AABACFC6F0C0B4B9D8D3DABAECBEFCD7F7D5BDB5C4D4ADD4F2";
    let text = text_of(page(&[font.to_owned()], &format!("BT /F1 12 Tf 72 720 Td <{bytes}> Tj ET")));
    assert_eq!(text, "全世界无产者，联合起来关于红军作战的原则");
}

#[test]
fn numbers_of_a_collection() {
    let program = hexadecimal(&font_program());
    let font = [
        "<< /Type /Font /Subtype /Type0 /BaseFont /ABCDEF+Mincho /Encoding /Identity-H /DescendantFonts [6 0 R] >>",
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /ABCDEF+Mincho /CIDToGIDMap /Identity /DW 1000 \
         /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> /FontDescriptor 7 0 R >>",
        "<< /Type /FontDescriptor /FontName /ABCDEF+Mincho /Flags 4 /FontFile2 8 0 R >>",
    ];
    let mut objects = font.map(str::to_owned).to_vec();
    objects.push(format!("<< /Length {} /Filter /ASCIIHexDecode >>\nstream\n{program}>\nendstream", program.len() + 1));
    // Adobe-Japan1 numbers hiragana from 842.
    let text = text_of(page(&objects, "BT /F1 12 Tf 72 720 Td <034B034D034F> Tj ET"));
    assert_eq!(text, "あいう");
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The least that is a TrueType font: one glyph without an outline.
fn font_program() -> Vec<u8> {
    let head = [&[0, 1, 0, 0, 0, 1, 0, 0][..], &[0; 4], &[0x5F, 0x0F, 0x3C, 0xF5, 0, 0, 3, 0xE8], &[0; 34]].concat();
    let hhea = [&[0, 1, 0, 0, 3, 0x20, 0xFF, 0x38][..], &[0; 26], &[0, 1]].concat();
    let maxp = [&[0, 1, 0, 0, 0, 1][..], &[0; 26]].concat();
    let tables: [(&[u8; 4], Vec<u8>); 6] = [
        (b"glyf", vec![0; 4]),
        (b"head", head),
        (b"hhea", hhea),
        (b"hmtx", vec![3, 0xE8, 0, 0]),
        (b"loca", vec![0; 4]),
        (b"maxp", maxp),
    ];
    let mut file = vec![0, 1, 0, 0, 0, 6, 0, 64, 0, 2, 0, 32];
    let mut place = 12 + 16 * tables.len();
    for (tag, bytes) in &tables {
        file.extend_from_slice(*tag);
        file.extend_from_slice(&[0; 4]);
        file.extend_from_slice(&(place as u32).to_be_bytes());
        file.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        place += bytes.len().next_multiple_of(4);
    }
    for (_, bytes) in tables {
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        file.extend(bytes);
        file.extend(std::iter::repeat_n(0, padding));
    }
    file
}
