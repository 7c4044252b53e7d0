//! What a PDF says a glyph means, turned into the letters that are stored.

use unicode_normalization::UnicodeNormalization;

/// What became of one character of a glyph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    /// Stored as it is.
    Plain(char),
    /// A ligature or presentation form: stored as the letters it stands for.
    Composed(char),
    /// White space of any width.
    Space,
    /// A hyphen that only shows where the word is broken.
    SoftHyphen,
    /// Invisible on purpose: joiners, direction marks.
    Nothing,
    /// No character at all: controls, private use, replacement characters.
    Unknown,
}

/// Classifies a character.
pub(crate) fn classify(c: char) -> Letter {
    match c {
        '!'..='~' => Letter::Plain(c),
        ' '
        | '\t'
        | '\n'
        | '\r'
        | '\u{A0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200A}'
        | '\u{202F}'
        | '\u{205F}'
        | '\u{3000}' => Letter::Space,
        '\u{AD}' => Letter::SoftHyphen,
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' => Letter::Nothing,
        // The private codes that Symbol and Wingdings use for bullets.
        '\u{F0A7}' | '\u{F0B7}' | '\u{F06E}' | '\u{F0D8}' | '\u{F076}' => Letter::Plain('\u{2022}'),
        '\u{E000}'..='\u{F8FF}' | '\u{FFFD}' | '\u{FFF0}'..='\u{FFF8}' => Letter::Unknown,
        '\u{FB00}'..='\u{FB4F}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{2F00}'..='\u{2FDF}' => {
            Letter::Composed(c)
        }
        c if c.is_control() => Letter::Unknown,
        c => Letter::Plain(c),
    }
}

/// The letters a ligature or presentation form stands for.
pub(crate) fn decompose(c: char) -> impl Iterator<Item = char> {
    std::iter::once(c).nfkc()
}

/// True for letters of scripts that are written from right to left.
pub(crate) fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
}

/// True for marks that sit on the letter before them.
pub(crate) fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// True for letters of scripts that put no spaces between words.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{30FF}' | '\u{31F0}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}
