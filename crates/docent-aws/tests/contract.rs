//! The port's contract, on tables of ministack through the real SDK; and what only DynamoDB can do to a store.

use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_dynamodb::config::Credentials;
use docent_aws::{Aws, DynamoQueryStore, DynamoSettings};
use docent_core::query::{Lease, QueryRequest, Source};
use docent_core::{IngestOutcome, Query, QueryStatus, Timestamp};
use docent_engine::ErrorKind;
use docent_engine::deposits::TAKEN_IN_WITHIN;
use docent_engine::ports::{
    Claim, Created, DepositStore, Ending, Forgotten, QueryStore, UploadReports, Withheld, WithheldDocuments,
};
use docent_engine::uploads::{Upload, deleted, superseded};
use docent_testkit::fault_proxy::{Fault, FaultProxy, Passing};
use docent_testkit::ministack::{ACCOUNT, Ministack, REGION, free_port};
use docent_testkit::query_store::{START, contract, sample_answer, sample_query};
use docent_testkit::{key_store, meter, upload_reports, upload_store};
use futures::future::BoxFuture;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A loader as the environment of a function would make it, with ministack at the other end.
fn loader(endpoint: &str) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new(ACCOUNT, "secret", None, None, "test"))
}

async fn store_within(endpoint: &str, table: &str, patience: Duration) -> DynamoQueryStore {
    let usual = QueryRequest { collection: "default".to_owned(), top_k: 8, ..QueryRequest::default() };
    let settings = DynamoSettings { table: table.to_owned(), patience, retention: Duration::from_secs(86_400), usual };
    Aws::load(loader(endpoint)).await.queries(settings)
}

/// Generous, because the machine that runs the tests may be busy with others.
async fn store(endpoint: &str, table: &str) -> DynamoQueryStore {
    store_within(endpoint, table, Duration::from_secs(60)).await
}

struct Place {
    aws: Ministack,
    _folder: tempfile::TempDir,
}

/// A ministack with both kinds of table; none where it is not installed.
fn place() -> Option<Place> {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = Ministack::start(folder.path())?;
    aws.create_query_table("queries", true);
    aws.create_query_table("first-systems-queries", false);
    Some(Place { aws, _folder: folder })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_keeps_its_contract_on_our_table_and_on_the_first_systems() {
    let Some(place) = place() else { return };
    for table in ["queries", "first-systems-queries"] {
        contract(Arc::new(store(&place.aws.endpoint(), table).await)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn api_keys_and_counters_keep_their_contracts_on_our_table_and_on_the_first_systems() {
    let Some(place) = place() else { return };
    for table in ["queries", "first-systems-queries"] {
        let store = Arc::new(store(&place.aws.endpoint(), table).await);
        key_store::contract(Arc::clone(&store) as Arc<dyn docent_engine::ports::KeyStore>).await;
        meter::contract(store).await;
    }
}

struct Recorded(DynamoQueryStore);

impl upload_reports::Recorded for Recorded {
    fn reports(&self) -> &dyn UploadReports {
        &self.0
    }

    fn record<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, ()> {
        Box::pin(async move { assert!(self.0.record_report(upload).await.expect("recorded")) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reports_keep_their_contract_on_our_table_and_on_the_first_systems() {
    let Some(place) = place() else { return };
    for table in ["queries", "first-systems-queries"] {
        let store = Recorded(store(&place.aws.endpoint(), table).await);
        upload_reports::contract(&store).await;
        a_report_that_comes_late_changes_nothing(&store.0).await;
        an_upload_waits_and_ends_once(&store.0).await;
        an_upload_that_is_overtaken_is_cancelled(&store.0).await;
        an_upload_that_was_taken_in_before_it_was_stored(&store.0).await;
        what_is_withheld_is_withheld_until_it_is_said(&store.0).await;
        assert_eq!(store.0.unattended(START, START, 10).await.expect("it works"), [""; 0], "reports are no queries");
    }
}

async fn a_report_that_comes_late_changes_nothing(store: &DynamoQueryStore) {
    let [older, newer] = [1, 2].map(|attempt| {
        let upload = upload_store::sample_upload("late.md");
        Upload { collection: "late".to_owned(), attempt, status: QueryStatus::Failed, ..upload }
    });
    for upload in [&newer, &older, &newer] {
        store.record_report(upload).await.expect("recorded");
    }
    let found = store.newest_uploads("late", std::slice::from_ref(&newer.document_id)).await.expect("newest");
    assert_eq!(found, [newer]);
    assert_eq!(store.upload(&older.id).await.expect("upload"), None);
}

/// An upload of a path that waits.
fn waiting(collection: &str, path: &str) -> Upload {
    Upload { collection: collection.to_owned(), ..upload_store::sample_upload(path) }
}

fn taken_in(upload: &Upload) -> Upload {
    let report = Some(upload_store::sample_report(upload, IngestOutcome::Added));
    let completed_at = Some(upload.created_at.plus(Duration::from_secs(9)));
    Upload { status: QueryStatus::Completed, report, completed_at, ..upload.clone() }
}

async fn an_upload_waits_and_ends_once(store: &DynamoQueryStore) {
    let upload = waiting("deposits", "a.md");
    let (soon, late) = (upload.created_at, upload.created_at.plus(TAKEN_IN_WITHIN));
    let may_end = async |now| store.may_end(&upload.id, &upload.document_id, now).await.expect("asked");
    assert!(may_end(soon).await, "who takes it in may be faster than who stores it");
    assert_eq!(store.deposit(&upload, &superseded()).await.expect("stored"), upload);
    assert_eq!(store.upload(&upload.id).await.expect("read").as_ref(), Some(&upload));
    let (only, of_it) = (std::slice::from_ref(&upload), std::slice::from_ref(&upload.document_id));
    assert_eq!(store.uploads("deposits", 10, None).await.expect("listed"), only);
    assert_eq!(store.newest_uploads("deposits", of_it).await.expect("newest"), only);
    assert_eq!(store.waiting_uploads("deposits").await.expect("listed"), only);
    assert!(may_end(soon).await && !may_end(late).await, "it does not wait for ever");
    assert!(!store.may_end(&upload.id, "doc_of_another", soon).await.expect("asked"));

    let ended = taken_in(&upload);
    assert!(store.record_report(&ended).await.expect("recorded"));
    assert_eq!(store.upload(&upload.id).await.expect("read").as_ref(), Some(&ended));
    assert_eq!(store.waiting_uploads("deposits").await.expect("listed"), []);
    assert!(!may_end(soon).await, "what has ended stays as it is");
    assert!(!store.end_waiting(&upload.clone().cancelled(&deleted(), soon)).await.expect("tried"));

    // The report of another file takes the place of the document's, and not of what became of the upload.
    let next = taken_in(&waiting("deposits", "a.md"));
    assert!(store.record_report(&next).await.expect("recorded"));
    assert_eq!(store.upload(&upload.id).await.expect("read"), Some(ended));
    assert_eq!(store.uploads("deposits", 10, None).await.expect("listed"), [next]);
}

async fn an_upload_that_is_overtaken_is_cancelled(store: &DynamoQueryStore) {
    let [first, other, second] = ["a.md", "b.md", "a.md"].map(|path| waiting("overtaken", path));
    for upload in [&first, &other, &second] {
        store.deposit(upload, &superseded()).await.expect("stored");
    }
    let first = store.upload(&first.id).await.expect("read").expect("it is there");
    assert_eq!((first.status, first.failure), (QueryStatus::Cancelled, Some(superseded())));
    let mut left = store.waiting_uploads("overtaken").await.expect("listed");
    left.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(left, [other.clone(), second.clone()]);
    assert!(!store.may_end(&first.id, &second.document_id, first.created_at).await.expect("asked"));

    // A file that nobody has put yet says nothing of its document.
    let announced = Upload { content_hash: String::new(), ..waiting("overtaken", "c.md") };
    store.deposit(&announced, &superseded()).await.expect("stored");
    let of_it = std::slice::from_ref(&announced.document_id);
    assert_eq!(store.newest_uploads("overtaken", of_it).await.expect("newest"), []);

    let ids = [second.document_id.clone()];
    let forgotten = store.forget_uploads("overtaken", Some(&ids), &deleted(), START).await.expect("forgotten");
    assert_eq!(forgotten, Forgotten { cancelled: vec![second.id.clone()], gone: 0 });
    let second = store.upload(&second.id).await.expect("read").expect("it is there");
    assert_eq!(second.failure, Some(deleted()));
    assert_eq!(store.upload(&other.id).await.expect("read"), Some(other));
}

async fn an_upload_that_was_taken_in_before_it_was_stored(store: &DynamoQueryStore) {
    let upload = waiting("faster", "a.md");
    let ended = taken_in(&upload);
    assert!(store.record_report(&ended).await.expect("recorded"));
    assert_eq!(store.deposit(&upload, &superseded()).await.expect("stored"), ended);
    assert_eq!(store.waiting_uploads("faster").await.expect("listed"), []);
    // Refused, replaced by one that waits, and not listed as refused meanwhile.
    let refused = Upload { report: None, status: QueryStatus::Failed, ..taken_in(&waiting("faster", "b.md")) };
    assert!(store.record_report(&refused).await.expect("recorded"));
    assert_eq!(store.refused_uploads("faster", None, 10).await.expect("listed"), [refused]);
    store.deposit(&waiting("faster", "b.md"), &superseded()).await.expect("stored");
    assert_eq!(store.refused_uploads("faster", None, 10).await.expect("listed"), []);
}

async fn what_is_withheld_is_withheld_until_it_is_said(store: &DynamoQueryStore) {
    let (first, second) = ("doc_00000000000000000000000000000001", "doc_00000000000000000000000000000002");
    let later = |seconds| START.plus(Duration::from_secs(seconds));
    assert_eq!(store.withheld("attic").await.expect("read"), []);
    for id in [second, first, first] {
        store.withhold("attic", id, START).await.expect("withheld");
    }
    let one = |id: &str, since, until| Withheld { document_id: id.to_owned(), since, until };
    let [before, other] = [first, second].map(|id| one(id, START, None));
    assert_eq!(store.withheld("attic").await.expect("read"), [before.clone(), other.clone()]);
    assert_eq!(store.withheld("cellar").await.expect("read"), [], "of another collection nothing");

    store.withhold_until("attic", &before, later(60)).await.expect("said");
    let ending = one(first, START, Some(later(60)));
    assert_eq!(store.withheld("attic").await.expect("read"), [ending.clone(), other.clone()]);
    assert!(ending.holds(later(59)) && !ending.holds(later(60)) && other.holds(later(1_000_000)));
    // Deleted once more, in the moment in which the first time is forgotten.
    store.withhold("attic", first, later(30)).await.expect("withheld");
    store.forget_withheld("attic", &ending).await.expect("nothing is forgotten");
    store.withhold_until("attic", &ending, later(90)).await.expect("nothing is said");
    let anew = one(first, later(30), None);
    assert_eq!(store.withheld("attic").await.expect("read"), [anew.clone(), other.clone()]);
    store.forget_withheld("attic", &anew).await.expect("forgotten");
    assert_eq!(store.withheld("attic").await.expect("read"), [other]);
}

fn lease(seconds: u64) -> Lease {
    Lease { worker: "w".to_owned(), until: START.plus(Duration::from_secs(seconds)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_dynamodb_does_to_a_store() {
    let Some(place) = place() else { return };
    let endpoint = place.aws.endpoint();
    the_first_systems_items_live_on(&place.aws).await;
    our_items_mean_something_to_the_first_systems_readers(&place.aws).await;
    answers_larger_than_an_item_are_kept_in_part(&store(&endpoint, "queries").await).await;
    what_is_too_large_is_refused(&store(&endpoint, "queries").await).await;
    throttling_is_waited_out(&place.aws).await;
    trouble_that_lasts_is_unavailable_and_never_an_empty_answer(&place.aws).await;
    an_answer_that_was_lost_changes_nothing(&place.aws).await;
}

async fn the_first_systems_items_live_on(aws: &Ministack) {
    let store = store(&aws.endpoint(), "first-systems-queries").await;
    let id = "9b1c7f0e5d3a4c21a0de1f2b3c4d5e6f";
    let item = json!({
        "query_id": {"S": id}, "user_id": {"S": "first"}, "create_time": {"N": "1795391000"},
        "ttl": {"N": "1810944000"}, "query_text": {"S": "How long?"}, "is_complete": {"BOOL": false},
        "sources": {"L": []},
    });
    aws.json("dynamodb", "DynamoDB_20120810.PutItem", &json!({"TableName": "first-systems-queries", "Item": item}));
    assert_eq!(store.unattended(START, START, 10).await.expect("it works"), [id]);
    let Claim::Granted(query) = store.claim(id, &lease(60), START, 3).await.expect("it works") else {
        panic!("free to claim")
    };
    assert_eq!(
        (query.request.text.as_str(), query.request.collection.as_str(), query.attempt),
        ("How long?", "default", 1)
    );
    let ending = Ending::Completed(Box::new(sample_answer("Ten days.")));
    assert!(store.finish(id, 1, &ending, None, START).await.expect("it works"));
    let listed = store.list(None, "first", 10, None).await.expect("it works");
    assert_eq!(
        (listed[0].status, listed[0].answer.as_ref().expect("it works").text.as_str()),
        (QueryStatus::Completed, "Ten days.")
    );
    assert_eq!(store.claim(id, &lease(60), START, 3).await.expect("it works"), Claim::Finished);
}

async fn our_items_mean_something_to_the_first_systems_readers(aws: &Ministack) {
    let store = store(&aws.endpoint(), "queries").await;
    let query = sample_query("reader", "How many?", Timestamp::from_millis(START.as_millis() + 250));
    store.create(&query, None).await.expect("it works");
    store.claim(&query.id, &lease(60), START, 3).await.expect("it works");
    let ending = Ending::Completed(Box::new(sample_answer("25.")));
    assert!(store.finish(&query.id, 1, &ending, None, START).await.expect("it works"));
    let key = json!({"TableName": "queries", "Key": {"query_id": {"S": query.id}}});
    let item = aws.json("dynamodb", "DynamoDB_20120810.GetItem", &key)["Item"].clone();
    assert_eq!(item["user_id"], json!({"S": "reader"}));
    assert_eq!(item["query_text"], json!({"S": "How many?"}));
    assert_eq!(item["answer_text"], json!({"S": "25."}));
    assert_eq!(item["sources"], json!({"L": [{"S": "doc_1#0"}]}));
    assert_eq!(item["is_complete"], json!({"BOOL": true}));
    assert_eq!(item["ttl"], json!({"N": (query.expires_at.as_secs() + 1).to_string()}));
    assert!(item["create_time"]["N"].as_str().expect("it works").starts_with("1795392000.250"), "{item}");
    assert!(item.get("open").is_none(), "it has left the index of open queries: {item}");
}

/// Text that does not compress well.
fn noise(bytes: usize, seed: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ seed as u64;
    let mut digit = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    };
    (0..bytes).map(|_| digit()).collect()
}

async fn answers_larger_than_an_item_are_kept_in_part(store: &DynamoQueryStore) {
    let query = sample_query("large", &noise(100_000, 0), START);
    store.create(&query, None).await.expect("it works");
    store.claim(&query.id, &lease(60), START, 3).await.expect("it works");
    let mut answer = sample_answer("Much is known.");
    let like = answer.sources[0].clone();
    answer.sources = (0..50).map(|n| Source { text: noise(20_000, n), ..like.clone() }).collect();
    let trace = noise(2_000_000, 1);
    let ending = Ending::Completed(Box::new(answer.clone()));
    assert!(store.finish(&query.id, 1, &ending, Some(&trace), START).await.expect("it works"));
    let stored = store.get(&query.id).await.expect("it works").expect("it works");
    let kept = stored.answer.expect("it works");
    assert_eq!((stored.status, &kept.citations), (QueryStatus::Completed, &answer.citations));
    assert_eq!(kept.sources[0], answer.sources[0]);
    assert!(kept.sources[49].text.starts_with("(left out"), "{}", kept.sources[49].text);
    assert!(
        store.trace(&query.id).await.expect("it works").expect("it works").contains("more than the query table holds")
    );
}

async fn what_is_too_large_is_refused(store: &DynamoQueryStore) {
    for query in [sample_query("x", &noise(400_000, 0), START), sample_query(&"u".repeat(3_000), "?", START)] {
        let error = store.create(&query, None).await.expect_err("it fails");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(store.get(&query.id).await.expect("it works"), None);
    }
    assert_eq!(store.list(None, &"u".repeat(3_000), 10, None).await.expect("it works"), []);
    for id in [String::new(), "x".repeat(3_000), "trace#1".to_owned()] {
        assert_eq!(store.get(&id).await.expect("it works"), None);
    }
}

fn error(kind: &str) -> Fault {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": "as the test says"});
    Fault::Answer(if kind.starts_with("Internal") { 500 } else { 400 }, "application/x-amz-json-1.0", body.to_string())
}

fn behind(aws: &Ministack, script: impl Fn(&Passing<'_>) -> Option<Fault> + Send + Sync + 'static) -> FaultProxy {
    FaultProxy::start(aws.endpoint().trim_start_matches("http://"), script)
}

/// A query through its life, in as many calls as there are.
async fn live_through(store: &DynamoQueryStore, user: &str) -> Query {
    let query = sample_query(user, "How many?", START);
    assert_eq!(store.create(&query, None).await.expect("it works"), Created::New);
    assert!(matches!(store.claim(&query.id, &lease(60), START, 3).await.expect("it works"), Claim::Granted(_)));
    assert!(store.renew(&query.id, 1, START.plus(Duration::from_secs(90))).await.expect("it works"));
    let ending = Ending::Completed(Box::new(sample_answer("25.")));
    assert!(store.finish(&query.id, 1, &ending, Some("{}"), START).await.expect("it works"));
    store.get(&query.id).await.expect("it works").expect("it works")
}

async fn throttling_is_waited_out(aws: &Ministack) {
    for kind in ["ProvisionedThroughputExceededException", "ThrottlingException", "InternalServerError"] {
        let proxy = behind(aws, move |passing| (passing.number % 3 != 2).then(|| error(kind)));
        let done = live_through(&store(&proxy.url(), "queries").await, "throttled").await;
        assert_eq!((done.status, done.attempt), (QueryStatus::Completed, 1));
        assert!(proxy.faults() >= 8, "{kind}: {} faults", proxy.faults());
    }
}

async fn trouble_that_lasts_is_unavailable_and_never_an_empty_answer(aws: &Ministack) {
    let patience = Duration::from_secs(1);
    let kinds = ["ProvisionedThroughputExceededException", "InternalServerError", "ResourceNotFoundException"];
    for kind in kinds {
        let proxy = behind(aws, move |_| Some(error(kind)));
        fails_as(&store_within(&proxy.url(), "queries", patience).await, ErrorKind::Unavailable).await;
    }
    let nobody = format!("http://127.0.0.1:{}", free_port());
    fails_as(&store_within(&nobody, "queries", patience).await, ErrorKind::Unavailable).await;
    let missing = store(&aws.endpoint(), "no-such-table").await;
    let error = missing.get("0192").await.expect_err("it fails");
    assert_eq!(error.to_string(), "the query table `no-such-table` does not exist");
    assert!(error.hint_text().expect("it works").contains("TABLE_NAME"));
    let proxy = behind(aws, |_| Some(self::error("AccessDeniedException")));
    fails_as(&store_within(&proxy.url(), "queries", patience).await, ErrorKind::Internal).await;
}

async fn fails_as(store: &DynamoQueryStore, kind: ErrorKind) {
    let query = sample_query("nobody", "?", START);
    assert_eq!(store.get("0192").await.expect_err("it fails").kind(), kind);
    assert_eq!(store.list(None, "nobody", 10, None).await.expect_err("it fails").kind(), kind);
    assert_eq!(store.create(&query, None).await.expect_err("it fails").kind(), kind);
    assert_eq!(store.claim("0192", &lease(1), START, 3).await.expect_err("it fails").kind(), kind);
    let ending = Ending::Completed(Box::new(sample_answer("25.")));
    let error = store.finish("0192", 1, &ending, Some("{}"), START).await.expect_err("it fails");
    assert!(error.hint_text().is_some() && error.kind() == kind, "{error:?}");
}

/// Every call is made and its answer thrown away once, so the SDK makes it again.
async fn an_answer_that_was_lost_changes_nothing(aws: &Ministack) {
    let proxy = behind(aws, |passing| (passing.number % 2 == 0).then_some(Fault::LoseAnswer));
    let done = live_through(&store(&proxy.url(), "queries").await, "lost").await;
    assert_eq!((done.status, done.attempt), (QueryStatus::Completed, 1));
    assert!(proxy.faults() >= 5);
}
