//! Documents and their pages.

use super::collections;
use crate::access::Caller;
use crate::body::Params;
use crate::problem::{Problem, ProblemBody};
use crate::receipt::DeletedBody;
use crate::state::Api;
use crate::wire::{DocumentBody, List, PageBody};
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
    pub(crate) collection: Option<String>,
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

/// Documents in order of their ids; those whose upload was refused among them, with the reason.
#[utoipa::path(get, path = "/v1/documents", operation_id = "list_documents", tag = "documents", params(ListParams),
    responses((status = 200, body = List<DocumentBody>), (status = 404, body = ProblemBody)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<List<DocumentBody>>, Problem> {
    let name = existing(&api, &caller, params.collection).await?;
    let limit = super::queries::limit(params.limit, 100, LIMIT_MAX)?;
    let after = params.after.as_deref();
    let mut found = api.entrance.documents(&name, after, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last_id = found.last().map(|listed| listed.id().to_owned());
    let found = found.into_iter().map(|listed| DocumentBody::listed(listed, &name));
    Ok(Json(List::part(found.collect(), has_more, last_id)))
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
    let listed = api.entrance.document(&name, &id).await?;
    listed.map(|listed| Json(DocumentBody::listed(listed, &name))).ok_or_else(|| unknown(&id))
}

/// Removes a document: when this returns, no search and no new answer can return its text.
///
/// An index in a folder has removed it from its files, too; one that another process publishes will have (`text_in_files`). Stored answers that
/// were made from it are marked, or erased. Its original file and the reports of its uploads go with it. A repeated delete does no harm,
/// and can erase what the first one marked.
#[utoipa::path(delete, path = "/v1/documents/{id}", operation_id = "delete_document", tag = "documents", params(("id" = String, Path), DeleteParams),
    responses((status = 200, body = DeletedBody), (status = 404, body = ProblemBody),
        (status = 409, description = "It came into the index from elsewhere and is removed there", body = ProblemBody)))]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<DeleteParams>,
) -> Result<Json<DeletedBody>, Problem> {
    let name = existing(&api, &caller, params.collection).await?;
    let receipt = api.entrance.delete(&name, &id, params.erase.unwrap_or_default()).await?;
    if receipt.is_nothing() {
        return Err(unknown(&id));
    }
    Ok(Json(DeletedBody::new(id, receipt, (api.engine.clock)())))
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

pub(crate) async fn existing(api: &Api, caller: &Caller, collection: Option<String>) -> Result<String, Problem> {
    let name = caller.collection(collection, &api.settings.collection)?;
    match api.engine.index.collection(&name).await? {
        Some(_) => Ok(name),
        None => Err(collections::unknown(&name)),
    }
}

pub(crate) fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("there is no document `{id}`")).hint("GET /v1/documents lists those that exist")
}
