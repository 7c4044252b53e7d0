//! Log lines: to standard error, as text or JSON.

use crate::config::{Config, LogLevel};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging for this process, at the level that the settings name, else at `usual`. Called a second time, it
/// changes nothing.
pub fn start(config: &Config, usual: LogLevel) {
    let level = match config.log_level.unwrap_or(usual) {
        LogLevel::Off => return,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    let _already_started = if config.log_json {
        lines.json().flatten_event(true).with_current_span(false).finish().with(heard(level)).try_init()
    } else {
        lines.with_target(false).finish().with(heard(level)).try_init()
    };
}

/// Everybody at this level, but for a library that tells of each message that it takes.
fn heard(level: LevelFilter) -> Targets {
    Targets::new().with_default(level).with_target("rmcp", level.min(LevelFilter::WARN))
}
