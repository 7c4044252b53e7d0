//! Search by vector in four steps, each slower, more exact and for fewer chunks than the one before.
//!
//! Of 100,000 chunks, the Hamming distance of the signs leaves 2,500. Their signs weighed by the question's values leave
//! 500, still without touching more than the codes. The cosine of their eight-bit values ranks those, and that of all
//! ten bits the best of them.
//!
//! A million codes of 384 bits are 48 MB, which a core reads in a few milliseconds; no graph or clustering has to be
//! built, merged or tuned, and neither filters nor deletes cost recall.

use crate::codes::{Distances, LANES, Question};
use crate::filter::Allowed;
use crate::snapshot::Snapshot;
use crate::vectors::SegmentVectors;
use std::cmp::Reverse;
use tantivy::DocAddress;

/// Blocks whose distances are computed at a time; stays in the first-level cache.
const BATCH: usize = 64;

/// How many chunks pass a step: so many for each result wanted, but at least some, and one in so many of all, because the
/// more there are the more of them are nearly as near.
struct Passing {
    per_result: usize,
    least: usize,
    one_in: usize,
}

/// Pass the Hamming distance.
const NEAR: Passing = Passing { per_result: 16, least: 2500, one_in: 160 };

/// Of these, are ranked by their eight-bit values.
const RANKED: Passing = Passing { per_result: 4, least: 500, one_in: 640 };

/// Beyond the results wanted, chunks that are ranked once more by all bits of their values.
const REFINED_MORE: usize = 16;

impl Passing {
    fn of(&self, rows: usize, depth: usize) -> usize {
        (depth * self.per_result).max(self.least).max(rows / self.one_in)
    }
}

/// A place with its score.
pub(crate) type Scored = (DocAddress, f32);

/// The `depth` chunks most similar to the vector, best first, with their cosines.
pub(crate) fn nearest(snapshot: &Snapshot, question: &Question, allowed: &[Allowed], depth: usize) -> Vec<Scored> {
    let rows = snapshot.chunk_rows() as usize;
    let mut shortlist = Shortlist::new(NEAR.of(rows, depth), question.dimension());
    for (segment, allowed) in allowed.iter().enumerate() {
        if !allowed.is_empty() {
            scan(snapshot, segment, question, allowed, &mut shortlist);
        }
    }
    let leaning = leaning(snapshot, question, shortlist.finish(), RANKED.of(rows, depth));
    let mut best: Vec<Scored> = leaning.map(|candidate| rescore(snapshot, question, &candidate)).collect();
    let order = |a: &Scored, b: &Scored| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let refined = depth + REFINED_MORE;
    if best.len() > refined {
        best.select_nth_unstable_by(refined, order);
        best.truncate(refined);
    }
    for (address, score) in &mut best {
        *score = cosine(snapshot, question, *address).unwrap_or(*score);
    }
    best.sort_unstable_by(order);
    best.truncate(depth);
    best
}

/// The `wanted` candidates whose signs the question leans to most.
fn leaning(
    snapshot: &Snapshot,
    question: &Question,
    candidates: impl Iterator<Item = Candidate>,
    wanted: usize,
) -> impl Iterator<Item = Candidate> {
    let mut leaning: Vec<_> = candidates
        .map(|candidate| {
            let (block, lane) = snapshot.vectors[candidate.segment as usize].block_of(candidate.row as usize);
            (Reverse(question.leaning(block, lane)), candidate)
        })
        .collect();
    if leaning.len() > wanted {
        leaning.select_nth_unstable_by_key(wanted, |(leaning, at)| (*leaning, at.segment, at.row));
        leaning.truncate(wanted);
    }
    leaning.into_iter().map(|(_, candidate)| candidate)
}

/// Cosine of one chunk by all bits of its values, wherever it ranks.
pub(crate) fn cosine(snapshot: &Snapshot, question: &Question, address: DocAddress) -> Option<f32> {
    let vectors = snapshot.vectors.get(address.segment_ord as usize)?;
    let row = vectors.row_of(address.doc_id)?;
    Some(question.fine_cosine(vectors.values(row).0, vectors.fine(row)))
}

fn rescore(snapshot: &Snapshot, question: &Question, candidate: &Candidate) -> Scored {
    let vectors = &snapshot.vectors[candidate.segment as usize];
    let row = candidate.row as usize;
    let (values, scale) = vectors.values(row);
    (DocAddress::new(candidate.segment, vectors.document(row)), question.cosine(values, scale))
}

fn scan(snapshot: &Snapshot, segment: usize, question: &Question, allowed: &Allowed, shortlist: &mut Shortlist) {
    let vectors = &snapshot.vectors[segment];
    let mut distances = [Distances::default(); BATCH];
    for first in (0..vectors.rows()).step_by(BATCH * LANES) {
        let blocks = BATCH.min((vectors.rows() - first).div_ceil(LANES));
        question.distances(vectors.blocks(first, blocks), &mut distances);
        for (place, block) in distances[..blocks].iter().enumerate() {
            if block.least < shortlist.limit {
                consider(vectors, segment, first + place * LANES, block, allowed, shortlist);
            }
        }
    }
}

fn consider(
    vectors: &SegmentVectors,
    segment: usize,
    first: usize,
    block: &Distances,
    allowed: &Allowed,
    shortlist: &mut Shortlist,
) {
    // The last block is filled up with rows that do not exist.
    for (row, distance) in (first..vectors.rows()).zip(block.rows) {
        if distance < shortlist.limit && allowed.contains(vectors.document(row)) {
            shortlist.push(Candidate { segment: segment as u32, row: row as u32, distance });
        }
    }
}

#[derive(Clone, Copy)]
struct Candidate {
    segment: u32,
    row: u32,
    distance: u16,
}

/// Keeps the candidates with the smallest distances, the first of equals.
///
/// Distances are small integers, so counting them tells at any time, without sorting, which is still small enough.
struct Shortlist {
    wanted: usize,
    /// Only smaller distances can still matter: as many as wanted have at most this one.
    limit: u16,
    /// Candidates by distance, and how many have at most `limit`.
    counts: Vec<usize>,
    within: usize,
    candidates: Vec<Candidate>,
}

impl Shortlist {
    fn new(wanted: usize, dimension: usize) -> Self {
        let limit = dimension as u16 + 1;
        let counts = vec![0; usize::from(limit) + 1];
        Self { wanted, limit, counts, within: 0, candidates: Vec::with_capacity(wanted * 2) }
    }

    /// Adds a candidate whose distance is below the limit.
    fn push(&mut self, candidate: Candidate) {
        self.candidates.push(candidate);
        self.counts[usize::from(candidate.distance)] += 1;
        self.within += 1;
        while self.limit > 0 && self.within - self.counts[usize::from(self.limit)] >= self.wanted {
            self.within -= self.counts[usize::from(self.limit)];
            self.limit -= 1;
        }
    }

    fn finish(self) -> impl Iterator<Item = Candidate> {
        let Self { wanted, limit, counts, within, candidates } = self;
        let nearer = within - counts[usize::from(limit)];
        let mut ties = wanted.saturating_sub(nearer);
        candidates.into_iter().filter(move |candidate| {
            let tie = candidate.distance == limit && ties > 0;
            ties -= usize::from(tie);
            tie || candidate.distance < limit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortlist_keeps_the_nearest_and_the_first_of_equals() {
        let mut shortlist = Shortlist::new(3, 10);
        for (row, distance) in [9, 4, 7, 4, 4, 8, 1, 4, 9, 4].into_iter().enumerate() {
            if distance < shortlist.limit {
                shortlist.push(Candidate { segment: 0, row: row as u32, distance });
            }
        }
        let kept: Vec<_> = shortlist.finish().map(|candidate| (candidate.row, candidate.distance)).collect();
        assert_eq!(kept, [(1, 4), (3, 4), (6, 1)]);
    }

    #[test]
    fn a_shortlist_that_is_not_full_keeps_everything() {
        let mut shortlist = Shortlist::new(5, 384);
        (0..4).for_each(|row| shortlist.push(Candidate { segment: 0, row, distance: 300 }));
        assert_eq!(shortlist.finish().count(), 4);
    }
}
