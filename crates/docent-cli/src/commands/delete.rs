//! `docent delete`: when it returns, no search finds the text any more.

use crate::args::DeleteArgs;
use crate::exit::Exit;
use crate::render::text::count;
use crate::setup::Setup;
use docent_engine::Error;

pub(crate) async fn run(setup: &Setup, args: DeleteArgs) -> anyhow::Result<Exit> {
    let app = setup.app().await?;
    let (screen, collection) = (&setup.screen, &setup.config.collection);
    if args.all {
        if let Some(uploads) = &app.uploads {
            uploads.forget(collection, None).await?;
        }
        if !app.engine.index.delete_collection(collection).await? {
            return Err(Error::not_found(format!("there is no collection `{collection}`"))
                .hint("`docent collections` lists those that exist")
                .into());
        }
        if args.json {
            screen.json(&serde_json::json!({ "collection": collection, "deleted": true }))?;
        } else {
            screen.data(format!("  deleted  collection {collection}"))?;
        }
        return Ok(Exit::Done);
    }
    for what in &args.what {
        let deleted = app.engine.delete(collection, what).await?;
        if let Some(uploads) = &app.uploads {
            uploads.forget(collection, Some(&deleted.documents)).await?;
            // A server may have stored a new version meanwhile; now it cannot any more.
            app.engine.index.delete(collection, &deleted.documents).await?;
        }
        if args.json {
            screen.json(&deleted)?;
        } else {
            screen.data(format!("  deleted  {what}  {}", count(deleted.chunks, "chunk")))?;
        }
    }
    Ok(Exit::Done)
}
