//! Settings: where each comes from, what each means.
//!
//! Every setting is declared once, in [`SETTINGS`]: its name, its environment variables, its default and the sentence
//! that explains it. [`Config::load`] looks for each at four places (flag, environment, `docent.toml`, default; the
//! first that has it wins), remembers where it was found, and turns what was typed into what it means. After that no
//! code asks the environment, the working directory or the settings file again.

mod documents;
mod environment;
mod file;
mod reading;
mod reference;
mod setting;
mod settings;

pub use environment::Environment;
pub use reference::reference;
pub use setting::{Kind, Setting};
pub use settings::SETTINGS;

use docent_core::access::Scope;
use docent_core::rate::Rate;
use docent_engine::webhooks::secret::SigningSecret;
use docent_engine::{Error, Result};
use docent_index::remote::{Access, Place};
use docent_models::openai::{OpenAiSettings, Secret};
use file::SettingsFile;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the settings file.
pub const FILE_NAME: &str = "docent.toml";
/// The variable by which Lambda tells a process that it is a function, and which.
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Who turns texts into vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedderChoice {
    /// The model inside the program.
    Local,
    /// An OpenAI-compatible endpoint.
    OpenAi,
}

/// Who writes answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratorChoice {
    /// Nobody: the best sentences of the documents, word for word.
    Quoting,
    /// An OpenAI-compatible endpoint.
    OpenAi,
}

/// Where the index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexPlace {
    /// In a folder of this machine, one folder per collection: read and written.
    Folder(PathBuf),
    /// In generations that were published there: read.
    Published(Place),
    /// On the Chroma server with this URL.
    Chroma(String),
    /// In a vector bucket of Amazon S3 Vectors.
    Vectors(VectorBucket),
}

/// A vector bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorBucket {
    /// Its name in full: `arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME`.
    pub arn: String,
    /// Its region.
    pub region: String,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Defects and machines in trouble.
    Error,
    /// And what went wrong and was dealt with.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
}

/// What one file may cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParseLimits {
    /// How long reading it may take.
    pub time: Duration,
    /// Bytes of memory that reading it may take.
    pub memory_bytes: u64,
    /// Bytes that it may have.
    pub file_bytes: u64,
}

/// What pages that show text without having any are read with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OcrChoice {
    /// Whether they are read.
    pub is_wanted: bool,
    /// The languages that they are in: `eng+deu`.
    pub languages: String,
    /// The program tesseract, if there is one.
    pub program: Option<PathBuf>,
    /// The folder of its language data, if not its own.
    pub tessdata: Option<PathBuf>,
}

/// Who is told that a question has ended, and how they know that it was us.
#[derive(Clone, Debug, Default)]
pub struct WebhookSettings {
    /// What webhooks are signed with.
    pub secrets: Vec<SigningSecret>,
    /// The secret that holds it, if it is not said.
    pub secret_arn: Option<String>,
    /// Hosts that may be called though they are not public.
    pub hosts: Vec<String>,
}

/// Settings as they are used: typed, checked, paths absolute.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept.
    pub data: PathBuf,
    /// Where collections are.
    pub index: IndexPlace,
    /// How to use a Chroma server; its address aside.
    pub chroma: docent_chroma::Settings,
    /// A folder with an index of the words, beside a store that has none.
    pub words_index: Option<PathBuf>,
    /// Where generations are copied to.
    pub scratch: PathBuf,
    /// How places outside this machine are reached.
    pub store: Access,
    /// The collection that is meant when none is named.
    pub collection: String,
    /// Who embeds.
    pub embedder: EmbedderChoice,
    /// Who answers.
    pub generator: GeneratorChoice,
    /// The endpoint of the two, if they need one.
    pub openai: OpenAiSettings,
    /// Certificates to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// Times, attempts, chunk sizes.
    pub engine: docent_engine::Settings,
    /// Passages that an answer may be made from.
    pub top_k: u32,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Secrets that open everything, besides the keys in the store.
    pub api_keys: Vec<Secret>,
    /// The key that `docent mcp` calls with.
    pub mcp_key: Option<Secret>,
    /// What a caller without a key may do.
    pub public: BTreeSet<Scope>,
    /// How often a key may call.
    pub rate: Option<Rate>,
    /// Webhooks; off without a secret.
    pub webhooks: WebhookSettings,
    /// What models cost, if not what the program knows.
    pub prices_file: Option<PathBuf>,
    /// Web origins that may call the server from a browser; `*` for all.
    pub cors_origins: Vec<String>,
    /// Queries that the server works on at the same time.
    pub workers: usize,
    /// What one file may cost.
    pub parse: ParseLimits,
    /// Whether and how scans are read.
    pub ocr: OcrChoice,
    /// Whether the original files of uploads are kept.
    pub keep_originals: bool,
    /// The DynamoDB table that keeps the queries, instead of a file.
    pub table_name: Option<String>,
    /// The Lambda function that works on queries.
    pub worker_lambda_name: Option<String>,
    /// Where the ingest function takes documents from.
    pub documents: Option<Place>,
    /// The secret that holds the key of the model endpoint.
    pub openai_api_key_secret_arn: Option<String>,
    /// Whether the program lies in a read-only place: the index is read there, scratch goes to the temporary folder.
    pub image_runtime: bool,
    /// The name of the Lambda function that this process is, if it is one.
    pub function_name: Option<String>,
    /// How much is logged; if not said, the command decides.
    pub log_level: Option<LogLevel>,
    /// One JSON object a line instead of text.
    pub log_json: bool,
    /// The settings file that was read.
    pub file: Option<PathBuf>,
    found: Vec<Found>,
}

impl Config {
    fn blank() -> Self {
        Self {
            data: PathBuf::new(),
            index: IndexPlace::Folder(PathBuf::new()),
            scratch: PathBuf::new(),
            store: Access::default(),
            chroma: docent_chroma::Settings::default(),
            words_index: None,
            collection: String::new(),
            embedder: EmbedderChoice::Local,
            generator: GeneratorChoice::Quoting,
            openai: OpenAiSettings::default(),
            ca_file: None,
            engine: docent_engine::Settings::default(),
            top_k: 0,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_keys: Vec::new(),
            mcp_key: None,
            public: BTreeSet::new(),
            rate: None,
            webhooks: WebhookSettings::default(),
            prices_file: None,
            cors_origins: Vec::new(),
            workers: 0,
            parse: ParseLimits::default(),
            ocr: OcrChoice::default(),
            keep_originals: true,
            table_name: None,
            worker_lambda_name: None,
            documents: None,
            openai_api_key_secret_arn: None,
            image_runtime: false,
            function_name: None,
            log_level: None,
            log_json: false,
            file: None,
            found: Vec::new(),
        }
    }

    /// Finds, reads and checks all settings.
    ///
    /// # Errors
    /// `Invalid`, naming the setting, where it was set and what it may be; for a settings file that cannot be read or has
    /// an unknown key.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self> {
        let file = SettingsFile::find(flags, environment)?;
        let mut config = Self::blank();
        config.store.variables = environment.beginning_with("AWS_");
        config.file = file.as_ref().map(|file| file.path.clone());
        config.function_name = environment.get(FUNCTION_NAME).map(str::to_owned);
        for setting in SETTINGS {
            let found = find(setting, flags, environment, file.as_ref(), &config)?;
            if let Some(text) = &found.text {
                (setting.read)(&mut config, text).map_err(|expected| wrong(&found, &expected))?;
            }
            config.found.push(found);
        }
        Ok(config)
    }

    /// Every setting with its value and where that came from, in the order of the reference; secrets are masked.
    pub fn shown(&self) -> Vec<Shown> {
        self.found.iter().map(Found::shown).collect()
    }

    /// Where a setting's value came from.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        let found = self.found.iter().find(|found| found.setting.key == key)?;
        Some(&found.origin)
    }

    /// The same settings for another place: nothing of it touches the data folder.
    #[must_use]
    pub fn in_folder(mut self, data: &Path) -> Self {
        self.data = data.to_owned();
        self.index = IndexPlace::Folder(data.join("index"));
        self.words_index = None;
        self.table_name = None;
        self
    }

    /// The folder with the index, also when questions are answered from what was published.
    pub fn index_folder(&self) -> PathBuf {
        match &self.index {
            IndexPlace::Folder(folder) => folder.clone(),
            IndexPlace::Published(_) | IndexPlace::Chroma(_) | IndexPlace::Vectors(_) => self.data.join("index"),
        }
    }

    /// The file with the queries.
    pub fn queries_file(&self) -> PathBuf {
        self.data.join("queries.sqlite")
    }
}

/// What was typed on the command line, by the setting's key; and where the settings file is said to be.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    config: Option<PathBuf>,
    values: BTreeMap<&'static str, String>,
}

impl Flags {
    /// With the settings file that was named, if one was.
    pub fn new(config: Option<PathBuf>) -> Self {
        Self { config, values: BTreeMap::new() }
    }

    /// Adds a value if one was typed.
    #[must_use]
    pub fn with(mut self, key: &'static str, typed: Option<impl ToString>) -> Self {
        if let Some(typed) = typed {
            self.values.insert(key, typed.to_string());
        }
        self
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// An environment variable of this name.
    Environment(&'static str),
    /// This settings file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting as `docent config` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its key in `docent.toml`.
    pub key: &'static str,
    /// Its value as text, masked if it is a secret; none if it has none.
    pub value: Option<String>,
    /// Where that came from.
    pub origin: String,
    /// Its environment variables, the strongest first.
    pub environment: &'static [&'static str],
    /// What it is for.
    pub about: &'static str,
}

#[derive(Clone)]
struct Found {
    setting: &'static Setting,
    text: Option<String>,
    origin: Origin,
}

impl std::fmt::Debug for Found {
    /// As shown: a secret stays one in a debug print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shown().fmt(f)
    }
}

impl Found {
    fn shown(&self) -> Shown {
        let mask = |text: &String| match self.setting.kind {
            Kind::Secret => "********".to_owned(),
            Kind::Plain | Kind::Path | Kind::Place => text.clone(),
        };
        Shown {
            key: self.setting.key,
            value: self.text.as_ref().map(mask),
            origin: self.origin.to_string(),
            environment: self.setting.environment,
            about: self.setting.about,
        }
    }
}

fn find(
    setting: &'static Setting,
    flags: &Flags,
    environment: &Environment,
    file: Option<&SettingsFile>,
    before: &Config,
) -> Result<Found> {
    let found = |text: Option<String>, origin| Found { setting, text, origin };
    let absolute = |text: &str, base: &Path| match setting.kind {
        Kind::Place if Place::is_url(text) || VectorBucket::is_arn(text) => text.to_owned(),
        Kind::Path | Kind::Place => base.join(text).to_string_lossy().into_owned(),
        Kind::Plain | Kind::Secret => text.to_owned(),
    };
    if let Some(text) = flags.values.get(setting.key) {
        let text = absolute(text, environment.working_folder());
        return Ok(found(Some(text), Origin::Flag));
    }
    if let Some((name, text)) = environment.first(setting.environment) {
        let text = absolute(text, environment.working_folder());
        return Ok(found(Some(text), Origin::Environment(name)));
    }
    if let Some((file, text)) = file.and_then(|file| Some((file, file.value(setting.key)?))) {
        let text = absolute(text, file.folder());
        return Ok(found(Some(text), Origin::File(file.path.clone())));
    }
    let default = setting.default.text(before, environment)?;
    Ok(found(default, Origin::Default))
}

fn wrong(found: &Found, expected: &str) -> Error {
    let key = found.setting.key;
    let typed = match (found.setting.kind, &found.text) {
        (Kind::Secret, _) | (_, None) => String::new(),
        (_, Some(text)) => format!(" (it is `{text}`)"),
    };
    Error::invalid(format!("`{key}` must be {expected}{typed}")).hint(format!("it was set here: {}", found.origin))
}

#[cfg(test)]
mod tests;
