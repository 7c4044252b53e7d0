//! `docent delete`: when it returns, no search finds the text any more, and the index's files do not hold it.

use crate::args::DeleteArgs;
use crate::exit::Exit;
use crate::render::text::count;
use crate::setup::Setup;
use docent_engine::Error;
use docent_engine::deletes::Receipt;

pub(crate) async fn run(setup: &Setup, args: DeleteArgs) -> anyhow::Result<Exit> {
    let app = setup.app().await?;
    let (screen, collection) = (&setup.screen, &setup.config.collection);
    if args.all {
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
        let deleted = app.engine.delete(collection, what, args.erase).await?;
        if args.json {
            screen.json(&deleted)?;
        } else {
            screen.data(receipt(what, &deleted))?;
        }
    }
    Ok(Exit::Done)
}

fn receipt(what: &str, receipt: &Receipt) -> String {
    let Receipt { index, answers, erased } = receipt;
    let mut text = format!("  deleted  {what}  {}  {}", count(index.chunks, "chunk"), index.documents.join(", "));
    text.truncate(text.trim_end().len());
    let fate = if *erased { "erased" } else { "marked" };
    match answers {
        Some(0) => {}
        Some(answers) => text.push_str(&format!("\n           {} made from it {fate}", count(*answers, "answer"))),
        None => {
            text.push_str("\n           stored answers were not looked through: this store of queries cannot do it")
        }
    }
    text
}
