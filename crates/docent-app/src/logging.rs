//! Log lines: to standard error, as text or JSON; and metrics, which for a Lambda function are lines of its log.

use crate::config::{Config, LogLevel};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging for this process, at the level that the settings name, else at `usual`. Called a second time, it
/// changes nothing.
pub fn start(config: &Config, usual: LogLevel) {
    let lines = lines(config, config.log_level.unwrap_or(usual));
    let layers: Vec<BoxedLayer> = lines.into_iter().chain(metrics(config)).collect();
    if !layers.is_empty() {
        let _already_started = tracing_subscriber::registry().with(layers).try_init();
    }
}

/// A line of JSON has the fields of the event beside those of the spans around it: request, query, attempt, generation.
fn lines(config: &Config, level: LogLevel) -> Option<BoxedLayer> {
    let level = match level {
        LogLevel::Off => return None,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    Some(if config.log_json {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(true).with_filter(heard(level)).boxed()
    } else {
        lines.with_target(false).with_filter(heard(level)).boxed()
    })
}

/// Lambda takes metrics from the lines of standard output.
#[cfg(feature = "aws")]
fn metrics(config: &Config) -> Option<BoxedLayer> {
    let measures = Targets::new().with_target(docent_engine::measures::TARGET, LevelFilter::DEBUG);
    let function = config.function_name.clone()?;
    let layer = docent_aws::EmfLayer::new(std::io::stdout, function, crate::wiring::clock());
    Some(layer.with_filter(measures).boxed())
}

#[cfg(not(feature = "aws"))]
fn metrics(_: &Config) -> Option<BoxedLayer> {
    None
}

/// Everybody at this level, but for a library that tells of each message that it takes.
fn heard(level: LevelFilter) -> Targets {
    Targets::new().with_default(level).with_target("rmcp", level.min(LevelFilter::WARN))
}
