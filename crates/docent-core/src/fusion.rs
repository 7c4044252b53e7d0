//! Merging the ranking by words with the ranking by vectors.
//!
//! [`convex`] weighs both scores of each candidate; it is what the embedded index uses, because it can compute the
//! score that a ranking did not list. [`reciprocal_rank`] needs nothing but the order; it is for engines that do not
//! tell scores. What was measured is in `docs/decisions/0003-fusion.md`.

use std::collections::HashMap;
use std::hash::Hash;

/// Share of the words' score in the fused one.
pub const BM25_SHARE: f32 = 0.25;

/// Smoothing of [`reciprocal_rank`], as published.
const RANK_OFFSET: f32 = 60.0;

/// Something that at least one ranking found, with both its scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate<T> {
    /// What was found.
    pub item: T,
    /// BM25 score; 0 when no word matches.
    pub bm25: f32,
    /// Cosine similarity, from -1 to 1.
    pub dense: f32,
}

/// Ranks candidates by a weighted sum of both scores, each brought to 0..1 between the least score it can have in theory
/// (0 for BM25, -1 for a cosine) and the best among the candidates. Best first; equal ones keep their order.
///
/// Source: Bruch, Gai, Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023 (TM2C2).
pub fn convex<T>(candidates: Vec<Candidate<T>>) -> Vec<(Candidate<T>, f32)> {
    let most = |score: fn(&Candidate<T>) -> f32| candidates.iter().map(score).fold(0.0, f32::max);
    let (bm25, dense) = (most(|candidate| candidate.bm25), most(|candidate| candidate.dense + 1.0));
    let share = |score: f32, most: f32| if most > 0.0 { score / most } else { 0.0 };
    let mut fused: Vec<_> = candidates
        .into_iter()
        .map(|candidate| {
            let words = share(candidate.bm25, bm25);
            let meaning = share(candidate.dense + 1.0, dense);
            let score = BM25_SHARE * words + (1.0 - BM25_SHARE) * meaning;
            (candidate, score)
        })
        .collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1));
    fused
}

/// Ranks by the sum of 1 / (60 + rank) over the lists, each best first. Best first; equal ones in order of appearance.
///
/// Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
/// Methods", SIGIR 2009.
pub fn reciprocal_rank<T: Clone + Eq + Hash>(lists: &[Vec<T>]) -> Vec<(T, f32)> {
    let mut places: HashMap<&T, usize> = HashMap::new();
    let mut fused: Vec<(T, f32)> = Vec::new();
    for list in lists {
        for (rank, item) in list.iter().enumerate() {
            let place = *places.entry(item).or_insert_with(|| {
                fused.push((item.clone(), 0.0));
                fused.len() - 1
            });
            fused[place].1 += 1.0 / (RANK_OFFSET + rank as f32 + 1.0);
        }
    }
    fused.sort_by(|a, b| b.1.total_cmp(&a.1));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(candidates: &[(&'static str, f32, f32)]) -> Vec<&'static str> {
        let candidates =
            candidates.iter().map(|(item, bm25, dense)| Candidate { item: *item, bm25: *bm25, dense: *dense });
        convex(candidates.collect()).into_iter().map(|(candidate, _)| candidate.item).collect()
    }

    #[test]
    fn both_scores_count() {
        assert_eq!(
            order(&[("neither", 0.0, 0.1), ("words", 20.0, 0.1), ("both", 20.0, 0.9)]),
            ["both", "words", "neither"]
        );
        assert_eq!(order(&[("far", 0.0, -0.5), ("near", 0.0, 0.5)]), ["near", "far"]);
        assert_eq!(order(&[("one", 0.0, -1.0), ("two", 0.0, -1.0)]), ["one", "two"]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn ranks_add_up_over_lists() {
        let fused = reciprocal_rank(&[vec!["a", "b", "c"], vec!["b", "d"]]);
        let items: Vec<_> = fused.iter().map(|(item, _)| *item).collect();
        assert_eq!(items, ["b", "a", "d", "c"]);
        assert!((fused[0].1 - (1.0 / 62.0 + 1.0 / 61.0)).abs() < 1e-6);
    }
}
