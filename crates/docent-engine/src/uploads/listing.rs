//! Documents as their users should see them: what is stored, and what became of the file that was last put in its place.

use super::{Listed, Upload};
use crate::Engine;
use crate::error::Result;
use crate::ports::UploadReports;
use docent_core::Document;

impl Engine {
    /// Documents of a collection in order of their ids, from behind `after`: those that are stored, and those of which every
    /// upload was refused.
    ///
    /// # Errors
    /// Those of the index and of the reports.
    pub async fn listed_documents(
        &self,
        reports: &dyn UploadReports,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>> {
        let documents = self.index.documents(collection, after, limit).await?;
        let mut listed = described(reports, collection, documents).await?;
        for upload in reports.refused_uploads(collection, after, limit).await? {
            if !listed.iter().any(|one| one.id() == upload.document_id) {
                listed.push(Listed::NotStored(Box::new(upload)));
            }
        }
        listed.sort_by(|a, b| a.id().cmp(b.id()));
        listed.truncate(limit);
        Ok(listed)
    }

    /// One document: what is stored, or that its upload was refused.
    ///
    /// # Errors
    /// Those of the index and of the reports.
    pub async fn listed_document(
        &self,
        reports: &dyn UploadReports,
        collection: &str,
        id: &str,
    ) -> Result<Option<Listed>> {
        if let Some(document) = self.index.document(collection, id).await? {
            return Ok(described(reports, collection, vec![document]).await?.pop());
        }
        let newest = reports.newest_uploads(collection, &[id.to_owned()]).await?.pop();
        let refused = newest.filter(|upload| upload.status.is_terminal() && !upload.is_stored());
        Ok(refused.map(|upload| Listed::NotStored(Box::new(upload))))
    }
}

async fn described(reports: &dyn UploadReports, collection: &str, documents: Vec<Document>) -> Result<Vec<Listed>> {
    let ids: Vec<_> = documents.iter().map(|document| document.id.clone()).collect();
    let mut uploads: Vec<Upload> = reports.newest_uploads(collection, &ids).await?;
    let described = documents.into_iter().map(|document| {
        let place = uploads.iter().position(|upload| upload.document_id == document.id);
        let upload = place.map(|place| Box::new(uploads.swap_remove(place)));
        Listed::Stored { document: Box::new(document), upload, has_original: false }
    });
    Ok(described.collect())
}
