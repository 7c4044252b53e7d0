//! The description of all routes (OpenAPI 3.1).

use crate::access::{Need, need};
use crate::routes::{chat, collections, documents, health, models, queries, search, uploads};
use crate::wire::WebhookEvent;
use crate::{events, facade};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use docent_core::access::Scope;
use std::sync::LazyLock;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, OperationBuilder, PathItem, Paths, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, HttpMethod, Ref, ResponseBuilder};

/// Name of the way to show a key.
const BEARER: &str = "bearer";

#[derive(OpenApi)]
#[openapi(
    info(title = "Docent", description = "Answers from your documents, with quotes that were checked against the page."),
    paths(
        queries::create, queries::list, queries::read, queries::delete, queries::trace, queries::cancel, queries::feedback,
        events::stream, search::search, chat::complete, models::list, models::read,
        documents::list, documents::read, documents::delete, documents::page,
        uploads::put, uploads::announce, uploads::original, uploads::settings, uploads::job, uploads::jobs,
        collections::list, collections::read, collections::delete,
        health::alive, health::ready,
        facade::index, facade::submit_query, facade::get_query, facade::list_query,
    ),
    components(schemas(WebhookEvent)),
    tags(
        (name = "queries", description = "Ask, wait, watch, list, cancel, forget"),
        (name = "search", description = "Ranked chunks without an answer"),
        (name = "chat", description = "For clients of OpenAI's chat completions; a model is a collection"),
        (name = "documents", description = "What the answers are made from"),
        (name = "collections", description = "Documents that belong together"),
        (name = "health", description = "Whether it works"),
        (name = "first system", description = "The contract of the system that this one replaces"),
    )
)]
struct Description;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| serde_json::to_string(&openapi()).unwrap_or_default());

/// The description as a value.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut description = Description::openapi();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A key that `docent keys create` made, or one of the server's settings. A server of one's own machine \
            that has no keys asks for none.",
        ))
        .build();
    description.components.get_or_insert_default().add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    for (path, item) in &mut description.paths.paths {
        for (method, operation) in operations(item) {
            if let Need::OneOf(scopes) = need(&method, path) {
                ask_for_key(operation, scopes);
            }
        }
    }
    description.webhooks = Some(webhooks());
    description
}

/// What this server calls, instead of being called.
fn webhooks() -> Paths {
    let event = ContentBuilder::new().schema(Some(Ref::from_schema_name("WebhookEvent"))).build();
    let body = RequestBodyBuilder::new().content("application/json", event).build();
    let taken = ResponseBuilder::new().description("Any status of success: it is not sent again").build();
    let about = "Signed as the Standard Webhooks specification says: `webhook-id`, the same for each attempt; `webhook-timestamp`; \
        `webhook-signature`. Redirects are not followed. Everything but success is tried again, ten times within a day.";
    let post = OperationBuilder::new()
        .operation_id(Some("query_ended"))
        .summary(Some("A query with a `webhook_url` has ended."))
        .description(Some(about))
        .tag("queries")
        .request_body(Some(body))
        .response("2XX", taken);
    PathsBuilder::new().path("query.ended", PathItem::new(HttpMethod::Post, post)).build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem { get, post, put, delete, .. } = item;
    let all = [(Method::GET, get), (Method::POST, post), (Method::PUT, put), (Method::DELETE, delete)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// What every route answers that is not open to all. Where one of several scopes will do, each is a way in.
fn ask_for_key(operation: &mut Operation, scopes: &[Scope]) {
    let way_in = |scope: &Scope| SecurityRequirement::new(BEARER, [scope.as_str()]);
    operation.security = Some(scopes.iter().map(way_in).collect());
    let body = || ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build();
    for (status, description) in [
        ("401", "No key, or one that is unknown, expired or revoked"),
        ("403", "The key lacks the scope"),
        ("429", "Over the key's rate, or over the day's budget: `Retry-After` says when to come back"),
    ] {
        let response = ResponseBuilder::new().description(description).content("application/json", body()).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(response.into());
    }
}

pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}
