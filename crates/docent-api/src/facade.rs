//! The contract of the first system, so that its front end and its tests run unchanged.
//!
//! Bodies, statuses and operation ids are those that were observed on it (FastAPI with pydantic), with three defects left
//! out: a query always reaches an end (`is_complete` is true in every terminal state, and `answer_text` says what went
//! wrong), trouble with the store is not shown as "not found" or as an empty list, and queries of one second are listed
//! newest first.

use crate::access::Caller;
use crate::problem::{seconds, whole_seconds};
use crate::state::Api;
use crate::{page, python_json};
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use axum::{Json, Router};
use docent_core::query::{Failure, QueryRequest};
use docent_core::{Query, QueryStatus};
use docent_engine::queries::QUESTION_CHARS_MAX;
use docent_engine::{Error, ErrorKind};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Queries that a list holds at most.
const LIST_MAX: usize = 25;

/// A query as the first system shows it; the order of the fields is part of the contract.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Item {
    /// 32 hexadecimal digits.
    query_id: String,
    /// Who asked.
    user_id: String,
    /// Seconds since the Unix epoch.
    create_time: i64,
    /// When it is forgotten, in seconds since the Unix epoch.
    ttl: i64,
    /// The question.
    query_text: String,
    /// The answer, or what went wrong.
    answer_text: Option<String>,
    /// Ids of the chunks that the answer was made from.
    sources: Vec<String>,
    /// True when nothing will change any more.
    is_complete: bool,
}

/// The body of `submit_query`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read by hand, as the errors are pydantic's")]
pub(crate) struct SubmitQueryRequest {
    /// The question, at most 2,000 characters.
    query_text: String,
    /// Who asks.
    user_id: Option<String>,
}

impl From<&Query> for Item {
    fn from(query: &Query) -> Self {
        let mut sources: Vec<String> = Vec::new();
        for source in query.answer.iter().flat_map(|answer| &answer.sources) {
            if !sources.contains(&source.chunk_id) {
                sources.push(source.chunk_id.clone());
            }
        }
        Self {
            query_id: query.id.clone(),
            user_id: query.request.user_id.clone(),
            create_time: query.created_at.as_secs(),
            ttl: query.expires_at.as_secs(),
            query_text: query.request.text.clone(),
            answer_text: answer_text(query),
            sources,
            is_complete: query.status.is_terminal(),
        }
    }
}

fn answer_text(query: &Query) -> Option<String> {
    match query.status {
        QueryStatus::Queued | QueryStatus::InProgress => None,
        QueryStatus::Completed => query.answer.as_ref().map(|answer| answer.text.clone()),
        QueryStatus::Cancelled => Some("This question was cancelled.".to_owned()),
        QueryStatus::Failed => {
            let reason = query.failure.as_ref().map_or("the reason is not known", |failure| failure.message.as_str());
            Some(format!("This question could not be answered: {reason}."))
        }
    }
}

/// The routes, with the redirects and refusals of methods that the first system's framework makes.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/", any(index))
        .route("/submit_query", any(submit_query))
        .route("/get_query", any(get_query))
        .route("/list_query", any(list_query))
        .route("/submit_query/", without_slash())
        .route("/get_query/", without_slash())
        .route("/list_query/", without_slash())
}

fn without_slash() -> MethodRouter<Api> {
    any(|uri: Uri| async move {
        let path = uri.path().trim_end_matches('/');
        let location = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        let location = HeaderValue::try_from(location).unwrap_or_else(|_| HeaderValue::from_static("/"));
        (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)])
    })
}

/// What the first system says of a path it does not know.
pub(crate) fn unknown_path() -> Response {
    detail(StatusCode::NOT_FOUND, "Not Found")
}

fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn detail(status: StatusCode, detail: impl Into<Value>) -> Response {
    (status, Json(json!({"detail": detail.into()}))).into_response()
}

/// A reached budget is the caller's to know; everything else is a defect, as it was for the first system.
#[expect(clippy::needless_pass_by_value, reason = "ends the way of an error")]
fn trouble(error: Error) -> Response {
    if let ErrorKind::BudgetExceeded { retry_after } = error.kind() {
        let mut response = detail(StatusCode::TOO_MANY_REQUESTS, error.to_string());
        response.headers_mut().insert(header::RETRY_AFTER, seconds(whole_seconds(retry_after)));
        return response;
    }
    tracing::error!(%error, request_id = crate::problem::request_id(), "request failed");
    (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
}

/// Says hello to programs and shows people the page.
#[utoipa::path(get, path = "/", tag = "first system", operation_id = "index__get",
    responses((status = 200, description = "A greeting; the page for who prefers `text/html`")))]
pub(crate) async fn index(method: Method, headers: HeaderMap) -> Response {
    if method != Method::GET {
        return method_not_allowed("GET");
    }
    if page::is_wanted(&headers) {
        return page::index(&headers);
    }
    ([(header::VARY, "Accept")], Json(json!({"Hello": "World"}))).into_response()
}

/// Asks a question; the answer comes later.
#[utoipa::path(post, path = "/submit_query", tag = "first system", operation_id = "submit_query_endpoint_submit_query_post",
    request_body = SubmitQueryRequest,
    responses((status = 200, body = Item), (status = 400, description = "Too long"), (status = 422, description = "Not valid")))]
pub(crate) async fn submit_query(
    State(api): State<Api>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != Method::POST {
        return method_not_allowed("POST");
    }
    let (text, user_id) = match submitted(&headers, &body) {
        Ok(asked) => asked,
        Err(faults) => return detail(StatusCode::UNPROCESSABLE_ENTITY, faults),
    };
    if text.chars().count() > QUESTION_CHARS_MAX {
        let message = format!("Query is too long. Max character limit is {QUESTION_CHARS_MAX}");
        return detail(StatusCode::BAD_REQUEST, message);
    }
    match accepted(&api, &caller, text, user_id).await {
        Ok(query) => Json(Item::from(&query)).into_response(),
        Err(problem) => problem,
    }
}

async fn accepted(api: &Api, caller: &Caller, text: String, user_id: String) -> Result<Query, Response> {
    let is_empty = text.trim().is_empty();
    let request = QueryRequest {
        text,
        user_id,
        collection: caller.collection(None, &api.settings.collection).map_err(IntoResponse::into_response)?,
        owner: caller.owner().map(str::to_owned),
        top_k: api.settings.top_k,
        ..QueryRequest::default()
    };
    if is_empty {
        let failure = Failure { code: "invalid".to_owned(), message: "it is empty".to_owned(), hint: None };
        return api.engine.accept_as_failed(request, &failure).await.map_err(trouble);
    }
    let query = api.engine.submit_unchecked(request).await.map_err(trouble)?;
    Ok(query)
}

/// A query as it stands.
#[utoipa::path(get, path = "/get_query", tag = "first system", operation_id = "get_query_endpoint_get_query_get",
    params(("query_id" = String, Query)),
    responses((status = 200, body = Item), (status = 404, description = "Unknown"), (status = 422, description = "Not valid")))]
pub(crate) async fn get_query(
    State(api): State<Api>,
    caller: Caller,
    method: Method,
    RawQuery(query): RawQuery,
) -> Response {
    if method != Method::GET {
        return method_not_allowed("GET");
    }
    let Some(id) = parameter(query.as_deref(), "query_id") else { return missing_parameter("query_id") };
    match api.engine.queries.get(&id).await {
        Ok(Some(query)) if caller.sees(&query) => Json(Item::from(&query)).into_response(),
        Ok(_) => detail(StatusCode::NOT_FOUND, format!("Query Not Found: {id}")),
        Err(error) => trouble(error),
    }
}

/// A user's queries, newest first.
#[utoipa::path(get, path = "/list_query", tag = "first system", operation_id = "list_query_endpoint_list_query_get",
    params(("user_id" = String, Query)), responses((status = 200, body = Vec<Item>), (status = 422, description = "Not valid")))]
pub(crate) async fn list_query(
    State(api): State<Api>,
    caller: Caller,
    method: Method,
    RawQuery(query): RawQuery,
) -> Response {
    if method != Method::GET {
        return method_not_allowed("GET");
    }
    let Some(user) = parameter(query.as_deref(), "user_id") else { return missing_parameter("user_id") };
    match api.engine.queries.list(caller.owner(), &user, LIST_MAX, None).await {
        Ok(queries) => Json(queries.iter().map(Item::from).collect::<Vec<_>>()).into_response(),
        Err(error) => trouble(error),
    }
}

/// The last value counts when a parameter is given twice.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
}

fn missing_parameter(name: &str) -> Response {
    detail(
        StatusCode::UNPROCESSABLE_ENTITY,
        json!([fault("missing", json!(["query", name]), "Field required", Value::Null)]),
    )
}

fn fault(kind: &str, place: Value, message: &str, input: Value) -> Value {
    json!({"type": kind, "loc": place, "msg": message, "input": input})
}

/// Question and user of a body, or what pydantic would say about it.
pub(crate) fn submitted(headers: &HeaderMap, body: &[u8]) -> Result<(String, String), Value> {
    if body.is_empty() {
        return Err(json!([fault("missing", json!(["body"]), "Field required", Value::Null)]));
    }
    let body = if is_json(headers) { parsed(body)? } else { Value::String(String::from_utf8_lossy(body).into_owned()) };
    let Value::Object(fields) = &body else {
        let message = "Input should be a valid dictionary or object to extract fields from";
        return Err(json!([fault("model_attributes_type", json!(["body"]), message, body)]));
    };
    let wrong = |name: &str, value: &Value| {
        fault("string_type", json!(["body", name]), "Input should be a valid string", value.clone())
    };
    let mut faults = Vec::new();
    let text = match fields.get("query_text") {
        Some(Value::String(text)) => text.clone(),
        Some(other) => {
            faults.push(wrong("query_text", other));
            String::new()
        }
        None => {
            faults.push(fault("missing", json!(["body", "query_text"]), "Field required", body.clone()));
            String::new()
        }
    };
    let user_id = match fields.get("user_id") {
        Some(Value::String(user)) => user.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => {
            faults.push(wrong("user_id", other));
            String::new()
        }
    };
    if faults.is_empty() { Ok((text, user_id)) } else { Err(Value::Array(faults)) }
}

/// No content type at all counts as JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn parsed(body: &[u8]) -> Result<Value, Value> {
    serde_json::from_slice(body).map_err(|_| {
        let (complaint, at) = python_json::complaint(&String::from_utf8_lossy(body)).unwrap_or(("Expecting value", 0));
        let mut fault = fault("json_invalid", json!(["body", at]), "JSON decode error", json!({}));
        fault["ctx"] = json!({"error": complaint});
        json!([fault])
    })
}
