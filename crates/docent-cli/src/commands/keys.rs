//! `docent keys`: who may come in.

use crate::args::{KeysArgs, KeysCreateArgs, KeysRevokeArgs, KeysWhat};
use crate::exit::Exit;
use crate::render::keys::{self, KeyBody};
use crate::setup::Setup;
use docent_app::App;
use docent_app::wiring::random_bytes;
use docent_core::Scope;
use docent_engine::keys::NewKey;
use docent_engine::{Error, Result};
use std::time::Duration;

const DAY_S: u64 = 86_400;
const HOUR_S: u64 = 3_600;
/// A key for longer is one for ever.
const DAYS_MAX: u64 = 36_500;

pub(crate) async fn run(setup: &Setup, args: KeysArgs) -> anyhow::Result<Exit> {
    let app = setup.app().await?;
    match args.what {
        KeysWhat::Create(args) => create(setup, &app, args).await,
        KeysWhat::List(args) => list(setup, &app, args.json).await,
        KeysWhat::Revoke(args) => revoke(setup, &app, &args).await,
    }
}

async fn create(setup: &Setup, app: &App, args: KeysCreateArgs) -> anyhow::Result<Exit> {
    let wanted = NewKey {
        name: args.name,
        scopes: args.scope.into_iter().map(Scope::from).collect(),
        collections: (!args.collection.is_empty()).then(|| args.collection.into_iter().collect()),
        lifetime: args.expires.as_deref().map(lifetime).transpose()?,
    };
    let (key, secret) = app.engine.create_key(wanted, random_bytes()?).await?;
    let screen = &setup.screen;
    let now = (app.engine.clock)();
    if args.json {
        screen.json(&KeyBody::new(&key, now).with_secret(&secret))?;
        return Ok(Exit::Done);
    }
    screen.data(secret.expose())?;
    screen.note(format!("\n{}\nthis is the only time that the key is shown: keep it now", keys::summary(&key)));
    Ok(Exit::Done)
}

/// `90d` or `12h`.
fn lifetime(typed: &str) -> Result<Duration> {
    let unit = match typed.chars().last() {
        Some('d') => DAY_S,
        Some('h') => HOUR_S,
        _ => 0,
    };
    let number = typed.get(..typed.len().saturating_sub(1)).and_then(|digits| digits.parse::<u64>().ok());
    let seconds =
        number.and_then(|number| number.checked_mul(unit)).filter(|seconds| (1..=DAYS_MAX * DAY_S).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        Error::invalid(format!("a key cannot last `{typed}`")).hint("say 90d for days, 12h for hours, at most 36500d")
    })
}

async fn list(setup: &Setup, app: &App, json: bool) -> anyhow::Result<Exit> {
    let (all, now, screen) = (app.engine.keys.list().await?, (app.engine.clock)(), &setup.screen);
    if json {
        for key in &all {
            screen.json(&KeyBody::new(key, now))?;
        }
    } else if all.is_empty() {
        screen.note("there are no keys; `docent keys create NAME` makes one");
    } else {
        screen.data(keys::table(&all, now, screen.paint).join("\n"))?;
    }
    Ok(Exit::Done)
}

async fn revoke(setup: &Setup, app: &App, args: &KeysRevokeArgs) -> anyhow::Result<Exit> {
    let key = app.engine.revoke_key(&args.id).await?;
    if args.json {
        setup.screen.json(&KeyBody::new(&key, (app.engine.clock)()))?;
    } else {
        setup.screen.data(format!("  revoked  {}  {}", key.id, key.name))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_key_may_last() {
        for (typed, seconds) in [("90d", Some(7_776_000)), ("1h", Some(3_600)), ("36500d", Some(3_153_600_000))] {
            assert_eq!(lifetime(typed).ok().map(|time| time.as_secs()), seconds, "{typed}");
        }
        for wrong in ["", "d", "0d", "90", "-1d", "1.5d", "90m", "36501d", "99999999999999999999d", "é"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
