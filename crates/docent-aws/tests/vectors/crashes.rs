//! A writer that dies: at every step, what is found is the old or the new, and the next run leaves nothing behind.

use super::server::{Server, writes};
use async_trait::async_trait;
use docent_aws::S3VectorsIndex;
use docent_engine::ErrorKind;
use docent_engine::ports::{ChunkIndex, Collection};
use docent_testkit::chunk_index::profile;
use docent_testkit::dying_writer::{self, Mortal};
use docent_testkit::fault_proxy::Passing;
use docent_testkit::vector_bucket::{BUCKET_ARN, refusal};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

#[async_trait]
impl Mortal for Server {
    type Index = S3VectorsIndex;

    async fn index(&self) -> S3VectorsIndex {
        Self::index(self).await
    }

    async fn dying(&self, lasts: usize) -> S3VectorsIndex {
        let left = AtomicUsize::new(lasts);
        let script = move |passing: &Passing<'_>| {
            let live = |left: usize| left.checked_sub(1);
            let passes = !writes(passing) || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, live).is_ok();
            // What the SDK does not try again.
            (!passes).then(|| refusal(403, "AccessDeniedException", "the machine is going down"))
        };
        self.behind(script).await.0
    }

    /// Opening leaves nothing of what died.
    fn opened_after_store(&self, opened: &Collection, came_through: bool) {
        assert_eq!((opened.documents, opened.chunks), if came_through { (3, 5) } else { (2, 3) });
        self.holds_only(&opened.name, opened.documents as usize, opened.chunks as usize);
    }

    fn opened_after_removal(&self, opened: &Collection, came_through: bool) {
        assert_eq!((opened.documents, opened.chunks), if came_through { (1, 1) } else { (2, 3) });
        self.holds_only(&opened.name, opened.documents as usize, opened.chunks as usize);
    }

    /// No text is there but that of the documents: as many chunks and pages, and a record for each document and the
    /// collection.
    fn holds_only(&self, name: &str, documents: usize, chunks: usize) {
        let counts =
            [name.to_owned(), format!("{name}.pages"), format!("{name}.documents")].map(|index| held(self, &index));
        assert_eq!(counts, [chunks, chunks, documents + 1]);
    }
}

/// How many vectors an index of the bucket really holds.
fn held(server: &Server, index: &str) -> usize {
    let listed = json!({"indexArn": format!("{BUCKET_ARN}/index/{index}"), "maxResults": 1_000});
    server.call("ListVectors", &listed)["vectors"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_killed_store_leaves_the_old_or_the_new() {
    let Some(server) = Server::start() else { return };
    dying_writer::a_killed_store_leaves_the_old_or_the_new(&server).await;
}

#[tokio::test]
async fn a_killed_removal_returns_no_text_and_is_finished_by_the_next_ingest() {
    let Some(server) = Server::start() else { return };
    dying_writer::a_killed_removal_returns_no_text_and_is_finished_by_the_next_ingest(&server).await;
}

#[tokio::test]
async fn a_collection_made_or_removed_halfway_can_be_made() {
    let Some(server) = Server::start() else { return };
    dying_writer::a_collection_made_or_removed_halfway_can_be_made(&server, 6).await;
    let listed = Server::index(&server).await.collections().await.unwrap();
    assert!(listed.iter().all(|one| !one.name.contains('.')), "{listed:?}");
}

/// An index that somebody else made under the name of a collection is neither used nor removed.
#[tokio::test]
async fn an_index_of_others_is_left_alone() {
    let Some(server) = Server::start() else { return };
    let index = Server::index(&server).await;
    let made = json!({"vectorBucketArn": BUCKET_ARN, "indexName": "theirs", "dataType": "float32", "dimension": 2,
        "distanceMetric": "cosine"});
    server.call("CreateIndex", &made);
    let error = index.open_or_create("theirs", &profile()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("did not make"), "{error}");
    assert!(!index.delete_collection("theirs").await.unwrap());
    assert_eq!(held(&server, "theirs"), 0, "it is still there");
    assert_eq!(index.collections().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_change_the_same_documents_leave_them_whole() {
    let Some(server) = Server::start() else { return };
    dying_writer::processes_that_change_the_same_documents_leave_them_whole(&server, 6).await;
}
