//! Pages a CPU second through the whole way in, with embeddings that cost nothing, and the parent's memory at ten times
//! the corpus.
//!
//! Generated PDFs of prose (8 pages and about 2,800 characters a page each) are found, hashed, parsed in child processes,
//! chunked with the real tokenizer and committed to a real index. The process that does it is a fresh one; its figures
//! are the system's own: CPU time of it and of its children, and its largest resident set.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use async_trait::async_trait;
use docent_app::wiring;
use docent_engine::ports::{Embedder, EmbeddingModel, KeyStore, QueryStore};
use docent_engine::progress::Progress;
use docent_engine::worker::in_process;
use docent_engine::{Engine, Result, Settings};
use docent_index::EmbeddedIndex;
use docent_models::quoting::QuotingGenerator;
use docent_parse::{Limits, Sandbox};
use docent_sqlite::SqliteQueryStore;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAGES_PER_FILE: usize = 8;
/// Pages of a file of plain text: 5 MB.
const PAGES_PER_TEXT: usize = 1_800;
/// What the kernel counts CPU time in (`getconf CLK_TCK` on Linux).
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "ingest") {
        Some(at) => ingest(Path::new(&arguments[at + 1]), Path::new(&arguments[at + 2])),
        None => compare(&arguments),
    }
}

/// Corpora of growing size, each taken in by a process of its own: `[-- FILES…]`, two when none is given.
fn compare(arguments: &[String]) {
    if let Some(at) = arguments.iter().position(|argument| argument == "text") {
        return take_in_text(arguments[at + 1].parse().expect("gigabytes"));
    }
    println!("ingest, stubbed embeddings, PDFs of {PAGES_PER_FILE} pages");
    let sizes: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    for files in if sizes.is_empty() { vec![50, 500] } else { sizes } {
        let pdf = |file| docent_testkit::pdf::prose(file, PAGES_PER_FILE);
        take_in((0..files).map(|file| (format!("{file:04}.pdf"), pdf(file))));
    }
}

fn take_in_text(gigabytes: f64) {
    println!("ingest, stubbed embeddings, {gigabytes} GB of plain text");
    let text = |file| docent_testkit::pdf::plain_prose(file, PAGES_PER_TEXT).into_bytes();
    let mut left = gigabytes * 1e9;
    let files = (0..).map(|file| (format!("{file:04}.txt"), text(file)));
    take_in(files.take_while(|(_, content)| {
        left -= content.len() as f64;
        left > -(content.len() as f64)
    }));
}

/// Takes files in by a process of its own.
fn take_in(files: impl Iterator<Item = (String, Vec<u8>)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let corpus = folder.path().join("corpus");
    std::fs::create_dir(&corpus).expect("made");
    for (name, content) in files {
        std::fs::write(corpus.join(name), content).expect("written");
    }
    let program = std::env::current_exe().expect("this program");
    let status = Command::new(program).arg("ingest").arg(&corpus).arg(folder.path().join("data")).status();
    assert!(status.expect("started").success());
}

fn ingest(corpus: &Path, data: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let summary = runtime.block_on(async {
        std::fs::create_dir_all(data).expect("made");
        let engine = engine(data);
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_docent"), vec!["parse-worker".to_owned()], Limits::default());
        let parse = Arc::new(move |path: &Path, name: &str| sandbox.parse_file(path, name));
        engine.ingest("default", &[corpus.to_owned()], parse, &mut |_| ()).await.expect("ingested")
    });
    assert_eq!(summary.refused, 0);
    let cpu = cpu_seconds();
    println!(
        "{:>6} pages  {:>6} chunks  {:>6.0} pages and {:.1} MB per CPU second  parent's peak {:>4.0} MB (at the end \
         {:.0} MB without mapped files)",
        summary.pages,
        summary.chunks,
        summary.pages as f64 / cpu,
        size_of(corpus) / 1e6 / cpu,
        megabytes("VmHWM:"),
        megabytes("RssAnon:")
    );
}

/// Bytes of the files of a folder.
fn size_of(corpus: &Path) -> f64 {
    let files = std::fs::read_dir(corpus).expect("a folder").map(|file| file.expect("a file"));
    files.map(|file| file.metadata().expect("a size").len() as f64).sum()
}

fn engine(data: &Path) -> Engine {
    let embedder: Arc<dyn Embedder> =
        Arc::new(Stub { model: EmbeddingModel { name: "stub".to_owned(), dimension: 384 } });
    let store = SqliteQueryStore::open(&data.join("queries.db"), &docent_sqlite::Settings::default());
    let store = Arc::new(store.expect("opened"));
    Engine {
        generator: Arc::new(QuotingGenerator::new(Arc::clone(&embedder))),
        embedder,
        index: Arc::new(EmbeddedIndex::open(data.join("index"), docent_index::Settings::default())),
        queries: Arc::clone(&store) as Arc<dyn QueryStore>,
        keys: Arc::clone(&store) as Arc<dyn KeyStore>,
        meter: store,
        dispatcher: Arc::new(in_process().0),
        tokenize: wiring::tokenize(),
        clock: wiring::clock(),
        progress: Progress::default(),
        webhooks: docent_engine::webhooks::Webhooks::default(),
        settings: Settings::default(),
    }
}

/// Answers at once with unit vectors that differ.
struct Stub {
    model: EmbeddingModel,
}

#[async_trait]
impl Embedder for Stub {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|text| unit_vector(text.len() as u32)).collect())
    }
}

fn unit_vector(seed: u32) -> Vec<f32> {
    let mut state = seed | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    let vector: Vec<f32> = (0..384).map(next).collect();
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}

/// User and system time of this process and of the children it has waited for.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let behind_name = stat.rsplit(')').next().expect("a line");
    let ticks = behind_name.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

fn megabytes(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line of that name");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<f64>().ok()).expect("a number") / 1024.0
}
