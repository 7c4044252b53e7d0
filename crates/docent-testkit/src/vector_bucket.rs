//! A vector bucket of Amazon S3 Vectors on this machine: moto (a Python program, pinned in
//! `scripts/install_test_tools.sh`) keeps it, and what stands before it adds what moto lacks.
//!
//! moto knows buckets and indexes, and puts, gets, lists and deletes vectors. It does not answer `QueryVectors`, ignores most limits and
//! returns every list whole. So [`VectorBucket`] answers questions itself, by exact cosine over what moto lists and in the
//! shapes that the SDK reads; it cuts lists into pages; and it refuses what AWS documents as over a limit. What AWS does
//! beyond its documentation is not known here.

use crate::fault_proxy::{Fault, FaultProxy, Passing};
use crate::ministack::{authorization, free_port, request};
use crate::tools;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The bucket that is there.
pub const BUCKET_ARN: &str = "arn:aws:s3vectors:us-east-1:123456789012:bucket/docs";
/// How often a server that starts is looked at.
const LOOKS: usize = 1_200;
/// Vectors in a page of an answer; AWS does not say how many.
const ANSWER_PAGE: usize = 30;
/// Vectors in a page of a list, at most.
const LIST_PAGE: usize = 1_000;
/// Nearest vectors that one question can ask for.
const NEAREST_MAX: u64 = 100;
/// Bytes of all metadata of a vector, and of those that can be filtered by.
const METADATA_BYTES: (usize, usize) = (40_960, 2_048);

/// A running moto and what stands before it, until it is dropped.
pub struct VectorBucket {
    process: Child,
    proxy: FaultProxy,
}

/// What an index was made with, by its name.
type Indexes = Arc<Mutex<BTreeMap<String, Index>>>;

#[derive(Clone, Default)]
struct Index {
    dimension: usize,
    not_filtered: BTreeSet<String>,
}

/// Why a request is refused: status, code, message.
type Refusal = (u16, &'static str, String);

impl VectorBucket {
    /// Starts one with an empty bucket, or says why not and returns nothing: moto is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[expect(clippy::print_stdout, reason = "says why a test was skipped")]
    pub fn start(folder: &Path) -> Option<Self> {
        let program = tools::folder().join("moto/bin/moto_server");
        if !program.exists() {
            println!("skipped: there is no {}", program.display());
            return None;
        }
        let port = free_port();
        let log = std::fs::File::create(folder.join("moto.log")).expect("a log");
        let mut command = Command::new(&program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("HOME", folder).current_dir(folder).stdin(Stdio::null());
        let process = command.stdout(log.try_clone().expect("the same log")).stderr(log).spawn().expect("moto starts");
        let moto = format!("127.0.0.1:{port}");
        let (target, indexes) = (moto.clone(), Indexes::default());
        let proxy = FaultProxy::start(&moto, move |passing| answer(&target, &indexes, passing));
        let started = Self { process, proxy };
        let name = json!({"vectorBucketName": "docs"});
        for _ in 0..LOOKS {
            if call(&moto, "CreateVectorBucket", &name).is_ok() {
                return Some(started);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("moto does not answer: {}", std::fs::read_to_string(folder.join("moto.log")).unwrap_or_default());
    }

    /// Where SDKs find it.
    pub fn endpoint(&self) -> String {
        self.proxy.url()
    }
}

impl Drop for VectorBucket {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The operation that a request asks for.
pub fn operation<'a>(passing: &Passing<'a>) -> &'a str {
    passing.head.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('/')
}

/// An error as AWS answers it.
pub fn refusal(status: u16, code: &str, message: &str) -> Fault {
    Fault::Answer(status, "application/json", json!({"__type": code, "message": message}).to_string())
}

fn answer(moto: &str, indexes: &Indexes, passing: &Passing<'_>) -> Option<Fault> {
    let body: Value = serde_json::from_slice(passing.body).unwrap_or_default();
    let mut indexes = indexes.lock().unwrap_or_else(PoisonError::into_inner);
    let index = body["indexArn"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
    let known = indexes.get(index).cloned().unwrap_or_default();
    let answered = match operation(passing) {
        "CreateIndex" => create(&mut indexes, &body).map(|()| None),
        "DeleteIndex" => {
            indexes.remove(index);
            Ok(None)
        }
        "PutVectors" => put(&known, &body, passing.body.len()).map(|()| None),
        "GetVectors" => at_most("keys", &body, 100).map(|()| None),
        "DeleteVectors" => at_most("keys", &body, 500).map(|()| None),
        "ListVectors" => list(moto, &body).map(Some),
        "QueryVectors" => query(moto, &known, &body).map(Some),
        _ => Ok(None),
    };
    match answered {
        Ok(answered) => answered.map(|answer| Fault::Answer(200, "application/json", answer.to_string())),
        Err((status, code, message)) => Some(refusal(status, code, &message)),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    (400, "ValidationException", message.into())
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn at_most(list: &str, body: &Value, most: usize) -> Result<(), Refusal> {
    let count = body[list].as_array().map_or(0, Vec::len);
    if (1..=most).contains(&count) { Ok(()) } else { Err(invalid(format!("{count} {list}"))) }
}

fn create(indexes: &mut BTreeMap<String, Index>, body: &Value) -> Result<(), Refusal> {
    let name = body["indexName"].as_str().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    if !(3..=63).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(invalid(format!("index name {name:?}")));
    }
    let not_filtered = texts(&body["metadataConfiguration"]["nonFilterableMetadataKeys"]);
    if not_filtered.len() > 10 {
        return Err(invalid("too many keys that are not filtered by"));
    }
    if indexes.contains_key(name) {
        return Err((409, "ConflictException", "an index with this name exists".to_owned()));
    }
    let dimension = body["dimension"].as_u64().unwrap_or_default() as usize;
    indexes.insert(name.to_owned(), Index { dimension, not_filtered });
    Ok(())
}

fn put(index: &Index, body: &Value, bytes: usize) -> Result<(), Refusal> {
    at_most("vectors", body, 500)?;
    if bytes > 20 << 20 {
        return Err(invalid(format!("a request of {bytes} bytes")));
    }
    for vector in body["vectors"].as_array().into_iter().flatten() {
        let key = vector["key"].as_str().unwrap_or_default();
        if !(1..=1_024).contains(&key.chars().count()) {
            return Err(invalid("a key of this length"));
        }
        if numbers(&vector["data"]).iter().all(|number| *number == 0.0) {
            return Err(invalid(format!("{key}: a vector of zeros")));
        }
        let size = |(name, value): (&String, &Value)| name.len() + value.to_string().len();
        let pairs = vector["metadata"].as_object().into_iter().flatten();
        let all: usize = pairs.clone().map(size).sum();
        let filterable: usize = pairs.clone().filter(|(name, _)| !index.not_filtered.contains(*name)).map(size).sum();
        if pairs.count() > 50 || all > METADATA_BYTES.0 || filterable > METADATA_BYTES.1 {
            return Err(invalid(format!("{key}: {all} bytes of metadata, {filterable} to filter by")));
        }
    }
    Ok(())
}

fn list(moto: &str, body: &Value) -> Result<Value, Refusal> {
    let mut body = body.clone();
    let most = body["maxResults"].as_u64().map_or(500, |most| most as usize).min(LIST_PAGE);
    let token = body.as_object_mut().and_then(|body| body.remove("nextToken")).unwrap_or_default();
    let mut listed = call(moto, "ListVectors", &body)?;
    let all = listed["vectors"].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok(page(all, &token, most))
}

/// A part of a list, with the token of the next.
fn page(all: Vec<Value>, token: &Value, most: usize) -> Value {
    let start: usize = token.as_str().and_then(|token| token.parse().ok()).unwrap_or_default();
    let end = (start + most).min(all.len());
    let mut answer = json!({"vectors": all[start.min(end)..end], "distanceMetric": "cosine"});
    if end < all.len() {
        answer["nextToken"] = end.to_string().into();
    }
    answer
}

fn query(moto: &str, index: &Index, body: &Value) -> Result<Value, Refusal> {
    let listing = json!({"indexArn": body["indexArn"], "returnData": true, "returnMetadata": true});
    let listed = call(moto, "ListVectors", &listing)?;
    let (question, most) = (numbers(&body["queryVector"]), body["topK"].as_u64().unwrap_or_default());
    if question.len() != index.dimension || !(1..=NEAREST_MAX).contains(&most) {
        return Err(invalid(format!("{} dimensions, the nearest {most}", question.len())));
    }
    let mut near = Vec::new();
    for vector in listed["vectors"].as_array().into_iter().flatten() {
        if body.get("filter").map_or(Ok(true), |filter| meets(filter, &vector["metadata"], index))? {
            let distance = 1.0 - cosine(&question, &numbers(&vector["data"]));
            near.push(json!({"key": vector["key"], "metadata": vector["metadata"], "distance": distance}));
        }
    }
    near.sort_by(|a, b| a["distance"].as_f64().partial_cmp(&b["distance"].as_f64()).expect("numbers"));
    near.truncate(most as usize);
    Ok(page(near, &body["nextToken"], ANSWER_PAGE))
}

fn numbers(data: &Value) -> Vec<f64> {
    data["float32"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Whether metadata meet a filter, in the language as it is documented. A field that is absent meets only `$exists`.
fn meets(filter: &Value, metadata: &Value, index: &Index) -> Result<bool, Refusal> {
    let Some(parts) = filter.as_object().filter(|parts| !parts.is_empty()) else {
        return Err(invalid("a filter is an object that is not empty"));
    };
    let mut all = true;
    for (key, condition) in parts {
        all &= match key.as_str() {
            "$and" | "$or" => {
                let Some(parts) = condition.as_array().filter(|parts| !parts.is_empty()) else {
                    return Err(invalid(format!("{key} needs conditions")));
                };
                let met = parts.iter().map(|part| meets(part, metadata, index)).collect::<Result<Vec<_>, _>>()?;
                if key == "$and" { met.iter().all(|met| *met) } else { met.iter().any(|met| *met) }
            }
            key if index.not_filtered.contains(key) => return Err(invalid(format!("{key} cannot be filtered by"))),
            key => field(condition, &metadata[key])?,
        };
    }
    Ok(all)
}

fn field(condition: &Value, value: &Value) -> Result<bool, Refusal> {
    let Some(operators) = condition.as_object() else { return Ok(condition == value) };
    let mut all = true;
    for (operator, operand) in operators {
        let listed = || operand.as_array().filter(|list| !list.is_empty()).ok_or_else(|| invalid("an empty list"));
        let number = || operand.as_f64().zip(value.as_f64());
        let there = !value.is_null();
        all &= match operator.as_str() {
            "$eq" => operand == value,
            "$ne" => there && operand != value,
            "$in" => listed()?.contains(value),
            "$nin" => there && !listed()?.contains(value),
            "$gt" => number().is_some_and(|(than, value)| value > than),
            "$gte" => number().is_some_and(|(than, value)| value >= than),
            "$lt" => number().is_some_and(|(than, value)| value < than),
            "$lte" => number().is_some_and(|(than, value)| value <= than),
            "$exists" => operand.as_bool() == Some(there),
            other => return Err(invalid(format!("no operator {other}"))),
        };
    }
    Ok(all)
}

/// A call to moto; its refusal as it says it.
fn call(moto: &str, operation: &str, body: &Value) -> Result<Value, Refusal> {
    let authorization = authorization("s3vectors");
    let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
    let answer = request(moto, "POST", &format!("/{operation}"), &headers, body.to_string().as_bytes());
    let answer = answer.map_err(|error| (503, "ServiceUnavailableException", error.to_string()))?;
    let said = answer.json();
    match answer.status {
        200 => Ok(said),
        404 => Err((404, "NotFoundException", said["message"].as_str().unwrap_or_default().to_owned())),
        status => Err((status, "ValidationException", said.to_string())),
    }
}
