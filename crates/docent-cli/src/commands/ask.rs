//! `docent ask`: a stored query, worked on here and now.

use super::filter;
use crate::args::AskArgs;
use crate::exit::Exit;
use crate::render::answer::{self, AnswerText};
use crate::setup::Setup;
use anyhow::Context;
use docent_api::wire::{QueryBody, shown_id};
use docent_app::App;
use docent_core::query::QueryRequest;
use docent_core::{Query, QueryStatus};
use docent_engine::Engine;
use docent_engine::progress::QueryEvent;
use docent_engine::trace::Trace;
use std::time::Duration;

/// Whose queries those of the command line are.
pub(crate) const USER: &str = "cli";
/// How often it is looked whether work has begun.
const POLL: Duration = Duration::from_millis(1);

pub(crate) async fn run(setup: &Setup, args: AskArgs) -> anyhow::Result<Exit> {
    let app = setup.app().await?;
    let request = QueryRequest {
        text: args.question.join(" "),
        collection: setup.config.collection.clone(),
        user_id: USER.to_owned(),
        top_k: setup.config.top_k,
        filter: filter::understand(&args.filter.filter)?,
        ..QueryRequest::default()
    };
    let (query, _) = app.engine.accept(request, None).await?;
    let streamed = setup.screen.is_live() && !args.json;
    let shown = tokio::select! {
        shown = work(setup, &app.engine, &query.id, streamed) => shown?,
        _ = tokio::signal::ctrl_c() => {
            app.engine.cancel(&query.id).await?;
            setup.screen.note("cancelled");
            return Ok(Exit::Interrupted);
        }
    };
    let query = stored(&app.engine, &query.id).await?;
    if args.json {
        setup.screen.json(&QueryBody::from(&query))?;
        return Ok(exit(&query));
    }
    show(setup, &app, &query, shown).await
}

fn exit(query: &Query) -> Exit {
    match query.status {
        QueryStatus::Completed => Exit::Done,
        _ => Exit::Failed,
    }
}

/// Answers the query. If somebody watches, statements are shown as they pass the check; returns what was set so far.
async fn work(setup: &Setup, engine: &Engine, id: &str, streamed: bool) -> anyhow::Result<Option<AnswerText>> {
    if !streamed {
        engine.run_query(id, USER).await?;
        return Ok(None);
    }
    let finished = tokio::sync::watch::Sender::new(false);
    let work = async {
        let ran = engine.run_query(id, USER).await;
        finished.send_replace(true);
        ran
    };
    let (ran, shown) = tokio::join!(work, watch(setup, engine, id, finished.subscribe()));
    ran?;
    shown
}

async fn watch(
    setup: &Setup,
    engine: &Engine,
    id: &str,
    finished: tokio::sync::watch::Receiver<bool>,
) -> anyhow::Result<Option<AnswerText>> {
    let log = loop {
        match engine.progress.watch(id) {
            Some(log) => break log,
            None if *finished.borrow() => return Ok(None),
            None => tokio::time::sleep(POLL).await,
        }
    };
    let mut text = AnswerText::new(setup.screen.width, setup.screen.paint);
    for place in 0.. {
        match log.event(place).await {
            QueryEvent::Statement { text: said, citations } => {
                setup.screen.data(text.statement(&said, &citations))?;
            }
            QueryEvent::Done(_) => break,
            QueryEvent::Started | QueryEvent::Sources(_) => {}
        }
    }
    Ok(Some(text))
}

async fn stored(engine: &Engine, id: &str) -> anyhow::Result<Query> {
    let query = engine.queries.get(id).await?;
    query.context("the query is gone: somebody deleted it meanwhile")
}

/// Prints the answer, or what is left of it when statements were streamed.
async fn show(setup: &Setup, app: &App, query: &Query, streamed: Option<AnswerText>) -> anyhow::Result<Exit> {
    let screen = &setup.screen;
    let Some(answer) = &query.answer else {
        failed(setup, query);
        return Ok(exit(query));
    };
    screen.data(match streamed {
        Some(text) => text.rest(answer),
        None => AnswerText::whole(query, answer, screen.width, screen.paint),
    })?;
    let trace = trace(&app.engine, &query.id).await?;
    screen.note(format!("\n{}", answer::summary(answer, trace.as_ref())));
    screen.note(format!("docent explain {}", shown_id(&query.id)));
    Ok(exit(query))
}

fn failed(setup: &Setup, query: &Query) {
    let (message, hint) = match &query.failure {
        Some(failure) => (failure.message.as_str(), failure.hint.as_deref()),
        None => ("the question was not answered", None),
    };
    setup.screen.trouble(message, &[], hint);
}

/// What is known about how an answer came about.
pub(crate) async fn trace(engine: &Engine, id: &str) -> anyhow::Result<Option<Trace>> {
    let Some(json) = engine.queries.trace(id).await? else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_str(&json).context("the stored trace is of another version")?))
}
