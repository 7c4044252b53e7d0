//! `docent generations`: what was published, and what of it stays.

use super::publish::published_place;
use crate::args::{GenerationsArgs, GenerationsWhat};
use crate::exit::Exit;
use crate::render::generations as lines;
use crate::setup::Setup;
use docent_api::wire::timestamp;
use docent_app::remote::Listed;
use docent_app::wiring;

pub(crate) async fn run(setup: &Setup, args: GenerationsArgs) -> anyhow::Result<Exit> {
    let (screen, config) = (&setup.screen, &setup.config);
    let generations = wiring::generations_from_config(config, published_place(setup)?)?;
    let collection = &config.collection;
    match args.what {
        GenerationsWhat::List(args) => {
            let listed = generations.list(collection).await?;
            if args.json {
                listed.iter().try_for_each(|one| screen.json(&body(one)?))?;
            } else {
                screen.data(lines::list(&listed, screen.paint).join("\n"))?;
            }
        }
        GenerationsWhat::Diff(args) => {
            let diff = generations.diff(collection, &args.first, &args.second).await?;
            if args.json {
                screen.json(&diff)?;
            } else {
                screen.data(lines::diff(&diff))?;
            }
        }
        GenerationsWhat::Rollback(args) => {
            let live = generations.rollback(collection, &args.generation).await?;
            if args.json {
                screen.json(&body(&live)?)?;
            } else {
                screen.data(lines::rolled_back(&live))?;
            }
        }
        GenerationsWhat::Purge(args) => {
            let purged = generations.purge(collection, args.keep as usize, &wiring::publication()).await?;
            if args.json {
                screen.json(&purged)?;
            } else {
                screen.data(lines::purged(&purged))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// With its time as every other JSON has it.
fn body(listed: &Listed) -> anyhow::Result<serde_json::Value> {
    let mut body = serde_json::to_value(listed)?;
    body["created_at"] = timestamp(listed.created_at).into();
    Ok(body)
}
