//! What clients of OpenAI's chat completions send, and what of it is a question.
//!
//! The last message is the question. What the user said before helps to understand it, and system messages are wishes for tone
//! and form. Chat front ends send more: settings that have nothing to act on here, `null` for what is not set, content in
//! parts, an empty message where the answer will stand, prompts of many pages, and requests of their own, which no person
//! typed: for a title, tags, what might be asked next. All of it is taken; the last kind is recognised, as a search in the
//! documents cannot answer it and would only cost.

use docent_engine::queries::INSTRUCTIONS_CHARS_MAX;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

/// How front ends begin requests of their own, and what else these have in them: Open WebUI (all of its tasks), LibreChat (two
/// ways), Chatbox, LobeChat, Jan.
const HOUSEKEEPING: [(&str, &str); 6] = [
    ("### Task:", "<chat_history>"),
    ("Provide a concise, 5-word-or-less title for the conversation", ""),
    ("Analyze this conversation and provide:", "title in the detected language"), // typos:ignore
    ("Based on the chat history, give this conversation a name.", ""),
    ("You are a professional conversation summarizer.", "title"), // typos:ignore
    ("Summarize in a ", "-word Title. Give the title only."),     // typos:ignore
];

/// A request for a completion. Fields that are not listed are passed over.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatRequest {
    /// A collection.
    pub(crate) model: String,
    /// The conversation; the last message is the question.
    messages: Vec<ChatMessage>,
    /// Send the answer as it arrives?
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) stream: bool,
    /// What else to send.
    stream_options: Option<StreamOptions>,
    /// Who asks; `nobody` if absent.
    pub(crate) user: Option<String>,
}

/// What else a stream sends.
#[derive(Debug, Deserialize, ToSchema)]
struct StreamOptions {
    /// The tokens spent, in an event of their own at the end.
    #[serde(default, deserialize_with = "or_default")]
    include_usage: bool,
}

/// One message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatMessage {
    /// `system`, `developer`, `user` or `assistant`.
    pub(crate) role: String,
    /// Its words, as text or in parts.
    content: Option<Content>,
}

/// Text, or parts of which those of type `text` count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "`content` of a message is a text or a list of parts")]
enum Content {
    /// In one piece.
    Text(String),
    /// In parts.
    Parts(Vec<Part>),
}

/// A part of a message.
#[derive(Debug, Deserialize, ToSchema)]
struct Part {
    /// Its words; pictures and files have none.
    text: Option<String>,
}

impl ChatRequest {
    /// The question, and those that the user asked before it, oldest first; none if nobody has said a word.
    pub(crate) fn questions(&self) -> Option<(&ChatMessage, Vec<String>)> {
        let spoken = self.messages.iter().filter(|message| !message.is_rule() && !message.is_placeholder());
        let spoken: Vec<&ChatMessage> = spoken.collect();
        let (question, before) = spoken.split_last()?;
        let earlier = before.iter().filter(|message| message.role == "user").map(|message| message.words());
        Some((question, earlier.filter(|words| !words.is_empty()).collect()))
    }

    /// What system messages wish. One for which there is no room is left out as a whole, since half of it may wish the opposite.
    pub(crate) fn wishes(&self) -> Option<String> {
        let mut wishes = String::new();
        for wish in self.messages.iter().filter(|message| message.is_rule()).map(ChatMessage::words) {
            let fits = wishes.chars().count() + wish.chars().count() < INSTRUCTIONS_CHARS_MAX;
            if fits && !wish.is_empty() {
                wishes.push_str(if wishes.is_empty() { "" } else { "\n" });
                wishes.push_str(&wish);
            }
        }
        Some(wishes).filter(|wishes| !wishes.is_empty())
    }

    /// True if a front end asks this on its own account, about the conversation and not the documents.
    pub(crate) fn is_housekeeping(&self) -> bool {
        let ends = self.messages.first().into_iter().chain(self.messages.last());
        let mut words = ends.filter(|message| message.role != "assistant").map(ChatMessage::words);
        words.any(|words| HOUSEKEEPING.iter().any(|(start, within)| words.starts_with(start) && words.contains(within)))
    }

    /// True if a stream of this answer ends with its tokens.
    pub(crate) fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }
}

impl ChatMessage {
    /// Its words, without white space around them.
    pub(crate) fn words(&self) -> String {
        let parts = match &self.content {
            None => Vec::new(),
            Some(Content::Text(text)) => vec![text.as_str()],
            Some(Content::Parts(parts)) => parts.iter().filter_map(|part| part.text.as_deref()).collect(),
        };
        parts.join("\n").trim().to_owned()
    }

    fn is_rule(&self) -> bool {
        self.role == "system" || self.role == "developer"
    }

    /// Front ends put one where the answer will stand.
    fn is_placeholder(&self) -> bool {
        self.role == "assistant" && self.words().is_empty()
    }
}

/// `null` is what many clients send for what is not set.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(wire: D) -> Result<T, D::Error> {
    Option::deserialize(wire).map(Option::unwrap_or_default)
}
