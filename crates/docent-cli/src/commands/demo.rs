//! `docent demo`: the whole job on a small handbook, in a folder that is gone afterwards.

use super::ask;
use super::ingest::{self, Report};
use crate::exit::Exit;
use crate::render::answer::{self, AnswerText};
use crate::render::ingest as lines;
use crate::render::text::wrap;
use crate::setup::Setup;
use anyhow::Context;
use docent_app::App;
use docent_app::config::{EmbedderChoice, GeneratorChoice};
use docent_core::query::QueryRequest;
use docent_engine::Error;
use serde::Deserialize;
use std::path::{Path, PathBuf};

const HANDBOOK: &str = "examples/handbook";
const QUESTIONS: &str = "questions.jsonl";
/// The first questions of the handbook are the demo's.
const ASKED: usize = 5;

const NEXT: &str = "\
What next, with your own documents:
  docent ingest FOLDER             PDF, Office files, web pages, text and more
  docent ask \"your question\"       an answer with quotes that were checked
  docent explain last              why the answer is what it is
  docent serve                     the same over HTTP, with a page at /docs
With OPENAI_API_KEY (and OPENAI_BASE_URL for any compatible server) a model
writes the answers, and its quotes are checked just the same.";

#[derive(Deserialize)]
struct Question {
    question: String,
    collection_folder: String,
}

pub(crate) async fn run(setup: &Setup) -> anyhow::Result<Exit> {
    tokio::select! {
        shown = show(setup) => shown.map(|()| Exit::Done),
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    }
}

async fn show(setup: &Setup) -> anyhow::Result<()> {
    let handbook = find_handbook(setup)?;
    let questions = questions(&handbook)?;
    let place = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut config = setup.config.clone().in_folder(place.path());
    // Works on every machine: no key, no network.
    (config.embedder, config.generator) = (EmbedderChoice::Local, GeneratorChoice::Quoting);
    let app = App::from_config(config, &setup.parser).await?;
    take_in(setup, &app, &handbook, &questions).await?;
    for (number, question) in (1..).zip(&questions) {
        ask(setup, &app, number, question).await?;
    }
    Ok(setup.screen.data(format!("\n{NEXT}"))?)
}

/// The handbook of the source tree that the program is run in or was built in.
fn find_handbook(setup: &Setup) -> anyhow::Result<PathBuf> {
    let places = [setup.environment.working_folder(), &setup.parser.program];
    let folders = places.into_iter().flat_map(Path::ancestors);
    let handbook = folders.map(|folder| folder.join(HANDBOOK)).find(|path| path.join(QUESTIONS).is_file());
    Ok(handbook.ok_or_else(|| {
        Error::not_found(format!("{HANDBOOK} was not found"))
            .hint("run the demo in Docent's source folder, or begin with your own documents: docent ingest FOLDER")
    })?)
}

fn questions(handbook: &Path) -> anyhow::Result<Vec<Question>> {
    let file = handbook.join(QUESTIONS);
    let unread = || format!("cannot read {}", file.display());
    let text = std::fs::read_to_string(&file).with_context(unread)?;
    let parsed = text.lines().take(ASKED).map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().with_context(unread)
}

async fn take_in(setup: &Setup, app: &App, handbook: &Path, questions: &[Question]) -> anyhow::Result<()> {
    let screen = &setup.screen;
    let mut collections: Vec<_> = questions.iter().map(|one| one.collection_folder.as_str()).collect();
    collections.sort_unstable();
    collections.dedup();
    for collection in collections {
        let mut report = Report::new(screen, false);
        let paths = [handbook.join(collection)];
        let summary = ingest::take_in(app, collection, &paths, &mut report).await;
        report.finish()?;
        let summary = screen.paint.bold(&lines::summary(&summary?, collection));
        screen.data(format!("{summary}\n"))?;
    }
    Ok(())
}

async fn ask(setup: &Setup, app: &App, number: usize, question: &Question) -> anyhow::Result<()> {
    let screen = &setup.screen;
    let rule = "\u{2500}".repeat(screen.width);
    screen.data(screen.paint.dim(&rule))?;
    let asked = format!("{number}. {} ({})", question.question, question.collection_folder);
    screen.data(screen.paint.cyan(&wrap(&asked, screen.width, "")) + "\n")?;
    let request = QueryRequest {
        text: question.question.clone(),
        collection: question.collection_folder.clone(),
        user_id: ask::USER.to_owned(),
        top_k: setup.config.top_k,
        ..QueryRequest::default()
    };
    let (query, _) = app.engine.accept(request, None).await?;
    app.engine.run_query(&query.id, ask::USER).await?;
    let query = app.engine.queries.get(&query.id).await?.unwrap_or(query);
    let Some(answer) = &query.answer else {
        let message = query.failure.map(|failure| failure.message);
        anyhow::bail!(message.unwrap_or_else(|| "the question was not answered".to_owned()));
    };
    let trace = ask::trace(&app.engine, &query.id).await?;
    screen.data(AnswerText::whole(&query, answer, screen.width, screen.paint))?;
    let summary = answer::summary(answer, trace.as_ref());
    Ok(screen.data(format!("\n{}", screen.paint.dim(&summary)))?)
}
