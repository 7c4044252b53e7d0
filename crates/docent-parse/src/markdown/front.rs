//! Front matter: what the author says about a page before it begins. Only plain entries are understood, which is what
//! people write; whatever else stands there is settings of some program, and left out.

/// Entries that say something about the content, besides the title.
const TELLING: &[&str] =
    &["description", "summary", "subtitle", "tags", "keywords", "categories", "category", "author", "authors", "date"];

/// The title, and the telling entries in lines of their own.
pub(crate) fn read(block: &str) -> (Option<String>, String) {
    let (mut title, mut words) = (None, Vec::new());
    for (key, value) in entries(block) {
        match key.as_str() {
            _ if value.is_empty() => {}
            "title" => title = title.or(Some(value)),
            key if TELLING.contains(&key) => words.push(format!("{key}: {value}")),
            _ => {}
        }
    }
    (title, words.join("\n"))
}

/// Keys with their values on one line; the items of a list are joined by commas.
fn entries(block: &str) -> Vec<(String, String)> {
    let mut entries: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.lines() {
        let item = line.trim_start().strip_prefix("- ");
        if let (Some(item), Some((_, values))) = (item, entries.last_mut()) {
            values.push(plain(item));
            continue;
        }
        // A value goes on in indented lines.
        if let (true, Some((_, values))) = (line.starts_with([' ', '\t']), entries.last_mut()) {
            let so_far = values.pop().filter(|value| !value.is_empty());
            values.push(so_far.map_or_else(|| line.trim().to_owned(), |so_far| format!("{so_far} {}", line.trim())));
            continue;
        }
        let colon = line.split_once(':').filter(|(key, _)| is_key(key));
        let Some((key, value)) = colon.or_else(|| line.split_once('=').filter(|(key, _)| is_key(key.trim()))) else {
            continue;
        };
        let list = value.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let values = match list {
            Some(list) => list.split(',').map(plain).collect(),
            None => vec![plain(value)],
        };
        entries.push((key.trim().to_lowercase(), values));
    }
    let joined =
        |values: Vec<String>| values.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>().join(", ");
    entries.into_iter().map(|(key, values)| (key, joined(values))).collect()
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// A value without its quotation marks; nothing for the signs that a block follows.
fn plain(value: &str) -> String {
    let value = value.trim();
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value).trim();
    if matches!(value, "|" | ">" | ">-" | "|-") { String::new() } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood() {
        let table: &[(&str, Option<&str>, &str)] = &[
            ("title: \"Uniform: rules\"\ndate: 2024-03-01\n", Some("Uniform: rules"), "date: 2024-03-01"),
            ("tags: [tides, 'boats']\nlayout: post\n", None, "tags: tides, boats"),
            ("tags:\n  - tides\n  - boats\nauthor: Ann\n", None, "tags: tides, boats\nauthor: Ann"),
            ("title = \"Tides\"\nkeywords = [\"a\", \"b\"]\n", Some("Tides"), "keywords: a, b"),
            ("description: >\n  folded\n  text\nlayout: x\n", None, "description: folded text"),
        ];
        for (block, title, words) in table {
            assert_eq!(read(block), ((*title).map(str::to_owned), (*words).to_owned()), "{block}");
        }
    }
}
