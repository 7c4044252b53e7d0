//! Another embedding model, or other chunks, for a collection that is there already, whatever happens meanwhile.

use crate::house::{House, parser};
use async_trait::async_trait;
use docent_core::SearchMode;
use docent_engine::answer::Search;
use docent_engine::deletes::DeleteOptions;
use docent_engine::ports::{Embedder, EmbeddingModel};
use docent_engine::reembed::{ReembedEvent, ReembedSummary};
use docent_engine::{Engine, Error, ErrorKind, Result, Settings};
use docent_testkit::provider::{HashedEmbedder, ScriptedGenerator};
use futures::future::BoxFuture;
use futures::stream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TOKENS: usize = 200;

fn empty() -> House {
    House::new(ScriptedGenerator::quoting_the_best_passage())
}

async fn furnished() -> House {
    empty().furnished().await
}

/// Another model, whose vectors are shorter.
fn other() -> Arc<HashedEmbedder> {
    Arc::new(HashedEmbedder::of_dimension("test/other", 96))
}

/// The same model, and something that happens when it is asked.
struct Meddling<F> {
    model: HashedEmbedder,
    calls: AtomicUsize,
    meddle: F,
}

impl<F> Meddling<F> {
    fn new(meddle: F) -> Arc<Self> {
        Arc::new(Self { model: HashedEmbedder::of_dimension("test/other", 96), calls: AtomicUsize::new(0), meddle })
    }
}

#[async_trait]
impl<F: Fn(usize) -> BoxFuture<'static, Result<()>> + Send + Sync> Embedder for Meddling<F> {
    fn model(&self) -> &EmbeddingModel {
        self.model.model()
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        (self.meddle)(self.calls.fetch_add(1, Ordering::SeqCst)).await?;
        self.model.embed(texts).await
    }
}

async fn reembed(engine: &Engine) -> ReembedSummary {
    engine.reembed("default", &mut |_| ()).await.expect("made anew")
}

async fn found(engine: &Engine, text: &str, mode: SearchMode) -> Result<Vec<String>> {
    let search = Search { collection: "default".to_owned(), text: text.to_owned(), mode, limit: 10, filter: None };
    let hits = engine.search(&search).await?.hits;
    Ok(hits.into_iter().map(|hit| format!("{} {}", hit.chunk.id, hit.chunk.text)).collect())
}

async fn names(engine: &Engine) -> Vec<String> {
    let documents = engine.all_documents("default").await.expect("listed");
    let mut names: Vec<_> = documents.into_iter().map(|document| document.filename).collect();
    names.sort();
    names
}

fn of_model(house: &House, embedder: &Arc<HashedEmbedder>) -> Engine {
    house.with_model(Arc::clone(embedder) as Arc<dyn Embedder>, TOKENS)
}

#[tokio::test]
async fn a_collection_keeps_everything_but_its_vectors() {
    let house = furnished().await;
    let documents = house.engine.all_documents("default").await.expect("listed");
    let chunks = found(&house.engine, "leave", SearchMode::Bm25).await.expect("found");
    let embedder = other();
    let engine = of_model(&house, &embedder);
    let mut told = Vec::new();
    let summary = engine.reembed("default", &mut |event| told.push(event)).await.expect("made anew");
    assert_eq!((summary.switched, summary.documents, summary.chunks, summary.embedded), (true, 2, 2, 2));
    assert_eq!((summary.model_before.as_str(), summary.model.as_str()), ("test/hashed-words", "test/other"));
    assert!(matches!(
        told.as_slice(),
        [ReembedEvent::Found { documents: 2 }, ReembedEvent::Done(_), ReembedEvent::Done(_)]
    ));

    assert_eq!(engine.all_documents("default").await.expect("listed"), documents);
    assert_eq!(found(&engine, "leave", SearchMode::Bm25).await.expect("found"), chunks, "ids and words");
    let best = found(&engine, "How long is sick leave paid?", SearchMode::Hybrid).await.expect("found");
    assert!(best[0].contains("Sick leave is paid"), "{best:?}");

    let again = reembed(&engine).await;
    assert_eq!((again.switched, again.embedded, &again.generation), (false, 0, &summary.generation));
    assert_eq!(embedder.texts().len(), 3, "two chunks and a question");
}

#[tokio::test]
async fn an_engine_with_the_old_model_says_what_to_do() {
    let house = furnished().await;
    reembed(&of_model(&house, &other())).await;
    let refusals = [
        found(&house.engine, "leave", SearchMode::Hybrid).await.expect_err("another model"),
        house
            .engine
            .ingest("default", &[house.folder.path().join("docs")], parser(), &mut |_| ())
            .await
            .expect_err("another model"),
    ];
    for refusal in refusals {
        assert_eq!(refusal.kind(), ErrorKind::Invalid);
        assert!(refusal.hint_text().expect("a hint").contains("docent reembed --collection default"), "{refusal}");
    }
    let unknown = house.engine.reembed("nothing", &mut |_| ()).await.expect_err("no such collection");
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

/// As many paragraphs, each a chunk of its own.
fn paragraphs(words: &[&str], length: usize) -> String {
    words.iter().map(|word| format!("{word} ").repeat(length) + "\n\n").collect()
}

#[tokio::test]
async fn other_chunks_are_cut_from_the_stored_pages_and_known_texts_are_not_embedded() {
    let house = empty();
    house.write("long.txt", &paragraphs(&["otter", "badger"], 60));
    house.write("short.txt", "A weasel.");
    assert_eq!(house.ingest().await.0.chunks, 2);
    let before = house.embedder.texts().len();
    let engine = house.with_model(Arc::clone(&house.embedder) as Arc<dyn Embedder>, 60);
    let summary = reembed(&engine).await;
    assert_eq!((summary.documents, summary.chunks, summary.embedded), (2, 3, 2));
    assert_eq!(house.embedder.texts().len() - before, 2, "the short one has its vector");
    let documents = engine.all_documents("default").await.expect("listed");
    assert_eq!(documents.iter().map(|document| document.chunks).sum::<u32>(), 3);
}

#[tokio::test]
async fn what_comes_changes_and_goes_meanwhile_is_caught_up() {
    let house = Arc::new(furnished().await);
    house.write("old.txt", "The canteen is closed.");
    house.ingest().await;
    let meddler = Arc::clone(&house);
    let meddling = Meddling::new(move |call| -> BoxFuture<'static, Result<()>> {
        let house = Arc::clone(&meddler);
        Box::pin(async move {
            if call == 0 {
                house.write("new.txt", "Parental leave is six months.");
                house.write("sick.txt", "Sick leave is paid in full for twelve weeks.");
                house.ingest().await;
                house.engine.delete("default", "docs/old.txt", DeleteOptions::default()).await?;
            }
            Ok(())
        })
    });
    let engine = house.with_model(meddling, TOKENS);
    let summary = reembed(&engine).await;
    assert_eq!((summary.documents, summary.embedded), (3, 5), "three, then the two that came");
    assert_eq!(names(&engine).await, ["docs/leave.txt", "docs/new.txt", "docs/sick.txt"]);
    let words =
        found(&engine, "sick leave twelve parental canteen", SearchMode::Hybrid).await.expect("found").join(" ");
    assert!(words.contains("twelve") && words.contains("Parental"), "{words}");
    assert!(!words.contains("canteen") && !words.contains("ten weeks"), "{words}");
}

#[tokio::test]
async fn documents_that_never_rest_leave_the_old_edition_in_place() {
    let house = Arc::new(furnished().await);
    let meddler = Arc::clone(&house);
    let meddling = Meddling::new(move |call| -> BoxFuture<'static, Result<()>> {
        let house = Arc::clone(&meddler);
        Box::pin(async move {
            house.write("restless.txt", &format!("Version {call} of it."));
            house.ingest().await;
            Ok(())
        })
    });
    let engine = house.with_model(meddling, TOKENS);
    let error = engine.reembed("default", &mut |_| ()).await.expect_err("it never rests");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(found(&house.engine, "leave", SearchMode::Hybrid).await.is_ok());
}

#[tokio::test]
async fn an_interrupted_run_pays_for_what_is_missing_only() {
    let mut settings = Settings::default();
    settings.chunking.tokens_max = 4;
    let house = House::with_settings(ScriptedGenerator::quoting_the_best_passage(), settings);
    for name in ["a", "b", "c"] {
        let lines: String = (0..1_100).map(|n| format!("{name}{n} is one word\n")).collect();
        house.write(&format!("{name}.txt"), &lines);
    }
    assert_eq!(house.ingest().await.0.chunks, 3_300);
    // Each document is a batch of five calls: it dies in the second.
    let meddling = Meddling::new(|call| -> BoxFuture<'static, Result<()>> {
        let fate = if call == 7 { Err(Error::unavailable("the endpoint is down")) } else { Ok(()) };
        Box::pin(std::future::ready(fate))
    });
    let dying = house.with_model(meddling, 4);
    let error = dying.reembed("default", &mut |_| ()).await.expect_err("it died");
    assert_eq!(error.to_string(), "the endpoint is down");
    assert!(found(&house.engine, "a7", SearchMode::Hybrid).await.is_ok(), "the old edition answers");

    let summary = reembed(&house.with_model(other(), 4)).await;
    assert_eq!((summary.switched, summary.chunks, summary.embedded), (true, 3_300, 2_200));
}

#[tokio::test]
async fn going_back_embeds_what_has_come_since() {
    let house = furnished().await;
    let embedder = other();
    let engine = of_model(&house, &embedder);
    let nothing = engine.reembed_back("default", &mut |_| ()).await.expect_err("nothing is kept");
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
    reembed(&engine).await;
    // Nothing has come since: it does not matter which model is configured.
    let back = engine.reembed_back("default", &mut |_| ()).await.expect("back");
    assert_eq!((back.model.as_str(), back.embedded, back.switched), ("test/hashed-words", 0, true));
    let forth = reembed(&engine).await;
    assert_eq!((forth.model.as_str(), forth.embedded), ("test/other", 0), "all of it was kept");

    house.write("new.txt", "Parental leave is six months.");
    let docs = [house.folder.path().join("docs")];
    engine.ingest("default", &docs, parser(), &mut |_| ()).await.expect("ingested");
    let refusal = engine.reembed_back("default", &mut |_| ()).await.expect_err("it needs its own model");
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
    assert!(refusal.hint_text().expect("a hint").contains("test/hashed-words"), "{refusal}");
    assert!(found(&engine, "leave", SearchMode::Hybrid).await.is_ok(), "it stays as it was");
    let back = house.engine.reembed_back("default", &mut |_| ()).await.expect("back");
    assert_eq!((back.documents, back.embedded), (3, 1));
    let best = found(&house.engine, "parental leave", SearchMode::Hybrid).await.expect("found");
    assert!(best[0].contains("six months"), "{best:?}");
}

async fn upload(house: &House, engine: Engine) -> (Arc<docent_engine::uploads::Uploads>, String) {
    let uploads = house.uploads_of(Arc::new(engine), parser(), false);
    let body = stream::iter([Ok::<_, ()>(b"Parental leave is six months.".to_vec())]);
    let upload = uploads.accept("default", "parents.txt", body).await.expect("accepted");
    (uploads, upload.id)
}

/// Accepted by a process with the old model, which finds the collection made anew when it gets to read the file.
#[tokio::test]
async fn an_upload_that_waits_is_taken_up_by_a_process_with_the_new_model() {
    let house = furnished().await;
    let old = house.engine_with(Arc::clone(&house.engine.queries));
    let (uploads, id) = upload(&house, old).await;
    let embedder = other();
    reembed(&of_model(&house, &embedder)).await;
    assert!(uploads.take_up("old").await.expect("worked"));
    assert!(!uploads.reports().upload(&id).await.expect("read").expect("there").status.is_terminal(), "it waits");
    let body = stream::iter([Ok::<_, ()>(b"Another file.".to_vec())]);
    assert!(uploads.accept("default", "another.txt", body).await.is_err(), "what cannot be taken in is not accepted");

    house.pass(Duration::from_secs(60));
    let new = house.uploads_of(Arc::new(of_model(&house, &embedder)), parser(), false);
    assert!(new.take_up("new").await.expect("worked"));
    assert!(new.reports().upload(&id).await.expect("read").expect("there").is_stored());
    assert!(names(&of_model(&house, &embedder)).await.contains(&"parents.txt".to_owned()));
}

#[tokio::test]
async fn nothing_lies_beside_a_collection_that_was_deleted() {
    let house = furnished().await;
    reembed(&of_model(&house, &other())).await;
    house.engine.delete_collection("default", DeleteOptions::default()).await.expect("deleted");
    let index = house.folder.path().join("index");
    let left = |path: &Path| std::fs::read_dir(path).expect("there").count();
    assert_eq!(left(&index), 0);
}
