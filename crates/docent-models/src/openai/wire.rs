//! The protocol's bodies, as far as Docent uses them: strict in what is sent, lenient in what is read.

use docent_core::Usage;
use docent_core::query::{Quote, Statement};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize)]
pub(crate) struct ChatRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) messages: Vec<ChatMessage<'a>>,
    pub(crate) stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream_options: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_format: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_tokens: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct ChatMessage<'a> {
    pub(crate) role: &'static str,
    pub(crate) content: &'a str,
}

#[derive(Serialize)]
pub(crate) struct EmbeddingRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) input: Vec<&'a str>,
    /// Always `float`: several servers ignore `base64` and send numbers all the same.
    pub(crate) encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dimensions: Option<usize>,
}

/// The schema that a structured answer must match. Strict mode wants every property required and no others.
pub(crate) fn answer_schema() -> Value {
    let quote = object(json!({"passage": {"type": "integer"}, "quote": {"type": "string"}}), &["passage", "quote"]);
    let quotes = json!({"type": "array", "items": quote});
    let statement = object(json!({"text": {"type": "string"}, "quotes": quotes}), &["text", "quotes"]);
    let statements = json!({"type": "array", "items": statement});
    let missing = json!({"type": ["string", "null"]});
    object(json!({"statements": statements, "missing": missing}), &["statements", "missing"])
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// A whole completion, or one event of a streamed one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Completion {
    pub(crate) model: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: Option<TokenUsage>,
    /// Some servers fail in the middle of a stream this way.
    pub(crate) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    pub(crate) index: u32,
    /// Of a stream.
    pub(crate) delta: Option<Said>,
    /// Of a whole completion.
    pub(crate) message: Option<Said>,
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    pub(crate) content: Option<Content>,
    pub(crate) refusal: Option<String>,
}

/// Text, or a list of parts with text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    text: String,
}

impl Content {
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().map(|part| part.text).collect(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenUsage {
    #[serde(deserialize_with = "nullable")]
    prompt_tokens: u64,
    #[serde(deserialize_with = "nullable")]
    completion_tokens: u64,
    #[serde(deserialize_with = "nullable")]
    total_tokens: u64,
}

impl TokenUsage {
    pub(crate) fn of_chat(self) -> Usage {
        let (input_tokens, output_tokens) = (self.prompt_tokens, self.completion_tokens);
        let total_tokens = self.total_tokens.max(input_tokens + output_tokens);
        Usage { input_tokens, output_tokens, total_tokens, embedding_tokens: 0 }
    }

    pub(crate) fn of_embedding(self) -> u64 {
        self.prompt_tokens.max(self.total_tokens)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Embeddings {
    pub(crate) data: Vec<Embedding>,
    pub(crate) usage: Option<TokenUsage>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Embedding {
    pub(crate) index: Option<usize>,
    pub(crate) embedding: Vec<f32>,
}

/// One statement as a model writes it; models differ in how they spell a passage's number.
#[derive(Debug, Deserialize)]
pub(crate) struct WireStatement {
    text: String,
    #[serde(default, deserialize_with = "nullable")]
    quotes: Vec<WireQuote>,
}

#[derive(Debug, Deserialize)]
struct WireQuote {
    #[serde(default)]
    passage: Value,
    #[serde(alias = "text")]
    quote: String,
}

impl From<WireStatement> for Statement {
    fn from(wire: WireStatement) -> Self {
        let quotes = wire.quotes.into_iter().filter_map(WireQuote::into_quote).collect();
        Self { text: wire.text.trim().to_owned(), quotes }
    }
}

impl WireQuote {
    /// A quote without a readable passage number points nowhere and is left out.
    fn into_quote(self) -> Option<Quote> {
        let passage = match &self.passage {
            Value::Number(number) => number.as_u64()?,
            Value::String(text) => text.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()?,
            _ => return None,
        };
        Some(Quote { passage: usize::try_from(passage).ok()?, text: self.quote })
    }
}

fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_of_the_schema_is_closed_and_complete() {
        fn check(schema: &Value) {
            if let Some(properties) = schema["properties"].as_object() {
                let required: Vec<&str> =
                    schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                assert_eq!(schema["additionalProperties"], false);
                assert_eq!(properties.len(), required.len());
                assert!(required.iter().all(|name| properties.contains_key(*name)));
                properties.values().for_each(check);
            }
            if schema["items"].is_object() {
                check(&schema["items"]);
            }
        }
        check(&answer_schema());
    }

    #[test]
    fn statements_are_read_leniently() {
        for (json, passages) in [
            (r#"{"text":"a","quotes":[{"passage":2,"quote":"q"}]}"#, vec![2]),
            (r#"{"text":"a","quotes":[{"passage":"2","quote":"q"}]}"#, vec![2]),
            (r#"{"text":"a","quotes":[{"passage":"[12]","text":"q"}]}"#, vec![12]),
            (r#"{"text":"a","quotes":[{"passage":null,"quote":"q"},{"passage":1,"quote":"q"}]}"#, vec![1]),
            (r#"{"text":"a","quotes":[{"passage":-1,"quote":"q"}]}"#, vec![]),
            (r#"{"text":"a","quotes":null}"#, vec![]),
            (r#"{"text":"a"}"#, vec![]),
        ] {
            let statement = Statement::from(serde_json::from_str::<WireStatement>(json).unwrap());
            let numbers: Vec<usize> = statement.quotes.iter().map(|quote| quote.passage).collect();
            assert_eq!(numbers, passages, "{json}");
        }
    }

    #[test]
    fn completions_are_read_leniently() {
        for (json, text) in [
            (r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#, Some("a")),
            (r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}]}"#, Some("ab")),
            (r#"{"choices":[{"delta":{"content":null,"role":"assistant"},"index":0}]}"#, None),
            (r#"{"choices":null,"usage":{"prompt_tokens":null}}"#, None),
        ] {
            let mut completion: Completion = serde_json::from_str(json).unwrap();
            let said = completion.choices.pop().and_then(|choice| choice.delta.or(choice.message));
            let content = said.and_then(|said| said.content).map(Content::into_text);
            assert_eq!(content.as_deref(), text, "{json}");
        }
    }
}
