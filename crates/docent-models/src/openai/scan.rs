//! Finds the statements of a JSON answer while it is still being written.
//!
//! Models wrap their JSON in thoughts, greetings and code fences, and streams cut it anywhere. So the scanner looks for
//! the `"statements"` array in the text so far and hands each object of it out when its last brace has come. The whole
//! text is read once more at the end, by [`StructuredAnswer::find`].

use super::wire::WireStatement;
use docent_core::query::Statement;
use serde_json::{Deserializer, Value};

/// Reads a growing text; the statements come out as they are complete.
#[derive(Debug, Default)]
pub(crate) struct StatementScanner {
    text: String,
    place: Place,
    /// Bytes of the text that were looked at.
    at: usize,
    /// Objects of the array that were seen whole.
    objects: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// The array has not begun.
    #[default]
    Before,
    /// In the array; the element begins at `start`, if it has begun.
    Inside { start: Option<usize>, depth: u32, string: bool, escaped: bool },
    /// The array has ended.
    Behind,
}

/// Between two elements.
const BETWEEN: Place = Place::Inside { start: None, depth: 0, string: false, escaped: false };

impl StatementScanner {
    /// Takes the next piece of text; returns the statements that it completes.
    pub(crate) fn push(&mut self, piece: &str) -> Vec<Statement> {
        self.text.push_str(piece);
        if matches!(self.place, Place::Before)
            && let Some(start) = array_start(&self.text)
        {
            (self.place, self.at) = (BETWEEN, start);
        }
        let mut found = Vec::new();
        while let Place::Inside { start, depth, string, escaped } = self.place
            && let Some(byte) = self.text.as_bytes().get(self.at).copied()
        {
            self.place = step(byte, self.at, (start, depth, string, escaped));
            self.at += 1;
            if let (Some(start), Place::Inside { start: None, .. }) = (start, self.place) {
                found.extend(self.object(start));
            }
        }
        found
    }

    fn object(&mut self, start: usize) -> Option<Statement> {
        self.objects += 1;
        serde_json::from_str::<WireStatement>(&self.text[start..self.at]).ok().map(Statement::from)
    }

    /// All the text so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Objects handed out or found unreadable so far.
    pub(crate) const fn objects(&self) -> usize {
        self.objects
    }
}

type Inside = (Option<usize>, u32, bool, bool);

/// Where the array's scan stands after one more byte. JSON's own marks are ASCII, so bytes do.
fn step(byte: u8, at: usize, (start, depth, string, escaped): Inside) -> Place {
    let inside = |start, depth, string, escaped| Place::Inside { start, depth, string, escaped };
    match byte {
        _ if escaped => inside(start, depth, true, false),
        b'\\' if string => inside(start, depth, true, true),
        b'"' => inside(start, depth, !string, false),
        _ if string => inside(start, depth, true, false),
        b'{' if depth == 0 => inside(Some(at), 1, false, false),
        b'{' | b'[' => inside(start, depth + 1, false, false),
        b']' if depth == 0 => Place::Behind,
        b'}' | b']' if depth <= 1 => BETWEEN,
        b'}' | b']' => inside(start, depth - 1, false, false),
        _ => inside(start, depth, false, false),
    }
}

/// The first byte behind the `[` of `"statements": [`, outside of thoughts.
fn array_start(text: &str) -> Option<usize> {
    let answer = without_thoughts(text)?;
    let offset = text.len() - answer.len();
    answer.match_indices("\"statements\"").find_map(|(at, name)| {
        let rest = answer[at + name.len()..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('[')?;
        Some(offset + answer.len() - rest.len())
    })
}

/// The text behind a leading `<think>…</think>`, which some reasoning models write first; none while it is open.
pub(crate) fn without_thoughts(text: &str) -> Option<&str> {
    let trimmed = text.trim_start();
    match trimmed.strip_prefix("<think>") {
        Some(thoughts) => thoughts.split_once("</think>").map(|(_, answer)| answer),
        None => Some(trimmed),
    }
}

/// A whole answer in the form that was asked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct StructuredAnswer {
    /// One entry per object of the array; none where it does not read as a statement.
    pub(crate) statements: Vec<Option<Statement>>,
    pub(crate) missing: Option<String>,
}

/// What a finished text turned out to be.
#[derive(Debug, PartialEq)]
pub(crate) enum Form {
    /// What was asked for.
    Structured(StructuredAnswer),
    /// JSON that broke off, or that is something else.
    OtherJson,
    /// Words.
    Prose,
}

/// Braces at which a JSON value is tried.
const TRIES: usize = 64;

impl Form {
    /// Reads a finished text.
    pub(crate) fn of(text: &str) -> Self {
        let answer = without_thoughts(text).unwrap_or_default();
        let starts = answer.match_indices('{').take(TRIES).map(|(at, _)| at);
        let read = |at: usize| Deserializer::from_str(&answer[at..]).into_iter::<Value>().next()?.ok();
        if let Some(found) = starts.filter_map(read).find_map(|value| StructuredAnswer::read(&value)) {
            return Self::Structured(found);
        }
        let bare = answer.trim_start_matches("```").trim_start_matches("json").trim_start();
        if bare.starts_with(['{', '[']) || array_start(text).is_some() { Self::OtherJson } else { Self::Prose }
    }
}

impl StructuredAnswer {
    fn read(value: &Value) -> Option<Self> {
        let elements = value.get("statements")?.as_array()?;
        let objects = elements.iter().filter(|element| element.is_object());
        let statement = |object: &Value| WireStatement::deserialize_from(object).map(Statement::from);
        let missing = value.get("missing").and_then(Value::as_str).map(str::trim).filter(|words| !words.is_empty());
        Some(Self { statements: objects.map(statement).collect(), missing: missing.map(str::to_owned) })
    }
}

impl WireStatement {
    fn deserialize_from(object: &Value) -> Option<Self> {
        serde::Deserialize::deserialize(object).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"statements": [ {"text":"Café \"au\" lait {1]", "quotes":[{"passage":1,"quote":"a } b \\"}]} ,
        {"text":"日本 \ud83c\udf89","quotes":[]}, 7, ["x", {"text":"nested"}], {"quotes":[]}, {"text":"last"}], "missing": "the {price}"}"#;
    const TEXTS: [&str; 3] = ["Café \"au\" lait {1]", "日本 🎉", "last"];

    fn texts(statements: &[Statement]) -> Vec<&str> {
        statements.iter().map(|statement| statement.text.as_str()).collect()
    }

    fn wrappings() -> [String; 6] {
        [
            JSON.to_owned(),
            format!("```json\n{JSON}\n```"),
            format!("Here you are {{as asked}}:\n\n```\n{JSON}\n```\nAnything else?"),
            format!("<think>maybe {{\"statements\":[{{\"text\":\"draft\"}}]}} or not</think>\n{JSON}"),
            format!("\n \u{2003}{JSON}\n"),
            JSON.replace("\"statements\": [", "\n\"statements\"\n:\t["),
        ]
    }

    #[test]
    fn every_split_gives_the_same_statements_as_the_whole() {
        for text in wrappings() {
            let places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            for at in places {
                let mut scanner = StatementScanner::default();
                let mut found = scanner.push(&text[..at]);
                found.extend(scanner.push(&text[at..]));
                assert_eq!(texts(&found), TEXTS, "split at {at} of {text}");
                assert_eq!((scanner.objects(), scanner.text()), (4, text.as_str()));
            }
        }
    }

    #[test]
    fn character_by_character_a_statement_comes_with_its_last_brace() {
        for text in wrappings() {
            let mut scanner = StatementScanner::default();
            for character in text.chars() {
                let found = scanner.push(character.encode_utf8(&mut [0; 4]));
                assert!(found.is_empty() || character == '}', "{character} of {text}");
            }
            assert_eq!(scanner.objects(), 4);
        }
    }

    #[test]
    fn the_whole_text_reads_like_its_stream() {
        for text in wrappings() {
            let Form::Structured(answer) = Form::of(&text) else { panic!("{text}") };
            let found: Vec<Statement> = answer.statements.iter().flatten().cloned().collect();
            assert_eq!(texts(&found), TEXTS, "{text}");
            assert_eq!((answer.statements.len(), answer.missing.as_deref()), (4, Some("the {price}")));
        }
    }

    #[test]
    fn texts_have_a_form() {
        let empty = || Form::Structured(StructuredAnswer::default());
        for (text, form) in [
            (r#"{"statements":[],"missing":null}"#, empty()),
            (r#"{"missing":" ","statements":[]}"#, empty()),
            (r#"{"statements":[{"text":"a"#, Form::OtherJson),
            (r#"Sure: {"statements":[{"text":"a"#, Form::OtherJson),
            (r#"{"answer":"42"}"#, Form::OtherJson),
            ("```json\n{\"answer\":", Form::OtherJson),
            ("[1,2]", Form::OtherJson),
            ("It is 25 days.", Form::Prose),
            ("Use {braces} freely.", Form::Prose),
            ("<think>never ends", Form::Prose),
            ("", Form::Prose),
        ] {
            assert_eq!(Form::of(text), form, "{text}");
        }
    }
}
