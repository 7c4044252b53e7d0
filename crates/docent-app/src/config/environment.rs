//! The one file that reads the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the process was started with: its variables and its working folder, as values.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    working_folder: PathBuf,
}

impl Environment {
    /// That of this process, read once. A variable that is not UTF-8 counts as not set.
    #[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            working_folder: std::env::current_dir().unwrap_or_default(),
        }
    }

    /// One made up by the caller.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>, working_folder: &Path) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { variables: variables.into_iter().map(owned).collect(), working_folder: working_folder.to_owned() }
    }

    /// A variable's value; one that is empty counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The first of several variables that is set.
    pub fn first(&self, names: &'static [&'static str]) -> Option<(&'static str, &str)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    /// All variables whose names begin so.
    pub fn beginning_with(&self, prefix: &str) -> BTreeMap<String, String> {
        let named = self.variables.keys().filter(|name| name.starts_with(prefix));
        named.filter_map(|name| Some((name.clone(), self.get(name)?.to_owned()))).collect()
    }

    /// The folder that the process was started in.
    pub fn working_folder(&self) -> &Path {
        &self.working_folder
    }

    /// Names of variables that begin like ours and that no setting knows: typing mistakes, most likely.
    pub fn unknown(&self) -> Vec<&str> {
        let known = |name: &str| {
            name == "DOCENT_CONFIG" || super::SETTINGS.iter().any(|setting| setting.environment.contains(&name))
        };
        let ours = self.variables.keys().map(String::as_str);
        ours.filter(|name| name.starts_with("DOCENT_") && !known(name)).collect()
    }
}
