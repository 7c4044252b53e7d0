//! A reply as it grows, and what it came to in the end.

use super::evidence::Evidence;
use super::failure::malformed;
use super::scan::{Form, StatementScanner, without_thoughts};
use super::wire::{Completion, Said};
use docent_core::Usage;
use docent_core::query::Statement;
use docent_engine::{Error, Result};

/// What one attempt has received.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    scanner: StatementScanner,
    finish: Option<String>,
    /// The endpoint said that nothing more comes.
    pub(crate) done: bool,
    refused: bool,
    /// Tokens, as far as they were counted.
    pub(crate) usage: Usage,
}

/// The statements that the stream did not bring out already, and what is missing.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rest {
    pub(crate) statements: Vec<Statement>,
    pub(crate) missing: Option<String>,
}

const CUT_SHORT: &str = "The answer was cut off at the limit of tokens.";

impl Reply {
    /// Takes an event of a stream or a whole completion; returns the statements that it completes.
    pub(crate) fn take(&mut self, completion: Completion) -> Vec<Statement> {
        if let Some(usage) = completion.usage {
            self.usage = usage.of_chat();
        }
        let Some(choice) = completion.choices.into_iter().find(|choice| choice.index == 0) else {
            return Vec::new();
        };
        self.finish = choice.finish_reason.or(self.finish.take());
        let Said { content, refusal } = choice.delta.or(choice.message).unwrap_or_default();
        self.refused |= refusal.is_some_and(|words| !words.is_empty());
        content.map(|content| self.scanner.push(&content.into_text())).unwrap_or_default()
    }

    /// Bytes of text so far.
    pub(crate) fn bytes(&self) -> usize {
        self.scanner.text().len()
    }

    /// True when the model has said that it is done, whatever happens to the connection after that.
    pub(crate) fn is_finished(&self) -> bool {
        self.done || self.finish.as_deref().is_some_and(|reason| reason != "error")
    }

    /// What it came to. Errors are retryable where another attempt may go better.
    pub(crate) fn settle(&self, model: &str, evidence: impl FnOnce() -> Evidence) -> Result<Rest> {
        let reason = self.finish.as_deref().unwrap_or_default();
        if self.refused {
            return Err(
                Error::invalid(format!("{model} refused to answer")).hint("ask in other words, or use another model")
            );
        }
        if reason == "content_filter" {
            return Err(Error::invalid("the content filter of the model endpoint stopped the answer")
                .hint("ask in other words, or change the provider's filter"));
        }
        match Form::of(self.scanner.text()) {
            Form::Structured(answer) => {
                let statements = answer.statements.into_iter().skip(self.scanner.objects()).flatten().collect();
                Ok(Rest { statements, missing: answer.missing })
            }
            _ if !self.is_finished() => Err(malformed("an answer that broke off")),
            form if reason == "length" => self.cut_short(&form, evidence),
            Form::OtherJson => Err(self.wrong_form(model)),
            Form::Prose => self.prose(evidence),
        }
    }

    fn prose(&self, evidence: impl FnOnce() -> Evidence) -> Result<Rest> {
        let statements = evidence().statements(self.answer());
        if statements.is_empty() { Err(malformed("an empty answer")) } else { Ok(Rest { statements, missing: None }) }
    }

    /// Keeps the statements that were complete when the tokens ran out.
    fn cut_short(&self, form: &Form, evidence: impl FnOnce() -> Evidence) -> Result<Rest> {
        let mut statements = Vec::new();
        if *form == Form::Prose {
            statements = evidence().statements(self.answer());
            statements.pop();
        }
        if statements.is_empty() && self.scanner.objects() == 0 {
            return Err(Error::invalid("the model used up its tokens before it had answered")
                .hint("raise max_output_tokens, or choose a model that thinks less"));
        }
        Ok(Rest { statements, missing: Some(CUT_SHORT.to_owned()) })
    }

    fn wrong_form(&self, model: &str) -> Error {
        malformed("JSON of another form than was asked for")
            .hint(format!("try again, or choose a model that follows instructions better than {model}"))
    }

    fn answer(&self) -> &str {
        without_thoughts(self.scanner.text()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_engine::ErrorKind;

    fn reply(content: &str, finish: Option<&str>, done: bool) -> Reply {
        let mut reply = Reply { done, ..Reply::default() };
        let event = serde_json::json!({"choices": [{"delta": {"content": content}, "finish_reason": finish}]});
        reply.take(serde_json::from_value(event).unwrap());
        reply
    }

    type Settled = std::result::Result<(usize, Option<String>), ErrorKind>;

    fn settled(content: &str, finish: Option<&str>, done: bool) -> Settled {
        let rest = reply(content, finish, done).settle("m", || Evidence::new(std::iter::empty()));
        rest.map(|rest| (rest.statements.len(), rest.missing)).map_err(|error| error.kind())
    }

    #[test]
    fn endings_are_told_apart() {
        let json = r#"{"statements":[{"text":"a","quotes":[]}],"missing":"b"}"#;
        let (missing, cut) = (Some("b".to_owned()), Some(CUT_SHORT.to_owned()));
        for (content, finish, done, expected) in [
            (json, Some("stop"), true, Ok((0, missing.clone()))),
            (json, None, false, Ok((0, missing.clone()))),
            (&json[..40], None, false, Err(ErrorKind::Unavailable)),
            (&json[..40], None, true, Err(ErrorKind::Unavailable)),
            (&json[..40], Some("length"), true, Ok((0, cut.clone()))),
            (&json[..20], Some("length"), true, Err(ErrorKind::Invalid)),
            ("", Some("length"), true, Err(ErrorKind::Invalid)),
            ("One. Two. Thr", Some("length"), true, Ok((2, cut.clone()))),
            ("One. Two. Three.", Some("stop"), true, Ok((3, None))),
            ("One. Two. Three.", None, true, Ok((3, None))),
            ("One. Two. Three.", None, false, Err(ErrorKind::Unavailable)),
            ("One. Two. Three.", Some("error"), false, Err(ErrorKind::Unavailable)),
            ("", Some("stop"), true, Err(ErrorKind::Unavailable)),
            (r#"{"answer":"25"}"#, Some("stop"), true, Err(ErrorKind::Unavailable)),
            (json, Some("content_filter"), true, Err(ErrorKind::Invalid)),
        ] {
            assert_eq!(settled(content, finish, done), expected, "{content} {finish:?} {done}");
        }
    }

    #[test]
    fn a_refusal_is_said_without_its_words() {
        let mut reply = Reply { done: true, ..Reply::default() };
        let event = r#"{"choices":[{"delta":{"refusal":"I cannot help with the salary of Jo."}}]}"#;
        reply.take(serde_json::from_str(event).unwrap());
        let error = reply.settle("gpt-x", || Evidence::new(std::iter::empty())).unwrap_err();
        assert_eq!(error.to_string(), "gpt-x refused to answer");
    }

    #[test]
    fn the_last_usage_counts() {
        let mut reply = Reply::default();
        for event in [
            r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}"#,
            r#"{"choices":[],"usage":null}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":9}}"#,
        ] {
            reply.take(serde_json::from_str(event).unwrap());
        }
        let expected = Usage { input_tokens: 5, output_tokens: 9, total_tokens: 14, embedding_tokens: 0 };
        assert_eq!(reply.usage, expected);
    }
}
