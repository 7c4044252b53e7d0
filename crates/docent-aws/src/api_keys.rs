//! API keys: an item each, listed through the index of open queries under a key of their own.

use crate::expressions::Change;
use crate::item::{Item, create_time, json, millis, number, text};
use crate::store::DynamoQueryStore;
use crate::table::{Changed, Filter};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValue;
use docent_core::{ApiKey, Timestamp};
use docent_engine::ports::KeyStore;
use docent_engine::{Error, Result};

/// What begins the id of a key's item.
const PREFIX: &str = "apikey#";
/// Where keys stand in the sparse index.
pub(crate) const KEYS: &str = "api_keys";

#[async_trait]
impl KeyStore for DynamoQueryStore {
    async fn create(&self, key: &ApiKey) -> Result<()> {
        let mut item: Item = [
            ("query_id", text(item_id(&key.id))),
            ("open", text(KEYS)),
            ("create_time", number(create_time(key.created_at, &key.hash))),
            ("record", text(json(key)?)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let moments = [("last_used", key.last_used), ("revoked_at", key.revoked_at)];
        item.extend(moments.into_iter().filter_map(|(name, time)| Some((name.to_owned(), millis(time?)))));
        match self.table.put_new(item.clone()).await? {
            Changed::Yes(_) => Ok(()),
            // The answer to our own write was lost, and the SDK sent it again.
            Changed::No(Some(stored)) if stored == item => Ok(()),
            Changed::No(_) => Err(Error::conflict("an API key with this id exists already")),
        }
    }

    async fn get(&self, id: &str) -> Result<Option<ApiKey>> {
        if id.is_empty() || id.len() > 256 {
            return Ok(None);
        }
        self.table.get(&item_id(id), None).await?.map(|item| decode(&item)).transpose()
    }

    async fn list(&self) -> Result<Vec<ApiKey>> {
        let all = || Filter::new("begins_with(query_id, :prefix)", [(":prefix", text(PREFIX))]);
        let mut keys = Vec::new();
        for id in self.indexed(KEYS, all(), &all(), usize::MAX, |_| true).await?.iter().filter_map(crate::store::id_of)
        {
            // The index has no more than the ids.
            if let Some(item) = self.table.get(&id, None).await? {
                keys.push(decode(&item)?);
            }
        }
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(keys)
    }

    async fn revoke(&self, id: &str, now: Timestamp) -> Result<Option<ApiKey>> {
        let change = Change::new("SET revoked_at = if_not_exists(revoked_at, :now)", "attribute_exists(query_id)");
        let change = change.with(":now", millis(now));
        match self.table.change(&item_id(id), &change, ReturnValue::AllNew).await? {
            Changed::Yes(item) => item.map(|item| decode(&item)).transpose(),
            Changed::No(_) => Ok(None),
        }
    }

    async fn touch(&self, id: &str, day: Timestamp) -> Result<()> {
        let change = Change::new(
            "SET last_used = :day",
            "attribute_exists(query_id) AND (attribute_not_exists(last_used) OR last_used < :day)",
        );
        self.table.change(&item_id(id), &change.with(":day", millis(day)), ReturnValue::None).await.map(drop)
    }
}

fn item_id(id: &str) -> String {
    format!("{PREFIX}{id}")
}

fn decode(item: &Item) -> Result<ApiKey> {
    let record = item.get("record").and_then(|record| record.as_s().ok());
    let key: Option<ApiKey> = record.and_then(|record| serde_json::from_str(record).ok());
    let key = key.ok_or_else(|| Error::internal("an API key of the query table is damaged"))?;
    let moment = |name: &str| {
        let digits = item.get(name)?.as_n().ok()?;
        digits.parse().ok().map(Timestamp::from_millis)
    };
    Ok(ApiKey { last_used: moment("last_used"), revoked_at: moment("revoked_at"), ..key })
}
