//! What changes a collection: documents that are stored, and documents that are removed, each in one commit.

use crate::collection::{Collection, WriterOptions};
use crate::error::{Failure, Result};
use crate::generation;
use docent_core::Document;
use docent_engine::ports::{Deleted, IndexDocument, TextInFiles};
use std::collections::BTreeMap;

impl Collection {
    /// Stores documents, each replacing what was stored under its id, but for those that are not wanted when nobody else can
    /// write any more. Returns the generation; none if nothing was stored.
    pub(crate) fn put(
        &self,
        options: &WriterOptions,
        documents: &[IndexDocument],
        is_wanted: impl Fn(&Document) -> Result<bool>,
    ) -> Result<Option<String>> {
        documents.iter().try_for_each(|document| self.check(document))?;
        // The last of several documents with one id wins, as if they had been stored one after the other.
        let documents: BTreeMap<&str, &IndexDocument> =
            documents.iter().map(|document| (document.document.id.as_str(), document)).collect();
        self.change(options, |snapshot, writer| {
            let mut touched = Vec::new();
            for (id, document) in documents {
                if !is_wanted(&document.document)? {
                    continue;
                }
                if snapshot.document(id)?.is_some() {
                    writer.delete_term(self.fields().document_term(id));
                }
                for record in self.fields().records(document)? {
                    writer.add_document(record)?;
                }
                touched.extend([id, document.document.content_hash.as_str()]);
            }
            Ok((!touched.is_empty()).then(|| generation::next(&snapshot.generation, touched.into_iter())))
        })
    }

    fn check(&self, document: &IndexDocument) -> Result<()> {
        let (name, wanted) = (self.name(), &self.profile().embedding);
        let IndexDocument { document, chunks, vectors, model, .. } = document;
        if chunks.len() != vectors.len() {
            return Err(Failure::Uneven { id: document.id.clone(), chunks: chunks.len(), vectors: vectors.len() });
        }
        if let Some(vector) = vectors.iter().find(|vector| vector.len() != wanted.dimension) {
            let (name, found) = (name.to_owned(), vector.len());
            return Err(Failure::OtherDimension { name, found, wanted: wanted.dimension });
        }
        if *model != wanted.name {
            let (found, wanted) = (model.clone(), wanted.name.clone());
            return Err(Failure::OtherModel { name: name.to_owned(), found, wanted });
        }
        Ok(())
    }

    /// Removes documents, from the files too.
    pub(crate) fn expunge(&self, options: &WriterOptions, ids: &[String]) -> Result<Deleted> {
        let mut gone: BTreeMap<String, u64> = BTreeMap::new();
        let mut before = String::new();
        let (generation, rewritten) = self.change_and_expunge(options, ids, |snapshot, writer| {
            before.clone_from(&snapshot.generation);
            for id in ids {
                if let Some(document) = snapshot.document(id)? {
                    writer.delete_term(self.fields().document_term(id));
                    gone.insert(document.id, u64::from(document.chunks));
                }
            }
            let touched = gone.keys().map(String::as_str);
            Ok((!gone.is_empty()).then(|| generation::next(&snapshot.generation, touched)))
        })?;
        Ok(Deleted {
            chunks: gone.values().sum(),
            documents: gone.into_keys().collect(),
            generation: generation.unwrap_or_else(|| before.clone()),
            removed_from: before,
            rewritten,
            text_in_files: TextInFiles::Removed,
        })
    }
}
