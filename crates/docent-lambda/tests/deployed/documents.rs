//! Documents come in through the bucket: put, replaced, removed, refused, and whatever happens on the way.

use crate::stack::{FACT, Stack, quoting};
use docent_testkit::model_server::{ChatCall, Reply};
use docent_testkit::pdf;
use serde_json::{Value, json};

const CANTEEN: &str = "The canteen opens at noon.";
/// A PDF by its name and first bytes, and no PDF.
const BROKEN: &str = "%PDF-1.7\nnothing of a PDF follows";

/// Quotes the fact if it is among the passages.
fn honest(call: &ChatCall) -> Reply {
    if call.prompt.contains(FACT) { quoting(call) } else { Reply::FindsNothing }
}

#[test]
fn what_is_put_is_answered_and_what_is_removed_is_gone() {
    let Some(stack) = Stack::start(honest) else { return };
    let url = stack.make_readers();
    stack.make_ingest();
    stack.tell_ingest();
    stack.put("people/leave%20and%20more.md", format!("# Leave\n\n{FACT}\n"));
    stack.put("canteen.pdf", pdf::pages(&[&[CANTEEN]]));
    stack.put("broken.pdf", BROKEN);
    stack.eventually("both are live", || {
        stack.live_names() == ["documents/canteen.pdf", "documents/people/leave and more.md"]
    });
    it_is_answered(&stack, &url);
    reports_are_shown(&stack, &url);
    it_is_gone(&stack, &url);
    a_message_that_makes_no_sense_is_given_up(&stack);
}

fn it_is_answered(stack: &Stack, url: &str) {
    let query = stack.ended(&stack.ask_at(url, "How many days of annual leave?"));
    assert_eq!(query["outcome"], "answered", "{query}");
    let citation = &query["citations"][0];
    assert_eq!(
        (&citation["filename"], &citation["cited_text"]),
        (&json!("documents/people/leave and more.md"), &json!("25 days of annual leave"))
    );
}

/// As a server on one machine shows those of uploads.
fn reports_are_shown(stack: &Stack, url: &str) {
    stack.eventually("the report of what was refused", || {
        let shown = stack.shown(url, "documents/broken.pdf");
        shown["state"] == "refused" && shown["last_upload"]["outcome"] == "refused"
    });
    let broken = stack.shown(url, "documents/broken.pdf");
    let reason = broken["last_upload"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("corrupt: "), "{broken}");
    assert_eq!(broken["bytes"], BROKEN.len());
    let id = broken["last_upload"]["job_id"].as_str().expect("a job");
    let job = stack.request_to(url, "GET", &format!("/v1/jobs/{id}"), None).json();
    assert_eq!((&job["status"], &job["filename"]), (&json!("completed"), &json!("documents/broken.pdf")), "{job}");
    let one = format!("/v1/documents/{}", broken["id"].as_str().expect("an id"));
    assert_eq!(stack.request_to(url, "GET", &one, None).json()["state"], "refused");
    let stored = stack.shown(url, "documents/canteen.pdf");
    assert_eq!((&stored["state"], &stored["last_upload"]["outcome"]), (&json!("stored"), &json!("added")), "{stored}");
    // Where nobody takes documents in, nobody sends any.
    let refused = stack.request("PUT", "/v1/documents/a.md", Some(&json!("text")));
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (501, &json!("no_uploads")));
}

fn it_is_gone(stack: &Stack, url: &str) {
    stack.remove("people/leave%20and%20more.md");
    stack.remove("broken.pdf");
    stack.eventually("one is left", || stack.live_names() == ["documents/canteen.pdf"]);
    stack.eventually("the report is gone", || stack.shown(url, "documents/broken.pdf").is_null());
    stack.kill_workers();
    let query = stack.ended(&stack.ask_at(url, "How many days of annual leave are there now?"));
    assert_eq!(query["outcome"], "not_found", "{query}");
    stack.eventually("older generations are gone", || {
        stack.objects("index/default/generations/").matches("<Key>").count() == 1
    });
}

fn a_message_that_makes_no_sense_is_given_up(stack: &Stack) {
    stack.send("news", "nonsense");
    stack.put("late.md", CANTEEN);
    stack.eventually("the others come in", || stack.live_names().contains(&"documents/late.md".to_owned()));
    stack.eventually("it is given up", || stack.waiting("given-up") == 1);
}

#[test]
fn the_bucket_is_the_truth_in_whatever_order_events_come() {
    let Some(stack) = Stack::start(honest) else { return };
    stack.make_ingest();
    stack.put("leave.md", FACT);
    the_same_event_five_times_at_once(&stack);
    what_is_gone_by_then_is_not_there(&stack);
    what_is_removed_during_the_work_is_not_there(&stack);
    what_is_replaced_during_the_work_is_the_new_one(&stack);
    somebody_else_publishes_meanwhile(&stack);
    a_sync_finds_what_nobody_told(&stack);
}

fn the_same_event_five_times_at_once(stack: &Stack) {
    std::thread::scope(|scope| {
        let told: Vec<_> = (0..5).map(|_| scope.spawn(|| stack.tell(&["leave.md"], 1))).collect();
        for told in told {
            assert_eq!(told.join().expect("told"), json!([]));
        }
    });
    assert_eq!(stack.live_names(), ["documents/leave.md"]);
    let before = stack.objects("index/default/");
    assert_eq!(stack.tell(&["leave.md", "leave.md"], 1), json!([]));
    assert_eq!(stack.objects("index/default/"), before, "nothing is published for nothing");
}

fn what_is_gone_by_then_is_not_there(stack: &Stack) {
    assert_eq!(stack.tell(&["never.md", "leave.md", ".hidden.md", "folder/", "a//b.md"], 1), json!([]));
    assert_eq!(stack.live_names(), ["documents/leave.md"]);
}

/// Hands an event over and does something while its document is embedded.
fn during(stack: &Stack, path: &str, received: u32, meanwhile: impl FnOnce()) -> Value {
    stack.model.let_embeddings_pass(Some(0));
    std::thread::scope(|scope| {
        let told = scope.spawn(|| stack.tell(&[path], received));
        stack.model.wait_for_a_held_call();
        meanwhile();
        stack.model.let_embeddings_pass(None);
        told.join().expect("told")
    })
}

fn what_is_removed_during_the_work_is_not_there(stack: &Stack) {
    stack.put("short.md", "It is here for a moment only.");
    // Whoever is told of the removal finds nothing to remove yet.
    let again = during(stack, "short.md", 1, || {
        stack.remove("short.md");
        assert_eq!(stack.tell(&["short.md"], 1), json!([]));
    });
    assert_eq!((again, stack.live_names()), (json!([]), vec!["documents/leave.md".to_owned()]));
}

fn what_is_replaced_during_the_work_is_the_new_one(stack: &Stack) {
    stack.put("canteen.md", "The canteen is closed.");
    let again = during(stack, "canteen.md", 1, || stack.put("canteen.md", CANTEEN));
    assert_eq!(again, json!([]));
    let live = stack.live();
    let canteen = live.iter().find(|document| document.filename == "documents/canteen.md").expect("it is live");
    assert_eq!(canteen.bytes, CANTEEN.len() as u64);
}

fn somebody_else_publishes_meanwhile(stack: &Stack) {
    stack.put("slow.md", "This takes a while.");
    stack.remove("canteen.md");
    let again = during(stack, "slow.md", 1, || assert_eq!(stack.tell(&["canteen.md"], 1), json!([])));
    assert_eq!(again, json!([]));
    assert_eq!(stack.live_names(), ["documents/leave.md", "documents/slow.md"], "both changes are in");
}

fn a_sync_finds_what_nobody_told(stack: &Stack) {
    let sync = || stack.hand_over(&[json!({"version": 1, "sync": true}).to_string()], 1);
    for path in ["a.md", "b.md", "drafts/c.md", "d.tiff"] {
        stack.put(path, format!("This is {path}."));
    }
    assert_eq!(sync(), json!([]));
    let paths = ["a.md", "b.md", "drafts/c.md", "leave.md", "slow.md"].map(|path| format!("documents/{path}"));
    assert_eq!(stack.live_names(), paths);
    stack.remove("slow.md");
    assert_eq!(sync(), json!([]));
    // Who changes what belongs to the source has changed everything.
    stack.put(".docentignore", "drafts/\n");
    assert_eq!(stack.tell(&[".docentignore"], 1), json!([]));
    assert_eq!(stack.live_names(), ["documents/a.md", "documents/b.md", "documents/leave.md"]);
    for path in ["a.md", "b.md"] {
        stack.remove(path);
    }
    assert_eq!(sync(), json!(["m0"]), "a bucket that is nearly empty does not empty the collection unasked");
    assert_eq!(stack.live_names().len(), 3);
}

#[test]
fn what_cannot_be_taken_in_is_shown_when_it_is_given_up() {
    let Some(stack) = Stack::start(honest) else { return };
    let url = stack.make_readers();
    stack.make_ingest();
    stack.put("poison.md", "Whoever reads this dies.");
    stack.put("leave.md", FACT);
    // Who dies takes along whom it is with. What comes again is worked on alone, from either end in turn.
    for (received, others) in [(1, 0), (2, 0), (3, 1)] {
        dies(&stack, &["poison.md", "leave.md"], received, others);
        assert_eq!(stack.live_names().len(), others, "{received}");
    }
    assert_eq!(stack.live_names(), ["documents/leave.md"]);
    stack.eventually("the last attempt is noted", || stack.shown(&url, "documents/poison.md")["state"] == "failed");
    let shown = stack.shown(&url, "documents/poison.md");
    assert!(shown["last_upload"]["reason"].as_str().is_some_and(|reason| reason.contains("every attempt")), "{shown}");

    // Once it can be read, it is.
    assert_eq!(stack.tell(&["poison.md"], 1), json!([]));
    assert_eq!(stack.live_names(), ["documents/leave.md", "documents/poison.md"]);
    a_collection_of_another_kind_takes_nothing(&stack, &url);
}

/// The process is killed while it embeds one of these documents, after so many others.
fn dies(stack: &Stack, paths: &[&str], received: u32, others: usize) {
    stack.model.let_embeddings_pass(Some(others));
    std::thread::scope(|scope| {
        let told = scope.spawn(|| stack.tell(paths, received));
        stack.model.wait_for_a_held_call();
        assert!(stack.kill(env!("CARGO_BIN_EXE_ingest")) > 0);
        stack.model.let_embeddings_pass(None);
        assert!(told.join().expect("told")["errorType"].is_string(), "all of it comes again");
    });
}

fn a_collection_of_another_kind_takes_nothing(stack: &Stack, url: &str) {
    stack.publish("canteen", CANTEEN);
    stack.put("new.md", FACT);
    assert_eq!(stack.tell(&["new.md"], 1), json!(["m0"]));
    assert!(stack.shown(url, "documents/new.md").is_null(), "it may still come in");
    assert_eq!(stack.tell(&["new.md"], 3), json!(["m0"]));
    stack.eventually("it is said why not", || {
        let shown = stack.shown(url, "documents/new.md");
        shown["last_upload"]["reason"].as_str().is_some_and(|reason| reason.contains("collection"))
    });
    assert_eq!(stack.live().len(), 1, "what others have published stays");
}
