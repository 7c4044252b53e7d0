//! `docent publish`: from the folder of the index to where other machines read it.

use crate::args::PublishArgs;
use crate::exit::Exit;
use crate::render::generations;
use crate::setup::Setup;
use docent_app::config::IndexPlace;
use docent_app::remote::Place;
use docent_app::wiring;
use docent_engine::{Error, Result};

pub(crate) async fn run(setup: &Setup, args: PublishArgs) -> anyhow::Result<Exit> {
    let (screen, config) = (&setup.screen, &setup.config);
    let place = match &args.place {
        Some(typed) => Place::parse(typed).map_err(Error::from)?,
        None => published_place(setup)?.clone(),
    };
    if let IndexPlace::Chroma(url) = &config.index {
        return Err(on_a_server(url).into());
    }
    let index = wiring::folder_index_from_config(config);
    let to = wiring::generations_from_config(config, &place)?;
    let published = to.publish(&index, &config.collection, &wiring::publication()).await?;
    if args.json {
        screen.json(&published)?;
    } else {
        screen.data(generations::published(&published, &place))?;
    }
    Ok(Exit::Done)
}

fn on_a_server(url: &str) -> Error {
    Error::invalid(format!("the chunks are on the Chroma server {url}, which others read where it is"))
        .hint("give them the same CHROMA_URL; to publish an index in a folder, name it with --index FOLDER")
}

/// Where the index is, if that is a place that is published to.
pub(crate) fn published_place(setup: &Setup) -> Result<&Place> {
    match &setup.config.index {
        IndexPlace::Published(place) => Ok(place),
        IndexPlace::Folder(_) | IndexPlace::Chroma(_) => {
            Err(Error::invalid("it is not said where the published generations are")
                .hint("name the place with --index s3://BUCKET/PREFIX or DOCENT_INDEX"))
        }
    }
}
