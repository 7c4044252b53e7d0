//! Quotes are looked up in a page. The first line has the place of the cited chunk in characters, from and to, the second the quote;
//! the rest is the page. The words from and to are also quoted from the page itself, which must find them.

use docent_core::Verification;
use docent_core::quotes::SearchablePage;

/// Looks up what was said and what certainly stands there.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (place, quote, text) = (line(), line(), line());
    let mut numbers = place.split(' ').map(|word| word.parse::<u32>().unwrap_or(0) as usize);
    let mut number = || numbers.next().unwrap_or(0);
    let (from, to) = (number(), number());
    let page = SearchablePage::new(text);
    check(&page, text, quote, from..to);
    copied(&page, text, from, to);
}

/// What is found stands there.
fn check(page: &SearchablePage, text: &str, quote: &str, near: std::ops::Range<usize>) {
    let Some(found) = page.locate(quote, near) else { return };
    let length = text.chars().count();
    assert!(found.start_char < found.end_char && found.end_char <= length, "{found:?} of {length}");
    let words = page.slice(found.start_char..found.end_char);
    let there: String = text.chars().skip(found.start_char).take(found.end_char - found.start_char).collect();
    assert_eq!(words, there, "other words are shown than stand there");
    let alone = SearchablePage::new(&words).locate(quote, 0..words.chars().count());
    let how = alone.map(|alone| alone.verification);
    assert!(
        how == Some(found.verification) || how == Some(Verification::Verified),
        "{how:?}, not {found:?}: {words:?}"
    );
}

/// Words that were copied from the page are found in it, word for word, near where they were copied.
fn copied(page: &SearchablePage, text: &str, from: usize, to: usize) {
    // A hyphen makes one word of two, and then half of it is none.
    let is_plain = |c: char| c.is_ascii() && c != '-';
    let words: Vec<&str> = text.split_whitespace().collect();
    let (from, to) = (from % (words.len() + 1), to % (words.len() + 1));
    let quote = words[from.min(to)..from.max(to)].join(" ");
    if text.chars().all(is_plain) && quote.chars().filter(char::is_ascii_alphanumeric).count() >= 3 {
        let found = page.locate(&quote, 0..text.len()).map(|found| found.verification);
        assert_eq!(found, Some(Verification::Verified), "{quote:?} stands there");
    }
}
