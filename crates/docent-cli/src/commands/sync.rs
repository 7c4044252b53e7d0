//! `docent sync`: a collection becomes equal to a folder or a bucket, once or whenever that changes.

use crate::args::SyncArgs;
use crate::commands::ingest::Report;
use crate::exit::Exit;
use crate::render::ingest;
use crate::setup::Setup;
use docent_app::remote::Place;
use docent_app::{App, bucket_from_config};
use docent_engine::Error;
use docent_engine::folder::Folder;
use docent_engine::ports::Source;
use docent_engine::sync::{SyncOptions, SyncSummary};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How often a watched folder is looked at. Looking, unlike being told, works on every file system.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same for a bucket, where looking is paid for.
const LIST_EVERY: Duration = Duration::from_secs(60);

/// Where documents come from, and how it is watched.
struct Watched {
    source: Arc<dyn Source>,
    look_every: Duration,
    /// True if a file may be seen while it is still being written: then it is waited for.
    has_halves: bool,
}

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Summary(&'a SyncSummary),
}

pub(crate) async fn run(setup: &Setup, args: SyncArgs) -> anyhow::Result<Exit> {
    let watched = open(setup, &args)?;
    let app = setup.app_that_reads().await?;
    if !args.watch {
        return once(setup, &app, &watched.source, &args).await;
    }
    // As it was before the first sync, so that what changes meanwhile is seen.
    let stamp = watched.source.stamp().await?;
    match once(setup, &app, &watched.source, &args).await? {
        Exit::Interrupted => Ok(Exit::Interrupted),
        _ => watch(setup, &app, &watched, &args, stamp).await,
    }
}

fn open(setup: &Setup, args: &SyncArgs) -> anyhow::Result<Watched> {
    let (typed, name) = (args.source.to_string_lossy(), args.name.as_deref());
    let every = args.every.map(Duration::from_secs);
    if !Place::is_url(&typed) {
        let source = Arc::new(Folder::open(&args.source, name)?);
        return Ok(Watched { source, look_every: every.unwrap_or(LOOK_EVERY), has_halves: true });
    }
    let place = typed.starts_with("s3://").then(|| Place::parse(&typed).ok()).flatten();
    let place = place.ok_or_else(|| {
        Error::invalid(format!("{typed} is neither a folder nor a bucket")).hint("give a folder, or s3://BUCKET/PREFIX")
    })?;
    let source = Arc::new(bucket_from_config(&setup.config, &place, name)?);
    Ok(Watched { source, look_every: every.unwrap_or(LIST_EVERY), has_halves: false })
}

async fn once(setup: &Setup, app: &App, source: &Arc<dyn Source>, args: &SyncArgs) -> anyhow::Result<Exit> {
    let (screen, collection) = (&setup.screen, &setup.config.collection);
    let mut report = Report::of_sync(screen, args.json, args.dry_run);
    let options = SyncOptions { dry_run: args.dry_run, allow_deletes: args.allow_deletes };
    let tell = &mut |event| report.tell(event);
    let summary = tokio::select! {
        summary = app.engine.sync(collection, source, options, Arc::clone(&app.parse), tell) => summary,
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

/// Syncs again whenever something has changed; in a folder, when it then rests for one look. What goes wrong is said, and the
/// next change is waited for.
async fn watch(setup: &Setup, app: &App, watched: &Watched, args: &SyncArgs, synced: String) -> anyhow::Result<Exit> {
    setup.screen.note(format!("watching {}; Ctrl-C ends it", args.source.display()));
    let (mut synced, mut seen) = (synced.clone(), synced);
    loop {
        tokio::select! {
            () = tokio::time::sleep(watched.look_every) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
        let looked = watched.source.stamp().await.unwrap_or_else(|error| error.to_string());
        let rests = looked == seen || !watched.has_halves;
        seen = looked;
        if !rests || seen == synced {
            continue;
        }
        synced.clone_from(&seen);
        match once(setup, app, &watched.source, args).await {
            Ok(Exit::Interrupted) => return Ok(Exit::Interrupted),
            Ok(_) => {}
            Err(failure) => {
                setup.screen.failure(&failure);
            }
        }
    }
}
