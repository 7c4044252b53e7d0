//! A PDF's title: the one it states, else its largest line.

use super::line::Line;

/// Characters a title may have.
const LONGEST: usize = 200;

/// The title in the information dictionary, unless a program left its own words there.
pub(crate) fn stated(bytes: &[u8]) -> Option<String> {
    let text = super::device::text_string(bytes);
    let title = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(['\0', '\u{FFFD}'], "");
    let title = title.strip_prefix("Microsoft Word - ").unwrap_or(&title).trim();
    let lower = title.to_lowercase();
    let extensions = [
        ".doc", ".docx", ".pdf", ".dvi", ".tex", ".indd", ".qxd", ".ppt", ".pptx", ".xls", ".xlsx", ".htm", ".html",
        ".txt", ".ps", ".rtf",
    ];
    let is_filename = extensions.iter().any(|extension| lower.ends_with(extension))
        || lower.contains(":\\")
        || lower.starts_with("file:");
    let is_placeholder = lower.starts_with("untitled")
        || lower.starts_with("microsoft powerpoint")
        || matches!(lower.as_str(), "title" | "document" | "slide 1" | "powerpoint presentation");
    is_plausible(title).then(|| title.to_owned()).filter(|_| !is_filename && !is_placeholder)
}

/// The first page's largest type, if it is clearly larger than most of the page; consecutive lines of it belong together.
pub(crate) fn largest(lines: &[Line]) -> Option<String> {
    // What stands in another direction than the page's text is a stamp in the margin, not a title.
    let direction = lines.iter().max_by_key(|line| line.text.len())?.direction;
    let lines: Vec<&Line> = lines.iter().filter(|line| line.direction.dot(direction) > 0.98).collect();
    let mut sizes: Vec<f64> =
        lines.iter().flat_map(|line| std::iter::repeat_n(line.size, line.text.chars().count().min(200))).collect();
    sizes.sort_by(f64::total_cmp);
    let usual = *sizes.get(sizes.len() / 2)?;
    let letters = |line: &Line| line.text.chars().filter(|c| c.is_alphabetic()).count();
    let size = lines.iter().filter(|line| letters(line) >= 4).map(|line| line.size).fold(0.0, f64::max);
    if size < 1.15 * usual {
        return None;
    }
    let mut words = String::new();
    for line in lines
        .iter()
        .skip_while(|line| line.size < 0.97 * size || letters(line) < 4)
        .take_while(|line| line.size >= 0.9 * size)
    {
        words.push_str(if words.is_empty() { "" } else { " " });
        words.push_str(&line.text);
    }
    let title = words.split_whitespace().collect::<Vec<_>>().join(" ");
    // A mark that points to a footnote is not part of it.
    let title = title.trim_end_matches(['*', '\u{2217}', '\u{2020}', '\u{2021}', ' ']).to_owned();
    is_plausible(&title).then_some(title)
}

fn is_plausible(title: &str) -> bool {
    let characters = title.chars().count();
    let letters = title.chars().filter(|c| c.is_alphabetic()).count();
    (3..=LONGEST).contains(&characters) && letters * 2 >= characters
}
