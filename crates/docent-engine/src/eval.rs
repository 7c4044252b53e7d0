//! Measures retrieval on labelled questions, in the layout of BEIR (Thakur et al. 2021): `corpus.jsonl` (or a `docs/`
//! folder of files), `queries.jsonl`, `qrels.tsv`.
//!
//! Documents go the same way in as a user's: chunked, embedded, committed. A document's score is that of its best chunk.
//! The metrics follow `trec_eval`: gain is the label itself, discount `log2(rank + 1)`, ties are broken by document id in
//! descending order, scores are compared in single precision.

mod dataset;
mod metrics;

pub use dataset::{Dataset, EvalDocument};
pub use metrics::{Metrics, Qrels, Run, measure};

use crate::Engine;
use crate::answer::Search;
use crate::error::Result;
use crate::ingest::{IngestEvent, Parse};
use docent_core::{Format, Page, ParsedDocument, SearchMode};
use std::collections::HashMap;
use std::sync::Arc;

/// Documents a run lists for each question.
const RUN_DEPTH: usize = 100;
/// Chunks retrieved to find that many documents.
const CHUNK_DEPTH: usize = 300;

impl Engine {
    /// Takes all documents of a data set into `collection`, under their own ids.
    ///
    /// # Errors
    /// Those of an ingest; a file of `docs/` that is refused is reported through `tell` and left out.
    pub async fn index_dataset(
        &self,
        collection: &str,
        dataset: &Dataset,
        parse: &Parse,
        tell: &mut (dyn FnMut(IngestEvent) + Send),
    ) -> Result<()> {
        let documents = dataset.documents.iter().cloned();
        let parse = Arc::clone(parse);
        let parsed = documents.map(move |document| match document {
            EvalDocument::Text { id, title, text } => (id, Ok(as_parsed(title, text))),
            EvalDocument::File { id, path } => {
                let parsed = parse(&path, &id);
                (id, parsed)
            }
        });
        self.ingest_parsed(collection, dataset.documents.len(), parsed, tell).await
    }

    /// Asks every labelled question of a data set; the best documents of each, with their scores.
    ///
    /// # Errors
    /// Those of a search.
    pub async fn run_dataset(
        &self,
        collection: &str,
        dataset: &Dataset,
        mode: SearchMode,
        tell: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Run> {
        let mut run = Run::default();
        for (done, (id, text)) in dataset.queries.iter().enumerate() {
            let search = Search {
                collection: collection.to_owned(),
                text: text.clone(),
                mode,
                limit: CHUNK_DEPTH,
                filter: None,
            };
            let hits = self.search(&search).await?.hits;
            let mut best: HashMap<String, f32> = HashMap::new();
            for hit in hits {
                let score = best.entry(hit.chunk.document_id).or_insert(f32::MIN);
                *score = score.max(hit.score);
            }
            run.insert(id.clone(), best, RUN_DEPTH);
            tell(done + 1);
        }
        Ok(run)
    }
}

fn as_parsed(title: String, text: String) -> ParsedDocument {
    ParsedDocument {
        format: Format::Text,
        title: Some(title),
        pages: vec![Page { number: None, heading_path: Vec::new(), text }],
        warnings: Vec::new(),
        unreadable_pages: Vec::new(),
        ocr: None,
    }
}
