//! Search by words: BM25 as tantivy computes it (Lucene's variant, k1 = 1.2, b = 0.75), pruned by block maxima.

use crate::dense::Scored;
use crate::error::Result;
use crate::filter::Allowed;
use crate::snapshot::Snapshot;
use crate::words::question_terms;
use std::sync::Arc;
use tantivy::query::{
    Bm25StatisticsProvider, BooleanWeight, BoostQuery, EnableScoring, Explanation, Occur, Query, Scorer, SumCombiner,
    TermQuery, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, DocId, DocSet, Score, Searcher, SegmentReader, Term};

/// A question's words, weighed by the statistics of one generation.
pub(crate) struct Words<'a> {
    snapshot: &'a Snapshot,
    terms: Vec<Arc<dyn Weight>>,
    union: BooleanWeight<SumCombiner>,
}

/// A term's weight in two places: alone, and within the union. Making one looks the term up in every segment.
struct Shared(Arc<dyn Weight>);

impl Weight for Shared {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        self.0.scorer(reader, boost)
    }

    fn explain(&self, reader: &SegmentReader, document: DocId) -> tantivy::Result<Explanation> {
        self.0.explain(reader, document)
    }
}

/// Statistics over chunks alone: the records of documents and pages have no words, but they would count as empty texts.
struct ChunkStatistics<'a> {
    searcher: &'a Searcher,
    chunks: u64,
}

impl Bm25StatisticsProvider for ChunkStatistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        Bm25StatisticsProvider::total_num_tokens(self.searcher, field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.chunks)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.searcher.doc_freq(term)
    }
}

impl<'a> Words<'a> {
    /// None when the text has no words or the collection no chunks.
    pub(crate) fn of(snapshot: &'a Snapshot, text: &str) -> Result<Option<Self>> {
        let statistics = ChunkStatistics { searcher: &snapshot.searcher, chunks: snapshot.chunk_rows() };
        let queries: Vec<_> = question_terms(text)
            .into_iter()
            .map(|(term, count)| term_query(Term::from_field_text(snapshot.fields.words, &term), count))
            .collect();
        if queries.is_empty() || statistics.chunks == 0 {
            return Ok(None);
        }
        let scoring = EnableScoring::enabled_from_statistics_provider(&statistics, &snapshot.searcher);
        let terms = queries.iter().map(|query| Ok(Arc::from(query.weight(scoring)?)));
        let terms: Vec<Arc<dyn Weight>> = terms.collect::<tantivy::Result<_>>()?;
        let shared =
            |weight: &Arc<dyn Weight>| (Occur::Should, Box::new(Shared(Arc::clone(weight))) as Box<dyn Weight>);
        let clauses = terms.iter().map(shared).collect();
        let union = BooleanWeight::with_minimum_number_should_match(clauses, 1, true, Box::new(SumCombiner::default));
        Ok(Some(Self { snapshot, terms, union }))
    }

    /// The `depth` best chunks, best first.
    pub(crate) fn best(&self, allowed: &[Allowed], depth: usize) -> Result<Vec<Scored>> {
        let mut top = Top::new(depth);
        for (segment, (reader, allowed)) in self.snapshot.searcher.segment_readers().iter().zip(allowed).enumerate() {
            if allowed.is_empty() {
                continue;
            }
            self.union.for_each_pruning(top.threshold, reader, &mut |document, score| {
                if allowed.contains(document) {
                    top.push((DocAddress::new(segment as u32, document), score));
                }
                top.threshold
            })?;
        }
        Ok(top.finish())
    }

    /// Scores of given chunks of one segment, in ascending order of their places; zero where no word matches.
    pub(crate) fn scores(&self, segment: u32, documents: &[DocId]) -> Result<Vec<Score>> {
        let mut scores = vec![0.0; documents.len()];
        let reader = self.snapshot.searcher.segment_reader(segment);
        for weight in &self.terms {
            let mut scorer = weight.scorer(reader, 1.0)?;
            for (document, score) in documents.iter().zip(&mut scores) {
                let at = if scorer.doc() < *document { scorer.seek(*document) } else { scorer.doc() };
                if at == *document {
                    *score += scorer.score();
                }
            }
        }
        Ok(scores)
    }
}

fn term_query(term: Term, count: u32) -> Box<dyn Query> {
    let query = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
    if count == 1 { query } else { Box::new(BoostQuery::new(query, count as Score)) }
}

/// The best so far: gathers up to twice as many as wanted, then cuts.
struct Top {
    depth: usize,
    /// Only larger scores can still matter.
    threshold: Score,
    scored: Vec<Scored>,
}

impl Top {
    fn new(depth: usize) -> Self {
        Self { depth, threshold: Score::MIN, scored: Vec::with_capacity(depth * 2) }
    }

    fn push(&mut self, scored: Scored) {
        self.scored.push(scored);
        if self.scored.len() >= self.depth * 2 {
            self.sort_and_cut();
            self.threshold = self.scored.last().map_or(Score::MIN, |(_, score)| *score);
        }
    }

    fn sort_and_cut(&mut self) {
        self.scored.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        self.scored.truncate(self.depth);
    }

    fn finish(mut self) -> Vec<Scored> {
        self.sort_and_cut();
        self.scored
    }
}
