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
