//! `docent delete`: when it returns, no search finds the text any more, and the index's files do not hold it.

use crate::args::DeleteArgs;
use crate::exit::Exit;
use crate::render::text::count;
use crate::setup::Setup;
use docent_app::App;
use docent_engine::Error;
use docent_engine::deletes::{DeleteOptions, Receipt};
use docent_engine::ports::TextInFiles;

pub(crate) async fn run(setup: &Setup, args: DeleteArgs) -> anyhow::Result<Exit> {
    let app = setup.app().await?;
    let options = DeleteOptions { erase: args.erase, uploads: app.uploads.as_deref() };
    if args.all {
        return all(setup, &app, options, args.json).await;
    }
    for what in &args.what {
        let deleted = app.engine.delete(&setup.config.collection, what, options).await?;
        if args.json {
            setup.screen.json(&deleted)?;
        } else {
            setup.screen.data(receipt(what, &deleted))?;
        }
    }
    Ok(Exit::Done)
}

async fn all(setup: &Setup, app: &App, options: DeleteOptions<'_>, json: bool) -> anyhow::Result<Exit> {
    let (screen, collection) = (&setup.screen, &setup.config.collection);
    let Some(answers) = app.engine.delete_collection(collection, options).await? else {
        return Err(Error::not_found(format!("there is no collection `{collection}`"))
            .hint("`docent collections` lists those that exist")
            .into());
    };
    if json {
        let erased = options.erase;
        screen.json(&serde_json::json!({
            "collection": collection, "deleted": true, "answers": answers, "answers_erased": erased
        }))?;
    } else {
        screen.data(format!("  deleted  collection {collection}{}", fate(answers, options.erase)))?;
    }
    Ok(Exit::Done)
}

fn receipt(what: &str, receipt: &Receipt) -> String {
    let Receipt { index, uploads, answers, answers_erased } = receipt;
    let mut text = format!("  deleted  {what}  {}  {}", count(index.chunks, "chunk"), index.documents.join(", "));
    text.truncate(text.trim_end().len());
    let mut line = |words: String| text.push_str(&format!("\n           {words}"));
    if !index.documents.is_empty() {
        line(format!("was in {}, is not in {}", index.removed_from, index.generation));
    }
    if index.text_in_files == TextInFiles::Unknown {
        line("the server does not return it any more; what its files still hold is not known".to_owned());
    }
    if *uploads > 0 {
        line(format!("{} of it forgotten, with the files that were kept", count(*uploads, "upload")));
    }
    text + &fate(*answers, *answers_erased)
}

fn fate(answers: u64, erased: bool) -> String {
    let fate = if erased { "erased" } else { "marked" };
    if answers == 0 { String::new() } else { format!("\n           {} made from it {fate}", count(answers, "answer")) }
}
