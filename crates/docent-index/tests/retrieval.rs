//! What is found, and that it stays so over many commits, deletes and merges.

use docent_core::filter::FilterValue;
use docent_core::{Filter, SearchMode};
use docent_engine::ports::{ChunkIndex, IndexDocument, SearchRequest};
use docent_index::{EmbeddedIndex, Settings};
use docent_testkit::chunk_index::{document, found, leaning, profile, question};
use std::collections::BTreeSet;
use std::path::Path;

fn open(root: &Path) -> EmbeddedIndex {
    EmbeddedIndex::open(root.to_owned(), Settings::default())
}

#[tokio::test]
async fn identifiers_are_found_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.open_or_create("ids", &profile()).await.unwrap();
    let texts = [
        "The device shows ERR-4711 when the pump is blocked.",
        "The device shows ERR-4712 when the filter is blocked; part 4711 is sold separately, err on the safe side.",
        "Set x_frame_options to deny.",
        "Frame x with the options below; the X axis of the frame is an option.",
        "Open 192.168.0.1 in a browser.",
        "Use 192.168.1.0, port 168, or 0.1 seconds.",
        "Call getUserName() first.",
        "The name of the user is what you get.",
    ];
    let stored =
        texts.iter().enumerate().map(|(number, text)| document(&format!("d{number}"), &[text], &leaning(1, 0.5)));
    index.upsert("ids", stored.collect()).await.unwrap();
    let table = [
        ("ERR-4711", "d0#0"),
        ("what does err-4711 mean?", "d0#0"),
        ("x_frame_options", "d2#0"),
        ("192.168.0.1", "d4#0"),
        ("getUserName", "d6#0"),
    ];
    for (words, expected) in table {
        let request = question(SearchMode::Bm25, words, Vec::new());
        assert_eq!(found(&index, "ids", &request).await[0], expected, "{words}");
    }
}

#[tokio::test]
async fn a_question_of_stop_words_still_finds_something() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.open_or_create("hamlet", &profile()).await.unwrap();
    let stored = vec![
        document("a", &["To be, or not to be, that is the question."], &leaning(1, 0.5)),
        document("b", &["Something is rotten in the state of Denmark."], &leaning(1, 0.5)),
    ];
    index.upsert("hamlet", stored).await.unwrap();
    let request = question(SearchMode::Bm25, "to be or not to be", Vec::new());
    assert_eq!(found(&index, "hamlet", &request).await, ["a#0"]);
    let request = question(SearchMode::Bm25, "is it the question?", Vec::new());
    assert_eq!(found(&index, "hamlet", &request).await, ["a#0"], "other stop words do not count beside a word");
}

#[tokio::test]
async fn pages_and_records_do_not_weigh_on_scores() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    let mut scores = Vec::new();
    for (name, pages) in [("few", 1), ("many", 40)] {
        index.open_or_create(name, &profile()).await.unwrap();
        let stored = ["green tea", "black tea", "coffee with milk"].iter().enumerate().map(|(number, text)| {
            let mut stored = document(&format!("d{number}"), &[text], &leaning(1, 0.5));
            stored.pages = vec![stored.pages[0].clone(); pages];
            stored
        });
        index.upsert(name, stored.collect()).await.unwrap();
        let request = question(SearchMode::Bm25, "green coffee", Vec::new());
        let hits = index.search(name, &request).await.unwrap().hits;
        scores.push(hits.into_iter().map(|hit| (hit.chunk.id, hit.score.to_bits())).collect::<Vec<_>>());
    }
    assert_eq!(scores[0].len(), 2);
    assert_eq!(scores[0], scores[1]);
}

/// Unit vectors in clusters with few ways to differ, as embeddings of texts have, from a seeded generator.
struct Clusters {
    state: u64,
    centres: Vec<Vec<f32>>,
    directions: Vec<Vec<f32>>,
}

impl Clusters {
    const CENTRES: usize = 40;
    const DIRECTIONS: usize = 24;

    fn new(dimension: usize) -> Self {
        let mut clusters = Self { state: 0x2545_F491_4F6C_DD1D, centres: Vec::new(), directions: Vec::new() };
        clusters.directions = (0..Self::DIRECTIONS).map(|_| clusters.gaussian(dimension)).collect();
        clusters.centres = (0..Self::CENTRES).map(|_| clusters.gaussian(Self::DIRECTIONS)).collect();
        clusters
    }

    fn uniform(&mut self) -> f32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 40) as f32 / (1u64 << 24) as f32
    }

    fn gaussian(&mut self, length: usize) -> Vec<f32> {
        (0..length).map(|_| (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0).collect()
    }

    fn draw(&mut self) -> Vec<f32> {
        let centre = (self.uniform() * Self::CENTRES as f32) as usize;
        let noise = self.gaussian(Self::DIRECTIONS);
        let mut vector = vec![0.0; self.directions[0].len()];
        for ((direction, centre), noise) in self.directions.iter().zip(&self.centres[centre]).zip(noise) {
            for (value, along) in vector.iter_mut().zip(direction) {
                *value += along * (centre + 0.7 * noise);
            }
        }
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.into_iter().map(|value| value / norm).collect()
    }
}

/// The ten nearest by full precision.
fn exact(living: &[(String, Vec<f32>)], vector: &[f32]) -> BTreeSet<String> {
    let mut scored: Vec<(f32, &String)> =
        living.iter().map(|(id, other)| (other.iter().zip(vector).map(|(a, b)| a * b).sum(), id)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(10).map(|(_, id)| id.clone()).collect()
}

fn stored(number: usize, clusters: &mut Clusters) -> IndexDocument {
    let mut stored = document(&format!("doc{number:04}"), &["tea", "coffee", "milk", "sugar", "water"], &[]);
    stored.vectors = (0..5).map(|_| clusters.draw()).collect();
    stored
}

async fn recall(
    index: &EmbeddedIndex,
    living: &[(String, Vec<f32>)],
    queries: &[Vec<f32>],
    filter: Option<Filter>,
) -> f64 {
    let mut matching = 0;
    for vector in queries {
        let mut request: SearchRequest = question(SearchMode::Dense, "", vector.clone());
        request.filter = filter.clone();
        let found: BTreeSet<String> = found(index, "recall", &request).await.into_iter().collect();
        matching += found.intersection(&exact(living, vector)).count();
    }
    matching as f64 / (queries.len() * 10) as f64
}

#[tokio::test]
async fn recall_survives_commits_deletes_and_merges() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    let mut clusters = Clusters::new(384);
    let mut wide = profile();
    wide.embedding.dimension = 384;
    index.open_or_create("recall", &wide).await.unwrap();
    let mut living: Vec<(String, Vec<f32>)> = Vec::new();
    for batch in 0..30 {
        let documents: Vec<_> = (0..20).map(|place| stored(batch * 20 + place, &mut clusters)).collect();
        for document in &documents {
            living.extend(document.chunks.iter().map(|chunk| chunk.id.clone()).zip(document.vectors.clone()));
        }
        index.upsert("recall", documents).await.unwrap();
        let doomed: Vec<String> = (0..6).map(|place| format!("doc{:04}", batch * 20 + place * 3)).collect();
        index.delete("recall", &doomed).await.unwrap();
        living.retain(|(id, _)| !doomed.iter().any(|document| id.starts_with(document.as_str())));
    }
    let segments = std::fs::read_dir(folder.path().join("recall")).unwrap();
    let segments = segments.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "vectors"));
    assert!(segments.count() < 16, "60 commits were merged into few segments");
    assert_eq!(index.collection("recall").await.unwrap().unwrap().chunks, living.len() as u64);

    let queries: Vec<_> = (0..40).map(|_| clusters.draw()).collect();
    let all = recall(&index, &living, &queries, None).await;
    assert!(all >= 0.99, "recall@10 is {all}");

    let chosen: Vec<String> = (400..440).map(|number| format!("doc{number:04}")).collect();
    let filter = Filter::In { key: "document_id".to_owned(), value: FilterValue::List(chosen.clone()) };
    living.retain(|(id, _)| chosen.iter().any(|document| id.starts_with(document.as_str())));
    let filtered = recall(&index, &living, &queries, Some(filter)).await;
    assert!(filtered >= 0.99, "recall@10 within a filter is {filtered}");
}

#[tokio::test]
async fn what_is_in_both_rankings_has_both_scores_whichever_listed_it() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.open_or_create("scores", &profile()).await.unwrap();
    // More chunks than either ranking lists, so that each lists some that the other does not.
    let stored = (0..300).map(|number| {
        let text = if number < 150 { "tea tea" } else { "tea and so many other words that it counts for less" };
        document(&format!("d{number:03}"), &[text], &leaning(1, number as f32 / 300.0))
    });
    index.upsert("scores", stored.collect()).await.unwrap();
    let mut request = question(SearchMode::Hybrid, "tea", leaning(1, 1.0));
    request.limit = 60;
    let hybrid = index.search("scores", &request).await.unwrap().hits;
    for (mode, limit) in [(SearchMode::Bm25, 300), (SearchMode::Dense, 300)] {
        let alone = index.search("scores", &SearchRequest { mode, limit, ..request.clone() }).await.unwrap().hits;
        assert_eq!(alone.len(), 300);
        for hit in &hybrid {
            let same = alone.iter().find(|other| other.chunk.id == hit.chunk.id).unwrap();
            let score = if mode == SearchMode::Bm25 { hit.bm25 } else { hit.dense };
            assert!((score.unwrap() - same.score).abs() < 1e-5, "{mode:?} {}", hit.chunk.id);
        }
    }
}
