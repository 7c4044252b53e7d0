//! The bucket with documents, the queue that tells of it, and the function that takes them in.

use crate::stack::{DOCUMENTS, PLACE, Stack};
use docent_core::{Document, Timestamp};
use docent_engine::ports::ChunkIndex;
use docent_index::remote::{Access, Place, PublishedIndex, ReaderSettings, Store};
use docent_testkit::ministack::{ACCOUNT, REGION, authorization};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for what has to happen by itself, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a message that failed is not seen, in seconds: long enough for the work, short enough for a test.
const UNSEEN_S: &str = "8";

impl Stack {
    /// The function, told of nothing yet.
    pub(crate) fn make_ingest(&self) {
        self.aws.make_bucket("docs");
        let places = json!({"DOCENT_INDEX": PLACE, "DOCENT_DOCUMENTS": DOCUMENTS});
        self.make_function("ingest", env!("CARGO_BIN_EXE_ingest"), &self.variables(places));
    }

    /// S3 tells a queue what happens below the prefix, the function reads that, and what it cannot do three times goes to
    /// another queue.
    pub(crate) fn tell_ingest(&self) {
        let arn = |queue: &str| format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}");
        self.make_queue("given-up", &json!({}));
        let redrive = json!({"deadLetterTargetArn": arn("given-up"), "maxReceiveCount": 3}).to_string();
        self.make_queue("news", &json!({"VisibilityTimeout": UNSEEN_S, "RedrivePolicy": redrive}));
        let mapping = json!({
            "EventSourceArn": arn("news"), "FunctionName": "ingest", "BatchSize": 10, "Enabled": true,
            "FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": {"MaximumConcurrency": 2},
        });
        self.aws.rest("lambda", "POST", "/2015-03-31/event-source-mappings", &mapping);
        let rule = "<FilterRule><Name>prefix</Name><Value>documents/</Value></FilterRule>";
        let told = format!(
            "<NotificationConfiguration><QueueConfiguration><Id>news</Id><Queue>{}</Queue><Event>s3:ObjectCreated:*</Event>\
             <Event>s3:ObjectRemoved:*</Event><Filter><S3Key>{rule}</S3Key></Filter></QueueConfiguration>\
             </NotificationConfiguration>",
            arn("news")
        );
        self.s3("PUT", "/docs?notification", told.as_bytes());
    }

    fn make_queue(&self, name: &str, attributes: &Value) {
        self.aws.json("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
    }

    fn queue_url(&self, name: &str) -> String {
        let found = self.aws.json("sqs", "AmazonSQS.GetQueueUrl", &json!({"QueueName": name}));
        found["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    /// Puts a message into a queue.
    pub(crate) fn send(&self, queue: &str, body: &str) {
        let message = json!({"QueueUrl": self.queue_url(queue), "MessageBody": body});
        self.aws.json("sqs", "AmazonSQS.SendMessage", &message);
    }

    /// Messages that wait in a queue.
    pub(crate) fn waiting(&self, queue: &str) -> usize {
        let asked = json!({"QueueUrl": self.queue_url(queue), "AttributeNames": ["ApproximateNumberOfMessages"]});
        let found = self.aws.json("sqs", "AmazonSQS.GetQueueAttributes", &asked);
        let count = found["Attributes"]["ApproximateNumberOfMessages"].as_str().expect("a count");
        count.parse().expect("a number")
    }

    fn s3(&self, method: &str, path: &str, content: &[u8]) {
        let answer = self.aws.http(method, path, &[("authorization", &authorization("s3"))], content);
        let answer = answer.expect("S3 answers");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {text}", answer.status);
    }

    /// Puts a document into the bucket; `path` as it stands in an address.
    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        self.s3("PUT", &format!("/docs/documents/{path}"), content.as_ref());
    }

    /// Takes one away.
    pub(crate) fn remove(&self, path: &str) {
        self.s3("DELETE", &format!("/docs/documents/{path}"), b"");
    }

    /// Names of all objects below a prefix.
    pub(crate) fn objects(&self, prefix: &str) -> String {
        let path = format!("/docs?list-type=2&prefix={prefix}");
        let answer = self.aws.http("GET", &path, &[("authorization", &authorization("s3"))], b"").expect("S3 answers");
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// Hands the function a batch with a message per path, as its queue would, and returns what is to come again.
    pub(crate) fn tell(&self, paths: &[&str], received: u32) -> Value {
        let bodies = paths.iter().map(|path| {
            let object = json!({"key": format!("documents/{path}"), "size": 1, "eTag": "old", "sequencer": "0055AED6DCD90281E5"});
            let s3 = json!({"s3SchemaVersion": "1.0", "bucket": {"name": "docs"}, "object": object});
            json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]})
        });
        self.hand_over(&bodies.map(|body| body.to_string()).collect::<Vec<_>>(), received)
    }

    /// The same with any messages.
    pub(crate) fn hand_over(&self, bodies: &[String], received: u32) -> Value {
        let records: Vec<_> = bodies.iter().enumerate().map(|(number, body)| message(number, body, received)).collect();
        let answer = self.invoke("ingest", "RequestResponse", &json!({"Records": records})).json();
        answer["batchItemFailures"]
            .as_array()
            .cloned()
            .map_or(answer, |again| again.iter().map(|failure| failure["itemIdentifier"].clone()).collect())
    }

    /// What is live, for a reader that has never been here; nothing if nothing was published.
    pub(crate) fn live(&self) -> Vec<Document> {
        let access = Access { variables: self.aws.variables(), ..Access::default() };
        let store = Store::connect(Place::parse(PLACE).expect("a place"), &access).expect("a store");
        let scratch = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(|| Timestamp::from_millis(1_795_392_000_000));
        let reader = PublishedIndex::open(store, ReaderSettings::new(scratch.path().to_owned()), clock);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(reader.documents("default", None, 1_000)).unwrap_or_default()
    }

    /// Their names.
    pub(crate) fn live_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.live().into_iter().map(|document| document.filename).collect();
        names.sort();
        names
    }

    /// A document as the API shows it; null if it shows none.
    pub(crate) fn shown(&self, host: &str, filename: &str) -> Value {
        let listed = self.request_to(host, "GET", "/v1/documents", None).json();
        let found = listed["data"].as_array().into_iter().flatten().find(|document| document["filename"] == filename);
        found.cloned().unwrap_or_default()
    }

    /// Waits for what has to happen by itself.
    pub(crate) fn eventually(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "{what}: not yet\n{}", self.aws.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn message(number: usize, body: &str, received: u32) -> Value {
    json!({
        "messageId": format!("m{number}"), "receiptHandle": "h", "body": body, "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": received.to_string(), "SentTimestamp": "1795392000000"},
    })
}
