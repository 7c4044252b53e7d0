//! Webhooks as clients see them: how far one is, and what it says.

use super::{shown_id, timestamp};
use docent_core::query::{Query, WebhookStatus};
use docent_core::{Outcome, QueryStatus};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How far the webhook of a query is.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookBody {
    /// Where it goes.
    pub url: String,
    /// `waiting` (the query has not ended), `pending`, `delivered`, or `given_up` after ten attempts within a day, after `410`, or
    /// as the receiver is not at a public address.
    #[schema(value_type = String)]
    pub status: WebhookStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time that something did.
    pub last_error: Option<String>,
}

impl WebhookBody {
    pub(super) fn of(query: &Query) -> Option<Self> {
        let (url, webhook) = (query.request.webhook_url.clone()?, query.webhook.as_ref()?);
        let last_error = webhook.last_error.clone();
        Some(Self { url, status: webhook.status, attempts: webhook.attempts, last_error })
    }
}

/// What a webhook says, in the shape of the Standard Webhooks specification: which query ended and how, and not the answer, which
/// is handed out to who shows the key (`GET /v1/queries/{id}`).
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookEvent {
    /// `query.completed`, `query.failed` or `query.cancelled`.
    pub r#type: String,
    /// RFC 3339; when the query ended.
    pub timestamp: String,
    /// The query.
    pub data: EndedQuery,
}

/// A query that has ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedQuery {
    /// `qry_` and 32 hexadecimal digits.
    pub id: String,
    /// `query`.
    pub object: &'static str,
    /// `completed`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    pub status: QueryStatus,
    /// `answered`, `partial` or `not_found`, if completed.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<Outcome>,
    /// Where it looked.
    pub collection: String,
    /// Your labels.
    pub metadata: BTreeMap<String, String>,
}

impl WebhookEvent {
    /// The event as it is sent.
    pub fn json(query: &Query) -> String {
        serde_json::to_string(&Self::from(query)).unwrap_or_default()
    }
}

impl From<&Query> for WebhookEvent {
    fn from(query: &Query) -> Self {
        Self {
            r#type: format!("query.{}", query.status.as_str()),
            timestamp: timestamp(query.completed_at.unwrap_or(query.created_at)),
            data: EndedQuery {
                id: shown_id(&query.id),
                object: "query",
                status: query.status,
                outcome: query.answer.as_ref().map(|answer| answer.outcome),
                collection: query.request.collection.clone(),
                metadata: query.request.metadata.clone(),
            },
        }
    }
}
