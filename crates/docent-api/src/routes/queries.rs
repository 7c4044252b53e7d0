//! Queries: ask, wait, watch, list, cancel, forget.

use crate::access::{Caller, missing};
use crate::body::{JsonBody, Params};
use crate::problem::{Problem, ProblemBody, seconds};
use crate::state::Api;
use crate::wire::{CreateQuery, FeedbackBody, List, QueryBody, shown_id, stored_id};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use docent_core::Query;
use docent_core::access::Scope;
use docent_core::query::{Feedback, QueryRequest};
use docent_engine::ports::IdempotencyKey;
use serde::Deserialize;
use std::time::Duration;
use utoipa::IntoParams;

/// Longest wait, in seconds.
const WAIT_MAX: f64 = 60.0;
/// Most queries in one answer.
const LIMIT_MAX: usize = 100;
/// Questions of a conversation that are kept with the one that follows them.
pub(crate) const EARLIER_MAX: usize = 8;
/// Longest idempotency key.
const KEY_MAX: usize = 255;

/// Asks a question: 202 with its address, or 200 with the answer if it comes within `wait`.
#[utoipa::path(post, path = "/v1/queries", operation_id = "create_query", tag = "queries", request_body = CreateQuery,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body again is the same query")),
    responses((status = 200, body = QueryBody), (status = 202, body = QueryBody), (status = 400, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CreateQuery>,
) -> Result<Response, Problem> {
    let wait = patience(body.wait)?;
    let request = understood(&api, &caller, body).await?;
    let key = idempotency_key(&headers, &request)?;
    let query = api.engine.submit(request, key.as_ref()).await?;
    let waited = if wait.is_zero() { None } else { api.engine.wait(&query.id, wait).await? };
    Ok(shown(&waited.unwrap_or(query)))
}

/// 200 for a terminal query; 202 with where and when to look again for another.
fn shown(query: &Query) -> Response {
    let body = Json(QueryBody::from(query));
    let location = HeaderValue::try_from(format!("/v1/queries/{}", shown_id(&query.id)));
    let location = location.unwrap_or_else(|_| HeaderValue::from_static("/v1/queries"));
    if query.status.is_terminal() {
        (StatusCode::OK, [(header::LOCATION, location)], body).into_response()
    } else {
        (StatusCode::ACCEPTED, [(header::LOCATION, location), (header::RETRY_AFTER, seconds(1))], body).into_response()
    }
}

pub(crate) async fn understood(api: &Api, caller: &Caller, body: CreateQuery) -> Result<QueryRequest, Problem> {
    let previous_query_id = body.previous_query_id.as_deref().map(|id| stored_id(id).to_owned());
    let mut earlier = Vec::new();
    if let Some(previous) = &previous_query_id {
        let found = visible(api, caller, previous).await.map_err(|problem| problem.param("previous_query_id"))?;
        earlier = found.request.earlier;
        earlier.push(found.request.text);
        earlier.drain(..earlier.len().saturating_sub(EARLIER_MAX));
    }
    Ok(QueryRequest {
        text: body.query,
        collection: caller.collection(body.collection, &api.settings.collection)?,
        owner: caller.owner().map(str::to_owned),
        user_id: body.user_id.unwrap_or_default(),
        top_k: body.top_k.unwrap_or(api.settings.top_k),
        filter: body.filters,
        instructions: body.instructions,
        metadata: body.metadata,
        previous_query_id,
        earlier,
        webhook_url: body.webhook_url,
    })
}

fn idempotency_key(headers: &HeaderMap, request: &QueryRequest) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let sane =
        |key: &&str| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let key = key.to_str().ok().filter(sane).ok_or_else(|| {
        Problem::invalid(format!("an idempotency key has 1 to {KEY_MAX} printable ASCII characters"))
            .param("Idempotency-Key")
    })?;
    // The fields of the struct come in one order, so equal requests give equal bytes.
    let canonical = serde_json::to_vec(request).map_err(|_| Problem::invalid("the request cannot be repeated"))?;
    Ok(Some(IdempotencyKey { key: key.to_owned(), fingerprint: blake3::hash(&canonical).to_hex().to_string() }))
}

pub(crate) fn patience(wait: Option<f64>) -> Result<Duration, Problem> {
    let wait = wait.unwrap_or(0.0);
    if !(0.0..=WAIT_MAX).contains(&wait) {
        return Err(Problem::invalid(format!("`wait` is a number of seconds from 0 to {WAIT_MAX}")).param("wait"));
    }
    Ok(Duration::from_secs_f64(wait))
}

/// A number of entries between 1 and `most`.
pub(crate) fn limit(wanted: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    let wanted = wanted.unwrap_or(usual);
    if !(1..=most).contains(&wanted) {
        return Err(Problem::invalid(format!("`limit` must be from 1 to {most}")).param("limit"));
    }
    Ok(wanted)
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadParams {
    /// Seconds to wait for a terminal state, 0 to 60.
    wait: Option<f64>,
}

/// A query as it stands, or as it stands when it is terminal or `wait` is over.
#[utoipa::path(get, path = "/v1/queries/{id}", operation_id = "read_query", tag = "queries", params(("id" = String, Path), ReadParams),
    responses((status = 200, body = QueryBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<ReadParams>,
) -> Result<Json<QueryBody>, Problem> {
    let wait = patience(params.wait)?;
    let query = visible(&api, &caller, &id).await?;
    let query = api.engine.wait(&query.id, wait).await?;
    query.map(|query| Json(QueryBody::from(&query))).ok_or_else(|| unknown(&id))
}

/// Whose queries, and which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    /// Whose; `nobody` if absent.
    user_id: Option<String>,
    /// How many, 1 to 100; 20 if absent.
    limit: Option<usize>,
    /// Begin behind this id.
    after: Option<String>,
    /// Those that another key asked, by its id; needs the scope `admin`.
    key_id: Option<String>,
}

/// A user's queries, newest first.
#[utoipa::path(get, path = "/v1/queries", operation_id = "list_queries", tag = "queries", params(ListParams), responses((status = 200, body = List<QueryBody>)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<List<QueryBody>>, Problem> {
    let limit = limit(params.limit, 20, LIMIT_MAX)?;
    let user = params.user_id.as_deref().unwrap_or("nobody");
    let after = params.after.as_deref().map(stored_id);
    if params.key_id.is_some() && !caller.may(Scope::Admin) {
        return Err(missing(&[Scope::Admin]).param("key_id"));
    }
    let owner = params.key_id.as_deref().or(caller.owner());
    let mut found = api.engine.queries.list(owner, user, limit + 1, after).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last_id = found.last().map(|query| shown_id(&query.id));
    Ok(Json(List::part(found.iter().map(QueryBody::from).collect(), has_more, last_id)))
}

/// How the answer came about: candidates with scores, what was dropped and why, timings.
#[utoipa::path(get, path = "/v1/queries/{id}/trace", operation_id = "read_trace", tag = "queries", params(("id" = String, Path)),
    responses((status = 200, description = "The trace"), (status = 404, body = ProblemBody)))]
pub(crate) async fn trace(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let query = visible(&api, &caller, &id).await?;
    let trace = api.engine.queries.trace(&query.id).await?;
    let trace = trace.ok_or_else(|| {
        Problem::not_found(format!("there is no trace of `{id}`")).hint("only a query that was answered has one")
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], trace).into_response())
}

/// Stops a query unless it is terminal already.
#[utoipa::path(post, path = "/v1/queries/{id}/cancel", operation_id = "cancel_query", tag = "queries", params(("id" = String, Path)),
    responses((status = 200, body = QueryBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<QueryBody>, Problem> {
    let query = visible(&api, &caller, &id).await?;
    let query = api.engine.cancel(&query.id).await?;
    query.map(|query| Json(QueryBody::from(&query))).ok_or_else(|| unknown(&id))
}

/// Remembers what the user thought of an answer.
#[utoipa::path(post, path = "/v1/queries/{id}/feedback", operation_id = "give_feedback", tag = "queries", params(("id" = String, Path)), request_body = FeedbackBody,
    responses((status = 204, description = "Remembered"), (status = 404, body = ProblemBody)))]
pub(crate) async fn feedback(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<FeedbackBody>,
) -> Result<StatusCode, Problem> {
    let query = visible(&api, &caller, &id).await?;
    let feedback = Feedback { helpful: body.helpful, reason: body.reason };
    let known = api.engine.give_feedback(&query.id, &feedback).await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&id)) }
}

/// Forgets a query, its answer and its trace.
#[utoipa::path(delete, path = "/v1/queries/{id}", operation_id = "delete_query", tag = "queries", params(("id" = String, Path)),
    responses((status = 204, description = "Gone"), (status = 404, body = ProblemBody)))]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let query = visible(&api, &caller, &id).await?;
    // What still runs is stopped first, so that no worker writes into nothing.
    api.engine.cancel(&query.id).await?;
    let was_there = api.engine.queries.delete(&query.id).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&id)) }
}

/// A query that exists for the caller, by either form of its id.
pub(crate) async fn visible(api: &Api, caller: &Caller, id: &str) -> Result<Query, Problem> {
    let query = api.engine.queries.get(stored_id(id)).await?;
    query.filter(|query| caller.sees(query)).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("there is no query `{id}`")).hint("GET /v1/queries lists those of a user")
}
