//! What one question costs: prints CPU milliseconds, recall, memory and sizes for generated collections.
//!
//! usage: `cargo bench -p docent-index --bench retrieval [-- CHUNKS…]`; 100,000 chunks when none is given.
//!
//! CPU time is the whole process's. [`source`] makes the chunks; a question is eight words out of one of them, with a vector of the same kind.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and ends when something is wrong")]

#[path = "generated/source.rs"]
mod source;

use docent_core::SearchMode;
use docent_engine::ports::ChunkIndex;
use docent_index::{EmbeddedIndex, Settings};
use source::{CHUNKS_PER_DOCUMENT, DIMENSION, Source, cpu, peak_megabytes, profile, request, stray_question};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const DOCUMENTS_PER_COMMIT: usize = 1000;
const QUESTIONS: usize = 200;
const ROUNDS: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [first, root, seed] = arguments.as_slice()
        && first == "first"
    {
        return first_question(Path::new(root), seed.parse().unwrap()).await;
    }
    let sizes: Vec<usize> = arguments.iter().filter_map(|size| size.replace(['_', ','], "").parse().ok()).collect();
    for size in if sizes.is_empty() { vec![100_000] } else { sizes } {
        measure(size).await;
    }
}

async fn measure(chunks: usize) {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.open_or_create("bench", &profile()).await.unwrap();
    let mut source = Source::new();
    let start = cpu();
    let mut making = 0.0;
    let mut vectors: Vec<f32> = Vec::with_capacity(chunks * DIMENSION);
    let mut texts = Vec::new();
    for batch in 0..chunks / CHUNKS_PER_DOCUMENT / DOCUMENTS_PER_COMMIT {
        let before = cpu();
        let documents: Vec<_> =
            (0..DOCUMENTS_PER_COMMIT).map(|at| source.document(batch * DOCUMENTS_PER_COMMIT + at)).collect();
        for document in &documents {
            vectors.extend(document.vectors.iter().flatten());
            texts.push(document.chunks[0].text.clone());
        }
        making += cpu() - before;
        index.upsert("bench", documents).await.unwrap();
    }
    let build = (cpu() - start - making) / 1000.0;
    let collection = index.collection("bench").await.unwrap().unwrap();
    let questions: Vec<_> = (0..QUESTIONS).map(|number| question(number, &mut source, &texts)).collect();

    println!("{chunks} chunks x {DIMENSION}");
    println!("  build                {build:9.1} s CPU, peak {} MB with the input", peak_megabytes());
    println!(
        "  index                {:9.1} MB in {} files",
        collection.bytes.unwrap() as f64 / 1e6,
        files(folder.path())
    );
    for mode in [SearchMode::Bm25, SearchMode::Dense, SearchMode::Hybrid] {
        let (median, late) = time(&index, &questions, mode).await;
        println!("  {:<20} {median:9.3} ms CPU p50, {late:.3} p99", mode.as_str());
    }
    let depth_ten = recall(&index, &questions, &vectors, 10).await;
    let depth_fifty = recall(&index, &questions, &vectors, 50).await;
    println!("  dense recall@10      {depth_ten:9.4} ({depth_fifty:.4} out of the 50 that hybrid uses)");
    let (opened, memory) = in_fresh_processes(folder.path());
    println!("  open + first hybrid  {opened:9.1} ms CPU, peak {memory} MB, in a fresh process");
    let before = cpu();
    let small: Vec<_> = (0..10).map(|at| source.document(chunks + at)).collect();
    index.upsert("bench", small).await.unwrap();
    println!("  add 100 chunks       {:9.1} ms CPU", cpu() - before);
}

fn question(number: usize, source: &mut Source, texts: &[String]) -> (String, Vec<f32>) {
    let text = &texts[number * 7919 % texts.len()];
    let words: Vec<&str> = text.split(' ').take(8).collect();
    (words.join(" "), source.vector())
}

fn open(root: &Path) -> EmbeddedIndex {
    EmbeddedIndex::open(root.to_owned(), Settings::default())
}

/// CPU milliseconds of one question: median and 99th percentile after one round to warm up.
async fn time(index: &EmbeddedIndex, questions: &[(String, Vec<f32>)], mode: SearchMode) -> (f64, f64) {
    let mut times = Vec::new();
    for round in 0..=ROUNDS {
        for question in questions {
            let request = request(question, mode, 10);
            let before = cpu();
            let hits = index.search("bench", &request).await.unwrap().hits;
            if round > 0 {
                times.push(cpu() - before);
            }
            assert!(!hits.is_empty());
        }
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Share of the ten nearest by full precision that are among the first ten of a dense search of this depth.
async fn recall(index: &EmbeddedIndex, questions: &[(String, Vec<f32>)], vectors: &[f32], depth: usize) -> f64 {
    let mut matching = 0;
    for question in questions {
        let dot = |row: &[f32]| row.iter().zip(&question.1).map(|(a, b)| a * b).sum::<f32>();
        let mut scored: Vec<_> = vectors.chunks_exact(DIMENSION).map(dot).zip(0usize..).collect();
        scored.select_nth_unstable_by(10, |a, b| b.0.total_cmp(&a.0));
        let exact: BTreeSet<String> = scored[..10].iter().map(|(_, place)| place.to_string()).collect();
        let hits = index.search("bench", &request(question, SearchMode::Dense, depth)).await.unwrap().hits;
        matching += hits.iter().take(10).filter(|hit| exact.contains(&hit.chunk.id)).count();
    }
    matching as f64 / (questions.len() * 10) as f64
}

/// Medians of nine fresh processes that open the index and ask one question.
fn in_fresh_processes(root: &Path) -> (f64, u64) {
    let mut runs: Vec<(f64, u64)> = (0..9)
        .map(|seed| {
            let program = std::env::current_exe().unwrap();
            let output = Command::new(program).arg("first").arg(root).arg(seed.to_string()).output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let (time, memory) = said.trim().split_once(' ').unwrap();
            (time.parse().unwrap(), memory.parse().unwrap())
        })
        .collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    (runs[4].0, runs.iter().map(|run| run.1).max().unwrap())
}

/// What the fresh process does; says its CPU time and peak memory, all it did included but making the question.
async fn first_question(root: &Path, seed: u64) {
    let index = open(root);
    let request = request(&stray_question(seed), SearchMode::Hybrid, 10);
    let hits = index.search("bench", &request).await.unwrap().hits;
    assert_eq!(hits.len(), 10);
    println!("{} {}", cpu(), peak_megabytes());
}

fn files(root: &Path) -> usize {
    std::fs::read_dir(root.join("bench")).unwrap().count()
}
