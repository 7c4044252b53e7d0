//! `docent reembed`: a collection gets the configured embedding model, from the text that it holds.

use crate::args::ReembedArgs;
use crate::exit::Exit;
use crate::render::reembed as lines;
use crate::setup::Setup;
use docent_app::config::IndexPlace;
use docent_app::{App, wiring};
use docent_engine::Error;
use docent_engine::ports::ChunkIndex;
use docent_engine::reembed::{ReembedEvent, ReembedSummary, Reembedded};
use serde::Serialize;

/// A line of `--json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Document(&'a Reembedded),
    Summary(&'a ReembedSummary),
}

pub(crate) async fn run(setup: &Setup, args: ReembedArgs) -> anyhow::Result<Exit> {
    check_place(&setup.config.index)?;
    if args.forget_previous {
        return forget(setup, &args).await;
    }
    let app = setup.app().await?;
    for collection in collections(setup, &*app.engine.index, args.all).await? {
        let made = tokio::select! {
            made = make_anew(setup, &app, &collection, &args) => made?,
            _ = tokio::signal::ctrl_c() => {
                let screen = &setup.screen;
                screen.note("interrupted; the collection answers as before, and the same command goes on from there");
                return Ok(Exit::Interrupted);
            }
        };
        if args.json {
            setup.screen.json(&Line::Summary(&made))?;
        } else {
            setup.screen.data(lines::summary(&made))?;
        }
    }
    Ok(Exit::Done)
}

/// Other places cannot switch in one step, or have nothing that could be changed.
fn check_place(index: &IndexPlace) -> Result<(), Error> {
    let anew = "ingest into a new collection with the new model, name it in DOCENT_COLLECTION, then delete the old one";
    let (place, hint) = match index {
        IndexPlace::Folder(_) => return Ok(()),
        IndexPlace::Published(place) => {
            let hint = format!(
                "reembed where the collection's folder is (--index FOLDER), publish it, docent publish {place}, and configure the \
                 readers' model"
            );
            (place.to_string(), hint)
        }
        IndexPlace::Chroma(url) => (format!("the Chroma server {url}"), anew.to_owned()),
        IndexPlace::Vectors(bucket) => (bucket.arn.clone(), anew.to_owned()),
    };
    Err(Error::invalid(format!("a collection at {place} cannot be made anew beside itself")).hint(hint))
}

async fn collections(setup: &Setup, index: &dyn ChunkIndex, all: bool) -> anyhow::Result<Vec<String>> {
    if !all {
        return Ok(vec![setup.config.collection.clone()]);
    }
    Ok(index.collections().await?.into_iter().map(|collection| collection.name).collect())
}

async fn make_anew(setup: &Setup, app: &App, collection: &str, args: &ReembedArgs) -> anyhow::Result<ReembedSummary> {
    let bar = setup.screen.bar("reembed");
    let mut trouble = Ok(());
    let tell = &mut |event| match event {
        ReembedEvent::Found { documents } => bar.inc_length(documents as u64),
        ReembedEvent::Done(document) => {
            bar.inc(1);
            bar.set_message(document.file.clone());
            // When nobody reads any more, the collection is made anew all the same.
            if args.json && trouble.is_ok() {
                trouble = setup.screen.json(&Line::Document(&document));
            }
        }
    };
    let made = match args.back {
        true => app.engine.reembed_back(collection, tell).await,
        false => app.engine.reembed(collection, tell).await,
    };
    bar.finish_and_clear();
    trouble?;
    Ok(made?)
}

async fn forget(setup: &Setup, args: &ReembedArgs) -> anyhow::Result<Exit> {
    let index = wiring::folder_index_from_config(&setup.config);
    for collection in collections(setup, &index, args.all).await? {
        let bytes = index.forget_editions(&collection).await?;
        if args.json {
            setup.screen.json(&serde_json::json!({ "collection": collection, "bytes": bytes.unwrap_or(0) }))?;
        } else {
            setup.screen.data(lines::forgotten(&collection, bytes))?;
        }
    }
    Ok(Exit::Done)
}
