//! Retrieval measured on labelled questions.

use crate::snapshot;
use crate::terminal::Terminal;
use std::path::{Path, PathBuf};
use std::process::Command;

const CORPUS: &str = r#"{"_id": "d1", "title": "Cats", "text": "Cats purr when they are content."}
{"_id": "d2", "title": "Dogs", "text": "Dogs bark at strangers."}
{"_id": "d3", "title": "Trains", "text": "The night train to Vienna leaves at nine."}
"#;
const QUERIES: &str = r#"{"_id": "q1", "text": "why do cats purr"}
{"_id": "q2", "text": "when does the train to Vienna leave"}
{"_id": "q3", "text": "not judged"}
"#;
const QRELS: &str = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq2\td3\t1\n";

fn dataset() -> Terminal {
    Terminal::new().file("set/corpus.jsonl", CORPUS).file("set/queries.jsonl", QUERIES).file("set/qrels.tsv", QRELS)
}

#[test]
fn figures_and_a_run_file() {
    let terminal = dataset();
    let ran = terminal.docent(&["eval", "retrieval", "set", "--mode", "bm25", "--run", "run.trec"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit 0
    --- stdout
    3 documents, 2 questions, bm25
    nDCG@10    1.0000
    Recall@10  1.0000
    Recall@100 1.0000
    MRR@10     1.0000
    --- stderr
    ");
    let run = std::fs::read_to_string(terminal.path("run.trec")).expect("written");
    let first = run.lines().next().expect("a line");
    let fields: Vec<_> = first.split(' ').collect();
    assert_eq!((fields[0], fields[1], fields[2], fields[3], fields[5]), ("q1", "Q0", "d1", "1", "docent"));
    for mode in ["dense", "hybrid"] {
        let figures = terminal.docent(&["eval", "retrieval", "set", "--mode", mode, "--json"]).json();
        assert_eq!((&figures["ndcg_at_10"], &figures["queries"]), (&1.0.into(), &2.into()), "{mode}");
    }
}

#[test]
fn a_folder_of_files_is_a_corpus_too() {
    let terminal = Terminal::new()
        .file("set/docs/animals/cats.md", "# Cats\n\nCats purr when they are content.\n")
        .file("set/docs/trains.txt", "The night train to Vienna leaves at nine.")
        .file("set/docs/empty.md", "")
        .file("set/queries.jsonl", QUERIES)
        .file("set/qrels.tsv", "query-id\tcorpus-id\tscore\nq1\tanimals/cats.md\t1\nq2\ttrains.txt\t1\n");
    insta::assert_snapshot!(terminal.docent(&["eval", "retrieval", "set"]).transcript(), @r"
    exit 3
    --- stdout
    3 documents, 2 questions, hybrid
    nDCG@10    1.0000
    Recall@10  1.0000
    Recall@100 1.0000
    MRR@10     1.0000
    --- stderr
    left out empty.md: empty: the file has no bytes
    ");
}

#[test]
fn what_is_wrong_with_a_data_set() {
    let terminal = dataset();
    snapshot!(terminal.docent(&["eval", "retrieval", "nowhere"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: cannot read nowhere/qrels.tsv
      because: No such file or directory (os error 2)

    hint: a data set folder has queries.jsonl, qrels.tsv and corpus.jsonl or docs/
    ");
    terminal.write("set/corpus.jsonl", "");
    snapshot!(terminal.docent(&["eval", "retrieval", "set"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: set has no documents or no questions with a relevant document

    hint: the ids of qrels.tsv must be those of queries.jsonl and of the documents
    ");
    terminal.write("set/corpus.jsonl", "{\"_id\": \"d1\"}\n");
    snapshot!(terminal.docent(&["eval", "retrieval", "set"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: set/corpus.jsonl:1: not a line of a data set
      because: missing field `text` at line 1 column 13

    hint: each line is a JSON object with `_id` and `text`
    ");
}

/// The project's own scorer and an independent one must agree on the same run file, to the last printed digit. A part of
/// a real data set will do: questions whose documents are missing count for both.
#[test]
fn the_figures_agree_with_an_independent_scorer() {
    const DOCUMENTS: usize = 60;
    const CHARACTERS: usize = 300;
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let (data, scorer) = (shared.join("data/anthropic_docs"), shared.join("tools/ir_metrics.py"));
    if !data.is_dir() || !scorer.is_file() {
        eprintln!("skipped: the evaluation data is not on this machine");
        return;
    }
    let read = |name: &str| std::fs::read_to_string(data.join(name)).expect("read");
    let shortened = |line: &str| {
        let mut document: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text: String = document["text"].as_str().expect("text").chars().take(CHARACTERS).collect();
        document["text"] = text.into();
        format!("{document}\n")
    };
    let corpus: String = read("corpus.jsonl").lines().take(DOCUMENTS).map(shortened).collect();
    let terminal = Terminal::new()
        .file("set/corpus.jsonl", corpus)
        .file("set/queries.jsonl", read("queries.jsonl"))
        .file("set/qrels.tsv", read("qrels.tsv"));
    let ours = terminal.docent(&["eval", "retrieval", "set", "--mode", "hybrid", "--json", "--run", "run.trec"]).json();
    let theirs = score(&scorer, &data.join("qrels.tsv"), &terminal.path("run.trec"));
    for (our_name, their_name) in [
        ("ndcg_at_10", "nDCG@10"),
        ("recall_at_10", "Recall@10"),
        ("recall_at_100", "Recall@100"),
        ("mrr_at_10", "MRR@10"),
    ] {
        let our = ours[our_name].as_f64().expect("a number");
        let their = theirs[their_name].as_f64().unwrap_or_else(|| panic!("{theirs}"));
        assert!(our > 0.0 && (our - their).abs() < 5e-5, "{our_name}: {our} and {their}");
    }
}

fn score(scorer: &Path, qrels: &Path, run: &Path) -> serde_json::Value {
    let output = Command::new("python3").arg(scorer).args([qrels, run]).arg("--json").output().expect("python3 runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}
