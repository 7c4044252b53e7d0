//! `docent config`: every setting and where it comes from.

use crate::args::ConfigArgs;
use crate::exit::Exit;
use crate::render::listing;
use crate::setup::Setup;

pub(crate) fn run(setup: &Setup, args: &ConfigArgs) -> anyhow::Result<Exit> {
    let (screen, settings) = (&setup.screen, setup.config.shown());
    if args.reference {
        screen.data(docent_app::config::reference().trim_end())?;
    } else if args.json {
        screen.json(&settings)?;
    } else {
        screen.data(listing::settings(&settings).join("\n"))?;
    }
    Ok(Exit::Done)
}
