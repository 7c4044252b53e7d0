//! Type 3 fonts without Unicode, as TeX's bitmap fonts and some scanners' fonts are: their codes are nearly always those
//! of ASCII and Latin-1, so they are read that way, and the page is only believed if it then looks like language.

/// What a glyph of such a font probably shows: ASCII, the upper half of Latin-1 (which TeX's T1 encoding shares), and the
/// ligatures, dashes and quotation marks where TeX's two encodings have them.
pub(crate) fn likely(code: u32) -> Option<&'static str> {
    const ASCII: &str =
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    const LATIN: &str = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ";
    const TEX: &[(u32, &str)] = &[
        (0x0B, "ff"),
        (0x0C, "fi"),
        (0x0D, "fl"),
        (0x0E, "ffi"),
        (0x0F, "ffl"),
        (0x10, "\u{201C}"),
        (0x11, "\u{201D}"),
        (0x15, "\u{2013}"),
        (0x16, "\u{2014}"),
        (0x1B, "ff"),
        (0x1C, "fi"),
        (0x1D, "fl"),
        (0x1E, "ffi"),
        (0x1F, "ffl"),
    ];
    let code = usize::try_from(code).ok()?;
    match code {
        0x20 => Some(" "),
        0x21..=0x7E => ASCII.get(code - 0x21..code - 0x20),
        // Two bytes each.
        0xC0..=0xFF => LATIN.get(2 * (code - 0xC0)..2 * (code - 0xBF)),
        _ => TEX.iter().find(|(tex, _)| *tex as usize == code).map(|(_, letters)| *letters),
    }
}

/// True unless the words are what arbitrary codes would give: hardly any letters, or letters without their vowels.
pub(crate) fn looks_like_language(text: &str) -> bool {
    let (mut shown, mut letters, mut vowels) = (0_usize, 0_usize, 0_usize);
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        shown += 1;
        letters += usize::from(c.is_alphabetic());
        vowels += usize::from("aeiouyAEIOUYàáâãäåæèéêëìíîïòóôõöøùúûü".contains(c));
    }
    let mostly_letters = letters * 2 >= shown || text.chars().filter(char::is_ascii_digit).count() * 2 >= shown;
    mostly_letters && vowels * 100 >= letters * 22 && vowels * 100 <= letters * 65
}

/// True for the bytes of a Chinese, Japanese or Korean encoding shown one by one as Latin letters: no language has more
/// letters beyond ASCII than within.
pub(crate) fn is_misread(text: &str) -> bool {
    let (mut shown, mut beyond) = (0_usize, 0_usize);
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        shown += 1;
        beyond += usize::from(matches!(c, '\u{A1}'..='\u{FF}'));
    }
    shown >= 10 && beyond * 10 >= shown * 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_the_letters_they_nearly_always_are() {
        let table = [
            (b'!'.into(), "!"),
            (b'P'.into(), "P"),
            (b'~'.into(), "~"),
            (0x20, " "),
            (0xE9, "é"),
            (0xC0, "À"),
            (0xFF, "ÿ"),
            (0x0C, "fi"),
        ];
        for (code, letters) in table {
            assert_eq!(likely(code), Some(letters), "{code}");
        }
        assert_eq!((likely(0x7F), likely(0x100), likely(1)), (None, None, None));
    }

    #[test]
    fn bytes_of_a_wider_encoding_are_noticed() {
        assert!(is_misread("È« ÊÀ ½ ç ÎÞ ²ú Õ ß £¬ Áª ºÏ Æ ð À´ A"));
        assert!(!is_misread("Où êtes-vous né ? À Évry, très près d'ici, l'été."));
        assert!(!is_misread("àÀâÂ"));
    }

    #[test]
    fn words_are_told_from_codes() {
        assert!(looks_like_language("Property Insurance, effective 1 January; Versicherung für Gebäude"));
        assert!(!looks_like_language("+HUDXVJHEHU *HPHLQGH 6FKXWWHUZDOG"));
        assert!(!looks_like_language("!\"#$%&'()*+,-./:;<=>?@ #$%& '()*"));
    }
}
