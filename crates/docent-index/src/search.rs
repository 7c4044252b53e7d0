//! One question against one generation: by words, by vector, or by both.

use crate::codes::Question;
use crate::dense::{self, Scored};
use crate::error::{Failure, Result};
use crate::filter::{Allowed, allowed};
use crate::lexical::Words;
use crate::snapshot::Snapshot;
use docent_core::fusion::{Candidate, convex};
use docent_core::{Hit, SearchMode};
use docent_engine::ports::{IndexProfile, SearchRequest, SearchResponse};
use std::collections::BTreeMap;
use tantivy::DocAddress;

/// How deep each ranking goes before they are fused, at least.
const DEPTH: usize = 50;

/// Scores of a chunk on its way to a hit.
struct Ranked {
    address: DocAddress,
    score: f32,
    bm25: Option<f32>,
    dense: Option<f32>,
}

/// The hits, best first, with the name of the generation they are from.
pub(crate) fn answer(
    name: &str,
    profile: &IndexProfile,
    snapshot: &Snapshot,
    request: &SearchRequest,
) -> Result<SearchResponse> {
    let wanted = profile.embedding.dimension;
    if request.mode != SearchMode::Bm25 && request.vector.len() != wanted {
        return Err(Failure::OtherDimension { name: name.to_owned(), found: request.vector.len(), wanted });
    }
    let hits = search(snapshot, request).map_err(|failure| failure.in_collection(name))?;
    Ok(SearchResponse { hits, generation: snapshot.generation.clone(), mode: request.mode })
}

fn search(snapshot: &Snapshot, request: &SearchRequest) -> Result<Vec<Hit>> {
    let allowed = allowed(&snapshot.searcher, &snapshot.fields, request.filter.as_ref())?;
    let ranked = match request.mode {
        _ if request.limit == 0 => Vec::new(),
        SearchMode::Bm25 => by_words(snapshot, request, &allowed)?,
        SearchMode::Dense => by_vector(snapshot, request, &allowed),
        SearchMode::Hybrid => by_both(snapshot, request, &allowed)?,
    };
    ranked.into_iter().take(request.limit).map(|ranked| hit(snapshot, ranked)).collect()
}

fn hit(snapshot: &Snapshot, ranked: Ranked) -> Result<Hit> {
    let Ranked { address, score, bm25, dense } = ranked;
    Ok(Hit { chunk: snapshot.chunk(address)?, score, bm25, dense })
}

fn by_words(snapshot: &Snapshot, request: &SearchRequest, allowed: &[Allowed]) -> Result<Vec<Ranked>> {
    let Some(words) = Words::of(snapshot, &request.text)? else { return Ok(Vec::new()) };
    let best = words.best(allowed, request.limit)?;
    Ok(best.into_iter().map(|(address, score)| Ranked { address, score, bm25: Some(score), dense: None }).collect())
}

fn by_vector(snapshot: &Snapshot, request: &SearchRequest, allowed: &[Allowed]) -> Vec<Ranked> {
    let best = dense::nearest(snapshot, &Question::new(&request.vector), allowed, request.limit);
    best.into_iter().map(|(address, score)| Ranked { address, score, bm25: None, dense: Some(score) }).collect()
}

fn by_both(snapshot: &Snapshot, request: &SearchRequest, allowed: &[Allowed]) -> Result<Vec<Ranked>> {
    let depth = DEPTH.max(request.limit);
    let question = Question::new(&request.vector);
    let near = dense::nearest(snapshot, &question, allowed, depth);
    let words = Words::of(snapshot, &request.text)?;
    let matching = words.as_ref().map_or(Ok(Vec::new()), |words| words.best(allowed, depth))?;
    let candidates = candidates(snapshot, &question, words.as_ref(), near, matching)?;
    let ranked = |(candidate, score): (Candidate<DocAddress>, f32)| Ranked {
        address: candidate.item,
        score,
        bm25: (candidate.bm25 > 0.0).then_some(candidate.bm25),
        dense: Some(candidate.dense),
    };
    Ok(convex(candidates).into_iter().map(ranked).collect())
}

/// Everything that either ranking found, with the score that the other did not list computed.
fn candidates(
    snapshot: &Snapshot,
    question: &Question,
    words: Option<&Words>,
    near: Vec<Scored>,
    matching: Vec<Scored>,
) -> Result<Vec<Candidate<DocAddress>>> {
    let dense: BTreeMap<DocAddress, f32> = near.into_iter().collect();
    let mut bm25: BTreeMap<DocAddress, f32> = matching.into_iter().collect();
    if let Some(words) = words {
        let unlisted: Vec<_> = dense.keys().filter(|address| !bm25.contains_key(address)).copied().collect();
        for group in unlisted.chunk_by(|a, b| a.segment_ord == b.segment_ord) {
            let documents: Vec<_> = group.iter().map(|address| address.doc_id).collect();
            bm25.extend(group.iter().copied().zip(words.scores(group[0].segment_ord, &documents)?));
        }
    }
    let cosine = |address| dense::cosine(snapshot, question, address).unwrap_or(-1.0);
    let listed = bm25.iter().map(|(address, score)| Candidate {
        item: *address,
        bm25: *score,
        dense: dense.get(address).copied().unwrap_or_else(|| cosine(*address)),
    });
    let unmatched = dense.iter().filter(|(address, _)| !bm25.contains_key(address));
    let unmatched = unmatched.map(|(address, score)| Candidate { item: *address, bm25: 0.0, dense: *score });
    Ok(listed.chain(unmatched).collect())
}
