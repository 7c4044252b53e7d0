//! Filters on documents and chunks, in the shape of OpenAI's vector store search.

use serde::{Deserialize, Serialize};

/// A value to compare with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilterValue {
    /// A number (page).
    Number(f64),
    /// A string.
    Text(String),
    /// Several strings, for `in` and `nin`.
    List(Vec<String>),
}

/// A condition that retrieved chunks must meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// Equal.
    Eq {
        /// Field.
        key: String,
        /// Value.
        value: FilterValue,
    },
    /// Not equal.
    Ne {
        /// Field.
        key: String,
        /// Value.
        value: FilterValue,
    },
    /// Greater than.
    Gt {
        /// Field.
        key: String,
        /// Value.
        value: FilterValue,
    },
    /// Greater than or equal.
    Gte {
        /// Field.
        key: String,
        /// Value.
        value: FilterValue,
    },
    /// Less than.
    Lt {
        /// Field.
        key: String,
        /// Value.
        value: FilterValue,
    },
    /// Less than or equal.
    Lte {
        /// Field.
        key: String,
        /// Value.
        value: FilterValue,
    },
    /// One of.
    In {
        /// Field.
        key: String,
        /// Values.
        value: FilterValue,
    },
    /// None of.
    Nin {
        /// Field.
        key: String,
        /// Values.
        value: FilterValue,
    },
    /// All of these.
    And {
        /// Conditions.
        filters: Vec<Filter>,
    },
    /// Any of these.
    Or {
        /// Conditions.
        filters: Vec<Filter>,
    },
}

/// The keys a filter may name.
pub const FILTER_KEYS: [&str; 5] = ["document_id", "filename", "format", "title", "page"];

/// A filter understood: its keys exist, its values are of the right kind, and nothing in it is empty. What a store
/// translates into its own language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Every chunk meets it.
    Everything,
    /// No chunk can meet it.
    Nothing,
    /// A text field has one of these values, or none of them.
    Text {
        /// `document_id`, `filename`, `format` or `title`.
        key: &'static str,
        /// At least one.
        values: Vec<String>,
        /// False turns it around.
        among: bool,
    },
    /// The page is one of these, or none of them; a chunk without a page is none of them.
    Pages {
        /// At least one.
        values: Vec<u32>,
        /// False turns it around.
        among: bool,
    },
    /// The page lies between these two, both included; a chunk without a page does not.
    Range {
        /// First page.
        least: u32,
        /// Last page.
        most: u32,
    },
    /// All of these, two at least.
    All(Vec<Condition>),
    /// Any of these, two at least.
    Any(Vec<Condition>),
}

impl Filter {
    /// What the filter means.
    ///
    /// # Errors
    /// A lower-case sentence, when it names a key that does not exist or compares it with the wrong kind of value.
    pub fn condition(&self) -> Result<Condition, String> {
        let most = f64::from(u32::MAX);
        Ok(match self {
            Self::Eq { key, value } => equal(key, value, true)?,
            Self::Ne { key, value } => equal(key, value, false)?,
            Self::In { key, value } => listed(key, value, true)?,
            Self::Nin { key, value } => listed(key, value, false)?,
            Self::Gt { key, value } => range(page_number(key, value)?.floor() + 1.0, most),
            Self::Gte { key, value } => range(page_number(key, value)?.ceil(), most),
            Self::Lt { key, value } => range(0.0, page_number(key, value)?.ceil() - 1.0),
            Self::Lte { key, value } => range(0.0, page_number(key, value)?.floor()),
            Self::And { filters } => joined(filters, &Condition::Everything, &Condition::Nothing, Condition::All)?,
            Self::Or { filters } => joined(filters, &Condition::Nothing, &Condition::Everything, Condition::Any)?,
        })
    }
}

/// `neutral` parts are left out, an `absorbing` one decides alone.
fn joined(
    filters: &[Filter],
    neutral: &Condition,
    absorbing: &Condition,
    join: fn(Vec<Condition>) -> Condition,
) -> Result<Condition, String> {
    let mut parts = filters.iter().map(Filter::condition).collect::<Result<Vec<_>, _>>()?;
    if parts.contains(absorbing) {
        return Ok(absorbing.clone());
    }
    parts.retain(|part| part != neutral);
    Ok(match parts.len() {
        0 => neutral.clone(),
        1 => parts.swap_remove(0),
        _ => join(parts),
    })
}

fn equal(key: &str, value: &FilterValue, among: bool) -> Result<Condition, String> {
    match (key, value) {
        ("page", FilterValue::Number(number)) => Ok(pages(whole(*number).into_iter().collect(), among)),
        ("page", _) => Err("\"page\" is compared with a number".to_owned()),
        (_, FilterValue::Text(text)) => Ok(texts(text_key(key)?, vec![text.clone()], among)),
        _ => {
            text_key(key)?;
            Err(format!("{key:?} is compared with a string"))
        }
    }
}

fn listed(key: &str, value: &FilterValue, among: bool) -> Result<Condition, String> {
    let FilterValue::List(values) = value else { return Err(format!("{key:?} needs a list of strings here")) };
    if key != "page" {
        return Ok(texts(text_key(key)?, values.clone(), among));
    }
    let numbers = values.iter().map(|value| value.trim().parse::<f64>());
    let numbers =
        numbers.collect::<Result<Vec<_>, _>>().map_err(|_| "\"page\" is compared with a number".to_owned())?;
    Ok(pages(numbers.into_iter().filter_map(whole).collect(), among))
}

fn texts(key: &'static str, values: Vec<String>, among: bool) -> Condition {
    if values.is_empty() { among_none(among) } else { Condition::Text { key, values, among } }
}

fn pages(values: Vec<u32>, among: bool) -> Condition {
    if values.is_empty() { among_none(among) } else { Condition::Pages { values, among } }
}

const fn among_none(among: bool) -> Condition {
    if among { Condition::Nothing } else { Condition::Everything }
}

/// The cast saturates; bounds beyond every page are made whole before.
fn range(least: f64, most: f64) -> Condition {
    if most < 0.0 || least > f64::from(u32::MAX) {
        return Condition::Nothing;
    }
    Condition::Range { least: least as u32, most: most as u32 }
}

/// None when no chunk can have the page.
fn whole(number: f64) -> Option<u32> {
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    fits.then_some(number as u32)
}

fn text_key(key: &str) -> Result<&'static str, String> {
    let known = FILTER_KEYS.into_iter().find(|known| *known == key && *known != "page");
    known.ok_or_else(|| format!("there is no filter key {key:?}"))
}

fn page_number(key: &str, value: &FilterValue) -> Result<f64, String> {
    match (key, value) {
        ("page", FilterValue::Number(number)) if number.is_finite() => Ok(*number),
        ("page", _) => Err("\"page\" is compared with a number".to_owned()),
        _ => {
            text_key(key)?;
            Err(format!("{key:?} has no order; only \"page\" is compared by size"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(json: &str) -> Result<Condition, String> {
        serde_json::from_str::<Filter>(json).expect("a filter").condition()
    }

    #[test]
    fn conditions_hold_nothing_empty() {
        let text = |values: &[&str], among| Condition::Text {
            key: "title",
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            among,
        };
        for (json, expected) in [
            (r#"{"type":"eq","key":"title","value":"a"}"#, text(&["a"], true)),
            (r#"{"type":"nin","key":"title","value":["a","b"]}"#, text(&["a", "b"], false)),
            (r#"{"type":"in","key":"title","value":[]}"#, Condition::Nothing),
            (r#"{"type":"nin","key":"title","value":[]}"#, Condition::Everything),
            (r#"{"type":"eq","key":"page","value":2.5}"#, Condition::Nothing),
            (r#"{"type":"ne","key":"page","value":-1}"#, Condition::Everything),
            (r#"{"type":"in","key":"page","value":["2","3"]}"#, Condition::Pages { values: vec![2, 3], among: true }),
            (r#"{"type":"gt","key":"page","value":2.5}"#, Condition::Range { least: 3, most: u32::MAX }),
            (r#"{"type":"lt","key":"page","value":3}"#, Condition::Range { least: 0, most: 2 }),
            (r#"{"type":"lte","key":"page","value":-3}"#, Condition::Nothing),
            (r#"{"type":"gte","key":"page","value":1e12}"#, Condition::Nothing),
            (r#"{"type":"and","filters":[]}"#, Condition::Everything),
            (r#"{"type":"or","filters":[]}"#, Condition::Nothing),
            (
                r#"{"type":"or","filters":[{"type":"and","filters":[{"type":"eq","key":"title","value":"a"}]},
                    {"type":"in","key":"format","value":[]}]}"#,
                text(&["a"], true),
            ),
            (
                r#"{"type":"and","filters":[{"type":"eq","key":"title","value":"a"},{"type":"eq","key":"page","value":0.5}]}"#,
                Condition::Nothing,
            ),
        ] {
            assert_eq!(understood(json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for (json, expected) in [
            (r#"{"type":"eq","key":"author","value":"me"}"#, "there is no filter key \"author\""),
            (r#"{"type":"eq","key":"page","value":"two"}"#, "\"page\" is compared with a number"),
            (r#"{"type":"in","key":"page","value":["two"]}"#, "\"page\" is compared with a number"),
            (r#"{"type":"eq","key":"title","value":2}"#, "\"title\" is compared with a string"),
            (r#"{"type":"gt","key":"title","value":"m"}"#, "\"title\" has no order; only \"page\" is compared by size"),
            (r#"{"type":"in","key":"format","value":"pdf"}"#, "\"format\" needs a list of strings here"),
            (r#"{"type":"or","filters":[{"type":"eq","key":"x","value":1}]}"#, "there is no filter key \"x\""),
        ] {
            assert_eq!(understood(json), Err(expected.to_owned()), "{json}");
        }
    }
}
