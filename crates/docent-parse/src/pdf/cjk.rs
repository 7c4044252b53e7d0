//! Pages whose fonts show the bytes of a Chinese, Japanese or Korean encoding one by one, as if they were Latin letters:
//! old programs wrote such files and left it to the reader's machine to know better. Two bytes make a character.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GBK, SHIFT_JIS};
use encoding_rs::{ISO_8859_2, WINDOWS_1250, WINDOWS_1252, WINDOWS_1254, WINDOWS_1257};

/// What the bytes of a page's glyphs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// What they show: Latin letters, many with accents.
    Latin,
    /// Halves of characters in this encoding.
    Pairs(&'static Encoding),
    /// Letters of another script, one byte each.
    Other,
}

/// What these bytes, taken from a page's glyphs in order, most likely are.
pub(crate) fn guess(bytes: &[u8]) -> Bytes {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    match [GBK, BIG5, SHIFT_JIS, EUC_JP, EUC_KR].into_iter().find(|known| *known == encoding) {
        Some(encoding) => Bytes::Pairs(encoding),
        None if [WINDOWS_1252, WINDOWS_1250, WINDOWS_1254, WINDOWS_1257, ISO_8859_2].contains(&encoding) => {
            Bytes::Latin
        }
        None => Bytes::Other,
    }
}

/// The character that two bytes make.
pub(crate) fn character(encoding: &'static Encoding, lead: u8, trail: u8) -> Option<char> {
    let bytes = [lead, trail];
    let (text, malformed) = encoding.decode_without_bom_handling(&bytes);
    let mut characters = text.chars();
    characters.next().filter(|_| !malformed && characters.next().is_none())
}

/// True for a byte that begins a character of two in all of these encodings.
pub(crate) const fn is_lead(byte: u8) -> bool {
    matches!(byte, 0x81..=0xFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_pairs_are_characters() {
        for (encoding, text) in [
            (GBK, "全世界无产者，联合起来！关于红军作战的原则"),
            (SHIFT_JIS, "あのイーハトーヴォのすきとおった風、夏でも底に冷たさをもつ青いそら"),
            (EUC_KR, "새침하게 흐린 품이 눈이 올 듯하더니 눈은 아니 오고 얼다가 만 비가 추적추적"),
        ] {
            let (bytes, _, _) = encoding.encode(text);
            assert_eq!(guess(&bytes), Bytes::Pairs(encoding), "{text}");
        }
        assert_eq!(character(GBK, 0xC8, 0xAB), Some('全'));
        let (latin, _, _) = WINDOWS_1252.encode("à À â Â ä Ä ç Ç é É è È ê Ê ë Ë î Î ï Ï ô Ô ù Ù û Û ü Ü");
        assert_eq!(guess(&latin), Bytes::Latin);
        let (cyrillic, _, _) = encoding_rs::WINDOWS_1251.encode("Республика и её народы, их города и реки");
        assert_eq!(guess(&cyrillic), Bytes::Other);
    }
}
