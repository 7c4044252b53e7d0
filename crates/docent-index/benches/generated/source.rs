//! Chunks and questions that are generated, and what the process has used.
//!
//! Vectors are 384-dimensional draws from a mixture of 1,000 gaussians of skewed sizes, the spread within a cluster 0.7
//! of the spread of the centres, standard deviations falling as rank^-0.5, so that the mean cosine of the 1st, 10th and
//! 50th neighbour at 100,000 is about 0.80, 0.75 and 0.67. Texts are 570 characters of words from a vocabulary of 50,000
//! with Zipf's frequencies.

use docent_core::{Chunk, Document, Format, SearchMode, Timestamp};
use docent_engine::ports::{EmbeddingModel, IndexDocument, IndexProfile, SearchRequest};
use rustix::time::{ClockId, clock_gettime};

pub(crate) const DIMENSION: usize = 384;
const CLUSTERS: usize = 1000;
const VOCABULARY: usize = 50_000;
pub(crate) const CHUNKS_PER_DOCUMENT: usize = 10;

pub(crate) fn profile() -> IndexProfile {
    let embedding = EmbeddingModel { name: "generated".to_owned(), dimension: DIMENSION };
    IndexProfile { embedding, chunk_tokens: 128, chunk_overlap: 0, chunking: "generated-1".to_owned() }
}

pub(crate) fn request(question: &(String, Vec<f32>), mode: SearchMode, limit: usize) -> SearchRequest {
    SearchRequest { text: question.0.clone(), vector: question.1.clone(), mode, limit, filter: None }
}

/// Chunks and questions, from a seeded generator.
pub(crate) struct Source {
    state: u64,
    centres: Vec<Vec<f32>>,
    sizes: Vec<f32>,
    rotation: Vec<(usize, usize, f32, f32)>,
}

impl Source {
    pub(crate) fn new() -> Self {
        let mut source = Self { state: 42, centres: Vec::new(), sizes: Vec::new(), rotation: Vec::new() };
        source.centres = (0..CLUSTERS).map(|_| source.spread()).collect();
        let mut total = 0.0;
        for _ in 0..CLUSTERS {
            total += (1.0 - uniform(&mut source.state)).powf(-0.66);
            source.sizes.push(total);
        }
        // Many random plane rotations make a random rotation of the whole space.
        for _ in 0..DIMENSION * 12 {
            let axis = |state: &mut u64| (uniform(state) * DIMENSION as f32) as usize;
            let (one, two) = (axis(&mut source.state), axis(&mut source.state));
            let angle = uniform(&mut source.state) * std::f32::consts::TAU;
            if one != two {
                source.rotation.push((one, two, angle.sin(), angle.cos()));
            }
        }
        source
    }

    fn spread(&mut self) -> Vec<f32> {
        (0..DIMENSION).map(|rank| gaussian(&mut self.state) / ((rank + 1) as f32).sqrt()).collect()
    }

    pub(crate) fn vector(&mut self) -> Vec<f32> {
        let point = uniform(&mut self.state) * self.sizes[CLUSTERS - 1];
        let cluster = self.sizes.partition_point(|size| *size < point).min(CLUSTERS - 1);
        let noise = self.spread();
        let mut vector: Vec<f32> =
            self.centres[cluster].iter().zip(noise).map(|(centre, noise)| centre + 0.7 * noise).collect();
        for (one, two, sin, cos) in &self.rotation {
            let (a, b) = (vector[*one], vector[*two]);
            (vector[*one], vector[*two]) = (a * cos - b * sin, a * sin + b * cos);
        }
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.into_iter().map(|value| value / norm).collect()
    }

    fn text(&mut self) -> String {
        let mut text = String::with_capacity(600);
        while text.len() < 570 {
            let rank = (VOCABULARY as f32).powf(uniform(&mut self.state)) as usize;
            text.push_str(&word(rank));
            text.push(' ');
        }
        text
    }

    pub(crate) fn document(&mut self, number: usize) -> IndexDocument {
        let id = format!("doc_{number:08}");
        let chunks: Vec<Chunk> = (0..CHUNKS_PER_DOCUMENT)
            .map(|place| Chunk {
                id: (number * CHUNKS_PER_DOCUMENT + place).to_string(),
                document_id: id.clone(),
                filename: format!("{id}.txt"),
                title: String::new(),
                ordinal: place as u32,
                page_index: 0,
                page: None,
                heading_path: Vec::new(),
                text: self.text(),
                start_char: 0,
                end_char: 570,
            })
            .collect();
        IndexDocument {
            document: record(id),
            pages: Vec::new(),
            vectors: chunks.iter().map(|_| self.vector()).collect(),
            chunks,
            model: profile().embedding.name,
        }
    }
}

fn record(id: String) -> Document {
    Document {
        filename: format!("{id}.txt"),
        id,
        title: String::new(),
        format: Format::Text,
        content_hash: String::new(),
        bytes: 5700,
        pages: 1,
        characters: 5700,
        chunks: CHUNKS_PER_DOCUMENT as u32,
        unreadable_pages: Vec::new(),
        warnings: Vec::new(),
        ingested_at: Timestamp::from_millis(0),
        source: None,
        source_version: None,
        ocr: None,
    }
}

/// The word of a rank: the commonest are English stop words, the others are made of syllables.
fn word(rank: usize) -> String {
    const COMMON: [&str; 20] = [
        "the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not",
        "he", "his", "but",
    ];
    if let Some(common) = COMMON.get(rank.saturating_sub(1)) {
        return (*common).to_owned();
    }
    let mut left = rank;
    let mut word = String::new();
    while left > 0 {
        word.push(char::from(b"bcdfgklmnprstvz"[left % 15]));
        word.push(char::from(b"aeiou"[left / 15 % 5]));
        left /= 75;
    }
    word
}

fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1u64 << 24) as f32
}

fn gaussian(state: &mut u64) -> f32 {
    let (one, two) = (1.0 - uniform(state), uniform(state));
    (-2.0 * one.ln()).sqrt() * (two * std::f32::consts::TAU).cos()
}

/// Words and a vector of no chunk in particular; making them costs next to nothing.
pub(crate) fn stray_question(seed: u64) -> (String, Vec<f32>) {
    let mut state = seed * 7919 + 11;
    let vector = (0..DIMENSION).map(|_| uniform(&mut state) - 0.5).collect();
    let words = (0..8).map(|_| word((uniform(&mut state) * 2000.0) as usize)).collect::<Vec<_>>().join(" ");
    (words, vector)
}

/// CPU milliseconds of this process so far.
pub(crate) fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

pub(crate) fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}
