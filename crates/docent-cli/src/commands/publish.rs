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
    match &config.index {
        IndexPlace::Chroma(url) => return Err(elsewhere(&format!("on the Chroma server {url}"), "CHROMA_URL").into()),
        IndexPlace::Vectors(bucket) => return Err(elsewhere(&format!("in {}", bucket.arn), "DOCENT_INDEX").into()),
        IndexPlace::Folder(_) | IndexPlace::Published(_) => {}
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

fn elsewhere(place: &str, setting: &str) -> Error {
    Error::invalid(format!("the chunks are {place}, which others read where it is"))
        .hint(format!("give them the same {setting}; to publish an index in a folder, name it with --index FOLDER"))
}

/// Where the index is, if that is a place that is published to.
pub(crate) fn published_place(setup: &Setup) -> Result<&Place> {
    match &setup.config.index {
        IndexPlace::Published(place) => Ok(place),
        IndexPlace::Folder(_) | IndexPlace::Chroma(_) | IndexPlace::Vectors(_) => {
            Err(Error::invalid("it is not said where the published generations are")
                .hint("name the place with --index s3://BUCKET/PREFIX or DOCENT_INDEX"))
        }
    }
}
