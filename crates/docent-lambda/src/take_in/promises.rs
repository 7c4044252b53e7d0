//! What the API has promised to those who send and delete files.
//!
//! **An upload ends.** It says on its object which it is, and is ended with the report of what the object was. One whose object is not there,
//! or is another one by then, is cancelled. One that has waited too long is lost.
//!
//! **What was deleted is not shown.** Every reader withholds it until it is gone from here: it is taken out first, whatever lies in its place
//! by then, and once that is live, the withholding gets an end.
//!
//! The hourly look sees to both, whatever was lost on the way.

use super::{Done, Shift, below};
use docent_core::Document;
use docent_engine::Result;
use docent_engine::deletes::DeleteOptions;
use docent_engine::deposits::as_of;
use docent_engine::ports::{Place, Withheld, WithheldDocuments};
use docent_engine::queries::id_time;
use docent_engine::uploads::{Upload, deleted, superseded};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the API may take to put a file and to note that it did: no request to it takes longer.
const PUTTING: Duration = Duration::from_secs(60);
/// How long readers may go on with a generation that is not live any more: then what was withheld and is there anew may be shown.
const NOTICED: Duration = Duration::from_secs(2 * 60);
/// How long what is gone is withheld all the same, for a reader that was held up.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);

impl Shift<'_> {
    /// Paths of uploads that wait and of documents that are withheld: something was lost on their way. What has waited too long is
    /// ended, and what is withheld though it is neither here nor there is not withheld for ever.
    pub(super) async fn waited_for(&self) -> Result<Vec<String>> {
        self.intake.bench.check_out(self.collection).await?;
        let (reports, now) = (&self.intake.reports, self.now());
        let mut paths = Vec::new();
        for upload in reports.waiting_uploads(self.collection).await? {
            let upload = as_of(upload, now);
            if upload.status.is_terminal() {
                reports.end_waiting(&upload).await?;
            } else if !upload.is_announced() {
                paths.push(below(&upload.filename));
            }
        }
        for one in reports.withheld(self.collection).await? {
            match self.stored(&one.document_id).await? {
                Some(document) if one.until.is_none() => paths.push(below(&document.filename)),
                None if one.until.is_none() => {
                    reports.withhold_until(self.collection, &one, now.plus(FORGOTTEN)).await?;
                }
                _ if !one.holds(now) => reports.forget_withheld(self.collection, &one).await?,
                _ => {}
            }
        }
        Ok(paths)
    }

    async fn stored(&self, document_id: &str) -> Result<Option<Document>> {
        let index = &self.intake.engine.index;
        if index.collection(self.collection).await?.is_none() {
            return Ok(None);
        }
        index.document(self.collection, document_id).await
    }

    /// Takes out which of these documents were deleted, whatever lies in their places by now: it comes in as if they had never been
    /// there, and where it is refused, nothing of them stays.
    pub(super) async fn take_out(&self, places: &[Place]) -> Result<bool> {
        let withheld = self.intake.reports.withheld(self.collection).await?;
        let mut doomed = Vec::new();
        for one in withheld.into_iter().filter(|one| one.until.is_none()) {
            let is_meant = places.iter().any(|place| place.file.document_id == one.document_id);
            if is_meant && self.stored(&one.document_id).await?.is_some() {
                doomed.push(one.document_id);
            }
        }
        if !doomed.is_empty() {
            self.intake.engine.delete_documents(self.collection, &doomed, DeleteOptions::default()).await?;
        }
        Ok(!doomed.is_empty())
    }

    /// Ends the uploads whose objects have been overtaken: something else was there, or nothing, when it was looked.
    pub(super) async fn end_overtaken(&self, done: &Done) -> Result<()> {
        let reports = &self.intake.reports;
        for upload in reports.waiting_uploads(self.collection).await? {
            // One that was put in this moment has not been seen.
            let was_there = !upload.is_announced() && upload.created_at.plus(PUTTING) < done.since;
            let place = done.places.iter().find(|place| place.file.document_id == upload.document_id);
            if let Some(place) = place.filter(|place| was_there && place.upload.as_ref() != Some(&upload.id)) {
                let failure = if place.version.is_some() { superseded() } else { deleted() };
                reports.end_waiting(&upload.cancelled(&failure, self.now())).await?;
            }
        }
        Ok(())
    }

    /// Gives what was withheld an end, where that is live by now: soon for what is there anew, later for what is gone.
    pub(super) async fn release(
        &self,
        withheld: &[Withheld],
        seen: &[Place],
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        for place in seen.iter().filter(|place| !changed.contains(&below(&place.file.filename))) {
            let Some(one) = withheld.iter().find(|one| one.document_id == place.file.document_id) else { continue };
            let lasts = if place.version.is_some() { NOTICED } else { FORGOTTEN };
            let until = self.now().plus(lasts);
            if one.until.is_none_or(|before| until < before) {
                self.intake.reports.withhold_until(self.collection, one, until).await?;
            }
        }
        Ok(())
    }

    /// Keeps how it ended with a file: as the upload that has put it there, if that waits.
    pub(super) async fn record(&self, ended: Upload, place: Option<&Place>) -> Result<()> {
        let reports = &self.intake.reports;
        if let Some(id) = place.and_then(|place| place.upload.as_ref())
            && reports.may_end(id, &ended.document_id, self.now()).await?
        {
            let created_at = id_time(id).unwrap_or(ended.created_at);
            if reports.record_report(&Upload { id: id.clone(), created_at, ..ended.clone() }).await? {
                return Ok(());
            }
        }
        reports.record_report(&ended).await.map(drop)
    }
}
