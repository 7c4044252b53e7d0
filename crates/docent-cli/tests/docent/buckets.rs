//! A collection that is kept equal to what lies in a bucket.

use crate::snapshot;
use crate::terminal::Terminal;
use docent_testkit::fault_proxy::{Fault, FaultProxy, Passing};
use docent_testkit::ministack::{Ministack, authorization};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::sync::{Arc, Mutex};

const PLACE: &str = "s3://docs/handbook";

type Script = Box<dyn Fn(&Passing<'_>) -> Option<Fault> + Send + Sync>;

/// A bucket, and everything that was asked of it through the proxy before it.
struct Bucket {
    server: Ministack,
    asked: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<Script>>,
    proxy: FaultProxy,
    _folder: tempfile::TempDir,
}

impl Bucket {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Ministack::start(folder.path())?;
        server.make_bucket("docs");
        let (asked, script) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Box::new(|_: &Passing<'_>| None) as Script)));
        let (noted, played) = (Arc::clone(&asked), Arc::clone(&script));
        let proxy = FaultProxy::start(server.endpoint().trim_start_matches("http://"), move |passing| {
            noted.lock().expect("whole").push(passing.head.lines().next().unwrap_or_default().to_owned());
            played.lock().expect("whole")(passing)
        });
        Some(Self { server, asked, script, proxy, _folder: folder })
    }

    /// With ten notes in it, and a terminal that finds it.
    fn with_notes() -> Option<(Self, Terminal)> {
        let bucket = Self::start()?;
        (0..10).for_each(|number| bucket.put(&format!("{number}.md"), &note(number)));
        let terminal = bucket.terminal();
        Some((bucket, terminal))
    }

    fn terminal(&self) -> Terminal {
        let mut variables = self.server.variables();
        variables.insert("AWS_ENDPOINT_URL".to_owned(), self.proxy.url());
        variables.iter().fold(Terminal::new(), |terminal, (name, value)| terminal.with(name, value))
    }

    fn send(&self, method: &str, path: &str, content: &str) -> docent_testkit::ministack::Answer {
        let authorization = authorization("s3");
        let headers = [("authorization", authorization.as_str())];
        let answer = self.server.http(method, &format!("/docs/handbook/{path}"), &headers, content.as_bytes());
        let answer = answer.expect("ministack answers");
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.status);
        answer
    }

    fn put(&self, path: &str, content: &str) {
        self.send("PUT", path, content);
    }

    /// The same content in one part of several, which gives it another `ETag`.
    fn put_in_parts(&self, path: &str, content: &str) {
        let begun = String::from_utf8(self.send("POST", &format!("{path}?uploads"), "").body).expect("text");
        let id = begun.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>")).expect("an id").0;
        let part = self.send("PUT", &format!("{path}?partNumber=1&uploadId={id}"), content);
        let tag = part.headers.iter().find(|(name, _)| name == "etag").expect("an ETag").1.clone();
        let parts = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
        );
        self.send("POST", &format!("{path}?uploadId={id}"), &parts);
    }

    fn play(&self, script: impl Fn(&Passing<'_>) -> Option<Fault> + Send + Sync + 'static) {
        *self.script.lock().expect("whole") = Box::new(script);
    }

    /// Objects that were read since this was asked last; the file of patterns aside.
    fn read(&self) -> usize {
        let asked = std::mem::take(&mut *self.asked.lock().expect("whole"));
        asked.iter().filter(|line| line.starts_with("GET /docs/handbook/") && !line.contains(".docentignore")).count()
    }
}

fn note(number: usize) -> String {
    format!("# Note {number}\n\nThe tarn numbered {number} is fed by a spring.\n")
}

fn listed(terminal: &Terminal) -> BTreeSet<String> {
    let documents = terminal.docent(&["documents", "--json"]).json_lines();
    documents.iter().map(|one| one["filename"].as_str().expect("a name").to_owned()).collect()
}

fn refusal(status: u16, code: &str) -> Option<Fault> {
    Some(Fault::Answer(status, "application/xml", format!("<Error><Code>{code}</Code></Error>")))
}

fn names(passing: &Passing<'_>, path: &str) -> bool {
    passing.head.starts_with(&format!("GET /docs/handbook/{path} "))
}

#[test]
fn a_bucket_is_synced_as_a_folder_is() {
    let Some((bucket, terminal)) = Bucket::with_notes() else { return };
    bucket.put(".docentignore", "drafts/\n");
    for left_out in ["drafts/secret.md", ".hidden.md", "deep/.git/a.md", "", "old/", "deep/"] {
        bucket.put(left_out, "");
    }
    bucket.put("deep/good.md", "# Good\n\nA tarn below.\n");
    bucket.put("photo.png", "no picture");
    bucket.put("bad.md", "");
    snapshot!(terminal.docent(&["sync", PLACE]), @r"
    exit 3
    --- stdout
      refused  handbook/bad.md
               empty: the file has no bytes
      refused  handbook/photo.png
               unsupported: image files are not read; PDF, Word, PowerPoint, Excel,
               CSV, HTML, Markdown, plain text, EPUB, notebooks, e-mail and source
               code are
        added  handbook/0.md  1 section, 1 chunk
        added  handbook/1.md  1 section, 1 chunk
        added  handbook/2.md  1 section, 1 chunk
        added  handbook/3.md  1 section, 1 chunk
        added  handbook/4.md  1 section, 1 chunk
        added  handbook/5.md  1 section, 1 chunk
        added  handbook/6.md  1 section, 1 chunk
        added  handbook/7.md  1 section, 1 chunk
        added  handbook/8.md  1 section, 1 chunk
        added  handbook/9.md  1 section, 1 chunk
        added  handbook/deep/good.md  1 section, 1 chunk
    11 added, 2 refused in collection default (11 chunks)
    --- stderr
    ");
    assert_eq!(bucket.read(), 11, "what is refused by its name is not read");
    let names = listed(&terminal);
    assert!(
        names.contains("handbook/0.md") && names.contains("handbook/deep/good.md") && names.len() == 11,
        "{names:?}"
    );

    bucket.send("DELETE", "photo.png", "");
    bucket.send("DELETE", "bad.md", "");
    assert!(terminal.docent(&["sync", PLACE]).succeeded().starts_with("11 unchanged"));
    assert_eq!(bucket.read(), 0, "an unchanged object costs the listing");

    bucket.put("3.md", "# Note 3\n\nThe tarn is dry.\n");
    bucket.put("new.md", "# New\n\nA tarn was found.\n");
    bucket.put_in_parts("4.md", &note(4));
    bucket.send("DELETE", "7.md", "");
    let before = terminal.docent(&["collections", "--json"]).stdout;
    snapshot!(terminal.docent(&["sync", PLACE, "--dry-run"]), @r"
    exit 0
    --- stdout
       update  handbook/3.md  1 section, 1 chunk
          add  handbook/new.md  1 section, 1 chunk
       delete  handbook/7.md  1 section, 1 chunk
    1 add, 1 update, 1 delete, 9 unchanged in collection default; nothing was changed
    --- stderr
    ");
    assert_eq!(terminal.docent(&["collections", "--json"]).stdout, before, "a dry run changes nothing");
    bucket.read();
    snapshot!(terminal.docent(&["sync", PLACE]), @r"
    exit 0
    --- stdout
      updated  handbook/3.md  1 section, 1 chunk
        added  handbook/new.md  1 section, 1 chunk
      deleted  handbook/7.md  1 section, 1 chunk
    1 added, 1 updated, 1 deleted, 9 unchanged in collection default (2 chunks)
    --- stderr
    ");
    assert_eq!(bucket.read(), 3);
    assert!(terminal.docent(&["sync", PLACE]).succeeded().starts_with("11 unchanged"));
    assert_eq!(bucket.read(), 0, "the new ETag of the same content is kept");
    assert_eq!(std::fs::read_dir(terminal.path("data/sync")).expect("a folder").count(), 1, "no copy is left");
}

#[test]
fn more_objects_than_one_answer_lists() {
    let Some(bucket) = Bucket::start() else { return };
    (0..1_005).for_each(|number| bucket.put(&format!("{number:04}.bin"), "x"));
    bucket.put("last.md", &note(1));
    let terminal = bucket.terminal();
    let ran = terminal.docent(&["sync", PLACE, "--json"]);
    let summary = ran.json_lines().pop().expect("a summary");
    assert_eq!((&summary["refused"], &summary["added"]), (&1_005.into(), &1.into()), "{}", ran.stderr);
    assert_eq!(bucket.read(), 1);
}

#[test]
fn what_goes_wrong_with_one_object_costs_one_object() {
    let Some((bucket, terminal)) = Bucket::with_notes() else { return };
    bucket.play(|passing| match passing {
        gone if names(gone, "1.md") => refusal(404, "NoSuchKey"),
        denied if names(denied, "2.md") => refusal(403, "AccessDenied"),
        archived if names(archived, "3.md") => refusal(403, "InvalidObjectState"),
        _ => None,
    });
    snapshot!(terminal.docent(&["sync", PLACE]), @r"
    exit 3
    --- stdout
      refused  handbook/1.md
               unreadable: it is gone from the bucket since it was listed; the next
               sync will see
      refused  handbook/2.md
               unreadable: the bucket denies access to it; its reader must be
               allowed s3:GetObject, and the use of its key
      refused  handbook/3.md
               unreadable: it is archived; restore it, or leave it out with
               .docentignore
        added  handbook/0.md  1 section, 1 chunk
        added  handbook/4.md  1 section, 1 chunk
        added  handbook/5.md  1 section, 1 chunk
        added  handbook/6.md  1 section, 1 chunk
        added  handbook/7.md  1 section, 1 chunk
        added  handbook/8.md  1 section, 1 chunk
        added  handbook/9.md  1 section, 1 chunk
    7 added, 3 refused in collection default (7 chunks)
    --- stderr
    ");
    bucket.play(|_| None);
    assert!(
        terminal
            .docent(&["sync", PLACE])
            .succeeded()
            .ends_with("3 added, 7 unchanged in collection default (3 chunks)\n")
    );
    let small = terminal.with("DOCENT_FILE_MIB", "1");
    bucket.put("large.md", &"# Large\n\nA tarn.\n\n".repeat(60_000));
    bucket.read();
    snapshot!(small.docent(&["sync", PLACE]), @r"
    exit 3
    --- stdout
      refused  handbook/large.md
               too_large: the file has more than the 1048576 bytes that are read;
               split it, or raise `file_mib`
    10 unchanged, 1 refused in collection default
    --- stderr
    ");
    assert_eq!(bucket.read(), 0, "what is too large is not read");
}

#[test]
fn a_busy_bucket_is_asked_again() {
    let Some((bucket, terminal)) = Bucket::with_notes() else { return };
    let seen = Mutex::new(BTreeSet::new());
    // Each request once.
    bucket.play(move |passing| {
        let is_new = seen.lock().expect("whole").insert(passing.head.lines().next().unwrap_or_default().to_owned());
        is_new.then(|| refusal(503, "SlowDown")).flatten()
    });
    assert!(terminal.docent(&["sync", PLACE]).succeeded().ends_with("10 added in collection default (10 chunks)\n"));
    assert!(bucket.proxy.faults() > 10);
}

#[test]
fn what_cannot_be_seen_changes_nothing() {
    let Some((bucket, terminal)) = Bucket::with_notes() else { return };
    terminal.docent(&["sync", PLACE]).succeeded();
    bucket.play(|passing| passing.head.contains("list-type=2").then(|| refusal(403, "AccessDenied")).flatten());
    snapshot!(terminal.docent(&["sync", PLACE, "--allow-deletes"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: s3://docs/handbook denies access: AccessDenied

    hint: check the AWS_ variables; their identity must be allowed s3:ListBucket
    ");
    bucket.play(|_| refusal(403, "ExpiredToken"));
    snapshot!(terminal.docent(&["sync", PLACE, "--allow-deletes"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: s3://docs/handbook denies access: ExpiredToken

    hint: check the credentials in the AWS_ variables, AWS_REGION and this machine's clock
    ");
    bucket.play(|_| None);
    snapshot!(terminal.docent(&["sync", "s3://docs/hand"]), @r"
    exit 0
    --- stdout
    nothing to do in collection default
    --- stderr
    ");
    let missing = terminal.docent(&["sync", "s3://no-such-bucket/x"]);
    assert!(missing.status == Some(1) && missing.stderr.contains("there is no bucket at"), "{}", missing.transcript());
    (0..4).for_each(|number| drop(bucket.send("DELETE", &format!("{number}.md"), "")));
    let lost = terminal.docent(&["sync", PLACE]);
    assert!(lost.stderr.contains("4 of the 10 documents of this source are gone"), "{}", lost.transcript());
    assert_eq!(listed(&terminal).len(), 10);
    bucket.put("a//b.md", &note(1));
    snapshot!(terminal.docent(&["sync", PLACE, "--allow-deletes"]), @r#"
    exit 1
    --- stdout
    --- stderr
    error: cannot list s3://docs/handbook
      because: Encountered object with invalid path: Path "handbook/a//b.md" contained empty path segment
      because: Path "handbook/a//b.md" contained empty path segment

    hint: such a key is no path, and what cannot be listed must not count as gone; rename the object, or use a prefix without it
    "#);
    assert_eq!(listed(&terminal).len(), 10);
}

#[test]
fn without_credentials() {
    let terminal = Terminal::new()
        .with("AWS_REGION", "us-east-1")
        .with("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
        .with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    snapshot!(terminal.docent(&["sync", PLACE]), @r"
    exit 1
    --- stdout
    --- stderr
    error: there are no credentials for s3://docs/handbook

    hint: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run it where a role gives them; ~/.aws is not read, but `aws configure export-credentials --format env` prints what it holds
    ");
}

#[test]
fn a_named_source_moves_from_a_folder_to_a_bucket() {
    let Some((bucket, terminal)) = Bucket::with_notes() else { return };
    (0..10).for_each(|number| terminal.write(&format!("here/{number}.md"), note(number)));
    terminal.docent(&["sync", "here", "--name", "notes"]).succeeded();
    for read in [10, 0] {
        let synced = terminal.docent(&["sync", PLACE, "--name", "notes"]);
        assert!(synced.succeeded().starts_with("10 unchanged"), "{}", synced.transcript());
        assert_eq!(bucket.read(), read);
    }
    assert!(terminal.docent(&["sync", "here", "--name", "notes"]).succeeded().starts_with("10 unchanged"));
    assert!(listed(&terminal).contains("notes/0.md"));
}

/// Each note has twelve sections, so that the first of them are stored while the last are still being read.
#[test]
fn a_sync_that_is_killed_goes_on_where_it_stopped() {
    let Some(bucket) = Bucket::start() else { return };
    (0..110).for_each(|number| bucket.put(&format!("{number}.md"), &note(number).repeat(12)));
    bucket.put("nothing.md", "");
    let terminal = bucket.terminal();
    for killed_after in [1, 30] {
        let mut sync = terminal.start(&["sync", PLACE, "--json"]);
        let lines = BufReader::new(sync.stdout.take().expect("piped")).lines();
        assert!(lines.take(killed_after).count() > 0);
        assert!(Command::new("kill").args(["-KILL", &sync.id().to_string()]).status().expect("run").success());
        sync.wait().expect("ended");
    }
    bucket.send("DELETE", "nothing.md", "");
    bucket.read();
    terminal.docent(&["sync", PLACE]).succeeded();
    let read = bucket.read();
    assert!(0 < read && read <= 110 - 29, "{read} objects were read again");
    assert_eq!(listed(&terminal).len(), 110);
    assert!(terminal.docent(&["sync", PLACE]).succeeded().starts_with("110 unchanged"));
    assert_eq!(std::fs::read_dir(terminal.path("data/sync")).expect("a folder").count(), 1, "no copy is left");
}

#[test]
fn a_watched_bucket_is_synced_when_it_changes() {
    let Some((bucket, terminal)) = Bucket::with_notes() else { return };
    let mut watch = terminal.start(&["sync", PLACE, "--watch", "--every", "1", "--quiet"]);
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let mut until = |end: &str| {
        let line = lines.by_ref().map(|line| line.expect("a line")).find(|line| line.contains(end));
        line.unwrap_or_else(|| panic!("no line with {end}"))
    };
    until("10 added in collection");
    bucket.put("late.md", "# Late\n\nIt came later.\n");
    until("1 added, 10 unchanged in collection");
    bucket.send("DELETE", "late.md", "");
    until("1 deleted, 10 unchanged in collection");
    assert!(Command::new("kill").args(["-INT", &watch.id().to_string()]).status().expect("run").success());
    assert_eq!(watch.wait().expect("ended").code(), Some(0));
}
