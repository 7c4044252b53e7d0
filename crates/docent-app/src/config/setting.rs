//! What a setting is.

use super::{Config, Environment};
use docent_engine::Result;

/// How a value is treated before it is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    Plain,
    /// Made absolute.
    Path,
    /// Made absolute, unless it is a URL.
    Place,
    /// Never shown.
    Secret,
}

/// What holds when nobody says anything.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// No value.
    Nothing(&'static str),
    /// This value.
    Is(&'static str),
    /// A value that depends on the machine or on settings declared earlier; the first part says so in words.
    Computed(&'static str, fn(&Config, &Environment) -> Result<Option<String>>),
}

impl Preset {
    pub(super) fn text(self, before: &Config, environment: &Environment) -> Result<Option<String>> {
        match self {
            Self::Nothing(_) => Ok(None),
            Self::Is(text) => Ok(Some(text.to_owned())),
            Self::Computed(_, compute) => compute(before, environment),
        }
    }

    pub(super) fn in_words(self) -> String {
        match self {
            Self::Nothing(words) | Self::Computed(words, _) => words.to_owned(),
            Self::Is(text) => format!("`{text}`"),
        }
    }
}

/// The declaration of a setting.
#[derive(Debug)]
pub struct Setting {
    /// Heading in the reference.
    pub group: &'static str,
    /// Name in `docent.toml`, in messages and in `docent config`.
    pub key: &'static str,
    /// Environment variables, the strongest first.
    pub environment: &'static [&'static str],
    /// How its text is treated.
    pub kind: Kind,
    /// What holds otherwise.
    pub default: Preset,
    /// What it is, beginning in lower case and without full stop.
    pub about: &'static str,
    /// Understands the text; the error says what it must be.
    pub(super) read: fn(&mut Config, &str) -> std::result::Result<(), String>,
}
