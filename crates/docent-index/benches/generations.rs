//! What it costs to answer from a published generation: prints bytes that travel and what a fresh process uses until its
//! first answer, from S3 on this machine.
//!
//! usage: `cargo bench -p docent-index --bench generations [-- CHUNKS]`; 10,000 chunks when no number is given.
//!
//! The fresh process starts with an empty scratch folder: it reads the pointer and the manifest, fetches all files, checks
//! their hashes, opens them and answers one hybrid question. Its CPU time is the whole process's, from its start.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and ends when something is wrong")]

#[path = "generated/source.rs"]
mod source;

use docent_core::{SearchMode, Timestamp};
use docent_engine::ports::ChunkIndex;
use docent_index::remote::{Access, Generations, Place, Publication, PublishedIndex, ReaderSettings, Store};
use docent_index::{EmbeddedIndex, Settings};
use docent_testkit::ministack::Ministack;
use source::{CHUNKS_PER_DOCUMENT, Source, cpu, peak_megabytes, profile, request, stray_question};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const PLACE: &str = "s3://bench/index";
const DOCUMENTS_PER_COMMIT: usize = 250;
const RUNS: u64 = 9;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [first, scratch, seed, variables] = arguments.as_slice()
        && first == "first"
    {
        return first_answer(Path::new(scratch), seed.parse().unwrap(), variables).await;
    }
    let size = arguments.iter().find_map(|size| size.replace(['_', ','], "").parse().ok());
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Ministack::start(folder.path()) else { return };
    server.make_bucket("bench");
    measure(size.unwrap_or(10_000), &server).await;
}

async fn measure(chunks: usize, server: &Ministack) {
    let folder = tempfile::tempdir().unwrap();
    let index = EmbeddedIndex::open(folder.path().join("index"), Settings::default());
    index.open_or_create("bench", &profile()).await.unwrap();
    let mut source = Source::new();
    let documents = chunks / CHUNKS_PER_DOCUMENT;
    for batch in (0..documents).step_by(DOCUMENTS_PER_COMMIT) {
        let batch = batch..documents.min(batch + DOCUMENTS_PER_COMMIT);
        index.upsert("bench", batch.map(|number| source.document(number)).collect()).await.unwrap();
    }
    let generations = Generations::new(store(server.variables()), folder.path().join("scratch"));
    publish("publish", &generations, &index).await;
    let runs: Vec<_> =
        (0..RUNS).map(|seed| in_a_fresh_process(&folder.path().join(format!("{seed}")), seed, server)).collect();
    println!("  fresh process        {} with an empty scratch folder", figures(&runs));
    let scratch = folder.path().join("0");
    let runs: Vec<_> = (0..RUNS).map(|seed| in_a_fresh_process(&scratch, seed, server)).collect();
    println!("  fresh process        {} with the files in it", figures(&runs));
    index.upsert("bench", (0..10).map(|at| source.document(documents + at)).collect()).await.unwrap();
    publish("100 chunks more", &generations, &index).await;
    index.upsert("bench", vec![source.document(3)]).await.unwrap();
    publish("1 document replaced", &generations, &index).await;
}

fn store(variables: BTreeMap<String, String>) -> Store {
    Store::connect(Place::parse(PLACE).unwrap(), &Access { variables, ..Access::default() }).unwrap()
}

async fn publish(what: &str, generations: &Generations, index: &EmbeddedIndex) {
    let publication = Publication { id: what.replace(' ', "-"), created_at: Timestamp::from_millis(1_795_392_000_000) };
    let before = cpu();
    let published = generations.publish(index, "bench", &publication).await.unwrap();
    println!(
        "  {what:<20} {} chunks, {} of {} files and {:.2} of {:.2} MB sent, {:.0} ms CPU",
        published.chunks,
        published.files_sent,
        published.files,
        published.bytes_sent as f64 / 1e6,
        published.bytes as f64 / 1e6,
        cpu() - before
    );
}

/// CPU milliseconds, wall milliseconds and peak megabytes of a process until its first answer.
fn in_a_fresh_process(scratch: &Path, seed: u64, server: &Ministack) -> [f64; 3] {
    let variables: Vec<_> = server.variables().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.arg("first").arg(scratch).arg(seed.to_string()).arg(variables.join(" "));
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let mut figures = said.split_whitespace().map(|figure| figure.parse().unwrap());
    std::array::from_fn(|_| figures.next().unwrap())
}

fn figures(runs: &[[f64; 3]]) -> String {
    let sorted = |at: usize| {
        let mut values: Vec<_> = runs.iter().map(|run| run[at]).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (cpu, wall, memory) = (sorted(0), sorted(1), sorted(2));
    let middle = runs.len() / 2;
    format!(
        "{:.0} ms CPU ({:.0} to {:.0}), {:.0} ms wall, peak {:.0} MB",
        cpu[middle],
        cpu[0],
        cpu[cpu.len() - 1],
        wall[middle],
        memory[memory.len() - 1]
    )
}

async fn first_answer(scratch: &Path, seed: u64, variables: &str) {
    let begun = Instant::now();
    let variables = variables.split(' ').filter_map(|pair| pair.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let clock = Arc::new(|| Timestamp::from_millis(1_795_392_000_000));
    let index = PublishedIndex::open(store(variables), ReaderSettings::new(scratch.to_owned()), clock);
    let request = request(&stray_question(seed), SearchMode::Hybrid, 10);
    assert_eq!(index.search("bench", &request).await.unwrap().hits.len(), 10);
    println!("{} {} {}", cpu(), begun.elapsed().as_secs_f64() * 1e3, peak_megabytes());
}
