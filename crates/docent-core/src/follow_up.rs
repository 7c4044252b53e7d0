//! Questions that follow others: what "and for part-timers?" means after "How many days of leave do we have?".
//!
//! A question that cannot stand alone is put behind the one it follows, so that a search finds what both are about. The rule
//! is the same each time, needs no model and knows English only; a question it takes for complete stays as it is. It errs
//! on the side of the earlier question: words too many cost a search little, words too few cost it the topic.

use crate::words::{content_words, words};

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
