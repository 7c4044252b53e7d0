//! `docent eval retrieval`: how good is the ranking, on labelled questions.

use crate::args::{EvalArgs, EvalRetrievalArgs, EvalWhat};
use crate::exit::Exit;
use crate::setup::Setup;
use anyhow::Context;
use docent_app::App;
use docent_core::{IngestOutcome, SearchMode};
use docent_engine::Error;
use docent_engine::eval::{Dataset, Metrics, measure};
use docent_engine::ingest::IngestEvent;
use serde::Serialize;

/// The collection that lives as long as the measurement.
const COLLECTION: &str = "eval";

#[derive(Serialize)]
struct Measured {
    mode: &'static str,
    documents: usize,
    refused: usize,
    #[serde(flatten)]
    metrics: Metrics,
}

pub(crate) async fn run(setup: &Setup, args: EvalArgs) -> anyhow::Result<Exit> {
    let EvalWhat::Retrieval(args) = args.what;
    tokio::select! {
        measured = retrieval(setup, args) => measured,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    }
}

async fn retrieval(setup: &Setup, args: EvalRetrievalArgs) -> anyhow::Result<Exit> {
    let dataset = Dataset::load(&args.folder)?;
    if dataset.documents.is_empty() || dataset.queries.is_empty() {
        return Err(Error::invalid(format!(
            "{} has no documents or no questions with a relevant document",
            args.folder.display()
        ))
        .hint("the ids of qrels.tsv must be those of queries.jsonl and of the documents")
        .into());
    }
    let place = tempfile::tempdir().context("cannot make a temporary folder")?;
    let config = setup.config.clone().in_folder(place.path());
    let app = App::from_config(config, &setup.parser).await?;
    let refused = index(setup, &app, &dataset).await?;
    let mode = SearchMode::from(args.mode);
    let bar = setup.screen.bar("questions");
    bar.set_length(dataset.queries.len() as u64);
    let tell = &mut |done: usize| bar.set_position(done as u64);
    let run = app.engine.run_dataset(COLLECTION, &dataset, mode, tell).await?;
    bar.finish_and_clear();
    if let Some(file) = &args.run {
        std::fs::write(file, run.to_trec("docent")).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let measured = Measured {
        mode: mode.as_str(),
        documents: dataset.documents.len(),
        refused,
        metrics: measure(&run, &dataset.qrels),
    };
    show(setup, &args, &measured)?;
    Ok(if refused > 0 { Exit::Refused } else { Exit::Done })
}

/// Takes the documents in; returns how many were refused.
async fn index(setup: &Setup, app: &App, dataset: &Dataset) -> anyhow::Result<usize> {
    let bar = setup.screen.bar("documents");
    let mut refused = 0;
    let tell = &mut |event| match event {
        IngestEvent::Found { files } => bar.set_length(files as u64),
        IngestEvent::Parsed { .. } => {}
        IngestEvent::Done(report) => {
            bar.inc(1);
            if report.outcome == IngestOutcome::Refused {
                refused += 1;
                let reason = report.reason.unwrap_or_default();
                setup.screen.note(format!("left out {}: {reason}", report.file));
            }
        }
    };
    app.engine.index_dataset(COLLECTION, dataset, &app.parse, tell).await?;
    bar.finish_and_clear();
    Ok(refused)
}

fn show(setup: &Setup, args: &EvalRetrievalArgs, measured: &Measured) -> anyhow::Result<()> {
    if args.json {
        return setup.screen.json(measured);
    }
    let metrics = &measured.metrics;
    setup.screen.data(format!(
        "{} documents, {} questions, {}\nnDCG@10    {:.4}\nRecall@10  {:.4}\nRecall@100 {:.4}\nMRR@10     {:.4}",
        measured.documents,
        metrics.queries,
        measured.mode,
        metrics.ndcg_at_10,
        metrics.recall_at_10,
        metrics.recall_at_100,
        metrics.mrr_at_10,
    ))?;
    Ok(())
}
