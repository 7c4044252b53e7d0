//! Documents are sent to the API and deleted there: put into the bucket, taken in from it, found by nobody once they are deleted.

use crate::stack::{FACT, Stack, bearer, quoting};
use docent_testkit::ministack::Answer;
use docent_testkit::model_server::{ChatCall, Reply};
use docent_testkit::pdf;
use serde_json::{Value, json};

/// What the first and the second version of a document say.
const CANTEEN: &str = "The canteen opens at noon.";
const QUESTION: &str = "How many days of annual leave?";
/// A PDF by its name and first bytes, and no PDF.
const BROKEN: &[u8] = b"%PDF-1.7\nnothing of a PDF follows";

/// Quotes the fact if it is among the passages.
fn honest(call: &ChatCall) -> Reply {
    if call.prompt.contains(FACT) { quoting(call) } else { Reply::FindsNothing }
}

/// The functions, and a file's way between them.
struct Sending {
    stack: Stack,
    url: String,
}

impl Sending {
    /// None where ministack is not installed.
    fn start() -> Option<Self> {
        let stack = Stack::start(honest)?;
        let url = stack.make_readers();
        stack.make_ingest();
        Some(Self { stack, url })
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.stack.request_to(&self.url, method, path, body)
    }

    /// Sends a file.
    fn put(&self, path: &str, content: &[u8]) -> Answer {
        let (path, key) = (format!("/v1/documents/{path}"), bearer());
        let headers = [("host", self.url.as_str()), ("authorization", key.as_str())];
        self.stack.aws.http("PUT", &path, &headers, content).expect("the function URL answers")
    }

    /// Sends one that is accepted; its job.
    fn sent(&self, path: &str, content: &[u8]) -> Value {
        let answer = self.put(path, content);
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    fn job(&self, job: &Value) -> Value {
        self.call("GET", &format!("/v1/jobs/{}", job["id"].as_str().expect("an id")), None).json()
    }

    /// How a job has ended: its status, its report's outcome, its failure's code.
    fn ended(&self, job: &Value) -> [Value; 3] {
        let ended = self.job(job);
        [ended["status"].clone(), ended["report"]["outcome"].clone(), ended["error"]["code"].clone()]
    }

    fn document(&self, job: &Value) -> String {
        format!("/v1/documents/{}", job["document_id"].as_str().expect("an id"))
    }

    fn hits(&self, text: &str) -> usize {
        let found = self.call("POST", "/v1/search", Some(&json!({"query": text}))).json();
        let hits = found["data"].as_array().unwrap_or_else(|| panic!("{found}"));
        hits.iter().filter(|hit| hit.to_string().contains(text)).count()
    }

    /// The hourly look.
    fn look_at_all(&self) {
        let again = self.stack.hand_over(&[json!({"version": 1, "sync": true}).to_string()], 1);
        assert_eq!(again, json!([]), "{}", self.stack.aws.log());
    }
}

fn completed(outcome: &str) -> [Value; 3] {
    [json!("completed"), json!(outcome), Value::Null]
}

fn cancelled(code: &str) -> [Value; 3] {
    [json!("cancelled"), Value::Null, json!(code)]
}

#[test]
fn what_is_sent_is_answered_and_what_is_deleted_is_found_by_nobody() {
    let Some(sending) = Sending::start() else { return };
    sending.stack.tell_ingest();
    let job = sending.sent("people/leave%20and%20more.md", format!("# Leave\n\n{FACT}\n").as_bytes());
    assert_eq!((&job["status"], &job["filename"]), (&json!("queued"), &json!("documents/people/leave and more.md")));
    sending.stack.eventually("it is taken in", || sending.ended(&job) == completed("added"));
    // It is the document that the same file is which somebody puts into the bucket.
    assert_eq!(sending.stack.live()[0].id, job["document_id"].as_str().expect("an id"));
    let shown = sending.call("GET", &sending.document(&job), None).json();
    assert_eq!((&shown["state"], &shown["last_upload"]["job_id"]), (&json!("stored"), &job["id"]), "{shown}");
    let original = sending.call("GET", shown["original"].as_str().expect("an address"), None);
    assert_eq!(String::from_utf8_lossy(&original.body), format!("# Leave\n\n{FACT}\n"));
    let query = sending.stack.ended(&sending.stack.ask_at(&sending.url, QUESTION));
    assert_eq!(query["outcome"], "answered", "{query}");
    it_is_deleted(&sending, &job, query["id"].as_str().expect("an id"));
}

fn it_is_deleted(sending: &Sending, job: &Value, query: &str) {
    let receipt = sending.call("DELETE", &sending.document(job), None).json();
    assert_eq!((&receipt["documents"][0], &receipt["text_in_files"]), (&job["document_id"], &json!("pending")));
    assert_eq!(receipt["answers"], 1, "{receipt}");
    // From this moment on, whatever generation anybody has.
    assert_eq!(sending.hits("annual leave"), 0);
    for path in [sending.document(job), format!("{}/pages/1", sending.document(job))] {
        assert_eq!(sending.call("GET", &path, None).status, 404, "{path}");
    }
    assert_eq!(sending.call("GET", "/v1/documents", None).json()["data"], json!([]));
    let asked = sending.stack.ended(&sending.stack.ask_at(&sending.url, "How many days of annual leave are there?"));
    assert_eq!(asked["outcome"], "not_found", "{asked}");
    assert_eq!(sending.stack.query(query)["citations"][0]["source_deleted"], true);
    assert!(!sending.stack.objects("documents/").contains("<Key>"), "it is gone from the bucket");
    sending.stack.eventually("it leaves the index", || sending.stack.live_names().is_empty());
    assert_eq!(sending.call("DELETE", &sending.document(job), None).status, 404, "there is nothing left to delete");
}

#[test]
fn what_is_refused_and_where_large_files_go() {
    let Some(sending) = Sending::start() else { return };
    sending.stack.tell_ingest();
    let large = vec![b'x'; (4 << 20) + 1];
    for (path, content, status, said) in [
        ("leave.pages", &b"x"[..], 415, "Apple Pages"),
        ("leave.pdf", b"nothing of a PDF", 422, "plain text"),
        ("empty.md", b"", 422, "no bytes"),
        (".hidden.md", b"x", 415, "begins with a dot"),
        ("drafts/a.md", b"x", 415, ".docentignore"),
        ("leave.md?collection=people", b"x", 400, "`default`"),
        ("large.md", &large, 413, "POST /v1/uploads"),
    ] {
        sending.stack.put(".docentignore", "drafts/\n");
        let answer = sending.put(path, content);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == status && text.contains(said), "{path}: {} {text}", answer.status);
    }
    let job = sending.sent("broken.pdf", BROKEN);
    let whole = pdf::pages(&[&[CANTEEN]]);
    let address = announced(&sending, "large/canteen.pdf", whole.len());
    assert_eq!(put_at(&sending, &address, BROKEN).status, 403, "of another length");
    assert_eq!(sending.job(&address["job"])["status"], "queued");
    assert_eq!(put_at(&sending, &address, &whole).status, 200);
    sending.stack.eventually("it is taken in", || sending.ended(&address["job"]) == completed("added"));
    sending.stack.eventually("the other one is refused", || sending.ended(&job) == completed("refused"));
    let reason = sending.job(&job)["report"]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.starts_with("corrupt: "), "{reason}");
    assert_eq!(sending.stack.live_names(), ["documents/large/canteen.pdf"]);
    let jobs = sending.call("GET", "/v1/jobs", None).json();
    assert_eq!(jobs["data"].as_array().map(Vec::len), Some(2), "{jobs}");
}

fn announced(sending: &Sending, path: &str, bytes: usize) -> Value {
    let answer = sending.call("POST", "/v1/uploads", Some(&json!({"path": path, "bytes": bytes})));
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

/// Does as the address says.
fn put_at(sending: &Sending, address: &Value, content: &[u8]) -> Answer {
    let url = address["url"].as_str().expect("a URL").trim_start_matches("http://");
    let (host, path) = url.split_once('/').expect("a path");
    let headers = address["headers"].as_object().expect("headers");
    let mut all = vec![("host", host)];
    all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))));
    sending.stack.aws.http("PUT", &format!("/{path}"), &all, content).expect("S3 answers")
}

/// Nobody tells the ingest function of anything, but for the hourly look.
#[test]
fn every_job_ends_whatever_is_lost() {
    let Some(sending) = Sending::start() else { return };
    let first = sending.sent("leave.md", CANTEEN.as_bytes());
    let second = sending.sent("leave.md", FACT.as_bytes());
    assert_eq!(sending.ended(&first), cancelled("superseded"));
    assert_eq!(sending.ended(&second)[0], "queued");
    sending.look_at_all();
    assert_eq!(sending.ended(&second), completed("added"));
    // The same bytes once more: the bucket shows no difference, and there is somebody who waits all the same.
    let same = sending.sent("leave.md", FACT.as_bytes());
    sending.look_at_all();
    assert_eq!(sending.ended(&same), completed("unchanged"));
    assert_eq!(sending.ended(&second), completed("added"), "an ending stays");
    let third = sending.sent("leave.md", CANTEEN.as_bytes());
    assert_eq!(sending.call("DELETE", &sending.document(&third), None).status, 200);
    assert_eq!(sending.ended(&third), cancelled("deleted"));
    assert_eq!(sending.hits("annual leave"), 0);
    sending.look_at_all();
    assert!(sending.stack.live_names().is_empty(), "{:?}", sending.stack.live_names());
    it_is_sent_again_in_a_version_that_is_refused(&sending);
    what_came_from_elsewhere_is_removed_there(&sending);
}

fn it_is_sent_again_in_a_version_that_is_refused(sending: &Sending) {
    let good = sending.sent("canteen.pdf", &pdf::pages(&[&[CANTEEN]]));
    assert_eq!(sending.stack.tell(&["canteen.pdf"], 1), json!([]));
    assert_eq!(sending.ended(&good), completed("added"));
    sending.stack.eventually("readers have it", || sending.hits(CANTEEN) == 1);
    assert_eq!(sending.call("DELETE", &sending.document(&good), None).status, 200);
    let bad = sending.sent("canteen.pdf", BROKEN);
    assert_eq!(sending.stack.tell(&["canteen.pdf"], 1), json!([]));
    assert_eq!(sending.ended(&bad), completed("refused"));
    // A refused file leaves the version of before, unless that was deleted.
    assert!(sending.stack.live_names().is_empty(), "{:?}", sending.stack.live_names());
    assert_eq!(sending.hits(CANTEEN), 0);
    assert_eq!(sending.call("DELETE", &sending.document(&bad), None).status, 200, "its report goes");
    assert!(!sending.stack.objects("documents/").contains("canteen.pdf"));
}

fn what_came_from_elsewhere_is_removed_there(sending: &Sending) {
    sending.stack.publish("leave", FACT);
    sending.stack.eventually("readers have it", || {
        sending.call("GET", "/v1/documents", None).json()["data"].as_array().is_some_and(|all| all.len() == 1)
    });
    let listed = sending.call("GET", "/v1/documents", None).json();
    let id = listed["data"][0]["id"].as_str().expect("an id").to_owned();
    let refused = sending.call("DELETE", &format!("/v1/documents/{id}"), None);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (409, &json!("conflict")));
    assert_eq!(sending.hits("annual leave"), 1, "and it stays");
}
