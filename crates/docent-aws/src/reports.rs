//! What became of files that were taken in: an item per document, with the report of its newest file.
//!
//! Items stand in `open_queries` under a key of their collection, the refused and failed ones under another, so that both can
//! be listed; those under queries' own key are the queries. A second item per upload leads from its id to its document's report, or
//! has what became of it where another one has taken that place, and is forgotten with time; a report stays as long as its document does. What is
//! older than what is there changes nothing.
//!
//! An upload that waits is such a second item, which stands in the index under a third key until somebody ends it.

use crate::expressions::Change;
use crate::item::{self, Item, create_time, json, number, text, ttl};
use crate::packing::Packed;
use crate::store::{DynamoQueryStore, id_of};
use crate::table::{Changed, Filter, Transacted};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem};
use docent_core::Timestamp;
use docent_core::query::Failure;
use docent_engine::deposits::as_of;
use docent_engine::ports::{DepositStore, Forgotten, UploadReports};
use docent_engine::queries::id_time;
use docent_engine::uploads::{EXHAUSTED, Upload};
use docent_engine::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

/// Where the report is in the transaction that keeps it.
const REPORT_PLACE: usize = 0;
/// What begins the id of a document's report.
const REPORT: &str = "report#";
/// What begins the id of the item that leads to it.
const UPLOAD: &str = "upload#";
/// Where reports stand in the sparse index, by how the file ended.
const TAKEN_IN: &str = "taken_in#";
const REFUSED: &str = "refused#";
/// Items that are read at the same time.
const AT_ONCE: usize = 16;
/// Where uploads stand that wait.
const WAITING: &str = "waiting#";
/// How often a report is tried again when somebody else writes one of the same document.
const ATTEMPTS: usize = 10;

impl DynamoQueryStore {
    /// Keeps the report of a file that has ended, unless a newer one of its document is there. False if another upload of this id has
    /// ended: then nothing has changed.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn record_report(&self, upload: &Upload) -> Result<bool> {
        let id = report_id(&upload.collection, &upload.document_id);
        for _ in 0..ATTEMPTS {
            let before = self.report(&id).await?;
            if before.as_ref().is_some_and(|before| !is_newer(upload, before)) {
                return Ok(true);
            }
            match self.table.transact(self.recording(&id, upload, before.as_ref())?).await? {
                Transacted::Done => return Ok(true),
                Transacted::Refused(REPORT_PLACE) => {}
                Transacted::Refused(_) => return Ok(false),
            }
        }
        Err(Error::unavailable("the report of a document is being changed by others"))
    }

    /// The report, what leads to it, and the one before where it is found by its id.
    fn recording(&self, id: &str, upload: &Upload, before: Option<&Upload>) -> Result<Vec<TransactWriteItem>> {
        let kind = if upload.is_stored() { TAKEN_IN } else { REFUSED };
        let expected = if before.is_some() { "upload_id = :before" } else { "attribute_not_exists(upload_id)" };
        let change = Change::new(
            "SET upload_record = :record, upload_id = :upload, #open = :under, create_time = :created",
            expected,
        );
        let change = before.into_iter().fold(change, |change, before| change.with(":before", text(&before.id)));
        let change = change
            .with(":record", Packed::new(json(upload)?)?.into())
            .with(":upload", text(&upload.id))
            .with(":under", text(format!("{kind}{}", upload.collection)))
            .with(":created", number(create_time(upload.created_at, &upload.id)));
        let mut pointer = self.item_of(upload);
        pointer.insert("for_report".to_owned(), text(id));
        let is_free = Filter::new(
            "attribute_not_exists(query_id) OR attribute_exists(deposited) OR for_report = :report",
            [(":report", text(id))],
        );
        let mut writes = vec![self.table.changing(id, &change)?, self.table.putting_if(pointer, is_free)?];
        if let Some(before) = before.filter(|before| before.id != upload.id) {
            writes.push(self.table.putting(self.ended(before)?)?);
        }
        Ok(writes)
    }

    /// What is found by an upload's id.
    fn item_of(&self, upload: &Upload) -> Item {
        let item = [
            ("query_id", text(format!("{UPLOAD}{}", upload.id))),
            ("ttl", ttl(upload.created_at.plus(self.retention))),
        ];
        item.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The same with what became of it.
    fn ended(&self, upload: &Upload) -> Result<Item> {
        let mut item = self.item_of(upload);
        item.insert("upload_record".to_owned(), Packed::new(json(upload)?)?.into());
        Ok(item)
    }

    /// Forgets the reports of these documents; uploads that wait stay. Returns how many there were.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn forget_reports(&self, collection: &str, document_ids: &[String]) -> Result<u64> {
        let doomed = self.reports(document_ids.iter().map(|id| report_id(collection, id)).collect()).await?;
        self.forget(&doomed).await
    }

    async fn forget(&self, doomed: &[Upload]) -> Result<u64> {
        let mut gone = 0;
        for upload in doomed {
            self.table.transact(self.forgetting(upload)?).await?;
            gone += 1;
        }
        Ok(gone)
    }

    /// True if the report of this document's file may be that of this upload: it waits, nobody knows of it yet, or it was only
    /// given up beforehand, for the case that its last attempt dies.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn may_end(&self, id: &str, document_id: &str, now: Timestamp) -> Result<bool> {
        if id_time(id).is_none() {
            return Ok(false);
        }
        let Some(item) = self.table.get(&format!("{UPLOAD}{id}"), None).await? else { return Ok(true) };
        let Some(upload) = decode(&item)? else {
            let given_up = |failure: &Failure| failure.code == EXHAUSTED;
            let report = self.leading_to(&item, id).await?.filter(|report| report.document_id == document_id);
            return Ok(report.is_some_and(|report| report.failure.as_ref().is_some_and(given_up)));
        };
        Ok(upload.document_id == document_id && !as_of(upload, now).status.is_terminal())
    }

    /// Uploads of a collection that wait, those among them that have waited too long.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn waiting_uploads(&self, collection: &str) -> Result<Vec<Upload>> {
        let ids = self.standing(WAITING, UPLOAD, collection).await?.iter().filter_map(id_of).collect();
        let mut found = self.reports(ids).await?;
        found.retain(|upload| !upload.status.is_terminal());
        Ok(found)
    }

    /// Writes how an upload has ended that waits; false if it does not any more.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn end_waiting(&self, upload: &Upload) -> Result<bool> {
        let change = Change::new("SET upload_record = :record REMOVE deposited, #open", "attribute_exists(deposited)")
            .with(":record", Packed::new(json(upload)?)?.into());
        let id = format!("{UPLOAD}{}", upload.id);
        Ok(matches!(self.table.change(&id, &change, ReturnValue::None).await?, Changed::Yes(_)))
    }

    /// Those of them whose files have come, the newest of each document.
    async fn come(&self, collection: &str) -> Result<BTreeMap<String, Upload>> {
        let mut waiting = self.waiting_uploads(collection).await?;
        waiting.retain(|upload| !upload.is_announced());
        waiting.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(waiting.into_iter().map(|upload| (upload.document_id.clone(), upload)).collect())
    }

    async fn report(&self, id: &str) -> Result<Option<Upload>> {
        Ok(self.table.get(id, None).await?.map(|item| decode(&item)).transpose()?.flatten())
    }

    /// The report that an item leads to, if it is still that of the upload.
    async fn leading_to(&self, item: &Item, id: &str) -> Result<Option<Upload>> {
        let Some(report) = item.get("for_report").and_then(|report| report.as_s().ok()) else { return Ok(None) };
        Ok(self.report(report).await?.filter(|upload| upload.id == id))
    }

    /// Those that are still there, in the order of the ids.
    async fn reports(&self, ids: Vec<String>) -> Result<Vec<Upload>> {
        let read = ids.into_iter().map(|id| async move { self.report(&id).await });
        let read: Vec<_> = read.collect();
        let found: Vec<Option<Upload>> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Items of the sparse index that stand there; their ids begin with `prefix`.
    async fn standing(&self, kind: &str, prefix: &str, collection: &str) -> Result<Vec<Item>> {
        let under = format!("{kind}{collection}");
        let all = || Filter::new("begins_with(query_id, :prefix)", [(":prefix", text(prefix))]);
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
        let Some(item) = self.table.get(&format!("{UPLOAD}{id}"), None).await? else { return Ok(None) };
        match decode(&item)? {
            Some(upload) => Ok(Some(upload)),
            None => self.leading_to(&item, id).await,
        }
    }

    async fn uploads(&self, collection: &str, limit: usize, after: Option<&str>) -> Result<Vec<Upload>> {
        let mut items = self.standing(TAKEN_IN, REPORT, collection).await?;
        items.extend(self.standing(REFUSED, REPORT, collection).await?);
        items.extend(self.standing(WAITING, UPLOAD, collection).await?);
        let mut places: Vec<_> = items.iter().filter_map(|item| Some((place(item)?, id_of(item)?))).collect();
        places.sort_unstable_by(|a, b| b.cmp(a));
        let behind = after.and_then(item::create_time_of_id).map(|time| sortable(&time));
        places.retain(|(place, _)| behind.as_ref().is_none_or(|behind| place < behind));
        self.reports(places.into_iter().take(limit).map(|(_, id)| id).collect()).await
    }

    async fn newest_uploads(&self, collection: &str, document_ids: &[String]) -> Result<Vec<Upload>> {
        let mut newest = self.reports(document_ids.iter().map(|id| report_id(collection, id)).collect()).await?;
        let mut come = self.come(collection).await?;
        come.retain(|document_id, _| document_ids.contains(document_id));
        newest.retain(|upload| !come.contains_key(&upload.document_id));
        newest.extend(come.into_values());
        Ok(newest)
    }

    async fn refused_uploads(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Upload>> {
        let behind = after.map(|after| report_id(collection, after));
        let come = self.come(collection).await?;
        let mut ids: Vec<_> = self.standing(REFUSED, REPORT, collection).await?.iter().filter_map(id_of).collect();
        ids.retain(|id| behind.as_ref().is_none_or(|behind| id > behind));
        ids.retain(|id| !come.keys().any(|document_id| *id == report_id(collection, document_id)));
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
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Forgotten> {
        let is_meant = |upload: &Upload| document_ids.is_none_or(|ids| ids.contains(&upload.document_id));
        let mut cancelled = Vec::new();
        for upload in self.waiting_uploads(collection).await?.into_iter().filter(is_meant) {
            if self.end_waiting(&upload.clone().cancelled(failure, now)).await? {
                cancelled.push(upload.id);
            }
        }
        let gone = match document_ids {
            Some(ids) => self.forget_reports(collection, ids).await?,
            None => self.forget(&self.uploads(collection, usize::MAX, None).await?).await?,
        };
        Ok(Forgotten { cancelled, gone })
    }
}

#[async_trait]
impl DepositStore for DynamoQueryStore {
    async fn deposit(&self, upload: &Upload, failure: &Failure) -> Result<Upload> {
        let mut item = self.ended(upload)?;
        let waiting = [
            ("deposited", AttributeValue::Bool(true)),
            ("open", text(format!("{WAITING}{}", upload.collection))),
            ("create_time", number(create_time(upload.created_at, &upload.id))),
        ];
        item.extend(waiting.map(|(name, value)| (name.to_owned(), value)));
        let stored = match self.table.put_new(item).await? {
            Changed::Yes(_) => None,
            // It was taken in already.
            Changed::No(_) => self.upload(&upload.id).await?,
        };
        let is_older = |other: &Upload| other.document_id == upload.document_id && other.id < upload.id;
        for other in self.waiting_uploads(&upload.collection).await?.into_iter().filter(is_older) {
            self.end_waiting(&other.cancelled(failure, upload.created_at)).await?;
        }
        Ok(stored.unwrap_or_else(|| upload.clone()))
    }
}

fn is_newer(upload: &Upload, before: &Upload) -> bool {
    (upload.completed_at, &upload.id) > (before.completed_at, &before.id)
}

fn report_id(collection: &str, document_id: &str) -> String {
    format!("{REPORT}{collection}#{document_id}")
}

/// None for an item that leads to another one.
fn decode(item: &Item) -> Result<Option<Upload>> {
    let Some(record) = item.get("upload_record") else { return Ok(None) };
    let damaged = |error| Error::internal("a report of the query table is damaged").because(error);
    serde_json::from_str(&Packed::try_from(record)?.text()?).map(Some).map_err(damaged)
}

fn place(item: &Item) -> Option<(u64, String)> {
    Some(sortable(item.get("create_time")?.as_n().ok()?))
}

/// A creation time in an order that text has; DynamoDB drops zeros at its end.
fn sortable(create_time: &str) -> (u64, String) {
    let (seconds, fraction) = create_time.split_once('.').unwrap_or((create_time, ""));
    (seconds.parse().unwrap_or(0), format!("{fraction:0<38}"))
}
