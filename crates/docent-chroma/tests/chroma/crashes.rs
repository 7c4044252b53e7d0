//! A writer that dies: at every step, what is found is the old or the new, and the next run leaves nothing behind.

use super::proxy::{Fate, Proxy};
use super::server::{Server, settings};
use async_trait::async_trait;
use docent_chroma::ChromaIndex;
use docent_engine::ports::{ChunkIndex, Collection};
use docent_testkit::dying_writer::{self, Mortal};
use std::sync::atomic::{AtomicUsize, Ordering};

const GONE: Fate = Fate::Answer(500, "", r#"{"error":"x","message":"the machine is going down"}"#);

#[async_trait]
impl Mortal for Server {
    type Index = ChromaIndex;

    async fn index(&self) -> ChromaIndex {
        Self::index(self)
    }

    async fn dying(&self, writes: usize) -> ChromaIndex {
        let left = AtomicUsize::new(writes);
        let plan = move |request: &super::proxy::Request| {
            let live = |left: usize| left.checked_sub(1);
            let passes = !request.writes() || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, live).is_ok();
            if passes { Fate::Pass } else { GONE }
        };
        let proxy = Proxy::before(self.chroma.port(), plan).await;
        ChromaIndex::new(settings(&proxy.url), None).expect("settings")
    }

    fn opened_after_removal(&self, opened: &Collection, came_through: bool) {
        if came_through {
            assert_eq!((opened.documents, opened.chunks), (1, 1), "leftovers");
        }
    }
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
    dying_writer::a_collection_made_or_removed_halfway_can_be_made(&server, 8).await;
    let listed = Server::index(&server).collections().await.unwrap();
    assert!(listed.iter().all(|one| !one.name.contains("docent-")), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_change_the_same_documents_leave_them_whole() {
    let Some(server) = Server::start() else { return };
    dying_writer::processes_that_change_the_same_documents_leave_them_whole(&server, 12).await;
}
