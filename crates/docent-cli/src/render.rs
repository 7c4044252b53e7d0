//! The one place that prints: results to standard output, everything else to standard error.
//!
//! Lines and progress bars share the terminal here, so neither tears the other. Colours are for terminals only, respect
//! `NO_COLOR`, and never carry a meaning that the words do not. What is absent: knowledge of commands; the modules below
//! make text of the engine's types and print nothing.

pub(crate) mod answer;
pub(crate) mod explain;
pub(crate) mod generations;
pub(crate) mod ingest;
pub(crate) mod keys;
pub(crate) mod listing;
pub(crate) mod reembed;
pub(crate) mod text;

use crate::exit::{self, Exit};
use console::Term;
use docent_app::Environment;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use text::Paint;

/// Widest that text is set, however wide the terminal.
const WIDTH_MAX: usize = 100;
/// Width where there is no terminal to ask.
const WIDTH_USUAL: usize = 80;

/// Where results and notes go.
pub(crate) struct Screen {
    bars: MultiProgress,
    /// Columns of a line of text.
    pub(crate) width: usize,
    /// Colours for results.
    pub(crate) paint: Paint,
    /// Colours for notes and errors.
    aside: Paint,
    quiet: bool,
    live: bool,
}

impl Screen {
    /// The terminal or pipes that the program was started with.
    pub(crate) fn new(environment: &Environment, quiet: bool) -> Self {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let colours = environment.get("NO_COLOR").is_none() && environment.get("TERM") != Some("dumb");
        let live = err && !quiet;
        let target = if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let columns = Term::stdout().size_checked().map(|(_, columns)| columns);
        Self {
            bars: MultiProgress::with_draw_target(target),
            width: columns.map_or(WIDTH_USUAL, |columns| usize::from(columns).min(WIDTH_MAX)),
            paint: Paint::new(out && colours),
            aside: Paint::new(err && colours),
            quiet,
            live: live && out,
        }
    }

    /// For errors before anything is known about the terminal.
    pub(crate) fn plain() -> Self {
        Self::new(&Environment::of([], std::path::Path::new("")), true)
    }

    /// True if a person is watching, so that it pays to show things as they happen.
    pub(crate) const fn is_live(&self) -> bool {
        self.live
    }

    /// A line (or several) of the result.
    pub(crate) fn data(&self, text: impl Display) -> io::Result<()> {
        self.bars.suspend(|| writeln!(io::stdout().lock(), "{text}"))
    }

    /// A value of the result, as one line of JSON.
    pub(crate) fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        let line = serde_json::to_string(value)?;
        Ok(self.data(line)?)
    }

    /// A line for a person who watches; nobody misses it in a pipe.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            self.aside(&self.aside.dim(&text.to_string()));
        }
    }

    /// An error with its causes and what to do; returns what to exit with.
    pub(crate) fn failure(&self, failure: &anyhow::Error) -> Exit {
        let exit = exit::for_failure(failure);
        if exit != Exit::Done {
            let hint = exit::engine_error(failure).and_then(|error| error.hint_text());
            let causes: Vec<_> = failure.chain().skip(1).map(ToString::to_string).collect();
            self.trouble(&failure.to_string(), &causes, hint);
        }
        exit
    }

    /// The same for something that is not an error of the program.
    pub(crate) fn trouble(&self, message: &str, causes: &[String], hint: Option<&str>) {
        let mut text = format!("{} {message}", self.aside.red("error:"));
        for cause in causes {
            text.push_str("\n  because: ");
            text.push_str(cause);
        }
        if let Some(hint) = hint {
            text.push_str(&format!("\n\n{} {hint}", self.aside.cyan("hint:")));
        }
        self.aside(&text);
    }

    fn aside(&self, text: &str) {
        // Nothing is left to be done when standard error is gone.
        self.bars.suspend(|| {
            let _gone = writeln!(io::stderr().lock(), "{text}");
        });
    }

    /// A progress bar; invisible unless somebody watches.
    pub(crate) fn bar(&self, what: &'static str) -> ProgressBar {
        let template = if self.aside.is_on() {
            "{prefix:>9.bold} [{bar:28.cyan/dim}] {percent:>3}% {wide_msg:.dim}"
        } else {
            "{prefix:>9} [{bar:28}] {percent:>3}% {wide_msg}"
        };
        // The template is a constant, and a test draws it.
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let bar = self.bars.add(ProgressBar::new(0).with_style(style));
        bar.set_prefix(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_template_is_valid() {
        for template in [
            "{prefix:>9.bold} [{bar:28.cyan/dim}] {percent:>3}% {wide_msg:.dim}",
            "{prefix:>9} [{bar:28}] {percent:>3}% {wide_msg}",
        ] {
            ProgressStyle::with_template(template).expect("valid");
        }
    }
}
