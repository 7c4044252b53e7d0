//! `docent reembed`: another model for a collection, on the real program, killed and interrupted in the middle of it.

use crate::http::post;
use crate::server::Server;
use crate::snapshot;
use crate::terminal::{DOCENT, Ran, Terminal};
use docent_testkit::model_server::{ModelServer, Reply};
use serde_json::{Value, json};
use std::process::{Child, Command};

const LEAVE: &str = "# Leave\n\nEverybody has 25 days of annual leave.\n";
const TRAVEL: &str = "# Travel\n\nThe hotel limit in Bern is CHF 265 per night.\n";
const WORDS: &str = "days of annual leave";

/// A terminal, the endpoint of the model `first`, and that of all others.
struct Desk {
    terminal: Terminal,
    first: ModelServer,
    endpoint: ModelServer,
}

impl Desk {
    fn new() -> Self {
        let terminal = Terminal::new().with("DOCENT_GENERATOR", "quoting").with("DOCENT_CHUNK_TOKENS", "24");
        let endpoint = || ModelServer::start(|_| Reply::FindsNothing);
        Self { terminal, first: endpoint(), endpoint: endpoint() }
    }

    /// The program with a model of an endpoint, whose vectors are as long as the bundled model's.
    fn command(&self, model: &str, arguments: &[&str]) -> Command {
        let endpoint = if model == "first" { &self.first } else { &self.endpoint };
        let mut command = self.terminal.command(DOCENT);
        command.args(arguments).envs([
            ("DOCENT_EMBEDDER", "openai"),
            ("OPENAI_API_KEY", "sk-test"),
            ("OPENAI_BASE_URL", &endpoint.url()),
            ("OPENAI_EMBEDDING_MODEL", model),
            ("DOCENT_OPENAI_EMBEDDING_DIMENSION", "384"),
        ]);
        command
    }

    fn docent(&self, model: &str, arguments: &[&str]) -> Ran {
        self.terminal.finish(&mut self.command(model, arguments))
    }

    /// Starts to give the collection another model, and returns when that is asked for the vectors of its `calls + 1`st batch.
    fn held(&self, model: &str, calls: usize) -> Child {
        self.endpoint.let_embeddings_pass(Some(calls));
        let child = self.command(model, &["reembed", "--json"]).spawn().expect("started");
        self.endpoint.wait_for_a_held_call();
        child
    }

    fn model(&self) -> Value {
        let collections = self.terminal.docent(&["collections", "--json"]).json_lines();
        collections[0]["embedding_model"].clone()
    }
}

fn finished(child: Child) -> (Option<i32>, Vec<Value>, String) {
    let output = child.wait_with_output().expect("ended");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (output.status.code(), lines, String::from_utf8(output.stderr).expect("UTF-8"))
}

fn id(terminal: &Terminal, name: &str) -> String {
    let documents = terminal.docent(&["documents", "--json"]).json_lines();
    let found = documents.iter().find(|one| one["filename"] == name).expect("there");
    found["id"].as_str().expect("an id").to_owned()
}

/// From the bundled model to one behind an endpoint, and back.
#[test]
fn another_model_and_back() {
    let desk = Desk::new();
    desk.terminal.write("leave.md", LEAVE);
    desk.terminal.write("travel.md", TRAVEL);
    desk.terminal.docent(&["ingest", "leave.md", "travel.md"]).succeeded();
    snapshot!(desk.docent("stub", &["search", "leave"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: collection `default` was made with the embedding model local/all-MiniLM-L6-v2-q8

    hint: configure that model instead of openai/stub, or make the collection anew with this one: docent reembed --collection default
    ");
    snapshot!(desk.docent("stub", &["reembed"]), @r"
    exit 0
    --- stdout
    collection default answers with openai/stub now: 2 documents, 2 chunks, 2 texts embedded, gen_[ID]
    the edition made with local/all-MiniLM-L6-v2-q8 is kept: --back goes back to it, --forget-previous removes it
    --- stderr
    ");
    snapshot!(desk.docent("stub", &["reembed"]), @r"
    exit 0
    --- stdout
    nothing to do in collection default: it was made with openai/stub and the configured chunks
    --- stderr
    ");
    assert!(desk.docent("stub", &["search", "annual leave"]).succeeded().contains("25 days"));
    let ran = desk.terminal.docent(&["search", "leave"]);
    assert_eq!(ran.status, Some(2), "{}", ran.transcript());
    assert!(ran.stderr.contains("docent reembed --collection default"), "{}", ran.transcript());

    // The old edition is text, too: deletes reach it, and the proof looks into it.
    let leave = id(&desk.terminal, "leave.md");
    let verify = ["verify-deleted", &leave, "--text", WORDS];
    let ran = desk.terminal.docent(&verify);
    assert!(ran.status == Some(1) && ran.stdout.contains("(previous edition)  3 living"), "{}", ran.transcript());
    let receipt = desk.docent("stub", &["delete", "leave.md", "--json"]).json();
    assert_eq!(receipt["rewritten"].as_array().expect("segments").len(), 2, "{receipt}");
    assert_eq!(desk.terminal.docent(&verify).succeeded().matches("     gone").count(), 2);

    snapshot!(desk.terminal.docent(&["reembed", "--back"]), @r"
    exit 0
    --- stdout
    collection default answers with local/all-MiniLM-L6-v2-q8 now: 1 document, 1 chunk, 0 texts embedded, gen_[ID]
    the edition made with openai/stub is kept: --back goes back to it, --forget-previous removes it
    --- stderr
    ");
    assert!(desk.terminal.docent(&["search", "hotel"]).succeeded().contains("CHF 265"));
    assert!(!desk.terminal.docent(&["search", "leave", "--mode", "bm25"]).succeeded().contains("25 days"));
    assert!(desk.docent("stub", &["reembed", "--forget-previous"]).succeeded().contains("removed"));
    snapshot!(desk.terminal.docent(&["reembed", "--forget-previous"]), @r"
    exit 0
    --- stdout
    nothing to do in collection default: no other edition of it is kept
    --- stderr
    ");
    snapshot!(desk.terminal.docent(&["reembed", "--back"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: no other edition of collection `default` is kept

    hint: configure the model that is wanted, then make it anew: docent reembed
    ");
}

/// Three documents of 600 chunks, which go in two batches of at least 1,024 chunks or what is left, asked for in 5 and 3 calls.
fn thick() -> Desk {
    let desk = Desk::new();
    for name in ["a", "b", "c"] {
        let rule = |n: usize| format!("Rule {name}{n}: the otter of ward {n} eats {n} fish.\n\n");
        desk.terminal.write(&format!("thick/{name}.txt"), (100..700).map(rule).collect::<String>());
    }
    let summary = desk.docent("first", &["ingest", "thick", "--json"]).json_lines();
    assert_eq!(summary.last().expect("a summary")["chunks"], 1_800, "{summary:?}");
    desk
}

#[test]
fn killed_in_the_middle_the_old_edition_answers_and_the_next_run_goes_on() {
    let desk = thick();
    let mut child = desk.held("second", 6);
    child.kill().expect("killed");
    child.wait().expect("ended");
    desk.endpoint.let_embeddings_pass(None);
    assert_eq!(desk.model(), "openai/first");
    assert!(desk.docent("first", &["search", "otter of ward 107"]).succeeded().contains("otter of ward 107"));
    assert!(desk.endpoint.texts_embedded() >= 1_200, "it had come to the second batch");

    let lines = desk.docent("second", &["reembed", "--json"]).json_lines();
    let summary = lines.last().expect("a summary");
    assert_eq!((&summary["type"], &summary["switched"]), (&"summary".into(), &true.into()), "{summary}");
    assert_eq!((&summary["chunks"], &summary["embedded"]), (&1_800.into(), &600.into()), "{summary}");
    assert_eq!(lines.len(), 2, "the document that was missing, and the summary");
    assert_eq!(desk.model(), "openai/second");
    assert!(desk.docent("second", &["search", "otter of ward 107"]).succeeded().contains("otter of ward 107"));
}

#[test]
fn interrupted_the_old_edition_answers_and_what_comes_meanwhile_is_not_lost() {
    let desk = thick();
    let child = desk.held("second", 6);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("run").success());
    let (status, lines, says) = finished(child);
    assert_eq!((status, lines.len()), (Some(130), 2), "two documents are there: {says}");
    assert!(says.contains("answers as before"), "{says}");
    desk.endpoint.let_embeddings_pass(None);
    assert_eq!(desk.model(), "openai/first");

    // Another run, and while it embeds the rest a document comes and one goes.
    let child = desk.held("second", 0);
    let ran = desk.docent("second", &["reembed"]);
    assert!(ran.status == Some(1) && ran.stderr.contains("`docent reembed` is at work"), "{}", ran.transcript());
    desk.terminal.write("new.txt", "Rule d1: the badger of ward 1 sleeps.");
    desk.docent("first", &["ingest", "new.txt"]).succeeded();
    desk.docent("first", &["delete", "thick/a.txt"]).succeeded();
    desk.endpoint.let_embeddings_pass(None);
    let (status, lines, says) = finished(child);
    assert_eq!(status, Some(0), "{says}");
    let summary = lines.last().expect("a summary");
    assert_eq!(summary["documents"], 3, "{summary}");
    let names = desk.docent("second", &["documents"]);
    assert!(names.succeeded().contains("new.txt") && !names.stdout.contains("thick/a.txt"), "{}", names.transcript());
}

#[test]
fn a_running_server_and_published_generations() {
    let desk = Desk::new();
    desk.terminal.write("leave.md", LEAVE);
    desk.docent("first", &["ingest", "leave.md"]).succeeded();
    let place = format!("file://{}", desk.terminal.path("store").display());
    desk.docent("first", &["publish", &place]).succeeded();

    let old = Server::start_command(desk.command("first", &["serve", "--listen", "127.0.0.1:0"]));
    let new = Server::start_command(desk.command("second", &["serve", "--listen", "127.0.0.1:0"]));
    let status = |server: &Server| {
        let body = json!({"query": "annual leave"});
        post(&server.address, "/v1/search", &body).expect("answered").status
    };
    assert_eq!((status(&old), status(&new)), (200, 400));
    desk.docent("second", &["reembed", "--all"]).succeeded();
    assert_eq!((status(&old), status(&new)), (400, 200), "both have noticed");

    let published = |model: &str| desk.docent(model, &["search", "annual leave", "--index", &place]);
    assert!(published("first").succeeded().contains("25 days"), "until it is published, nothing changes there");
    let refused = desk.docent("second", &["reembed", "--index", &place]);
    assert!(refused.status == Some(2) && refused.stderr.contains("docent publish"), "{}", refused.transcript());
    desk.docent("second", &["publish", &place]).succeeded();
    assert!(published("second").succeeded().contains("25 days"));
    assert!(published("first").stderr.contains("was made with the embedding model openai/second"));
    let first = desk.docent("second", &["generations", "list", "--index", &place, "--json"]).json_lines();
    assert_eq!(first.len(), 2);
    let generation = first[1]["generation"].as_str().expect("a name");
    desk.docent("second", &["generations", "rollback", generation, "--index", &place]).succeeded();
    assert!(published("first").succeeded().contains("25 days"));
}

#[test]
fn elsewhere_it_says_what_to_do_instead() {
    let terminal = Terminal::new().with("CHROMA_URL", "http://127.0.0.1:9");
    snapshot!(terminal.docent(&["reembed"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: a collection at the Chroma server http://[ADDRESS] cannot be made anew beside itself

    hint: ingest into a new collection with the new model, name it in DOCENT_COLLECTION, then delete the old one
    ");
}
