//! Reads a data set in BEIR's layout.

use super::metrics::Qrels;
use crate::error::{Error, Result};
use crate::source;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A document to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvalDocument {
    /// A line of `corpus.jsonl`.
    Text {
        /// Its id in the labels.
        id: String,
        /// Its title, possibly empty.
        title: String,
        /// Its text.
        text: String,
    },
    /// A file below `docs/`; its id is its path there.
    File {
        /// Its id in the labels.
        id: String,
        /// Where it lies.
        path: PathBuf,
    },
}

/// Documents, questions and labels.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// All documents.
    pub documents: Vec<EvalDocument>,
    /// The questions that have at least one relevant document: id and text.
    pub queries: Vec<(String, String)>,
    /// Which documents are relevant to which question.
    pub qrels: Qrels,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

impl Dataset {
    /// Reads the folder.
    ///
    /// # Errors
    /// `NotFound` for a missing file, `Invalid` for a line that cannot be read, each naming file and line.
    pub fn load(folder: &Path) -> Result<Self> {
        let qrels = Qrels::parse(&read(&folder.join("qrels.tsv"))?)?;
        let queries = lines(&folder.join("queries.jsonl"))?
            .into_iter()
            .filter(|line| qrels.has_relevant(&line.id))
            .map(|line| (line.id, line.text))
            .collect();
        let corpus = folder.join("corpus.jsonl");
        let documents = if corpus.exists() { corpus_lines(&corpus)? } else { files(&folder.join("docs"))? };
        Ok(Self { documents, queries, qrels })
    }
}

fn corpus_lines(corpus: &Path) -> Result<Vec<EvalDocument>> {
    let text = |line: Line| EvalDocument::Text { id: line.id, title: line.title, text: line.text };
    Ok(lines(corpus)?.into_iter().map(text).collect())
}

fn files(docs: &Path) -> Result<Vec<EvalDocument>> {
    let found = source::find_files(docs).map_err(|refusal| {
        Error::not_found(refusal.to_string()).hint("a data set has a corpus.jsonl or a docs/ folder")
    })?;
    let inside = |filename: &str| filename.split_once('/').map_or(filename, |(_, rest)| rest).to_owned();
    Ok(found.into_iter().map(|file| EvalDocument::File { id: inside(&file.filename), path: file.path }).collect())
}

fn lines(path: &Path) -> Result<Vec<Line>> {
    let text = read(path)?;
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    numbered
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|error| {
                Error::invalid(format!("{}:{}: not a line of a data set", path.display(), number + 1))
                    .because(error)
                    .hint("each line is a JSON object with `_id` and `text`")
            })
        })
        .collect()
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::not_found(format!("cannot read {}", path.display()))
            .because(error)
            .hint("a data set folder has queries.jsonl, qrels.tsv and corpus.jsonl or docs/")
    })
}
