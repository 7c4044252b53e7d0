//! Questions that follow others: what "and for part-timers?" means after "How many days of leave do we have?".
//!
//! A question that cannot stand alone is put behind the one it follows, so that a search finds what both are about. The rule
//! is the same each time, needs no model and knows English only; a question it takes for complete stays as it is. It errs
//! on the side of the earlier question: words too many cost a search little, words too few cost it the topic.
//!
//! A model that is configured rewrites the question instead, in any language; the rule stands in for it when it fails.

use crate::words::{content_words, words};
use serde::{Deserialize, Serialize};

/// Words that point at something said before.
const POINTERS: [&str; 17] = [
    "it", "its", "itself", "they", "them", "their", "theirs", "those", "these", "he", "she", "him", "her", "his",
    "then", "one", "ones",
];
/// Words that a continuation begins with.
const OPENERS: [&str; 5] = ["and", "or", "but", "also", "otherwise"];
/// With fewer words of its own a question has no topic.
const TOPIC_WORDS_MIN: usize = 2;
/// Longest result, in characters: as long as a question may be.
const CHARS_MAX: usize = 2_000;

/// Who saw to it that a question that follows others can be understood alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The model rewrote it.
    Model,
    /// The rule put it behind what it follows, or found that it stands alone.
    Rule,
}

/// The question that a model's reply to [`crate::prompt::rewrite_prompt`] is; none if it cannot be one.
pub fn rewritten(reply: &str) -> Option<String> {
    let mut lines = reply.lines().map(str::trim).filter(|line| !line.is_empty());
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let quotes = [('"', '"'), ('\u{201c}', '\u{201d}'), ('\u{ab}', '\u{bb}')];
    let bare = quotes.iter().find_map(|(open, close)| line.strip_prefix(*open)?.strip_suffix(*close));
    let question = bare.unwrap_or(line).trim();
    (!question.is_empty() && question.chars().count() <= CHARS_MAX).then(|| question.to_owned())
}

/// The question with what it needs of those before it, oldest first, to be understood alone.
pub fn standalone(earlier: &[String], question: &str) -> String {
    let question = question.trim();
    let topic = earlier.iter().fold(String::new(), |topic, asked| joined(&topic, asked.trim()));
    joined(&topic, question)
}

fn joined(topic: &str, question: &str) -> String {
    let fits = topic.chars().count() + question.chars().count() < CHARS_MAX;
    if topic.is_empty() || !fits || !needs_topic(question) {
        question.to_owned()
    } else {
        format!("{topic} {question}")
    }
}

fn needs_topic(question: &str) -> bool {
    let all: Vec<String> = words(question).collect();
    let points_back = all.iter().any(|word| POINTERS.contains(&word.as_str()));
    let continues = all.first().is_some_and(|word| OPENERS.contains(&word.as_str()));
    // "What is that?" points back, "the form that I need" does not.
    let ends_pointing = all.last().is_some_and(|word| ["that", "this", "there"].contains(&word.as_str()));
    points_back || continues || ends_pointing || content_words(question).count() < TOPIC_WORDS_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_alone_is_put_behind_its_topic() {
        const LEAVE: &str = "How many days of annual leave do we have?";
        let rows = [
            ("And for part-timers?", true),
            ("Who approves it?", true),
            ("Why?", true),
            ("How do I apply for that?", true),
            ("What about Lyon?", true),
            ("When must they be used?", true),
            ("What does error E-417 mean?", false),
            ("For how many weeks is sick leave paid in full?", false),
            ("Where is the form that Finance needs?", false),
        ];
        for (question, follows) in rows {
            let expect = if follows { format!("{LEAVE} {question}") } else { question.to_owned() };
            assert_eq!(standalone(&[LEAVE.to_owned()], question), expect, "{question}");
        }
    }

    #[test]
    fn what_a_model_may_reply() {
        let long = "w".repeat(CHARS_MAX + 1);
        for (reply, question) in [
            ("How many days of leave do part-timers have?\n", Some("How many days of leave do part-timers have?")),
            ("  \"Wer genehmigt den Urlaub?\" ", Some("Wer genehmigt den Urlaub?")),
            ("\u{201c}Why?\u{201d}", Some("Why?")),
            ("Who wrote \"Emma\"?", Some("Who wrote \"Emma\"?")),
            ("Sure! Here it is:\n\nHow many days?", None),
            ("", None),
            ("\"\"", None),
            (long.as_str(), None),
        ] {
            assert_eq!(rewritten(reply).as_deref(), question, "{reply}");
        }
    }

    #[test]
    fn a_chain_keeps_its_topic_until_there_is_another() {
        let asked = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert_eq!(standalone(&[], " Why? "), "Why?");
        let chain = asked(&["What is the hotel limit in Norway?", "And in Sweden?"]);
        assert_eq!(standalone(&chain, "And there?"), "What is the hotel limit in Norway? And in Sweden? And there?");
        let changed = asked(&["What is the hotel limit in Norway?", "How long does probation last?"]);
        assert_eq!(standalone(&changed, "Can it be extended?"), "How long does probation last? Can it be extended?");
    }

    #[test]
    fn a_topic_that_is_too_long_is_left_out() {
        let long = "word ".repeat(398);
        assert_eq!(standalone(std::slice::from_ref(&long), "And why?"), format!("{} And why?", long.trim()));
        assert_eq!(standalone(&["word ".repeat(400)], "And why?"), "And why?");
    }
}
