//! `docent documents`: what a collection holds.

use crate::args::ListArgs;
use crate::exit::Exit;
use crate::render::listing;
use crate::setup::Setup;
use docent_api::wire::DocumentBody;
use docent_engine::Error;

pub(crate) async fn run(setup: &Setup, args: ListArgs) -> anyhow::Result<Exit> {
    let app = setup.app().await?;
    let (screen, collection) = (&setup.screen, &setup.config.collection);
    if app.engine.index.collection(collection).await?.is_none() {
        return Err(Error::not_found(format!("there is no collection `{collection}`"))
            .hint("`docent ingest PATH` makes one; `docent collections` lists those that exist")
            .into());
    }
    let mut documents = app.engine.all_documents(collection).await?;
    documents.sort_by(|a, b| a.filename.cmp(&b.filename).then_with(|| a.id.cmp(&b.id)));
    if args.json {
        for document in documents {
            screen.json(&DocumentBody::from(document))?;
        }
    } else if documents.is_empty() {
        screen.note(format!("collection {collection} is empty"));
    } else {
        screen.data(listing::documents(&documents, screen.paint).join("\n"))?;
    }
    Ok(Exit::Done)
}
