//! OpenAI's chat completions, for clients that speak nothing else. A model is a collection.
//!
//! The last message is the question. What the user said before helps to understand it, system messages are wishes for tone
//! and form, and other settings of a completion have nothing to act on here and are passed over. The answer is that of
//! a query: stored, listed and explained like every other, and no statement is sent before its quotes were checked.

use super::{models, queries};
use crate::access::Caller;
use crate::body::JsonBody;
use crate::chat_text::ChatText;
use crate::events::{HEARTBEAT, told};
use crate::origins;
use crate::problem::{Problem, ProblemBody};
use crate::state::Api;
use crate::wire::{CreateQuery, QueryBody, shown_id};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use docent_core::query::{Query, QueryRequest, QueryStatus};
use docent_engine::progress::{QueryEvent, replay};
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use utoipa::ToSchema;

/// How long one look at a query waits; it is looked at until it is terminal, which it becomes in bounded time.
const LOOK: Duration = Duration::from_secs(20);

/// A request for a completion. Fields that are not listed are passed over.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatRequest {
    /// A collection.
    model: String,
    /// The conversation; the last message is the question.
    messages: Vec<ChatMessage>,
    /// Send the answer as it arrives?
    #[serde(default)]
    stream: bool,
    /// What else to send.
    stream_options: Option<StreamOptions>,
    /// Who asks; `nobody` if absent.
    user: Option<String>,
}

/// What else a stream sends.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    /// The tokens spent, in an event of their own at the end.
    #[serde(default)]
    include_usage: bool,
}

/// One message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatMessage {
    /// `system`, `developer`, `user` or `assistant`.
    role: String,
    /// Its words, as text or in parts.
    content: Option<Content>,
}

/// Text, or parts of which those of type `text` count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Content {
    /// In one piece.
    Text(String),
    /// In parts.
    Parts(Vec<Part>),
}

/// A part of a message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Part {
    /// Its words.
    #[serde(default)]
    text: String,
}

impl ChatMessage {
    fn words(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("\n"),
        }
    }

    fn is_rule(&self) -> bool {
        self.role == "system" || self.role == "developer"
    }
}

/// Answers the last message of a conversation.
#[utoipa::path(post, path = "/v1/chat/completions", operation_id = "create_chat_completion", tag = "chat",
    request_body = ChatRequest,
    responses((status = 200, description = "A completion with `annotations` and a field `docent`, or server-sent chunks of one"),
        (status = 400, body = ProblemBody), (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
pub(crate) async fn complete(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ChatRequest>,
) -> Result<Response, Problem> {
    models::known(&api, &caller, &body.model).await?;
    let request = understood(&api, &caller, &body).await?;
    let query = api.engine.submit(request, None).await?;
    let frame = Frame::new(&query, &headers);
    if body.stream {
        let with_usage = body.stream_options.is_some_and(|options| options.include_usage);
        let chunks = chunks(told(api, query.id, 0), frame, with_usage);
        return Ok(Sse::new(chunks).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response());
    }
    let query = finished(&api, query).await?;
    frame.completion(&query).map(|completion| Json(completion).into_response())
}

async fn understood(api: &Api, caller: &Caller, body: &ChatRequest) -> Result<QueryRequest, Problem> {
    let spoken: Vec<&ChatMessage> = body.messages.iter().filter(|message| !message.is_rule()).collect();
    let Some((question, before)) = spoken.split_last().filter(|(last, _)| last.role == "user") else {
        return Err(Problem::invalid("the last message must be the user's question").param("messages"));
    };
    let rules: Vec<String> = body.messages.iter().filter(|one| one.is_rule()).map(ChatMessage::words).collect();
    let asked = CreateQuery {
        query: question.words(),
        collection: Some(body.model.clone()),
        filters: None,
        top_k: None,
        user_id: body.user.clone(),
        instructions: Some(rules.join("\n")).filter(|rules| !rules.trim().is_empty()),
        previous_query_id: None,
        wait: None,
        metadata: BTreeMap::new(),
        webhook_url: None,
    };
    let mut request = queries::understood(api, caller, asked).await?;
    let earlier = before.iter().filter(|message| message.role == "user");
    request.earlier = earlier.map(|message| message.words()).collect();
    request.earlier.drain(..request.earlier.len().saturating_sub(queries::EARLIER_MAX));
    Ok(request)
}

async fn finished(api: &Api, mut query: Query) -> Result<Query, Problem> {
    while !query.status.is_terminal() {
        let looked_at = api.engine.wait(&query.id, LOOK).await?;
        query = looked_at.ok_or_else(|| Problem::not_found("the question was deleted meanwhile"))?;
    }
    Ok(query)
}

/// What all chunks of a completion have in common.
struct Frame {
    id: String,
    created: i64,
    model: String,
    /// The page with this question, for people who follow a citation.
    url: String,
}

impl Frame {
    fn new(query: &Query, asked: &HeaderMap) -> Self {
        let id = shown_id(&query.id);
        let url = format!("{}/#/q/{id}", origins::own(asked));
        Self { id, created: query.created_at.as_secs(), model: query.request.collection.clone(), url }
    }

    fn completion(&self, query: &Query) -> Result<Value, Problem> {
        if query.status != QueryStatus::Completed {
            return Err(unanswered(query));
        }
        let mut text = ChatText::new(&self.url);
        let mut content = String::new();
        for event in replay(query) {
            if let QueryEvent::Statement { text: words, citations } = event {
                content.push_str(&text.statement(&words, &citations));
            }
        }
        content.push_str(&text.ending(query));
        let message =
            json!({"role": "assistant", "content": content, "refusal": null, "annotations": text.annotations()});
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"});
        Ok(json!({"id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [choice], "usage": usage(query), "docent": docent(query)}))
    }

    fn chunk(&self, delta: Value, finish_reason: Option<&str>) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [choice]})
    }

    /// What the end of a query adds to the stream.
    fn last_chunks(&self, query: &Query, text: &mut ChatText, with_usage: bool) -> Vec<Value> {
        if query.status != QueryStatus::Completed {
            return vec![json!(unanswered(query).body())];
        }
        let ending = text.ending(query);
        let mut all = vec![self.chunk(json!({"content": ending}), None)];
        let mut last = self.chunk(json!({"annotations": text.annotations()}), Some("stop"));
        last["docent"] = docent(query);
        all.push(last);
        if with_usage {
            let mut spent = self.chunk(Value::Null, None);
            spent["choices"] = json!([]);
            spent["usage"] = usage(query);
            all.push(spent);
        }
        all
    }
}

/// A query's events as chunks of a completion, until `[DONE]`.
fn chunks(
    events: impl Stream<Item = (usize, QueryEvent)>,
    frame: Frame,
    with_usage: bool,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut text = ChatText::new(&frame.url);
    let chunks = events.flat_map(move |(_, event)| {
        let chunks = match event {
            QueryEvent::Started => vec![frame.chunk(json!({"role": "assistant", "content": ""}), None)],
            QueryEvent::Sources(_) => Vec::new(),
            QueryEvent::Statement { text: words, citations } => {
                vec![frame.chunk(json!({"content": text.statement(&words, &citations)}), None)]
            }
            QueryEvent::Done(query) => frame.last_chunks(&query, &mut text, with_usage),
        };
        stream::iter(chunks)
    });
    let done = stream::once(async { "[DONE]".to_owned() });
    chunks.map(|chunk| chunk.to_string()).chain(done).map(|data| Ok(Event::default().data(data)))
}

/// Everything that the protocol has no place for.
fn docent(query: &Query) -> Value {
    let body = QueryBody::from(query);
    json!({"query_id": body.id, "outcome": body.outcome, "citations": body.citations, "sources": body.sources,
        "answered_by": body.model, "generation": body.generation})
}

fn usage(query: &Query) -> Value {
    let spent = query.answer.as_ref().map(|answer| answer.usage).unwrap_or_default();
    json!({"prompt_tokens": spent.input_tokens, "completion_tokens": spent.output_tokens, "total_tokens": spent.total_tokens})
}

fn unanswered(query: &Query) -> Problem {
    let Some(failure) = &query.failure else {
        return Problem::new(StatusCode::CONFLICT, "cancelled", "the question was cancelled");
    };
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unanswered", failure.message.clone());
    failure.hint.iter().cloned().fold(problem, Problem::hint)
}
