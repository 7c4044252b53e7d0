//! Webhooks of queries: found through the sparse index, where a query goes from the open ones to those that are to be told.

use crate::expressions::{self, Change};
use crate::item::{WEBHOOKS, is_query_id, millis, text};
use crate::store::{DynamoQueryStore, id_of};
use crate::table::{Changed, Filter};
use aws_sdk_dynamodb::types::ReturnValue;
use docent_core::query::WebhookStatus;
use docent_core::{Query, Timestamp};
use docent_engine::Result;

impl DynamoQueryStore {
    /// Whether somebody is to be told of a query's ending. A query gets its webhook when it is made or never.
    pub(crate) async fn has_webhook(&self, id: &str) -> Result<bool> {
        let item = self.table.get(id, Some("webhook")).await?;
        Ok(item.is_some_and(|item| item.contains_key("webhook")))
    }

    /// Changes a query as it ends. An update cannot choose by what the item has, so this one supposes that nobody is to be
    /// told, which holds for most and spares a read; an item that has a webhook refuses it.
    pub(crate) async fn change_at_end(&self, id: &str, change: impl Fn(bool) -> Change) -> Result<Changed> {
        match self.table.change(id, &change(false), ReturnValue::AllNew).await? {
            Changed::No(Some(item)) if item.contains_key("webhook") => {
                self.table.change(id, &change(true), ReturnValue::AllNew).await
            }
            changed => Ok(changed),
        }
    }

    pub(crate) async fn webhooks_due(&self, now: Timestamp, limit: usize) -> Result<Vec<String>> {
        let is_due = Filter::new("lease_until <= :now", [(":now", millis(now))]);
        let pending = Filter::new("webhook = :pending", [(":pending", text(WebhookStatus::Pending.as_str()))]);
        let items = self.indexed(WEBHOOKS, pending, &is_due, limit, |_| true).await?;
        Ok(items.iter().filter_map(id_of).take(limit).collect())
    }

    pub(crate) async fn take_webhook(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<Option<Query>> {
        if !is_query_id(id) {
            return Ok(None);
        }
        let change = expressions::claim_webhook(now, until);
        let (item, is_changed) = match self.table.change(id, &change, ReturnValue::AllNew).await? {
            Changed::Yes(item) => (item, true),
            Changed::No(item) => (item, false),
        };
        let query = item.map(|item| self.decode(&item)).transpose()?;
        // If it was not changed and is as we want it: the answer to our own claim was lost, and the SDK sent it again.
        let is_ours = |query: &Query| query.webhook.as_ref().is_some_and(|webhook| webhook.due == Some(until));
        Ok(query.filter(|query| is_changed || is_ours(query)))
    }
}
