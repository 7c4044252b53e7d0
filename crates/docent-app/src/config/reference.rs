//! The page about all settings, made from their declarations.

use super::setting::{Kind, Setting};
use super::settings::SETTINGS;
use std::fmt::Write;

const OPENING: &str = "# Configuration

<!-- Made from the declarations in crates/docent-app/src/config/settings.rs by `docent config --reference`. -->

Every setting is looked for at four places, and the first that has it wins:

1. the command line, where a flag exists for it;
2. the environment;
3. `docent.toml`: the file named with `--config` or `DOCENT_CONFIG`, else the one in the working folder, else the one in
   the data folder. Relative paths in it are relative to the folder that it lies in. An unknown key is refused;
4. the default.

`docent config` prints each value and where it came from, with secrets masked. A variable that is set to nothing counts as
not set.
";

/// `docs/reference/configuration.md`.
pub fn reference() -> String {
    let mut page = OPENING.to_owned();
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            // Writing to a string cannot fail.
            let _ = write!(page, "\n## {group}\n");
        }
        describe(&mut page, setting);
    }
    page
}

fn describe(page: &mut String, setting: &Setting) {
    let variables: Vec<_> = setting.environment.iter().map(|name| format!("`{name}`")).collect();
    let secret = if setting.kind == Kind::Secret { " Secret: never printed." } else { "" };
    let _ = write!(
        page,
        "\n### `{}`\n\n{}.{secret}\n\nEnvironment: {} · Default: {}\n",
        setting.key,
        sentence_start(setting.about),
        variables.join(", "),
        setting.default.in_words(),
    );
}

fn sentence_start(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}
