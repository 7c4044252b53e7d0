//! `docent doctor`: every part tried for real.

use crate::args::JsonArgs;
use crate::exit::Exit;
use crate::render::listing;
use crate::setup::Setup;
use docent_app::doctor::{self, Status};

pub(crate) async fn run(setup: &Setup, args: JsonArgs) -> anyhow::Result<Exit> {
    let checks = doctor::examine(&setup.config, &setup.environment, &setup.parser).await;
    let screen = &setup.screen;
    if args.json {
        screen.json(&checks)?;
    } else {
        for check in &checks {
            screen.data(listing::check(check, screen.width, screen.paint))?;
        }
        screen.note(format!("\n{}", listing::checks(&checks)));
    }
    let failed = checks.iter().any(|check| check.status == Status::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}
