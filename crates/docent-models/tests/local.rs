//! The local embedder against the model in full precision, and the promises of its port.
//!
//! `data/vectors.f16` comes from `models/make_reference.py`: a plain forward pass with the published f32 weights.
#![cfg(feature = "bundled-model")]

use docent_engine::ErrorKind;
use docent_engine::ports::Embedder;
use docent_models::local::{DIMENSION, LocalEmbedder, MODEL_NAME, TOKENS_MAX};
use docent_models::wordpiece;
use std::num::NonZeroUsize;

const SENTENCES: &str = include_str!("data/sentences.txt");
const REFERENCE: &[u8] = include_bytes!("data/vectors.f16");
const LONGER_TEXTS: usize = 72;

/// The sentences and then longer texts made of neighbours, as in the script.
fn texts() -> Vec<String> {
    let lines: Vec<&str> = SENTENCES.lines().collect();
    let longer = (0..LONGER_TEXTS).map(|index| lines[index..index + 2 + index % 20].join(" "));
    lines.iter().map(|&line| line.to_owned()).chain(longer).collect()
}

fn reference() -> Vec<Vec<f32>> {
    let values: Vec<f32> = REFERENCE.as_chunks().0.iter().map(|two| half(u16::from_le_bytes(*two))).collect();
    values.chunks_exact(DIMENSION).map(<[f32]>::to_vec).collect()
}

/// A half-precision float; infinities do not occur.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff) / 1024.0);
    let size = if exponent == 0 { fraction * 2f32.powi(-14) } else { (1.0 + fraction) * 2f32.powi(exponent - 15) };
    if bits >> 15 == 0 { size } else { -size }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn embedder() -> LocalEmbedder {
    LocalEmbedder::bundled(None)
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn vectors_match_the_model_in_full_precision() {
    let (texts, reference) = (texts(), reference());
    assert_eq!((texts.len(), reference.len()), (200, 200));
    assert!(texts.iter().any(|text| wordpiece::bundled().token_starts(text).len() > TOKENS_MAX), "none is cut off");
    let vectors = embedder().embed_blocking(&texts).unwrap();
    let cosines: Vec<f64> = vectors.iter().zip(&reference).map(|(ours, theirs)| cosine(ours, theirs)).collect();
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let (lowest, text) = cosines.iter().zip(&texts).min_by(|a, b| a.0.total_cmp(b.0)).unwrap();
    println!("cosine with full precision: mean {mean:.6}, lowest {lowest:.6} ({text:?})");
    assert!(mean >= 0.999, "mean {mean}");
    assert!(*lowest >= 0.998, "lowest {lowest}: {text:?}");
}

#[test]
fn neighbours_in_meaning_are_neighbours_in_space() {
    let texts =
        owned(&["How do I reset my password?", "Steps to change a forgotten passcode", "The pump must be drained."]);
    let vectors = embedder().embed_blocking(&texts).unwrap();
    let (near, far) = (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
    assert!(near > 0.5 && far < 0.2, "{near} {far}");
}

#[test]
fn a_vector_depends_on_its_own_text_only() {
    let texts: Vec<String> = texts().into_iter().step_by(6).collect();
    let together = embedder().embed_blocking(&texts).unwrap();
    let reversed: Vec<String> = texts.iter().rev().cloned().collect();
    let backwards = embedder().embed_blocking(&reversed).unwrap();
    let one_thread = LocalEmbedder::bundled(NonZeroUsize::new(1));
    for (index, text) in texts.iter().enumerate() {
        let alone = one_thread.embed_blocking(std::slice::from_ref(text)).unwrap();
        for other in [&alone[0], &backwards[texts.len() - 1 - index]] {
            let apart = together[index].iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-5, "{apart} apart: {text:?}");
        }
    }
}

#[test]
fn vectors_have_unit_length_whatever_the_text() {
    let long = "Each quotation is looked up in the stored text before the answer is shown. ".repeat(5_000);
    let texts = owned(&["", " \n\t", "\u{0}\u{1}", "🎉", "a", &"x".repeat(100_000), &long]);
    let vectors = embedder().embed_blocking(&texts).unwrap();
    for (text, vector) in texts.iter().zip(&vectors) {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert_eq!(vector.len(), DIMENSION);
        assert!((length - 1.0).abs() < 1e-5, "length {length} for {} bytes of text", text.len());
    }
    assert_eq!(vectors[0], vectors[1], "white space is no text");
    assert_eq!(vectors[0], vectors[2], "neither are control characters");
}

#[test]
fn what_is_beyond_the_limit_does_not_count() {
    let short = "cat ".repeat(TOKENS_MAX);
    let longer = format!("{short} and a dog");
    let vectors = embedder().embed_blocking(&[short, longer]).unwrap();
    assert_eq!(vectors[0], vectors[1]);
}

#[test]
fn no_texts_no_vectors() {
    assert!(embedder().embed_blocking(&[]).unwrap().is_empty());
}

#[tokio::test]
async fn answers_many_callers_of_one_runtime_at_once() {
    let embedder: Box<dyn Embedder> = Box::new(embedder());
    assert_eq!(embedder.model().name, MODEL_NAME);
    assert_eq!(embedder.model().dimension, DIMENSION);
    let texts = owned(&SENTENCES.lines().collect::<Vec<_>>());
    let parts: Vec<&[String]> = texts.chunks(16).collect();
    let answers = futures::future::join_all(parts.iter().map(|part| embedder.embed(part))).await;
    for (part, vectors) in parts.iter().zip(answers) {
        let expected = embedder.embed(part).await.unwrap();
        let vectors = vectors.unwrap();
        assert_eq!(vectors.len(), part.len());
        assert!(vectors.iter().zip(&expected).all(|(a, b)| cosine(a, b) > 0.999_999));
    }
}

#[test]
fn reads_the_same_model_from_a_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/minilm/model.safetensors");
    let texts = owned(&["The museum is closed on Mondays."]);
    let from_file = LocalEmbedder::from_file(path, None).embed_blocking(&texts).unwrap();
    assert_eq!(from_file, embedder().embed_blocking(&texts).unwrap());
}

#[test]
fn says_what_is_wrong_with_a_model_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let fails = || LocalEmbedder::from_file(&path, None).embed_blocking(&owned(&["x"])).unwrap_err();
    let cause = |error: &docent_engine::Error| std::error::Error::source(error).unwrap().to_string();

    let error = fails();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint_text().unwrap().contains("models/minilm/model.safetensors"));

    let header = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    for (content, expected) in [
        (Vec::new(), "the file is shorter than its table of contents says"),
        (b"GGUF\x03\0\0\0".to_vec(), "the file is shorter than its table of contents says"),
        (u64::MAX.to_le_bytes().to_vec(), "the file is shorter than its table of contents says"),
        (header("not JSON"), "the table of contents cannot be read"),
        (header("{}"), "tensor"),
        (header(r#"{"embeddings.word.weight":{"dtype":"I8","shape":[30522,384],"data_offsets":[9,2]}}"#), "tensor"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = fails();
        assert_eq!(error.to_string(), "the embedding model is damaged or of another kind");
        assert!(cause(&error).starts_with(expected), "{}", cause(&error));
    }
}

#[test]
fn a_program_without_weights_knows_their_name_and_says_what_to_do() {
    let absent = LocalEmbedder::absent();
    assert_eq!(absent.model(), embedder().model());
    let error = absent.embed_blocking(&owned(&["x"])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.hint_text().is_some_and(|hint| hint.contains("bm25")), "{error:?}");
}
