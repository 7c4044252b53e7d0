//! A key that somebody else keeps: fetched when it is first needed, and again when the endpoint refuses it.

use crate::scripted::{ANSWER, Asked, FIRST, SECOND, Scripted, ask, body, completion, question, refusal};
use docent_engine::ErrorKind;
use docent_models::openai::{KeySource, OpenAiGenerator, OpenAiSettings, Secret};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A source that gives these keys, one per fetch, the last again and again.
fn source(keys: &'static [&'static str]) -> (KeySource, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fetches);
    let fetch = move || {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let key = keys[number.min(keys.len() - 1)];
        Box::pin(async move { Ok(Secret::new(key)) }) as futures::future::BoxFuture<'static, _>
    };
    (KeySource::new(fetch), fetches)
}

async fn endpoint(accepted: &'static str) -> Scripted {
    Scripted::new(move |_, asked: &Asked| {
        if asked.head.contains(&format!("bearer {accepted}")) {
            body(&completion(ANSWER, "stop"))
        } else {
            refusal("401 Unauthorized", "invalid_api_key", "bad key")
        }
    })
    .await
}

fn generator(endpoint: &Scripted, source: KeySource) -> OpenAiGenerator {
    let settings = OpenAiSettings { api_key: None, key_source: Some(source), ..endpoint.settings() };
    OpenAiGenerator::new(settings).expect("settings that can be right")
}

#[tokio::test]
async fn a_key_is_fetched_once_and_again_when_it_is_refused() {
    let endpoint = endpoint("sk-new").await;
    let (source, fetches) = source(&["sk-old", "sk-new"]);
    let generator = generator(&endpoint, source);
    assert_eq!(fetches.load(Ordering::SeqCst), 0, "nobody has asked for it yet");
    for _ in 0..3 {
        let came = ask(&generator, question()).await;
        assert_eq!(came.texts(), [FIRST, SECOND], "{:?}", came.error);
    }
    assert_eq!((fetches.load(Ordering::SeqCst), endpoint.requests().len()), (2, 4));
}

#[tokio::test]
async fn a_key_that_stays_refused_is_an_error_that_does_not_show_it() {
    let endpoint = endpoint("sk-other").await;
    let (source, fetches) = source(&["sk-secret-1", "sk-secret-1"]);
    let came = ask(&generator(&endpoint, source), question()).await;
    let error = came.error.expect("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!format!("{error:?}").contains("sk-secret"));
    assert_eq!((fetches.load(Ordering::SeqCst), endpoint.requests().len()), (2, 1));
}

#[tokio::test]
async fn a_key_that_cannot_be_fetched_is_said_and_tried_again_with_the_next_question() {
    let endpoint = endpoint("sk-new").await;
    let failures = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&failures);
    let source = KeySource::new(move || {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        Box::pin(async move {
            if first {
                Err(docent_engine::Error::not_found("there is no such secret"))
            } else {
                Ok(Secret::new("sk-new"))
            }
        })
    });
    let generator = generator(&endpoint, source);
    let came = ask(&generator, question()).await;
    assert_eq!(came.error.expect("no key").to_string(), "there is no such secret");
    assert_eq!(ask(&generator, question()).await.texts(), [FIRST, SECOND]);
}
