//! What models cost, and what is put aside for an answer.
//!
//! The price list inside the program is OpenAI's and is used for OpenAI's own endpoint only: another server may call a model by
//! the same name and charge something else, or nothing. Whoever uses another names its prices in a file.

use crate::config::{Config, EmbedderChoice, GeneratorChoice};
use docent_core::spending::{MicroDollars, Price, Prices, Spending};
use docent_engine::{Error, Result, Settings};
use docent_models::openai::REWRITE_TOKENS;
use serde::Deserialize;
use std::collections::BTreeMap;

const BUNDLED: &str = include_str!("../prices.toml");
const OPENAI_HOST: &str = "api.openai.com";
/// Tokens of a prompt beside its passages: the rules, the question and the wishes at their longest.
const PROMPT_TOKENS: u64 = 4_000;
/// Tokens that a model reads to rewrite a question: the rules, and the questions before it at their longest.
const CONVERSATION_TOKENS: u64 = 5_000;
/// Tokens that a model may write where no limit is set.
const OUTPUT_TOKENS: u64 = 4_000;
/// Tokens of the longest question.
const QUESTION_TOKENS: u64 = 2_000;
/// Tokens of the sentences that the quoting generator has embedded.
const SENTENCES_TOKENS: u64 = 4_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceList {
    as_of: String,
    models: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    input: String,
    output: String,
}

/// The engine's settings with prices, caps and what an answer is expected to cost at most.
///
/// # Errors
/// `Invalid` for a price list that cannot be read, and for a cap on money when a model's price is not known.
pub fn settings_from_config(config: &Config) -> Result<Settings> {
    let mut settings = config.engine.clone();
    settings.prices = prices_from_config(config)?;
    let (answer, rewriting) = (parts(config), rewriting(config));
    let estimate = estimate(&answer, &settings.prices);
    let caps = [settings.budget.all, settings.budget.per_key];
    if let (Err(model), true) = (&estimate, caps.iter().any(|caps| caps.money.is_some())) {
        return Err(Error::invalid(format!("a cap on money needs the price of {model}, which is not known"))
            .hint("name it in a `prices_file`, or cap tokens instead; docs/access.md shows such a file"));
    }
    settings.budget.estimate = Spending { tokens: tokens(&answer), money: estimate.unwrap_or_default() };
    let money = self::estimate(&rewriting, &settings.prices).unwrap_or_default();
    settings.budget.follow_up = Spending { tokens: tokens(&rewriting), money };
    Ok(settings)
}

/// Prices for the endpoint that is configured; none if they are not known.
pub fn prices_from_config(config: &Config) -> Result<Prices> {
    let Some(file) = &config.prices_file else {
        let is_openai = host(&config.openai.base_url).eq_ignore_ascii_case(OPENAI_HOST);
        return if is_openai { read(BUNDLED) } else { Ok(Prices::default()) };
    };
    let named = |error: Error| {
        Error::invalid(format!("cannot use the prices in {}", file.display()))
            .because(error)
            .hint("docs/access.md shows what the file looks like; `docent config` shows where `prices_file` was set")
    };
    let text = std::fs::read_to_string(file).map_err(|error| named(Error::invalid(error.to_string())))?;
    read(&text).map_err(named)
}

fn host(base_url: &str) -> &str {
    let behind_scheme = base_url.trim().split_once("://").map_or("", |(_, rest)| rest);
    behind_scheme.split('/').next().unwrap_or_default()
}

fn read(text: &str) -> Result<Prices> {
    let list: PriceList = toml::from_str(text).map_err(|error| Error::invalid(error.message().to_owned()))?;
    let is_day = list.as_of.len() == 10 && list.as_of.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if !is_day {
        return Err(Error::invalid("`as_of` must be a day like 2026-11-05"));
    }
    let read = |(model, entry): (String, Entry)| price(&model, &entry).map(|price| (model, price));
    let models = list.models.into_iter().map(read).collect::<Result<_>>()?;
    Ok(Prices { as_of: list.as_of, models })
}

fn price(model: &str, entry: &Entry) -> Result<Price> {
    let dollars = |text: &str| {
        MicroDollars::parse(text)
            .ok_or_else(|| Error::invalid(format!("a price of {model} is not an amount like \"0.15\"")))
    };
    Ok(Price { input: dollars(&entry.input)?, output: dollars(&entry.output)? })
}

/// Tokens that a model may be asked for with one answer.
struct Part {
    model: String,
    input: u64,
    output: u64,
}

fn parts(config: &Config) -> Vec<Part> {
    let openai = &config.openai;
    let writes = config.generator == GeneratorChoice::OpenAi;
    let generator = writes.then(|| Part {
        model: openai.model.clone(),
        input: openai.passage_tokens as u64 + PROMPT_TOKENS,
        output: openai.max_output_tokens.map_or(OUTPUT_TOKENS, u64::from),
    });
    let embeds = config.embedder == EmbedderChoice::OpenAi;
    let embedder = embeds.then(|| Part {
        model: openai.embedding_model.clone(),
        input: QUESTION_TOKENS + if writes { 0 } else { QUESTION_TOKENS + SENTENCES_TOKENS },
        output: 0,
    });
    generator.into_iter().chain(embedder).collect()
}

/// What rewriting a question that follows others may take besides.
fn rewriting(config: &Config) -> Vec<Part> {
    let writes = config.generator == GeneratorChoice::OpenAi;
    let model = config.openai.model.clone();
    let part = Part { model, input: CONVERSATION_TOKENS, output: u64::from(REWRITE_TOKENS) };
    writes.then_some(part).into_iter().collect()
}

fn tokens(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.input + part.output).sum()
}

/// A model that may be asked and whose price is not known.
pub fn unpriced(config: &Config, prices: &Prices) -> Option<String> {
    estimate(&parts(config), prices).err()
}

/// The most that it costs as a rule; the error is a model whose price is not known.
fn estimate(parts: &[Part], prices: &Prices) -> std::result::Result<MicroDollars, String> {
    let mut total = 0_u64;
    for Part { model, input, output } in parts {
        let price = prices.of(model).ok_or_else(|| model.clone())?;
        total = total.saturating_add(price.cost(*input, *output).0);
    }
    Ok(MicroDollars(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags};

    fn config(variables: &[(&str, &str)], folder: &std::path::Path) -> Config {
        let home = [("HOME", "/home/ada")];
        let environment = Environment::of(variables.iter().copied().chain(home), folder);
        Config::load(&Flags::default(), &environment).expect("valid")
    }

    #[test]
    fn the_bundled_list_is_for_openai_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        for (url, known) in [
            ("https://api.openai.com/v1", true),
            ("https://API.openai.com", true),
            ("http://localhost:11434/v1", false),
            ("https://api.openai.com.example.org/v1", false),
            ("https://eu.api.openai.com/v1", false),
        ] {
            let config = config(&[("OPENAI_BASE_URL", url)], folder.path());
            let prices = prices_from_config(&config).expect("read");
            assert_eq!(prices.of("openai/gpt-4o-mini").is_some(), known, "{url}");
        }
    }

    #[test]
    fn an_answer_is_put_aside_for_at_its_most() {
        let folder = tempfile::tempdir().expect("a folder");
        let estimate = |variables: &[(&str, &str)]| {
            settings_from_config(&config(variables, folder.path())).expect("known").budget.estimate
        };
        assert_eq!(estimate(&[]), Spending::default(), "quoting costs nothing");
        let writing = estimate(&[("OPENAI_API_KEY", "sk-test")]);
        assert_eq!((writing.tokens, writing.money.to_string()), (12_000, "0.0027".to_owned()));
        let following = settings_from_config(&config(&[("OPENAI_API_KEY", "sk-test")], folder.path())).expect("known");
        let following = following.budget.follow_up;
        assert_eq!((following.tokens, following.money.to_string()), (6_000, "0.00135".to_owned()));
        let remote = estimate(&[("DOCENT_EMBEDDER", "openai")]);
        assert_eq!((remote.tokens, remote.money.to_string()), (8_000, "0.00016".to_owned()));
    }

    #[test]
    fn a_cap_on_money_needs_prices() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut variables =
            vec![("OPENAI_API_KEY", "sk-test"), ("OPENAI_MODEL", "stranger"), ("DOCENT_DAILY_COST_CAP_USD", "5")];
        let error = settings_from_config(&config(&variables, folder.path())).expect_err("refused");
        assert_eq!(error.to_string(), "a cap on money needs the price of stranger, which is not known");
        let list = "as_of = \"2026-01-01\"\n[models]\nstranger = { input = \"1\", output = \"2.5\" }\n";
        std::fs::write(folder.path().join("prices.toml"), list).expect("written");
        variables.push(("DOCENT_PRICES_FILE", "prices.toml"));
        let settings = settings_from_config(&config(&variables, folder.path())).expect("known");
        assert_eq!(settings.budget.estimate.money.to_string(), "0.015");
        assert_eq!(settings.budget.all.money.map(|money| money.to_string()).as_deref(), Some("5.00"));
        assert_eq!(settings.prices.as_of, "2026-01-01");
    }

    #[test]
    fn price_lists_that_cannot_be_right() {
        for (list, complaint) in [
            ("as_of = \"today\"\n[models]\n", "`as_of` must be a day"),
            ("[models]\n", "missing field `as_of`"),
            ("as_of = \"2026-01-01\"\n[models]\nm = { input = \"-1\", output = \"1\" }\n", "a price of m"),
            ("as_of = \"2026-01-01\"\n[models]\nm = { input = \"1\" }\n", "missing field `output`"),
            (
                "as_of = \"2026-01-01\"\n[models]\nm = { input = \"1\", output = \"1\", cached = \"0\" }\n",
                "unknown field",
            ),
        ] {
            let error = read(list).expect_err("refused");
            assert!(error.to_string().contains(complaint), "{list}: {error}");
        }
    }
}
