//! The deployed system on this machine.

use base64::prelude::{BASE64_STANDARD, Engine};
use docent_core::Timestamp;
use docent_engine::ports::{ChunkIndex, EmbeddingModel, IndexDocument, IndexProfile};
use docent_index::EmbeddedIndex;
use docent_index::remote::{Access, Generations, Place, Publication, Store};
use docent_testkit::chunk_index::document;
use docent_testkit::fault_proxy::{Fault, FaultProxy, Passing};
use docent_testkit::ministack::{ACCOUNT, Answer, Ministack, REGION, authorization};
use docent_testkit::model_server::{ChatCall, ModelServer, Reply};
use docent_testkit::provider::{DIMENSION, hashed_words};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the documents say.
pub(crate) const FACT: &str = "Everybody has 25 days of annual leave in a calendar year.";
/// Longest wait for a query to end, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Opens everything, the first system's items included.
const OPERATORS_KEY: &str = "operators-key-of-these-tests";
/// Where generations are.
pub(crate) const PLACE: &str = "s3://docs/index";
/// Where documents are put.
pub(crate) const DOCUMENTS: &str = "s3://docs/documents";
/// What AWS makes as the secret that webhooks are signed with.
pub(crate) const SIGNING_SECRET: &str = "k7Pq2mXv9RtLw4ZsB8nYc3HdF6gJ5aTe";
const ROLE: &str = "arn:aws:iam::111111111111:role/function";

/// The system, until it is dropped.
pub(crate) struct Stack {
    pub(crate) aws: Ministack,
    pub(crate) model: ModelServer,
    pub(crate) folder: tempfile::TempDir,
    url: String,
    endpoint: String,
    secret_arn: String,
    signing_secret_arn: String,
    _proxy: FaultProxy,
}

/// The usual reply: the fact, quoted.
pub(crate) fn quoting(_: &ChatCall) -> Reply {
    Reply::Says("You have 25 days off.".to_owned(), "25 days of annual leave".to_owned())
}

impl Stack {
    /// With a model that does what the script says; none where ministack is not installed.
    pub(crate) fn start(script: impl Fn(&ChatCall) -> Reply + Send + Sync + 'static) -> Option<Self> {
        Self::with_faults(script, |_| None)
    }

    /// And with faults between the functions and AWS.
    pub(crate) fn with_faults(
        script: impl Fn(&ChatCall) -> Reply + Send + Sync + 'static,
        faults: impl Fn(&Passing<'_>) -> Option<Fault> + Send + Sync + 'static,
    ) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let aws = Ministack::start(folder.path())?;
        let proxy = FaultProxy::start(aws.endpoint().trim_start_matches("http://"), faults);
        let (model, endpoint) = (ModelServer::start(script), proxy.url());
        let secret_arn = made_secret(&aws, "openai", "sk-first");
        let signing_secret_arn = made_secret(&aws, "webhooks", SIGNING_SECRET);
        let url = String::new();
        let mut stack = Self { aws, model, folder, url, endpoint, secret_arn, signing_secret_arn, _proxy: proxy };
        stack.aws.create_query_table("queries", true);
        stack.make_index();
        stack.make_worker();
        stack.make_api("api", "worker");
        stack.url = stack.function_url("api");
        Some(stack)
    }

    /// Replaces the model's key.
    pub(crate) fn rotate_key(&self, key: &str) {
        let secret = json!({"SecretId": self.secret_arn, "SecretString": key});
        self.aws.json("secretsmanager", "secretsmanager.PutSecretValue", &secret);
    }

    /// An index of one document, beside the programs.
    fn make_index(&self) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(self.index_of("package/index", "leave", FACT));
    }

    /// The index in a folder, made to hold one document and no other.
    async fn index_of(&self, folder: &str, id: &str, text: &str) -> EmbeddedIndex {
        let profile = IndexProfile {
            embedding: EmbeddingModel { name: "openai/text-embedding-3-small".to_owned(), dimension: DIMENSION },
            chunk_tokens: 200,
            chunk_overlap: 0,
            chunking: "test".to_owned(),
        };
        let index = EmbeddedIndex::open(self.folder.path().join(folder), docent_index::Settings::default());
        index.open_or_create("default", &profile).await.expect("made");
        let before = index.documents("default", None, 100).await.expect("listed");
        let before: Vec<_> = before.into_iter().map(|document| document.id).collect();
        index.delete("default", &before).await.expect("deleted");
        let document = IndexDocument { model: profile.embedding.name, ..document(id, &[text], &hashed_words(text)) };
        index.upsert("default", vec![document]).await.expect("stored");
        index
    }

    /// Publishes an index of one document; the name of its generation.
    pub(crate) fn publish(&self, id: &str, text: &str) -> String {
        let access = Access { variables: self.aws.variables(), ..Access::default() };
        let store = Store::connect(Place::parse(PLACE).expect("a place"), &access).expect("a store");
        let generations = Generations::new(store, self.folder.path().join("publishing"));
        let publication =
            Publication { id: format!("with-{id}"), created_at: Timestamp::from_millis(1_795_392_000_000) };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let published = runtime.block_on(async {
            let index = self.index_of("to-publish", id, text).await;
            generations.publish(&index, "default", &publication).await.expect("published")
        });
        published.generation
    }

    /// Functions that answer from what is published; the host name of their URL.
    pub(crate) fn make_readers(&self) -> String {
        self.aws.make_bucket("docs");
        let place = json!({"DOCENT_INDEX": PLACE, "DOCENT_DOCUMENTS": DOCUMENTS});
        self.make_function("reader", env!("CARGO_BIN_EXE_worker"), &self.variables(place.clone()));
        let mut variables = self.variables(place);
        variables["WORKER_LAMBDA_NAME"] = "reader".into();
        self.make_function("reader-api", env!("CARGO_BIN_EXE_api"), &variables);
        self.function_url("reader-api")
    }

    /// A package with a bootstrap that starts the program where it was built, and the index.
    fn package(&self, program: &str) -> Value {
        let folder = self.folder.path().join("package");
        std::fs::write(folder.join("bootstrap"), format!("#!/bin/sh\nexec {program}\n")).expect("written");
        let zip = self.folder.path().join("package.zip");
        let mut zipping = Command::new("python3");
        zipping.args(["-m", "zipfile", "-c"]).arg(&zip).args(["bootstrap", "index"]).current_dir(folder);
        assert!(zipping.status().is_ok_and(|status| status.success()), "python3 zips");
        json!({"ZipFile": BASE64_STANDARD.encode(std::fs::read(zip).expect("a zip"))})
    }

    pub(crate) fn make_function(&self, name: &str, program: &str, variables: &Value) {
        let function = json!({
            "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": ROLE,
            "Code": self.package(program), "Timeout": 60, "MemorySize": 512,
            "Environment": {"Variables": variables},
        });
        self.aws.rest("lambda", "POST", "/2015-03-31/functions", &function);
    }

    pub(crate) fn variables(&self, more: Value) -> Value {
        let mut variables = json!({
            "TABLE_NAME": "queries",
            "AWS_ENDPOINT_URL": self.endpoint,
            "TMPDIR": self.folder.path().join("scratch"),
            "OPENAI_BASE_URL": self.model.url(),
            "OPENAI_API_KEY_SECRET_ARN": self.secret_arn,
            "DOCENT_EMBEDDER": "openai",
            "DOCENT_OPENAI_EMBEDDING_DIMENSION": DIMENSION.to_string(),
            "DOCENT_LEASE_S": "2",
            "DOCENT_WEBHOOK_SECRET_ARN": self.signing_secret_arn,
            "DOCENT_WEBHOOK_HOSTS": "127.0.0.1",
            "DOCENT_ANSWER_TIMEOUT_S": "15",
            "DOCENT_API_KEY": OPERATORS_KEY,
        });
        let fields = variables.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        variables
    }

    fn make_worker(&self) {
        self.make_function("worker", env!("CARGO_BIN_EXE_worker"), &self.variables(json!({})));
    }

    /// An API function that wakes the worker of this name.
    pub(crate) fn make_api(&self, name: &str, worker: &str) {
        let variables = self.variables(json!({"WORKER_LAMBDA_NAME": worker}));
        self.make_function(name, env!("CARGO_BIN_EXE_api"), &variables);
    }

    /// The API in a process of its own, that asks a Runtime API at this address for work.
    pub(crate) fn start_api(&self, runtime_api: &str) -> Child {
        let variables = self.variables(json!({"WORKER_LAMBDA_NAME": "worker"}));
        let variables = variables.as_object().into_iter().flatten();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let mut api = Command::new(env!("CARGO_BIN_EXE_api"));
        api.env_clear().envs(self.aws.variables()).envs(variables.map(|(name, value)| (name, text(value))));
        api.env("AWS_LAMBDA_RUNTIME_API", runtime_api).env("AWS_LAMBDA_FUNCTION_NAME", "streamed");
        api.env("AWS_LAMBDA_FUNCTION_VERSION", "1").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
        api.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the API starts")
    }

    /// A worker whose every start fails, and whose lost deliveries go to a queue that the real worker reads.
    pub(crate) fn make_broken_worker(&self, name: &str) {
        self.make_function(name, "false", &json!({}));
        let queue = "lost-deliveries";
        self.aws.json("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": queue}));
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}");
        let invoking = json!({"MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": arn}}});
        let path = format!("/2019-09-25/functions/{name}/event-invoke-config");
        self.aws.rest("lambda", "PUT", &path, &invoking);
        let mapping = json!({
            "EventSourceArn": arn, "FunctionName": "worker", "BatchSize": 10, "Enabled": true,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        });
        self.aws.rest("lambda", "POST", "/2015-03-31/event-source-mappings", &mapping);
    }

    /// The host name of a function's URL.
    pub(crate) fn function_url(&self, name: &str) -> String {
        let config = json!({"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"});
        let made = self.aws.rest("lambda", "POST", &format!("/2021-10-31/functions/{name}/url"), &config);
        let url = made["FunctionUrl"].as_str().expect("a URL");
        url.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/').to_owned()
    }

    /// The host name of the API's function URL.
    pub(crate) fn host(&self) -> &str {
        &self.url
    }

    /// A request to the API's function URL.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.request_to(&self.url, method, path, body)
    }

    /// A request without a key.
    pub(crate) fn strangers_request(&self, method: &str, path: &str) -> Answer {
        self.aws.http(method, path, &[("host", &self.url)], b"").expect("the function URL answers")
    }

    /// A request to a function URL.
    pub(crate) fn request_to(&self, host: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let key = bearer();
        let headers = [("host", host), ("content-type", "application/json"), ("authorization", key.as_str())];
        self.aws.http(method, path, &headers, body.as_bytes()).expect("the function URL answers")
    }

    /// Asks and returns the id; it must be accepted.
    pub(crate) fn ask(&self, question: &str) -> String {
        self.ask_at(&self.url, question)
    }

    /// Asks at a function URL.
    pub(crate) fn ask_at(&self, host: &str, question: &str) -> String {
        self.ask_with(host, &json!({"query": question}))
    }

    /// Asks with more than the question.
    pub(crate) fn ask_with(&self, host: &str, body: &Value) -> String {
        let answer = self.request_to(host, "POST", "/v1/queries", Some(body));
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// The query as it is.
    pub(crate) fn query(&self, id: &str) -> Value {
        let answer = self.request("GET", &format!("/v1/queries/{id}"), None);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// The query once it has ended; `meanwhile` is called while it has not.
    pub(crate) fn ended_with(&self, id: &str, mut meanwhile: impl FnMut()) -> Value {
        let begun = Instant::now();
        loop {
            let query = self.query(id);
            if !matches!(query["status"].as_str(), Some("queued" | "in_progress")) {
                return query;
            }
            assert!(begun.elapsed() < PATIENCE, "{query} has not ended\n{}", self.aws.log());
            meanwhile();
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The query once it has ended by itself.
    pub(crate) fn ended(&self, id: &str) -> Value {
        self.ended_with(id, || {})
    }

    /// Invokes a function.
    pub(crate) fn invoke(&self, function: &str, kind: &str, event: &Value) -> Answer {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let headers = [("x-amz-invocation-type", kind), ("authorization", &authorization("lambda"))];
        self.aws.http("POST", &path, &headers, event.to_string().as_bytes()).expect("Lambda answers")
    }

    /// Invokes the worker and waits for what it says.
    pub(crate) fn invoke_worker(&self, event: &Value) -> Answer {
        self.invoke("worker", "RequestResponse", event)
    }

    /// Hands an event to Lambda, which delivers it when it likes.
    pub(crate) fn send_to_worker(&self, event: &Value) {
        assert_eq!(self.invoke("worker", "Event", event).status, 202);
    }

    /// The sweep that the schedule would send, for queries that have been queued for so long.
    pub(crate) fn sweep(&self, queued_for_s: u64) -> Value {
        self.invoke_worker(&json!({"version": 1, "sweep": {"queued_for_s": queued_for_s}})).json()
    }

    /// Lets no more than this many processes of a function run at once.
    pub(crate) fn limit_concurrency(&self, name: &str, most: usize) {
        let path = format!("/2017-10-31/functions/{name}/concurrency");
        self.aws.rest("lambda", "PUT", &path, &json!({"ReservedConcurrentExecutions": most}));
    }

    /// Ends every worker process, as if the machines below them had gone.
    pub(crate) fn kill_workers(&self) -> usize {
        self.kill(env!("CARGO_BIN_EXE_worker"))
    }

    /// Ends every process of a program, in the same way.
    pub(crate) fn kill(&self, program: &str) -> usize {
        let program = Path::new(program).canonicalize().expect("the program");
        let mut killed = 0;
        for process in std::fs::read_dir("/proc").expect("processes").flatten() {
            let is_ours = || std::fs::read_link(process.path().join("exe")).is_ok_and(|exe| exe == program);
            let table = || std::fs::read(process.path().join("environ")).unwrap_or_default();
            // Tests beside this one have workers of their own.
            if is_ours() && contains(&table(), self.endpoint.as_bytes()) {
                let id = process.file_name();
                killed += usize::from(Command::new("kill").arg("-9").arg(id).status().is_ok_and(|done| done.success()));
            }
        }
        killed
    }

    /// All lines that the functions have logged.
    pub(crate) fn function_log(&self) -> String {
        let mut lines = String::new();
        for name in ["api", "worker"] {
            let group = format!("/aws/lambda/{name}");
            let call = json!({"logGroupName": group, "limit": 10_000});
            let found = self.aws.json("logs", "Logs_20140328.FilterLogEvents", &call);
            for event in found["events"].as_array().into_iter().flatten() {
                lines += event["message"].as_str().unwrap_or_default();
                lines.push('\n');
            }
        }
        lines
    }
}

/// What an `authorization` header says to be let in.
pub(crate) fn bearer() -> String {
    format!("Bearer {OPERATORS_KEY}")
}

fn made_secret(aws: &Ministack, name: &str, value: &str) -> String {
    let secret = json!({"Name": name, "SecretString": value});
    let made = aws.json("secretsmanager", "secretsmanager.CreateSecret", &secret);
    made["ARN"].as_str().expect("an ARN").to_owned()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
