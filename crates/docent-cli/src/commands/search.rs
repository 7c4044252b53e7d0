//! `docent search`: ranked chunks with both scores.

use super::filter;
use crate::args::SearchArgs;
use crate::exit::Exit;
use crate::render::listing;
use crate::setup::Setup;
use docent_api::wire::SearchResults;
use docent_engine::Error;
use docent_engine::answer::Search;

/// More chunks than anybody reads.
const LIMIT_MAX: usize = 1_000;

pub(crate) async fn run(setup: &Setup, args: SearchArgs) -> anyhow::Result<Exit> {
    let text = args.query.join(" ");
    if text.trim().is_empty() {
        return Err(Error::invalid("there are no words to search for")
            .hint("for example: docent search \"parental leave\"")
            .into());
    }
    if args.limit == 0 || args.limit > LIMIT_MAX {
        return Err(Error::invalid(format!("--limit must be from 1 to {LIMIT_MAX}"))
            .hint("leave it out for 10")
            .into());
    }
    let app = setup.app().await?;
    let search = Search {
        collection: setup.config.collection.clone(),
        text,
        mode: args.mode.into(),
        limit: args.limit,
        filter: filter::understand(&args.filter.filter)?,
    };
    let found = app.engine.search(&search).await?;
    let screen = &setup.screen;
    if args.json {
        screen.json(&SearchResults::new(search.collection, found))?;
        return Ok(Exit::Done);
    }
    if found.mode != search.mode {
        screen.note("ranked by vectors alone: the store has no index of words");
    }
    if found.hits.is_empty() {
        screen.note("nothing was found");
    }
    for (rank, hit) in (1..).zip(&found.hits) {
        let gap = if rank == 1 { "" } else { "\n" };
        let shown = listing::hit(rank, hit, screen.width, screen.paint);
        screen.data(format!("{gap}{shown}"))?;
    }
    Ok(Exit::Done)
}
