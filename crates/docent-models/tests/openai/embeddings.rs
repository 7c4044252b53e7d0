//! Vectors from an endpoint that sends what it wants.

use crate::scripted::{Act, Asked, Scripted, body, refusal, whole};
use docent_engine::ErrorKind;
use docent_engine::ports::{Embedded, Embedder, EmbeddingModel};
use docent_models::openai::{OpenAiEmbedder, OpenAiSettings};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Settings for a model of which nothing is known but that its vectors have two numbers.
fn two_numbers(endpoint: &Scripted) -> OpenAiSettings {
    OpenAiSettings {
        embedding_model: "nomic-embed-text".to_owned(),
        embedding_dimension: Some(2),
        ..endpoint.settings()
    }
}

fn inputs(asked: &Asked) -> Vec<String> {
    serde_json::from_value(asked.body["input"].clone()).expect("texts")
}

/// A vector per text, in the opposite order: the text `"3"` has the direction of (3, 4).
fn backwards(asked: &Asked) -> Vec<Act> {
    let vector = |text: &str| text.trim().parse::<f32>().map_or([0.0, 1.0], |number| [number, 4.0]);
    let texts = inputs(asked);
    let items = texts.iter().enumerate().rev().map(|(at, text)| json!({"index": at, "embedding": vector(text)}));
    let data: Vec<Value> = items.collect();
    body(&json!({"data": data, "usage": {"prompt_tokens": texts.len(), "total_tokens": texts.len()}}))
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn many_texts_go_in_batches_and_come_back_in_their_order() {
    let endpoint = Scripted::new(|_, asked| backwards(asked)).await;
    let embedder = OpenAiEmbedder::new(two_numbers(&endpoint)).unwrap();
    let Embedded { vectors, tokens } = embedder.embed_counted(&numbers(600)).await.unwrap();
    for (number, vector) in vectors.iter().enumerate() {
        let length = (number as f32).hypot(4.0);
        assert!((vector[0] - number as f32 / length).abs() < 1e-6, "{number}: {vector:?}");
        assert!((vector[0].hypot(vector[1]) - 1.0).abs() < 1e-6, "{number}: {vector:?}");
    }
    let mut sizes: Vec<usize> = endpoint.requests().iter().map(|asked| inputs(asked).len()).collect();
    sizes.sort_unstable();
    assert_eq!((vectors.len(), sizes), (600, vec![88, 256, 256]));
    assert_eq!(tokens, 600);
    assert_eq!(embedder.model(), &EmbeddingModel { name: "openai/nomic-embed-text".to_owned(), dimension: 2 });
    let asked = &endpoint.requests()[0];
    assert!(asked.head.starts_with("post /v1/embeddings "), "{}", asked.head);
    assert_eq!((&asked.body["encoding_format"], asked.body.get("dimensions")), (&json!("float"), None));
}

#[tokio::test]
async fn four_batches_are_under_way_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let (opened, arrived) = (Arc::clone(&gate), Arc::new(Semaphore::new(0)));
    let arriving = Arc::clone(&arrived);
    let endpoint = Scripted::new(move |_, asked| {
        arriving.add_permits(1);
        [vec![Act::Gate(Arc::clone(&opened))], backwards(asked)].concat()
    })
    .await;
    let embedder = OpenAiEmbedder::new(two_numbers(&endpoint)).unwrap();
    let texts = numbers(256 * 6);
    let open = async {
        arrived.acquire_many(4).await.unwrap().forget();
        assert_eq!(endpoint.requests().len(), 4, "the fifth waits for one of the first four");
        gate.add_permits(6);
    };
    let (vectors, ()) = tokio::join!(embedder.embed(&texts), open);
    assert_eq!((vectors.unwrap().len(), endpoint.requests().len()), (256 * 6, 6));
}

#[tokio::test]
async fn no_texts_cost_nothing_and_empty_ones_do_not_spoil_their_batch() {
    let endpoint = Scripted::new(|_, asked| backwards(asked)).await;
    let embedder = OpenAiEmbedder::new(two_numbers(&endpoint)).unwrap();
    assert!(embedder.embed(&[]).await.unwrap().is_empty());
    assert!(endpoint.requests().is_empty());
    let vectors = embedder.embed(&["3".to_owned(), String::new()]).await.unwrap();
    assert_eq!(vectors, [[0.6, 0.8], [0.0, 1.0]]);
    assert!(inputs(&endpoint.requests()[0]).iter().all(|text| !text.is_empty()));
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    for (fault, answer) in [
        ("500", refusal("500 Internal Server Error", "server_error", "oops")),
        ("429", whole("429 Too Many Requests", "retry-after: 0\r\n", "")),
        ("malformed JSON", whole("200 OK", "", r#"{"data":[{"index":0,"embe"#)),
        ("no answer", vec![Act::Close]),
        ("silence", vec![Act::Hang(Arc::new(Semaphore::new(0)))]),
        ("too few vectors", body(&json!({"data": []}))),
        (
            "one vector twice",
            body(&json!({"data": [{"index": 0, "embedding": [1, 0]}, {"index": 0, "embedding": [1, 0]}]})),
        ),
        ("a vector without a direction", body(&json!({"data": [{"index": 0, "embedding": [0, 0]}]}))),
    ] {
        let endpoint =
            Scripted::new(move |number, asked| if number == 0 { answer.clone() } else { backwards(asked) }).await;
        let impatient = OpenAiSettings { idle_timeout: Duration::from_millis(100), ..two_numbers(&endpoint) };
        let vectors = OpenAiEmbedder::new(impatient).unwrap().embed(&["3".to_owned()]).await;
        assert_eq!(vectors.ok(), Some(vec![vec![0.6, 0.8]]), "{fault}");
        assert_eq!(endpoint.requests().len(), 2, "{fault}");
    }
}

#[tokio::test]
async fn what_cannot_pass_is_said_at_once_with_what_to_do() {
    for (answer, kind, hint) in [
        (refusal("401 Unauthorized", "invalid_api_key", "bad"), ErrorKind::Unauthorized, "OPENAI_API_KEY"),
        (refusal("404 Not Found", "model_not_found", "no"), ErrorKind::NotFound, "/v1/models"),
        (refusal("400 Bad Request", "x", "too long"), ErrorKind::Invalid, "settings"),
        (body(&json!({"data": [{"index": 0, "embedding": [1, 0, 0]}]})), ErrorKind::Invalid, "dimension"),
    ] {
        let endpoint = Scripted::answering([answer]).await;
        let embedder = OpenAiEmbedder::new(two_numbers(&endpoint)).unwrap();
        let error = embedder.embed(&["a secret".to_owned()]).await.unwrap_err();
        assert_eq!((error.kind(), endpoint.requests().len()), (kind, 1), "{error}");
        assert!(error.hint_text().is_some_and(|text| text.contains(hint)), "{error}: {:?}", error.hint_text());
        assert!(!format!("{error:?}").contains("a secret"));
    }
}

#[tokio::test]
async fn the_time_limit_of_a_batch_holds() {
    let endpoint = Scripted::answering([vec![Act::Hang(Arc::new(Semaphore::new(0)))]]).await;
    let limited = OpenAiSettings { embedding_time_limit: Duration::from_millis(100), ..two_numbers(&endpoint) };
    let error = OpenAiEmbedder::new(limited).unwrap().embed(&["a".to_owned()]).await.unwrap_err();
    assert_eq!((error.kind(), endpoint.requests().len()), (ErrorKind::Timeout, 1));
}

#[tokio::test]
async fn a_model_of_which_nothing_is_known_is_asked_for_its_dimension() {
    let endpoint = Scripted::new(|_, asked| backwards(asked)).await;
    let unknown = OpenAiSettings { embedding_dimension: None, ..two_numbers(&endpoint) };
    let embedder = OpenAiEmbedder::connect(unknown).await.unwrap();
    assert_eq!((embedder.model().dimension, endpoint.requests().len()), (2, 1));
    embedder.check(Duration::from_secs(20)).await.unwrap();

    let known = OpenAiEmbedder::connect(endpoint.settings()).await.unwrap();
    assert_eq!((known.model().dimension, endpoint.requests().len()), (1536, 2), "a known one is not");
    let error = known.check(Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "and a check finds that its vectors are others: {error}");
}

#[tokio::test]
async fn a_shorter_length_is_asked_for() {
    let endpoint = Scripted::new(|_, asked| backwards(asked)).await;
    let shorter = OpenAiSettings { embedding_dimension: Some(2), ..endpoint.settings() };
    OpenAiEmbedder::new(shorter).unwrap().embed(&["3".to_owned()]).await.unwrap();
    assert_eq!(endpoint.requests()[0].body["dimensions"], 2);
}
