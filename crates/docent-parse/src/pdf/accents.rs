//! Accents that are drawn as glyphs of their own, as TeX does: a diaeresis and then `u` in the same place is `ü`.

use unicode_normalization::char::compose;

/// The mark that an accent standing alone becomes over (or under) a letter.
fn combining(accent: char) -> Option<char> {
    Some(match accent {
        '`' | '\u{2CB}' => '\u{300}',
        '\u{B4}' | '\u{2CA}' => '\u{301}',
        '^' | '\u{2C6}' => '\u{302}',
        '~' | '\u{2DC}' => '\u{303}',
        '\u{AF}' | '\u{2C9}' => '\u{304}',
        '\u{2D8}' => '\u{306}',
        '\u{2D9}' => '\u{307}',
        '\u{A8}' => '\u{308}',
        '\u{2DA}' => '\u{30A}',
        '\u{2DD}' => '\u{30B}',
        '\u{2C7}' => '\u{30C}',
        '\u{B8}' => '\u{327}',
        '\u{2DB}' => '\u{328}',
        _ => return None,
    })
}

/// The one letter that two glyphs in the same place mean, whichever was drawn first.
pub(crate) fn composed(first: &str, second: &str) -> Option<char> {
    let (first, second) = (only(first)?, only(second)?);
    let (letter, mark) = match (combining(first), combining(second)) {
        (Some(mark), None) => (second, mark),
        (None, Some(mark)) => (first, mark),
        _ => return None,
    };
    // Under an accent, TeX sets the letters without their dots.
    let dotted = match letter {
        '\u{131}' => 'i',
        '\u{237}' => 'j',
        other => other,
    };
    compose(dotted, mark)
}

fn only(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accent_and_a_letter_are_one_letter() {
        let table = [
            ("\u{A8}", "u", Some('ü')),
            ("c", "\u{B8}", Some('ç')),
            ("\u{B4}", "\u{131}", Some('í')),
            ("\u{2D8}", "g", Some('ğ')),
            ("\u{A8}", "x1", None),
            ("a", "b", None),
            ("\u{A8}", "\u{B4}", None),
            ("~", "5", None),
        ];
        for (first, second, expected) in table {
            assert_eq!(composed(first, second), expected, "{first} {second}");
        }
    }
}
