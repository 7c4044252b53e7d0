//! `--filter KEY=VALUE` and `--filter '{"type": …}'`, for the commands that search.

use docent_core::Filter;
use docent_core::filter::{FILTER_KEYS, FilterValue};
use docent_engine::{Error, Result};

/// All conditions together; nothing if there are none.
pub(crate) fn understand(typed: &[String]) -> Result<Option<Filter>> {
    let mut filters = typed.iter().map(|one| condition(one)).collect::<Result<Vec<_>>>()?;
    Ok(match filters.len() {
        0 | 1 => filters.pop(),
        _ => Some(Filter::And { filters }),
    })
}

fn condition(typed: &str) -> Result<Filter> {
    if typed.trim_start().starts_with('{') {
        return serde_json::from_str(typed).map_err(|error| {
            Error::invalid("the filter is not one in JSON")
                .because(error)
                .hint(r#"it looks like this: {"type": "eq", "key": "page", "value": 3}"#)
        });
    }
    let (key, value) = typed.split_once('=').ok_or_else(|| {
        Error::invalid(format!("the filter `{typed}` is not KEY=VALUE"))
            .hint(format!("keys are {}", FILTER_KEYS.join(", ")))
    })?;
    let (key, value) = (key.trim(), value.trim());
    if !FILTER_KEYS.contains(&key) {
        return Err(Error::invalid(format!("there is no filter key `{key}`"))
            .hint(format!("keys are {}", FILTER_KEYS.join(", "))));
    }
    let number = value.parse().ok().filter(|_| key == "page");
    Ok(Filter::Eq {
        key: key.to_owned(),
        value: number.map_or_else(|| FilterValue::Text(value.to_owned()), FilterValue::Number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(typed: &[&str]) -> String {
        let typed: Vec<_> = typed.iter().map(|one| (*one).to_owned()).collect();
        match understand(&typed) {
            Ok(filter) => serde_json::to_string(&filter).expect("JSON"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_typed_and_what_it_means() {
        for (typed, means) in [
            (vec![], "null"),
            (vec!["page=3"], r#"{"type":"eq","key":"page","value":3.0}"#),
            (vec!["title=3"], r#"{"type":"eq","key":"title","value":"3"}"#),
            (
                vec!["format=pdf", "page=3"],
                r#"{"type":"and","filters":[{"type":"eq","key":"format","value":"pdf"},{"type":"eq","key":"page","value":3.0}]}"#,
            ),
            (vec![r#"{"type":"gt","key":"page","value":2}"#], r#"{"type":"gt","key":"page","value":2.0}"#),
            (vec!["{}"], "the filter is not one in JSON"),
            (vec!["pdf"], "the filter `pdf` is not KEY=VALUE"),
            (vec!["pge=3"], "there is no filter key `pge`"),
        ] {
            assert_eq!(json(&typed), means);
        }
    }
}
