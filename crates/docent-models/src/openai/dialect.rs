//! What an endpoint understands of the protocol, learnt from its refusals.

use super::settings::OpenAiSettings;
use super::wire::{ChatMessage, ChatRequest, answer_schema};
use docent_core::prompt::Message;
use serde_json::{Value, json};

/// How the answer's form is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// By a schema that the endpoint enforces.
    Schema,
    /// As some JSON object; the prompt says which.
    Object,
    /// By the prompt alone.
    Free,
}

impl Format {
    const fn less(self) -> Self {
        match self {
            Self::Schema => Self::Object,
            Self::Object | Self::Free => Self::Free,
        }
    }
}

/// The name of the limit on the tokens written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `max_completion_tokens`, which reasoning models insist on.
    Completion,
    /// `max_tokens`, the older name.
    Tokens,
    /// Neither.
    Unknown,
}

/// The fields that may be sent. It only ever gets smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) format: Format,
    pub(crate) limit: Limit,
    pub(crate) usage_in_stream: bool,
    pub(crate) temperature: bool,
}

/// The protocol in full.
pub(crate) const FULL: Dialect =
    Dialect { format: Format::Schema, limit: Limit::Completion, usage_in_stream: true, temperature: true };

/// Words that say a field is not welcome, as opposed to having a wrong value.
const UNWELCOME: [&str; 10] = [
    "support",
    "unrecogni",
    "unknown",
    "unexpected",
    "extra",
    "permitted",
    "not allowed",
    "not implemented",
    "does not exist",
    "additional propert",
];

impl Dialect {
    /// The dialect without the field that `complaint`, the body of a refusal, is about; none if it is about something else.
    pub(crate) fn without(self, complaint: &str) -> Option<Self> {
        let said = complaint.to_lowercase();
        let mentions = |names: &[&str]| names.iter().any(|name| said.contains(name));
        let formats = ["response_format", "json_schema", "json_object", "structured output", "grammar"];
        if self.usage_in_stream && mentions(&["stream_options", "include_usage"]) {
            return Some(Self { usage_in_stream: false, ..self });
        }
        if self.format != Format::Free && mentions(&formats) {
            return Some(Self { format: self.format.less(), ..self });
        }
        if !mentions(&UNWELCOME) {
            return None;
        }
        if self.temperature && mentions(&["temperature"]) {
            return Some(Self { temperature: false, ..self });
        }
        let unwelcome_limit = match self.limit {
            Limit::Completion => mentions(&["max_completion_tokens"]).then_some(Limit::Tokens),
            Limit::Tokens => mentions(&["max_tokens"]).then_some(Limit::Unknown),
            Limit::Unknown => None,
        };
        unwelcome_limit.map(|limit| Self { limit, ..self })
    }

    /// The request for a streamed answer in this dialect.
    pub(crate) fn request<'a>(self, settings: &'a OpenAiSettings, messages: &'a [Message]) -> ChatRequest<'a> {
        let limit = settings.max_output_tokens;
        ChatRequest {
            model: &settings.model,
            messages: messages
                .iter()
                .map(|said| ChatMessage { role: said.role.as_str(), content: &said.content })
                .collect(),
            stream: true,
            stream_options: self.usage_in_stream.then(|| json!({"include_usage": true})),
            response_format: self.response_format(),
            temperature: settings.temperature.filter(|_| self.temperature),
            max_completion_tokens: limit.filter(|_| self.limit == Limit::Completion),
            max_tokens: limit.filter(|_| self.limit == Limit::Tokens),
        }
    }

    /// The request for a few words in one piece.
    pub(crate) fn plain<'a>(self, settings: &'a OpenAiSettings, messages: &'a [Message]) -> ChatRequest<'a> {
        let plain = Self { format: Format::Free, usage_in_stream: false, ..self };
        ChatRequest { stream: false, ..plain.request(settings, messages) }
    }

    fn response_format(self) -> Option<Value> {
        match self.format {
            Format::Schema => {
                let schema = json!({"name": "answer", "strict": true, "schema": answer_schema()});
                Some(json!({"type": "json_schema", "json_schema": schema}))
            }
            Format::Object => Some(json!({"type": "json_object"})),
            Format::Free => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_is_left_out_next_time() {
        let object = Dialect { format: Format::Object, ..FULL };
        let free = Dialect { format: Format::Free, ..FULL };
        let tokens = Dialect { limit: Limit::Tokens, ..FULL };
        let none = Dialect { limit: Limit::Unknown, ..FULL };
        let silent = Dialect { usage_in_stream: false, ..FULL };
        let warm = Dialect { temperature: false, ..FULL };
        for (before, complaint, after) in [
            (
                FULL,
                "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
                Some(object),
            ),
            (FULL, "This model does not support structured outputs", Some(object)),
            (FULL, "Failed to initialize samplers: failed to parse grammar", Some(object)),
            (object, "'response_format.type' must be 'text': json_object is not supported", Some(free)),
            (free, "response_format is not supported", None),
            (FULL, r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"]}]}"#, Some(silent)),
            (silent, r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"]}]}"#, None),
            (FULL, "Unsupported value: 'temperature' does not support 0 with this model.", Some(warm)),
            (FULL, "Unrecognized request argument supplied: max_completion_tokens", Some(tokens)),
            (tokens, "Unsupported parameter: 'max_tokens'", Some(none)),
            (FULL, "This model's maximum context length is 8192 tokens, however you requested 9000", None),
            (FULL, "max_completion_tokens is too large: 900000", None),
            (FULL, "unknown model", None),
            (FULL, "", None),
        ] {
            assert_eq!(before.without(complaint), after, "{complaint}");
        }
    }

    #[test]
    fn stepping_down_ends() {
        let complaint = "unsupported: response_format stream_options temperature max_completion_tokens max_tokens";
        let steps = std::iter::successors(Some(FULL), |dialect| dialect.without(complaint)).count();
        assert_eq!(steps, 7);
    }

    #[test]
    fn only_known_fields_are_sent() {
        let settings = OpenAiSettings::default();
        for (dialect, fields) in [
            (FULL, "max_completion_tokens messages model response_format stream stream_options temperature"),
            (
                Dialect { format: Format::Free, limit: Limit::Tokens, usage_in_stream: false, temperature: false },
                "max_tokens messages model stream",
            ),
        ] {
            let body = serde_json::to_value(dialect.request(&settings, &[])).unwrap();
            let mut names: Vec<&String> = body.as_object().unwrap().keys().collect();
            names.sort();
            assert_eq!(names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "), fields);
        }
    }
}
