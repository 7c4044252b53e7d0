//! What the local embedder costs: chunks a second, the first and the later questions, memory, the tokenizer's speed.
//!
//! usage: `cargo bench -p docent-models --bench embedding [-- SECONDS]`; 5 seconds of chunks when none are given.
//!
//! A chunk is 198 words of one token each, 200 with the two special tokens, as in `scripts/bench_onnxruntime.py`, in
//! batches of 64. A question is 10 tokens. CPU time is the whole process's. The first question is asked in a fresh
//! process, whose CPU time and memory include what the empty program takes.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use docent_models::local::LocalEmbedder;
use docent_models::wordpiece;
use rustix::time::{ClockId, clock_gettime};
use std::process::Command;
use std::time::{Duration, Instant};

const SENTENCES: &str = include_str!("../tests/data/sentences.txt");
const CHUNK_WORDS: usize = 198;
const BATCH: usize = 64;
const QUESTION: &str = "who may approve travel expenses above five hundred";
const ROUNDS: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if arguments.first().is_some_and(|first| first == "first") {
        return first_question();
    }
    let seconds = arguments.first().and_then(|seconds| seconds.parse().ok()).unwrap_or(5);
    let ran = std::env::current_exe().and_then(|program| Command::new(program).arg("first").status());
    assert!(ran.is_ok_and(|status| status.success()), "the fresh process failed");
    let embedder = LocalEmbedder::bundled(None);
    questions(&embedder);
    chunks(&embedder, Duration::from_secs(seconds));
    tokens();
}

fn first_question() {
    let empty = cpu();
    let embedder = LocalEmbedder::bundled(None);
    let (wall, ..) = timed(|| ask(&embedder));
    println!("first question       {:9.1} ms CPU, {wall:.1} ms wall, peak {} MB", cpu(), peak_megabytes());
    let (wall, cpu) = timed(|| ask(&embedder));
    println!(
        "second question      {cpu:9.1} ms CPU, {wall:.1} ms wall, peak {} MB: it keeps the weights",
        peak_megabytes()
    );
    println!("the empty program    {empty:9.1} ms CPU");
}

fn questions(embedder: &LocalEmbedder) {
    ask(embedder);
    ask(embedder);
    let mut costs: Vec<(f64, f64)> = (0..ROUNDS).map(|_| timed(|| ask(embedder))).collect();
    costs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (wall, late) = (costs[ROUNDS / 2].0, costs[ROUNDS * 99 / 100].0);
    let cpu = costs.iter().map(|cost| cost.1).sum::<f64>() / ROUNDS as f64;
    println!("later questions      {cpu:9.1} ms CPU, {wall:.1} ms wall p50, {late:.1} p99");
}

fn chunks(embedder: &LocalEmbedder, time: Duration) {
    let texts = chunk_texts();
    let tokens: usize = texts.iter().map(|text| wordpiece::bundled().ids(text, 256).len()).sum();
    let embed = || embedder.embed_blocking(&texts).expect("the bundled model works").len();
    embed();
    let (start, mut rates, mut spent) = (Instant::now(), Vec::new(), 0.0);
    while start.elapsed() < time || rates.len() < 3 {
        let (wall, cpu) = timed(embed);
        rates.push(BATCH as f64 / wall * 1000.0);
        spent += cpu;
    }
    rates.sort_by(f64::total_cmp);
    let (middle, best) = (rates[rates.len() / 2], rates[rates.len() - 1]);
    let per_cpu = (rates.len() * BATCH) as f64 / spent * 1000.0;
    println!(
        "chunks of {} tokens {middle:9.1} a second (best {best:.1}), {per_cpu:.1} a CPU second, peak {} MB",
        tokens / BATCH,
        peak_megabytes()
    );
}

fn tokens() {
    let text = SENTENCES.repeat(8_000_000 / SENTENCES.len());
    let ascii: String = text.lines().filter(|line| line.is_ascii()).collect::<Vec<_>>().join("\n");
    for (name, text) in [("tokenizer, mixed", &text), ("tokenizer, ASCII", &ascii)] {
        let mut speeds: Vec<f64> = (0..5)
            .map(|_| text.len() as f64 / 1e3 / timed(|| wordpiece::bundled().token_starts(text).len()).1)
            .collect();
        speeds.sort_by(f64::total_cmp);
        println!("{name:<20} {:9.1} MB a CPU second", speeds[2]);
    }
}

/// Words drawn from those of the sentences that are one token, by a fixed congruential generator.
fn chunk_texts() -> Vec<String> {
    let words: Vec<&str> =
        SENTENCES.split_whitespace().filter(|word| wordpiece::bundled().token_starts(word).len() == 1).collect();
    let mut state = 1u32;
    let mut word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        words[(state >> 8) as usize % words.len()]
    };
    (0..BATCH).map(|_| (0..CHUNK_WORDS).map(|_| word()).collect::<Vec<_>>().join(" ")).collect()
}

fn ask(embedder: &LocalEmbedder) -> usize {
    embedder.embed_blocking(&[QUESTION.to_owned()]).expect("the bundled model works").len()
}

/// Milliseconds of wall time and of CPU time.
fn timed(work: impl FnOnce() -> usize) -> (f64, f64) {
    let (wall, before) = (Instant::now(), cpu());
    std::hint::black_box(work());
    (wall.elapsed().as_secs_f64() * 1000.0, cpu() - before)
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1000.0 + time.tv_nsec as f64 / 1e6
}

/// The highest resident set, where the system says (Linux), otherwise "?".
fn peak_megabytes() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.map_or_else(|| "?".to_owned(), |kilobytes| (kilobytes / 1024).to_string())
}
