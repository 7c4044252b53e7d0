//! Which of the ranked chunks get one of the few places.
//!
//! A ranking judges each chunk alone. It cannot see that a chunk only says what a better one has said, as where a document
//! repeats a passage. And a list of references has the words of a question in twenty titles and answers it with none, so it
//! counts a little less: whoever looks for a work finds it, and text that is about as near comes first. What was measured is in
//! `docs/decisions/0021-passages.md`.

use crate::Hit;

/// What a list of references keeps of its score.
const REFERENCES_SHARE: f32 = 0.9;
/// What stands in a reference and hardly anywhere else, beside a title in quotation marks.
const REFERENCE_MARKS: [&str; 7] = ["doi", "ISBN", "ISSN", "PMID", "arXiv", "://", "pp. "];

/// The `limit` hits that get a place, best first, of hits that are in the order of their scores.
pub fn select(hits: Vec<Hit>, limit: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> = hits.into_iter().map(weighed).collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut selected: Vec<Hit> = Vec::with_capacity(limit.min(hits.len()));
    for hit in hits {
        if selected.len() == limit {
            break;
        }
        if !selected.iter().any(|better| repeats(&hit, better)) {
            selected.push(hit);
        }
    }
    selected
}

fn weighed(hit: Hit) -> Hit {
    // A cosine can be below zero, where a share of it would be more.
    let less = hit.score > 0.0 && is_reference_list(&hit.chunk.text);
    Hit { score: if less { hit.score * REFERENCES_SHARE } else { hit.score }, ..hit }
}

/// True if a hit's words all stand in a better one of the same document. The same words in another document are further
/// evidence.
fn repeats(hit: &Hit, better: &Hit) -> bool {
    better.chunk.document_id == hit.chunk.document_id && better.chunk.text.contains(&hit.chunk.text)
}

/// True if most of a text is list items that name works.
fn is_reference_list(text: &str) -> bool {
    let references: usize = text.lines().filter(|line| is_reference(line)).map(str::len).sum();
    references * 2 > text.len()
}

/// `- Smith, J. (2010). "A title". A journal. 47 (2): 269–298.`
fn is_reference(line: &str) -> bool {
    let quoted = || line.contains(['"', '\u{201c}', '\u{201e}', '\u{ab}']);
    is_item(line.trim_start()) && has_year(line) && (quoted() || REFERENCE_MARKS.iter().any(|mark| line.contains(mark)))
}

/// Begins with a bullet, `7.`, `7)` or `[7]`.
fn is_item(line: &str) -> bool {
    let bare = line.trim_start_matches(['[', '-', '*', '\u{2022}', '^']);
    let unnumbered = bare.trim_start_matches(|c: char| c.is_ascii_digit());
    let words = unnumbered.trim_start_matches(['.', ')', ']']);
    let numbered = unnumbered.len() < bare.len() && words.len() < unnumbered.len();
    (numbered || bare.len() < line.len()) && words.starts_with(' ')
}

fn has_year(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_digit()).any(|number| number.len() == 4 && ("1500".."2100").contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chunk;

    fn hit(document: &str, text: &str, score: f32) -> Hit {
        let chunk = Chunk {
            id: format!("{document}#0"),
            document_id: document.into(),
            filename: String::new(),
            title: String::new(),
            ordinal: 0,
            page_index: 0,
            page: None,
            heading_path: Vec::new(),
            text: text.into(),
            start_char: 0,
            end_char: 0,
        };
        Hit { chunk, score, bm25: None, dense: None }
    }

    fn selected(hits: &[Hit], limit: usize) -> Vec<String> {
        select(hits.to_vec(), limit).into_iter().map(|hit| hit.chunk.document_id + ": " + &hit.chunk.text).collect()
    }

    #[test]
    fn what_a_better_hit_says_takes_no_second_place() {
        let hits = [
            hit("a", "It is 25 days. Ask Petra.", 0.9),
            hit("a", "It is 25 days. Ask Petra.", 0.9),
            hit("a", "Ask Petra.", 0.8),
            hit("b", "Ask Petra.", 0.7),
            hit("a", "Ask Petra. Or Paul.", 0.6),
        ];
        let expected = ["a: It is 25 days. Ask Petra.", "b: Ask Petra.", "a: Ask Petra. Or Paul."];
        assert_eq!(selected(&hits, 5), expected);
        assert_eq!(selected(&hits, 2), expected[..2]);
        assert_eq!(selected(&hits, 0), [""; 0]);
    }

    #[test]
    fn references_come_behind_text_that_is_as_near() {
        let references =
            "- Moe, A. (2010). \"Leave in the Alps\". Leisure. 47 (2): 26.\n- Roe, B. Days off, 2011. ISBN 0-87187.";
        let text = "Everybody has 25 days. ".repeat(12);
        let hits = [hit("a", references, 0.8), hit("b", &text, 0.75), hit("c", "Far away.", 0.5)];
        let order: Vec<String> = select(hits.to_vec(), 3).into_iter().map(|hit| hit.chunk.document_id).collect();
        assert_eq!(order, ["b", "a", "c"]);
    }

    #[test]
    fn references_are_told_from_other_lists() {
        let table = [
            ("- Moe, A. (2010). \"Leave in the Alps\". Leisure.", true),
            ("[12] Roe, B. Days off. 2011. doi:10.1353/dem.0.0100", true),
            ("  3. Coe, C. \u{201c}Sick\u{201d}, 1999, pp. 4\u{2013}7", true),
            ("- Jump up ^ Doe, D. 2018. https://example.org/a", true),
            ("- From 2024 on everybody has 25 days.", false),
            ("2024 was the year of \"Leave in the Alps\".", false),
            ("In 2024 she wrote \"Leave in the Alps\".", false),
            ("- \"Leave\" is what we call 10000 days.", false),
            ("Date | \"Place\" | 2010", false),
            ("", false),
        ];
        for (line, expected) in table {
            assert_eq!(is_reference_list(line), expected, "{line}");
        }
    }
}
