//! `docent ingest`: files in, a report per file out.

use crate::args::IngestArgs;
use crate::exit::Exit;
use crate::render::Screen;
use crate::render::ingest;
use crate::setup::Setup;
use docent_app::App;
use docent_core::IngestOutcome;
use docent_engine::Error;
use docent_engine::ingest::{FileReport, IngestEvent, IngestSummary};
use indicatif::ProgressBar;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// A line of `--json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    File(&'a FileReport),
    Summary(&'a IngestSummary),
}

pub(crate) async fn run(setup: &Setup, args: IngestArgs) -> anyhow::Result<Exit> {
    let app = setup.app_that_reads().await?;
    let (screen, collection) = (&setup.screen, &setup.config.collection);
    let mut report = Report::new(screen, args.json);
    let ingest = take_in(&app, collection, &args.paths, &mut report);
    let summary = tokio::select! {
        summary = ingest => summary,
        _ = tokio::signal::ctrl_c() => {
            screen.note("interrupted; what was stored stays, and the same command goes on from there");
            return Ok(Exit::Interrupted);
        }
    };
    let files = report.finish()?;
    let summary = summary?;
    if files == 0 {
        return Err(Error::not_found("there are no files to take in")
            .hint("hidden files are left out unless they are named themselves")
            .into());
    }
    if args.json {
        screen.json(&Line::Summary(&summary))?;
    } else {
        screen.data(ingest::summary(&summary, collection))?;
    }
    Ok(if summary.refused > 0 { Exit::Refused } else { Exit::Done })
}

/// Takes files into a collection and shows how far it has come.
pub(crate) async fn take_in(
    app: &App,
    collection: &str,
    paths: &[PathBuf],
    report: &mut Report<'_>,
) -> anyhow::Result<IngestSummary> {
    let parse = Arc::clone(&app.parse);
    let tell = &mut |event| report.tell(event);
    Ok(app.engine.ingest(collection, paths, parse, tell).await?)
}

/// Shows what happens to the files of a run.
pub(crate) struct Report<'a> {
    screen: &'a Screen,
    bar: ProgressBar,
    json: bool,
    is_dry: bool,
    files: usize,
    trouble: anyhow::Result<()>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(screen: &'a Screen, json: bool) -> Self {
        Self { screen, bar: screen.bar("ingest"), json, is_dry: false, files: 0, trouble: Ok(()) }
    }

    /// The same for a sync, which may only say what would happen.
    pub(crate) fn of_sync(screen: &'a Screen, json: bool, is_dry: bool) -> Self {
        Self { screen, bar: screen.bar("sync"), json, is_dry, files: 0, trouble: Ok(()) }
    }

    pub(crate) fn tell(&mut self, event: IngestEvent) {
        match event {
            IngestEvent::Found { files } => {
                self.files = files;
                self.bar.set_length(2 * files as u64);
            }
            IngestEvent::Parsed { file } => {
                self.bar.inc(1);
                self.bar.set_message(file);
            }
            IngestEvent::Done(report) => {
                self.bar.inc(steps(report.outcome));
                // When nobody reads any more, the files are taken in all the same.
                if self.trouble.is_ok() {
                    self.trouble = self.show(&report);
                }
            }
        }
    }

    fn show(&self, report: &FileReport) -> anyhow::Result<()> {
        if self.json {
            return self.screen.json(&Line::File(report));
        }
        if report.outcome == IngestOutcome::Unchanged {
            return Ok(());
        }
        let (width, paint) = (self.screen.width, self.screen.paint);
        Ok(self.screen.data(ingest::file(report, self.is_dry, width, paint))?)
    }

    /// How many files there were; or why they could not be shown.
    pub(crate) fn finish(self) -> anyhow::Result<usize> {
        self.bar.finish_and_clear();
        self.trouble.map(|()| self.files)
    }
}

/// A file takes two steps: it is read, and it is embedded and stored. What was settled at a glance took both at once.
const fn steps(outcome: IngestOutcome) -> u64 {
    match outcome {
        IngestOutcome::Refused | IngestOutcome::Unchanged | IngestOutcome::Deleted => 2,
        _ => 1,
    }
}
