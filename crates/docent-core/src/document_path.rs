//! What the path of an uploaded document may be.
//!
//! A path names a document; no file is ever opened under it. It is checked all the same, because people and other programs
//! read it: what looks like another place, or like another name, is refused.

use unicode_normalization::UnicodeNormalization;

/// Longest path, in bytes of UTF-8.
pub const PATH_BYTES_MAX: usize = 1_024;
/// Longest part of a path, in bytes of UTF-8: what file systems take.
pub const PART_BYTES_MAX: usize = 255;

/// The path made of these parts, in Unicode's composed form: so one name typed on two systems is one document.
///
/// # Errors
/// A sentence, without the path, that says what is wrong with it.
pub fn document_path<'a>(parts: impl IntoIterator<Item = &'a str>) -> Result<String, &'static str> {
    let parts = parts.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let path = parts.join("/");
    match path.len() {
        0 => Err("a document needs a path, such as handbook/leave.md"),
        length if length > PATH_BYTES_MAX => Err("the path has more than 1,024 bytes"),
        _ => Ok(path),
    }
}

fn part(text: &str) -> Result<String, &'static str> {
    let part: String = text.nfc().collect();
    match () {
        () if part.trim().is_empty() => Err("the path has an empty part"),
        () if part.trim() != part => Err("a part of the path begins or ends with white space"),
        () if part == "." || part == ".." => Err("the path has a part that is `.` or `..`"),
        () if part.contains(['/', '\\']) => Err("a part of the path contains a slash"),
        () if part.chars().any(is_unseen) => Err("the path has characters that cannot be seen"),
        () if part.len() > PART_BYTES_MAX => Err("a part of the path has more than 255 bytes"),
        () => Ok(part),
    }
}

/// Control characters, and those that change the direction in which others are read.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_what_is_wrong_with_them() {
        let long = "x".repeat(256);
        let deep = "a/".repeat(600);
        let rows: &[(&str, Result<&str, &str>)] = &[
            ("leave.md", Ok("leave.md")),
            ("people/Leave policy (2026).pdf", Ok("people/Leave policy (2026).pdf")),
            ("people/Resu\u{301}me\u{301}.md", Ok("people/Res\u{fa}m\u{e9}.md")),
            ("...", Ok("...")),
            (".hidden", Ok(".hidden")),
            ("100%.md", Ok("100%.md")),
            ("", Err("empty part")),
            ("/etc/passwd", Err("empty part")),
            ("people//leave.md", Err("empty part")),
            ("people/", Err("empty part")),
            ("people/ /leave.md", Err("empty part")),
            ("people/leave.md ", Err("white space")),
            ("..", Err("`.` or `..`")),
            ("people/../leave.md", Err("`.` or `..`")),
            ("./leave.md", Err("`.` or `..`")),
            ("..\\leave.md", Err("a slash")),
            ("leave\0.md", Err("cannot be seen")),
            ("leave\n.md", Err("cannot be seen")),
            ("leave\u{202e}fdp.md", Err("cannot be seen")),
            (&long, Err("more than 255 bytes")),
            (deep.trim_end_matches('/'), Err("more than 1,024 bytes")),
        ];
        for (path, expected) in rows {
            let found = document_path(path.split('/'));
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{path:?}: {found}"),
                _ => panic!("{path:?}: {found:?}"),
            }
        }
        assert_eq!(document_path(["a", "b/../c"]), Err("a part of the path contains a slash"));
        assert!(document_path([]).is_err());
    }
}
