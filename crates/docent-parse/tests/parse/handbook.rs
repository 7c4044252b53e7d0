//! The example handbook: the sentence that answers each question is there to be quoted, on the page that is cited.

use crate::sandboxed::Sandboxed;
use docent_core::quotes::SearchablePage;
use docent_core::{Page, ParsedDocument};
use docent_parse::Limits;
use std::collections::HashMap;
use std::path::Path;

#[test]
fn every_quote_of_the_handbook_is_found_on_its_page() {
    let handbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/handbook");
    let questions = std::fs::read_to_string(handbook.join("questions.jsonl")).expect("the handbook's questions");
    let sandbox = Sandboxed::new(Limits::default());
    let mut documents: HashMap<String, ParsedDocument> = HashMap::new();
    let (mut answerable, mut misses) = (0, Vec::new());
    for line in questions.lines() {
        let question: serde_json::Value = serde_json::from_str(line).unwrap();
        if question["answerable"] != true {
            continue;
        }
        answerable += 1;
        let (name, quote) = (question["document"].as_str().unwrap(), question["quote"].as_str().unwrap());
        let parsed = documents
            .entry(name.to_owned())
            .or_insert_with(|| sandbox.read_in_place(&handbook.join(name)).expect(name));
        let number = question["page"].as_u64().map(|number| number as u32);
        if !parsed.pages.iter().any(|page| page.number == number && shows(page, quote)) {
            misses.push(format!("{name}, page {number:?}: {quote}"));
        }
    }
    assert!(answerable >= 20, "only {answerable} answerable questions");
    assert!(misses.is_empty(), "{} of {answerable} quotes are not found:\n{}", misses.len(), misses.join("\n"));
}

fn shows(page: &Page, quote: &str) -> bool {
    SearchablePage::new(&page.text).locate(quote, 0..page.text.chars().count()).is_some()
}
