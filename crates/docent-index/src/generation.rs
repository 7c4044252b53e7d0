//! Names of commits.
//!
//! A generation's name is its number in the collection and a hash over the name before it and what the commit changed.
//! It travels as the commit's payload in `meta.json`, so every process reads the same name, and a merge, which changes
//! files but no content, keeps it.

const DIGITS: usize = 12;

/// The name of an empty collection's state.
pub(crate) fn first() -> String {
    name(0, blake3::Hasher::new())
}

/// The name of the commit after `previous` that touched these things.
pub(crate) fn next<'a>(previous: &'a str, touched: impl Iterator<Item = &'a str>) -> String {
    let number: u64 = previous.split('_').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    let mut hasher = blake3::Hasher::new();
    for part in std::iter::once(previous).chain(touched) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    name(number + 1, hasher)
}

fn name(number: u64, hasher: blake3::Hasher) -> String {
    format!("gen_{number}_{}", &hasher.finalize().to_hex()[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_and_depend_on_what_changed() {
        let one = next(&first(), ["doc_a", "hash"].into_iter());
        assert!(one.starts_with("gen_1_"), "{one}");
        assert_eq!(one, next(&first(), ["doc_a", "hash"].into_iter()));
        assert_ne!(one, next(&first(), ["doc_ah", "ash"].into_iter()));
        assert!(next(&one, std::iter::empty()).starts_with("gen_2_"));
    }
}
