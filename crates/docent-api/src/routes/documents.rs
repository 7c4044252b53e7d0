//! Documents and their pages.

use super::collections;
use crate::access::Caller;
use crate::body::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::Api;
use crate::wire::{DeletedBody, DocumentBody, List, PageBody, timestamp};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::IntoParams;

/// Most documents in one answer.
const LIMIT_MAX: usize = 1_000;

/// Which collection.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct InCollection {
    /// Collection; the server's default if absent.
    collection: Option<String>,
}

/// Which collection, and what becomes of answers.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteParams {
    /// Collection; the server's default if absent.
    collection: Option<String>,
    /// Erase stored answers that were made from it, instead of marking them; the questions stay.
    erase: Option<bool>,
}

/// Which collection and which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    /// Collection; the server's default if absent.
    collection: Option<String>,
    /// How many, from 1 to 1,000; 100 if absent.
    limit: Option<usize>,
    /// Begin behind this id.
    after: Option<String>,
}

/// Documents in order of their ids.
#[utoipa::path(get, path = "/v1/documents", operation_id = "list_documents", tag = "documents", params(ListParams),
    responses((status = 200, body = List<DocumentBody>), (status = 404, body = ProblemBody)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<List<DocumentBody>>, Problem> {
    let name = existing(&api, &caller, params.collection).await?;
    let limit = super::queries::limit(params.limit, 100, LIMIT_MAX)?;
    let mut found = api.engine.index.documents(&name, params.after.as_deref(), limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last_id = found.last().map(|document| document.id.clone());
    Ok(Json(List::part(found.into_iter().map(DocumentBody::from).collect(), has_more, last_id)))
}

/// One document.
#[utoipa::path(get, path = "/v1/documents/{id}", operation_id = "read_document", tag = "documents", params(("id" = String, Path), InCollection),
    responses((status = 200, body = DocumentBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<InCollection>,
) -> Result<Json<DocumentBody>, Problem> {
    let name = existing(&api, &caller, params.collection).await?;
    let document = api.engine.index.document(&name, &id).await?;
    document.map(|found| Json(found.into())).ok_or_else(|| unknown(&id))
}

/// Removes a document: when this returns, no search can return its text, and an index in a folder has removed it from its
/// files.
#[utoipa::path(delete, path = "/v1/documents/{id}", operation_id = "delete_document", tag = "documents", params(("id" = String, Path), DeleteParams),
    responses((status = 200, body = DeletedBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<DeleteParams>,
) -> Result<Json<DeletedBody>, Problem> {
    let name = existing(&api, &caller, params.collection).await?;
    let erase = params.erase.unwrap_or_default();
    let receipt = api.engine.delete_documents(&name, std::slice::from_ref(&id), erase).await?;
    let deleted = receipt.index;
    if deleted.documents.is_empty() && receipt.answers.unwrap_or_default() == 0 {
        return Err(unknown(&id));
    }
    let deleted_at = timestamp((api.engine.clock)());
    Ok(Json(DeletedBody {
        documents: deleted.documents,
        chunks: deleted.chunks,
        generation: deleted.generation,
        removed_from: deleted.removed_from,
        rewritten_segments: deleted.rewritten,
        answers: receipt.answers,
        answers_erased: receipt.erased,
        deleted_at,
    }))
}

/// The stored text of one page (or section), by its place from 1: what the offsets of a citation count in.
#[utoipa::path(get, path = "/v1/documents/{id}/pages/{place}", operation_id = "read_page", tag = "documents",
    params(("id" = String, Path), ("place" = u32, Path, description = "From 1"), InCollection),
    responses((status = 200, body = PageBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn page(
    State(api): State<Api>,
    caller: Caller,
    Path((id, place)): Path<(String, String)>,
    Params(params): Params<InCollection>,
) -> Result<Json<PageBody>, Problem> {
    let name = existing(&api, &caller, params.collection).await?;
    let number = place.parse::<u32>().ok().filter(|place| *place > 0);
    let number = number.ok_or_else(|| Problem::invalid("the place of a page is a number from 1").param("place"))?;
    let pages = api.engine.index.pages(&name, &id, &[number - 1]).await?;
    let page = pages.into_iter().next();
    page.map(|(_, page)| Json(PageBody::new(id, number, page))).ok_or_else(|| {
        Problem::not_found("there is no such page").hint("GET /v1/documents/{id} says how many there are")
    })
}

async fn existing(api: &Api, caller: &Caller, collection: Option<String>) -> Result<String, Problem> {
    let name = caller.collection(collection, &api.settings.collection)?;
    match api.engine.index.collection(&name).await? {
        Some(_) => Ok(name),
        None => Err(collections::unknown(&name)),
    }
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("there is no document `{id}`")).hint("GET /v1/documents lists those that exist")
}
