//! Collections as OpenAI's clients see them: as models.

use crate::access::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::state::Api;
use crate::wire::List;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A collection that can be asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelBody {
    /// The collection's name.
    id: String,
    /// `model`.
    object: &'static str,
    /// Not recorded: 0.
    created: u32,
    /// `docent`.
    owned_by: &'static str,
}

impl ModelBody {
    fn new(id: String) -> Self {
        Self { id, object: "model", created: 0, owned_by: "docent" }
    }
}

/// All collections.
#[utoipa::path(get, path = "/v1/models", operation_id = "list_models", tag = "chat",
    responses((status = 200, body = List<ModelBody>)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<List<ModelBody>>, Problem> {
    let mut all = api.engine.index.collections().await?;
    all.retain(|collection| caller.sees_collection(&collection.name));
    Ok(Json(List::whole(all.into_iter().map(|collection| ModelBody::new(collection.name)).collect())))
}

/// One collection.
#[utoipa::path(get, path = "/v1/models/{id}", operation_id = "read_model", tag = "chat", params(("id" = String, Path)),
    responses((status = 200, body = ModelBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ModelBody>, Problem> {
    known(&api, &caller, &id).await?;
    Ok(Json(ModelBody::new(id)))
}

/// Refuses a model that is no collection.
pub(crate) async fn known(api: &Api, caller: &Caller, id: &str) -> Result<(), Problem> {
    if caller.sees_collection(id) && api.engine.index.collection(id).await?.is_some() {
        return Ok(());
    }
    Err(Problem::new(StatusCode::NOT_FOUND, "model_not_found", format!("there is no model `{id}`"))
        .param("model")
        .hint("a model is a collection; GET /v1/models lists them"))
}
