//! What a [`ChunkIndex`] without transactions must keep when a writer dies: at every step, what is found is the old or the
//! new, and the next run leaves nothing behind.

use crate::chunk_index::{document, fresh_collection, leaning, profile, question};
use async_trait::async_trait;
use docent_core::SearchMode;
use docent_engine::ErrorKind;
use docent_engine::ports::{ChunkIndex, Collection, IndexDocument};

/// A store whose writers can die.
#[async_trait]
pub trait Mortal: Sync {
    /// How it is used.
    type Index: ChunkIndex + 'static;

    /// An index as another process would have it.
    async fn index(&self) -> Self::Index;

    /// One whose writes fail for ever after the first so many.
    async fn dying(&self, writes: usize) -> Self::Index;

    /// Looks at a collection that was opened again after a store died; `came_through` if the new documents count.
    fn opened_after_store(&self, _opened: &Collection, _came_through: bool) {}

    /// The same after a removal died.
    fn opened_after_removal(&self, opened: &Collection, came_through: bool);

    /// Looks at what the store really holds of a collection with so many documents and chunks.
    fn holds_only(&self, _name: &str, _documents: usize, _chunks: usize) {}
}

fn version(id: &str, texts: &[&str]) -> IndexDocument {
    document(id, texts, &leaning(1, 0.5))
}

async fn texts(index: &dyn ChunkIndex, name: &str) -> Vec<String> {
    let hits = index.search(name, &question(SearchMode::Dense, "", leaning(1, 0.5))).await.expect("an answer").hits;
    let mut texts: Vec<String> = hits.into_iter().map(|hit| hit.chunk.text).collect();
    texts.sort();
    texts
}

/// What the documents' records say is what the pages say and what is found.
async fn is_consistent(index: &dyn ChunkIndex, name: &str) {
    let mut stored = Vec::new();
    for record in index.documents(name, None, 100).await.expect("an answer") {
        let places: Vec<u32> = (0..record.pages).collect();
        let pages = index.pages(name, &record.id, &places).await.expect("an answer");
        assert_eq!(pages.len(), places.len(), "all pages of {}", record.id);
        stored.extend(pages.into_iter().map(|(_, page)| page.text));
    }
    stored.sort();
    assert_eq!(texts(index, name).await, stored);
}

/// What was seen after 0, 1, 2… writes: the old for a while, then the new.
fn turned_once(seen: &[bool]) {
    assert!(seen.contains(&true) && seen.contains(&false) && seen.is_sorted(), "{seen:?}");
}

/// A killed store leaves the old documents or the new.
///
/// # Panics
/// When the store breaks the promise, as the other checks here.
pub async fn a_killed_store_leaves_the_old_or_the_new(store: &impl Mortal) {
    let index = store.index().await;
    let (old, new) = (["a one", "a two"], ["a three", "a four", "a five"]);
    let (before, after) = (["a one", "a two", "b one"], ["a five", "a four", "a three", "b one", "c one"]);
    let mut seen = Vec::new();
    for writes in 0.. {
        let name = fresh_collection(&index).await;
        index.upsert(&name, vec![version("a", &old), version("b", &["b one"])]).await.expect("stored");
        let change = || vec![version("a", &new), version("c", &["c one"])];
        let killed = store.dying(writes).await.upsert(&name, change()).await.is_err();

        let found = texts(&index, &name).await;
        assert!(found == before || found == after, "after {writes} writes: {found:?}");
        is_consistent(&index, &name).await;
        seen.push(found == after);

        // The next ingest opens the collection, and repeats what has no record yet.
        let opened = index.open_or_create(&name, &profile()).await.expect("opened");
        store.opened_after_store(&opened, found == after);
        index.upsert(&name, change()).await.expect("stored");
        assert_eq!(texts(&index, &name).await, after);
        let collection = index.collection(&name).await.expect("an answer").expect("a collection");
        assert_eq!(collection.chunks, 5, "after {writes} writes: leftovers");
        store.holds_only(&name, 3, 5);
        if !killed {
            break;
        }
    }
    turned_once(&seen);
}

/// A killed removal returns no text of half a document, and is finished by the next ingest.
///
/// # Panics
/// When the store breaks the promise.
pub async fn a_killed_removal_returns_no_text_and_is_finished_by_the_next_ingest(store: &impl Mortal) {
    let index = store.index().await;
    let mut seen = Vec::new();
    for writes in 0.. {
        let name = fresh_collection(&index).await;
        let stored = vec![version("a", &["a one", "a two"]), version("b", &["b one"])];
        index.upsert(&name, stored).await.expect("stored");
        let killed = store.dying(writes).await.delete(&name, &["a".to_owned()]).await.is_err();

        let found = texts(&index, &name).await;
        assert!(found == ["a one", "a two", "b one"] || found == ["b one"], "after {writes} writes: {found:?}");
        is_consistent(&index, &name).await;
        seen.push(found.len() == 1);
        let opened = index.open_or_create(&name, &profile()).await.expect("opened");
        store.opened_after_removal(&opened, found.len() == 1);
        if !killed {
            break;
        }
    }
    turned_once(&seen);
}

/// A collection that was made only halfway, or removed only halfway, does not exist and can be made. Writers die after up to
/// so many writes.
///
/// # Panics
/// When the store breaks the promise.
pub async fn a_collection_made_or_removed_halfway_can_be_made(store: &impl Mortal, most: usize) {
    let index = store.index().await;
    for writes in 0..most {
        let name = format!("halfway-{writes}");
        let made = store.dying(writes).await.open_or_create(&name, &profile()).await.is_ok();
        let found = index.collection(&name).await.expect("an answer");
        assert_eq!(found.is_some(), made, "after {writes} writes");
        index.open_or_create(&name, &profile()).await.expect("made");
        index.upsert(&name, vec![version("a", &["a one"])]).await.expect("stored");

        let removed = store.dying(writes).await.delete_collection(&name).await;
        let left = index.collection(&name).await.expect("an answer");
        assert_eq!(left.is_none(), writes > 0, "after {writes} writes: {removed:?}");
        let again = index.open_or_create(&name, &profile()).await.expect("made");
        assert_eq!(again.chunks, u64::from(writes == 0));
    }
}

/// Two processes that store and one that removes the same documents, so many times: whoever comes last is right, and
/// nothing is half there.
///
/// # Panics
/// When the store breaks the promise.
pub async fn processes_that_change_the_same_documents_leave_them_whole<M: Mortal>(store: &M, rounds: usize) {
    let index = store.index().await;
    let name = fresh_collection(&index).await;
    let is_fair = |error: docent_engine::Error| error.kind() == ErrorKind::Conflict;
    let writer = |text: &'static str, index: M::Index| {
        let name = name.clone();
        tokio::spawn(async move {
            for _ in 0..rounds {
                let stored = index.upsert(&name, vec![version("a", &[text, text]), version("b", &[text])]).await;
                assert!(stored.is_ok() || stored.is_err_and(is_fair));
            }
        })
    };
    let (one, two) = (writer("one", store.index().await), writer("two", store.index().await));
    let remover = {
        let (index, name) = (store.index().await, name.clone());
        tokio::spawn(async move {
            for _ in 0..rounds {
                let gone = index.delete(&name, &["a".to_owned(), "b".to_owned()]).await;
                assert!(gone.is_ok() || gone.is_err_and(is_fair));
            }
        })
    };
    for task in [one, two, remover] {
        task.await.expect("no panic");
    }
    is_consistent(&index, &name).await;
}
