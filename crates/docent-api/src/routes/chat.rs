//! OpenAI's chat completions, for clients that speak nothing else. A model is a collection.
//!
//! The last message is the question ([`chat_request`](crate::chat_request) says what is made of the others). The answer is that of a
//! query: stored, listed and explained like every other, and no statement is sent before its quotes were checked.

use super::{models, queries};
use crate::access::Caller;
use crate::body::JsonBody;
use crate::chat_request::ChatRequest;
use crate::chat_text::ChatText;
use crate::events::{HEARTBEAT, told};
use crate::origins;
use crate::problem::{Problem, ProblemBody, request_id};
use crate::state::Api;
use crate::wire::{CreateQuery, QueryBody, shown_id};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use docent_core::query::{Query, QueryRequest, QueryStatus, Usage};
use docent_engine::progress::{QueryEvent, replay};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

/// How long one look at a query waits; it is looked at until it is terminal, which it becomes in bounded time.
const LOOK: Duration = Duration::from_secs(20);

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
    if body.is_housekeeping() {
        return Ok(Frame::of_nothing(&api, body.model.clone()).nothing(&body));
    }
    let request = understood(&api, &caller, &body).await?;
    let query = api.engine.submit(request, None).await?;
    let frame = Frame::new(&query, &headers);
    if body.stream {
        let with_usage = body.wants_usage();
        return Ok(sent(chunks(told(api, query.id, 0), frame, with_usage)));
    }
    let query = finished(&api, query).await?;
    frame.completion(&query).map(|completion| Json(completion).into_response())
}

async fn understood(api: &Api, caller: &Caller, body: &ChatRequest) -> Result<QueryRequest, Problem> {
    let Some((question, earlier)) = body.questions().filter(|(question, _)| question.role == "user") else {
        return Err(Problem::invalid("the last message must be the user's question").param("messages"));
    };
    let asked = CreateQuery {
        query: question.words(),
        collection: Some(body.model.clone()),
        filters: None,
        top_k: None,
        user_id: body.user.clone(),
        instructions: body.wishes(),
        previous_query_id: None,
        wait: None,
        metadata: BTreeMap::new(),
        webhook_url: None,
    };
    let mut request = queries::understood(api, caller, asked).await?;
    request.earlier = earlier;
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

    /// Of a completion that no query stands behind.
    fn of_nothing(api: &Api, model: String) -> Self {
        let created = (api.engine.clock)().as_secs();
        Self { id: format!("none-{}", request_id()), created, model, url: String::new() }
    }

    /// An answer without a word, in the form that was asked for.
    fn nothing(&self, asked: &ChatRequest) -> Response {
        let usage = usage_of(Usage::default());
        if !asked.stream {
            return Json(self.whole("", &[], usage)).into_response();
        }
        let mut chunks = vec![self.chunk(json!({"role": "assistant", "content": ""}), Some("stop"))];
        chunks.extend(asked.wants_usage().then(|| self.spent(usage)));
        sent(events(stream::iter(chunks)))
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
        let mut completion = self.whole(&content, text.annotations(), usage(query));
        completion["docent"] = docent(query);
        Ok(completion)
    }

    fn whole(&self, content: &str, annotations: &[Value], usage: Value) -> Value {
        let message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": annotations});
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"});
        json!({"id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [choice], "usage": usage})
    }

    fn chunk(&self, delta: Value, finish_reason: Option<&str>) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [choice]})
    }

    fn spent(&self, usage: Value) -> Value {
        let mut spent = self.chunk(Value::Null, None);
        (spent["choices"], spent["usage"]) = (json!([]), usage);
        spent
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
        all.extend(with_usage.then(|| self.spent(usage(query))));
        all
    }
}

fn sent(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
}

/// Chunks as server-sent events, and `[DONE]` behind them.
fn events(chunks: impl Stream<Item = Value>) -> impl Stream<Item = Result<Event, Infallible>> {
    let done = stream::once(async { "[DONE]".to_owned() });
    chunks.map(|chunk| chunk.to_string()).chain(done).map(|data| Ok(Event::default().data(data)))
}

/// A query's events as chunks of a completion.
fn chunks(
    told: impl Stream<Item = (usize, QueryEvent)>,
    frame: Frame,
    with_usage: bool,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut text = ChatText::new(&frame.url);
    let chunks = told.flat_map(move |(_, event)| {
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
    events(chunks)
}

/// Everything that the protocol has no place for.
fn docent(query: &Query) -> Value {
    let body = QueryBody::from(query);
    json!({"query_id": body.id, "outcome": body.outcome, "citations": body.citations, "sources": body.sources,
        "answered_by": body.model, "generation": body.generation})
}

fn usage(query: &Query) -> Value {
    usage_of(query.answer.as_ref().map(|answer| answer.usage).unwrap_or_default())
}

fn usage_of(spent: Usage) -> Value {
    json!({"prompt_tokens": spent.input_tokens, "completion_tokens": spent.output_tokens, "total_tokens": spent.total_tokens})
}

fn unanswered(query: &Query) -> Problem {
    let Some(failure) = &query.failure else {
        return Problem::new(StatusCode::CONFLICT, "cancelled", "the question was cancelled");
    };
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unanswered", failure.message.clone());
    failure.hint.iter().cloned().fold(problem, Problem::hint)
}
