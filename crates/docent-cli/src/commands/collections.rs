//! `docent collections`: what there is.

use crate::args::JsonArgs;
use crate::exit::Exit;
use crate::render::listing;
use crate::setup::Setup;
use docent_api::wire::CollectionBody;

pub(crate) async fn run(setup: &Setup, args: JsonArgs) -> anyhow::Result<Exit> {
    let app = setup.app().await?;
    let collections = app.engine.index.collections().await?;
    let screen = &setup.screen;
    if args.json {
        for collection in collections {
            screen.json(&CollectionBody::from(collection))?;
        }
    } else if collections.is_empty() {
        screen.note("there are no collections; `docent ingest PATH` makes one");
    } else {
        screen.data(listing::collections(&collections, screen.paint).join("\n"))?;
    }
    Ok(Exit::Done)
}
