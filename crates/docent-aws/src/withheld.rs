//! Documents that were deleted and have not left the published index yet: an item per collection, with an attribute per document.
//!
//! Readers ask for it before each search, so it is one item, read as it is at that moment. It holds some thousands; whoever takes
//! documents out of the index takes them out of it, too, a while later.

use crate::expressions::Change;
use crate::item::text;
use crate::store::DynamoQueryStore;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use docent_core::Timestamp;
use docent_engine::Result;
use docent_engine::ports::{Withheld, WithheldDocuments};

/// What begins the id of a collection's item.
const WITHHELD: &str = "withheld#";
/// What all attributes begin with that are documents.
const DOCUMENT: &str = "doc_";
/// The document's attribute in expressions.
const NAME: &str = "#document";

impl DynamoQueryStore {
    /// Says until when a document is still withheld, unless it was withheld anew meanwhile.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn withhold_until(&self, collection: &str, before: &Withheld, until: Timestamp) -> Result<()> {
        let after = Withheld { until: Some(until), ..before.clone() };
        let change = Change::new("SET #document = :after", "#document = :before").with(":after", written(&after));
        self.change_withheld(collection, before, change.with(":before", written(before))).await
    }

    /// Forgets that a document was withheld, unless it was withheld anew meanwhile.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn forget_withheld(&self, collection: &str, before: &Withheld) -> Result<()> {
        let change = Change::new("REMOVE #document", "#document = :before").with(":before", written(before));
        self.change_withheld(collection, before, change).await
    }

    async fn change_withheld(&self, collection: &str, one: &Withheld, change: Change) -> Result<()> {
        let change = change.named(NAME, one.document_id.clone());
        let id = format!("{WITHHELD}{collection}");
        self.table.change(&id, &change, ReturnValue::None).await.map(drop)
    }
}

#[async_trait]
impl WithheldDocuments for DynamoQueryStore {
    async fn withheld(&self, collection: &str) -> Result<Vec<Withheld>> {
        let item = self.table.get(&format!("{WITHHELD}{collection}"), None).await?.unwrap_or_default();
        let mut all: Vec<_> = item.iter().filter_map(|(id, entry)| read(id, entry)).collect();
        all.sort_unstable_by(|a, b| a.document_id.cmp(&b.document_id));
        Ok(all)
    }

    async fn withhold(&self, collection: &str, document_id: &str, now: Timestamp) -> Result<()> {
        let one = Withheld { document_id: document_id.to_owned(), since: now, until: None };
        let change = Change::new("SET #document = :entry", "attribute_not_exists(#document) OR #document <> :entry");
        self.change_withheld(collection, &one, change.with(":entry", written(&one))).await
    }
}

/// Since when and until when, in milliseconds, with a slash between.
fn written(one: &Withheld) -> AttributeValue {
    let since = one.since.as_millis();
    text(one.until.map_or_else(|| since.to_string(), |until| format!("{since}/{}", until.as_millis())))
}

fn read(id: &str, entry: &AttributeValue) -> Option<Withheld> {
    let entry = entry.as_s().ok().filter(|_| id.starts_with(DOCUMENT))?;
    let (since, until) = entry.split_once('/').map_or((entry.as_str(), None), |(since, until)| (since, Some(until)));
    let time = |text: &str| text.parse().ok().map(Timestamp::from_millis);
    Some(Withheld { document_id: id.to_owned(), since: time(since)?, until: until.and_then(time) })
}
