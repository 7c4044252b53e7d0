//! `docent sync`: a collection becomes equal to a folder, once or whenever the folder changes.

use crate::args::SyncArgs;
use crate::commands::ingest::Report;
use crate::exit::Exit;
use crate::render::ingest;
use crate::setup::Setup;
use docent_app::App;
use docent_engine::Error;
use docent_engine::folder::Folder;
use docent_engine::sync::{SyncOptions, SyncSummary};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often a watched folder is looked at. Looking, unlike being told, works on every file system.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Summary(&'a SyncSummary),
}

pub(crate) async fn run(setup: &Setup, args: SyncArgs) -> anyhow::Result<Exit> {
    let folder = open(&args)?;
    let app = setup.app().await?;
    let stamp = folder.stamp()?;
    let exit = once(setup, &app, &folder, &args).await?;
    if args.watch && exit != Exit::Interrupted {
        return watch(setup, &app, &folder, &args, stamp).await;
    }
    Ok(exit)
}

fn open(args: &SyncArgs) -> anyhow::Result<Folder> {
    let place = args.folder.to_string_lossy();
    if place.contains("://") {
        return Err(Error::invalid(format!("{place} is not a folder of this machine"))
            .hint("only folders are synced; copy the bucket to one first, for example with `aws s3 sync`")
            .into());
    }
    Ok(Folder::open(Path::new(&args.folder), args.name.as_deref())?)
}

async fn once(setup: &Setup, app: &App, folder: &Folder, args: &SyncArgs) -> anyhow::Result<Exit> {
    let (screen, collection) = (&setup.screen, &setup.config.collection);
    let mut report = Report::of_sync(screen, args.json, args.dry_run);
    let options = SyncOptions { dry_run: args.dry_run, allow_deletes: args.allow_deletes };
    let tell = &mut |event| report.tell(event);
    let summary = tokio::select! {
        summary = app.engine.sync(collection, folder, options, Arc::clone(&app.parse), tell) => summary,
        _ = tokio::signal::ctrl_c() => {
            screen.note("interrupted; what was stored stays, and the same command goes on from there");
            return Ok(Exit::Interrupted);
        }
    };
    report.finish()?;
    let summary = summary?;
    if args.json {
        screen.json(&Line::Summary(&summary))?;
    } else {
        screen.data(ingest::synced(&summary, collection))?;
    }
    for link in &summary.links_outside {
        screen.note(format!("{link} leads out of the folder and was not followed"));
    }
    if summary.needs_allow_deletes {
        screen.note("a sync would stop here, as so many documents are gone; it removes them with --allow-deletes");
    }
    Ok(if summary.files.refused > 0 { Exit::Refused } else { Exit::Done })
}

/// Syncs again whenever the folder has changed and then rests for one look. What goes wrong is said, and the next change is
/// waited for.
async fn watch(setup: &Setup, app: &App, folder: &Folder, args: &SyncArgs, synced: String) -> anyhow::Result<Exit> {
    setup.screen.note(format!("watching {}; Ctrl-C ends it", args.folder.display()));
    let (mut synced, mut seen) = (synced.clone(), synced);
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
        let looked = folder.stamp().unwrap_or_else(|error| error.to_string());
        let rests = looked == seen;
        seen = looked;
        if !rests || seen == synced {
            continue;
        }
        synced.clone_from(&seen);
        match once(setup, app, folder, args).await {
            Ok(Exit::Interrupted) => return Ok(Exit::Interrupted),
            Ok(_) => {}
            Err(failure) => {
                setup.screen.failure(&failure);
            }
        }
    }
}
