//! `docent.toml`: where it is looked for and how it is read.

use super::{Environment, FILE_NAME, Flags, SETTINGS, reading};
use docent_engine::{Error, Result};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How different two keys may be for one to be a slip of the other: 0 for nothing in common, 1 for equal.
const ALIKE: f64 = 0.6;

/// A settings file, its values as text.
#[derive(Debug)]
pub(super) struct SettingsFile {
    pub(super) path: PathBuf,
    values: BTreeMap<String, String>,
}

impl SettingsFile {
    /// The file named by flag or variable, which must exist; else the one in the working folder; else the one in the data
    /// folder.
    pub(super) fn find(flags: &Flags, environment: &Environment) -> Result<Option<Self>> {
        let working_folder = environment.working_folder();
        let named = flags.config.clone().or_else(|| environment.get("DOCENT_CONFIG").map(PathBuf::from));
        if let Some(named) = named {
            let path = working_folder.join(named);
            return Self::read(&path)?.map(Some).ok_or_else(|| missing(&path));
        }
        if let Some(file) = Self::read(&working_folder.join(FILE_NAME))? {
            return Ok(Some(file));
        }
        let typed = flags.values.get("data").map(PathBuf::from);
        let said = typed.or_else(|| environment.get("DOCENT_DATA").map(PathBuf::from));
        let Some(data) = said.or_else(|| reading::platform_data(environment)) else {
            return Ok(None);
        };
        let file = Self::read(&working_folder.join(data).join(FILE_NAME))?;
        match file {
            Some(file) if file.values.contains_key("data") => {
                Err(Error::invalid(format!("{} lies in the data folder and names a data folder", file.path.display()))
                    .hint("remove `data` from it, or set DOCENT_DATA"))
            }
            file => Ok(file),
        }
    }

    /// Nothing if there is no such file.
    fn read(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => {
                return Err(Error::invalid(format!("cannot read {}", path.display()))
                    .because(error)
                    .hint("make it readable, or name another file with --config"));
            }
        };
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Error::invalid(format!("{} is not TOML", path.display()))
                .because(Cause(place(&error, &text)))
                .hint("a line looks like this: top_k = 8")
        })?;
        let mut values = BTreeMap::new();
        for (key, value) in table {
            let text = text_of(path, &key, &value)?;
            values.insert(key, text);
        }
        Ok(Some(Self { path: path.to_owned(), values }))
    }

    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// What relative paths in the file are relative to.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

#[derive(Debug)]
struct Cause(String);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

/// What is wrong and in which line, without the line itself, which may hold a secret.
fn place(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
    format!("line {line}: {}", error.message())
}

fn missing(path: &Path) -> Error {
    Error::invalid(format!("there is no settings file {}", path.display())).hint("check --config and DOCENT_CONFIG")
}

fn text_of(path: &Path, key: &str, value: &toml::Value) -> Result<String> {
    let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
        return Err(unknown(path, key));
    };
    let plain = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    };
    let text = match value {
        toml::Value::Array(values) => {
            values.iter().map(plain).collect::<Option<Vec<_>>>().map(|values| values.join(","))
        }
        value => plain(value),
    };
    text.ok_or_else(|| {
        Error::invalid(format!("`{key}` in {} is neither text nor number", path.display()))
            .hint(format!("it is {}", setting.about))
    })
}

fn unknown(path: &Path, key: &str) -> Error {
    let nearest = SETTINGS
        .iter()
        .map(|setting| (strsim::jaro_winkler(key, setting.key), setting.key))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness >= ALIKE);
    let hint = match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None => "`docent config` lists all settings".to_owned(),
    };
    Error::invalid(format!("{} has an unknown setting `{key}`", path.display())).hint(hint)
}
