//! The tools as clients see them: names, what they are for, the forms of what goes in and comes out.

use rmcp::model::{JsonObject, ToolAnnotations};
use serde_json::{Value, json};
use std::sync::Arc;

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Passages for some words.
    Search,
    /// The page around a passage.
    Fetch,
    /// An answer with checked quotes.
    Ask,
    /// What there is.
    Status,
}

/// In the order that clients list them.
pub(crate) const ALL: [Tool; 4] = [Tool::Search, Tool::Fetch, Tool::Ask, Tool::Status];

impl Tool {
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|tool| tool.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Fetch => "fetch",
            Self::Ask => "ask",
            Self::Status => "status",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Search => "Search the documents",
            Self::Fetch => "Read a page",
            Self::Ask => "Ask the documents",
            Self::Status => "What there is",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Search => {
                "Finds the pages that fit some words best, by words and by meaning, with the passage that fits. \
                 `fetch` reads the whole page of a result."
            }
            Self::Fetch => "Reads a page (or section) by the id that `search` or a citation of `ask` gave.",
            Self::Ask => {
                "Answers a question from the documents alone. Every statement carries quotes that were found in the stored \
                 page. `outcome` is `answered`, `partial` or `not_found`: then the documents do not say it, and `nearest` \
                 has the passages that come closest."
            }
            Self::Status => "Names the collections that can be searched and asked, with their sizes.",
        }
    }

    /// What the protocol shows. None of them changes a document; `ask` leaves the question and its answer in the history.
    pub(crate) fn declaration(self) -> rmcp::model::Tool {
        let (input, output) = self.forms();
        rmcp::model::Tool::new(self.name(), self.about(), form(input))
            .with_title(self.title())
            .with_raw_output_schema(form(output))
            .with_annotations(
                ToolAnnotations::with_title(self.title()).read_only(true).destructive(false).open_world(false),
            )
    }

    fn forms(self) -> (Value, Value) {
        match self {
            Self::Search => (
                object(
                    &["query"],
                    json!({"query": text("The words"), "collection": text(COLLECTION),
                    "max_results": {"type": "integer", "minimum": 1, "maximum": 50, "description": "10 if absent"}}),
                ),
                object(&["results"], json!({"results": list(place(&[("text", "The passage that fits")]))})),
            ),
            Self::Fetch => (
                object(&["id"], json!({"id": text("Of a result or a citation")})),
                place(&[("text", "All of the page's text")])
                    .with("metadata", json!({"type": "object", "additionalProperties": {"type": "string"}})),
            ),
            Self::Ask => (
                object(
                    &["query"],
                    json!({"query": text("The question, complete in itself"),
                    "collection": text(COLLECTION),
                    "previous_query_id": text("The `query_id` of the answer that this question follows"),
                    "instructions": text("Wishes for the answer's tone and form")}),
                ),
                object(
                    &["query_id", "outcome", "answer", "citations", "nearest", "url"],
                    json!({
                    "query_id": text("Of this question"), "outcome": text("`answered`, `partial` or `not_found`"),
                    "answer": text("Built of statements that have a quote"),
                    "citations": list(place(&[("text", "The words as they stand on the page"),
                        ("verification", "`verified`: word for word; `repaired`: nearly, and these are the page's words")])),
                    "nearest": list(place(&[("text", "A passage")])), "url": text("Where a person can look it up")}),
                ),
            ),
            Self::Status => (
                object(&[], json!({})),
                object(
                    &["collections"],
                    json!({"collections": list(object(
                    &["name", "documents", "chunks", "generation"],
                    json!({"name": text("To ask or search it"), "documents": {"type": "integer"},
                        "chunks": {"type": "integer"}, "generation": text("Changes whenever the documents do")})))}),
                ),
            ),
        }
    }
}

const COLLECTION: &str = "Where to look; `status` names the collections. The usual one if absent";

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// Something that stands on a page, with further texts.
fn place(more: &[(&str, &str)]) -> Value {
    let mut properties = json!({"id": text("`fetch` takes it"), "title": text("The document and the place in it"),
        "url": text("Its address")});
    let mut required = vec!["id", "title", "url"];
    for (name, about) in more {
        properties[*name] = text(about);
        required.push(name);
    }
    object(&required, properties)
}

trait With {
    fn with(self, name: &str, property: Value) -> Self;
}

impl With for Value {
    fn with(mut self, name: &str, property: Value) -> Self {
        self["properties"][name] = property;
        self
    }
}

fn form(schema: Value) -> Arc<JsonObject> {
    match schema {
        Value::Object(form) => Arc::new(form),
        _ => Arc::default(),
    }
}
