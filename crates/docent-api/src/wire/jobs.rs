//! Uploads as clients see them: jobs with a report, and addresses.

use super::{DocumentBody, FailureBody, timestamp};
use docent_core::{IngestOutcome, QueryStatus};
use docent_engine::deposits::Announced;
use docent_engine::ingest::FileReport;
use docent_engine::uploads::{Listed, Upload};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a part of a path is written without.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A job's id as clients see it.
pub fn shown_job(id: &str) -> String {
    format!("job_{id}")
}

/// A job's id as it is stored, from either form.
pub fn stored_job(id: &str) -> &str {
    id.strip_prefix("job_").unwrap_or(id)
}

/// A file that was accepted, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobBody {
    /// `job_` and 32 hexadecimal digits that sort by acceptance.
    pub id: String,
    /// `job`.
    pub object: &'static str,
    /// `upload`.
    pub kind: &'static str,
    /// `queued`, `in_progress`, `completed` (the report says with what), `failed` or `cancelled`.
    #[schema(value_type = String)]
    pub status: QueryStatus,
    /// Where the document goes.
    pub collection: String,
    /// The document that the path names, whether it is there already or not.
    pub document_id: String,
    /// The path; where files come through a bucket, with the name of the place before it.
    pub filename: String,
    /// Size of the file.
    pub bytes: u64,
    /// BLAKE3 of its bytes; empty as long as only its sender knows them.
    pub content_hash: String,
    /// What became of the file, once completed.
    pub report: Option<ReportBody>,
    /// Why there is no report, once failed or cancelled.
    pub error: Option<FailureBody>,
    /// How often a worker took it up.
    pub attempt: u32,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, once it has ended.
    pub completed_at: Option<String>,
}

impl From<&Upload> for JobBody {
    fn from(upload: &Upload) -> Self {
        Self {
            id: shown_job(&upload.id),
            object: "job",
            kind: "upload",
            status: upload.status,
            collection: upload.collection.clone(),
            document_id: upload.document_id.clone(),
            filename: upload.filename.clone(),
            bytes: upload.bytes,
            content_hash: upload.content_hash.clone(),
            report: upload.report.as_ref().map(ReportBody::from),
            error: upload.failure.as_ref().map(FailureBody::from),
            attempt: upload.attempt,
            created_at: timestamp(upload.created_at),
            completed_at: upload.completed_at.map(timestamp),
        }
    }
}

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportBody {
    /// `added`, `updated`, `unchanged` (the same bytes as before), `partial` (some pages could not be read) or `refused`.
    #[schema(value_type = String)]
    pub outcome: IngestOutcome,
    /// Why, for a refusal; begins with its kind.
    pub reason: Option<String>,
    /// As in the document; null for a refusal.
    pub format: Option<&'static str>,
    /// Pages (or sections).
    pub pages: u32,
    /// Characters of text.
    pub characters: u64,
    /// Chunks.
    pub chunks: u32,
    /// Pages whose text could not be read.
    pub unreadable_pages: Vec<u32>,
    /// What the reader noticed.
    pub warnings: Vec<String>,
}

impl From<&FileReport> for ReportBody {
    fn from(report: &FileReport) -> Self {
        Self {
            outcome: report.outcome,
            reason: report.reason.clone(),
            format: report.format.map(docent_core::Format::as_str),
            pages: report.pages,
            characters: report.characters,
            chunks: report.chunks,
            unreadable_pages: report.unreadable_pages.clone(),
            warnings: report.warnings.clone(),
        }
    }
}

/// How it went with a document's last file.
#[derive(Debug, Serialize, ToSchema)]
pub struct LastUploadBody {
    /// `GET /v1/jobs/{id}` has the whole report.
    pub job_id: String,
    /// As in the job.
    #[schema(value_type = String)]
    pub status: QueryStatus,
    /// As in the report.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<IngestOutcome>,
    /// Why it was refused, or why it failed.
    pub reason: Option<String>,
    /// RFC 3339; when it was accepted.
    pub created_at: String,
}

impl From<&Upload> for LastUploadBody {
    fn from(upload: &Upload) -> Self {
        let report = upload.report.as_ref();
        let failed = || upload.failure.as_ref().map(|failure| failure.message.clone());
        Self {
            job_id: shown_job(&upload.id),
            status: upload.status,
            outcome: report.map(|report| report.outcome),
            reason: report.and_then(|report| report.reason.clone()).or_else(failed),
            created_at: timestamp(upload.created_at),
        }
    }
}

impl DocumentBody {
    /// With what is known of its uploads.
    pub(crate) fn listed(listed: Listed, collection: &str) -> Self {
        match listed {
            Listed::Stored { document, upload, has_original } => {
                let original = has_original.then(|| original_of(&document.id, collection));
                let last_upload = upload.as_deref().map(LastUploadBody::from);
                Self { original, last_upload, ..Self::from(*document) }
            }
            Listed::NotStored(upload) => Self::not_stored(*upload),
        }
    }

    fn not_stored(upload: Upload) -> Self {
        let last_upload = Some(LastUploadBody::from(&upload));
        let title = upload.filename.rsplit('/').next().unwrap_or_default().to_owned();
        Self {
            id: upload.document_id,
            object: "document",
            filename: upload.filename,
            title,
            content_hash: upload.content_hash,
            bytes: upload.bytes,
            state: if upload.status == QueryStatus::Failed { "failed" } else { "refused" },
            last_upload,
            ..Self::default()
        }
    }
}

fn original_of(id: &str, collection: &str) -> String {
    let collection: String = form_urlencoded::byte_serialize(collection.as_bytes()).collect();
    format!("/v1/documents/{id}/original?collection={collection}")
}

/// What may be uploaded to this server.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadsBody {
    /// `uploads`.
    pub object: &'static str,
    /// False where the index is made elsewhere; then `reason` says what to do.
    pub enabled: bool,
    /// Bytes that a file may have.
    pub file_bytes_max: u64,
    /// Bytes of one that may be the body of a `PUT`; for a larger one `POST /v1/uploads` has an address.
    pub body_bytes_max: u64,
    /// Whether original files are kept, to be downloaded again.
    pub keeps_originals: bool,
    /// Why not.
    pub reason: Option<&'static str>,
}

/// Announces a file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceUpload {
    /// The document's path, such as `handbook/leave.pdf`, as it is; its extension says what it is.
    pub path: String,
    /// Size of the file.
    pub bytes: u64,
    /// Collection; the server's default if absent.
    pub collection: Option<String>,
}

/// Where a file is to be put.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadAddressBody {
    /// `upload_address`.
    pub object: &'static str,
    /// `PUT`.
    pub method: &'static str,
    /// Where the file goes, as it is. Without a scheme it is a path of this server, which asks for the key as everywhere; else whoever
    /// has it may put this file there, and no key is sent.
    pub url: String,
    /// Headers that have to be sent as they are.
    pub headers: BTreeMap<String, String>,
    /// RFC 3339, until when; null if for good.
    pub expires_at: Option<String>,
    /// What becomes of the file; null where the answer to the `PUT` is the job.
    pub job: Option<JobBody>,
}

impl From<Announced> for UploadAddressBody {
    fn from(Announced { address, expires_at, upload }: Announced) -> Self {
        Self {
            object: "upload_address",
            method: "PUT",
            url: address.url,
            headers: address.headers,
            expires_at: Some(timestamp(expires_at)),
            job: Some(JobBody::from(&upload)),
        }
    }
}

impl UploadAddressBody {
    /// The path's own `PUT`.
    pub(crate) fn here(path: &str, collection: &str) -> Self {
        let parts: Vec<_> = path.split('/').map(|part| utf8_percent_encode(part, PLAIN).to_string()).collect();
        let collection: String = form_urlencoded::byte_serialize(collection.as_bytes()).collect();
        Self {
            object: "upload_address",
            method: "PUT",
            url: format!("/v1/documents/{}?collection={collection}", parts.join("/")),
            headers: BTreeMap::new(),
            expires_at: None,
            job: None,
        }
    }
}
