//! `docent explain`: the trace of a stored answer.

use super::ask;
use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::render::explain;
use crate::setup::Setup;
use docent_api::wire::QueryBody;
use docent_core::Query;
use docent_engine::{Engine, Error, Result};

pub(crate) async fn run(setup: &Setup, args: ExplainArgs) -> anyhow::Result<Exit> {
    let app = setup.app().await?;
    let query = find(&app.engine, &args.id).await?;
    let trace = ask::trace(&app.engine, &query.id).await?;
    if args.json {
        setup.screen.json(&serde_json::json!({
            "query": QueryBody::from(&query),
            "trace": trace,
        }))?;
        return Ok(Exit::Done);
    }
    let Some(trace) = trace else {
        return Err(no_trace(&query).into());
    };
    let screen = &setup.screen;
    screen.data(explain::trace(&query, &trace, screen.width, screen.paint))?;
    Ok(Exit::Done)
}

async fn find(engine: &Engine, typed: &str) -> Result<Query> {
    let found = if typed == "last" {
        engine.queries.list(None, ask::USER, 1, None).await?.pop()
    } else {
        let id = typed.strip_prefix("qry_").unwrap_or(typed);
        engine.queries.get(id).await?
    };
    found.ok_or_else(|| match typed {
        "last" => Error::not_found("no question was asked on the command line yet").hint("docent ask \"…\" asks one"),
        _ => Error::not_found(format!("there is no query `{typed}`"))
            .hint("`docent explain last` shows the last answer of the command line"),
    })
}

fn no_trace(query: &Query) -> Error {
    let status = query.status.as_str();
    match &query.failure {
        Some(failure) => Error::not_found(format!("the query failed: {}", failure.message))
            .hint(failure.hint.as_deref().unwrap_or("ask again")),
        None if query.answer.as_ref().is_some_and(|answer| answer.is_erased) => {
            Error::not_found("the answer and its trace were erased with a document that it was made from")
                .hint("ask again; the question is kept")
        }
        None => Error::not_found(format!("the query has no trace; it is {status}"))
            .hint("a trace is written with the answer"),
    }
}
