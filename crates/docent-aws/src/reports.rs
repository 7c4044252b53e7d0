//! What became of files that were taken in: an item per document, with the report of its newest file.
//!
//! Items stand in `open_queries` under a key of their collection, the refused and failed ones under another, so that both can
//! be listed; those under queries' own key are the queries. A second item per report leads from its id to its document and is
//! forgotten with time; a report stays as long as its document does. What is older than what is there changes nothing.

use crate::expressions::Change;
use crate::item::{self, Item, create_time, json, number, text, ttl};
use crate::packing::Packed;
use crate::store::{DynamoQueryStore, id_of};
use crate::table::Filter;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::TransactWriteItem;
use docent_core::Timestamp;
use docent_core::query::Failure;
use docent_engine::ports::{Forgotten, UploadReports};
use docent_engine::uploads::Upload;
use docent_engine::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};

/// What begins the id of a document's report.
const REPORT: &str = "report#";
/// What begins the id of the item that leads to it.
const UPLOAD: &str = "upload#";
/// Where reports stand in the sparse index, by how the file ended.
const TAKEN_IN: &str = "taken_in#";
const REFUSED: &str = "refused#";
/// Items that are read at the same time.
const AT_ONCE: usize = 16;

impl DynamoQueryStore {
    /// Keeps the report of a file that has ended, unless a newer one of its document is there.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn record_report(&self, upload: &Upload) -> Result<()> {
        let id = report_id(&upload.collection, &upload.document_id);
        let kind = if upload.is_stored() { TAKEN_IN } else { REFUSED };
        let change = Change::new(
            "SET upload_record = :record, upload_id = :upload, #open = :under, create_time = :created",
            "attribute_not_exists(upload_id) OR upload_id < :upload",
        )
        .with(":record", Packed::new(json(upload)?)?.into())
        .with(":upload", text(&upload.id))
        .with(":under", text(format!("{kind}{}", upload.collection)))
        .with(":created", number(create_time(upload.created_at, &upload.id)));
        let pointer = [
            ("query_id", text(format!("{UPLOAD}{}", upload.id))),
            ("for_report", text(&id)),
            ("ttl", ttl(upload.created_at.plus(self.retention))),
        ];
        let pointer: Item = pointer.map(|(name, value)| (name.to_owned(), value)).into();
        // A refusal means that a newer one is there.
        self.table.transact(vec![self.table.changing(&id, &change)?, self.table.putting(pointer)?]).await.map(drop)
    }

    async fn report(&self, id: &str) -> Result<Option<Upload>> {
        self.table.get(id, None).await?.map(|item| decode(&item)).transpose()
    }

    /// Those that are still there, in the order of the ids.
    async fn reports(&self, ids: Vec<String>) -> Result<Vec<Upload>> {
        let read = ids.into_iter().map(|id| async move { self.report(&id).await });
        let read: Vec<_> = read.collect();
        let found: Vec<Option<Upload>> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Items of the sparse index that stand there.
    async fn standing(&self, kind: &str, collection: &str) -> Result<Vec<Item>> {
        let under = format!("{kind}{collection}");
        let all = || Filter::new("begins_with(query_id, :prefix)", [(":prefix", text(REPORT))]);
        let same = Filter::new("#open = :open", [(":open", text(&under))]);
        self.indexed(&under, same, &all(), usize::MAX, |_| true).await
    }

    fn forgetting(&self, upload: &Upload) -> Result<Vec<TransactWriteItem>> {
        let report = report_id(&upload.collection, &upload.document_id);
        Ok(vec![
            self.table.deleting(&report, Some("attribute_exists(query_id)"))?,
            self.table.deleting(&format!("{UPLOAD}{}", upload.id), None)?,
        ])
    }
}

#[async_trait]
impl UploadReports for DynamoQueryStore {
    async fn upload(&self, id: &str) -> Result<Option<Upload>> {
        if !item::is_query_id(id) {
            return Ok(None);
        }
        let pointer = self.table.get(&format!("{UPLOAD}{id}"), None).await?;
        let report = pointer.as_ref().and_then(|item| item.get("for_report")?.as_s().ok());
        let Some(report) = report else { return Ok(None) };
        Ok(self.report(report).await?.filter(|upload| upload.id == id))
    }

    async fn uploads(&self, collection: &str, limit: usize, after: Option<&str>) -> Result<Vec<Upload>> {
        let mut items = self.standing(TAKEN_IN, collection).await?;
        items.extend(self.standing(REFUSED, collection).await?);
        let mut places: Vec<_> = items.iter().filter_map(|item| Some((place(item)?, id_of(item)?))).collect();
        places.sort_unstable_by(|a, b| b.cmp(a));
        let behind = after.and_then(item::create_time_of_id).map(|time| sortable(&time));
        places.retain(|(place, _)| behind.as_ref().is_none_or(|behind| place < behind));
        self.reports(places.into_iter().take(limit).map(|(_, id)| id).collect()).await
    }

    async fn newest_uploads(&self, collection: &str, document_ids: &[String]) -> Result<Vec<Upload>> {
        self.reports(document_ids.iter().map(|id| report_id(collection, id)).collect()).await
    }

    async fn refused_uploads(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Upload>> {
        let behind = after.map(|after| report_id(collection, after));
        let mut ids: Vec<_> = self.standing(REFUSED, collection).await?.iter().filter_map(id_of).collect();
        ids.retain(|id| behind.as_ref().is_none_or(|behind| id > behind));
        ids.sort_unstable();
        ids.truncate(limit);
        let mut refused = self.reports(ids).await?;
        // One that was stored in this moment is not refused any more.
        refused.retain(|upload| !upload.is_stored());
        Ok(refused)
    }

    async fn forget_uploads(
        &self,
        collection: &str,
        document_ids: Option<&[String]>,
        _: &Failure,
        _: Timestamp,
    ) -> Result<Forgotten> {
        let doomed = match document_ids {
            Some(ids) => self.newest_uploads(collection, ids).await?,
            None => self.uploads(collection, usize::MAX, None).await?,
        };
        let mut forgotten = Forgotten::default();
        for upload in &doomed {
            self.table.transact(self.forgetting(upload)?).await?;
            forgotten.gone += 1;
        }
        Ok(forgotten)
    }
}

fn report_id(collection: &str, document_id: &str) -> String {
    format!("{REPORT}{collection}#{document_id}")
}

fn decode(item: &Item) -> Result<Upload> {
    let damaged = || Error::internal("a report of the query table is damaged");
    let record = Packed::try_from(item.get("upload_record").ok_or_else(damaged)?)?.text()?;
    serde_json::from_str(&record).map_err(|error| damaged().because(error))
}

fn place(item: &Item) -> Option<(u64, String)> {
    Some(sortable(item.get("create_time")?.as_n().ok()?))
}

/// A creation time in an order that text has; DynamoDB drops zeros at its end.
fn sortable(create_time: &str) -> (u64, String) {
    let (seconds, fraction) = create_time.split_once('.').unwrap_or((create_time, ""));
    (seconds.parse().unwrap_or(0), format!("{fraction:0<38}"))
}
