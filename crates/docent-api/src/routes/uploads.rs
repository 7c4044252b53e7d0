//! Uploads: a file in, a job that says what became of it, the file out again.

use super::documents::{InCollection, existing, unknown};
use super::queries::{limit, patience};
use crate::access::Caller;
use crate::body::{JsonBody, Params};
use crate::problem::{Problem, ProblemBody, seconds};
use crate::state::Api;
use crate::wire::{AnnounceUpload, JobBody, List, UploadAddressBody, UploadsBody, shown_job, stored_job};
use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use docent_core::document_path::document_path;
use docent_core::{Refusal, RefusalKind};
use docent_engine::entrance::{Allowed, Entrance};
use docent_engine::uploads::{NotAccepted, Upload};
use futures::StreamExt;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use utoipa::IntoParams;

/// Most jobs in one answer.
const LIMIT_MAX: usize = 100;
/// Bytes of a refused body that are read and thrown away, since many clients hear an answer only when all is sent.
const DRAINED_BYTES_MAX: u64 = 256 << 20;
/// Why a server takes no uploads.
const NO_UPLOADS: &str =
    "this server takes no uploads: its index is made elsewhere, or its queries are in a table that several share";
const NO_UPLOADS_HINT: &str = "run `docent ingest` where the index is made, and `docent publish` if it is published";
/// What to do with a file that is too large for a body.
const NEEDS_AN_ADDRESS: &str = "POST /v1/uploads with its path and its bytes says where it may be put";

/// Where a file goes, and how long to wait.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutParams {
    /// Collection; the server's default if absent. Made if it does not exist.
    collection: Option<String>,
    /// Seconds to wait for the report, 0 to 60.
    wait: Option<f64>,
}

/// Uploads a file: 202 with the address of its job, or 200 with the report if it comes within `wait`.
///
/// The path is the document's identity: another file under it replaces it, the same bytes again change nothing.
#[utoipa::path(put, path = "/v1/documents/{id}", operation_id = "upload_document", tag = "documents",
    params(("id" = String, Path, description = "The document's path, such as `handbook/leave.md`, percent-encoded; its extension and its \
        first bytes say what it is"), PutParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file, as it is"),
    responses((status = 200, body = JobBody), (status = 202, body = JobBody), (status = 400, body = ProblemBody),
        (status = 413, description = "Too large", body = ProblemBody), (status = 415, description = "Not a format that is read", body = ProblemBody),
        (status = 422, description = "Not what its name says", body = ProblemBody), (status = 501, description = "No uploads here", body = ProblemBody)))]
pub(crate) async fn put(
    State(api): State<Api>,
    caller: Caller,
    uri: Uri,
    Params(params): Params<PutParams>,
    request: Request,
) -> Result<Response, Problem> {
    let allowed = api.entrance.allowed().ok_or_else(none_here)?;
    let (wait, filename) = (patience(params.wait)?, path(&uri)?);
    let collection = caller.collection(params.collection, &api.settings.collection)?;
    let announced = length(request.headers());
    let body = request.into_body().into_data_stream();
    if let Some(why) = not_acceptable(&api.entrance, &allowed, &filename, announced) {
        drain(body).await;
        return Err(not_accepted(why));
    }
    let upload = api.entrance.accept(&collection, &filename, body).await.map_err(not_accepted)?;
    let upload = upload.ok_or_else(none_here)?;
    let waited = if wait.is_zero() { None } else { api.entrance.wait(&upload.id, wait).await? };
    Ok(shown(&waited.unwrap_or(upload)))
}

/// What the name and the announced length tell.
fn not_acceptable(entrance: &Entrance, allowed: &Allowed, path: &str, bytes: Option<u64>) -> Option<NotAccepted> {
    let most = allowed.body_bytes;
    let too_large = bytes.filter(|bytes| *bytes > most).map(|_| NotAccepted::TooLargeForABody { most });
    entrance.refusal(path, bytes).map(NotAccepted::Refused).or(too_large)
}

/// Says where a file may be put, of a size that no body of this server may have as well.
///
/// Where files come through a bucket, the address is one of the bucket: it takes a file of that size under that path and nothing
/// else, for a quarter of an hour.
#[utoipa::path(post, path = "/v1/uploads", operation_id = "announce_upload", tag = "documents", request_body = AnnounceUpload,
    responses((status = 200, body = UploadAddressBody), (status = 400, body = ProblemBody),
        (status = 413, description = "Too large", body = ProblemBody), (status = 415, description = "Not a format that is read", body = ProblemBody),
        (status = 422, description = "Not a file that is taken in", body = ProblemBody), (status = 501, description = "No uploads here", body = ProblemBody)))]
pub(crate) async fn announce(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(wanted): JsonBody<AnnounceUpload>,
) -> Result<Json<UploadAddressBody>, Problem> {
    api.entrance.allowed().ok_or_else(none_here)?;
    let path = document_path(wanted.path.split('/')).map_err(wrong_path)?;
    let collection = caller.collection(wanted.collection, &api.settings.collection)?;
    let announced = api.entrance.announce(&collection, &path, wanted.bytes).await.map_err(not_accepted)?;
    Ok(Json(announced.map_or_else(|| UploadAddressBody::here(&path, &collection), UploadAddressBody::from)))
}

fn wrong_path(what: &str) -> Problem {
    Problem::invalid(what).param("path").hint("a path looks like handbook/leave.md")
}

/// The path that an address names: decoded once, then taken apart, so that nothing in it can mean two things.
fn path(uri: &Uri) -> Result<String, Problem> {
    let raw = uri.path().strip_prefix("/documents/").unwrap_or_default();
    let wrong = |what: &str| {
        Problem::invalid(what).param("path").hint("a path looks like handbook/leave.md, in UTF-8, percent-encoded")
    };
    let is_encoded = raw.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let decoded = percent_decode_str(raw).decode_utf8().ok().filter(|_| is_encoded);
    let decoded = decoded.ok_or_else(|| wrong("the path is not percent-encoded UTF-8"))?;
    document_path(decoded.split('/')).map_err(wrong)
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn drain(mut body: BodyDataStream) {
    let mut bytes = 0;
    while let Some(Ok(piece)) = body.next().await {
        bytes += piece.len() as u64;
        if bytes > DRAINED_BYTES_MAX {
            return;
        }
    }
}

fn not_accepted(why: NotAccepted) -> Problem {
    match why {
        NotAccepted::Refused(refusal) => refused(&refusal),
        NotAccepted::TooLargeForABody { most } => {
            let message = format!("the file has more than the {most} bytes that the body of a request may have here");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, RefusalKind::TooLarge.as_str(), message).hint(NEEDS_AN_ADDRESS)
        }
        NotAccepted::BrokeOff => {
            Problem::invalid("the file broke off, or took too long to arrive; nothing of it is kept")
                .hint("send it again")
        }
        NotAccepted::Failed(error) => error.into(),
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let status = match refusal.kind {
        RefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RefusalKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, refusal.kind.as_str(), refusal.detail.clone())
}

fn none_here() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "no_uploads", NO_UPLOADS).hint(NO_UPLOADS_HINT)
}

/// 200 for a job that has ended; 202 with where and when to look again for another.
fn shown(upload: &Upload) -> Response {
    let body = Json(JobBody::from(upload));
    let location = HeaderValue::try_from(format!("/v1/jobs/{}", shown_job(&upload.id)));
    let location = location.unwrap_or_else(|_| HeaderValue::from_static("/v1/jobs"));
    if upload.status.is_terminal() {
        (StatusCode::OK, [(header::LOCATION, location)], body).into_response()
    } else {
        (StatusCode::ACCEPTED, [(header::LOCATION, location), (header::RETRY_AFTER, seconds(1))], body).into_response()
    }
}

/// What may be uploaded here.
#[utoipa::path(get, path = "/v1/uploads", operation_id = "read_uploads", tag = "documents", responses((status = 200, body = UploadsBody)))]
pub(crate) async fn settings(State(api): State<Api>) -> Json<UploadsBody> {
    let allowed = api.entrance.allowed();
    Json(UploadsBody {
        object: "uploads",
        enabled: allowed.is_some(),
        file_bytes_max: allowed.map_or(0, |allowed| allowed.file_bytes),
        body_bytes_max: allowed.map_or(0, |allowed| allowed.body_bytes),
        keeps_originals: allowed.is_some_and(|allowed| allowed.keeps_originals),
        reason: allowed.is_none().then_some(NO_UPLOADS),
    })
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadParams {
    /// Seconds to wait for the job's end, 0 to 60.
    wait: Option<f64>,
}

/// A job as it stands, or as it stands when it has ended or `wait` is over.
#[utoipa::path(get, path = "/v1/jobs/{id}", operation_id = "read_job", tag = "documents", params(("id" = String, Path), ReadParams),
    responses((status = 200, body = JobBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn job(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<ReadParams>,
) -> Result<Json<JobBody>, Problem> {
    let wait = patience(params.wait)?;
    let missing =
        || Problem::not_found(format!("there is no job `{id}`")).hint("GET /v1/jobs lists those of a collection");
    api.entrance.allowed().ok_or_else(none_here)?;
    let upload = api.entrance.upload(stored_job(&id)).await?;
    let upload = upload.filter(|upload| caller.sees_collection(&upload.collection)).ok_or_else(missing)?;
    let waited = if wait.is_zero() { Some(upload) } else { api.entrance.wait(&upload.id, wait).await? };
    waited.map(|upload| Json(JobBody::from(&upload))).ok_or_else(missing)
}

/// Which collection and which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    /// Collection; the server's default if absent.
    collection: Option<String>,
    /// How many, 1 to 100; 20 if absent.
    limit: Option<usize>,
    /// Begin behind this id.
    after: Option<String>,
}

/// A collection's jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", operation_id = "list_jobs", tag = "documents", params(ListParams),
    responses((status = 200, body = List<JobBody>), (status = 404, body = ProblemBody)))]
pub(crate) async fn jobs(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<List<JobBody>>, Problem> {
    let limit = limit(params.limit, 20, LIMIT_MAX)?;
    let collection = caller.collection(params.collection, &api.settings.collection)?;
    let after = params.after.as_deref().map(stored_job);
    api.entrance.allowed().ok_or_else(none_here)?;
    let mut found = api.entrance.uploads(&collection, limit + 1, after).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last_id = found.last().map(|upload| shown_job(&upload.id));
    Ok(Json(List::part(found.iter().map(JobBody::from).collect(), has_more, last_id)))
}

/// What accompanies an original: whatever it is, a browser saves it, and neither shows nor runs it.
const GUARDS: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "application/octet-stream"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "private, no-store"),
];

/// The file that a document was read from, where it is kept.
#[utoipa::path(get, path = "/v1/documents/{id}/original", operation_id = "read_original", tag = "documents",
    params(("id" = String, Path), InCollection),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 404, body = ProblemBody)))]
pub(crate) async fn original(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<InCollection>,
) -> Result<Response, Problem> {
    let collection = existing(&api, &caller, params.collection).await?;
    if api.engine.index.document(&collection, &id).await?.is_none() {
        return Err(unknown(&id));
    }
    let (document, original) = api.entrance.original(&collection, &id).await?.ok_or_else(|| {
        Problem::not_found("the original file of this document is not kept")
            .hint("originals are kept of uploads, unless `keep_originals` is false or another file has come since; the text is at /v1/documents/{id}/pages/1")
    })?;
    let length = original.bytes;
    let mut response = Body::from_stream(original.pieces).into_response();
    let headers = response.headers_mut();
    headers.extend(GUARDS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONTENT_DISPOSITION, attachment(&document.filename));
    Ok(response)
}

/// Saved under the last part of its path (RFC 6266).
fn attachment(filename: &str) -> HeaderValue {
    let name = filename.rsplit('/').next().unwrap_or_default();
    let value = format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_names() {
        for (address, expected) in [
            ("/documents/leave.md", Ok("leave.md")),
            ("/documents/a/b/c.md", Ok("a/b/c.md")),
            ("/documents/a%2Fb.md", Ok("a/b.md")),
            ("/documents/R%C3%A9sum%C3%A9%20%231.md", Ok("R\u{e9}sum\u{e9} #1.md")),
            ("/documents/a+b.md", Ok("a+b.md")),
            ("/documents/..", Err("`.` or `..`")),
            ("/documents/%2e%2e/leave.md", Err("`.` or `..`")),
            ("/documents/a/..%2f..%2fleave.md", Err("`.` or `..`")),
            ("/documents/%2Fetc%2Fpasswd", Err("empty part")),
            ("/documents/a//b.md", Err("empty part")),
            ("/documents/a%5Cb.md", Err("a slash")),
            ("/documents/a%00.md", Err("cannot be seen")),
            ("/documents/a%0D%0Ab.md", Err("cannot be seen")),
            ("/documents/a%FF.md", Err("percent-encoded UTF-8")),
            ("/documents/100%.md", Err("percent-encoded UTF-8")),
            ("/documents/a%2", Err("percent-encoded UTF-8")),
        ] {
            let found = path(&address.parse().unwrap());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{address}"),
                (Err(problem), Err(expected)) => {
                    let body = serde_json::to_value(problem.body()).unwrap();
                    let message = body["error"]["message"].as_str().unwrap();
                    assert!(message.contains(expected), "{address}: {message}");
                }
                (found, _) => panic!("{address}: {found:?}"),
            }
        }
    }
}
