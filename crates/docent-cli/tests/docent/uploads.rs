//! Files that come in through `docent serve`: read by the real parser, asked about, deleted; and a server that is killed
//! again and again while they come in.

use crate::http::{Response, get, post, put, request};
use crate::server::Server;
use crate::terminal::Terminal;
use docent_testkit::pdf;
use serde_json::{Value, json};

/// Files sent in each life of the server, and after how many of them it dies.
const LIVES: [(usize, usize); 4] = [(6, 1), (6, 3), (6, 5), (6, 6)];
/// Looks at a job before the test gives up, each of them a wait of a second.
const LOOKS: usize = 120;

fn empty() -> Terminal {
    Terminal::new().with("DOCENT_LEASE_S", "1")
}

fn report(response: &Response) -> Value {
    let job = response.json();
    assert_eq!((response.status, &job["status"]), (200, &json!("completed")), "{response:?}");
    job["report"].clone()
}

fn documents(address: &str) -> Vec<Value> {
    let listed = get(address, "/v1/documents").expect("answered").json();
    listed["data"].as_array().expect("a list").clone()
}

fn answer(address: &str, question: &str) -> Value {
    post(address, "/v1/queries", &json!({"query": question, "wait": 30})).expect("answered").json()
}

#[test]
fn an_uploaded_file_is_read_cited_handed_back_and_deleted() {
    let terminal = empty();
    let server = Server::start(&terminal);
    let travel = pdf::pages(&[&["Travel rules"], &["The hotel limit in Bern is CHF 265 per night."]]);
    let uploaded = put(&server.address, "/v1/documents/people/travel.pdf?wait=30", &travel).expect("answered");
    let said = report(&uploaded);
    assert_eq!((&said["outcome"], &said["format"], &said["pages"]), (&json!("added"), &json!("pdf"), &json!(2)));
    let question = "What is the hotel limit in Bern?";
    let answered = answer(&server.address, question);
    let citation = &answered["citations"][0];
    assert_eq!((&citation["filename"], &citation["start_page_number"]), (&json!("people/travel.pdf"), &json!(2)));

    let leave = "# Leave\n\nEverybody has 25 days of annual leave.\n";
    put(&server.address, "/v1/documents/leave.md?wait=30", leave).expect("answered");
    let all = documents(&server.address);
    let entry = |name: &str| all.iter().find(|one| one["filename"] == name).expect("listed");
    let original = get(&server.address, entry("leave.md")["original"].as_str().expect("kept")).expect("answered");
    assert_eq!((original.status, original.body.as_str()), (200, leave));
    let names: Vec<_> = terminal.docent(&["documents", "--json"]).json_lines();
    assert_eq!(names.len(), 2, "they are documents like others");

    let id = citation["document_id"].as_str().expect("an id");
    let gone = request(&server.address, &format!("DELETE /v1/documents/{id}"), &[], "").expect("answered");
    assert_eq!(gone.status, 200, "{gone:?}");
    let answered = answer(&server.address, question);
    assert_eq!((&answered["outcome"], &answered["citations"]), (&json!("not_found"), &json!([])), "{answered}");
    // From the command line, while the server runs.
    terminal.docent(&["delete", "leave.md"]).succeeded();
    let kept = get(&server.address, entry("leave.md")["original"].as_str().expect("kept")).expect("answered");
    assert_eq!(kept.status, 404);
    assert_eq!(files(&terminal, "originals"), 0, "no original is left");
    assert_eq!(server.stop().code(), Some(0));
}

/// Files below a folder of the uploads.
fn files(terminal: &Terminal, folder: &str) -> usize {
    let (mut folders, mut files) = (vec![terminal.path("data/uploads").join(folder)], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files += 1 }
        }
    }
    files
}

#[test]
fn files_that_are_refused_say_why() {
    let terminal = empty().with("DOCENT_FILE_MIB", "1");
    let server = Server::start(&terminal);
    let large = vec![b'x'; (1 << 20) + 1];
    for (path, file, status, said) in [
        ("letter.pages", b"PK\x03\x04".as_slice(), 415, "Apple Pages files are not read; PDF, Word"),
        (
            "a.pdf",
            b"\x89PNG\r\n\x1a\n",
            422,
            "the file is named .pdf but contains a PNG image; rename it or replace it",
        ),
        ("a.md", b"", 422, "the file has no bytes"),
        ("a.txt", &large, 413, "the file has more than the 1048576 bytes that are read; split it, or raise `file_mib`"),
    ] {
        let refused = put(&server.address, &format!("/v1/documents/{path}"), file).expect("answered");
        let message = refused.json()["error"]["message"].clone();
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(message.as_str().is_some_and(|message| message.starts_with(said)), "{message}");
    }
    // This one only its reader can refuse.
    let damaged =
        put(&server.address, "/v1/documents/a.pdf?wait=30", "%PDF-1.7 and nothing behind it").expect("answered");
    let said = report(&damaged);
    assert_eq!(said["outcome"], "refused");
    let entry = &documents(&server.address)[0];
    assert_eq!((&entry["state"], &entry["last_upload"]["reason"]), (&json!("refused"), &said["reason"]));
    assert_eq!(files(&terminal, "incoming") + files(&terminal, "originals"), 0, "nothing of them is kept");
}

#[test]
fn every_accepted_file_ends_once_whatever_dies() {
    let terminal = empty();
    let mut accepted: Vec<(usize, String)> = Vec::new();
    let mut number = 0;
    for (sent, dies_after) in LIVES {
        let server = Server::start(&terminal);
        let address = server.address.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let first = number;
        number += sent;
        let sender = std::thread::spawn(move || {
            for number in first..first + sent {
                let file = format!("# Rule {number}\n\nThe limit of rule {number} is {} francs.\n", 100 + number);
                let answer = put(&address, &format!("/v1/documents/rules/{number}.md"), file).ok();
                let job = answer.filter(|answer| answer.status == 202).map(|answer| answer.json());
                // The receiver stops listening after the death.
                let _unheard = tell.send((number, job.map(|job| job["id"].as_str().expect("an id").to_owned())));
            }
        });
        let heard = told.iter().take(dies_after);
        accepted.extend(heard.filter_map(|(number, id)| Some((number, id?))));
        server.die();
        sender.join().expect("sent");
        accepted.extend(told.iter().filter_map(|(number, id)| Some((number, id?))));
    }

    let server = Server::start(&terminal);
    assert!(accepted.len() >= LIVES.iter().map(|(_, dies_after)| dies_after).sum());
    for (number, id) in &accepted {
        let job = end(&server.address, id).expect("what was accepted is known");
        assert_eq!(job["status"], "completed", "{job}");
        let address = format!("/v1/documents/{}", job["document_id"].as_str().expect("an id"));
        let document = get(&server.address, &address).expect("answered").json();
        assert_eq!((&document["state"], &document["content_hash"]), (&json!("stored"), &job["content_hash"]));
        let original = get(&server.address, document["original"].as_str().expect("kept")).expect("answered");
        assert!(original.body.contains(&format!("is {} francs", 100 + number)), "{original:?}");
    }
    // A file whose acceptance nobody heard of may be there as well; none is there twice.
    let all = documents(&server.address);
    assert!((accepted.len()..=number).contains(&all.len()));
    // A death behind the file and before its record leaves a file that was not accepted; it is tidied away when it is old.
    let never_accepted: Vec<_> =
        waiting(&terminal).into_iter().filter(|id| end(&server.address, id).is_none()).collect();
    assert!(never_accepted.len() <= LIVES.len(), "files come one after the other: {never_accepted:?}");
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(waiting(&terminal), never_accepted, "no accepted file waits any more");
}

/// A job when it has ended; nothing if there is no such job.
fn end(address: &str, id: &str) -> Option<Value> {
    for _ in 0..LOOKS {
        let answer = get(address, &format!("/v1/jobs/{id}?wait=1")).expect("answered");
        if answer.status == 404 {
            return None;
        }
        if answer.json()["completed_at"].is_string() {
            return Some(answer.json());
        }
    }
    panic!("job {id} does not end");
}

/// Ids of the files that have arrived and wait to be read.
fn waiting(terminal: &Terminal) -> Vec<String> {
    let names = std::fs::read_dir(terminal.path("data/uploads/incoming")).expect("a folder");
    let names = names.map(|entry| entry.expect("an entry").file_name().into_string().expect("an id"));
    let mut ids: Vec<_> = names.filter(|name| !name.ends_with(".part")).collect();
    ids.sort();
    ids
}

#[test]
fn an_index_that_is_read_from_elsewhere_takes_no_uploads() {
    let terminal = Terminal::new().file("leave.md", "# Leave\n\nEverybody has 25 days of annual leave.\n");
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    let place = format!("file://{}", terminal.path("published").display());
    terminal.docent(&["publish", &place]).succeeded();
    let reader = terminal.with("DOCENT_INDEX", &place);
    let server = Server::start(&reader);
    let refused = put(&server.address, "/v1/documents/a.md", "# Leave").expect("answered");
    assert_eq!(refused.status, 501, "{refused:?}");
    assert!(refused.json()["error"]["hint"].as_str().is_some_and(|hint| hint.contains("docent ingest")));
    assert_eq!(documents(&server.address).len(), 1);
}
