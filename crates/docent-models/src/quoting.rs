//! Answers without a language model: the sentences of the passages that answer best, word for word.
//!
//! Sentences are ranked by four signals: cosine similarity to the question (the local embedder), the share of the
//! question's content words in the sentence, the same share in its passage, and whether the sentence holds the kind of
//! thing that was asked for (a number for "how many", a name for "who"). Only the sentences that the words make likely
//! are embedded, so an answer costs little. Names, numbers and codes of the question must stand in the passage, and when even
//! the best sentence scores low there is no answer: better none than a sentence from beside the point.
//!
//! The weights and the threshold were chosen on a sample of SQuAD 2.0 (Rajpurkar et al. 2018) and on the handbook's
//! questions; `docs/decisions/0005-quoting.md` has the figures.

use docent_core::query::{Quote, Statement, Usage};
use docent_core::sentences::sentences;
use docent_core::words::content_words;
use docent_engine::ports::{Embedder, GenerateEvent, GenerateRequest, Generator, Passage};
use docent_engine::{Error, Result};
use frostem::{Algorithm, Stemmer};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

/// Sentences that are embedded: what costs time.
const EMBEDDED_MAX: usize = 12;
/// Sentences of an answer.
const STATEMENTS_MAX: usize = 2;
/// A second sentence must be nearly as good as the first.
const SECOND_SHARE: f32 = 0.93;
/// Below this the best sentence is beside the point.
const THRESHOLD: f32 = 0.95;
/// Longest sentence that is shown, in characters; what is longer is no sentence.
const SENTENCE_CHARS_MAX: usize = 700;

const SENTENCE_WORDS_WEIGHT: f32 = 0.5;
const PASSAGE_WORDS_WEIGHT: f32 = 0.3;
const KIND_WEIGHT: f32 = 0.1;
/// Keeps earlier passages ahead among equals, before sentences are embedded.
const RANK_WEIGHT: f32 = 0.02;

/// The generator that quotes instead of writing.
pub struct QuotingGenerator {
    embedder: Arc<dyn Embedder>,
}

impl QuotingGenerator {
    /// Ranks with this embedder, which should be the one that made the index.
    pub fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self { embedder }
    }
}

impl Generator for QuotingGenerator {
    fn name(&self) -> &'static str {
        "quoting"
    }

    fn generate(&self, request: GenerateRequest) -> BoxStream<'static, Result<GenerateEvent>> {
        let embedder = Arc::clone(&self.embedder);
        let answer = async move {
            match quote(&*embedder, &request).await {
                Ok((statements, embedding_tokens)) => {
                    let usage = Usage { embedding_tokens, ..Usage::default() };
                    let done = GenerateEvent::Done { usage, missing: None };
                    statements.into_iter().map(GenerateEvent::Statement).chain([done]).map(Ok).collect()
                }
                Err(error) => vec![Err(error)],
            }
        };
        futures::stream::once(answer).flat_map(futures::stream::iter).boxed()
    }
}

/// The statements, and the tokens that were charged for finding them.
async fn quote(embedder: &dyn Embedder, request: &GenerateRequest) -> Result<(Vec<Statement>, u64)> {
    let question = Question::new(&request.question);
    let mut candidates = candidates(&question, &request.passages);
    candidates.sort_by(|a, b| descending(a.words_score, b.words_score));
    candidates.truncate(EMBEDDED_MAX);
    let mut texts = vec![request.question.clone()];
    texts.extend(candidates.iter().map(|candidate| candidate.text.clone()));
    let embedded = embedder.embed_counted(&texts).await?;
    let [asked, vectors @ ..] = embedded.vectors.as_slice() else {
        return Err(Error::internal("the embedder returned no vector for the question"));
    };
    for (candidate, vector) in candidates.iter_mut().zip(vectors) {
        candidate.score = cosine(asked, vector) + candidate.words_score;
    }
    candidates.sort_by(|a, b| descending(a.score, b.score));
    Ok((chosen(&candidates), embedded.tokens))
}

/// The best sentence, and a second one if it is nearly as good and says something else; none below the threshold.
fn chosen(candidates: &[Candidate]) -> Vec<Statement> {
    let Some(best) = candidates.first().filter(|best| best.score >= THRESHOLD) else { return Vec::new() };
    let also = candidates[1..]
        .iter()
        .find(|other| other.score >= best.score * SECOND_SHARE && !overlaps(&other.text, &best.text));
    [Some(best), also].into_iter().flatten().take(STATEMENTS_MAX).map(Candidate::statement).collect()
}

/// True if one says mostly what the other says, as neighbouring versions of a document do.
fn overlaps(a: &str, b: &str) -> bool {
    let (a, b): (HashSet<&str>, HashSet<&str>) = (a.split_whitespace().collect(), b.split_whitespace().collect());
    let smaller = a.len().min(b.len()).max(1);
    a.intersection(&b).count() * 10 >= smaller * 8
}

struct Candidate {
    text: String,
    passage: usize,
    words_score: f32,
    score: f32,
}

impl Candidate {
    fn statement(&self) -> Statement {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = text.strip_prefix("- ").unwrap_or(&text).to_owned();
        Statement { quotes: vec![Quote { passage: self.passage, text: text.clone() }], text }
    }
}

fn candidates(question: &Question, passages: &[Passage]) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut seen = HashSet::new();
    for (rank, passage) in passages.iter().enumerate() {
        let chunk = &passage.hit.chunk;
        let above = format!("{} {}", chunk.title, chunk.heading_path.join(" "));
        let whole = stems(&format!("{above} {}", chunk.text));
        if !question.names.is_subset(&whole) {
            continue;
        }
        let whole = question.share_in(&whole);
        for range in sentences(&chunk.text) {
            let text = &chunk.text[range];
            let is_heading = chunk.heading_path.iter().any(|heading| heading == text) || chunk.title == text;
            if is_heading || text.ends_with('?') || text.chars().count() > SENTENCE_CHARS_MAX || !seen.insert(text) {
                continue;
            }
            let kind = if question.kind.is_in(text) { KIND_WEIGHT } else { 0.0 };
            let words_score =
                SENTENCE_WORDS_WEIGHT * question.share_in(&stems(text)) + PASSAGE_WORDS_WEIGHT * whole + kind
                    - RANK_WEIGHT * rank as f32;
            out.push(Candidate { text: text.to_owned(), passage: passage.number, words_score, score: 0.0 });
        }
    }
    out
}

fn stems(text: &str) -> HashSet<String> {
    let stemmer = Stemmer::new(Algorithm::English);
    content_words(text).map(|word| stemmer.stem(&word).into_owned()).collect()
}

/// What is looked for.
struct Question {
    /// Content words, stemmed, with their weights.
    weights: Vec<(String, f32)>,
    /// Those of them that nothing else can stand for: parts of names, numbers and codes.
    names: HashSet<String>,
    kind: Kind,
}

impl Question {
    fn new(text: &str) -> Self {
        let names = stems(&names(text).join(" "));
        // Long words say more than short ones, and names more than either; without the collection's statistics this is the
        // best guess.
        let weight = |stem: String| {
            let length = (1.0 + stem.chars().count() as f32).ln();
            let weight = if names.contains(&stem) { 2.0 * length } else { length };
            (stem, weight)
        };
        let mut weights: Vec<(String, f32)> = stems(text).into_iter().map(weight).collect();
        // In a fixed order, as sums of floating-point numbers depend on it.
        weights.sort_by(|a, b| a.0.cmp(&b.0));
        Self { weights, names, kind: Kind::of(text) }
    }

    /// The weighted share of the question's words that are among these.
    fn share_in(&self, words: &HashSet<String>) -> f32 {
        let total: f32 = self.weights.iter().map(|(_, weight)| weight).sum();
        let there: f32 = self.weights.iter().filter(|(stem, _)| words.contains(stem)).map(|(_, weight)| weight).sum();
        if total > 0.0 { there / total } else { 0.0 }
    }
}

/// Words with a digit, and words with a capital that do not begin the question.
fn names(question: &str) -> Vec<&str> {
    let is_shouted = !question.contains(char::is_lowercase);
    let is_name = |(place, word): (usize, &&str)| {
        word.contains(char::is_numeric) || (place > 0 && !is_shouted && word.starts_with(char::is_uppercase))
    };
    let words: Vec<&str> = question.split_whitespace().map(|word| word.trim_end_matches("'s")).collect();
    words.iter().enumerate().filter(|(place, word)| is_name((*place, word))).map(|(_, word)| *word).collect()
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Name,
    Anything,
}

impl Kind {
    fn of(question: &str) -> Self {
        const NUMBER: [&str; 14] = [
            "how many",
            "how much",
            "how long",
            "how old",
            "how far",
            "how often",
            "how large",
            "how big",
            "how high",
            "how fast",
            "what year",
            "which year",
            "what date",
            "what percentage",
        ];
        let question = question.to_lowercase();
        let begins = |words: &[&str]| words.iter().any(|word| question.starts_with(word));
        match () {
            () if begins(&["when "]) || NUMBER.iter().any(|words| question.contains(words)) => Self::Number,
            () if begins(&["who ", "whose ", "whom ", "where "]) => Self::Name,
            () => Self::Anything,
        }
    }

    fn is_in(self, sentence: &str) -> bool {
        const NUMBER_WORDS: [&str; 17] = [
            "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
            "hundred", "thousand", "million", "first", "second",
        ];
        let mut words = sentence.split_whitespace();
        match self {
            Self::Anything => true,
            Self::Number => words
                .any(|word| word.contains(char::is_numeric) || NUMBER_WORDS.contains(&word.to_lowercase().as_str())),
            // Every sentence begins with a capital; a name has one further on.
            Self::Name => words.skip(1).any(|word| word.starts_with(char::is_uppercase)),
        }
    }
}

/// Both are of unit length.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn descending(a: f32, b: f32) -> Ordering {
    b.total_cmp(&a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_question() {
        let rows: [(&str, &[&str]); 4] = [
            ("What does error E-417 mean?", &["E-417"]),
            ("Who runs the Lyon office in 2026?", &["Lyon", "2026?"]),
            ("Where is it?", &[]),
            ("WHERE IS THE OFFICE?", &[]),
        ];
        for (question, expect) in rows {
            assert_eq!(names(question), expect, "{question}");
        }
    }

    #[test]
    fn kinds_of_questions() {
        let rows = [
            ("How many days of leave do we have?", Kind::Number, "We have 25 days.", true),
            ("How many days of leave do we have?", Kind::Number, "Leave is granted.", false),
            ("When does it begin?", Kind::Number, "It begins on the first of May.", true),
            ("Who approves it?", Kind::Name, "It is approved by Ada Lovelace.", true),
            ("Who approves it?", Kind::Name, "It is approved by nobody.", false),
            ("Is it allowed?", Kind::Anything, "It is.", true),
        ];
        for (question, kind, sentence, holds) in rows {
            assert_eq!((Kind::of(question), kind.is_in(sentence)), (kind, holds), "{question} {sentence}");
        }
    }

    #[test]
    fn two_versions_of_a_sentence_are_one_answer() {
        assert!(overlaps("You may carry over six days", "You may carry over five days"));
        assert!(!overlaps("You may carry over six days", "Sick leave is paid in full"));
    }
}
