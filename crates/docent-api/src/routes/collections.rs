//! Collections.

use crate::access::Caller;
use crate::body::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::Api;
use crate::wire::{CollectionBody, List};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use docent_engine::deletes::DeleteOptions;
use serde::Deserialize;
use utoipa::IntoParams;

/// What becomes of answers.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseParams {
    /// Erase stored answers from it, instead of marking them; the questions stay.
    erase: Option<bool>,
}

/// All collections.
#[utoipa::path(get, path = "/v1/collections", operation_id = "list_collections", tag = "collections", responses((status = 200, body = List<CollectionBody>)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<List<CollectionBody>>, Problem> {
    let all = api.engine.index.collections().await?;
    let visible = all.into_iter().filter(|one| caller.sees_collection(&one.name));
    Ok(Json(List::whole(visible.map(CollectionBody::from).collect())))
}

/// One collection.
#[utoipa::path(get, path = "/v1/collections/{name}", operation_id = "read_collection", tag = "collections", params(("name" = String, Path)),
    responses((status = 200, body = CollectionBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<CollectionBody>, Problem> {
    let name = caller.collection(Some(name), "")?;
    let collection = api.engine.index.collection(&name).await?;
    collection.map(|found| Json(found.into())).ok_or_else(|| unknown(&name))
}

/// Removes a collection with all its documents; stored answers from it are marked, or erased.
#[utoipa::path(delete, path = "/v1/collections/{name}", operation_id = "delete_collection", tag = "collections", params(("name" = String, Path), EraseParams),
    responses((status = 204, description = "Gone"), (status = 404, body = ProblemBody)))]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<EraseParams>,
) -> Result<StatusCode, Problem> {
    let name = caller.collection(Some(name), "")?;
    let options = DeleteOptions { erase: params.erase.unwrap_or_default(), uploads: api.entrance.disk() };
    match api.engine.delete_collection(&name, options).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(unknown(&name)),
    }
}

pub(crate) fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("there is no collection `{name}`")).hint("GET /v1/collections lists those that exist")
}
