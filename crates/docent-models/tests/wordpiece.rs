//! The tokenizer against the reference tokenizer's output, which `models/make_reference.py` stored.

use docent_models::wordpiece;
use serde::Deserialize;

const REFERENCE: &str = include_str!("data/wordpiece.jsonl");

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    starts: Vec<u32>,
}

fn cases() -> Vec<Case> {
    REFERENCE.lines().map(|line| serde_json::from_str(line).expect("the script writes JSON")).collect()
}

#[test]
fn cuts_every_text_like_the_reference() {
    let tokenizer = wordpiece::bundled();
    let mut differing = Vec::new();
    for case in cases() {
        let ids = tokenizer.ids(&case.text, usize::MAX);
        let starts = tokenizer.token_starts(&case.text);
        if ids[1..ids.len() - 1] != case.ids || starts != case.starts {
            differing.push(format!(
                "{:?}\n  ours {:?} {starts:?}\n  theirs {:?} {:?}",
                case.text, ids, case.ids, case.starts
            ));
        }
    }
    assert!(differing.is_empty(), "{} texts differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn tokens_begin_where_characters_begin() {
    for case in cases() {
        let starts = wordpiece::bundled().token_starts(&case.text);
        assert!(starts.is_sorted(), "{:?}: {starts:?}", case.text);
        assert!(starts.iter().all(|&start| case.text.is_char_boundary(start as usize)), "{:?}: {starts:?}", case.text);
    }
}

#[test]
fn cuts_off_at_the_limit_and_keeps_both_ends() {
    let tokenizer = wordpiece::bundled();
    let text = "the cat sat on the mat";
    let whole = tokenizer.ids(text, 256);
    let (first, last) = (whole[0], whole[7]);
    assert_eq!(whole.len(), 8);
    for limit in 3..8 {
        let ids = tokenizer.ids(text, limit);
        assert_eq!(ids.len(), limit);
        assert_eq!(ids[..limit - 1], whole[..limit - 1]);
        assert_eq!(ids[limit - 1], last);
    }
    for limit in 0..3 {
        assert_eq!(tokenizer.ids(text, limit), [first, last], "the ends are always there");
    }
}

#[test]
fn a_document_cannot_write_special_tokens() {
    let tokenizer = wordpiece::bundled();
    let special = tokenizer.ids("", 2);
    let ids = tokenizer.ids("[CLS] [SEP]", 256);
    assert!(ids[1..ids.len() - 1].iter().all(|id| !special.contains(id)), "{ids:?}");
    assert_eq!(tokenizer.token_starts("[CLS] [SEP]").len(), ids.len() - 2);
}

#[test]
fn a_vocabulary_without_the_special_tokens_is_refused() {
    let error = wordpiece::WordPiece::new("[UNK]\n[SEP]\nhello\n").unwrap_err();
    assert_eq!(error.to_string(), "the vocabulary has no [CLS]");
}
