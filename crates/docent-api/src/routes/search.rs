//! Search without an answer.

use crate::access::Caller;
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemBody};
use crate::state::Api;
use crate::wire::{SearchBody, SearchResults};
use axum::Json;
use axum::extract::State;
use docent_engine::answer::Search;
use docent_engine::queries::QUESTION_CHARS_MAX;

/// Most hits of one search.
const RESULTS_MAX: usize = 100;

/// Ranked chunks with both scores.
#[utoipa::path(post, path = "/v1/search", tag = "search", request_body = SearchBody,
    responses((status = 200, body = SearchResults), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn search(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(body): JsonBody<SearchBody>,
) -> Result<Json<SearchResults>, Problem> {
    let characters = body.query.chars().count();
    if body.query.trim().is_empty() || characters > QUESTION_CHARS_MAX {
        return Err(Problem::invalid(format!("`query` must have 1 to {QUESTION_CHARS_MAX} characters")).param("query"));
    }
    let limit = body.max_num_results.unwrap_or(10);
    if !(1..=RESULTS_MAX).contains(&limit) {
        return Err(
            Problem::invalid(format!("`max_num_results` must be from 1 to {RESULTS_MAX}")).param("max_num_results")
        );
    }
    let search = Search {
        collection: caller.collection(body.collection, &api.settings.collection)?,
        text: body.query,
        mode: body.mode.map(Into::into).unwrap_or_default(),
        limit,
        filter: body.filters,
    };
    let found = api.engine.search(&search).await?;
    Ok(Json(SearchResults::new(search.collection, found)))
}
