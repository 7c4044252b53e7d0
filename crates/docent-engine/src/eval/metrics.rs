//! nDCG@10, Recall@10, Recall@100 and MRR@10, as `trec_eval` defines them.

use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// Labels: for each question, the documents that were judged and how relevant they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qrels(HashMap<String, HashMap<String, i64>>);

impl Qrels {
    /// Reads BEIR's tab-separated form: a header, then `query-id`, `corpus-id`, `score`.
    ///
    /// # Errors
    /// `Invalid`, naming the line.
    pub fn parse(text: &str) -> Result<Self> {
        let mut qrels = Self::default();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fields: Vec<&str> = line.trim_end().split('\t').collect();
            let score = fields.get(2).and_then(|score| score.trim().parse::<f64>().ok());
            match (fields.as_slice(), score) {
                #[expect(clippy::cast_possible_truncation, reason = "labels are small whole numbers")]
                ([query, document, _, ..], Some(score)) => {
                    let judged = qrels.0.entry((*query).to_owned()).or_default();
                    judged.insert((*document).to_owned(), score as i64);
                }
                _ if number == 0 => {}
                _ => {
                    return Err(Error::invalid(format!("qrels.tsv:{}: not a judgement", number + 1)));
                }
            }
        }
        Ok(qrels)
    }

    /// True if at least one document is relevant to the question.
    pub fn has_relevant(&self, query: &str) -> bool {
        self.0.get(query).is_some_and(|judged| judged.values().any(|score| *score > 0))
    }
}

/// What was retrieved: for each question, documents with scores, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run(BTreeMap<String, Vec<(String, f32)>>);

impl Run {
    /// Adds a question's documents, keeping the best `depth`.
    pub fn insert(&mut self, query: String, scores: impl IntoIterator<Item = (String, f32)>, depth: usize) {
        let mut ranked: Vec<_> = scores.into_iter().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
        ranked.truncate(depth);
        self.0.insert(query, ranked);
    }

    /// The run in TREC's format: question, `Q0`, document, rank, score, tag.
    pub fn to_trec(&self, tag: &str) -> String {
        let mut out = String::new();
        for (query, ranked) in &self.0 {
            for (rank, (document, score)) in ranked.iter().enumerate() {
                // Writing to a string cannot fail.
                let _ = writeln!(out, "{query} Q0 {document} {} {score} {tag}", rank + 1);
            }
        }
        out
    }
}

/// Means over all questions with at least one relevant document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Questions counted.
    pub queries: usize,
    /// Normalised discounted cumulative gain at 10.
    pub ndcg_at_10: f64,
    /// Share of the relevant documents among the first 10.
    pub recall_at_10: f64,
    /// Share of the relevant documents among the first 100.
    pub recall_at_100: f64,
    /// Mean reciprocal rank of the first relevant document, 0 behind rank 10.
    pub mrr_at_10: f64,
}

/// Scores a run. A question that is missing from the run counts as zero.
pub fn measure(run: &Run, qrels: &Qrels) -> Metrics {
    let mut total = Metrics::default();
    let relevant = qrels.0.iter().filter(|(query, _)| qrels.has_relevant(query));
    for (query, judged) in relevant {
        let one = run.0.get(query).map(|ranked| measure_query(ranked, judged)).unwrap_or_default();
        total.queries += 1;
        total.ndcg_at_10 += one.ndcg_at_10;
        total.recall_at_10 += one.recall_at_10;
        total.recall_at_100 += one.recall_at_100;
        total.mrr_at_10 += one.mrr_at_10;
    }
    let count = total.queries.max(1) as f64;
    for value in [&mut total.ndcg_at_10, &mut total.recall_at_10, &mut total.recall_at_100, &mut total.mrr_at_10] {
        *value /= count;
    }
    total
}

fn measure_query(ranked: &[(String, f32)], judged: &HashMap<String, i64>) -> Metrics {
    let gain = |document: &String| judged.get(document).copied().unwrap_or(0).max(0) as f64;
    let gains: Vec<f64> = ranked.iter().map(|(document, _)| gain(document)).collect();
    let mut ideal: Vec<f64> = judged.values().filter(|score| **score > 0).map(|score| *score as f64).collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let found = |depth: usize| gains.iter().take(depth).filter(|gain| **gain > 0.0).count() as f64;
    let first = gains.iter().take(10).position(|gain| *gain > 0.0);
    Metrics {
        queries: 1,
        ndcg_at_10: dcg(&gains) / dcg(&ideal),
        recall_at_10: found(10) / ideal.len() as f64,
        recall_at_100: found(100) / ideal.len() as f64,
        mrr_at_10: first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
    }
}

fn dcg(gains: &[f64]) -> f64 {
    gains.iter().take(10).enumerate().map(|(rank, gain)| gain / ((rank + 2) as f64).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(documents: &[(&str, f32)]) -> Run {
        let mut run = Run::default();
        run.insert("q".to_owned(), documents.iter().map(|(d, s)| ((*d).to_owned(), *s)), 100);
        run
    }

    #[test]
    fn worked_by_hand() {
        let qrels = Qrels::parse("query-id\tcorpus-id\tscore\nq\ta\t2\nq\tb\t1\nq\tc\t0\nr\tx\t0\n").expect("valid");
        let metrics = measure(&run(&[("c", 3.0), ("a", 2.0), ("z", 1.0)]), &qrels);
        let ideal = 2.0 + 1.0 / 3f64.log2();
        assert_eq!(metrics.queries, 1, "r has no relevant document");
        assert!((metrics.ndcg_at_10 - (2.0 / 3f64.log2()) / ideal).abs() < 1e-12);
        assert_eq!((metrics.recall_at_10, metrics.mrr_at_10), (0.5, 0.5));
    }

    #[test]
    fn ties_go_to_the_larger_id() {
        let qrels = Qrels::parse("q\ta\t1\n").expect("valid");
        assert_eq!(measure(&run(&[("a", 1.0), ("b", 1.0)]), &qrels).mrr_at_10, 0.5);
    }

    #[test]
    fn a_missing_question_counts_as_zero() {
        let qrels = Qrels::parse("q\ta\t1\nr\ta\t1\n").expect("valid");
        assert_eq!(measure(&run(&[("a", 1.0)]), &qrels).recall_at_10, 0.5);
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = Qrels::parse("query-id\tcorpus-id\tscore\nq\ta\n").expect_err("two fields");
        assert_eq!(error.to_string(), "qrels.tsv:2: not a judgement");
    }
}
