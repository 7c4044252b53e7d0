//! Looks at every part on its own and says what is wrong with it and what to do.

use crate::cloud::Cloud;
use crate::config::{Config, EmbedderChoice, Environment, GeneratorChoice};
use crate::costs;
use crate::documents::{ParserProgram, Reader};
use crate::wiring;
use docent_core::access::KeyState;
use docent_core::chunking::CHUNKING_RULES;
use docent_engine::ports::{Collection, EmbeddingModel, IndexProfile};
use docent_engine::{Error, Result};
use docent_models::openai::{Checked, OpenAiEmbedder, OpenAiGenerator};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long an endpoint may take for one tiny call.
const PATIENCE: Duration = Duration::from_secs(20);
/// Less room than this on the disk is worth a word.
const ROOM_BYTES: u64 = 1 << 30;
/// What the embedding model and the parser are tried with.
const SENTENCE: &str = "The quick brown fox jumps over the lazy dog.";

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It works.
    Ok,
    /// It works, but not as one might expect.
    Warn,
    /// It does not work.
    Fail,
}

/// What was found out about a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The part.
    pub name: &'static str,
    /// How it is.
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do, if anything.
    pub fix: Option<String>,
}

impl Check {
    fn ok(detail: impl Into<String>) -> Finding {
        (Status::Ok, detail.into(), None)
    }

    fn warn(detail: impl Into<String>, fix: impl Into<String>) -> Finding {
        (Status::Warn, detail.into(), Some(fix.into()))
    }
}

type Finding = (Status, String, Option<String>);

fn check(name: &'static str, found: Result<Finding>) -> Check {
    let (status, detail, fix) = found.unwrap_or_else(|error| {
        let fix = error.hint_text().map(str::to_owned);
        (Status::Fail, with_causes(&error), fix)
    });
    Check { name, status, detail, fix }
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// Looks at everything. Each part is tried for real: a sentence is embedded, a file is parsed in the child process, a
/// configured endpoint gets one tiny call.
pub async fn examine(config: &Config, environment: &Environment, parser: &ParserProgram) -> Vec<Check> {
    let cloud = Cloud::default();
    let embedding = embedding(config, &cloud).await;
    let model = embedding.as_ref().ok().map(|(model, _)| model.clone());
    vec![
        check("configuration", Ok(configuration(config, environment))),
        check("data folder", data_folder(config)),
        check("index", index(config, &cloud, model).await),
        check("query store", queries(config, &cloud).await),
        check("access", access(config, &cloud).await),
        check("embedding model", embedding.map(|(_, finding)| finding)),
        check("parser", parse(config, parser)),
        check("scans", scans(config, parser)),
        check("answers", answers(config, &cloud).await),
        check("costs", costs(config)),
    ]
}

fn configuration(config: &Config, environment: &Environment) -> Finding {
    let unknown = environment.unknown();
    if !unknown.is_empty() {
        return Check::warn(
            format!("no setting is called {}", unknown.join(", ")),
            "`docent config` lists the variables that are read",
        );
    }
    Check::ok(match &config.file {
        Some(file) => format!("settings from {}", file.display()),
        None => "no settings file; defaults, environment and flags".to_owned(),
    })
}

fn data_folder(config: &Config) -> Result<Finding> {
    wiring::make_data_folder(&config.data)?;
    let shown = config.data.display();
    let probe = config.data.join(".doctor");
    let written = std::fs::write(&probe, SENTENCE).and_then(|()| std::fs::remove_file(&probe));
    written.map_err(|error| {
        Error::internal(format!("{shown} cannot be written"))
            .because(error)
            .hint("make room, or name another folder with --data or DOCENT_DATA")
    })?;
    let room = rustix::fs::statvfs(&config.data).map(|disk| disk.f_bavail * disk.f_frsize);
    Ok(match room {
        Ok(room) if room < ROOM_BYTES => Check::warn(
            format!("{shown} has {} MiB left", room >> 20),
            "make room, or name another folder with --data or DOCENT_DATA",
        ),
        Ok(room) => Check::ok(format!("{shown} can be written, {} GiB are free", room >> 30)),
        Err(_) => Check::ok(format!("{shown} can be written")),
    })
}

async fn index(config: &Config, cloud: &Cloud, model: Option<EmbeddingModel>) -> Result<Finding> {
    let collections = wiring::index_from_config(config, cloud, None).await?.collections().await?;
    if collections.is_empty() {
        return Ok(Check::ok("no collection yet"));
    }
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let profile = model.map(|embedding| IndexProfile {
        embedding,
        chunk_tokens: number(config.engine.chunking.tokens_max),
        chunk_overlap: number(config.engine.chunking.overlap),
        chunking: CHUNKING_RULES.to_owned(),
    });
    // A collection of another program does not say how it was made.
    let says = |one: &&Collection| one.profile.chunk_tokens > 0;
    let differs = |one: &&Collection| says(one) && profile.as_ref().is_some_and(|mine| one.profile != *mine);
    let others: Vec<_> = collections.iter().filter(differs).collect();
    if !others.is_empty() {
        let names: Vec<_> = others.iter().map(|one| one.name.as_str()).collect();
        return Ok(Check::warn(
            format!("made with other settings: {}", names.join(", ")),
            "restore the embedding model and chunk settings they were made with, or make them anew: docent reembed --all",
        ));
    }
    let chunks: u64 = collections.iter().map(|one| one.chunks).sum();
    let count = collections.len();
    Ok(Check::ok(format!("{count} collection{} with {chunks} chunks", if count == 1 { "" } else { "s" })))
}

async fn queries(config: &Config, cloud: &Cloud) -> Result<Finding> {
    let stores = wiring::stores_from_config(config, cloud).await?;
    stores.queries.get("00000000000000000000000000000000").await?;
    Ok(Check::ok(match &config.table_name {
        Some(table) => format!("the DynamoDB table {table}"),
        None => format!("{}", config.queries_file().display()),
    }))
}

/// Who may come in, and whether a server could begin.
async fn access(config: &Config, cloud: &Cloud) -> Result<Finding> {
    let now = wiring::clock()();
    let unread = |_| Error::internal("the keys cannot be read").hint("see the query store above");
    let keys = wiring::stores_from_config(config, cloud).await.map_err(unread)?.keys.list().await?;
    let active = keys.iter().filter(|key| key.state(now) == KeyState::Active).count();
    let mut facts = vec![format!("{active} of {} keys in force", keys.len())];
    if !config.api_keys.is_empty() {
        facts.push(format!("{} in the settings", config.api_keys.len()));
    }
    if !config.public.is_empty() {
        let scopes: Vec<_> = config.public.iter().map(|scope| scope.as_str()).collect();
        facts.push(format!("public: anybody may {}", scopes.join(" and ")));
    }
    let closed = active == 0 && config.api_keys.is_empty() && config.public.is_empty();
    let detail = facts.join("; ");
    Ok(match (closed, config.listen.ip().is_loopback(), keys.is_empty()) {
        (true, false, _) => Check::warn(
            format!("{detail}; a server on {} would not start", config.listen),
            "make a key with `docent keys create NAME --scope read,ask`, or set DOCENT_PUBLIC",
        ),
        (true, true, true) => Check::ok("no keys: a server is open to programs of this machine".to_owned()),
        (true, true, false) => Check::warn(
            format!("{detail}; nobody can come in"),
            "make a key with `docent keys create NAME --scope read,ask`",
        ),
        (false, ..) => Check::ok(detail),
    })
}

fn costs(config: &Config) -> Result<Finding> {
    let settings = costs::settings_from_config(config)?;
    let estimate = settings.budget.estimate;
    if estimate.is_zero() {
        return Ok(Check::ok("answers cost nothing"));
    }
    if let Some(model) = costs::unpriced(config, &settings.prices) {
        return Ok(Check::warn(
            format!("the price of {model} is not known, so answers show no cost"),
            "name it in a file and set `prices_file`; docs/access.md shows how",
        ));
    }
    Ok(Check::ok(format!("prices of {}; at most {} US dollars an answer", settings.prices.as_of, estimate.money)))
}

async fn embedding(config: &Config, cloud: &Cloud) -> Result<(EmbeddingModel, Finding)> {
    if config.embedder == EmbedderChoice::OpenAi {
        let embedder = OpenAiEmbedder::connect(wiring::openai_from_config(config, cloud).await?).await?;
        let checked = embedder.check(PATIENCE).await?;
        let model = docent_engine::ports::Embedder::model(&embedder).clone();
        let detail = answered(&checked, config);
        return Ok((model, Check::ok(detail)));
    }
    let embedder = wiring::embedder_from_config(config, cloud).await?;
    let model = embedder.model().clone();
    let begun = Instant::now();
    let vectors = embedder.embed(&[SENTENCE.to_owned()]).await?;
    let length = vectors.first().map_or(0, Vec::len);
    if length != model.dimension {
        let told = format!("{} made a vector of length {length}", model.name);
        return Err(Error::internal(told).hint("this is a defect: please report it"));
    }
    let detail =
        format!("{}, {length} dimensions; the first sentence took {} ms", model.name, begun.elapsed().as_millis());
    Ok((model, Check::ok(detail)))
}

fn parse(config: &Config, parser: &ParserProgram) -> Result<Finding> {
    let file = config.data.join(".doctor.txt");
    let failed = |error| {
        Error::internal("cannot write a file to try the parser with").because(error).hint("see the data folder above")
    };
    std::fs::write(&file, SENTENCE).map_err(failed)?;
    let reader = Reader::from_config(config, parser);
    let parsed = reader.parse()(&file, "doctor.txt");
    std::fs::remove_file(&file).map_err(failed)?;
    let parsed = parsed.map_err(|refusal| {
        Error::internal(refusal.to_string())
            .hint("the program must be able to start itself; check its permissions and limits")
    })?;
    if parsed.pages.first().map(|page| page.text.trim()) != Some(SENTENCE) {
        return Err(Error::internal("the parser returned another text"));
    }
    let limits = &config.parse;
    let detail = format!(
        "in a process of its own; a file may take {} s, {} MiB of memory and have {} MiB",
        limits.time.as_secs(),
        limits.memory_bytes >> 20,
        limits.file_bytes >> 20
    );
    Ok(match reader.isolation()?.no_network {
        true => Check::ok(format!("{detail}; it cannot reach the network")),
        false => Check::warn(
            format!("{detail}; it could reach the network"),
            "this system does not let a process close the network to itself (seccomp); read files you trust",
        ),
    })
}

/// Whether pages without text can be read, also where nobody has asked for it.
fn scans(config: &Config, parser: &ParserProgram) -> Result<Finding> {
    let mut wanted = config.clone();
    wanted.ocr.is_wanted = true;
    let reader = Reader::from_config(&wanted, parser);
    let there = match (reader.tesseract(), config.ocr.is_wanted) {
        (Ok(Some(tesseract)), _) => format!("tesseract {} with {}", tesseract.version, tesseract.languages.join(", ")),
        (Err(error), true) => return Err(error),
        (Err(_) | Ok(None), _) => return Ok(Check::ok("not read, and there is no tesseract that could")),
    };
    Ok(Check::ok(match config.ocr.is_wanted {
        true => format!("read by OCR in {}: {there}", config.ocr.languages),
        false => format!("not read unless --ocr is given or DOCENT_OCR set; there is {there}"),
    }))
}

async fn answers(config: &Config, cloud: &Cloud) -> Result<Finding> {
    if config.generator == GeneratorChoice::Quoting {
        return Ok(Check::ok("quoting: sentences of the documents, no model is asked"));
    }
    let generator = OpenAiGenerator::new(wiring::openai_from_config(config, cloud).await?)?;
    let checked = generator.check(PATIENCE).await?;
    Ok(Check::ok(answered(&checked, config)))
}

fn answered(checked: &Checked, config: &Config) -> String {
    format!("{} at {} answered in {} ms", checked.model, config.openai.base_url, checked.latency.as_millis())
}
