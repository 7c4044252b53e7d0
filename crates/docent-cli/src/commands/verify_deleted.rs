//! `docent verify-deleted`: what the index's files still hold of a document.

use crate::args::VerifyDeletedArgs;
use crate::exit::Exit;
use crate::render::text::count;
use crate::setup::Setup;
use docent_app::config::IndexPlace;
use docent_app::{Remains, wiring};
use docent_engine::Error;

const LEFT: &str = "something of the document is left";

pub(crate) async fn run(setup: &Setup, args: VerifyDeletedArgs) -> anyhow::Result<Exit> {
    if !args.id.starts_with("doc_") {
        return Err(Error::invalid(format!("`{}` is not the id of a document", args.id))
            .hint("`docent delete` shows the id: doc_ and 32 digits")
            .into());
    }
    let (screen, config) = (&setup.screen, &setup.config);
    let found = match &config.index {
        IndexPlace::Folder(_) => {
            wiring::folder_index_from_config(config).remains(&config.collection, &args.id, &args.text).await?
        }
        IndexPlace::Published(place) => {
            let generations = wiring::generations_from_config(config, place)?;
            generations.remains(&config.collection, &args.id, &args.text).await?
        }
        IndexPlace::Chroma(_) | IndexPlace::Vectors(_) => {
            return Err(Error::invalid("the index is on a server, whose files cannot be looked into from here")
                .hint("`docent search` and `docent documents` show what it still returns; its operator knows what its files hold")
                .into());
        }
    };
    for remains in &found {
        if args.json {
            screen.json(remains)?;
        } else {
            screen.data(line(remains))?;
        }
    }
    if found.iter().all(Remains::is_gone) {
        return Ok(Exit::Done);
    }
    let (trouble, hint) = match &config.index {
        _ if !found.iter().any(Remains::has_records) => (
            "no record of the document is left, but its id or the words are in the files",
            "another document has them in its text: `docent search` shows which",
        ),
        IndexPlace::Published(_) => (LEFT, "older generations and deleted text go with: docent generations purge"),
        _ => (LEFT, "delete the document, by this id"),
    };
    screen.trouble(trouble, &[], Some(hint));
    Ok(Exit::Failed)
}

fn line(remains: &Remains) -> String {
    let looked =
        format!("{}, {} bytes, {}", count(remains.files, "file"), remains.bytes, count(remains.records, "record"));
    let Remains { generation, living, deleted, mentions, .. } = remains;
    let edition = remains.edition.map_or_else(String::new, |edition| format!(" ({edition} edition)"));
    if remains.is_gone() {
        return format!("     gone  {generation}{edition}  nothing in {looked}");
    }
    let files = remains.named_in.len();
    format!(
        "    found  {generation}{edition}  {living} living, {deleted} deleted records, {mentions} that name it, {files} files; \
         looked through {looked}"
    )
}
