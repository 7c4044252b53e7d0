//! Tokens and money: amounts, caps, prices, and what an answer cost.
//!
//! Money is counted in whole millionths of a US dollar and prices in millionths per million tokens; nothing here is a
//! floating-point number. A cost is rounded up to the next millionth, and one that cannot be known is not made up.

use crate::query::Usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// An amount of money in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroDollars(pub u64);

/// Digits behind the point of a dollar amount.
const DECIMALS: usize = 6;
const PER_DOLLAR: u64 = 1_000_000;

impl MicroDollars {
    /// Reads dollars as people write them: `5`, `0.15`; at most six digits behind the point, and no sign.
    pub fn parse(dollars: &str) -> Option<Self> {
        let (whole, rest) = dollars.split_once('.').unwrap_or((dollars, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(rest) || rest.len() > DECIMALS {
            return None;
        }
        let behind: u64 = format!("{rest:0<DECIMALS$}").parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(PER_DOLLAR)?.checked_add(behind).map(Self)
    }

    /// Dollars, for JSON: the nearest floating-point number, which prints as the exact amount up to billions.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / PER_DOLLAR as f64
    }
}

impl fmt::Display for MicroDollars {
    /// Dollars with at least two digits behind the point and no more than needed: `0.50`, `0.000159`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let behind = format!("{:06}", self.0 % PER_DOLLAR);
        let needed = behind.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.0 / PER_DOLLAR, &behind[..needed])
    }
}

/// Tokens and money that were spent, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// Tokens of all kinds.
    pub tokens: u64,
    /// Money.
    pub money: MicroDollars,
}

impl Spending {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let money = MicroDollars(self.money.0.saturating_add(other.money.0));
        Self { tokens: self.tokens.saturating_add(other.tokens), money }
    }

    /// What is left of it without the other; nothing, rather than less.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        let money = MicroDollars(self.money.0.saturating_sub(other.money.0));
        Self { tokens: self.tokens.saturating_sub(other.tokens), money }
    }

    /// True if it is nothing.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// The most that may be spent in a day; what is not said is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Tokens.
    pub tokens: Option<u64>,
    /// Money.
    pub money: Option<MicroDollars>,
}

/// Which cap was in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// Tokens.
    Tokens,
    /// Money.
    Money,
}

impl Caps {
    /// True if nothing is limited.
    pub fn is_none(&self) -> bool {
        self.tokens.is_none() && self.money.is_none()
    }

    /// The cap that a total goes over, if it goes over one; a total that is exactly the cap does not.
    pub fn exceeded(&self, total: Spending) -> Option<Cap> {
        match () {
            () if self.tokens.is_some_and(|cap| total.tokens > cap) => Some(Cap::Tokens),
            () if self.money.is_some_and(|cap| total.money > cap) => Some(Cap::Money),
            () => None,
        }
    }
}

/// What a model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// For a million tokens that it reads or embeds.
    pub input: MicroDollars,
    /// For a million tokens that it writes.
    pub output: MicroDollars,
}

impl Price {
    /// In millionths of millionths, so that nothing is lost.
    fn of(self, input_tokens: u64, output_tokens: u64) -> u128 {
        u128::from(self.input.0) * u128::from(input_tokens) + u128::from(self.output.0) * u128::from(output_tokens)
    }

    /// What so many tokens cost, rounded up.
    pub fn cost(self, input_tokens: u64, output_tokens: u64) -> MicroDollars {
        rounded_up(self.of(input_tokens, output_tokens))
    }
}

fn rounded_up(millionths: u128) -> MicroDollars {
    MicroDollars(u64::try_from(millionths.div_ceil(u128::from(PER_DOLLAR))).unwrap_or(u64::MAX))
}

/// A price list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// The day it was drawn up, `2026-11-05`; empty if there is no list.
    pub as_of: String,
    /// Prices by the model's name, without the provider.
    pub models: BTreeMap<String, Price>,
}

/// What an answer cost, as far as it can be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The estimate; none if it cannot be known, and then `note` says why.
    pub money: Option<MicroDollars>,
    /// The model that wrote the answer, with its provider.
    pub model: String,
    /// The day of the price list it was estimated with; none if none was needed.
    pub prices_as_of: Option<String>,
    /// Why there is no estimate.
    pub note: Option<String>,
}

/// Models that run inside the program cost nothing.
fn runs_here(model: &str) -> bool {
    model == "quoting" || model.starts_with("local/")
}

/// True if it is known how many tokens a call cost: it cost none, or the endpoint counted them.
pub fn is_counted(model: &str, tokens: u64) -> bool {
    runs_here(model) || tokens > 0
}

impl Prices {
    /// The price of a model, named with or without its provider.
    pub fn of(&self, model: &str) -> Option<Price> {
        self.models.get(model.strip_prefix("openai/").unwrap_or(model)).copied()
    }

    /// Estimates what an answer cost that `generator` wrote, if it was asked; `embedder` embedded the question.
    pub fn cost(&self, generator: &str, was_asked: bool, embedder: &str, usage: &Usage) -> Cost {
        let asked = was_asked.then_some(generator);
        let writing = asked.map_or(Ok(0), |model| self.part(model, usage.input_tokens, usage.output_tokens));
        let embedding = self.part(embedder, usage.embedding_tokens, 0);
        let (money, note) = match (writing, embedding) {
            (Ok(writing), Ok(embedding)) => (Some(rounded_up(writing + embedding)), None),
            (Err(note), _) | (_, Err(note)) => (None, Some(note)),
        };
        let priced = |model: &str| !runs_here(model);
        let needed = money.is_some() && (asked.is_some_and(priced) || priced(embedder));
        Cost { money, model: generator.to_owned(), prices_as_of: needed.then(|| self.as_of.clone()), note }
    }

    fn part(&self, model: &str, input_tokens: u64, output_tokens: u64) -> Result<u128, String> {
        if runs_here(model) {
            return Ok(0);
        }
        if !is_counted(model, input_tokens.saturating_add(output_tokens)) {
            return Err(format!("the endpoint did not count the tokens of {model}"));
        }
        let price =
            self.of(model).ok_or_else(|| format!("the price of {model} is not known; `prices_file` can name it"))?;
        Ok(price.of(input_tokens, output_tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_and_shown_without_loss() {
        for (typed, micros, shown) in [
            ("5", 5_000_000, "5.00"),
            ("0.15", 150_000, "0.15"),
            ("0.5", 500_000, "0.50"),
            ("12.345678", 12_345_678, "12.345678"),
            ("0.000001", 1, "0.000001"),
            ("007.10", 7_100_000, "7.10"),
        ] {
            assert_eq!(MicroDollars::parse(typed), Some(MicroDollars(micros)), "{typed}");
            assert_eq!(MicroDollars(micros).to_string(), shown);
        }
        for wrong in ["", ".5", "5.", "-1", "+1", "1e3", "0.0000001", "1,5", " 1", "99999999999999999999", "1.2.3"] {
            assert_eq!(MicroDollars::parse(wrong), None, "{wrong}");
        }
        assert_eq!(serde_json::to_string(&MicroDollars(159).dollars()).unwrap(), "0.000159");
    }

    fn prices() -> Prices {
        let price = |input, output| Price { input: MicroDollars(input), output: MicroDollars(output) };
        let models = [("writer", price(150_000, 600_000)), ("embedder", price(20_000, 0))];
        Prices { as_of: "2026-11-05".to_owned(), models: models.map(|(name, price)| (name.to_owned(), price)).into() }
    }

    fn usage(input_tokens: u64, output_tokens: u64, embedding_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens, embedding_tokens }
    }

    #[test]
    fn what_is_known_is_estimated_and_what_is_not_is_said() {
        const LOCAL: &str = "local/all-MiniLM-L6-v2-q8";
        // (generator, embedder, usage, millionths)
        for (generator, embedder, used, money) in [
            (Some("openai/writer"), LOCAL, usage(900, 40, 0), Some(159)),
            (Some("openai/writer"), "openai/embedder", usage(900, 40, 1), Some(160)),
            (Some("openai/writer"), LOCAL, usage(1, 0, 0), Some(1)),
            (Some("quoting"), LOCAL, usage(0, 0, 0), Some(0)),
            (Some("quoting"), "openai/embedder", usage(0, 0, 1_000), Some(20)),
            (None, LOCAL, usage(0, 0, 0), Some(0)),
            (None, "openai/embedder", usage(0, 0, 9), Some(1)),
            (Some("openai/stranger"), LOCAL, usage(900, 40, 0), None),
            (Some("openai/writer"), LOCAL, usage(0, 0, 0), None),
            (Some("quoting"), "openai/stranger", usage(0, 0, 9), None),
            (Some("openai/writer"), "openai/embedder", usage(900, 40, 0), None),
        ] {
            let cost = prices().cost(generator.unwrap_or("openai/stranger"), generator.is_some(), embedder, &used);
            assert_eq!(cost.money, money.map(MicroDollars), "{generator:?} {embedder} {used:?}");
            assert_eq!(cost.note.is_some(), money.is_none());
            let charged = money.is_some() && (generator == Some("openai/writer") || embedder.starts_with("openai/"));
            assert_eq!(cost.prices_as_of.is_some(), charged, "{generator:?} {embedder}");
        }
    }

    #[test]
    fn a_cap_may_be_reached_but_not_passed() {
        let caps = |tokens, money: Option<u64>| Caps { tokens, money: money.map(MicroDollars) };
        let total = Spending { tokens: 10, money: MicroDollars(5) };
        for (caps, exceeded) in [
            (caps(None, None), None),
            (caps(Some(10), Some(5)), None),
            (caps(Some(9), Some(5)), Some(Cap::Tokens)),
            (caps(Some(10), Some(4)), Some(Cap::Money)),
            (caps(Some(0), Some(0)), Some(Cap::Tokens)),
        ] {
            assert_eq!(caps.exceeded(total), exceeded, "{caps:?}");
        }
    }
}
