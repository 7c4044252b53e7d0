//! What becomes of answers whose documents are deleted, whenever that happens.

use crate::house::{House, parser, question};
use async_trait::async_trait;
use docent_core::query::{Failure, Feedback, Lease, Query};
use docent_core::{Answer, QueryStatus, Timestamp};
use docent_engine::deletes::{DeleteOptions, Receipt};
use docent_engine::ports::{Claim, Created, Ending, IdempotencyKey, QueryStore, Source, WebhookEnding};
use docent_engine::queries::Ran;
use docent_engine::{Engine, Result};
use docent_testkit::provider::{ScriptedGenerator, Step};
use futures::stream;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

const LEAVE: &str = "docs/leave.txt";
const ERASE: DeleteOptions<'static> = DeleteOptions { erase: true, uploads: None };

async fn quoting() -> House {
    House::new(ScriptedGenerator::quoting_the_best_passage()).furnished().await
}

async fn submitted(house: &House) -> Query {
    let query = house.engine.submit(question("How many days of annual leave?"), None).await;
    query.expect("accepted")
}

async fn stored(house: &House, id: &str) -> Query {
    house.engine.queries.get(id).await.expect("read").expect("there")
}

/// An answer from both documents; the one about leave is cited.
async fn answered(house: &House) -> (String, Answer) {
    let query = submitted(house).await;
    assert_eq!(house.engine.run_query(&query.id, "w").await.expect("ran"), Ran::Finished);
    let answer = stored(house, &query.id).await.answer.expect("answered");
    assert_eq!(answer.documents().len(), 2);
    (query.id, answer)
}

async fn delete(house: &House, what: &str, options: DeleteOptions<'_>) -> Receipt {
    house.engine.delete("default", what, options).await.expect("deleted")
}

async fn is_erased(house: &House, id: &str) {
    let query = stored(house, id).await;
    let answer = query.answer.expect("an answer");
    assert_eq!((query.status, answer.is_erased, answer.text.as_str()), (QueryStatus::Completed, true, Answer::ERASED));
    assert_eq!((answer.citations, answer.sources), (vec![], vec![]));
    assert_eq!(house.engine.queries.trace(id).await.expect("read"), None);
}

#[tokio::test]
async fn answers_are_marked_and_can_be_erased_later() {
    let house = quoting().await;
    let (id, before) = answered(&house).await;
    let receipt = delete(&house, LEAVE, DeleteOptions::default()).await;
    assert_eq!((receipt.index.documents.len(), receipt.answers, receipt.answers_erased), (1, 1, false));
    let marked = stored(&house, &id).await.answer.expect("answered");
    assert_eq!(marked.deleted_documents, receipt.index.documents);
    assert_eq!((&marked.text, &marked.citations), (&before.text, &before.citations));
    assert!(house.engine.queries.trace(&id).await.expect("read").is_some());

    // The document is gone; by its id its answers are still found.
    let document = &receipt.index.documents[0];
    let receipt = delete(&house, document, ERASE).await;
    assert_eq!((receipt.index.documents.len(), receipt.answers, receipt.answers_erased), (0, 1, true));
    is_erased(&house, &id).await;
    let error = house.engine.delete("default", document, ERASE).await.expect_err("nothing is left");
    assert_eq!(error.to_string(), format!("there is no document `{document}` in collection `default`"));
}

#[tokio::test]
async fn a_collection_that_is_deleted_takes_its_answers_along() {
    let house = quoting().await;
    let (id, _) = answered(&house).await;
    let deleted = house.engine.delete_collection("default", DeleteOptions::default()).await.expect("deleted");
    assert_eq!(deleted, Some(1));
    assert_eq!(stored(&house, &id).await.answer.expect("answered").deleted_documents.len(), 2);
    assert_eq!(house.engine.delete_collection("default", ERASE).await.expect("looked"), None);
    is_erased(&house, &id).await;
}

/// A sync goes the way of every delete.
#[tokio::test]
async fn a_sync_marks_answers_too() {
    let house = House::new(ScriptedGenerator::quoting_the_best_passage());
    for (name, text) in [("leave.txt", "Annual leave is 25 days."), ("sick.txt", "Sick leave is paid for ten weeks.")] {
        house.write(name, text);
    }
    let sync = async || {
        let folder = docent_engine::folder::Folder::open(&house.folder.path().join("docs"), None).expect("opened");
        let source: Arc<dyn Source> = Arc::new(folder);
        let options = docent_engine::sync::SyncOptions { allow_deletes: true, ..Default::default() };
        house.engine.sync("default", &source, options, parser(), &mut |_| ()).await.expect("synced")
    };
    sync().await;
    let (id, _) = answered(&house).await;
    std::fs::remove_file(house.folder.path().join("docs/leave.txt")).expect("removed");
    assert_eq!(sync().await.files.deleted, 1);
    assert_eq!(stored(&house, &id).await.answer.expect("answered").deleted_documents.len(), 1);
}

#[tokio::test]
async fn uploads_are_forgotten_before_their_documents() {
    let house = quoting().await;
    let uploads = house.uploads(parser(), true);
    let body = stream::iter([Ok::<_, ()>(b"Parental leave is six months.".to_vec())]);
    uploads.accept("default", "parents.txt", body).await.expect("accepted");
    assert!(uploads.take_up("w").await.expect("worked"));
    let waiting = stream::iter([Ok::<_, ()>(b"Parental leave is nine months.".to_vec())]);
    let waiting = uploads.accept("default", "parents.txt", waiting).await.expect("accepted");
    let options = DeleteOptions { uploads: Some(&uploads), ..DeleteOptions::default() };
    let receipt = delete(&house, "parents.txt", options).await;
    assert_eq!((receipt.index.documents.as_slice(), receipt.uploads), (&[waiting.document_id.clone()][..], 2));
    assert!(!uploads.take_up("w").await.expect("worked"), "what waited is cancelled");
    assert!(uploads.original("default", &waiting.document_id).await.expect("looked").is_none());
}

/// A generator that says when it has been asked, and goes on when it is told to.
fn slow() -> (ScriptedGenerator, mpsc::UnboundedReceiver<()>, Arc<Notify>) {
    let (asked, hears_asked) = mpsc::unbounded_channel();
    let go = Arc::new(Notify::new());
    let waits = Arc::clone(&go);
    let generator = ScriptedGenerator::new(move |_, request| {
        asked.send(()).expect("heard");
        let best = &request.passages[0];
        let text = &best.hit.chunk.text;
        vec![Step::Until(Arc::clone(&waits)), Step::statement(text, &[(best.number, text)]), Step::done()]
    });
    (generator, hears_asked, go)
}

#[tokio::test]
async fn a_document_that_is_deleted_while_an_answer_cites_it_is_not_repeated() {
    let (generator, mut asked, go) = slow();
    let house = House::new(generator).furnished().await;
    let query = submitted(&house).await;
    let (engine, id) = (Arc::clone(&house.engine), query.id.clone());
    let running = tokio::spawn(async move { engine.run_query(&id, "w").await });
    asked.recv().await.expect("asked");
    let receipt = delete(&house, LEAVE, DeleteOptions::default()).await;
    assert_eq!(receipt.answers, 0, "there is no answer yet");
    go.notify_one();
    assert_eq!(running.await.expect("joined").expect("ran"), Ran::Finished);
    is_erased(&house, &query.id).await;
}

/// The same, for a document that an answer does not need.
#[tokio::test]
async fn an_answer_stands_if_another_document_is_deleted_meanwhile() {
    let (generator, mut asked, go) = slow();
    let house = House::new(generator).furnished().await;
    house.write("printer.txt", "The printer is on the second floor.");
    house.ingest().await;
    let mut request = question("How many days of annual leave?");
    request.top_k = 1;
    let query = house.engine.submit(request, None).await.expect("accepted");
    let (engine, id) = (Arc::clone(&house.engine), query.id.clone());
    let running = tokio::spawn(async move { engine.run_query(&id, "w").await });
    asked.recv().await.expect("asked");
    delete(&house, "docs/printer.txt", DeleteOptions::default()).await;
    go.notify_one();
    running.await.expect("joined").expect("ran");
    let answer = stored(&house, &query.id).await.answer.expect("answered");
    assert_eq!((answer.is_erased, answer.deleted_documents.len()), (false, 0));
    assert!(answer.text.contains("25 days"), "{}", answer.text);
}

/// A store in which every ending is overtaken: a delete runs from beginning to end just before it is written.
struct Overtaken(Arc<Engine>);

impl Overtaken {
    fn store(&self) -> &dyn QueryStore {
        &*self.0.queries
    }
}

#[async_trait]
impl QueryStore for Overtaken {
    async fn finish(&self, id: &str, attempt: u32, end: &Ending, trace: Option<&str>, now: Timestamp) -> Result<bool> {
        let receipt = self.0.delete("default", LEAVE, DeleteOptions::default()).await?;
        assert_eq!(receipt.answers, 0, "the answer is not stored yet");
        self.store().finish(id, attempt, end, trace, now).await
    }
    async fn create(&self, query: &Query, key: Option<&IdempotencyKey>) -> Result<Created> {
        self.store().create(query, key).await
    }
    async fn get(&self, id: &str) -> Result<Option<Query>> {
        self.store().get(id).await
    }
    async fn list(&self, owner: Option<&str>, user: &str, limit: usize, after: Option<&str>) -> Result<Vec<Query>> {
        self.store().list(owner, user, limit, after).await
    }
    async fn claim(&self, id: &str, lease: &Lease, now: Timestamp, attempts_max: u32) -> Result<Claim> {
        self.store().claim(id, lease, now, attempts_max).await
    }
    async fn renew(&self, id: &str, attempt: u32, until: Timestamp) -> Result<bool> {
        self.store().renew(id, attempt, until).await
    }
    async fn release(&self, id: &str, attempt: u32) -> Result<bool> {
        self.store().release(id, attempt).await
    }
    async fn cancel(&self, id: &str, now: Timestamp) -> Result<Option<Query>> {
        self.store().cancel(id, now).await
    }
    async fn fail_unheld(&self, id: &str, failure: &Failure, now: Timestamp) -> Result<bool> {
        self.store().fail_unheld(id, failure, now).await
    }
    async fn unattended(&self, now: Timestamp, queued_before: Timestamp, limit: usize) -> Result<Vec<String>> {
        self.store().unattended(now, queued_before, limit).await
    }
    async fn set_feedback(&self, id: &str, feedback: &Feedback) -> Result<bool> {
        self.store().set_feedback(id, feedback).await
    }
    async fn trace(&self, id: &str) -> Result<Option<String>> {
        self.store().trace(id).await
    }
    async fn delete(&self, id: &str) -> Result<bool> {
        self.store().delete(id).await
    }
    async fn answers_from(&self, collection: &str, documents: Option<&[String]>) -> Result<Vec<String>> {
        self.store().answers_from(collection, documents).await
    }
    async fn forget_in_answer(&self, id: &str, documents: Option<&[String]>, erase: bool) -> Result<bool> {
        self.store().forget_in_answer(id, documents, erase).await
    }
    async fn expire(&self, now: Timestamp) -> Result<u64> {
        self.store().expire(now).await
    }
    async fn due_webhooks(&self, now: Timestamp, limit: usize) -> Result<Vec<String>> {
        self.store().due_webhooks(now, limit).await
    }
    async fn claim_webhook(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<Option<Query>> {
        self.store().claim_webhook(id, now, until).await
    }
    async fn end_webhook(&self, id: &str, attempt: u32, ending: &WebhookEnding) -> Result<bool> {
        self.store().end_webhook(id, attempt, ending).await
    }
}

#[tokio::test]
async fn a_delete_that_overtakes_the_ending_is_noticed_behind_it() {
    let house = quoting().await;
    let query = submitted(&house).await;
    let overtaken = house.engine_with(Arc::new(Overtaken(Arc::clone(&house.engine))));
    assert_eq!(overtaken.run_query(&query.id, "w").await.expect("ran"), Ran::Finished);
    is_erased(&house, &query.id).await;
}
